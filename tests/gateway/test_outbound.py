"""HTTP out, against real servers on the loopback: what is sent, and what each way to fail becomes."""

from __future__ import annotations

import asyncio
import gzip
import logging
import socket
from collections.abc import AsyncIterator
from datetime import UTC, datetime

import pytest
from aiohttp import web

from gateway import outbound
from gateway.outbound import MAX_ANSWER, OutboundClient, retry_after_s
from gateway.ports.errors import OutcomeUnknown, Rejected, RetryLater
from gateway.ports.http import HttpClient, HttpResponse
from gateway.testing.clock import FakeClock
from tests.harness.wire import Serve, serve_tls, servers, wire

SECRET = "123456:AAsecretsecretsecretsecretsecretsec"  # as it stands in a Bot API URL


@pytest.fixture
async def client(clock: FakeClock) -> AsyncIterator[HttpClient]:
    async with OutboundClient(clock) as client:
        yield client


@pytest.fixture
async def serve() -> AsyncIterator[Serve]:
    async with servers() as start:
        yield start


class TestRequest:
    async def test_exactly_what_was_asked_goes_out(self, client: HttpClient, serve: Serve) -> None:
        seen: list[tuple[str, str, bytes, dict[str, str]]] = []

        async def handler(request: web.Request) -> web.Response:
            seen.append((request.method, request.path_qs, await request.read(), dict(request.headers)))
            return web.Response(status=201, body=b"\x00\xff", headers={"X-Vendor-Id": "A", "Content-Type": "a/b"})

        server = await serve(handler)
        answer = await client.request(
            "POST", f"{server.make_url('/a%2Fb')}?q=%C8%99", headers={"X-Key": "k"}, body=b"{}", submits=True
        )
        assert answer.status == 201
        assert answer.body == b"\x00\xff"
        assert answer.headers["x-vendor-id"] == "A"
        ((method, path, body, headers),) = seen
        assert (method, path, body) == ("POST", "/a%2Fb?q=%C8%99", b"{}")
        assert headers == {
            "Host": f"127.0.0.1:{server.port}",
            "X-Key": "k",
            "User-Agent": "achit",
            "Accept": "*/*",
            "Content-Length": "2",
        }

    async def test_doubled_headers_are_joined_and_lower_case(self, client: HttpClient) -> None:
        async with wire(b"HTTP/1.1 200 OK\r\nX-A: 1\r\nx-a: 2\r\nContent-Length: 0\r\n\r\n") as url:
            assert (await client.request("GET", url, submits=False)).headers["x-a"] == "1, 2"

    async def test_redirects_are_answers(self, client: HttpClient, serve: Serve) -> None:
        calls = []

        async def handler(request: web.Request) -> web.Response:
            calls.append(request.path)
            return web.Response(status=307, headers={"Location": "/elsewhere"})

        server = await serve(handler)
        answer = await client.request("POST", str(server.make_url("/here")), body=b"x", submits=True)
        assert (answer.status, answer.headers["location"], calls) == (307, "/elsewhere", ["/here"])

    async def test_cookies_are_not_kept(self, client: HttpClient, serve: Serve) -> None:
        cookies = []

        async def handler(request: web.Request) -> web.Response:
            cookies.append(request.headers.get("Cookie"))
            return web.Response(headers={"Set-Cookie": "session=1; Path=/"})

        url = str((await serve(handler)).make_url("/"))
        for _ in range(2):
            await client.request("GET", url, submits=False)
        assert cookies == [None, None]

    async def test_the_environments_proxy_is_not_used(
        self, client: HttpClient, serve: Serve, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        for name in ("http_proxy", "HTTP_PROXY", "all_proxy"):
            monkeypatch.setenv(name, "http://127.0.0.1:9/")

        async def handler(request: web.Request) -> web.Response:
            return web.Response(text="direct")

        url = str((await serve(handler)).make_url("/"))
        assert (await client.request("GET", url, submits=False)).body == b"direct"

    async def test_one_connection_serves_many_calls(self, client: HttpClient, serve: Serve) -> None:
        peers = set()

        async def handler(request: web.Request) -> web.Response:
            peers.add(request.transport and request.transport.get_extra_info("peername"))
            return web.Response(body=await request.read())

        url = str((await serve(handler)).make_url("/"))
        for _ in range(20):
            await client.request("POST", url, body=b"x", submits=True)
        assert len(peers) == 1

    @pytest.mark.parametrize("submits", [True, False])
    @pytest.mark.parametrize("status", [200, 204, 302, 400, 401, 404, 409, 410, 422, 500, 501, 505])
    async def test_other_statuses_are_the_adapters_to_read(
        self, client: HttpClient, serve: Serve, status: int, submits: bool
    ) -> None:
        async def handler(request: web.Request) -> web.Response:
            return web.Response(status=status)

        url = str((await serve(handler)).make_url("/"))
        assert (await client.request("POST", url, submits=submits)).status == status


class TestFailures:
    @pytest.mark.parametrize(
        ("status", "submits"), [(429, True), (429, False), (503, True), (503, False), (502, False), (504, False)]
    )
    @pytest.mark.parametrize(
        ("header", "after_s"), [("17", 17.0), (None, None), ("soon", None), ("Mon, 23 Nov 2026 09:02:00 GMT", 120.0)]
    )
    async def test_a_busy_vendor_is_retried_when_it_wishes(
        self, client: HttpClient, status: int, submits: bool, header: str | None, after_s: float | None
    ) -> None:
        wish = f"Retry-After: {header}\r\n" if header else ""
        async with wire(f"HTTP/1.1 {status} Busy\r\n{wish}Content-Length: 6\r\n\r\nsecret".encode()) as url:
            with pytest.raises(RetryLater) as caught:
                await client.request("POST", url, submits=submits)
        assert caught.value.after_s == after_s
        assert str(caught.value) == f"127.0.0.1 answered {status}"

    @pytest.mark.parametrize("status", [502, 504])
    async def test_a_proxys_word_leaves_a_submission_unknown(self, client: HttpClient, status: int) -> None:
        async with wire(f"HTTP/1.1 {status} Gateway\r\nContent-Length: 0\r\n\r\n".encode()) as url:
            with pytest.raises(OutcomeUnknown):
                await client.request("POST", url, submits=True)

    @pytest.mark.parametrize("submits", [True, False])
    async def test_no_connection_means_nothing_was_done(
        self, client: HttpClient, dead_port: int, submits: bool
    ) -> None:
        with pytest.raises(RetryLater, match=r"no connection to 127\.0\.0\.1"):
            await client.request("POST", f"http://127.0.0.1:{dead_port}/", submits=submits)

    @pytest.mark.parametrize("submits", [True, False])
    async def test_an_unknown_host_means_nothing_was_done(self, client: HttpClient, submits: bool) -> None:
        with pytest.raises(RetryLater, match=r"no connection to vendor\.invalid"):
            await client.request("POST", "http://vendor.invalid/", submits=submits)

    @pytest.mark.parametrize("submits", [True, False])
    async def test_a_handshake_that_never_ends_means_nothing_was_done(
        self, client: HttpClient, submits: bool, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(outbound, "_CONNECT_SHARE", 0.005)
        with socket.create_server(("127.0.0.1", 0)) as silent:  # accepts, and never speaks TLS
            url = f"https://127.0.0.1:{silent.getsockname()[1]}/"
            with pytest.raises(RetryLater, match="in time"):
                await client.request("POST", url, submits=submits, timeout_s=40)

    @pytest.mark.parametrize("submits", [True, False])
    async def test_an_untrusted_certificate_means_nothing_was_done(self, client: HttpClient, submits: bool) -> None:
        async with serve_tls("127.0.0.1") as (port, _):
            with pytest.raises(RetryLater, match="Certificate"):
                await client.request("POST", f"https://127.0.0.1:{port}/", submits=submits)

    async def test_a_certificate_of_another_host_means_nothing_was_done(self, clock: FakeClock) -> None:
        async with serve_tls("other.example.com") as (port, trusting), OutboundClient(clock, tls=trusting) as client:
            with pytest.raises(RetryLater, match="Certificate"):
                await client.request("POST", f"https://127.0.0.1:{port}/", submits=True)

    @pytest.mark.parametrize(("submits", "error"), [(True, OutcomeUnknown), (False, RetryLater)])
    @pytest.mark.parametrize(
        "answer",
        [
            None,
            b"HTTP/1.1 200 OK\r\nContent-Le",
            b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf",
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhel",
            b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 4\r\n\r\nnope",
            b"\x16\x03\x01 this is no HTTP\r\n\r\n",
            b"HTTP/1.1 200 OK\r\nX: " + b"a" * 100_000 + b"\r\n\r\n",
        ],
        ids=["closed", "cut headers", "cut body", "cut chunk", "bad gzip", "no HTTP", "huge header"],
    )
    async def test_a_broken_answer_is_unknown_to_a_submission(
        self, client: HttpClient, answer: bytes | None, submits: bool, error: type[Exception]
    ) -> None:
        async with wire(answer) as url:
            with pytest.raises(error) as caught:
                await client.request("POST", url, submits=submits, body=b"payer's data")
        assert type(caught.value) is error

    @pytest.mark.parametrize(("submits", "error"), [(True, OutcomeUnknown), (False, RetryLater)])
    @pytest.mark.parametrize("answer", [None, b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf"])
    async def test_a_time_out_is_unknown_to_a_submission(
        self,
        client: HttpClient,
        answer: bytes | None,
        submits: bool,
        error: type[Exception],
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        monkeypatch.setattr(outbound, "_CONNECT_SHARE", 100.0)  # on a busy machine connecting may take its time
        async with wire(answer, close=False) as url:
            with pytest.raises(error, match=r"no answer from 127.0.0.1 in 0.2 s"):
                await client.request("POST", url, submits=submits, timeout_s=0.2)

    async def test_being_cancelled_stays_being_cancelled(self, client: HttpClient, serve: Serve) -> None:
        arrived, never = asyncio.Event(), asyncio.Event()

        async def handler(request: web.Request) -> web.Response:
            arrived.set()
            await never.wait()
            return web.Response()

        url = str((await serve(handler)).make_url("/"))
        task = asyncio.create_task(client.request("POST", url, submits=True))
        await arrived.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        never.set()

    @pytest.mark.parametrize(
        "url",
        [
            "",
            "no-url",
            "ftp://host/",
            "http://",
            "http://[::1/",
            "http://127.1/",
            "file:///etc",
            "http://a b/",
            "http://h:99999/",
        ],
    )
    async def test_a_malformed_url_is_rejected(self, client: HttpClient, url: str) -> None:
        with pytest.raises(Rejected) as caught:
            await client.request("GET", url, submits=False)
        assert caught.value.code == "invalid_url"

    @pytest.mark.parametrize("tail", ["a\r\nX-B: 2", "a\nX-B: 2", "a b", "?q=a\r\n\r\nGET /b", "ș", "a\x00b"])
    async def test_a_url_cannot_be_broken_into_two(self, client: HttpClient, serve: Serve, tail: str) -> None:
        seen = []

        async def handler(request: web.Request) -> web.Response:
            seen.append((request.method, request.headers.get("X-B"), request.raw_path))
            return web.Response()

        await client.request("GET", f"{(await serve(handler)).make_url('/')}{tail}", submits=False)
        ((method, header, path),) = seen
        assert (method, header) == ("GET", None)
        assert path.isascii()
        assert not set(path) & set(" \r\n\0")

    async def test_a_header_cannot_be_broken_into_two(self, client: HttpClient) -> None:
        async with wire(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n") as url:
            with pytest.raises(Rejected) as caught:
                await client.request("GET", url, headers={"X-A": "1\r\nX-B: 2"}, submits=True)
        assert caught.value.code == "invalid_request"


class TestAnswerLimit:
    async def test_four_mebibytes_arrive_whole(self, client: HttpClient, serve: Serve) -> None:
        async def handler(request: web.Request) -> web.Response:
            return web.Response(body=b"x" * MAX_ANSWER)

        url = str((await serve(handler)).make_url("/"))
        assert len((await client.request("GET", url, submits=False)).body) == MAX_ANSWER

    @pytest.mark.parametrize(("submits", "error"), [(True, OutcomeUnknown), (False, Rejected)])
    @pytest.mark.parametrize("packed", [False, True])
    async def test_a_byte_more_is_refused_also_when_it_was_packed(
        self, client: HttpClient, serve: Serve, submits: bool, error: type[Exception], packed: bool
    ) -> None:
        async def handler(request: web.Request) -> web.Response:
            content = b"x" * (MAX_ANSWER + 1)
            headers = {"Content-Encoding": "gzip"} if packed else {}
            return web.Response(body=gzip.compress(content) if packed else content, headers=headers)

        url = str((await serve(handler)).make_url("/"))
        with pytest.raises(error, match="more than 4194304 bytes"):
            await client.request("GET", url, submits=submits)


class TestNothingLeaks:
    @pytest.mark.parametrize(
        "answer", [None, b"HTTP/1.1 503 No\r\nContent-Length: 0\r\n\r\n", b"nonsense " + SECRET.encode() + b"\r\n\r\n"]
    )
    async def test_no_error_and_no_log_line_holds_url_header_or_body(
        self, client: HttpClient, answer: bytes | None, caplog: pytest.LogCaptureFixture
    ) -> None:
        caplog.set_level(logging.DEBUG)
        async with wire(answer) as host:
            url = f"{host}/bot{SECRET}/send?{SECRET}"
            with pytest.raises((OutcomeUnknown, RetryLater)) as caught:
                await client.request("POST", url, headers={"Authorization": SECRET}, body=SECRET.encode(), submits=True)
        error: BaseException | None = caught.value
        while error is not None:
            assert SECRET not in f"{error} {error!r}"
            assert error.__suppress_context__ or error.__context__ is None
            error = error.__cause__
        assert SECRET not in caplog.text


class TestRetryAfter:
    NOW = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)

    @pytest.mark.parametrize(
        ("headers", "seconds"),
        [
            ({}, None),
            ({"retry-after": "0"}, 0.0),
            ({"retry-after": " 120 "}, 120.0),
            ({"retry-after": "9" * 400}, 9999999999.0),
            ({"retry-after": "-5"}, None),
            ({"retry-after": "1.5"}, None),
            ({"retry-after": "²"}, None),
            ({"retry-after": "Mon, 23 Nov 2026 09:01:30 GMT"}, 90.0),
            ({"retry-after": "Monday, 23-Nov-26 09:01:30 GMT"}, 90.0),
            ({"retry-after": "Mon Nov 23 09:01:30 2026"}, 90.0),
            ({"retry-after": "Mon, 23 Nov 2026 08:00:00 GMT"}, 0.0),
            ({"retry-after": "Mon, 23 Nov 2026 09:01:30 GMT", "date": "Mon, 23 Nov 2026 09:01:00 GMT"}, 30.0),
            ({"retry-after": "Mon, 23 Nov 2026 09:01:30 GMT", "date": "yesterday"}, 90.0),
            ({"retry-after": "Mon, 99 Nov 2026 09:01:30 GMT"}, None),
            ({"retry-after": "tomorrow"}, None),
        ],
    )
    def test_seconds_and_dates(self, headers: dict[str, str], seconds: float | None) -> None:
        assert retry_after_s(HttpResponse(429, headers, b""), self.NOW) == seconds

"""HTTP out, against real servers on the loopback: what is sent, and what each way to fail becomes."""

from __future__ import annotations

import asyncio
import contextlib
import gzip
import logging
import socket
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime

import pytest
import trustme
from aiohttp import web
from aiohttp.abc import AbstractResolver, ResolveResult
from aiohttp.test_utils import TestServer

from gateway.guard import AddressPolicy
from gateway.outbound import MAX_ANSWER, MAX_PUSH_ANSWER, OutboundClient, PushClient, retry_after_s
from gateway.ports.errors import OutcomeUnknown, Rejected, RetryLater
from gateway.ports.http import HttpClient, HttpResponse
from gateway.testing.clock import FakeClock

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
Serve = Callable[[Handler], Awaitable[TestServer]]
SECRET = "123456:AAsecretsecretsecretsecretsecretsec"  # as it stands in a Bot API URL
LOOPBACK = AddressPolicy.parse(["127.0.0.1", "::1"])


@pytest.fixture
async def client(clock: FakeClock) -> AsyncIterator[HttpClient]:
    async with OutboundClient(clock) as client:
        yield client


@pytest.fixture
async def pushes() -> AsyncIterator[PushClient]:
    async with PushClient(LOOPBACK) as client:
        yield client


@pytest.fixture
async def serve() -> AsyncIterator[Serve]:
    """Starts a server with one handler for every path."""
    async with contextlib.AsyncExitStack() as stack:

        async def start(handler: Handler) -> TestServer:
            app = web.Application(client_max_size=64 * 1024 * 1024)
            app.router.add_route("*", "/{path:.*}", handler)
            return await stack.enter_async_context(TestServer(app))

        yield start


@contextlib.asynccontextmanager
async def wire(answer: bytes | None, *, close: bool = True) -> AsyncIterator[str]:
    """A server that reads one request and writes exactly these bytes; None closes at once, `close=False` then hangs."""
    over = asyncio.Event()
    served: list[asyncio.Task[None] | None] = []

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        served.append(asyncio.current_task())
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
            await reader.readuntil(b"\r\n\r\n")
            writer.write(answer or b"")
            await writer.drain()
            if not close:
                await over.wait()
        with contextlib.suppress(ConnectionError):
            writer.close()
            await writer.wait_closed()

    server = await asyncio.start_server(handle, "127.0.0.1", 0)
    try:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/bot{SECRET}/send?{SECRET}"
    finally:
        over.set()
        server.close()
        await asyncio.gather(*filter(None, served))


@contextlib.asynccontextmanager
async def serve_tls(name: str) -> AsyncIterator[tuple[int, ssl.SSLContext]]:
    """An HTTPS server for this name that answers `https`: its port, and the only context that trusts it."""
    authority = trustme.CA()
    serving, trusting = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER), ssl.create_default_context()
    authority.issue_cert(name).configure_cert(serving)
    authority.configure_trust(trusting)

    async def handler(request: web.Request) -> web.Response:
        return web.Response(text=request.scheme)

    app = web.Application()
    app.router.add_post("/", handler)
    runner = web.AppRunner(app)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0, ssl_context=serving).start()
        yield runner.addresses[0][1], trusting
    finally:
        await runner.cleanup()


class Names(AbstractResolver):
    """A name server under test: each question takes the next answer, the last one stays."""

    def __init__(self, *answers: list[str] | OSError) -> None:
        self.answers = list(answers)
        self.asked: list[str] = []

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        self.asked.append(host)
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, OSError):
            raise answer
        return [
            ResolveResult(
                hostname=host,
                host=address,
                port=port,
                family=socket.AF_INET6 if ":" in address else socket.AF_INET,
                proto=0,
                flags=socket.AI_NUMERICHOST,
            )
            for address in answer
        ]

    async def close(self) -> None:
        pass


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
    @pytest.mark.parametrize("submits", [True, False])
    @pytest.mark.parametrize("status", [429, 502, 503, 504])
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

    @pytest.mark.parametrize("submits", [True, False])
    async def test_no_connection_means_nothing_was_done(
        self, client: HttpClient, free_port: Callable[[], int], submits: bool
    ) -> None:
        with pytest.raises(RetryLater, match=r"no connection to 127\.0\.0\.1"):
            await client.request("POST", f"http://127.0.0.1:{free_port()}/", submits=submits)

    @pytest.mark.parametrize("submits", [True, False])
    async def test_an_unknown_host_means_nothing_was_done(self, client: HttpClient, submits: bool) -> None:
        with pytest.raises(RetryLater, match=r"no connection to vendor\.invalid"):
            await client.request("POST", "http://vendor.invalid/", submits=submits)

    @pytest.mark.parametrize("submits", [True, False])
    async def test_a_handshake_that_never_ends_means_nothing_was_done(self, client: HttpClient, submits: bool) -> None:
        with socket.create_server(("127.0.0.1", 0)) as silent:  # accepts, and never speaks TLS
            url = f"https://127.0.0.1:{silent.getsockname()[1]}/"
            with pytest.raises(RetryLater, match="in time"):
                await client.request("POST", url, submits=submits, timeout_s=0.2)

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
        self, client: HttpClient, answer: bytes | None, submits: bool, error: type[Exception]
    ) -> None:
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
        "url", ["", "no-url", "ftp://host/", "http://", "http://[::1/", "http://127.1/", "file:///etc"]
    )
    async def test_a_malformed_url_is_rejected(self, client: HttpClient, url: str) -> None:
        with pytest.raises(Rejected) as caught:
            await client.request("GET", url, submits=False)
        assert caught.value.code == "invalid_url"

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
        async with wire(answer) as url:
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


class TestPush:
    @pytest.mark.parametrize("status", [200, 204, 301, 307, 400, 410, 429, 500, 502, 503, 504])
    async def test_every_status_is_an_answer(self, pushes: PushClient, serve: Serve, status: int) -> None:
        calls = []

        async def handler(request: web.Request) -> web.Response:
            calls.append((request.path, await request.read(), request.headers.get("webhook-id")))
            return web.Response(status=status, headers={"Location": "http://169.254.169.254/", "Retry-After": "7"})

        url = str((await serve(handler)).make_url("/hook"))
        answer = await pushes.post(url, headers={"webhook-id": "evt_1"}, body=b"{}")
        assert answer.status == status
        assert retry_after_s(answer, datetime.now(UTC)) == 7.0
        assert calls == [("/hook", b"{}", "evt_1")]

    async def test_of_a_long_answer_only_the_beginning_is_kept(self, pushes: PushClient, serve: Serve) -> None:
        async def handler(request: web.Request) -> web.Response:
            return web.Response(body=b"x" * (8 * 1024 * 1024))

        url = str((await serve(handler)).make_url("/"))
        for _ in range(2):
            answer = await pushes.post(url, headers={}, body=b"{}")
            assert (answer.status, answer.body) == (200, b"x" * MAX_PUSH_ANSWER)

    async def test_the_ways_to_fail_are_told_apart(self, pushes: PushClient, free_port: Callable[[], int]) -> None:
        with pytest.raises(RetryLater):
            await pushes.post(f"http://127.0.0.1:{free_port()}/", headers={}, body=b"{}")
        async with wire(None) as url:
            with pytest.raises(OutcomeUnknown):
                await pushes.post(url, headers={}, body=b"{}")
        async with wire(None, close=False) as url:
            with pytest.raises(OutcomeUnknown, match=r"in 0.2 s"):
                await pushes.post(url, headers={}, body=b"{}", timeout_s=0.2)


class TestGuard:
    @pytest.mark.parametrize(
        "host",
        [
            "127.0.0.1",
            "127.8.8.8",
            "10.0.0.1",
            "172.16.0.1",
            "192.168.0.1",
            "100.64.0.1",
            "169.254.169.254",
            "0.0.0.0",
            "224.0.0.1",
            "255.255.255.255",
            "[::1]",
            "[::]",
            "[::ffff:127.0.0.1]",
            "[::ffff:7f00:1]",
            "[64:ff9b::127.0.0.1]",
            "[64:ff9b::a9fe:a9fe]",
            "[2002:7f00:1::]",
            "[2001::1]",
            "[fe80::1]",
            "[fd00::1]",
            "[ff02::1]",
            "localhost",
            "LOCALHOST",
        ],
    )
    async def test_no_address_inside_is_ever_connected_to(self, host: str) -> None:
        touched = []

        async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            touched.append(host)
            writer.close()

        server = await asyncio.start_server(handle, "127.0.0.1", 0)
        url = f"https://{host}:{server.sockets[0].getsockname()[1]}/"
        async with server, PushClient(AddressPolicy()) as pushes:
            for call in (pushes.post(url, headers={}, body=b"{}"), pushes.vet(url)):
                with pytest.raises(Rejected) as caught:
                    await call
                assert caught.value.code == "forbidden_address"
        assert touched == []

    @pytest.mark.parametrize("host", ["2130706433", "0x7f000001", "0177.0.0.1", "127.1", "0"])
    async def test_other_spellings_of_the_loopback_lead_nowhere(self, host: str) -> None:
        async with PushClient(AddressPolicy()) as pushes:
            with pytest.raises(Rejected) as caught:
                await pushes.post(f"https://{host}/", headers={}, body=b"{}")
        assert caught.value.code in ("forbidden_address", "invalid_url")

    async def test_a_name_that_changes_its_answer_gains_nothing(self, serve: Serve) -> None:
        touched = []

        async def handler(request: web.Request) -> web.Response:
            touched.append(request.path)
            return web.Response()

        server = await serve(handler)
        url = f"https://rebind.example.com:{server.port}/"
        names = Names(["93.184.216.34"], ["127.0.0.1"])
        async with PushClient(AddressPolicy(), resolver=lambda: names) as pushes:
            await pushes.vet(url)  # the first answer is public: the endpoint was created
            with pytest.raises(Rejected) as caught:
                await pushes.post(url, headers={}, body=b"{}")
        assert caught.value.code == "forbidden_address"
        assert names.asked == ["rebind.example.com"] * 2
        assert touched == []

    @pytest.mark.parametrize(
        "answer", [["93.184.216.34", "127.0.0.1"], ["::ffff:10.0.0.1"], ["fd00::1", "2606:4700::1"], ["fe80::1"]]
    )
    async def test_one_forbidden_address_among_the_answers_is_enough(self, answer: list[str]) -> None:
        async with PushClient(AddressPolicy(), resolver=lambda: Names(answer)) as pushes:
            with pytest.raises(Rejected) as caught:
                await pushes.post("https://erp.example.com/", headers={}, body=b"{}")
        assert caught.value.code == "forbidden_address"

    async def test_a_listed_host_is_reached_and_lends_its_connection_to_nobody(self, serve: Serve) -> None:
        async def handler(request: web.Request) -> web.Response:
            return web.Response(text=request.host)

        server = await serve(handler)
        policy = AddressPolicy.parse(["erp.example.internal"])
        async with PushClient(policy, resolver=lambda: Names(["127.0.0.1"])) as pushes:
            answer = await pushes.post(f"http://erp.example.internal:{server.port}/", headers={}, body=b"{}")
            assert answer.body == f"erp.example.internal:{server.port}".encode()
            with pytest.raises(Rejected) as caught:
                await pushes.post(f"https://evil.example.com:{server.port}/", headers={}, body=b"{}")
            assert caught.value.code == "forbidden_address"

    async def test_plain_http_is_for_the_allow_list_only(self, serve: Serve) -> None:
        async with PushClient(AddressPolicy()) as pushes:
            with pytest.raises(Rejected) as caught:
                await pushes.post("http://erp.example.com/", headers={}, body=b"{}")
            assert caught.value.code == "https_required"
        async with PushClient(LOOPBACK, resolver=lambda: Names(["93.184.216.34"])) as pushes:
            for call in (pushes.post("http://erp.example.com/", headers={}, body=b"{}"), pushes.vet("http://e.ro/")):
                with pytest.raises(Rejected) as caught:
                    await call
                assert caught.value.code == "https_required"

    @pytest.mark.parametrize(
        "url", ["https://user:pass@erp.example.com/", "https://user@e.ro/", "ftp://e.ro/", "//e.ro"]
    )
    async def test_urls_that_are_no_endpoint(self, pushes: PushClient, url: str) -> None:
        for call in (pushes.post(url, headers={}, body=b"{}"), pushes.vet(url)):
            with pytest.raises(Rejected) as caught:
                await call
            assert caught.value.code == "invalid_url"
            assert "pass" not in str(caught.value)

    async def test_a_name_without_an_address_may_be_an_endpoint_and_is_tried_again(self) -> None:
        names = Names(socket.gaierror(socket.EAI_NONAME, "unknown"))
        async with PushClient(AddressPolicy(), resolver=lambda: names) as pushes:
            await pushes.vet("https://soon.example.com/")
            with pytest.raises(RetryLater):
                await pushes.post("https://soon.example.com/", headers={}, body=b"{}")

    async def test_an_on_premise_certificate_authority_can_be_trusted(self) -> None:
        policy = AddressPolicy.parse(["127.0.0.0/8"])
        async with (
            serve_tls("erp.example.internal") as (port, trusting),
            PushClient(policy, resolver=lambda: Names(["127.0.0.1"]), tls=trusting) as pushes,
        ):
            answer = await pushes.post(f"https://erp.example.internal:{port}/", headers={}, body=b"{}")
        assert answer.body == b"https"

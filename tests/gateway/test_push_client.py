"""Pushes to addresses that billers chose: every answer is told, nothing inside the operator's network is reached."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from datetime import UTC, datetime

import pytest
from aiohttp import web

from gateway import outbound
from gateway.guard import AddressPolicy
from gateway.outbound import MAX_PUSH_ANSWER, PushClient, retry_after_s
from gateway.ports.errors import OutcomeUnknown, Rejected, RetryLater
from tests.harness.wire import Names, Serve, serve_tls, servers, wire

LOOPBACK = AddressPolicy.parse(["127.0.0.1", "::1"])


@pytest.fixture
async def pushes() -> AsyncIterator[PushClient]:
    async with PushClient(LOOPBACK) as client:
        yield client


@pytest.fixture
async def serve() -> AsyncIterator[Serve]:
    async with servers() as start:
        yield start


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

    @pytest.mark.parametrize("close", [True, False])
    @pytest.mark.parametrize(
        ("head", "begun"),
        [
            (b"Content-Length: 10\r\n\r\nhalf", b"half"),
            (b"Content-Length: 10\r\n\r\n", b""),
            (b"Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n9\r\n", b"hello"),
        ],
    )
    async def test_the_status_is_the_answer_also_when_its_body_never_ends(
        self, pushes: PushClient, head: bytes, begun: bytes, close: bool
    ) -> None:
        async with wire(b"HTTP/1.1 200 OK\r\n" + head, close=close) as url:
            answer = await pushes.post(url, headers={}, body=b"{}", timeout_s=1.0)
        assert (answer.status, answer.body) == (200, begun)

    async def test_the_ways_to_fail_are_told_apart(
        self, pushes: PushClient, dead_port: int, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(outbound, "_CONNECT_SHARE", 100.0)  # on a busy machine connecting may take its time
        with pytest.raises(RetryLater):
            await pushes.post(f"http://127.0.0.1:{dead_port}/", headers={}, body=b"{}")
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

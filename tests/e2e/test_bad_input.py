"""Whatever is thrown at a running server: a clear 4xx, nothing stored, nothing said in its log; and it goes on serving.

One server for the whole module, its log at DEBUG, beside journeys that go well. What the API says of bodies, field by
field, is in tests/gateway/api/test_bad_input.py.
"""

from __future__ import annotations

import asyncio
import json
import random
import re
from collections.abc import AsyncIterator
from urllib.parse import urlsplit

import orjson
import pytest
import pytest_asyncio

from gateway.demo.bank import Outcome
from tests.harness.attacked import (
    BANK,
    CARD,
    DEEP,
    HOOKS,
    Attacked,
    tells_nothing,
    under_attack,
    walk,
)
from tests.harness.journeys import Journey

pytestmark = [
    pytest.mark.asyncio(loop_scope="module"),
    pytest.mark.timeout(180),
]

BIG = b"x" * 10_000_000


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def attacked(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Attacked]:
    async with under_attack(tmp_path_factory.mktemp("attacked")) as server:
        yield server


class TestPages:
    async def test_what_is_not_a_link_is_404(self, attacked: Attacked) -> None:
        token = attacked.open.pay_url.rpartition("/")[2]
        paths = (
            "/p/", "/p", "/p/../../etc/passwd", "/p/%2e%2e/%2e%2e/etc/passwd", "/p/..%2f..%2fetc%2fpasswd", "/p/%00",
            f"/p/{token}%00", f"/p/{token}/", f"/p/{token}//live", f"/p/{token.swapcase()}", f"/p/{token[:-1]}",
            f"/p/{token}x", "/p/" + "A" * 6_000, "/p/%F0%9F%92%B8", "/p/%ff%fe%fd", "/p/\\..\\..\\x", "/p/'%20OR%201=1--",
            "/p/%7B%7B7*7%7D%7D", f"/p/{token}/icon.gif", f"/p/{token}/icon.svg.bak", f"/p/{token}/qr.", "/static/",
            "/static/..%2f..%2fpyproject.toml", "/static/%2e%2e/app.py", "/static/.env", "/brand/../logo", "/u/0",
            "/brand/%2e%2e/logo", "/u/" + token, "/.git/config", "/admin", "/metrics", "/healthz",
        )  # fmt: skip
        async with attacked.nothing_stored():
            for place, path in enumerate(paths):
                elsewhere = {"X-Forwarded-For": f"198.51.100.{place}"}
                status, _, said = await attacked.call("GET", path, headers=elsewhere)
                assert status == 404, path
                assert b"Traceback" not in said
                assert b"root:" not in said

    async def test_a_form_that_is_none_opens_no_payment(self, attacked: Attacked) -> None:
        path = urlsplit(attacked.open.pay_url).path + "/attempts"
        form = {"Content-Type": "application/x-www-form-urlencoded"}
        parts = {"Content-Type": "multipart/form-data; boundary=x"}
        forms: list[tuple[bytes, dict[str, str], set[int]]] = [
            (b"", form, {422}),
            (b"method=", form, {422}),
            (b"method=gold", form, {422}),
            (b"method=bank&amount=1.00&currency=RON", form, {409}),
            (b"method=bank&amount=NaN&currency=RON", form, {409}),
            (b"method=bank&amount=-107.02&currency=RON", form, {409}),
            (b"method=%00%ff", form, {422}),
            (b"\xff\xfe\x00", form, {400, 422}),
            (b"&" * 100_000, form, {400, 413, 422}),
            (b"{}", {"Content-Type": "application/json"}, {422}),
            (b"--x\r\nbroken", parts, {400, 422}),
            (b"--x\r\nContent-Disposition: form-data; name=method; filename=a\r\n\r\nbank\r\n--x--", parts, {422}),
            (b"method=bank", {"Content-Type": "text/plain"}, {422}),
            (BIG, form, {413}),
        ]
        async with attacked.nothing_stored():
            for body, headers, statuses in forms:
                status, _, _ = await attacked.call("POST", path, body, headers)
                assert status in statuses, body[:100]
            for method in ("PUT", "DELETE", "PATCH", "TRACE"):
                await attacked.refused(405, method, path)

    async def test_guesses_at_speed_are_429_and_an_honest_payer_elsewhere_sees_nothing_of_it(
        self, attacked: Attacked
    ) -> None:
        chance = random.Random(7)
        token = attacked.open.pay_url.rpartition("/")[2]
        letters = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
        guesses = [token[:7] + "".join(chance.choices(letters, k=11)) for _ in range(200)]
        guesser, honest = {"X-Forwarded-For": "203.0.113.9"}, {"X-Forwarded-For": "203.0.113.10"}

        async def ask(path: str, headers: dict[str, str]) -> tuple[int, str]:
            status, kind, _ = await attacked.call("GET", path, headers=headers)
            return status, kind

        async with attacked.nothing_stored():
            answers = [await ask(f"/p/{guess}", guesser) for guess in guesses]
            assert {status for status, _ in answers} == {404, 429}
            assert [status for status, _ in answers].count(404) <= 30
            assert {kind for status, kind in answers if status == 429} == {"application/problem+json"}
            right = f"/p/{token}"
            assert (await ask(right, guesser))[0] == 429  # it would learn by the difference
            assert (await ask(f"{right}/icon.svg", guesser))[0] == 429
            assert (await ask(right, honest))[0] == 200
            of_one_subscriber = [{"X-Forwarded-For": f"2001:db8:1:2::{n:x}"} for n in range(1, 60)]
            statuses = [(await ask(f"/p/{guesses[n]}", sender))[0] for n, sender in enumerate(of_one_subscriber)]
            assert statuses[-1] == 429
            lied = {"X-Forwarded-For": "203.0.113.10, 203.0.113.9"}  # what a client writes in front is not looked at
            assert (await ask(right, lied))[0] == 429


class TestWire:
    """Bytes as no HTTP client writes them."""

    async def test_what_is_no_http_is_400_and_the_connection_ends(self, attacked: Attacked) -> None:
        get = b"GET /docs HTTP/1.1\r\nHost: x\r\n"
        post = b"POST /hooks/providers/acme.bank HTTP/1.1\r\nHost: x\r\n"
        garbage = [
            b"\0" * 100 + b"\r\n\r\n",
            b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\xff" * 100 + b"\r\n\r\n",
            b"GET\r\n\r\n",
            b"GET / HTTP/9.9\r\n\r\n",
            b"GET /docs HTTP/1.1 HTTP/1.1\r\nHost: x\r\n\r\n",
            get + b"X" * 20_000 + b": 1\r\n\r\n",
            get + b"X: " + b"1" * 20_000 + b"\r\n\r\n",
            b"GET /" + b"a" * 20_000 + b" HTTP/1.1\r\nHost: x\r\n\r\n",
            get + b"".join(b"X-%d: 1\r\n" % n for n in range(2_000)) + b"\r\n",
            get + b"X: a\0b\r\n\r\n",
            get + b"X : 1\r\n\r\n",
            get + b" folded: 1\r\n\r\n",
            post + b"Content-Length: 5\r\nContent-Length: 6\r\n\r\nhello",
            post + b"Content-Length: -5\r\n\r\nhello",
            post + b"Content-Length: +5\r\n\r\nhello",
            post + b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
            post + b"Transfer-Encoding: chunked\r\n\r\nzz\r\nhello\r\n0\r\n\r\n",
            post + b"Transfer-Encoding: gzip\r\n\r\nhello",
        ]
        async with attacked.nothing_stored():
            for each in garbage:
                said = await attacked.raw(each)
                assert re.match(rb"HTTP/1\.[01] (400|401|413|414|431|501|505) ", said), (each[:80], said[:200])
                assert b"Traceback" not in said

    async def test_garbage_behind_a_good_request_spoils_only_itself(self, attacked: Attacked) -> None:
        parts = urlsplit(attacked.installation.url)
        good = b"GET /problems/nothing HTTP/1.1\r\nHost: x\r\n\r\n"
        reader, writer = await asyncio.open_connection(parts.hostname, parts.port)
        try:
            writer.write(good)
            assert (await reader.readuntil(b"}")).startswith(b"HTTP/1.1 404 ")
            writer.write(b"\0garbage\0\r\n\r\n" + good)
            said = await reader.read()
        finally:
            writer.close()
        assert re.findall(rb"HTTP/1\.[01] (\d+) ", said) == [b"400"]

    async def test_a_host_header_goes_nowhere(self, attacked: Attacked) -> None:
        path = urlsplit(attacked.open.pay_url).path
        said = await attacked.raw(f"GET {path} HTTP/1.1\r\nHost: evil.example\r\nConnection: close\r\n\r\n".encode())
        assert said.startswith(b"HTTP/1.1 200 ")
        assert b"evil.example" not in said

    async def test_an_unknown_expectation_is_417(self, attacked: Attacked) -> None:
        assert (await attacked.call("POST", BANK, b"{}", {"Expect": "a-miracle"}))[0] == 417

    @pytest.mark.parametrize("path", ["/v1/invoices", *HOOKS, "/p/{token}/attempts", "/u/{token}"])
    async def test_a_body_that_does_not_come_is_not_waited_for(self, attacked: Attacked, path: str) -> None:
        path = path.replace("{token}", attacked.open.pay_url.rpartition("/")[2])
        kind = "application/json" if path.startswith("/v1") else "application/x-www-form-urlencoded"
        head = (
            f"POST {path} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {attacked.key}\r\nContent-Length: 1000\r\n"
            f"Content-Type: {kind}\r\n\r\n"
        )
        async with attacked.nothing_stored():
            said = await attacked.raw(head.encode() + b'{"n', head=True)
            assert re.match(rb"HTTP/1.1 (408|404) ", said), said[:200]

    async def test_a_head_that_does_not_come_is_not_waited_for(self, attacked: Attacked) -> None:
        assert await attacked.raw(b"GET /docs HTTP/1.1\r\nHost: x\r\nX-Slow: ") == b""
        assert await attacked.raw() == b""

    async def test_five_hundred_slow_ones_do_not_keep_the_others_waiting(self, attacked: Attacked) -> None:
        parts = urlsplit(attacked.installation.url)
        slow = [await asyncio.open_connection(parts.hostname, parts.port) for _ in range(500)]
        try:
            for _, writer in slow:
                writer.write(b"POST /hooks/providers/acme.bank HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\nx")
            async with asyncio.timeout(30):
                assert (await attacked.call("GET", urlsplit(attacked.open.pay_url).path))[0] == 200
        finally:
            for _, writer in slow:
                writer.close()


class TestSizes:
    @pytest.mark.parametrize("path", ["/v1/invoices", *HOOKS, "/p/{token}/attempts"])
    async def test_ten_megabytes_are_413(self, attacked: Attacked, path: str) -> None:
        """But for mail, which may be as long as that and is then not proven."""
        path = path.replace("{token}", attacked.open.pay_url.rpartition("/")[2])
        async with attacked.nothing_stored():
            kind = "application/json" if path.startswith("/v1") else "application/x-www-form-urlencoded"
            headers = {"Authorization": f"Bearer {attacked.key}", "Content-Type": kind}
            status, kind, _ = await attacked.call("POST", path, BIG, headers)
            assert (status, kind) == (401 if path.endswith(".email") else 413, "application/problem+json")

    async def test_an_api_body_beyond_reason_is_4xx(self, attacked: Attacked) -> None:
        template = attacked.open.body() | {"number": "BAD-1"}
        bodies = [
            DEEP,
            b'{"a":' * 30_000,
            b"\xff" + orjson.dumps(template),
            orjson.dumps(template | {"amount": {"value": "-1.00", "currency": "RON"}}),
            orjson.dumps(template | {"amount": {"value": "9" * 400, "currency": "RON"}}),
            orjson.dumps(template | {"amount": {"value": "1.00", "currency": "XXX"}}),
            json.dumps(template | {"amount": {"value": float("nan"), "currency": "RON"}}).encode(),
            orjson.dumps(template | {"description": CARD, "payer": {"email": CARD, "phone": CARD}}),
        ]
        async with attacked.nothing_stored():
            for body in bodies:
                for key, status in ((attacked.key, {400, 422}), (attacked.key[:-4] + "zzzz", {401})):
                    headers = {"Authorization": f"Bearer {key}", "Content-Type": "application/json"}
                    answered, kind, _ = await attacked.call("POST", "/v1/invoices", body, headers)
                    assert answered in status, body[:100]
                    assert kind == "application/problem+json"


async def test_after_all_of_it_the_server_serves_and_its_log_tells_nothing(attacked: Attacked) -> None:
    last = Journey(703, ("telegram", "sms", "email"), (Outcome.WEBHOOK_DOUBLED,))
    await walk(attacked, last)
    tells_nothing(attacked, last)

"""Whatever is thrown at a running server: a clear 4xx, nothing stored, nothing said in its log; and it goes on serving.

One server for the whole module, its log at DEBUG, beside journeys that go well. What the API says of bodies, field by
field, is in tests/gateway/api/test_bad_input.py.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import io
import json
import random
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlencode, urlsplit

import aiohttp
import orjson
import pytest
import pytest_asyncio
import sqlalchemy as sa
from twilio.request_validator import RequestValidator
from yarl import URL

from gateway.demo.bank import Outcome
from gateway.demo.bank.ledger import News
from gateway.demo.bank.wire import signature, webhook_body
from gateway.ports.values import Secret
from gateway.store.schema import metadata
from tests.harness.books import Books, unsettled
from tests.harness.journeys import Journey
from tests.harness.processes import Installation, Process
from tests.harness.vendors_seen import SECRETS, Vendors, vendors_at

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.xdist_group("bad input")]

TIMEOUT_S = 2
CARD = "4111 1111 1111 1111"
DEEP = b"[" * 100_000
BIG = b"x" * 10_000_000
SMS, TELEGRAM, EMAIL = (f"/hooks/channels/acme.{name}" for name in ("sms", "telegram", "email"))
BANK = "/hooks/providers/acme.bank"
HOOKS = (SMS, TELEGRAM, EMAIL, BANK)


@dataclass(slots=True)
class Attacked:
    """The server, whom it talks to, and two invoices: one that is paid and one that is open."""

    installation: Installation
    server: Process
    vendors: Vendors
    books: Books
    key: str
    session: aiohttp.ClientSession
    paid: Journey
    open: Journey

    async def call(
        self, method: str, path: str, body: bytes | None = None, headers: dict[str, str] | None = None
    ) -> tuple[int, str, bytes]:
        """Status, content type and body of an answer; the address as it is written, nothing made tidy."""
        url = URL(self.installation.url + path, encoded=True)
        async with self.session.request(
            method, url, data=body and io.BytesIO(body), headers=headers, allow_redirects=False
        ) as answer:
            return answer.status, answer.content_type, await answer.read()

    async def refused(self, status: int, method: str, path: str, body: bytes | None = None, **headers: str) -> None:
        """Asserts that this is refused with a problem that tells nothing."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        answered, kind, said = await self.call(method, path, body, named)
        assert (answered, kind) == (status, "application/problem+json"), (path, said[:200])
        problem = json.loads(said)
        assert (problem["status"], bool(problem["title"])) == (status, True)
        assert not re.search(r"Traceback|\.py|gateway\.|sqlite|aiohttp", said.decode())

    async def raw(self, sent: bytes = b"", *, head: bool = False) -> bytes:
        """What comes back on a connection of its own until the server closes it; or the first answer's head alone."""
        parts = urlsplit(self.installation.url)
        reader, writer = await asyncio.open_connection(parts.hostname, parts.port)
        try:
            writer.write(sent)
            await writer.drain()
            async with asyncio.timeout(20):
                return await (reader.readuntil(b"\r\n\r\n") if head else reader.read())
        except ConnectionError:
            return b""
        finally:
            writer.close()

    @asynccontextmanager
    async def nothing_stored(self) -> AsyncIterator[None]:
        """No row more and none less in any table."""
        before = await self.books.read(_counts)
        yield
        assert await self.books.read(_counts) == before


def _counts(conn: sa.Connection) -> dict[str, int]:
    return {
        name: int(conn.execute(sa.select(sa.func.count()).select_from(table)).scalar_one())
        for name, table in metadata.tables.items()
    }


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def attacked(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Attacked]:
    folder = tmp_path_factory.mktemp("attacked")
    installation = Installation(folder, f"sqlite:///{folder / 'achit.db'}")
    installation.limits = f'request_timeout = "{TIMEOUT_S}s"\nidle_timeout = "{TIMEOUT_S}s"\n'
    async with vendors_at(installation.url) as vendors, aiohttp.ClientSession() as session:
        installation.write(vendors.biller(), vendors.secrets)
        key = await installation.prepare()
        paid = Journey(701, ("telegram", "sms", "email"), (Outcome.PAID,))
        still = Journey(702, ("telegram", "sms", "email"), ())
        async with installation.serving() as server:
            books = Books(installation.database_url)
            everything = Attacked(installation, server, vendors, books, key, session, paid, still)
            await walk(everything, paid, still)
            yield everything
            assert await server.stop() == 0


async def walk(attacked: Attacked, *journeys: Journey) -> None:
    """Journeys that go well, to their end."""
    async with aiohttp.ClientSession(headers={"Authorization": f"Bearer {attacked.key}"}) as session:
        for journey in journeys:
            assert await journey.go(session, attacked.installation.url, attacked.vendors)
    await attacked.books.until(unsettled(attacked.vendors), 30)
    await attacked.books.until(lambda conn: str(_counts(conn)["task"]).strip("0"), 30)  # the last poll too


def bank_signed(body: bytes, *, at: datetime | None = None, secret: str = SECRETS["BANK_SECRET"]) -> dict[str, str]:
    return {"x-sandbox-signature": signature(body, [Secret(secret)], at or datetime.now(UTC))}


def mail_signed(body: bytes) -> dict[str, str]:
    digest = hmac.new(SECRETS["MAIL_SECRET"].encode(), body, hashlib.sha256).hexdigest()
    return {"X-Achit-Signature": f"sha256={digest}", "Content-Type": "message/rfc822"}


def sms_signed(attacked: Attacked, fields: dict[str, str]) -> tuple[bytes, dict[str, str]]:
    validator = RequestValidator(SECRETS["SMS_TOKEN"])  # type: ignore[no-untyped-call]
    proof = str(validator.compute_signature(attacked.installation.url + SMS, fields))  # type: ignore[no-untyped-call]
    form = {"Content-Type": "application/x-www-form-urlencoded", "X-Twilio-Signature": proof}
    return urlencode(fields).encode(), form


def genuine(attacked: Attacked) -> bytes:
    """The webhook by which the bank told that the paid invoice was paid."""
    [payment] = [each for each in attacked.vendors.bank.ledger.payments.values() if each.received_minor]
    return webhook_body(News(f"evt_{payment.id}_{payment.version}", payment, 1), attacked.vendors.bank.url)


class TestWebhooks:
    async def test_without_a_proof_they_are_401(self, attacked: Attacked) -> None:
        body = genuine(attacked)
        form, proof = sms_signed(attacked, {"MessageSid": "SM1", "MessageStatus": "delivered", "To": "+40722000701"})
        forged = [
            (BANK, body, {}),
            (BANK, body, {"x-sandbox-signature": ""}),
            (BANK, body, {"x-sandbox-signature": "t=1,v1=00"}),
            (BANK, body, {"x-sandbox-signature": "t=1,t=2,v1=" + "0" * 64}),
            (BANK, body, {"x-sandbox-signature": "v1=" * 2_000}),
            (BANK, body, bank_signed(body, secret="another-secret")),
            (BANK, body, bank_signed(body, at=datetime.now(UTC) - timedelta(minutes=6))),
            (BANK, body, bank_signed(body, at=datetime.now(UTC) + timedelta(minutes=6))),
            (BANK, body[:-1], bank_signed(body)),
            (BANK, body.replace(b'"paid"', b'"open"'), bank_signed(body)),
            (BANK, b"", bank_signed(body)),
            (SMS, form, {}),
            (SMS, form[:-1], proof),
            (SMS, form + b"&MessageStatus=read", proof),
            (SMS, form, proof | {"X-Twilio-Signature": proof["X-Twilio-Signature"][:-2] + "A="}),
            (TELEGRAM, b'{"update_id": 1}', {}),
            (TELEGRAM, b'{"update_id": 1}', {"X-Telegram-Bot-Api-Secret-Token": SECRETS["BOT_SECRET"][:-1]}),
            (TELEGRAM, b'{"update_id": 1}', {"X-Telegram-Bot-Api-Secret-Token": "\udcff"}),
            (EMAIL, b"From: a@b.ro\r\n\r\n", {}),
            (EMAIL, b"From: a@b.ro\r\n\r\n", {"X-Achit-Signature": "sha256="}),
            (EMAIL, b"From: a@b.ro\r\n\r\n", mail_signed(b"From: c@b.ro\r\n\r\n")),
            (EMAIL, b"From: a@b.ro\r\n\r\n", {"X-Achit-Signature": "sha1=" + "0" * 40}),
        ]
        async with attacked.nothing_stored():
            for path, content, headers in forged:
                named = {"Content-Type": "application/octet-stream"} | headers
                try:
                    status, kind, _ = await attacked.call("POST", path, content, named)
                except UnicodeEncodeError:  # the client cannot write it; the wire can
                    head = f"POST {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: {len(content)}\r\n"
                    said = await attacked.raw(
                        head.encode() + b"X-Telegram-Bot-Api-Secret-Token: \xff\xfe\r\n\r\n" + content
                    )
                    assert said.startswith(b"HTTP/1.1 401 ")
                    continue
                assert (status, kind) == (401, "application/problem+json"), (path, headers)

    async def test_a_replayed_one_is_answered_and_changes_nothing(self, attacked: Attacked) -> None:
        body = genuine(attacked)
        async with attacked.nothing_stored():
            for _ in range(20):
                status, _, _ = await attacked.call("POST", BANK, body, bank_signed(body))
                assert status == 204
            for sid in [sms.sid for sms in attacked.vendors.twilio.messages]:
                assert await attacked.vendors.twilio.receipt(sid, "delivered") == 200

    async def test_a_proven_one_that_cannot_be_read_is_400(self, attacked: Attacked) -> None:
        whole = json.loads(genuine(attacked))

        def with_payment(**changes: Any) -> bytes:
            return json.dumps(whole | {"id": "evt_other", "payment": whole["payment"] | changes}).encode()

        unreadable = [
            b"",
            b"null",
            b"[]",
            b"\xff\xfe",
            b'{"id": "\xed\xa0\x80"}',
            DEEP,
            b'{"a":' * 50_000,
            genuine(attacked)[:-20],
            json.dumps(whole | {"payment": None}).encode(),
            json.dumps(whole | {"id": ""}).encode(),
            with_payment(received=-1),
            with_payment(received=10**18),
            with_payment(received=10**30),
            with_payment(received=float("nan")),
            with_payment(received=1.5),
            with_payment(received="100"),
            with_payment(received=True),
            with_payment(currency="XXX"),
            with_payment(currency=CARD),
            with_payment(updated_at="yesterday"),
            with_payment(updated_at="2026-11-23T00:00:00"),
            with_payment(id=None),
        ]
        async with attacked.nothing_stored():
            for body in unreadable:
                status, kind, _ = await attacked.call("POST", BANK, body, bank_signed(body))
                assert (status, kind) == (400, "application/problem+json"), body[:300]
            token = {"X-Telegram-Bot-Api-Secret-Token": SECRETS["BOT_SECRET"], "Content-Type": "application/json"}
            for body in (b"", b"nothing", b"[]", b"\xff", DEEP, b'{"update_id": 1, "message": {"text": 5}}'):
                status, _, _ = await attacked.call("POST", TELEGRAM, body, token)
                assert status == 400, body[:100]
            for fields in ({"Body": "x"}, {"MessageSid": ""}, {"From": "+40722000701"}):
                body, headers = sms_signed(attacked, fields)
                assert (await attacked.call("POST", SMS, body, headers))[0] == 400, fields

    async def test_a_proven_mail_that_is_nothing_of_ours_is_taken_and_forgotten(self, attacked: Attacked) -> None:
        strange = (
            b"",
            b"\0" * 1000,
            b"\xff" * 1000,
            b"Subject: x\r\n" * 5_000,
            b"From: a@b.ro\r\n\r\n" + b"x" * 100_000,
        )
        nested = b"".join(b'Content-Type: multipart/mixed; boundary="%d"\r\n\r\n--%d\r\n' % (n, n) for n in range(500))
        async with attacked.nothing_stored():
            for body in (*strange, nested):
                status, _, _ = await attacked.call("POST", EMAIL, body, mail_signed(body))
                assert status in (204, 400), body[:100]

    async def test_of_nobodys_account_they_are_404(self, attacked: Attacked) -> None:
        names = (
            "acme.fax", "acme", "ACME.SMS", "nobody.sms", "acme.bank", "acme.sms%00", "acme.sms%0d%0aX:1", "%2e%2e%2f",
            "..%2f..%2fetc%2fpasswd", "a" * 4_000, "%F0%9F%92%B8", "%ff%fe", "acme.sms/", "acme.sms/x",
        )  # fmt: skip
        async with attacked.nothing_stored():
            for name in names:
                await attacked.refused(404, "POST", f"/hooks/channels/{name}", b"{}")
            await attacked.refused(404, "POST", "/hooks/providers/acme.sms", b"{}")
            await attacked.refused(404, "POST", "/hooks/", b"{}")

    async def test_with_another_method_they_are_405(self, attacked: Attacked) -> None:
        for path in HOOKS:
            for method in ("GET", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "PROPFIND"):
                await attacked.refused(405, method, path)


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
            async with asyncio.timeout(10):
                assert (await attacked.call("GET", urlsplit(attacked.open.pay_url).path))[0] == 200
        finally:
            for _, writer in slow:
                writer.close()


class TestSizes:
    @pytest.mark.parametrize("path", ["/v1/invoices", *HOOKS, "/p/{token}/attempts"])
    async def test_ten_megabytes_are_413(self, attacked: Attacked, path: str) -> None:
        path = path.replace("{token}", attacked.open.pay_url.rpartition("/")[2])
        async with attacked.nothing_stored():
            kind = "application/json" if path.startswith("/v1") else "application/x-www-form-urlencoded"
            headers = {"Authorization": f"Bearer {attacked.key}", "Content-Type": kind}
            status, kind, _ = await attacked.call("POST", path, BIG, headers)
            assert (status, kind) == (413, "application/problem+json")

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
    log = "\n".join(attacked.server.lines)
    assert {"serving", "webhook.received"} <= {line["event"] for line in attacked.server.said}
    for word in _secrets(attacked, last):
        assert word not in log, word
    unstamped = re.sub(r'"at":"[^"]*"|"(?:pid|port)":\d+', "", log)
    for personal in (
        r"[\w.+-]+@[\w-]+\.\w+",  # an address
        r"\+?40\d{9}|\b07\d{8}\b",  # a phone
        r"\b(?:\d[ -]?){13,19}\b",  # a card
        r"ak_[0-9A-Za-z]+_[0-9A-Za-z]{8,}",  # an API key
        r"whsec_[\w+/=]{8,}",
    ):
        assert not re.findall(personal, unstamped), personal
    assert attacked.server.complaints == [
        line for line in attacked.server.complaints if line["event"] == "webhook.malformed"
    ]
    assert "Traceback" not in log


def _secrets(attacked: Attacked, *more: Journey) -> list[str]:
    """Every word that only we, a vendor or a payer may know."""
    words = [*attacked.vendors.secrets.values(), attacked.installation.environment["ACHIT_KEY"], attacked.key]
    words += [base64.b64encode(f"x:{secret}".encode()).decode() for secret in SECRETS.values()]
    words += ["Ana Popescu", CARD, CARD.replace(" ", ""), attacked.key.rpartition("_")[2]]
    for journey in (attacked.paid, attacked.open, *more):
        payer = journey.body()["payer"]
        token = journey.pay_url.rpartition("/")[2]
        words += [
            payer["email"],
            payer["phone"],
            payer["phone"].removeprefix("+4"),
            payer["telegram"],
            token,
            token[7:],
        ]
    return words

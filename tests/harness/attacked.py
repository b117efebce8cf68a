"""A server that is attacked, whom it talks to, and proofs as only vendors can make them."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import io
import json
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import urlencode, urlsplit

import aiohttp
import sqlalchemy as sa
from twilio.request_validator import RequestValidator
from yarl import URL

from gateway.demo.bank import Outcome
from gateway.demo.bank.ledger import News
from gateway.demo.bank.wire import signature, webhook_body
from gateway.ports.values import Secret
from gateway.store.schema import metadata, task
from tests.harness.books import Books, unsettled
from tests.harness.journeys import Journey
from tests.harness.processes import Installation, Process
from tests.harness.vendors_seen import SECRETS, Vendors, vendors_at

TIMEOUT_S = 2
CARD = "4111 1111 1111 1111"
DEEP = b"[" * 100_000
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
    counts = {
        name: int(conn.execute(sa.select(sa.func.count()).select_from(table)).scalar_one())
        for name, table in metadata.tables.items()
    }
    lasting = (
        sa.select(sa.func.count()).select_from(task).where(task.c.kind != "poll")
    )  # those end when their time comes
    return counts | {"task": int(conn.execute(lasting).scalar_one())}


@asynccontextmanager
async def under_attack(folder: Path) -> AsyncIterator[Attacked]:
    """A server on SQLite in `folder`, with short limits of time and its log at DEBUG."""
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


def tells_nothing(attacked: Attacked, *more: Journey) -> None:
    """Asserts that its log, at DEBUG, holds nothing secret, nothing personal, and no error of ours."""
    log = "\n".join(attacked.server.lines)
    assert {"serving", "webhook.received"} <= {line["event"] for line in attacked.server.said}
    for word in _secrets(attacked, *more):
        assert word not in log, word
    unstamped = re.sub(r'"at":"[^"]*"|"(?:pid|port)":\d+', "", log)
    for form in _FORMS:
        assert not re.findall(form, unstamped), form
    strange = [line for line in attacked.server.complaints if line["event"] != "webhook.malformed"]
    assert strange == []
    assert "Traceback" not in log


_FORMS = (
    r"[\w.+-]+@[\w-]+\.\w+",  # an address
    r"\+?40\d{9}|\b07\d{8}\b",  # a phone
    r"\b(?:\d[ -]?){13,19}\b",  # a card
    r"ak_[0-9A-Za-z]+_[0-9A-Za-z]{8,}",  # an API key
    r"whsec_[\w+/=]{8,}",
)


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

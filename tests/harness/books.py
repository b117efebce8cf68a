"""The gateway's books, read from outside while it runs or lies dead, and held against what the vendors and payers saw."""

from __future__ import annotations

import asyncio
import shutil
import sqlite3
import time
from collections import Counter
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import orjson
import sqlalchemy as sa
from sqlalchemy.pool import NullPool

from gateway.domain.events import wanted
from gateway.domain.ids import INVOICE, show
from gateway.store.database import open_database
from gateway.store.schema import (
    delivery,
    event,
    inbox,
    invoice,
    payment_attempt,
    payment_update,
    push_endpoint,
    task,
)
from tests.harness.journeys import Load
from tests.harness.vendors_seen import Vendors

T = TypeVar("T")
# What is open is asked about on and on, a refund for a month after it is done; old words, and days that a provider lists, are
# looked for each day.
_RESTING = ("poll", "forget", "mop-up", "refund")
_POLL_S = 0.1


@dataclass(frozen=True, slots=True)
class Books:
    """The database of a gateway, by its URL."""

    url: str

    async def read(self, body: Callable[[sa.Connection], T]) -> T:
        """One consistent look, beside a running gateway too."""
        if not self.url.startswith("sqlite"):
            database = await open_database(self.url)
            try:
                return await database.read(body)
            finally:
                await database.aclose()
        return await asyncio.to_thread(self._read_file, body)

    def _read_file(self, body: Callable[[sa.Connection], T]) -> T:
        uri = f"sqlite:///file:{self.url.removeprefix('sqlite:///')}?mode=ro&uri=true"
        engine = sa.create_engine(uri, poolclass=NullPool, json_deserializer=orjson.loads)
        with engine.connect() as conn:
            conn.exec_driver_sql("BEGIN")
            return body(conn)

    async def until(self, holds: Callable[[sa.Connection], str], limit_s: float) -> None:
        """Waits until `holds` has nothing to say; AssertionError with what it says at last."""
        give_up = time.monotonic() + limit_s
        while said := await self.read(holds):
            assert time.monotonic() < give_up, said
            await asyncio.sleep(_POLL_S)


def check_dead_file(file: Path, folder: Path) -> set[str]:
    """What lies on the disk after a kill, looked at in a copy so that the gateway itself recovers it; the invoices' numbers."""
    folder.mkdir(exist_ok=True)
    for part in (file, file.with_name(file.name + "-wal")):
        if part.exists():
            shutil.copyfile(part, folder / part.name)
    with closing(sqlite3.connect(folder / file.name)) as copy:
        assert copy.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        assert copy.execute("PRAGMA foreign_key_check").fetchall() == []
        return {number for (number,) in copy.execute("SELECT number FROM invoice")}


def unsettled(vendors: Vendors) -> Callable[[sa.Connection], str]:
    """A look that says what is still to come: tasks, held webhooks, pushes, money that the bank has and the gateway has not."""

    def look(conn: sa.Connection) -> str:
        due = sa.select(task.c.kind, task.c.tries, task.c.lease_by, task.c.last_error).where(
            task.c.kind.not_in(_RESTING)
        )
        if left := conn.execute(due).all():
            return f"tasks are left: {Counter(map(str, left)).most_common(10)}"
        last = conn.execute(sa.select(sa.func.max(event.c.biller_seq))).scalar_one()
        reached = conn.execute(sa.select(sa.func.min(push_endpoint.c.cursor))).scalar_one()
        if reached < last:
            return f"pushed {reached} of {last} events"
        booked = {row[0]: (row[1], row[2]) for row in conn.execute(_ATTEMPTS)}
        for payment in vendors.bank.ledger.payments.values():
            sums = (payment.received_minor, payment.reversed_minor)
            if booked.get(payment.id, (0, 0)) != sums:
                return f"{payment.id}: the bank has {sums}, the books have {booked.get(payment.id)}"
        return ""

    return look


_ATTEMPTS = sa.select(
    payment_attempt.c.external_id, payment_attempt.c.received_minor, payment_attempt.c.reversed_minor
).where(payment_attempt.c.external_id.is_not(None))


async def hold_up(books: Books, load: Load, vendors: Vendors, *, kills: int) -> dict[str, int]:
    """Asserts all that must hold after crashes, of books that are settled; gives what may happen, counted."""
    vendors.note_webhooks()

    def check(conn: sa.Connection) -> dict[str, int]:
        _invoices(conn, load)
        _webhooks(conn, vendors)
        _money(conn, load, vendors)
        return {"pushes_repeated": _pushes(conn, vendors, kills), **_messages(conn, vendors)}

    return await books.read(check)


def _invoices(conn: sa.Connection, load: Load) -> None:
    rows = conn.execute(sa.select(invoice.c.number, invoice.c.id, invoice.c.amount_minor)).all()
    kept = {number: (show(INVOICE, row_id), minor) for number, row_id, minor in rows}
    for number, journey in load.acknowledged.items():
        assert kept.get(number) == (journey.invoice_id, journey.minor), number
    assert len(kept) == len(rows)


def _webhooks(conn: sa.Connection, vendors: Vendors) -> None:
    rows = conn.execute(sa.select(inbox.c.account, inbox.c.event_id, inbox.c.state)).all()
    kept = {(account, event_id): state for account, event_id, state in rows}
    for event_id in vendors.webhooks_taken:
        assert kept.get(("provider:acme.bank", event_id)) == "applied", event_id
    for event_id in vendors.twilio.taken:
        assert kept.get(("channel:acme.sms", event_id)) == "applied", event_id


def _money(conn: sa.Connection, load: Load, vendors: Vendors) -> None:
    """The invoice's sum is that of its ledger, of its attempts, and of the bank's own books."""
    ledger, attempts, banked = Counter[int](), Counter[int](), Counter[int]()
    query = sa.select(payment_update.c.invoice_id, sa.func.sum(payment_update.c.delta_minor))
    for invoice_id, total in conn.execute(query.group_by(payment_update.c.invoice_id)):
        ledger[invoice_id] = int(total)
    seen = set()
    for row in conn.execute(sa.select(payment_attempt)).mappings():
        attempts[row["invoice_id"]] += row["received_minor"] - row["reversed_minor"]
        if row["external_id"] is not None:
            assert row["external_id"] not in seen
            seen.add(row["external_id"])
            payment = vendors.bank.ledger.payments[row["external_id"]]
            banked[row["invoice_id"]] += payment.received_minor - payment.reversed_minor
    received = {payment.id for payment in vendors.bank.ledger.payments.values() if payment.received_minor}
    assert received <= seen
    for row in conn.execute(sa.select(invoice)).mappings():
        paid, of = row["paid_minor"], row["id"]
        assert paid == ledger[of] == attempts[of] == banked[of], row["number"]
        assert row["status"] == _status(paid, row["amount_minor"]), row["number"]


def _status(paid: int, amount: int) -> str:
    if paid >= amount:
        return "paid"
    return "partly_paid" if paid > 0 else "open"


def _pushes(conn: sa.Connection, vendors: Vendors, kills: int) -> int:
    """Every event that is pushed arrived, each under its one id and with its one body, in order; gives how many came again."""
    rows = conn.execute(sa.select(event.c.biller_seq, event.c.invoice_id, event.c.invoice_seq, event.c.type)).all()
    numbers = sorted(row[0] for row in rows)
    assert numbers == list(range(1, len(numbers) + 1))
    for of in {row[1] for row in rows if row[1] is not None}:
        own = sorted(row[2] for row in rows if row[1] == of)
        assert own == list(range(1, len(own) + 1))
    erp = vendors.erp
    assert all(push.verified for push in erp.pushes)
    assert erp.order == sorted(row[0] for row in rows if wanted((), row[3]))
    assert len({seen.sequence for seen in erp.seen.values()}) == len(erp.seen)
    repeated = sum(seen.bodies.total() - 1 for seen in erp.seen.values())
    assert [message_id for message_id, seen in erp.seen.items() if len(seen.bodies) > 1] == []
    assert repeated <= kills  # a crash repeats the one push that was under way, and no other
    return repeated


def _messages(conn: sa.Connection, vendors: Vendors) -> dict[str, int]:
    """No message came twice, but on a channel that cannot be asked, and then the delivery has counted it."""
    came = vendors.messages()
    done, open_end, resends = Counter[tuple[str, str]](), Counter[tuple[str, str]](), Counter[tuple[str, str]]()
    for row in conn.execute(sa.select(delivery)).mappings():
        to = row["channel"], row["address"]
        assert row["state"] in ("sent", "delivered", "revoked", "unknown"), dict(row)
        done[to] += row["state"] in ("sent", "delivered")
        open_end[to] += (
            row["state"] == "unknown"
        )  # it may have come, and then the debt was paid before it was sent again
        resends[to] += row["resends"]
    for to in came.keys() | done.keys():
        assert done[to] <= came[to] <= done[to] + open_end[to] + resends[to], to
        assert to[0] != "sms" or resends[to] == open_end[to] == 0, to  # Twilio can be asked
    again = {to: came[to] - done[to] - open_end[to] for to in came}
    twice = {f"{channel}_twice": _sum(again, channel) for channel in ("sms", "telegram", "email")}
    return twice | {"resends": resends.total(), "unknown": open_end.total()}


def _sum(counted: dict[tuple[str, str], int], channel: str) -> int:
    return sum(max(0, count) for (of, _), count in counted.items() if of == channel)

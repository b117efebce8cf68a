"""The event log: numbered without gaps per invoice and per biller, so that a reader that follows `after=` misses nothing.

Both numbers are taken inside the caller's transaction while the biller's row is locked (on SQLite there is one writer), so a
number is visible only after every smaller one.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from gateway.domain.events import QUIET, NewEvent, wanted
from gateway.store import outbox, signals
from gateway.store.schema import biller, event, push_endpoint
from gateway.store.statements import Statement, among, by

PUSH = "push"


@dataclass(frozen=True, slots=True)
class Event:
    """A committed fact. `biller_seq` is what `after=` follows; `invoice_seq` counts the invoice's own."""

    id: int
    biller_id: int
    biller_seq: int
    invoice_id: int | None
    invoice_seq: int | None
    type: str
    data: dict[str, Any]
    occurred_at: datetime


_LOCK = Statement(sa.select(biller.c.id).where(by(biller.c.id, "biller_id")).with_for_update(key_share=True))
_COLUMNS = [event.c[name] for name in Event.__dataclass_fields__]
_mine = event.alias("mine")
_APPEND = Statement(
    event.insert()
    .values(
        biller_id=sa.bindparam("biller_id"),
        biller_seq=sa.select(sa.func.coalesce(sa.func.max(_mine.c.biller_seq), 0) + 1)
        .where(_mine.c.biller_id == sa.bindparam("biller_id"))
        .scalar_subquery(),
        invoice_id=sa.bindparam("invoice_id"),
        invoice_seq=sa.case(
            (
                sa.bindparam("of_invoice", type_=sa.Boolean),
                sa.select(sa.func.coalesce(sa.func.max(_mine.c.invoice_seq), 0) + 1)
                .where(_mine.c.invoice_id == sa.bindparam("invoice_id"))
                .scalar_subquery(),
            ),
        ),
        type=sa.bindparam("type"),
        data=sa.bindparam("data"),
        occurred_at=sa.bindparam("occurred_at"),
    )
    .return_defaults(supplemental_cols=[])
    .inline()
)
_ENDPOINTS = Statement(
    sa.select(push_endpoint.c.id, push_endpoint.c.events).where(
        by(push_endpoint.c.biller_id, "biller_id"), push_endpoint.c.enabled
    )
)
_NEXT = (
    sa.select(*_COLUMNS)
    .where(by(event.c.biller_id, "biller_id"), event.c.biller_seq > sa.bindparam("seq"))
    .order_by(event.c.biller_seq)
    .limit(sa.bindparam("limit"))
)
_AFTER, _AFTER_OF = Statement(_NEXT), Statement(_NEXT.where(among(event.c.type, "types")))
_LAST = Statement(
    sa.select(sa.func.coalesce(sa.func.max(event.c.biller_seq), 0)).where(by(event.c.biller_id, "biller_id"))
)
_LAST_OF_INVOICE = Statement(
    sa.select(sa.func.coalesce(sa.func.max(event.c.invoice_seq), 0)).where(by(event.c.invoice_id, "invoice_id"))
)


def lock(conn: sa.Connection, biller_id: int) -> None:
    """The biller's row, as `append` takes it: what is written after it never waits for who waits for it."""
    if conn.dialect.name == "postgresql":
        _LOCK.rows(conn, biller_id=biller_id)


def append(
    conn: sa.Connection, biller_id: int, invoice_id: int | None, events: Iterable[NewEvent], now: datetime
) -> None:
    """Commits facts with the change they report, and wakes the pumps of the biller's endpoints."""
    rows = [
        {
            "biller_id": biller_id,
            "invoice_id": invoice_id,
            "of_invoice": invoice_id is not None,
            "type": new.type.value,
            "data": new.data,
            "occurred_at": now,
        }
        for new in events
    ]
    if not rows:
        return
    lock(conn, biller_id)
    for row in rows:
        _APPEND.run(conn, **row)
    happened = {str(row["type"]) for row in rows}
    for endpoint_id, types in _ENDPOINTS.rows(conn, biller_id=biller_id):
        if happened <= QUIET and not any(wanted(types, one) for one in happened):
            continue  # it is pushed none of them, and need not be woken
        outbox.poke(conn, PUSH, endpoint_id, f"push:{endpoint_id}", now, now)
    signals.emit(conn, f"biller:{biller_id}")
    if invoice_id is not None:
        signals.emit(conn, f"invoice:{invoice_id}")


def after(conn: sa.Connection, biller_id: int, seq: int, limit: int, *, types: Sequence[str] = ()) -> list[Event]:
    """The biller's next events after `seq`, in order; only those of `types`, when there are any."""
    found = {"biller_id": biller_id, "seq": seq, "limit": limit}
    rows = _AFTER_OF.rows(conn, **found, types=types) if types else _AFTER.rows(conn, **found)
    return [Event(*row) for row in rows]


def of_invoice(conn: sa.Connection, invoice_id: int, after_seq: int = 0, limit: int = 1000) -> list[Event]:
    """The invoice's timeline."""
    query = (
        sa.select(*_COLUMNS)
        .where(event.c.invoice_id == invoice_id, event.c.invoice_seq > after_seq)
        .order_by(event.c.invoice_seq)
        .limit(limit)
    )
    return [Event(*row) for row in conn.execute(query)]


def get(conn: sa.Connection, event_id: int) -> Event | None:
    row = conn.execute(sa.select(*_COLUMNS).where(event.c.id == event_id)).first()
    return Event(*row) if row else None


def last_seq(conn: sa.Connection, biller_id: int) -> int:
    """The biller's newest number; 0 when nothing has happened."""
    return int(_LAST.value(conn, biller_id=biller_id))


def count_since(conn: sa.Connection, biller_id: int, first_seq: int, types: Sequence[str]) -> int:
    """How many of the biller's events from `first_seq` on an endpoint of these types is pushed."""
    query = sa.select(sa.func.count()).where(event.c.biller_id == biller_id, event.c.biller_seq >= first_seq)
    pushed = event.c.type.in_(types) if types else event.c.type.not_in(QUIET)
    return int(conn.execute(query.where(pushed)).scalar_one())


def last_invoice_seq(conn: sa.Connection, invoice_id: int) -> int:
    return int(_LAST_OF_INVOICE.value(conn, invoice_id=invoice_id))

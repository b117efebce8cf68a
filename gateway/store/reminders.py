"""Reminders: planned, held, queued, sent, skipped, revoked. A state changes only by compare-and-set."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from gateway.domain.deliveries import DeliveryState, MessageKind
from gateway.domain.invoices import PAYABLE, Invoice
from gateway.domain.reminders import FOREVER, LIVE, WAITING, Reminder, ReminderState, Source, Tone
from gateway.store.invoices import INVOICE_COLUMNS, invoice_of
from gateway.store.schema import delivery, invoice, meta, payer, reminder
from gateway.store.statements import Statement, among, by

_COLUMNS = [reminder.c[name] for name in Reminder.__dataclass_fields__]
_ALL = sa.select(*_COLUMNS).order_by(reminder.c.due_at, reminder.c.id)
_INSERT = Statement(reminder.insert().returning(reminder.c.id))
_OF_PAYER = Statement(_ALL.where(by(reminder.c.payer_id, "payer_id"), reminder.c.state.in_(WAITING)))
_LIVE = Statement(_ALL.where(by(reminder.c.invoice_id, "invoice_id"), reminder.c.state.in_(LIVE)))
_OF_INVOICE = Statement(_ALL.where(by(reminder.c.invoice_id, "invoice_id")))
_BY_IDS = Statement(_ALL.where(among(reminder.c.id, "ids")))
_MOVE = Statement(reminder.update().where(by(reminder.c.id, "of_id"), among(reminder.c.state, "of_states")))
_NEXT = Statement(
    sa.select(sa.func.min(reminder.c.due_at)).where(
        by(reminder.c.payer_id, "payer_id"), reminder.c.state.in_(WAITING)
    )
)  # fmt: skip
_CARRIED = Statement(
    sa.select(sa.func.count()).where(
        by(reminder.c.delivery_id, "delivery_id"), reminder.c.state == ReminderState.QUEUED
    )
)  # fmt: skip
_GONE = (DeliveryState.FAILED, DeliveryState.REVOKED)
_MESSAGES = Statement(
    sa.select(delivery.c.id, delivery.c.due_at, delivery.c.sent_at).where(
        by(delivery.c.payer_id, "payer_id"),
        delivery.c.kind == MessageKind.REMINDER,
        delivery.c.state.not_in(_GONE),
        delivery.c.due_at >= sa.bindparam("since", type_=delivery.c.due_at.type),
    )
)
_UNDER_WAY = Statement(
    sa.select(delivery.c.id, delivery.c.about).where(
        by(delivery.c.payer_id, "payer_id"),
        delivery.c.kind == MessageKind.REMINDER,
        delivery.c.state.in_((DeliveryState.QUEUED, DeliveryState.SENDING, DeliveryState.UNKNOWN)),
    )
)
_ABOUT_SEVERAL = Statement(
    sa.select(delivery.c.about, delivery.c.sent_at).where(
        by(delivery.c.payer_id, "payer_id"),
        delivery.c.kind == MessageKind.REMINDER,
        delivery.c.invoice_id.is_(None),
        delivery.c.sent_at.is_not(None),
    )
)
_OWING = Statement(
    sa.select(*INVOICE_COLUMNS)
    .where(by(invoice.c.payer_id, "payer_id"), invoice.c.status.in_(PAYABLE))
    .order_by(invoice.c.id)
)


def _reminder(row: Sequence[Any]) -> Reminder:
    values = list(row)
    values[4], values[7], values[8] = Source(values[4]), Tone(values[7]), ReminderState(values[8])
    return Reminder(*values)


def _all(rows: Sequence[Sequence[Any]]) -> list[Reminder]:
    return [_reminder(row) for row in rows]


def insert(conn: sa.Connection, row: dict[str, Any]) -> Reminder:
    """A new reminder, without a delivery."""
    reminder_id = int(_INSERT.value(conn, **row))
    return Reminder(id=reminder_id, delivery_id=None, **row)


def waiting(conn: sa.Connection, payer_id: int) -> list[Reminder]:
    """The payer's reminders that are planned or held, the next due first."""
    return _all(_OF_PAYER.rows(conn, payer_id=payer_id))


def next_due(conn: sa.Connection, payer_id: int) -> datetime | None:
    """When the first of the payer's waiting reminders is due."""
    due_at: datetime | None = _NEXT.value(conn, payer_id=payer_id)
    return due_at


def live(conn: sa.Connection, invoice_id: int) -> list[Reminder]:
    """The invoice's reminders that are still to go out, the next due first."""
    return _all(_LIVE.rows(conn, invoice_id=invoice_id))


def of_invoice(conn: sa.Connection, invoice_id: int) -> list[Reminder]:
    """All that the invoice ever had, by when they were due."""
    return _all(_OF_INVOICE.rows(conn, invoice_id=invoice_id))


def by_ids(conn: sa.Connection, ids: Collection[int]) -> list[Reminder]:
    return _all(_BY_IDS.rows(conn, ids=sorted(ids))) if ids else []


def get(conn: sa.Connection, reminder_id: int) -> Reminder | None:
    return next(iter(by_ids(conn, [reminder_id])), None)


def move(
    conn: sa.Connection,
    reminder_id: int,
    of: Collection[ReminderState],
    to: ReminderState,
    now: datetime,
    *,
    reason: str | None = None,
    **also: Any,
) -> bool:
    """Compare-and-set of the state; `also` are columns that change with it."""
    return bool(_MOVE.run(conn, of_id=reminder_id, of_states=list(of), state=to, reason=reason, updated_at=now, **also))


def carried(conn: sa.Connection, delivery_id: int) -> int:
    """How many reminders a delivery has still to bring."""
    return int(_CARRIED.value(conn, delivery_id=delivery_id))


def messages(conn: sa.Connection, payer_id: int, since: datetime, *, but: int | None = None) -> list[datetime]:
    """When the payer's reminders went, or are to go, that are due since then. Those that failed, and the delivery `but`, do not
    count; what goes by several channels at once is one.
    """
    rows = _MESSAGES.rows(conn, payer_id=payer_id, since=since)
    return list({due_at: sent_at or due_at for each, due_at, sent_at in rows if each != but}.values())


def others_carry(conn: sa.Connection, payer_id: int, but: int) -> dict[int, int]:
    """The reminders that are in other messages on their way to the payer, each with its message."""
    rows = _UNDER_WAY.rows(conn, payer_id=payer_id)
    return {one: each for each, about in rows if each != but for one in (about or {}).get("reminders", ())}


def sent_with_others(conn: sa.Connection, payer_id: int, invoice_id: int) -> list[datetime]:
    """When the payer was sent messages about several invoices, this one among them."""
    ids = {one.id for one in of_invoice(conn, invoice_id) if one.state is ReminderState.SENT}
    rows = _ABOUT_SEVERAL.rows(conn, payer_id=payer_id) if ids else ()
    return [sent_at for about, sent_at in rows if not ids.isdisjoint((about or {}).get("reminders", ()))]


def owing(conn: sa.Connection, payer_id: int) -> list[Invoice]:
    """The payer's invoices that can be paid, the oldest first."""
    return [invoice_of(row) for row in _OWING.rows(conn, payer_id=payer_id)]


def owing_after(conn: sa.Connection, biller_id: int, after_id: int, limit: int) -> list[Invoice]:
    """A biller's next invoices that can be paid, by id, after `after_id`."""
    query = sa.select(*INVOICE_COLUMNS).where(
        invoice.c.biller_id == biller_id, invoice.c.id > after_id, invoice.c.status.in_(PAYABLE)
    )
    return [invoice_of(row) for row in conn.execute(query.order_by(invoice.c.id).limit(limit))]


@dataclass(frozen=True, slots=True)
class Listed:
    """A reminder with what a list shows of its invoice."""

    reminder: Reminder
    number: str
    reference: str


def page(
    conn: sa.Connection,
    biller_id: int,
    *,
    states: Collection[ReminderState],
    due_before: datetime | None = None,
    invoice_id: int | None = None,
    after_id: int | None = None,
    limit: int = 50,
) -> list[Listed]:
    """The biller's reminders in these states by id, from after `after_id`."""
    query = (
        sa.select(*_COLUMNS, invoice.c.number, payer.c.reference)
        .join(invoice, invoice.c.id == reminder.c.invoice_id)
        .join(payer, payer.c.id == reminder.c.payer_id)
        .where(reminder.c.biller_id == biller_id, reminder.c.state.in_(states))
    )
    if due_before is not None:
        query = query.where(reminder.c.due_at < due_before)
    if invoice_id is not None:
        query = query.where(reminder.c.invoice_id == invoice_id)
    if after_id is not None:
        query = query.where(reminder.c.id > after_id)
    rows = conn.execute(query.order_by(reminder.c.id).limit(limit))
    return [Listed(_reminder(row[:-2]), row[-2], row[-1]) for row in rows]


def replanned_to(conn: sa.Connection, biller_id: int) -> int:
    """How far a biller's invoices have been brought to a new policy; 0 at the beginning."""
    value = conn.execute(sa.select(meta.c.value).where(meta.c.key == _replan(biller_id))).scalar()
    return int(value or 0)


def replan_from(conn: sa.Connection, biller_id: int, invoice_id: int) -> None:
    """Remembers how far; 0 begins anew."""
    conn.execute(meta.delete().where(meta.c.key == _replan(biller_id)))
    if invoice_id:
        conn.execute(meta.insert().values(key=_replan(biller_id), value=str(invoice_id)))


def _replan(biller_id: int) -> str:
    return f"replan:{biller_id}"


def payers_waiting(conn: sa.Connection, biller_id: int, before: datetime) -> list[int]:
    """The biller's payers who have a reminder that is due before then, or that waits for somebody's word."""
    query = sa.select(reminder.c.payer_id).where(
        reminder.c.biller_id == biller_id,
        reminder.c.state.in_(WAITING),
        sa.or_(reminder.c.due_at < before, reminder.c.due_at >= FOREVER),
    )
    return list(conn.execute(query.distinct().order_by(reminder.c.payer_id)).scalars())

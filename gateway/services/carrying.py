"""A message and the reminders that it carries: what it still speaks of, and what becomes of them when it is sent or is not."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from gateway.domain.deliveries import Delivery
from gateway.domain.events import EventType
from gateway.domain.ids import DELIVERY, REMINDER, show
from gateway.domain.invoices import Invoice
from gateway.domain.reminders import Reason, Reminder, ReminderState
from gateway.services import ladder
from gateway.services.directory import Biller
from gateway.store import invoices
from gateway.store import reminders as store

R = ReminderState


def wanted(conn: sa.Connection, biller: Biller, delivery: Delivery) -> list[Invoice]:
    """The invoices of which a reminder message still speaks: owed, not paused since, in the order in which they are due."""
    found: dict[int, Invoice] = {}
    for row in rows_of(conn, delivery):
        invoice = invoices.get(conn, row.invoice_id)
        if invoice is None or not invoice.payable or row.state not in (R.QUEUED, R.SENT) or invoice.id in found:
            continue
        pause = ladder.pause_of(
            conn, biller.reminders, invoice.id, ladder.zone_of(invoices.get_payer(conn, row.payer_id))
        )
        if pause is None or not ladder.pauses(pause, row):
            found[invoice.id] = invoice
    return sorted(found.values(), key=lambda invoice: (invoice.due_on, invoice.id))


def debts(conn: sa.Connection, delivery: Delivery) -> list[Invoice]:
    """The invoices of which a message was to speak, whatever has become of them."""
    ids = sorted({row.invoice_id for row in rows_of(conn, delivery)})
    return [invoice for invoice_id in ids if (invoice := invoices.get(conn, invoice_id)) is not None]


def rows_of(conn: sa.Connection, delivery: Delivery) -> list[Reminder]:
    """The reminders that a message carries."""
    return store.by_ids(conn, (delivery.about or {}).get("reminders", ()))


def sent(conn: sa.Connection, biller: Biller, delivery: Delivery, now: datetime) -> None:
    """The vendor took the message: its reminders are sent, and each ladder goes on."""
    rows = rows_of(conn, delivery)
    together = [show(REMINDER, row.id) for row in rows]
    for row in rows:
        if store.move(conn, row.id, [R.QUEUED], R.SENT, now):
            about = {"delivery": show(DELIVERY, delivery.id), "channel": delivery.channel, "reminders": together}
            ladder.tell(conn, row, EventType.REMINDER_SENT, now, **about)
            _after(conn, biller, row, now)


def about(conn: sa.Connection, delivery: Delivery, debts: Sequence[Invoice]) -> dict[str, Any]:
    """What another message says in the place of this one: of these debts alone."""
    ids = {invoice.id for invoice in debts}
    kept = [row.id for row in rows_of(conn, delivery) if row.invoice_id in ids]
    return {**(delivery.about or {}), "reminders": kept}


def carry(conn: sa.Connection, delivery: Delivery, now: datetime) -> None:
    """A message brings what another did not."""
    for row in rows_of(conn, delivery):
        store.move(conn, row.id, [R.QUEUED], R.QUEUED, now, delivery_id=delivery.id)


def undelivered(conn: sa.Connection, biller: Biller, delivery: Delivery, now: datetime) -> None:
    """No channel is left that could bring the message: what no other carries is skipped, and each ladder goes on."""
    others = store.others_carry(conn, delivery.payer_id, delivery.id) if delivery.payer_id else {}
    for row in _carried(conn, delivery):
        if row.id in others:
            store.move(conn, row.id, [R.QUEUED], R.QUEUED, now, delivery_id=others[row.id])
        elif ladder.skip(conn, row, Reason.UNDELIVERED, now):
            _after(conn, biller, row, now)


def _carried(conn: sa.Connection, delivery: Delivery) -> list[Reminder]:
    """The reminders that a message, and no later one, has still to bring."""
    return [row for row in rows_of(conn, delivery) if row.state is R.QUEUED and row.delivery_id == delivery.id]


def reconsider(conn: sa.Connection, biller: Biller, delivery: Delivery, now: datetime) -> None:
    """A message was taken back: those of its reminders that are still owed wait again."""
    for row in _carried(conn, delivery):
        invoice = invoices.get(conn, row.invoice_id)
        if invoice is None:
            continue
        if not invoice.payable:
            ladder.settled(conn, invoice, now)
        elif store.move(conn, row.id, [R.QUEUED], R.PLANNED, now, due_at=now, delivery_id=None):
            ladder.wake(conn, row.payer_id, now, now)
            payer = invoices.get_payer(conn, row.payer_id)
            if row.due_on not in (None, invoice.due_on):
                ladder.replan(conn, biller, invoice, payer, now, Reason.CHANGED)
            ladder.refresh(conn, biller, invoice, payer, now)


def _after(conn: sa.Connection, biller: Biller, row: Reminder, now: datetime) -> None:
    invoice = invoices.get(conn, row.invoice_id)
    if invoice is not None:
        ladder.go_on(conn, biller, invoice, invoices.get_payer(conn, row.payer_id), row, now)

"""Money that must go back: written down, taken over by another refund, sent on its way. Runs inside other services' transactions.

It moves no sum: that a refund was given back is booked by `services.payments` alone.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from gateway.domain import refunds as rules
from gateway.domain.events import EventType, NewEvent
from gateway.domain.ids import ATTEMPT, REFUND, UPDATE, show
from gateway.domain.invoices import Invoice
from gateway.domain.payments import Attempt, RefundDue, shown
from gateway.domain.refunds import MOVES, Refund, RefundReason, RefundState
from gateway.services.directory import Biller, Directory, ProviderAccount
from gateway.store import events, outbox, payments, refunds

GIVE_BACK, LOOK = "refund", "refund-look"  # the outbox's kinds, by refund and by attempt


def account_of(directory: Directory, attempt: Attempt | None) -> ProviderAccount | None:
    """The account that can give a payment back; None: a person must."""
    if attempt is None or attempt.external_id is None:
        return None
    account = directory.provider(attempt.account_id)
    return account if account is not None and account.plugin.refunds else None


def about(refund: Refund) -> dict[str, Any]:
    """What every event of a refund says."""
    payment = (
        show(ATTEMPT, refund.attempt_id)
        if refund.attempt_id is not None
        else None
        if refund.line_id is None
        else show(UPDATE, refund.line_id)
    )
    return {"refund": show(REFUND, refund.id), "payment": payment, "amount": shown(refund.amount)}


def report(conn: sa.Connection, refund: Refund, happened: Iterable[NewEvent], now: datetime) -> None:
    told = [NewEvent(event.type, about(refund) | event.data) for event in happened]
    events.append(conn, refund.biller_id, refund.invoice_id, told, now)


def change(conn: sa.Connection, before: Refund, after: Refund, now: datetime) -> Refund:
    """Writes a refund that this transaction has locked."""
    if after.state is not before.state and after.state not in MOVES[before.state]:
        raise RuntimeError(f"a refund cannot go from {before.state} to {after.state}")
    if not refunds.change(conn, before, after, now):
        raise RuntimeError("a locked row changed under its lock")
    return after


def add(conn: sa.Connection, invoice: Invoice, row: dict[str, Any], now: datetime) -> Refund:
    """A new refund of a payment of the invoice."""
    of = {"biller_id": invoice.biller_id, "invoice_id": invoice.id, "currency": invoice.currency}
    made = refunds.get(conn, refunds.add(conn, of | row, now))
    if made is None:
        raise RuntimeError("a row that was written is not there")
    return made


def owe(
    conn: sa.Connection, invoice: Invoice, attempt_id: int | None, line_id: int | None, due: RefundDue, now: datetime
) -> Refund:
    """Writes down money that came beyond the debt, and must go back to the payer."""
    minor = due.amount.minor
    row = {"attempt_id": attempt_id, "line_id": line_id, "state": RefundState.DUE, "reason": due.reason}
    row |= {"amount_minor": minor, "owed_minor": minor, "counts_minor": minor}
    return add(conn, invoice, row, now)


def by_policy(conn: sa.Connection, directory: Directory, biller: Biller, refund: Refund, now: datetime) -> None:
    """A second payment goes back at once, where the biller wants that and the provider can; else it waits for a person."""
    if refund.reason is RefundReason.DUPLICATE and biller.settings.payments.refund_duplicates == "auto":
        attempt = None if refund.attempt_id is None else payments.get(conn, refund.attempt_id)
        account = account_of(directory, attempt)
        if account is not None:
            begin(conn, account, refund, "policy", now)


def begin(conn: sa.Connection, account: ProviderAccount, refund: Refund, source: str, now: datetime) -> Refund:
    """Sends a refund that waits for a person to the provider instead. What it was told before is looked up there first."""
    begun = change(conn, refund, replace(refund, state=RefundState.CREATED, polls=0), now)
    send(conn, account, begun, source, now)
    return begun


def send(conn: sa.Connection, account: ProviderAccount, refund: Refund, source: str, now: datetime) -> None:
    outbox.poke(conn, GIVE_BACK, refund.id, account.destination, now, now)
    data = {"source": source, "reason": refund.reason}
    report(conn, refund, [NewEvent(EventType.REFUND_CREATED, data)], now)


def ask(conn: sa.Connection, directory: Directory, attempt: Attempt, refund: Refund, now: datetime) -> None:
    """Has the provider asked about a refund at once."""
    if (account := account_of(directory, attempt)) is not None:
        outbox.poke(conn, GIVE_BACK, refund.id, account.destination, now, now)


def fail(conn: sa.Connection, refund: Refund, code: str, now: datetime) -> Refund:
    """The provider does not give it back: a person must see to it."""
    failed = change(conn, refund, replace(refund, state=RefundState.FAILED, code=code), now)
    report(conn, failed, [NewEvent(EventType.REFUND_FAILED, {"reason": code})], now)
    return failed


def set_right(conn: sa.Connection, invoice: Invoice, of: tuple[int | None, int | None], now: datetime) -> None:
    """Less is owed to the payer than was: what waits, or is under way, says so."""
    listed = refunds.of_invoice(conn, invoice.id)
    before = {row.id: row for row in listed}
    for row in rules.no_longer_owed(invoice, of, listed):
        change(conn, before[row.id], row, now)


def take_over(
    conn: sa.Connection, invoice: Invoice, of: tuple[int | None, int | None], amount_minor: int, now: datetime
) -> tuple[Refund | None, int]:
    """Makes room for a refund of `amount_minor`: what waits for a person and is the same money waits no more.

    Gives the refund that is exactly this money, if there is one, and how much of it was owed.
    """
    listed = refunds.of_invoice(conn, invoice.id)
    before = {row.id: row for row in listed}
    taken = rules.take_over(amount_minor, of, listed)
    if len(taken.rows) == 1:
        same = before[taken.rows[0].id]
        if same.of == of and same.amount_minor == amount_minor:
            return same, taken.owed_minor
    for row in taken.rows:
        change(conn, before[row.id], row, now)
    return None, taken.owed_minor

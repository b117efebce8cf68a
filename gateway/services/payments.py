"""Money: the one door through which every observation passes, and its twin for money received elsewhere.

Nothing else changes the state of money. A webhook, a poll and the biller's word all come through here, in one transaction
with their events and tasks.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Any

import sqlalchemy as sa

from gateway.domain import payments as rules
from gateway.domain.events import EventType, NewEvent
from gateway.domain.ids import ATTEMPT, REFUND, show
from gateway.domain.invoices import Invoice
from gateway.domain.payments import Attempt, AttemptStatus, Verdict
from gateway.domain.refunds import Refund
from gateway.ports.provider import PaymentStatus, PaymentUpdate
from gateway.ports.values import Money
from gateway.services import closing, dues, given_back, health, ladder
from gateway.services.context import Context
from gateway.services.directory import Biller, Directory
from gateway.services.errors import Conflict, Invalid, NotFound
from gateway.store import events, invoices, payments
from gateway.store.invoices import Remembered

WEBHOOK, POLL, RECONCILE = "webhook", "poll", "reconcile"


def apply_update(
    conn: sa.Connection,
    directory: Directory,
    attempt_id: int,
    update: PaymentUpdate,
    source: str,
    now: datetime,
    *,
    line: Mapping[str, Any] | None = None,
) -> rules.Applied:
    """The one door: books an observation about an attempt's money, with all that follows from it.

    The rows are locked, the domain decides, compare-and-set writes. The same observation again changes nothing. `line` is what
    else the ledger keeps of it. Runs inside the caller's transaction.
    """
    known = payments.get(conn, attempt_id)
    if known is None:
        raise NotFound("there is no such attempt")
    invoice = invoices.get(conn, known.invoice_id, lock=True)  # always the invoice first: one lock order, no deadlock
    attempt = payments.get(conn, attempt_id, lock=True)
    if invoice is None or attempt is None:
        raise NotFound("there is no such attempt")
    change = rules.apply(invoice, attempt, update)
    fee = _fee(directory, attempt, update, change)
    if change.verdict is Verdict.REPEATED and fee != (attempt.fee_minor, attempt.fee_known):
        payments.learn_fee(conn, attempt.id, fee)
    if change.verdict is Verdict.REPEATED:
        given_back.look(conn, directory, attempt.id, update, now, asked=source == POLL)
        return change
    if source != WEBHOOK and _known_misfit(conn, attempt, change):
        return change
    if change.verdict is Verdict.APPLIED and not payments.write(conn, invoice, attempt, change, now, fee=fee):
        raise RuntimeError("a locked row changed under its lock")
    payments.record(
        conn,
        {
            "invoice_id": invoice.id,
            "attempt_id": attempt.id,
            "source": source,
            "status": update.status,
            "verdict": change.verdict,
            "currency": attempt.currency,
            "delta_minor": change.delta.minor,
            "note": change.reason,
            "occurred_at": update.occurred_at,
            "recorded_at": now,
            **(line or {}),
        },
    )
    due = dues.owe(conn, invoice, attempt.id, None, change.refund, now) if change.refund else None
    named = {"reference": line["reference"]} if line else {}
    of_attempt = {"payment": show(ATTEMPT, attempt.id), "source": source} | named
    events.append(conn, attempt.biller_id, invoice.id, _with(of_attempt, change.events, due), now)
    _follow_up(conn, directory, invoice, attempt, change, due, now)
    health.moved(conn, directory, attempt, change, now)
    if change.verdict is Verdict.APPLIED:
        given_back.look(conn, directory, attempt.id, update, now, asked=source == POLL)
    return change


def _fee(directory: Directory, attempt: Attempt, update: PaymentUpdate, change: rules.Applied) -> payments.Fee:
    """What the vendor keeps: its own word, else by the biller's table when money comes; a word is never overwritten by a guess."""
    if update.fee is not None and update.fee.currency == attempt.currency and change.verdict is not Verdict.MISMATCH:
        return update.fee.minor, True
    account = directory.provider(attempt.account_id)
    if attempt.fee_known or change.received_minor == attempt.received_minor or account is None:
        return attempt.fee_minor, attempt.fee_known
    estimated = account.candidate.fee_of(Money(change.received_minor, attempt.currency))
    return (None if estimated is None else estimated.minor), False


def _with(data: Mapping[str, object], happened: Sequence[NewEvent], due: Refund | None) -> list[NewEvent]:
    """The events with what all of them say; the one of money that is due back names its refund."""
    refund = {"refund": show(REFUND, due.id)} if due else {}
    return [
        NewEvent(event.type, {**data, **(refund if event.type is EventType.REFUND_DUE else {}), **event.data})
        for event in happened
    ]


def _known_misfit(conn: sa.Connection, attempt: Attempt, change: rules.Applied) -> bool:
    """Whether a person has been told already: a provider that is asked each hour says the same each hour."""
    if change.verdict is not Verdict.MISMATCH:
        return False
    told = [(line.attempt_id, line.verdict, line.note) for line in payments.lines(conn, attempt.invoice_id)]
    return (attempt.id, Verdict.MISMATCH, change.reason) in told


def _follow_up(
    conn: sa.Connection,
    directory: Directory,
    invoice: Invoice,
    attempt: Attempt,
    change: rules.Applied,
    due: Refund | None,
    now: datetime,
) -> None:
    biller = directory.biller(invoice.biller_id)
    if due is not None:
        dues.by_policy(conn, directory, biller, due, now)
    if change.delta.minor < 0:
        after = replace(invoice, status=change.invoice_status, paid_minor=change.paid_minor)
        dues.set_right(conn, after, (attempt.id, None), now)
    if change.settles:
        closing.settled(conn, directory, biller, invoice.id, attempt.id, now)
    elif change.delta.minor > 0 and invoice.payable:
        closing.close_attempts(conn, directory, invoice.id, now, but=attempt.id)  # they ask for more than is owed now
        closing.thank(conn, directory, biller, invoice.id, now)
    elif change.status in rules.OPEN and attempt.closing_at is None and not invoice.payable:
        closing.close_attempts(conn, directory, invoice.id, now)  # it was over, and is under way again, for nothing
    if change.reopens:
        ladder.begin_again(conn, biller, invoice.id, now)
    if change.status is AttemptStatus.FAILED and attempt.status is AttemptStatus.ACCEPTED and invoice.payable:
        closing.tell_failed(conn, directory, biller, invoice.id, now)


@dataclass(frozen=True, slots=True)
class OffPlatform:
    """Money received elsewhere, as the biller or a statement says it: where (`source`), and its reference there."""

    amount: Money
    received_on: date
    source: str
    reference: str
    note: str = ""

    def line(self) -> dict[str, Any]:
        """What the ledger keeps of it."""
        return {"reference": self.reference, "received_on": self.received_on, "note": self.note or None}


# What of it a payer typed into their own bank, so that it belongs to the transfer that the page told them of.
TRANSFERRED = frozenset({"bank", "bank_transfer", "transfer", "statement", "bank_statement"})


async def record_off_platform(
    ctx: Context, biller: Biller, invoice_id: int, money: OffPlatform, *, key: str | None = None
) -> tuple[payments.Line, bool]:
    """Books money that came another way, through the same rules; True says that it is new.

    Idempotent by (source, reference). Raises NotFound, Invalid on another currency, Conflict when the reference has another amount or day.
    """
    now = ctx.clock.now()
    return await ctx.db.write(lambda conn: book(conn, ctx.directory, biller, invoice_id, money, now, key=key))


def book(
    conn: sa.Connection,
    directory: Directory,
    biller: Biller,
    invoice_id: int,
    money: OffPlatform,
    now: datetime,
    *,
    key: str | None = None,
) -> tuple[payments.Line, bool]:
    """`record_off_platform` inside the caller's transaction: also the door for a bank line that was matched to an invoice.

    Money from one of TRANSFERRED is booked on the transfer that the payer was told how to make, which it ends when it is enough.
    """
    invoice = invoices.get(conn, invoice_id, biller_id=biller.id, lock=True)
    if invoice is None:
        raise NotFound("there is no such invoice")
    if money.amount.currency != invoice.currency:
        raise Invalid(f"the invoice is in {invoice.currency}", path="amount.currency")
    known = payments.line_by_reference(conn, invoice_id, money.source, money.reference)
    if key is not None:
        used = invoices.remembered(conn, biller.id, key)
        if used is not None and (known is None or used.operation != "payment" or used.resource_id != known.id):
            raise Conflict("this Idempotency-Key was used for another request", differs=["reference"])
    if known is not None:
        differs = [
            name
            for name, same in (
                ("amount", known.delta_minor == money.amount.minor),
                ("received_on", known.received_on == money.received_on),
            )
            if not same
        ]
        if differs:
            raise Conflict("this reference is booked with another content", differs=differs)
        return known, False
    transfer = rules.transfer_for(payments.of_invoice(conn, invoice.id)) if money.source in TRANSFERRED else None
    line_id = (
        _credit(conn, directory, biller, invoice, money, now)
        if transfer is None
        else _on_transfer(conn, directory, transfer, money, now)
    )
    if key is not None:
        invoices.remember(conn, biller.id, key, Remembered("payment", b"", line_id), now)
    return payments.line(conn, line_id), True


def _on_transfer(conn: sa.Connection, directory: Directory, attempt: Attempt, money: OffPlatform, now: datetime) -> int:
    """Through the one door, as what its provider would say if it could: all that came so far, and paid once it is enough."""
    received = Money(attempt.received_minor, attempt.currency) + money.amount
    status = PaymentStatus.PAID if received.minor >= attempt.amount_minor else PaymentStatus.PENDING
    event_id = f"{money.source}:{money.reference}"
    update = PaymentUpdate(event_id, attempt.external_id or "", status, now, received=received)
    apply_update(conn, directory, attempt.id, update, money.source, now, line=money.line())
    booked = payments.line_by_reference(conn, attempt.invoice_id, money.source, money.reference)
    if booked is None:
        raise RuntimeError("money that came is always a line")
    return booked.id


def _credit(
    conn: sa.Connection, directory: Directory, biller: Biller, invoice: Invoice, money: OffPlatform, now: datetime
) -> int:
    """Money that belongs to no attempt; gives its line."""
    change = rules.credit(invoice, money.amount)
    if not payments.write_credit(conn, invoice, change, now):
        raise RuntimeError("a locked row changed under its lock")
    line_id = payments.record(
        conn,
        {
            "invoice_id": invoice.id,
            "source": money.source,
            "status": PaymentStatus.PAID,
            "verdict": Verdict.APPLIED,
            "currency": money.amount.currency,
            "delta_minor": money.amount.minor,
            "occurred_at": now,
            "recorded_at": now,
            **money.line(),
        },
    )
    due = dues.owe(conn, invoice, None, line_id, change.refund, now) if change.refund else None
    said = {"source": money.source, "reference": money.reference}
    events.append(conn, biller.id, invoice.id, _with(said, change.events, due), now)
    if change.settles:
        closing.settled(conn, directory, biller, invoice.id, None, now)
    elif invoice.payable:
        closing.close_attempts(conn, directory, invoice.id, now)
    return line_id

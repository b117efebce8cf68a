"""Money that went back, booked: by the provider at our word, at its desk, or by a person; and what came back to the biller after all.

The other half of the door: with `services.payments` it alone changes the state of money. Runs in the caller's transaction.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

import sqlalchemy as sa

from gateway.domain import refunds as rules
from gateway.domain.events import EventType, NewEvent
from gateway.domain.invoices import Invoice
from gateway.domain.payments import Attempt, Verdict, shown
from gateway.domain.refunds import By, Refund, RefundReason, RefundState
from gateway.ports.provider import PaymentStatus, PaymentUpdate, RefundStatus, RefundUpdate
from gateway.ports.values import Money
from gateway.services import closing, dues, ladder
from gateway.services.directory import Directory
from gateway.services.errors import NotFound
from gateway.store import invoices, outbox, payments, refunds

GIVEN = "refund"  # the source of these lines in the ledger


def look(
    conn: sa.Connection, directory: Directory, attempt_id: int, update: PaymentUpdate, now: datetime, *, asked: bool
) -> None:
    """Takes note of the provider's own sum of money given back: books what was given by somebody else, has our own refunds asked about.

    `asked`: the provider was asked for it. What is not certain from a webhook, which may be old, is asked for then.
    """
    attempt = payments.get(conn, attempt_id)
    if update.refunded is None or attempt is None:
        return
    listed = refunds.of_invoice(conn, attempt.invoice_id)
    found = rules.seen(update.refunded.minor, attempt, listed, asked_at=now if asked else None)
    for row in found.ask:
        dues.ask(conn, directory, attempt, row, now)
    account = directory.provider(attempt.account_id)
    if found.look and account is not None:
        outbox.poke(conn, dues.LOOK, attempt.id, account.destination, now, now)
    for row in found.undone:
        come_back(conn, directory, row.id, "came_back", now)
    for row in found.by_hand:
        current = payments.get(conn, attempt_id)
        if current is None or not payments.note_refunded(conn, current, row.amount_minor, now):
            raise RuntimeError("a locked row changed under its lock")
        dues.change(conn, row, replace(row, given_by=By.DESK), now)
    if found.desk_minor:
        _found_at_the_desk(conn, directory, attempt, found.desk_minor, now)


def _found_at_the_desk(conn: sa.Connection, directory: Directory, attempt: Attempt, minor: int, now: datetime) -> None:
    invoice = invoices.get(conn, attempt.invoice_id)
    if invoice is None:
        raise NotFound("there is no such invoice")
    same, owed = dues.take_over(conn, invoice, (attempt.id, None), minor, now)
    if same is None:
        row = {"attempt_id": attempt.id, "state": RefundState.PENDING, "reason": RefundReason.REQUESTED}
        row |= {"amount_minor": minor, "owed_minor": owed, "counts_minor": owed}
        same = dues.add(conn, invoice, row, now)
    give_back(conn, directory, same.id, By.DESK, now)


def apply_refund(
    conn: sa.Connection, directory: Directory, refund_id: int, update: RefundUpdate, now: datetime
) -> None:
    """The door for what a provider says of one of our refunds. The same again changes nothing."""
    refund, _, _ = _locked(conn, refund_id)
    done = refund.state is RefundState.DONE
    if not (refund.under_way or done):
        return
    if update.status is RefundStatus.FAILED:
        code = update.reason or "failed"
        if done:
            come_back(conn, directory, refund_id, code, now)
        else:
            dues.fail(conn, _named(conn, refund, update, now), code, now)
    elif not done and update.amount != refund.amount:
        told = refund.code == "another_amount"
        dues.change(
            conn,
            refund,
            replace(refund, state=RefundState.PENDING, external_id=update.external_id, code="another_amount"),
            now,
        )
        if not told:
            wrong = {"reason": f"the provider speaks of a refund of {update.amount}"}
            dues.report(conn, refund, [NewEvent(EventType.PAYMENT_MISMATCH, wrong)], now)
    elif not done and update.status is RefundStatus.DONE:
        _named(conn, refund, update, now)
        give_back(conn, directory, refund_id, By.PROVIDER, now)
    elif not done:
        pending = replace(refund, state=RefundState.PENDING, external_id=update.external_id, told=True)
        dues.change(conn, refund, pending, now)


def _named(conn: sa.Connection, refund: Refund, update: RefundUpdate, now: datetime) -> Refund:
    return dues.change(conn, refund, replace(refund, external_id=update.external_id, told=True), now)


def give_back(
    conn: sa.Connection,
    directory: Directory,
    refund_id: int,
    given_by: By,
    now: datetime,
    *,
    reference: str | None = None,
) -> Refund:
    """Books that a refund is done, with all that follows: what was due is not any more; the debt is open again where it counts."""
    refund, invoice, attempt = _locked(conn, refund_id)
    booked = rules.book(invoice, refund)
    _book(conn, invoice, booked, refund, attempt if given_by is not By.PERSON else None, refund.amount_minor, now)
    done = replace(refund, state=RefundState.DONE, given_by=given_by, owed_minor=0, polls=0, done_at=now, code=None)
    done = dues.change(conn, refund, replace(done, reference=reference or refund.reference), now)
    data: dict[str, object] = {"by": given_by, "reason": refund.reason}
    data |= {"reference": done.reference} if done.reference else {}
    happened = [NewEvent(EventType.REFUND_SUCCEEDED, data | _waived(done))]
    if booked.reopens:
        happened.append(NewEvent(EventType.INVOICE_REOPENED))
    dues.report(conn, done, happened, now)
    after = replace(invoice, status=booked.invoice_status, paid_minor=booked.paid_minor)
    dues.set_right(conn, after, refund.of, now)
    biller = directory.biller(invoice.biller_id)
    closing.tell_refunded(conn, directory, biller, invoice.id, done.id, now)
    if booked.reopens:
        ladder.begin_again(conn, biller, invoice.id, now)
    return done


def _waived(refund: Refund) -> dict[str, object]:
    return {"waived": shown(Money(refund.waived_minor, refund.currency))} if refund.waived_minor else {}


def come_back(conn: sa.Connection, directory: Directory, refund_id: int, code: str, now: datetime) -> None:
    """Books that a refund which was done has come back to the biller: it is for a person again."""
    refund, invoice, attempt = _locked(conn, refund_id)
    booked = rules.book(invoice, refund, undone=True)
    by_provider = attempt if refund.given_by is not By.PERSON else None
    _book(conn, invoice, booked, refund, by_provider, -refund.amount_minor, now)
    after = replace(invoice, status=booked.invoice_status, paid_minor=booked.paid_minor)
    others = rules.owed(refunds.of_invoice(conn, invoice.id))
    owed = min(refund.amount_minor, max(0, rules.excess(after) - others))
    failed = replace(refund, state=RefundState.FAILED, code=code, owed_minor=owed, done_at=None, given_by=None)
    dues.change(conn, refund, failed, now)
    happened = [NewEvent(EventType.REFUND_FAILED, {"reason": code, "undone": True} | _waived(refund))]
    if booked.settles:
        happened.append(NewEvent(EventType.INVOICE_PAID))
    dues.report(conn, failed, happened, now)
    closing.tell_refunded_no_more(conn, invoice.id, now)
    if booked.settles:
        closing.close_attempts(conn, directory, invoice.id, now)
        closing.take_back(conn, directory, directory.biller(invoice.biller_id), invoice.id, now)


def lock(conn: sa.Connection, refund: Refund) -> None:
    """Locks its invoice: always the invoice first."""
    invoices.get(conn, refund.invoice_id, lock=True)


def _locked(conn: sa.Connection, refund_id: int) -> tuple[Refund, Invoice, Attempt | None]:
    """A refund with its invoice and its payment, locked in the one order."""
    known = refunds.get(conn, refund_id)
    invoice = None if known is None else invoices.get(conn, known.invoice_id, lock=True)
    attempt = None if known is None or known.attempt_id is None else payments.get(conn, known.attempt_id, lock=True)
    refund = refunds.get(conn, refund_id, lock=True)
    if refund is None or invoice is None:
        raise NotFound("there is no such refund")
    return refund, invoice, attempt


def _book(
    conn: sa.Connection,
    invoice: Invoice,
    booked: rules.Booked,
    refund: Refund,
    attempt: Attempt | None,
    given_minor: int,
    now: datetime,
) -> None:
    if not payments.write_refund(conn, invoice, booked, attempt, given_minor, now):
        raise RuntimeError("a locked row changed under its lock")
    payments.record(
        conn,
        {
            "invoice_id": invoice.id,
            "attempt_id": refund.attempt_id,
            "refund_id": refund.id,
            "source": GIVEN,
            "status": PaymentStatus.PAID,
            "verdict": Verdict.APPLIED,
            "currency": refund.currency,
            "delta_minor": booked.paid_minor - invoice.paid_minor,
            "occurred_at": now,
            "recorded_at": now,
        },
        given_minor=given_minor,
    )

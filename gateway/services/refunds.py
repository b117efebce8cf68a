"""Refunds as a biller asks for them: of any payment, through its provider or by hand; what waits, tried again or reported done.

What is asked is checked and reserved in one transaction; what the provider is told, and what it answers, is `refunding`'s.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from gateway.domain import refunds as rules
from gateway.domain.events import EventType, NewEvent
from gateway.domain.ids import ATTEMPT, UPDATE, read, show
from gateway.domain.invoices import Invoice, InvoiceStatus, differences
from gateway.domain.payments import Attempt, shown
from gateway.domain.refunds import EXCESS, FOR_A_PERSON, By, Refund, RefundReason, RefundState
from gateway.ports.values import Money
from gateway.services import dues, given_back
from gateway.services.context import Context
from gateway.services.directory import Biller, ProviderAccount
from gateway.services.errors import Conflict, Invalid, NotFound
from gateway.services.invoices import request_hash
from gateway.store import invoices, payments, refunds
from gateway.store.invoices import Remembered

_OPERATION = "refund"


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a biller asks to give back; without an amount, all that is left."""

    amount: Money | None = None
    reason: RefundReason = RefundReason.REQUESTED
    reopen: bool = False


@dataclass(frozen=True, slots=True)
class _Payment:
    """Money that came in, however it came, with its rows locked."""

    invoice: Invoice
    attempt: Attempt | None
    line_id: int | None
    kept_minor: int

    @property
    def of(self) -> tuple[int | None, int | None]:
        return (None if self.attempt is None else self.attempt.id), self.line_id


async def request(ctx: Context, biller: Biller, payment: str, wanted: Wanted, key: str) -> tuple[Refund, bool]:
    """Gives back money of a payment (`pay_…`, or `upd_…` for money that came elsewhere); True says that it is new.

    Through the provider where it can, else it is due: a person gives it back and reports it done. The same key again gives the
    same refund. Raises NotFound; Conflict, which names the fields, on a key used for another request or where less is left than is
    asked; Invalid on another currency.
    """
    now = ctx.clock.now()
    asked = {
        "payment": payment,
        "amount": wanted.amount and shown(wanted.amount),
        "reason": wanted.reason.value,
        "reopen": wanted.reopen,
    }

    def body(conn: sa.Connection) -> tuple[Refund, bool]:
        used = invoices.remembered(conn, biller.id, key)
        if used is not None:
            return _repeated(conn, used, asked), False
        of = _payment(conn, biller, payment)
        made = _give(conn, ctx, of, wanted, asked, now)
        invoices.remember(conn, biller.id, key, Remembered(_OPERATION, request_hash(asked), made.id), now)
        return made, True

    return await ctx.db.write(body)


def _repeated(conn: sa.Connection, used: Remembered, asked: dict[str, Any]) -> Refund:
    known = refunds.get(conn, used.resource_id) if used.operation == _OPERATION else None
    if known is None:
        raise Conflict("this Idempotency-Key was used for another operation", differs=["operation"])
    if used.request_hash != request_hash(asked):
        differs = differences(known.asked or {}, asked) or ["payment"]
        raise Conflict("this Idempotency-Key was used for another request", differs=differs)
    return known


def _payment(conn: sa.Connection, biller: Biller, shown_id: str, *, lock: bool = True) -> _Payment:
    """The payment of that id, locked unless it is only read. Raises NotFound."""
    attempt_id, line_id = read(ATTEMPT, shown_id), read(UPDATE, shown_id)
    attempt = payments.get(conn, attempt_id) if attempt_id is not None else None
    line = payments.line_if_known(conn, line_id) if line_id is not None else None
    invoice_id = attempt.invoice_id if attempt else line.invoice_id if line else None
    invoice = None if invoice_id is None else invoices.get(conn, invoice_id, biller_id=biller.id, lock=lock)
    if invoice is not None and attempt is not None:
        attempt = payments.get(conn, attempt.id, lock=lock) or attempt
        return _Payment(invoice, attempt, None, attempt.received_minor - attempt.reversed_minor)
    if invoice is not None and line is not None and line.attempt_id is None and line.refund_id is None:
        return _Payment(invoice, None, line.id, line.delta_minor)
    raise NotFound("there is no such payment")


def _of_refund(conn: sa.Connection, biller: Biller, refund_id: int) -> tuple[_Payment, Refund]:
    """A refund and its payment, locked. Raises NotFound."""
    known = refunds.get(conn, refund_id, biller_id=biller.id)
    if known is None:
        raise NotFound("there is no such refund")
    attempt_id, line_id = known.of
    of = _payment(conn, biller, show(ATTEMPT, attempt_id) if attempt_id is not None else show(UPDATE, line_id or 0))
    return of, refunds.get(conn, refund_id, lock=True) or known


def _give(
    conn: sa.Connection, ctx: Context, of: _Payment, wanted: Wanted, asked: dict[str, Any], now: datetime
) -> Refund:
    invoice = of.invoice
    left = rules.left(of.kept_minor, of.of, refunds.of_invoice(conn, invoice.id))
    if wanted.amount is not None and wanted.amount.currency != invoice.currency:
        raise Invalid(f"the payment is in {invoice.currency}", path="amount.currency")
    if not left:
        raise Conflict("nothing of this payment is left to be given back", path="amount")
    minor = wanted.amount.minor if wanted.amount else left
    if minor > left:
        raise Conflict(f"only {Money(left, invoice.currency)} of this payment can still be given back", path="amount")
    same, owed = dues.take_over(conn, invoice, of.of, minor, now)
    account = dues.account_of(ctx.directory, of.attempt)
    counts = minor if wanted.reopen or invoice.status is InvoiceStatus.VOID else owed
    if same is not None:
        counts = max(counts, same.counts_minor if same.reason in EXCESS else 0)
        named = dues.change(conn, same, replace(same, asked=asked, counts_minor=counts), now)
        return named if account is None else dues.begin(conn, account, named, "api", now)
    row = {"attempt_id": of.of[0], "line_id": of.of[1], "reason": wanted.reason, "asked": asked}
    row |= {"amount_minor": minor, "owed_minor": owed, "counts_minor": counts}
    if account is not None:
        made = dues.add(conn, invoice, row | {"state": RefundState.CREATED}, now)
        dues.send(conn, account, made, "api", now)
        return made
    made = dues.add(conn, invoice, row | {"state": RefundState.DUE}, now)
    dues.report(conn, made, [NewEvent(EventType.REFUND_DUE, {"source": "api", "reason": made.reason})], now)
    return made


async def done(ctx: Context, biller: Biller, refund_id: int, reference: str) -> tuple[Refund, bool]:
    """The biller has given back, another way, what waited for a person; True says that it is news.

    Raises NotFound, and Conflict when the refund is at the provider, was given back with another reference, or is not left any more.
    """
    now = ctx.clock.now()

    def body(conn: sa.Connection) -> tuple[Refund, bool]:
        of, refund = _of_refund(conn, biller, refund_id)
        if refund.state is RefundState.DONE:
            if refund.reference == reference:
                return refund, False
            if refund.reference is not None:
                raise Conflict("this refund is done with another reference", differs=["reference"])
        _waits(conn, of, refund)
        return given_back.give_back(conn, ctx.directory, refund.id, By.PERSON, now, reference=reference), True

    return await ctx.db.write(body)


async def retry(ctx: Context, biller: Biller, refund_id: int) -> Refund:
    """Sends what waits for a person to the provider, once more or at last. One that is on its way already stays as it is.

    Raises NotFound, and Conflict when the provider cannot give it back, or it is done or not left any more.
    """
    now = ctx.clock.now()

    def body(conn: sa.Connection) -> Refund:
        of, refund = _of_refund(conn, biller, refund_id)
        if refund.under_way:
            return refund
        _waits(conn, of, refund)
        return dues.begin(conn, _account(ctx, of), refund, "api", now)

    return await ctx.db.write(body)


def _account(ctx: Context, of: _Payment) -> ProviderAccount:
    account = dues.account_of(ctx.directory, of.attempt)
    if account is None:
        raise Conflict("its provider gives no money back: do it another way, and report it done")
    return account


def _waits(conn: sa.Connection, of: _Payment, refund: Refund) -> None:
    """Raises Conflict unless a refund waits for a person, and its money is still there to be given."""
    if refund.state not in FOR_A_PERSON:
        raise Conflict(f"the refund is {refund.state}; only one that is due or failed waits for you")
    others = [row for row in refunds.of_invoice(conn, of.invoice.id) if row.id != refund.id]
    left = rules.left(of.kept_minor, of.of, others)
    if refund.amount_minor > left:
        raise Conflict(f"only {Money(left, refund.currency)} of this payment can still be given back", path="amount")


async def get(ctx: Context, biller: Biller, refund_id: int) -> Refund:
    """One refund of the biller's. Raises NotFound."""
    found = await ctx.db.read(lambda conn: refunds.get(conn, refund_id, biller_id=biller.id))
    if found is None:
        raise NotFound("there is no such refund")
    return found


async def of_payment(ctx: Context, biller: Biller, payment: str) -> list[Refund]:
    """The refunds of one payment, the oldest first. Raises NotFound."""

    def body(conn: sa.Connection) -> list[Refund]:
        of = _payment(conn, biller, payment, lock=False)
        return [row for row in refunds.of_invoice(conn, of.invoice.id) if row.of == of.of]

    return await ctx.db.read(body)


async def page(
    ctx: Context, biller: Biller, states: Sequence[RefundState], *, before_id: int | None = None, limit: int = 50
) -> tuple[list[Refund], int | None]:
    """The biller's refunds in these states, newest first, and the id from before which the next page goes on."""
    found = await ctx.db.read(lambda conn: refunds.page(conn, biller.id, states, before_id, limit + 1))
    return found[:limit], found[limit - 1].id if len(found) > limit else None

"""Invoices: issue, change, void, read. Issuing writes payer, invoice, first message, event and tasks in one transaction."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Any

import orjson
import sqlalchemy as sa

from gateway.domain.claims import Claim
from gateway.domain.deliveries import Delivery, MessageKind, Step
from gateway.domain.events import EventType, NewEvent
from gateway.domain.invoices import Invoice, InvoiceStatus, differences, status_after
from gateway.domain.payments import Attempt, shown
from gateway.domain.refunds import Refund
from gateway.domain.reminders import Reason
from gateway.ports.values import Money
from gateway.services import bindings, closing, ladder, plans
from gateway.services.context import Context
from gateway.services.directory import Biller
from gateway.services.errors import Conflict, Invalid, NotFound
from gateway.store import claims, deliveries, events, invoices, payments, refunds
from gateway.store.invoices import Filter, Payer, Remembered


@dataclass(frozen=True, slots=True)
class Draft:
    """An invoice as the biller posts it, checked by the edge. `payer` has the columns of the payer table.

    `details` is the whole request in its normal form: what a repeated request is compared with, and what is shown again.
    `steps` None means the biller's policy, empty means no message.
    """

    number: str
    amount: Money
    issued_on: date
    due_on: date
    payer: dict[str, Any]
    details: dict[str, Any]
    steps: Sequence[Step] | None = None
    deliver_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class View:
    """All that is shown of one invoice."""

    invoice: Invoice
    payer: Payer
    attempts: Sequence[Attempt] = ()
    deliveries: Sequence[Delivery] = ()
    lines: Sequence[payments.Line] = ()
    refunds: Sequence[Refund] = ()
    sequence: int = 0
    claims: Sequence[Claim] = ()  # the open ones, where the payer looks

    @property
    def processing(self) -> bool:
        """A payer was sent to a provider and its outcome is not known yet."""
        return any(attempt.awaited for attempt in self.attempts)


def view(conn: sa.Connection, invoice: Invoice) -> View:
    """Reads what hangs on an invoice."""
    return View(
        invoice,
        invoices.get_payer(conn, invoice.payer_id),
        payments.of_invoice(conn, invoice.id),
        deliveries.of_invoice(conn, invoice.id),
        payments.lines(conn, invoice.id),
        refunds.of_invoice(conn, invoice.id),
        events.last_invoice_seq(conn, invoice.id),
    )


def request_hash(details: dict[str, Any]) -> bytes:
    return hashlib.sha256(orjson.dumps(details, option=orjson.OPT_SORT_KEYS)).digest()


async def issue(ctx: Context, biller: Biller, draft: Draft, *, key: str | None = None) -> tuple[View, bool]:
    """Takes an invoice; True says that it is new.

    Posting the same again, by number or by Idempotency-Key (`key`), gives what is there and changes nothing. Raises Conflict, which
    names the fields, when something differs, and Invalid on a channel that the biller does not have.
    """
    plans.check(ctx.directory, biller, draft.steps)
    now = ctx.clock.now()
    new = await ctx.db.write(lambda conn: _issue(conn, ctx, biller, draft, key, now))
    if isinstance(new, View):
        return new, True
    found = new
    different = differences(found.details, draft.details)
    if different:
        what = (
            "this Idempotency-Key was used for another request"
            if key and found.number != draft.number
            else (f"invoice {found.number} exists with another content")
        )
        raise Conflict(what, differs=different)
    return await ctx.db.read(lambda conn: view(conn, found)), False


def _issue(
    conn: sa.Connection, ctx: Context, biller: Biller, draft: Draft, key: str | None, now: datetime
) -> View | Invoice:
    if key is not None and (used := invoices.remembered(conn, biller.id, key)) is not None:
        if used.operation != "invoice":
            raise Conflict("this Idempotency-Key was used for another operation", differs=["operation"])
        known = invoices.get(conn, used.resource_id)
        if known is not None:
            return known
    row: dict[str, Any] = {
        "biller_id": biller.id,
        "number": draft.number,
        "status": InvoiceStatus.OPEN,
        "currency": draft.amount.currency,
        "amount_minor": draft.amount.minor,
        "paid_minor": 0,
        "issued_on": draft.issued_on,
        "due_on": draft.due_on,
        "details": draft.details,
        "link_version": 0,
        "created_at": now,
        "updated_at": now,
    }
    existing = invoices.by_number(conn, biller.id, draft.number)
    if existing is not None:
        return existing
    payer = bindings.recheck(conn, ctx, invoices.upsert_payer(conn, biller.id, draft.payer, now), now)
    invoice_id = invoices.insert(conn, row | {"payer_id": payer.id})
    if invoice_id is None:  # another process was faster
        raced = invoices.by_number(conn, biller.id, draft.number)
        if raced is None:
            raise Conflict(f"invoice {draft.number} is being issued by another request")
        return raced
    if key is not None:
        invoices.remember(conn, biller.id, key, Remembered("invoice", request_hash(draft.details), invoice_id), now)
    invoice = Invoice(id=invoice_id, payer_id=payer.id, settled_at=None, **row)
    events.append(conn, biller.id, invoice_id, [NewEvent(EventType.INVOICE_ISSUED)], now)
    sent: Sequence[Delivery] = ()
    steps = plans.policy(biller) if draft.steps is None else draft.steps
    if steps:
        due_at = max(now, draft.deliver_at or now)
        sent = plans.begin(conn, ctx.directory, invoice, payer, MessageKind.INVOICE_ISSUED, steps, due_at, now)
    said_impossible = bool(steps) and not sent
    reminded = ladder.plan_for(conn, biller, invoice, payer, now) is not None
    return View(invoice, payer, deliveries=sent, sequence=1 + said_impossible + reminded)


async def get(ctx: Context, biller: Biller, invoice_id: int) -> View:
    """One invoice of the biller's. Raises NotFound."""

    def body(conn: sa.Connection) -> View | None:
        invoice = invoices.get(conn, invoice_id, biller_id=biller.id)
        return None if invoice is None else view(conn, invoice)

    found = await ctx.db.read(body)
    if found is None:
        raise NotFound("there is no such invoice")
    return found


async def by_number(ctx: Context, biller: Biller, number: str) -> View:
    """One invoice by the biller's own number. Raises NotFound."""

    def body(conn: sa.Connection) -> View | None:
        invoice = invoices.by_number(conn, biller.id, number)
        return None if invoice is None else view(conn, invoice)

    found = await ctx.db.read(body)
    if found is None:
        raise NotFound(f"there is no invoice {number}")
    return found


async def page(
    ctx: Context, biller: Biller, wanted: Filter, *, before_id: int | None = None, limit: int = 50
) -> tuple[list[View], int | None]:
    """The biller's invoices, newest first, and the id from before which the next page goes on (None: there is none)."""

    def body(conn: sa.Connection) -> list[View]:
        return [view(conn, invoice) for invoice in invoices.page(conn, biller.id, wanted, before_id, limit + 1)]

    found = await ctx.db.read(body)
    return found[:limit], found[limit - 1].invoice.id if len(found) > limit else None


async def timeline(
    ctx: Context, biller: Biller, invoice_id: int, after: int = 0, limit: int = 1000
) -> list[events.Event]:
    """The invoice's events in order. Raises NotFound."""

    def body(conn: sa.Connection) -> list[events.Event] | None:
        if invoices.get(conn, invoice_id, biller_id=biller.id) is None:
            return None
        return events.of_invoice(conn, invoice_id, after, limit)

    found = await ctx.db.read(body)
    if found is None:
        raise NotFound("there is no such invoice")
    return found


async def change(
    ctx: Context, biller: Biller, invoice_id: int, *, amount: Money | None = None, due_on: date | None = None
) -> View:
    """New amount, due date or both, while the invoice is open; attempts at the old amount are closed.

    Raises NotFound; Conflict when it is paid or void, or when more has been paid than the new amount; Invalid on another currency.
    """
    now = ctx.clock.now()

    def body(conn: sa.Connection) -> View:
        invoice = invoices.get(conn, invoice_id, biller_id=biller.id, lock=True)
        if invoice is None:
            raise NotFound("there is no such invoice")
        if not invoice.payable:
            raise Conflict(f"the invoice is {invoice.status}; only an open one can be changed")
        wanted, day = amount or invoice.amount, due_on or invoice.due_on
        if wanted.currency != invoice.currency:
            raise Invalid(f"the invoice is in {invoice.currency}", path="amount.currency")
        if wanted.minor < invoice.paid_minor:
            raise Conflict(f"{invoice.paid} has been paid already; the amount cannot be below that", path="amount")
        if day < invoice.issued_on:
            raise Invalid("an invoice is not due before it is issued", path="due_on")
        changed: dict[str, Any] = {}
        if wanted != invoice.amount:
            changed["amount"] = {"from": shown(invoice.amount), "to": shown(wanted)}
        if day != invoice.due_on:
            changed["due_on"] = {"from": invoice.due_on.isoformat(), "to": day.isoformat()}
        if not changed:
            return view(conn, invoice)
        status = status_after(invoice.status, wanted.minor, invoice.paid_minor)
        invoices.change(conn, invoice, amount_minor=wanted.minor, due_on=day, status=status, now=now)
        happened = [NewEvent(EventType.INVOICE_CHANGED, {"changed": changed})]
        if status is InvoiceStatus.PAID:
            happened.append(NewEvent(EventType.INVOICE_PAID))
        events.append(conn, biller.id, invoice_id, happened, now)
        if "amount" in changed:
            closing.close_attempts(conn, ctx.directory, invoice_id, now)
        if status is InvoiceStatus.PAID:
            closing.settled(conn, ctx.directory, biller, invoice_id, None, now)
        again = invoices.get(conn, invoice_id)
        if again is None:
            raise NotFound("there is no such invoice")
        if "due_on" in changed and again.payable:
            payer = invoices.get_payer(conn, again.payer_id)
            ladder.replan(conn, biller, again, payer, now, Reason.CHANGED)
        return view(conn, again)

    return await ctx.db.write(body)


async def void(ctx: Context, biller: Biller, invoice_id: int, reason: str = "") -> View:
    """Withdraws an invoice: its link says so, nothing queued is sent, open attempts are closed. Voiding again changes nothing.

    Raises NotFound, and Conflict once money has come: then it is for a refund.
    """
    now = ctx.clock.now()

    def body(conn: sa.Connection) -> View:
        invoice = invoices.get(conn, invoice_id, biller_id=biller.id, lock=True)
        if invoice is None:
            raise NotFound("there is no such invoice")
        if invoice.status is not InvoiceStatus.VOID:
            if not invoices.void(conn, invoice_id, now):
                raise Conflict(f"the invoice is {invoice.status}; what has been paid must be refunded, not voided")
            events.append(
                conn,
                biller.id,
                invoice_id,
                [NewEvent(EventType.INVOICE_VOIDED, {"reason": reason} if reason else {})],
                now,
            )
            closing.close_attempts(conn, ctx.directory, invoice_id, now)
            closing.take_back(conn, ctx.directory, biller, invoice_id, now)
        again = invoices.get(conn, invoice_id)
        if again is None:
            raise NotFound("there is no such invoice")
        return view(conn, again)

    return await ctx.db.write(body)


async def by_token(ctx: Context, token: str) -> View:
    """What a pay link shows. Raises NotFound, the same for a wrong, a revoked and a guessed one."""
    link_id = ctx.links.link_id(token)
    if link_id is None:
        raise NotFound("there is no such link")

    def body(conn: sa.Connection) -> View | None:
        invoice = invoices.get(conn, link_id)
        if invoice is None or not ctx.links.proves(token, link_id, invoice.link_version):
            return None
        return replace(view(conn, invoice), claims=claims.open_of(conn, link_id))

    found = await ctx.db.read(body)
    if found is None:
        raise NotFound("there is no such link")
    return found

"""Attempts: open one at a provider, ask how it goes, close it. No transaction is open during a vendor's call."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa

from gateway.domain import references
from gateway.domain.events import EventType, NewEvent
from gateway.domain.ids import ATTEMPT, show
from gateway.domain.invoices import Invoice
from gateway.domain.payments import SILENT_FOR, Attempt, AttemptStatus
from gateway.domain.routing import Browser, browser_of, decide
from gateway.ports.errors import OutcomeUnknown, Rejected, RetryLater
from gateway.ports.provider import PaymentRequest, PaymentSession
from gateway.services import choosing, health, inquiry, routing
from gateway.services import payments as door
from gateway.services.closing import CLOSE
from gateway.services.context import Context
from gateway.services.directory import Biller, ProviderAccount
from gateway.services.errors import Conflict, NotFound, StillAsked, Unavailable
from gateway.services.route_shapes import routed_data
from gateway.services.routing import Chosen
from gateway.store import events, inbox, invoices, outbox, payments

POLL, APPLY_INBOX = "poll", "apply-inbox"
FIRST_POLL = timedelta(seconds=10)
MOST_TRIED = 3  # accounts, in one click
PATIENCE = timedelta(seconds=20)  # of a payer who waits; no further account is asked after it


@dataclass(frozen=True, slots=True)
class Visitor:
    """The browser that pressed the button; a bank wants to know it (PSD2: PSU-IP-Address). Kept nowhere."""

    address: str | None = None
    agent: str | None = None


@dataclass(frozen=True, slots=True)
class Asked:
    """What the payer picked, and where."""

    method: str
    locale: str
    choice: str | None
    browser: Browser


async def start(
    ctx: Context,
    invoice: Invoice,
    method: str,
    *,
    locale: str,
    choice: str | None = None,
    visitor: Visitor = Visitor(),
) -> Attempt:
    """Opens a payment of what is outstanding; the attempt says where to send the payer, and with what.

    Reserve, call, record: no transaction is open during the call. An open session of the same method and amount is taken up again,
    if its provider is there and still has it open. When an account definitely does not open the payment, the next one is asked
    within this click, three at the most; each try stays as a row with its reason. Raises Conflict when nothing is owed (any more) or
    another amount, NotFound on a method that is not offered, Invalid on a choice that is not, Unavailable when no account is there.
    An unknown outcome is not failed over: it stays UNKNOWN, is polled, and until it is known whoever picks this method again gets
    StillAsked.
    """
    biller = ctx.directory.biller(invoice.biller_id)
    choice = choosing.picked(choosing.offered(ctx, biller.id, invoice.currency).get(method, ()), choice)
    asked = Asked(method, locale, choice, browser_of(visitor.agent))
    tried: frozenset[int] = frozenset()
    looked_at: set[int] = set()
    began = ctx.clock.now()
    while True:
        attempt, chosen = await ctx.db.write(
            lambda conn, tried=tried: _reserve(conn, ctx, biller, invoice.id, asked, tried, ctx.clock.now())  # type: ignore[misc]
        )
        if chosen is not None:
            session = await _open(ctx, biller, invoice, attempt, chosen, visitor)
            if session is not None:
                return session
            tried |= {chosen.account.id}
        elif attempt.id in looked_at:
            return attempt
        else:
            looked_at.add(attempt.id)
            tried |= await _look_at(ctx, biller, attempt)
        if len(tried) >= MOST_TRIED or ctx.clock.now() - began > PATIENCE:
            raise Unavailable("the provider cannot serve this now")


async def _look_at(ctx: Context, biller: Biller, attempt: Attempt) -> frozenset[int]:
    """Asks how an open session is before a payer who comes back is sent to it; gives the account when nobody is there.

    What the provider says goes through the door, so that who has paid is not sent to pay again. A provider that says when to ask
    again, or does not know the payment now, is there.
    """
    account = ctx.directory.provider(attempt.account_id)
    if account is None or attempt.external_id is None or account.plugin.silent:
        return frozenset()
    try:
        update = await inquiry.ask(ctx, account, attempt, attempt.external_id)
    except Rejected:
        return frozenset()
    except RetryLater as error:
        if error.after_s is not None:
            return frozenset()
        await ctx.db.write(lambda conn: health.failed(conn, biller, attempt, ctx.clock.now()))
        return frozenset({attempt.account_id})
    await ctx.db.write(
        lambda conn: door.apply_update(conn, ctx.directory, attempt.id, update, door.POLL, ctx.clock.now())
    )
    return frozenset()


async def _open(
    ctx: Context, biller: Biller, invoice: Invoice, attempt: Attempt, chosen: Chosen, visitor: Visitor
) -> Attempt | None:
    """Asks one account; None: it definitely did not open the payment."""
    account, began = chosen.account, ctx.clock.now()
    request = replace(
        request_of(ctx, invoice, attempt, account), payer_address=visitor.address, payer_agent=visitor.agent
    )

    def recorded(conn: sa.Connection, session: PaymentSession) -> Attempt | None:
        now = ctx.clock.now()
        current = record_opened(conn, account, attempt, session, now)
        health.opened(conn, biller, attempt, now - began, now, rested=chosen.rested)
        return current

    def refused(conn: sa.Connection, code: str) -> None:
        record_refused(conn, attempt, code, ctx.clock.now())
        health.failed(conn, biller, attempt, ctx.clock.now())

    def silent(conn: sa.Connection) -> None:
        _unknown(conn, account, attempt, ctx.clock.now())
        health.failed(conn, biller, attempt, ctx.clock.now())

    try:
        session = await account.make().create_payment(request)
    except OutcomeUnknown:
        if account.plugin.void_unanswered:
            await ctx.db.write(lambda conn: refused(conn, "not_created"))
            return None
        await ctx.db.write(silent)
        raise Unavailable("the provider did not answer; it is being asked") from None
    except (RetryLater, Rejected) as error:
        code = error.code if isinstance(error, Rejected) else "unavailable"
        await ctx.db.write(lambda conn: refused(conn, code))
        return None
    opened = await ctx.db.write(lambda conn: recorded(conn, session))
    if opened is None:
        raise Conflict("what is owed has changed meanwhile")
    return opened


def _reserve(
    conn: sa.Connection,
    ctx: Context,
    biller: Biller,
    invoice_id: int,
    asked: Asked,
    tried: frozenset[int],
    now: datetime,
) -> tuple[Attempt, Chosen | None]:
    """A new attempt with who serves it, or one that is open and is taken up again (None)."""
    invoice = invoices.get(conn, invoice_id, lock=True)
    if invoice is None or not invoice.payable:
        raise Conflict("nothing is owed on this invoice")
    picked = asked.method, asked.choice
    seen = routing.situation(conn, ctx.directory, biller, invoice, asked.browser, now, tried=tried, picked=picked)
    known = payments.of_invoice(conn, invoice_id)
    decision = decide(seen)
    route = decision.route(asked.method)
    good = (
        [option.account_id for option in route.options if option.fit or (route.troubled and option.usable)]
        if route
        else []
    )
    for attempt in known:
        same = attempt.account_id in good and attempt.amount == invoice.outstanding
        same = same and (attempt.method, attempt.choice) == (asked.method, asked.choice)
        fresh = attempt.status is AttemptStatus.PENDING and attempt.closing_at is None and attempt.expires_at > now
        if same and fresh and attempt.redirect_url is not None:
            return attempt, None
    if any(attempt.method == asked.method and attempt.unanswered(now) for attempt in known):
        raise StillAsked(f"a payment by {asked.method} may have been opened; the provider is being asked")
    minutes = timedelta(minutes=biller.settings.payments.attempt_minutes)
    chosen = routing.choose(conn, ctx, seen, decision, asked.method, now + minutes, now)
    expires_at = now + (SILENT_FOR if chosen.account.plugin.silent else minutes)
    row = new_row(invoice, chosen.account.id, expires_at, now)
    row |= {"method": asked.method, "locale": asked.locale, "choice": asked.choice}
    attempt_id = payments.reserve(conn, row)
    reference = f"{invoice.number[:40]}-{attempt_id}"
    payments.name_attempt(conn, attempt_id, reference)
    outbox.add(conn, POLL, attempt_id, chosen.account.destination, now + FIRST_POLL, now)
    why = routed_data(chosen.decision, asked.method, chosen.option, invoice.currency, asked.browser)
    routed = NewEvent(EventType.PAYMENT_ROUTED, {"payment": show(ATTEMPT, attempt_id)} | why)
    events.append(conn, biller.id, invoice_id, [routed], now)
    made = payments.get(conn, attempt_id)
    if made is None:
        raise NotFound("the attempt is gone")
    return made, chosen


def new_row(invoice: Invoice, account_id: int, expires_at: datetime, now: datetime) -> dict[str, Any]:
    """The row of an attempt at all that is outstanding, before it has a method, a locale and a reference."""
    return {
        "biller_id": invoice.biller_id,
        "invoice_id": invoice.id,
        "account_id": account_id,
        "currency": invoice.currency,
        "amount_minor": invoice.outstanding.minor,
        "received_minor": 0,
        "reversed_minor": 0,
        "reference": "",
        "expires_at": expires_at,
        "polls": 0,
        "created_at": now,
        "updated_at": now,
    }


def request_of(ctx: Context, invoice: Invoice, attempt: Attempt, account: ProviderAccount) -> PaymentRequest:
    """The same on every try: a provider refuses an idempotency key that comes with other terms."""
    pay_url = ctx.pay_url(invoice.id, invoice.link_version)
    biller = ctx.directory.biller(invoice.biller_id).settings.biller
    return PaymentRequest(
        idempotency_key=f"{ctx.installation}-{attempt.id}",
        amount=attempt.amount,
        reference=attempt.reference,
        description=f"{biller.display_name} {invoice.number}",
        return_url=f"{pay_url}/return",
        webhook_url=f"{ctx.public_url}/hooks/providers/{account.row.name}",
        expires_at=attempt.expires_at,
        locale=attempt.locale,
        method=attempt.method,
        creditor_reference=references.reference(invoice.id),
        choice=attempt.choice,
        callback_url=f"{ctx.public_url}/return",
        state=ctx.returns.issue(attempt.id),
        asked_at=attempt.created_at,
    )


def record_opened(
    conn: sa.Connection, account: ProviderAccount, attempt: Attempt, session: PaymentSession, now: datetime
) -> Attempt | None:
    """Records the session. None: settled, void or changed meanwhile, so it is not wanted any more and is being closed."""
    expires_at = session.expires_at or attempt.expires_at
    payments.opened(conn, attempt.id, session, expires_at, now)
    started = NewEvent(EventType.PAYMENT_STARTED, {"payment": show(ATTEMPT, attempt.id), "method": attempt.method})
    events.append(conn, attempt.biller_id, attempt.invoice_id, [started], now)
    for early in inbox.held_about(conn, account.row.inbox, session.external_id):
        outbox.poke(conn, APPLY_INBOX, early, "", now, now)
    outbox.poke(conn, POLL, attempt.id, account.destination, now + FIRST_POLL, now)
    current = payments.get(conn, attempt.id)
    if current is not None and current.closing_at is None:
        return current
    outbox.poke(conn, CLOSE, attempt.id, account.destination, now, now)
    return None


def _unknown(conn: sa.Connection, account: ProviderAccount, attempt: Attempt, now: datetime) -> None:
    if payments.move(conn, attempt.id, [AttemptStatus.CREATED], AttemptStatus.UNKNOWN, now):
        unknown = NewEvent(EventType.PAYMENT_UNKNOWN, {"payment": show(ATTEMPT, attempt.id)})
        events.append(conn, attempt.biller_id, attempt.invoice_id, [unknown], now)
    outbox.poke(conn, POLL, attempt.id, account.destination, now, now)


def record_refused(conn: sa.Connection, attempt: Attempt, code: str, now: datetime, *, keep_poll: bool = False) -> None:
    if payments.move(
        conn, attempt.id, [AttemptStatus.CREATED, AttemptStatus.UNKNOWN], AttemptStatus.FAILED, now, reason=code
    ):
        failed = NewEvent(EventType.PAYMENT_FAILED, {"payment": show(ATTEMPT, attempt.id), "reason": code})
        events.append(conn, attempt.biller_id, attempt.invoice_id, [failed], now)
    if not keep_poll:
        outbox.drop(conn, POLL, attempt.id)

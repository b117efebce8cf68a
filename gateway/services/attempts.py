"""Attempts: open one at a provider, ask how it goes, close it. No transaction is open during a vendor's call."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, cast

import sqlalchemy as sa

from gateway.domain import references
from gateway.domain.events import EventType, NewEvent
from gateway.domain.ids import ATTEMPT, show
from gateway.domain.invoices import Invoice
from gateway.domain.payments import CLOSABLE, WATCHED_POLL_S, Attempt, AttemptStatus, next_poll
from gateway.ports.errors import NotSupported, OutcomeUnknown, Rejected, RetryLater
from gateway.ports.provider import Cancels, FindsPayments, PaymentRequest, PaymentSession, PaymentStatus, PaymentUpdate
from gateway.services import payments as door
from gateway.services.closing import CLOSE
from gateway.services.context import Context
from gateway.services.directory import Biller, ProviderAccount
from gateway.services.errors import Conflict, NotFound, Unavailable
from gateway.store import events, inbox, invoices, outbox, payments

POLL, APPLY_INBOX = "poll", "apply-inbox"
FIRST_POLL = timedelta(seconds=10)
UNANSWERED = timedelta(seconds=60)  # a call that opens a payment has ended by then


def methods(ctx: Context, biller_id: int, currency: str) -> dict[str, ProviderAccount]:
    """The ways to pay that this biller offers in this currency, each with the account that serves it, in the file's order."""
    offered: dict[str, ProviderAccount] = {}
    for account in ctx.directory.providers_of(biller_id):
        if account.plugin.currencies is None or currency in account.plugin.currencies:
            for method in account.methods:
                offered.setdefault(method, account)
    return offered


@dataclass(frozen=True, slots=True)
class Visitor:
    """The browser that pressed the button; a bank wants to know it (PSD2: PSU-IP-Address). Kept nowhere."""

    address: str | None = None
    agent: str | None = None


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

    Reserve, call, record: no transaction is open during the call. An open session of the same method and amount is taken up again.
    Raises Conflict when nothing is owed (any more) or another amount, NotFound on a method that is not offered, Unavailable when
    the provider is not there (an unknown outcome stays UNKNOWN, and is polled).
    """
    account = methods(ctx, invoice.biller_id, invoice.currency).get(method)
    if account is None:
        raise NotFound(f"{method} is not offered")
    biller = ctx.directory.biller(invoice.biller_id)
    now = ctx.clock.now()
    asked = {"method": method, "locale": locale, "choice": choice}
    attempt = await ctx.db.write(lambda conn: _reserve(conn, ctx, biller, invoice.id, account, asked, now))
    if attempt.redirect_url is not None:
        return attempt
    request = replace(
        _request(ctx, invoice, attempt, account), payer_address=visitor.address, payer_agent=visitor.agent
    )
    try:
        session = await account.make().create_payment(request)
    except OutcomeUnknown:
        await ctx.db.write(lambda conn: _unknown(conn, account, attempt, ctx.clock.now()))
        raise Unavailable("the provider did not answer; it is being asked") from None
    except (RetryLater, Rejected) as error:
        code = error.code if isinstance(error, Rejected) else "unavailable"
        await ctx.db.write(lambda conn: _refused(conn, attempt, code, ctx.clock.now()))
        raise Unavailable("the provider cannot serve this now") from None
    opened = await ctx.db.write(lambda conn: _opened(conn, account, attempt, session, ctx.clock.now()))
    if opened is None:
        raise Conflict("what is owed has changed meanwhile")
    return opened


def _reserve(
    conn: sa.Connection,
    ctx: Context,
    biller: Biller,
    invoice_id: int,
    account: ProviderAccount,
    asked: Mapping[str, str | None],
    now: datetime,
) -> Attempt:
    invoice = invoices.get(conn, invoice_id, lock=True)
    if invoice is None or not invoice.payable:
        raise Conflict("nothing is owed on this invoice")
    for attempt in payments.of_invoice(conn, invoice_id):
        same = attempt.account_id == account.id and attempt.amount == invoice.outstanding
        same = same and (attempt.method, attempt.choice) == (asked["method"], asked["choice"])
        fresh = attempt.status is AttemptStatus.PENDING and attempt.closing_at is None and attempt.expires_at > now
        if same and fresh and attempt.redirect_url is not None:
            return attempt
    expires_at = now + timedelta(minutes=biller.settings.payments.attempt_minutes)
    attempt_id = payments.reserve(conn, new_row(invoice, account.id, expires_at, now) | dict(asked))
    reference = f"{invoice.number[:40]}-{attempt_id}"
    payments.name_attempt(conn, attempt_id, reference)
    outbox.add(conn, POLL, attempt_id, account.destination, now + FIRST_POLL, now)
    made = payments.get(conn, attempt_id)
    if made is None:
        raise NotFound("the attempt is gone")
    return made


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


def _request(ctx: Context, invoice: Invoice, attempt: Attempt, account: ProviderAccount) -> PaymentRequest:
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
    )


def _opened(
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


def _refused(conn: sa.Connection, attempt: Attempt, code: str, now: datetime, *, keep_poll: bool = False) -> None:
    if payments.move(
        conn, attempt.id, [AttemptStatus.CREATED, AttemptStatus.UNKNOWN], AttemptStatus.FAILED, now, reason=code
    ):
        failed = NewEvent(EventType.PAYMENT_FAILED, {"payment": show(ATTEMPT, attempt.id), "reason": code})
        events.append(conn, attempt.biller_id, attempt.invoice_id, [failed], now)
    if not keep_poll:
        outbox.drop(conn, POLL, attempt.id)


async def poll(ctx: Context, attempt_id: int) -> timedelta | None:
    """Asks the provider how an attempt goes and books the answer; gives the time to the next poll, None when it is over.

    An attempt whose creation had no answer is looked up, or created again under the same idempotency key where the provider
    takes one; it is never resubmitted otherwise. Raises RetryLater when the provider does not answer, or is not served here.
    """
    now = ctx.clock.now()
    attempt = await ctx.db.read(lambda conn: payments.get(conn, attempt_id))
    if attempt is None or not attempt.polled_at(now):
        return None
    if ctx.directory.channel(attempt.account_id) is not None:
        return await _run_out(ctx, attempt, now)
    account = ctx.directory.provider(attempt.account_id)
    if account is None:
        raise RetryLater("its account is not served here")
    if attempt.external_id is None:
        return await _resolve(ctx, account, attempt)
    wait = _next(ctx, account, attempt, now)
    if wait is None:
        return None
    try:
        update = await account.make().fetch_payment(attempt.external_id)
    except Rejected:  # the provider knows no such payment, now
        await ctx.db.write(lambda conn: payments.polled(conn, attempt_id))
        return wait
    if (
        update.status is PaymentStatus.PENDING
        and attempt.status is not AttemptStatus.EXPIRED
        and attempt.expires_at <= now
    ):
        update = _expired(update, now)
    await ctx.db.write(lambda conn: _polled(conn, ctx, attempt, update, now))
    return wait


def _expired(update: PaymentUpdate, now: datetime) -> PaymentUpdate:
    """The attempt's own clock has run out; what the provider said of money stays in the observation."""
    return PaymentUpdate(
        update.event_id, update.external_id, PaymentStatus.EXPIRED, now, update.received, update.reversed, update.reason
    )


async def _run_out(ctx: Context, attempt: Attempt, now: datetime) -> timedelta | None:
    """One inside a chat, of which nobody can be asked: it ends by its own clock, and money that comes later still counts."""
    if attempt.expires_at > now:
        return attempt.expires_at - now
    over = PaymentUpdate(f"clock_{attempt.id}", attempt.external_id or "", PaymentStatus.EXPIRED, now)
    await ctx.db.write(lambda conn: door.apply_update(conn, ctx.directory, attempt.id, over, door.POLL, now))
    return None


def _polled(conn: sa.Connection, ctx: Context, attempt: Attempt, update: PaymentUpdate, now: datetime) -> None:
    door.apply_update(conn, ctx.directory, attempt.id, update, door.POLL, now)
    payments.polled(conn, attempt.id)  # after the door, which locks the invoice first


def _next(ctx: Context, account: ProviderAccount, attempt: Attempt, now: datetime) -> timedelta | None:
    steps = account.poll_s or ctx.directory.biller(attempt.biller_id).settings.payments.poll_s
    age_s = (now - attempt.created_at).total_seconds()
    wait_s = next_poll(attempt.polls, age_s, steps)
    if wait_s is None:
        return None
    wait = timedelta(seconds=wait_s * (0.9 + 0.2 * ctx.random()))
    return min(wait, attempt.expires_at - now) if attempt.expires_at > now else wait  # an attempt dies on time


async def _resolve(ctx: Context, account: ProviderAccount, attempt: Attempt) -> timedelta | None:
    """Finds out what became of a creation that nobody answered."""
    invoice = await ctx.db.read(lambda conn: invoices.get(conn, attempt.invoice_id))
    if invoice is None:
        return None
    now = ctx.clock.now()
    answered_at = attempt.created_at + UNANSWERED
    if attempt.status is AttemptStatus.CREATED and now < answered_at:
        return answered_at - now
    request = _request(ctx, invoice, attempt, account)
    provider, plugin = account.make(), account.plugin
    if attempt.expires_at <= now and not plugin.finds_payments:
        await ctx.db.write(lambda conn: _refused(conn, attempt, "no_answer", ctx.clock.now(), keep_poll=True))
        return None
    try:
        if plugin.finds_payments:
            session = await cast(FindsPayments, provider).find_payment(request)
        elif plugin.idempotent:
            session = await provider.create_payment(request)
        else:  # nobody can be asked, so only its own clock ends it
            return attempt.expires_at - now
    except OutcomeUnknown as error:
        raise RetryLater(str(error)) from None
    except Rejected as error:
        code = error.code
        await ctx.db.write(lambda conn: _refused(conn, attempt, code, ctx.clock.now(), keep_poll=True))
        return None
    if session is None:  # the provider never made it, and the payer was sent nowhere
        await ctx.db.write(lambda conn: _refused(conn, attempt, "not_created", ctx.clock.now(), keep_poll=True))
        return None
    found = session
    await ctx.db.write(lambda conn: _opened(conn, account, attempt, found, ctx.clock.now()))
    return timedelta(0)


async def watched(ctx: Context, invoice_id: int) -> None:
    """Somebody looks at the invoice's page: brings the polls of its open attempts forward."""
    now = ctx.clock.now()

    def body(conn: sa.Connection) -> None:
        for attempt in payments.of_invoice(conn, invoice_id):
            account = ctx.directory.provider(attempt.account_id)
            if attempt.polled_at(now) and account is not None and (now - attempt.created_at) < _WATCHED_FOR:
                due_at = now + timedelta(seconds=WATCHED_POLL_S)
                outbox.poke(conn, POLL, attempt.id, account.destination, due_at, now)

    await ctx.db.write(body)


_WATCHED_FOR = timedelta(hours=24)


async def close(ctx: Context, attempt_id: int) -> None:
    """Closes an attempt at its provider, so that it can no longer be paid; then asks how it ended.

    Where the provider cannot close one it is marked CANCELLED here, and money that comes all the same still counts. One that the
    provider has not answered yet is closed when it has. Raises RetryLater.
    """
    attempt = await ctx.db.read(lambda conn: payments.get(conn, attempt_id))
    if attempt is None or attempt.status not in CLOSABLE:
        return
    if ctx.directory.channel(attempt.account_id) is not None:  # inside a chat: whoever presses Pay now is refused
        await ctx.db.write(lambda conn: _closed(conn, ctx, attempt, None, ctx.clock.now()))
        return
    if attempt.external_id is None:
        return
    account = ctx.directory.provider(attempt.account_id)
    if account is None:
        raise RetryLater("its account is not served here")
    provider = account.make()
    update: PaymentUpdate | None = None
    if account.plugin.cancels:
        try:
            await cast(Cancels, provider).cancel_payment(attempt.external_id)
        except OutcomeUnknown as error:
            raise RetryLater(str(error)) from None
        except (Rejected, NotSupported):
            pass  # too late to close: the answer below says how it ended
    with contextlib.suppress(Rejected):  # the provider knows no such payment
        update = await provider.fetch_payment(attempt.external_id)
    await ctx.db.write(lambda conn: _closed(conn, ctx, attempt, update, ctx.clock.now()))


def _closed(conn: sa.Connection, ctx: Context, attempt: Attempt, update: PaymentUpdate | None, now: datetime) -> None:
    if update is not None:
        door.apply_update(conn, ctx.directory, attempt.id, update, door.POLL, now)
    open_still = (AttemptStatus.CREATED, AttemptStatus.UNKNOWN, AttemptStatus.PENDING)
    if payments.move(conn, attempt.id, open_still, AttemptStatus.CANCELLED, now, reason="superseded"):
        cancelled = NewEvent(
            EventType.PAYMENT_CANCELLED, {"payment": show(ATTEMPT, attempt.id), "reason": "superseded"}
        )
        events.append(conn, attempt.biller_id, attempt.invoice_id, [cancelled], now)

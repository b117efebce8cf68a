"""Polling: how an attempt goes is asked of its provider, and one that is not wanted any more is closed there.

A poll's answer goes through the same door as a webhook. No transaction is open during a vendor's call.
"""

from __future__ import annotations

import contextlib
from dataclasses import replace
from datetime import datetime, timedelta
from typing import cast

import sqlalchemy as sa

from gateway.domain.events import EventType, NewEvent
from gateway.domain.ids import ATTEMPT, show
from gateway.domain.payments import CLOSABLE, UNANSWERED, WATCHED_POLL_S, Attempt, AttemptStatus, next_poll
from gateway.ports.errors import NotSupported, OutcomeUnknown, Rejected, RetryLater
from gateway.ports.provider import Cancels, FindsPayments, PaymentStatus, PaymentUpdate
from gateway.services import attempts, inquiry
from gateway.services import payments as door
from gateway.services.attempts import POLL
from gateway.services.context import Context
from gateway.services.directory import ProviderAccount
from gateway.store import events, invoices, outbox, payments


async def poll(ctx: Context, attempt_id: int) -> timedelta | None:
    """Asks the provider how an attempt goes and books the answer; gives the time to the next poll, None when it is over.

    An attempt whose creation had no answer is looked up, or created again under the same idempotency key where the provider
    takes one; it is never resubmitted otherwise, and is over where nobody can pay what nobody answered. Raises RetryLater when the
    provider does not answer, or is not served here.
    """
    now = ctx.clock.now()
    attempt = await ctx.db.read(lambda conn: payments.get(conn, attempt_id))
    if attempt is None or not attempt.polled_at(now):
        return None
    if attempt.silent or ctx.directory.channel(attempt.account_id) is not None:
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
        update = await inquiry.ask(ctx, account, attempt, attempt.external_id)
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
    return replace(update, status=PaymentStatus.EXPIRED, occurred_at=now)


async def _run_out(ctx: Context, attempt: Attempt, now: datetime) -> timedelta | None:
    """One inside a chat or a transfer, of which nobody can be asked: it ends by its own clock, and money that comes later still counts."""
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
    request = attempts.request_of(ctx, invoice, attempt, account)
    provider, plugin = account.make(), account.plugin
    if attempt.expires_at <= now and not plugin.finds_payments:
        await ctx.db.write(
            lambda conn: attempts.record_refused(conn, attempt, "no_answer", ctx.clock.now(), keep_poll=True)
        )
        return None
    try:
        if plugin.finds_payments:
            session = await cast(FindsPayments, provider).find_payment(request)
        elif plugin.idempotent:
            session = await provider.create_payment(request)
        elif plugin.void_unanswered:
            session = None
        else:  # nobody can be asked, so only its own clock ends it
            return attempt.expires_at - now
    except OutcomeUnknown as error:
        raise RetryLater(str(error)) from None
    except Rejected as error:
        code = error.code
        await ctx.db.write(lambda conn: attempts.record_refused(conn, attempt, code, ctx.clock.now(), keep_poll=True))
        return None
    if session is None:  # the provider never made it, and the payer was sent nowhere
        await ctx.db.write(
            lambda conn: attempts.record_refused(conn, attempt, "not_created", ctx.clock.now(), keep_poll=True)
        )
        return None
    found = session
    await ctx.db.write(lambda conn: attempts.record_opened(conn, account, attempt, found, ctx.clock.now()))
    return timedelta(0)


async def watched(ctx: Context, invoice_id: int) -> None:
    """Somebody looks at the invoice's page: brings the polls of its open attempts forward."""
    now = ctx.clock.now()

    def body(conn: sa.Connection) -> None:
        for attempt in payments.of_invoice(conn, invoice_id):
            account = ctx.directory.provider(attempt.account_id)
            asked = attempt.polled_at(now) and not attempt.silent
            if asked and account is not None and (now - attempt.created_at) < _WATCHED_FOR:
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
    # Inside a chat whoever presses Pay now is refused; a transfer cannot be stopped, and its money counts when it comes.
    if attempt.silent or ctx.directory.channel(attempt.account_id) is not None:
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
        update = await inquiry.ask(ctx, account, attempt, attempt.external_id)
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

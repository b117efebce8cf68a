"""Attempts: open one at a provider, ask how it goes, close it. No transaction is open during a vendor's call."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa

from gateway.domain import references
from gateway.domain.events import EventType, NewEvent
from gateway.domain.ids import ATTEMPT, show
from gateway.domain.invoices import Invoice
from gateway.domain.payments import SILENT_FOR, Attempt, AttemptStatus
from gateway.ports.errors import OutcomeUnknown, Rejected, RetryLater
from gateway.ports.provider import PaymentRequest, PaymentSession
from gateway.services.closing import CLOSE
from gateway.services.context import Context
from gateway.services.directory import Biller, ProviderAccount
from gateway.services.errors import Conflict, NotFound, Unavailable
from gateway.store import events, inbox, invoices, outbox, payments

POLL, APPLY_INBOX = "poll", "apply-inbox"
FIRST_POLL = timedelta(seconds=10)


def methods(ctx: Context, biller_id: int, currency: str) -> dict[str, ProviderAccount]:
    """The ways to pay that this biller offers in this currency, each with the account that serves it, in the file's order."""
    offered: dict[str, ProviderAccount] = {}
    for account in ctx.directory.providers_of(biller_id):
        if account.takes(currency):
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
        request_of(ctx, invoice, attempt, account), payer_address=visitor.address, payer_agent=visitor.agent
    )
    try:
        session = await account.make().create_payment(request)
    except OutcomeUnknown:
        await ctx.db.write(lambda conn: _unknown(conn, account, attempt, ctx.clock.now()))
        raise Unavailable("the provider did not answer; it is being asked") from None
    except (RetryLater, Rejected) as error:
        code = error.code if isinstance(error, Rejected) else "unavailable"
        await ctx.db.write(lambda conn: record_refused(conn, attempt, code, ctx.clock.now()))
        raise Unavailable("the provider cannot serve this now") from None
    opened = await ctx.db.write(lambda conn: record_opened(conn, account, attempt, session, ctx.clock.now()))
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
    minutes = timedelta(minutes=biller.settings.payments.attempt_minutes)
    expires_at = now + (SILENT_FOR if account.plugin.silent else minutes)
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

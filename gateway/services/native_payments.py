"""Payments inside a chat: what a message may charge, and the word that the vendor waits for when a payer presses Pay.

Reserve (transaction) → answer → record (transaction). Whether the debt is still open and still that sum is read under its lock, in
the transaction that reserves the attempt; the money itself comes by webhook and goes through the one door. Nobody can be asked how
such an attempt goes: it ends by its own clock, and money that comes later still counts.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import cast

import sqlalchemy as sa

from gateway.domain.checkout import Refusal, refusal
from gateway.domain.deliveries import Delivery, Step
from gateway.domain.events import EventType, NewEvent
from gateway.domain.ids import ATTEMPT, show
from gateway.domain.invoices import Invoice
from gateway.domain.payments import Attempt, AttemptStatus
from gateway.ports.channel import Button, Charge
from gateway.ports.errors import OutcomeUnknown, Rejected, RetryLater
from gateway.ports.native import CheckoutQuery, NativePayments
from gateway.services import attempts, plans
from gateway.services.closing import ASKING
from gateway.services.context import Context
from gateway.services.directory import ChannelAccount
from gateway.store import deliveries, events, inbox, invoices, outbox, payments

A = AttemptStatus
REUSABLE = (A.CREATED, A.UNKNOWN, A.PENDING)


@dataclass(frozen=True, slots=True)
class _Decision:
    """Let the payer go on with `attempt`, or say `words`."""

    attempt: Attempt | None
    words: str | None = None


def charge(
    ctx: Context, account: ChannelAccount, invoice: Invoice, delivery: Delivery, buttons: Sequence[Button]
) -> Charge | None:
    """What this delivery's message may charge in the chat; `buttons` are its own, the first of which opens the pay page.

    None where the channel, the account or the sum has no such thing: then there is no Pay button that cannot work.
    """
    if not account.plugin.native_payments or delivery.kind not in ASKING or not invoice.payable or not buttons:
        return None
    if not cast(NativePayments, account.make()).takes(invoice.outstanding):
        return None
    say, slug = ctx.renderer.label, ctx.directory.biller(invoice.biller_id).slug
    page, *others = buttons
    return Charge(
        payload=ctx.checkouts.issue(delivery.id),
        amount=invoice.outstanding,
        title=say("checkout", "title", delivery.locale, biller=slug, number=invoice.number),
        pay=page.text,
        beside=(replace(page, text=say("checkout", "page", delivery.locale, biller=slug)), *others),
    )


def paid_there(ctx: Context, account: ChannelAccount, attempts_of: Iterable[Attempt], delivery: Delivery) -> bool:
    """Whether it was paid by this very message, of which the vendor itself has made a receipt."""
    payload = ctx.checkouts.issue(delivery.id)
    return any(one.account_id == account.id and one.reference == payload and one.received_minor for one in attempts_of)


async def answer(ctx: Context, account: ChannelAccount, query: CheckoutQuery, raw: inbox.Raw) -> None:
    """Answers a checkout; one that is asked again is answered again, as things stand then.

    A payer who is let go on has an attempt. Raises RetryLater when the vendor was not reached: it will ask again.
    """
    decided = await ctx.db.write(lambda conn: _decide(conn, ctx, account, query, raw, ctx.clock.now()))
    attempt = decided.attempt
    try:
        await cast(NativePayments, account.make()).answer_checkout(query.query_id, decided.words)
    except Rejected:  # it waits no longer, or has heard it: the attempt's own clock ends it, unless money comes
        return
    except (OutcomeUnknown, RetryLater) as error:
        if attempt is not None:
            await ctx.db.write(lambda conn: _record(conn, attempt, A.UNKNOWN, ctx.clock.now()))
        raise RetryLater(str(error)) from None
    if attempt is not None:
        await ctx.db.write(lambda conn: _record(conn, attempt, A.PENDING, ctx.clock.now()))


def _decide(
    conn: sa.Connection, ctx: Context, account: ChannelAccount, query: CheckoutQuery, raw: inbox.Raw, now: datetime
) -> _Decision:
    inbox.keep(conn, account.row.inbox, query.event_id, raw, now)
    biller = ctx.directory.biller(account.row.biller_id)
    delivery_id = ctx.checkouts.read(query.payload)
    delivery = deliveries.get(conn, delivery_id) if delivery_id is not None else None
    ours = delivery is not None and delivery.account_id == account.id and account.row.enabled
    about = delivery.invoice_id if delivery is not None and ours else None
    invoice = invoices.get(conn, about, lock=True) if about is not None else None
    if delivery is None or invoice is None:
        locale = query.locale or biller.locale
        return _Decision(None, ctx.renderer.label("checkout", Refusal.UNKNOWN, locale, biller=biller.slug))
    known = payments.of_invoice(conn, invoice.id)
    why = refusal(invoice, known, query.amount)
    if why is Refusal.CHANGED:
        _ask_anew(conn, ctx, account, invoice, delivery, now)
    if why is not None:
        owed = ctx.renderer.money(invoice.outstanding, delivery.locale)
        return _Decision(None, ctx.renderer.label("checkout", why, delivery.locale, biller=biller.slug, amount=owed))
    expires_at = now + timedelta(minutes=biller.settings.payments.attempt_minutes)
    same = [one for one in known if _takes_up(one, account, query)]
    if same:
        payments.extend(conn, same[-1].id, expires_at, now)
        return _Decision(same[-1])
    row = attempts.new_row(invoice, account.id, expires_at, now)
    row |= {"method": account.plugin.name, "locale": delivery.locale, "reference": query.payload}
    attempt_id = payments.reserve(conn, row)
    outbox.add(conn, attempts.POLL, attempt_id, "", expires_at, now)
    return _Decision(payments.get(conn, attempt_id))


def _takes_up(attempt: Attempt, account: ChannelAccount, query: CheckoutQuery) -> bool:
    """Whether this is the same try again: asked twice, or with another card after one that the provider declined."""
    same = attempt.account_id == account.id and attempt.reference == query.payload and attempt.amount == query.amount
    return same and attempt.status in REUSABLE and attempt.closing_at is None


def _ask_anew(
    conn: sa.Connection, ctx: Context, account: ChannelAccount, invoice: Invoice, delivery: Delivery, now: datetime
) -> None:
    """A message asks for what is no longer owed: it is revised, and one with the right sum follows, once."""
    outbox.poke(conn, plans.REVISE, delivery.id, account.destination, now, now)
    asking = [one for one in deliveries.of_invoice(conn, invoice.id) if one.kind in ASKING]
    if delivery.id == max(one.id for one in asking if one.account_id == account.id):
        payer = invoices.get_payer(conn, invoice.payer_id)
        step = Step(account.short, 3600)
        plans.begin(conn, ctx.directory, invoice, payer, delivery.kind, [step], now, now)


def _record(conn: sa.Connection, attempt: Attempt, to: AttemptStatus, now: datetime) -> None:
    """The vendor has our word, or may have it. Money that came first has moved the state already, which stays."""
    of = (A.CREATED, A.UNKNOWN) if to is A.PENDING else (A.CREATED,)
    if payments.move(conn, attempt.id, of, to, now):
        said = EventType.PAYMENT_STARTED if to is A.PENDING else EventType.PAYMENT_UNKNOWN
        data = {"payment": show(ATTEMPT, attempt.id)} | ({"method": attempt.method} if to is A.PENDING else {})
        events.append(conn, attempt.biller_id, attempt.invoice_id, [NewEvent(said, data)], now)

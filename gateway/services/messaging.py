"""Sending: one delivery over its channel, the next channel when it does not arrive, the edit when it is no longer true.

Reserve (transaction) → call → record (transaction). The state of the debt is read again in the transaction that starts the
send, so nobody who paid is asked. A send whose outcome is unknown is looked up at the vendor before it is repeated, where the
vendor can be asked; where not, the repeat is counted on the delivery.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import cast

import sqlalchemy as sa

from gateway.domain.deliveries import REPORTED, Delivery, DeliveryState, MessageKind, Step
from gateway.domain.events import NewEvent
from gateway.domain.ids import DELIVERY, show
from gateway.ports.channel import Edits, FindsSent, Message, SendResult
from gateway.ports.errors import NotSupported, OutcomeUnknown, Rejected, RetryLater
from gateway.services import contexts, plans
from gateway.services.closing import ASKING
from gateway.services.context import Context
from gateway.services.directory import Biller, ChannelAccount
from gateway.services.errors import Conflict, NotFound
from gateway.services.invoices import View, view
from gateway.store import deliveries, events, invoices, outbox

D = DeliveryState
TO_SEND = (D.QUEUED, D.SENDING, D.UNKNOWN)
STOPPED = "stopped"


@dataclass(frozen=True, slots=True)
class _Sending:
    delivery: Delivery
    view: View
    told_before: bool  # an earlier try may have reached the vendor


async def deliver(ctx: Context, delivery_id: int, *, last_try: bool) -> None:
    """Sends a delivery, if it is still true. Raises RetryLater when it should be tried again (never on the last try)."""
    sending = await ctx.db.write(lambda conn: _begin(conn, ctx, delivery_id, ctx.clock.now()))
    if sending is None:
        return
    account = ctx.directory.channel(sending.delivery.account_id)
    if account is None:
        await ctx.db.write(lambda conn: _failed(conn, ctx, delivery_id, "no_account", ctx.clock.now()))
        return
    try:
        result = await _send(ctx, account, sending)
    except Rejected as error:
        code, unreachable = error.code, error.unreachable
        await ctx.db.write(
            lambda conn: _failed(conn, ctx, delivery_id, code, ctx.clock.now(), account if unreachable else None)
        )
    except RetryLater as error:
        if last_try:
            await ctx.db.write(lambda conn: _failed(conn, ctx, delivery_id, "out_of_tries", ctx.clock.now()))
            return
        if not sending.told_before:  # nothing was done, so the next try need not ask
            await ctx.db.write(lambda conn: deliveries.move(conn, delivery_id, [D.SENDING], D.QUEUED, ctx.clock.now()))
        raise error
    except OutcomeUnknown as error:
        await ctx.db.write(lambda conn: _unknown(conn, ctx, delivery_id, ctx.clock.now(), give_up=last_try))
        if not last_try:
            raise RetryLater(str(error)) from None
    else:
        await ctx.db.write(lambda conn: _sent(conn, ctx, account, delivery_id, result, ctx.clock.now()))


def _begin(conn: sa.Connection, ctx: Context, delivery_id: int, now: datetime) -> _Sending | None:
    delivery = deliveries.get(conn, delivery_id, lock=True)
    if delivery is None or delivery.state not in TO_SEND:
        return None
    invoice = invoices.get(conn, delivery.invoice_id)
    account = ctx.directory.channel(delivery.account_id)
    if invoice is None:
        return None
    if delivery.kind in ASKING and not invoice.payable and delivery.state is D.QUEUED:
        deliveries.move(conn, delivery_id, [D.QUEUED], D.REVOKED, now)
        report(conn, replace(delivery, state=D.REVOKED), now)
        return None
    if account is not None:
        why = deliveries.suppressed(conn, delivery.biller_id, account.plugin.name, delivery.address)
        if why is not None and delivery.state is D.QUEUED:
            _failed(conn, ctx, delivery_id, f"suppressed_{why}", now)
            return None
    told_before = delivery.state is not D.QUEUED
    deliveries.move(conn, delivery_id, TO_SEND, D.SENDING, now)
    return _Sending(delivery, view(conn, invoice), told_before)


async def _send(ctx: Context, account: ChannelAccount, sending: _Sending) -> SendResult:
    channel, delivery = account.make(), sending.delivery
    message = compose(ctx, account, sending.view, delivery)
    if sending.told_before:
        if account.plugin.finds_sent:
            found = await cast(FindsSent, channel).find_sent(message, delivery.created_at - timedelta(minutes=5))
            if found is not None:
                return found
        else:
            await ctx.db.write(lambda conn: deliveries.resent(conn, delivery.id))
    return await channel.send(message)


def compose(ctx: Context, account: ChannelAccount, about: View, delivery: Delivery) -> Message:
    """The message of a delivery as things stand now, rendered for its channel."""
    biller = ctx.directory.biller(delivery.biller_id)
    context = contexts.message(ctx, biller, about, delivery)
    rendered = ctx.renderer.render(
        delivery.kind, context, channel=account.plugin.name, locale=delivery.locale, biller=biller.slug
    )
    return Message(
        reference=f"{ctx.installation}-{show(DELIVERY, delivery.id)}",
        to=delivery.address,
        text=rendered.text,
        locale=delivery.locale,
        subject=rendered.subject,
        html=rendered.html,
        sender_name=biller.settings.biller.display_name,
        buttons=rendered.buttons,
        unsubscribe_url=context.unsubscribe_url,
        receipt_url=f"{ctx.public_url}/hooks/channels/{account.row.name}",
    )


def _sent(
    conn: sa.Connection, ctx: Context, account: ChannelAccount, delivery_id: int, result: SendResult, now: datetime
) -> None:
    delivery = deliveries.get(conn, delivery_id, lock=True)
    if delivery is None:
        return
    also = {"external_id": result.external_id, "segments": result.segments, "sent_at": now}
    if not deliveries.move(conn, delivery_id, [D.SENDING, D.UNKNOWN], D.SENT, now, **also):
        return
    report(conn, replace(delivery, state=D.SENT, external_id=result.external_id), now)
    if delivery.later and delivery.wait_s and account.plugin.receipts:
        due_at = now + timedelta(seconds=delivery.wait_s)
        outbox.poke(conn, plans.FALL_BACK, delivery_id, "", due_at, now)
    invoice = invoices.get(conn, delivery.invoice_id)
    settled_meanwhile = invoice is not None and not invoice.payable and delivery.kind in ASKING
    if settled_meanwhile and account.plugin.edits:
        outbox.poke(conn, plans.REVISE, delivery_id, account.destination, now, now)


def _failed(
    conn: sa.Connection,
    ctx: Context,
    delivery_id: int,
    code: str,
    now: datetime,
    unreachable: ChannelAccount | None = None,
) -> None:
    """The message did not go out: say so, stop using a dead address, take the next step of the plan."""
    delivery = deliveries.get(conn, delivery_id, lock=True)
    if delivery is None or not deliveries.move(conn, delivery_id, TO_SEND, D.FAILED, now, code=code):
        return
    report(conn, replace(delivery, state=D.FAILED, code=code), now)
    if unreachable is not None:
        deliveries.suppress(conn, delivery.biller_id, unreachable.plugin.name, delivery.address, "unreachable", now)
    next_step(conn, ctx, delivery, now)


def _unknown(conn: sa.Connection, ctx: Context, delivery_id: int, now: datetime, *, give_up: bool) -> None:
    delivery = deliveries.get(conn, delivery_id, lock=True)
    if delivery is None:
        return
    if delivery.state is not D.UNKNOWN and deliveries.move(conn, delivery_id, [D.SENDING], D.UNKNOWN, now):
        report(conn, replace(delivery, state=D.UNKNOWN), now)
    if give_up:
        next_step(conn, ctx, delivery, now)


def next_step(conn: sa.Connection, ctx: Context, delivery: Delivery, now: datetime) -> None:
    """Begins the rest of the delivery's plan, once, while there is something to say."""
    invoice = invoices.get(conn, delivery.invoice_id)
    if invoice is None or (delivery.kind in ASKING and not invoice.payable):
        return
    steps = deliveries.take_later(conn, delivery.id)
    if steps:
        payer = invoices.get_payer(conn, delivery.payer_id)
        plans.begin(conn, ctx.directory, invoice, payer, delivery.kind, steps, now, now)


def report(conn: sa.Connection, delivery: Delivery, now: datetime) -> None:
    """The delivery's state as an event."""
    data = {"delivery": show(DELIVERY, delivery.id), "channel": delivery.channel, "kind": delivery.kind.value}
    if delivery.code:
        data["code"] = delivery.code
    events.append(conn, delivery.biller_id, delivery.invoice_id, [NewEvent(REPORTED[delivery.state], data)], now)


async def fall_back(ctx: Context, delivery_id: int) -> None:
    """The wait for a receipt is over: takes the next step unless the message has arrived."""
    now = ctx.clock.now()

    def body(conn: sa.Connection) -> None:
        delivery = deliveries.get(conn, delivery_id, lock=True)
        if delivery is not None and delivery.state not in (D.DELIVERED, D.READ, D.REVOKED):
            next_step(conn, ctx, delivery, now)

    await ctx.db.write(body)


async def revise(ctx: Context, delivery_id: int) -> None:
    """Edits a sent message so that it says how things stand. A message that can no longer be changed is left. Raises RetryLater."""

    def body(conn: sa.Connection) -> tuple[Delivery, View] | None:
        delivery = deliveries.get(conn, delivery_id)
        invoice = invoices.get(conn, delivery.invoice_id) if delivery else None
        return (delivery, view(conn, invoice)) if delivery and invoice else None

    found = await ctx.db.read(body)
    account = ctx.directory.channel(found[0].account_id) if found else None
    if found is None or account is None or not account.plugin.edits or found[0].external_id is None:
        return
    delivery, about = found
    if about.invoice.payable:
        return
    told = replace(delivery, kind=MessageKind.PAYMENT_RECEIVED) if about.invoice.paid_minor else delivery
    try:
        await cast(Edits, account.make()).edit(str(delivery.external_id), compose(ctx, account, about, told))
    except OutcomeUnknown as error:
        raise RetryLater(str(error)) from None
    except (Rejected, NotSupported):
        return


async def send_again(
    ctx: Context, biller: Biller, invoice_id: int, steps: Sequence[Step] | None, due_at: datetime | None = None
) -> list[Delivery]:
    """Sends the invoice's message once more, now or later, by the biller's policy or these steps.

    Raises NotFound, Conflict when nothing is owed, Invalid on a channel that the biller does not have.
    """
    plans.check(ctx.directory, biller, steps)
    now = ctx.clock.now()

    def body(conn: sa.Connection) -> list[Delivery]:
        invoice = invoices.get(conn, invoice_id, biller_id=biller.id, lock=True)
        if invoice is None:
            raise NotFound("there is no such invoice")
        if not invoice.payable:
            raise Conflict(f"the invoice is {invoice.status}; there is nothing to ask for")
        payer = invoices.get_payer(conn, invoice.payer_id)
        plan = plans.policy(biller) if steps is None else steps
        at = max(now, due_at or now)
        return plans.begin(conn, ctx.directory, invoice, payer, MessageKind.INVOICE_ISSUED, plan, at, now)

    return await ctx.db.write(body)

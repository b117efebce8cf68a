"""What channels report: receipts, and the words of payers, which `hearing` takes.

Each event goes into the inbox and takes effect in one transaction; a doubled webhook changes nothing.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa

from gateway.domain.deliveries import FORWARD, Delivery, DeliveryState
from gateway.ports.channel import ChannelEvent, DeliveryStatus, DeliveryUpdate, InboundMessage, SendResult
from gateway.ports.native import CheckoutQuery
from gateway.ports.provider import PaymentUpdate
from gateway.ports.values import WebhookRequest
from gateway.services import chat, composing, hearing, messaging, native_payments, plans, stopping
from gateway.services.attempts import APPLY_INBOX
from gateway.services.context import Context
from gateway.services.directory import Biller, ChannelAccount
from gateway.services.webhooks import apply_held_payment, book, raw_of
from gateway.store import deliveries, inbox, outbox

MOST_KEPT = 65_536  # of a raw webhook: what follows in a mail are attachments


async def receive_webhook(ctx: Context, account: ChannelAccount, request: WebhookRequest) -> int:
    """Verifies a channel's webhook and books what it says; gives how many of its events were new.

    A payer who is about to pay in the chat is answered first, since the vendor waits. Raises InvalidSignature or MalformedWebhook, and
    then keeps nothing; RetryLater when the vendor could not be answered.
    """
    happened = await account.make().parse_webhook(request)
    now, raw = ctx.clock.now(), raw_of(request)
    raw = replace(raw, body=raw.body[:MOST_KEPT])
    happened = [event for event in happened if await _heard(ctx, account, event, now)]
    checkouts = [event for event in happened if isinstance(event, CheckoutQuery)]
    for query in checkouts:
        await native_payments.answer(ctx, account, query, raw)

    def body(conn: sa.Connection) -> int:
        new = 0
        for event in happened:
            if isinstance(event, CheckoutQuery):
                continue
            if isinstance(event, PaymentUpdate):
                new += book(conn, ctx.directory, account, event, raw, now)
                continue
            inbox_id = inbox.keep(conn, account.row.inbox, event.event_id, raw, now)
            if inbox_id is None:
                continue
            new += 1
            if isinstance(event, InboundMessage):
                hearing.hear(conn, ctx, account, event, now)
            elif not apply_receipt(conn, ctx, account, event, now):
                inbox.hold(conn, inbox_id, as_json(event))  # it came before we knew the vendor's id
                outbox.add(conn, APPLY_INBOX, inbox_id, "", now + timedelta(seconds=2), now)
        return new

    return await ctx.db.write(body) if len(happened) > len(checkouts) else 0


async def _heard(ctx: Context, account: ChannelAccount, event: ChannelEvent, now: datetime) -> bool:
    """Whether an event is taken: all are, but for the words of a sender who floods us."""
    if not isinstance(event, InboundMessage):
        return True
    return await ctx.db.read(lambda conn: chat.may_be_heard(conn, ctx, account, event, now))


def apply_receipt(
    conn: sa.Connection, ctx: Context, account: ChannelAccount, update: DeliveryUpdate, now: datetime
) -> bool:
    """Moves a delivery forward. False: no delivery has this vendor's id (yet), and none is named by our own reference."""
    found = deliveries.by_external_id(conn, account.id, update.external_id)
    delivery = deliveries.get(conn, found.id, lock=True) if found else _answered(conn, ctx, account, update, now)
    if delivery is None:
        return False
    copy = (
        delivery.external_id != update.external_id
    )  # of a message that was sent again: one is enough, no failure counts
    move = FORWARD.get(update.status)
    if move is None or (copy and update.status is DeliveryStatus.FAILED):
        return True
    state, earlier = move
    if not deliveries.move(conn, delivery.id, earlier, state, now, code=update.code):
        return True
    plans.report(conn, replace(delivery, state=state, code=update.code), now)
    if state is DeliveryState.FAILED:
        if update.unreachable:
            stopping.stop_at(conn, ctx.directory, account, delivery, stopping.UNREACHABLE, now)
        messaging.next_step(conn, ctx, delivery, now)
    elif replace(delivery, state=state).arrived:
        outbox.drop(conn, plans.FALL_BACK, delivery.id)
    return True


def _answered(
    conn: sa.Connection, ctx: Context, account: ChannelAccount, update: DeliveryUpdate, now: datetime
) -> Delivery | None:
    """The delivery whose reference the vendor echoes, which it has therefore taken, whether or not its answer came."""
    named = composing.delivery_named(ctx, update.reference) if update.reference else None
    delivery = deliveries.get(conn, named, lock=True) if named else None
    if delivery is None or delivery.account_id != account.id:
        return None
    messaging.taken(conn, ctx, account, delivery.id, SendResult(update.external_id), now)
    return deliveries.get(conn, delivery.id)


async def apply_held(ctx: Context, inbox_id: int) -> bool:
    """Applies an event of either kind that came too early. False: what it speaks of is still not there."""
    now = ctx.clock.now()

    def body(conn: sa.Connection) -> bool:
        held = inbox.held(conn, inbox_id)
        if held is None:
            return True
        if held.parsed["kind"] == "payment":
            done = apply_held_payment(conn, ctx.directory, held, now)
        else:
            account = ctx.directory.channel_called(held.account.removeprefix("channel:"))
            done = account is not None and apply_receipt(conn, ctx, account, from_json(held.parsed), now)
        if done:
            inbox.applied(conn, inbox_id)
        return done

    return await ctx.db.write(body)


async def biller_of_unsubscribe(ctx: Context, token: str) -> Biller | None:
    """Whose messages an unsubscribe token is about; None when it is not one of ours. Changes nothing."""
    delivery_id = ctx.unsubscribes.read(token)
    if delivery_id is None:
        return None
    delivery = await ctx.db.read(lambda conn: deliveries.get(conn, delivery_id))
    return ctx.directory.biller(delivery.biller_id) if delivery else None


async def unsubscribe(ctx: Context, token: str) -> bool:
    """Stops messages to the address of the delivery that the token is for, on its channel. False: not a token of ours."""
    delivery_id = ctx.unsubscribes.read(token)
    if delivery_id is None:
        return False
    now = ctx.clock.now()

    def body(conn: sa.Connection) -> bool:
        delivery = deliveries.get(conn, delivery_id)
        account = ctx.directory.channel(delivery.account_id) if delivery else None
        if delivery is None or account is None:
            return False
        stopping.stop_at(conn, ctx.directory, account, delivery, stopping.STOPPED, now)
        return True

    return await ctx.db.write(body)


def as_json(update: DeliveryUpdate) -> dict[str, Any]:
    return {
        "kind": "receipt",
        "event_id": update.event_id,
        "external_id": update.external_id,
        "status": update.status.value,
        "occurred_at": update.occurred_at.isoformat(),
        "code": update.code,
        "unreachable": update.unreachable,
        "reference": update.reference,
    }


def from_json(parsed: dict[str, Any]) -> DeliveryUpdate:
    values = {name: value for name, value in parsed.items() if name != "kind"}
    values["status"] = DeliveryStatus(values["status"])
    values["occurred_at"] = datetime.fromisoformat(values["occurred_at"])
    return DeliveryUpdate(**values)

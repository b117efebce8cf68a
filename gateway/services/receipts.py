"""What channels report and payers write: receipts, STOP, chats bound by a single-use link.

Each event goes into the inbox and takes effect in one transaction; a doubled webhook changes nothing.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, cast

import sqlalchemy as sa

from gateway.domain.deliveries import FORWARD, Delivery, DeliveryState, MessageKind, Step
from gateway.domain.events import EventType, NewEvent
from gateway.domain.ids import DELIVERY, read
from gateway.ports.channel import DeliveryStatus, DeliveryUpdate, InboundMessage, OpensChats
from gateway.ports.values import WebhookRequest
from gateway.services import messaging, plans
from gateway.services.attempts import APPLY_INBOX
from gateway.services.context import Context
from gateway.services.directory import Biller, ChannelAccount
from gateway.services.webhooks import apply_held_payment, raw_of
from gateway.store import deliveries, events, inbox, invoices, outbox

START_TOKEN_LIVES = timedelta(days=7)
LONGEST_TEXT = 4096
MOST_KEPT = 65_536  # of a raw webhook: what follows in a mail are attachments


async def receive_webhook(ctx: Context, account: ChannelAccount, request: WebhookRequest) -> int:
    """Verifies a channel's webhook and books what it says; gives how many of its events were new.

    Raises InvalidSignature or MalformedWebhook, and then keeps nothing.
    """
    happened = await account.make().parse_webhook(request)
    now, raw = ctx.clock.now(), raw_of(request)
    raw = replace(raw, body=raw.body[:MOST_KEPT])

    def body(conn: sa.Connection) -> int:
        new = 0
        for event in happened:
            inbox_id = inbox.keep(conn, account.row.inbox, event.event_id, raw, now)
            if inbox_id is None:
                continue
            new += 1
            if isinstance(event, InboundMessage):
                if event.stop and event.in_reply_to:
                    _complained(conn, ctx, account, event, now)
                elif event.stop or event.start or not event.auto:
                    _inbound(conn, ctx, account, event, now)
            elif not apply_receipt(conn, ctx, account, event, now):
                inbox.hold(conn, inbox_id, as_json(event))  # it came before we knew the vendor's id
                outbox.add(conn, APPLY_INBOX, inbox_id, "", now + timedelta(seconds=2), now)
        return new

    return await ctx.db.write(body) if happened else 0


def apply_receipt(
    conn: sa.Connection, ctx: Context, account: ChannelAccount, update: DeliveryUpdate, now: datetime
) -> bool:
    """Moves a delivery forward. False: no delivery has this vendor's id (yet)."""
    found = deliveries.by_external_id(conn, account.id, update.external_id)
    if found is None:
        return False
    delivery = deliveries.get(conn, found.id, lock=True)
    move = FORWARD.get(update.status)
    if delivery is None or move is None:
        return True
    state, earlier = move
    if not deliveries.move(conn, delivery.id, earlier, state, now, code=update.code):
        return True
    plans.report(conn, replace(delivery, state=state, code=update.code), now)
    if state is DeliveryState.FAILED:
        if update.unreachable:
            plans.stop(conn, account, delivery, plans.UNREACHABLE, now)
        messaging.next_step(conn, ctx, delivery, now)
    else:
        outbox.drop(conn, plans.FALL_BACK, delivery.id)
    return True


def answered(conn: sa.Connection, ctx: Context, account: ChannelAccount, message: InboundMessage) -> Delivery | None:
    """The delivery of this account that a message answers: by our reference, or by the vendor's id. None: none of ours."""
    installation, _, shown = (message.in_reply_to or "").rpartition("-")
    number = read(DELIVERY, shown) if installation == ctx.installation else None
    found = deliveries.get(conn, number) if number is not None else None
    if found is None and message.in_reply_to:
        found = deliveries.by_external_id(conn, account.id, message.in_reply_to)
    return found if found is not None and found.account_id == account.id else None


def _complained(
    conn: sa.Connection, ctx: Context, account: ChannelAccount, complaint: InboundMessage, now: datetime
) -> None:
    """A payer called a message unwanted: a wish, whoever carries it. It is the address of that message that hears no more."""
    about = answered(conn, ctx, account, complaint)
    if about is not None:
        plans.stop(conn, account, about, plans.STOPPED, now)


def _inbound(
    conn: sa.Connection, ctx: Context, account: ChannelAccount, message: InboundMessage, now: datetime
) -> None:
    biller_id, channel = account.row.biller_id, account.plugin.name
    if message.start_token is not None:
        _bind(conn, ctx, account, message, now)
        return
    column = channel if account.plugin.address == "chat" else account.plugin.address
    payers = [payer.reference for payer in invoices.payers_at(conn, biller_id, column, message.address)]
    if column == "email" and message.in_reply_to is None:
        payers = []  # anyone can write any sender: only who answers a message sent to that address is known
    about: dict[str, Any] = {"channel": account.short, "payers": payers}
    if message.stop:
        if deliveries.suppress(conn, biller_id, channel, message.address, plans.STOPPED, now):
            stopped = NewEvent(EventType.PAYER_STOPPED, about | {"reason": plans.STOPPED})
            events.append(conn, biller_id, None, [stopped], now)
    elif message.start:
        if deliveries.allow(conn, biller_id, channel, message.address):
            events.append(conn, biller_id, None, [NewEvent(EventType.PAYER_STARTED, about)], now)
    elif payers:
        said = about | {"text": message.text[:LONGEST_TEXT]} | ({"button": message.button} if message.button else {})
        events.append(conn, biller_id, None, [NewEvent(EventType.MESSAGE_RECEIVED, said)], now)


def _bind(conn: sa.Connection, ctx: Context, account: ChannelAccount, message: InboundMessage, now: datetime) -> None:
    """Binds the chat to the payer whose single-use token it brings, and shows them their invoice there.

    A token that is used, too old or not ours does nothing.
    """
    token_id = ctx.starts.read(message.start_token or "")
    if token_id is None:
        return
    token = deliveries.use_start_token(conn, token_id, account.id, now - START_TOKEN_LIVES, now)
    if token is None:
        return
    biller_id, channel = account.row.biller_id, account.plugin.name
    deliveries.bind(conn, account.id, message.address, token.payer_id, now)
    deliveries.allow(conn, biller_id, channel, message.address)
    invoices.set_payer_chat(conn, token.payer_id, channel, message.address, now)
    payer = invoices.get_payer(conn, token.payer_id)
    bound = NewEvent(EventType.PAYER_BOUND, {"channel": account.short, "payers": [payer.reference]})
    events.append(conn, biller_id, token.invoice_id, [bound], now)
    invoice = invoices.get(conn, token.invoice_id)
    if invoice is not None and invoice.payable:
        step = Step(account.short, 3600)
        plans.begin(conn, ctx.directory, invoice, payer, MessageKind.INVOICE_ISSUED, [step], now, now)


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


async def start_url(ctx: Context, account: ChannelAccount, invoice_id: int) -> str | None:
    """A link that opens the biller's chat with a fresh single-use token, which binds whoever brings it to the invoice's payer.

    Good for seven days. None: this account has no such link.
    """
    channel = cast(OpensChats, account.make())
    if not account.plugin.opens_chats or channel.start_url("") is None:
        return None
    now = ctx.clock.now()

    def body(conn: sa.Connection) -> int | None:
        invoice = invoices.get(conn, invoice_id)
        if invoice is None:
            return None
        return deliveries.new_start_token(conn, account.id, invoice.payer_id, invoice.id, now)

    token_id = await ctx.db.write(body)
    return None if token_id is None else channel.start_url(ctx.starts.issue(token_id))


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
        plans.stop(conn, account, delivery, plans.STOPPED, now)
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
    }


def from_json(parsed: dict[str, Any]) -> DeliveryUpdate:
    values = {name: value for name, value in parsed.items() if name != "kind"}
    values["status"] = DeliveryStatus(values["status"])
    values["occurred_at"] = datetime.fromisoformat(values["occurred_at"])
    return DeliveryUpdate(**values)

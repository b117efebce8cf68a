"""What payers write: what binds a chat, a vendor's STOP, a complaint, and words, which are a turn of a conversation.

Runs in the transaction that keeps the webhook.
"""

from __future__ import annotations

from datetime import datetime

import sqlalchemy as sa

from gateway.domain.chat import Intent
from gateway.domain.deliveries import Delivery
from gateway.ports.channel import InboundMessage
from gateway.services import bindings, chat, composing, stopping
from gateway.services.context import Context
from gateway.services.directory import ChannelAccount
from gateway.store import deliveries
from gateway.store.invoices import Payer


def hear(conn: sa.Connection, ctx: Context, account: ChannelAccount, message: InboundMessage, now: datetime) -> None:
    """Does what a message means. A machine's is kept in the inbox and nothing follows, unless it carries a wish."""
    if message.left:
        bindings.leave(conn, ctx, account, message.address, now)
    elif message.stop and message.in_reply_to:
        _complained(conn, ctx, account, message, now)
    elif message.stop or message.start:
        _stop_or_start(conn, ctx, account, message, now)
    elif bindings.start_token(ctx, account, message) is not None:
        bindings.bind_by_token(conn, ctx, account, message, now)
    elif message.contact is not None:
        bindings.bind_by_contact(conn, ctx, account, message, now)
    elif not message.auto:
        chat.take(conn, ctx, account, message, trusted(conn, ctx, account, message), now)


def trusted(conn: sa.Connection, ctx: Context, account: ChannelAccount, message: InboundMessage) -> list[Payer]:
    """The payers whom the sender may be taken for.

    Anyone can write any sender into an email: only who answers a message that was sent to that address is known.
    """
    if account.plugin.address == "email":
        about = answered(conn, ctx, account, message)
        if about is None or about.address != message.address:
            return []
    return bindings.payers_of(conn, ctx, account, message.address)


def answered(conn: sa.Connection, ctx: Context, account: ChannelAccount, message: InboundMessage) -> Delivery | None:
    """The delivery of this account that a message answers: by our reference, or by the vendor's id. None: none of ours."""
    if not message.in_reply_to:
        return None
    number = composing.delivery_named(ctx, message.in_reply_to)
    found = deliveries.get(conn, number) if number is not None else None
    if found is None:
        found = deliveries.by_external_id(conn, account.id, message.in_reply_to)
    return found if found is not None and found.account_id == account.id else None


def _complained(
    conn: sa.Connection, ctx: Context, account: ChannelAccount, complaint: InboundMessage, now: datetime
) -> None:
    """A payer called a message unwanted: a wish, whoever carries it. It is the address of that message that hears no more."""
    about = answered(conn, ctx, account, complaint)
    if about is not None:
        stopping.stop_at(conn, ctx.directory, account, about, stopping.STOPPED, now)


def _stop_or_start(
    conn: sa.Connection, ctx: Context, account: ChannelAccount, message: InboundMessage, now: datetime
) -> None:
    """The vendor's own verdict, which it has answered itself."""
    payers = trusted(conn, ctx, account, message)
    if message.stop:
        stopping.stop(conn, ctx.directory, account, message.address, payers, stopping.STOPPED, now)
    else:
        stopping.start(conn, ctx.directory, account, message.address, payers, now)
    if message.text:
        chat.note(conn, account, message, payers, Intent.STOP if message.stop else Intent.START, now)

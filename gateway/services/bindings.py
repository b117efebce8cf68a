"""Who is behind an address: by the contact points on the invoice, by a single-use link, or by a number that the vendor vouches for.

What the biller changes counts at once: contact points are read as they stand, and a chat that a number proved goes with the number.
Functions of a connection run in the caller's transaction.
"""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from typing import cast

import sqlalchemy as sa

from gateway.domain.deliveries import MessageKind, Step
from gateway.domain.events import EventType, NewEvent
from gateway.ports.channel import InboundMessage, OpensChats
from gateway.services import plans
from gateway.services.context import Context
from gateway.services.directory import ChannelAccount
from gateway.signing import TOKEN_WIDTH
from gateway.store import deliveries, events, invoices
from gateway.store.invoices import Payer

START_TOKEN_LIVES = timedelta(days=7)
_WORD = re.compile(rf"(?<![0-9A-Za-z])[0-9A-Za-z]{{{TOKEN_WIDTH}}}(?![0-9A-Za-z])", re.ASCII)
_CHATS = ("telegram", "whatsapp")  # contact points that a payer may bind


def payers_of(conn: sa.Connection, ctx: Context, account: ChannelAccount, address: str) -> list[Payer]:
    """The biller's payers who write from this address: those with that contact point now, and those whose chat it was bound as.

    None once the vendor said that its owner has left it.
    """
    biller_id, plugin = account.row.biller_id, account.plugin
    if deliveries.suppressed(conn, biller_id, plugin.name, address) == deliveries.LEFT:
        return []
    found = invoices.payers_at(conn, biller_id, plans.contact_point(plugin), address)
    others = invoices.payers_at(conn, biller_id, "phone", address) if account.use_phone else []
    found += [payer for payer in others if plans.address_of(payer, plugin, use_phone=True) == address]
    payers = {payer.id: payer for payer in found}
    for payer_id in deliveries.bound_payers(conn, account.id, address):
        if payer_id not in payers:
            payers[payer_id] = invoices.get_payer(conn, payer_id)
    return list(payers.values())


def start_token(ctx: Context, account: ChannelAccount, message: InboundMessage) -> str | None:
    """The single-use token that a message brings: the vendor's own, or in the text that a link to a chat had prepared."""
    if message.start_token is not None or not account.plugin.opens_chats:
        return message.start_token
    words: list[str] = _WORD.findall(message.text)
    return next((word for word in words if ctx.starts.read(word) is not None), None)


def bind_by_token(
    conn: sa.Connection, ctx: Context, account: ChannelAccount, message: InboundMessage, now: datetime
) -> Payer | None:
    """Binds the chat to the payer whose single-use token it brings, and shows them their invoice there.

    A token that is used, too old or not ours does nothing.
    """
    token_id = ctx.starts.read(start_token(ctx, account, message) or "")
    if token_id is None:
        return None
    token = deliveries.use_start_token(conn, token_id, account.id, now - START_TOKEN_LIVES, now)
    if token is None:
        return None
    payer = _bind(conn, account, message.address, token.payer_id, token.invoice_id, None, now)
    invoice = invoices.get(conn, token.invoice_id)
    if invoice is not None and invoice.payable:
        step = Step(account.short, 3600)
        plans.begin(conn, ctx.directory, invoice, payer, MessageKind.INVOICE_ISSUED, [step], now, now)
    return payer


def bind_by_contact(
    conn: sa.Connection, ctx: Context, account: ChannelAccount, message: InboundMessage, now: datetime
) -> list[Payer]:
    """Binds the chat to the payers with the number that its owner shared and the vendor vouches for; none when nobody has it."""
    if message.contact is None or plans.contact_point(account.plugin) not in _CHATS:
        return []
    known = invoices.payers_at(conn, account.row.biller_id, "phone", message.contact)
    return [_bind(conn, account, message.address, payer.id, None, message.contact, now) for payer in known]


def _bind(
    conn: sa.Connection,
    account: ChannelAccount,
    address: str,
    payer_id: int,
    invoice_id: int | None,
    contact: str | None,
    now: datetime,
) -> Payer:
    biller_id, plugin = account.row.biller_id, account.plugin
    deliveries.bind(conn, account.id, address, payer_id, now, contact=contact)
    deliveries.allow(conn, biller_id, plugin.name, address)
    invoices.set_payer_chat(conn, payer_id, plans.contact_point(plugin), address, now)
    payer = invoices.get_payer(conn, payer_id)
    bound = NewEvent(EventType.PAYER_BOUND, {"channel": account.short, "payers": [payer.reference]})
    events.append(conn, biller_id, invoice_id, [bound], now)
    return payer


def leave(conn: sa.Connection, ctx: Context, account: ChannelAccount, address: str, now: datetime) -> None:
    """The payer has given the address up: it is nobody's any more, and gets nothing until somebody proves themselves there."""
    biller_id, plugin = account.row.biller_id, account.plugin
    left = payers_of(conn, ctx, account, address)
    deliveries.unbind(conn, account.id, address)
    for payer in left if plans.contact_point(plugin) in _CHATS else ():
        _settle(conn, account, payer, address, now)
    deliveries.allow(conn, biller_id, plugin.name, address)  # whatever it was stopped for before
    deliveries.suppress(conn, biller_id, plugin.name, address, deliveries.LEFT, now)
    if left:
        about = {"channel": account.short, "payers": [payer.reference for payer in left], "reason": deliveries.LEFT}
        events.append(conn, biller_id, None, [NewEvent(EventType.PAYER_STOPPED, about)], now)


def recheck(conn: sa.Connection, ctx: Context, payer: Payer, now: datetime) -> Payer:
    """Takes from a payer the chats that a number proved which is no longer theirs. To be called when the biller has changed them."""
    if payer.telegram is None and payer.whatsapp is None:
        return payer
    bound = deliveries.bindings_of(conn, payer.id)
    stale = [one for one in bound if one.contact is not None and one.contact != payer.phone]
    for one in stale:
        account = ctx.directory.channel(one.account_id)
        deliveries.unbind(conn, one.account_id, one.address, payer_id=payer.id)
        if account is not None:
            _settle(conn, account, payer, one.address, now)
    return invoices.get_payer(conn, payer.id) if stale else payer


def _settle(conn: sa.Connection, account: ChannelAccount, payer: Payer, gone: str, now: datetime) -> None:
    """Messages that went to an address that is gone go to the newest chat that is left, or to none."""
    column = plans.contact_point(account.plugin)
    if getattr(invoices.get_payer(conn, payer.id), column) == gone:
        left = [one.address for one in deliveries.bindings_of(conn, payer.id) if one.account_id == account.id]
        invoices.set_payer_chat(conn, payer.id, column, left[0] if left else None, now)


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

"""Trying phrases: a message is taken as if it came from a payer's address, and by default undone again, so that nothing is sent.

What is shown is what the real turn did in its transaction, not a guess of it.
"""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa

from gateway.domain.events import EventType
from gateway.ports.channel import InboundMessage
from gateway.services import bindings, chat, plans
from gateway.services.context import Context
from gateway.services.directory import Biller, ChannelAccount
from gateway.services.errors import Invalid, NotFound
from gateway.store import conversations, deliveries, events, invoices
from gateway.store.conversations import Said
from gateway.store.events import Event
from gateway.store.invoices import Payer

PRESS = ">"  # before a text that is the data of a button
BETWEEN = timedelta(minutes=1)  # of messages that are taken again, so that they are no flood
_OF_THE_TALK = (EventType.MESSAGE_RECEIVED, EventType.MESSAGE_SENT)


@dataclass(frozen=True, slots=True)
class Tried:
    """What became of one message. No `intent`: it was not even read, because the sender writes too much. No `answer`: silence."""

    channel: str
    address: str
    intent: str | None
    answer: str | None
    buttons: Sequence[dict[str, Any]] = ()
    facts: Sequence[Event] = field(default=())


class _Undone(Exception):
    """Takes the result out of the transaction that it undoes."""

    def __init__(self, tried: Tried) -> None:
        super().__init__()
        self.tried = tried


async def take(
    ctx: Context, biller: Biller, reference: str, channel: str | None, texts: Sequence[str], *, live: bool
) -> Tried:
    """Takes the last of `texts` as written by the payer, after those before it, a minute apart; undoes it all unless `live`.

    With `live` only the last is taken, and its answer is sent. A text that begins with `>` presses a button.
    Raises NotFound, and Invalid when the channel does not reach the payer.
    """
    now = ctx.clock.now()

    def body(conn: sa.Connection) -> Tried:
        payer = invoices.payer_called(conn, biller.id, reference)
        if payer is None:
            raise NotFound(f"there is no payer {reference}")
        account, address = _place(ctx, biller, payer, channel)
        taken = texts[-1:] if live else texts
        for place, text in enumerate(taken, start=1):
            at = now - BETWEEN * (len(taken) - place)
            tried = _turn(conn, ctx, account, address, text, at)
        if not live:
            raise _Undone(tried)
        return tried

    if not texts:
        raise Invalid("there is no text", path="texts")
    try:
        return await ctx.db.write(body)
    except _Undone as undone:
        return undone.tried


def _place(ctx: Context, biller: Biller, payer: Payer, channel: str | None) -> tuple[ChannelAccount, str]:
    """The account and the payer's address there: of the channel that is named, else of the first that reaches them."""
    accounts = {account.short: account for account in ctx.directory.channels_of(biller.id)}
    if channel is not None and channel not in accounts:
        raise Invalid(f"there is no channel {channel}; there are: {', '.join(sorted(accounts))}", path="channel")
    wanted = [channel] if channel is not None else [*(step.channel for step in plans.policy(biller)), *accounts]
    for name in wanted:
        account = accounts.get(name)
        address = plans.address_of(payer, account.plugin, account.use_phone) if account else None
        if account is not None and address is not None:
            return account, address
    raise Invalid(f"{payer.reference} has no address on {channel or 'any channel'}", path="channel")


def _turn(conn: sa.Connection, ctx: Context, account: ChannelAccount, address: str, text: str, now: datetime) -> Tried:
    biller_id = account.row.biller_id
    heard, told = _lines(conn, account, address)
    seq = events.last_seq(conn, biller_id)
    pressed = text.removeprefix(PRESS) if text.startswith(PRESS) else None
    message = InboundMessage(
        event_id=f"try-{secrets.token_hex(8)}",
        external_id="",
        address=address,
        text="" if pressed else text,
        occurred_at=now,
        button=pressed,
    )
    chat.take(conn, ctx, account, message, bindings.payers_of(conn, ctx, account, address), now)
    heard_now, told_now = _lines(conn, account, address)
    new = [line for number, line in heard_now.items() if number not in heard]
    answers = [line for number, line in told_now.items() if number not in told]
    sent = deliveries.get(conn, answers[0].id) if answers else None
    return Tried(
        channel=account.short,
        address=address,
        intent=new[0].intent if new else None,
        answer=answers[0].text if answers else None,
        buttons=((sent.about or {}).get("buttons") or ()) if sent else (),
        facts=[one for one in events.after(conn, biller_id, seq, 100) if one.type not in _OF_THE_TALK],
    )


def _lines(conn: sa.Connection, account: ChannelAccount, address: str) -> tuple[dict[int, Said], dict[int, Said]]:
    """The last lines of the conversation by their ids: the payer's, and what was answered."""
    conversation = conversations.peek(conn, account.id, address)
    if conversation is None:
        return {}, {}
    lines = conversations.transcript(conn, conversation.biller_id, conversation_id=conversation.id, limit=50)
    return (
        {line.id: line for line in lines if line.author == "payer"},
        {line.id: line for line in lines if line.author != "payer"},
    )

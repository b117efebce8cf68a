"""Conversations as the biller sees them: what was said, a person's own words to the payer, and forgetting in time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import sqlalchemy as sa

from gateway.domain.deliveries import Delivery, MessageKind
from gateway.services import bindings, plans
from gateway.services.context import Context
from gateway.services.directory import Biller, ChannelAccount
from gateway.services.errors import Conflict, NotFound
from gateway.store import conversations, deliveries, invoices, outbox
from gateway.store.conversations import Conversation, Said
from gateway.store.invoices import Remembered

FORGET = "forget"
PERSON_STAYS = timedelta(hours=72)  # after they were asked for, or last wrote
SWEPT_EVERY = timedelta(days=1)
SWEPT_AT_ONCE = 500


@dataclass(frozen=True, slots=True)
class Shown:
    """A conversation with what is known beside it. `payers` are the references of those behind its address."""

    conversation: Conversation
    account: ChannelAccount | None
    payers: Sequence[str]

    def person_wanted(self, now: datetime) -> bool:
        return person_has_it(self.conversation, now)


def person_has_it(conversation: Conversation, now: datetime) -> bool:
    """Whether a person of the biller's was asked for, or wrote, lately: then what we do not understand is left to them."""
    return conversation.person_at is not None and now - conversation.person_at < PERSON_STAYS


def _shown(conn: sa.Connection, ctx: Context, conversation: Conversation) -> Shown:
    account = ctx.directory.channel(conversation.account_id)
    payers = bindings.payers_of(conn, ctx, account, conversation.address) if account else []
    return Shown(conversation, account, [payer.reference for payer in payers])


async def page(
    ctx: Context,
    biller: Biller,
    *,
    payer: str | None = None,
    waiting: bool = False,
    before_id: int | None = None,
    limit: int = 50,
) -> tuple[list[Shown], int | None]:
    """The biller's conversations, newest first, and the id from before which the next page goes on.

    `payer` is a reference; `waiting`: only those in which a person is wanted now.
    """
    since = ctx.clock.now() - PERSON_STAYS if waiting else None

    def body(conn: sa.Connection) -> list[Shown]:
        found = conversations.page(
            conn, biller.id, payer_reference=payer, person_since=since, before_id=before_id, limit=limit + 1
        )
        return [_shown(conn, ctx, one) for one in found]

    rows = await ctx.db.read(body)
    return rows[:limit], rows[limit - 1].conversation.id if len(rows) > limit else None


async def get(ctx: Context, biller: Biller, conversation_id: int) -> Shown:
    """One conversation of the biller's. Raises NotFound."""

    def body(conn: sa.Connection) -> Shown | None:
        found = conversations.get(conn, conversation_id, biller_id=biller.id)
        return None if found is None else _shown(conn, ctx, found)

    shown = await ctx.db.read(body)
    if shown is None:
        raise NotFound("there is no such conversation")
    return shown


async def of_conversation(
    ctx: Context, biller: Biller, conversation_id: int, *, before: datetime | None = None, limit: int = 50
) -> list[Said]:
    """What was said in it, newest first. Raises NotFound."""
    await get(ctx, biller, conversation_id)
    return await ctx.db.read(
        lambda conn: conversations.transcript(
            conn, biller.id, conversation_id=conversation_id, before=before, limit=limit
        )
    )


async def of_payer(
    ctx: Context, biller: Biller, reference: str, *, before: datetime | None = None, limit: int = 50
) -> list[Said]:
    """All that was said to and by a payer, on every channel, newest first; nothing for one that is not known."""

    def body(conn: sa.Connection) -> list[Said]:
        payer = invoices.payer_called(conn, biller.id, reference)
        if payer is None:
            return []
        return conversations.transcript(conn, biller.id, payer_id=payer.id, before=before, limit=limit)

    return await ctx.db.read(body)


async def say(
    ctx: Context, biller: Biller, conversation_id: int, text: str, *, key: str | None = None
) -> tuple[Delivery, bool]:
    """A person's words to the payer, on the channel that they wrote from; True says that they are new.

    Raises NotFound, and Conflict when the address cannot be written to: its account is gone, the payer stopped it, or its
    window is shut (then only a template may be sent).
    """
    now = ctx.clock.now()

    def body(conn: sa.Connection) -> tuple[Delivery, bool]:
        conversation = conversations.get(conn, conversation_id, biller_id=biller.id)
        if conversation is None:
            raise NotFound("there is no such conversation")
        if key is not None and (used := invoices.remembered(conn, biller.id, key)) is not None:
            known = deliveries.get(conn, used.resource_id) if used.operation == "message" else None
            if known is None or known.conversation_id != conversation_id or (known.about or {}).get("text") != text:
                raise Conflict("this Idempotency-Key was used for another request", differs=["text"])
            return known, False
        account = _open(conn, ctx, conversation, now)
        locale = conversation.locale or biller.locale
        delivery = answer(conn, account, conversation, text, now, author="biller", locale=locale)
        conversations.change(conn, conversation.id, now, person_at=now)
        if key is not None:
            invoices.remember(conn, biller.id, key, Remembered("message", b"", delivery.id), now)
        return delivery, True

    return await ctx.db.write(body)


def _open(conn: sa.Connection, ctx: Context, conversation: Conversation, now: datetime) -> ChannelAccount:
    """The account that can write to the conversation's address now. Raises Conflict when none can."""
    account = ctx.directory.channel(conversation.account_id)
    if account is None or not account.row.enabled:
        raise Conflict("the channel of this conversation is not in use any more")
    if why := deliveries.suppressed(conn, conversation.biller_id, account.plugin.name, conversation.address):
        raise Conflict(f"nothing may be sent to this address: {why}")
    window, wrote_at = timedelta(seconds=account.plugin.window_s), conversation.last_in_at
    if window and (wrote_at is None or now - wrote_at >= window):
        raise Conflict("the payer's last message is too long ago for an answer on this channel")
    return account


def answer(
    conn: sa.Connection,
    account: ChannelAccount,
    conversation: Conversation,
    text: str,
    now: datetime,
    *,
    author: str = "achit",
    buttons: Sequence[dict[str, str | None]] = (),
    in_reply_to: str | None = None,
    locale: str,
    payer_id: int | None = None,
) -> Delivery:
    """Queues words to the conversation's address."""
    about = {"text": text, "author": author, "buttons": list(buttons), "in_reply_to": in_reply_to}
    return plans.queue(
        conn,
        account,
        kind=MessageKind.REPLY,
        address=conversation.address,
        locale=locale,
        due_at=now,
        now=now,
        payer_id=payer_id or conversation.payer_id,
        conversation_id=conversation.id,
        about=about,
    )


async def forget(ctx: Context, biller_id: int) -> datetime:
    """Forgets what the biller's policy keeps no longer; gives when to look again."""
    now = ctx.clock.now()
    before = now - timedelta(seconds=ctx.directory.biller(biller_id).settings.chat.keep_s)
    while True:
        messages, told = await ctx.db.read(lambda conn: conversations.old(conn, biller_id, before, SWEPT_AT_ONCE))
        if not messages and not told:
            return now + SWEPT_EVERY
        await ctx.db.write(lambda conn, m=messages, t=told: conversations.forget(conn, m, t))  # type: ignore[misc]


def forget_in_time(conn: sa.Connection, ctx: Context, now: datetime) -> None:
    """Makes sure that every biller's old words are looked for; those who have been sooner than a day are left as they are."""
    for biller in ctx.directory.billers():
        outbox.poke(conn, FORGET, biller.id, "", now + SWEPT_EVERY, now)

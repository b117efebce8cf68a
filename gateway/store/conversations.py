"""Conversations: one a channel account and address, and what payers wrote in them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from gateway.store.schema import conversation, delivery, message, payer
from gateway.store.statements import Statement, by, new_or_nothing


@dataclass(frozen=True, slots=True)
class Conversation:
    """A row of the conversation table. `state` is what was asked last; `person_at`: since when a person is wanted.

    `full_until` is how far ahead of its rate the sender is, `payer_id` who was chosen where several share the address.
    """

    id: int
    biller_id: int
    account_id: int
    address: str
    payer_id: int | None
    locale: str | None
    state: dict[str, Any]
    person_at: datetime | None
    full_until: datetime | None
    last_in_at: datetime | None
    created_at: datetime
    updated_at: datetime


@dataclass(frozen=True, slots=True)
class Said:
    """One line of a transcript, whoever said it: `author` is `payer`, `achit` or `biller`."""

    at: datetime
    author: str
    id: int  # of the message table when a payer wrote it, else of the delivery table
    conversation_id: int | None
    invoice_id: int | None
    payer_id: int | None
    channel: str | None
    kind: str
    status: str
    text: str
    intent: str | None


_COLUMNS = [conversation.c[name] for name in Conversation.__dataclass_fields__]
_AT = (by(conversation.c.account_id, "account_id"), by(conversation.c.address, "address"))
_OPEN = new_or_nothing(conversation, ("account_id", "address"), conversation.c.id)
_FOUND = Statement(sa.select(*_COLUMNS).where(*_AT).with_for_update(key_share=True))
_PEEK = Statement(sa.select(*_COLUMNS).where(*_AT))
_CHANGE = Statement(conversation.update().where(by(conversation.c.id, "of_id")))
_WRITE = Statement(message.insert().returning(message.c.id))


def at(conn: sa.Connection, biller_id: int, account_id: int, address: str, now: datetime) -> Conversation:
    """The conversation with an address, locked; begun when there was none."""
    new = {"biller_id": biller_id, "account_id": account_id, "address": address}
    _OPEN.first(conn, **new, state={}, created_at=now, updated_at=now)
    (row,) = _FOUND.rows(conn, account_id=account_id, address=address)
    return Conversation(*row)


def peek(conn: sa.Connection, account_id: int, address: str) -> Conversation | None:
    """The conversation with an address, if there is one; neither begun nor locked."""
    row = _PEEK.first(conn, account_id=account_id, address=address)
    return Conversation(*row) if row else None


def get(conn: sa.Connection, conversation_id: int, *, biller_id: int) -> Conversation | None:
    """One of the biller's."""
    query = sa.select(*_COLUMNS).where(conversation.c.id == conversation_id, conversation.c.biller_id == biller_id)
    row = conn.execute(query).first()
    return Conversation(*row) if row else None


def change(conn: sa.Connection, conversation_id: int, now: datetime, **values: Any) -> None:
    _CHANGE.run(conn, of_id=conversation_id, updated_at=now, **values)


def last_in_at(conn: sa.Connection, account_id: int, address: str) -> datetime | None:
    """When the payer wrote last from this address; None when never."""
    found = peek(conn, account_id, address)
    return found.last_in_at if found else None


def write(conn: sa.Connection, row: dict[str, Any]) -> int:
    """Keeps what a payer wrote; gives its id."""
    return int(_WRITE.value(conn, **row))


def page(
    conn: sa.Connection,
    biller_id: int,
    *,
    payer_reference: str | None,
    person_since: datetime | None,
    before_id: int | None,
    limit: int,
) -> list[Conversation]:
    """The biller's conversations, newest first; of one payer, or those in which a person is wanted since an instant."""
    query = sa.select(*_COLUMNS).where(conversation.c.biller_id == biller_id)
    if before_id is not None:
        query = query.where(conversation.c.id < before_id)
    if person_since is not None:
        query = query.where(conversation.c.person_at >= person_since)
    if payer_reference is not None:
        wrote = (
            sa.select(message.c.conversation_id)
            .join(payer, payer.c.id == message.c.payer_id)
            .where(payer.c.biller_id == biller_id, payer.c.reference == payer_reference)
        )
        query = query.where(conversation.c.id.in_(wrote))
    return [Conversation(*row) for row in conn.execute(query.order_by(conversation.c.id.desc()).limit(limit))]


def _lines() -> sa.CompoundSelect[Any]:
    """What payers wrote and what they were sent, as one: the columns of Said, then biller and payer."""
    wrote = sa.select(
        message.c.created_at.label("at"),  # vendors count whole seconds: an answer would stand before its question
        sa.literal("payer").label("author"),
        message.c.id,
        message.c.conversation_id,
        sa.null().label("invoice_id"),
        message.c.payer_id,
        sa.null().label("channel"),
        sa.literal("message").label("kind"),
        sa.literal("received").label("status"),
        message.c.text.label("text"),
        message.c.intent,
        message.c.biller_id,
    )
    told = sa.select(
        sa.func.coalesce(delivery.c.sent_at, delivery.c.created_at, type_=delivery.c.created_at.type).label("at"),
        sa.func.coalesce(delivery.c.about["author"].as_string(), "achit").label("author"),
        delivery.c.id,
        delivery.c.conversation_id,
        delivery.c.invoice_id,
        delivery.c.payer_id,
        delivery.c.channel,
        delivery.c.kind.label("kind"),
        delivery.c.state.label("status"),
        sa.func.coalesce(delivery.c.told, delivery.c.about["text"].as_string(), "").label("text"),
        sa.null().label("intent"),
        delivery.c.biller_id,
    )
    return sa.union_all(wrote, told)


def transcript(
    conn: sa.Connection,
    biller_id: int,
    *,
    payer_id: int | None = None,
    conversation_id: int | None = None,
    before: datetime | None = None,
    limit: int,
) -> list[Said]:
    """The newest `limit` lines from before an instant, newest first, and all others of the last one's instant."""
    line = _lines().subquery()
    columns = [line.c[name] for name in Said.__dataclass_fields__]
    mine = [line.c.biller_id == biller_id]
    mine += [line.c.payer_id == payer_id] if payer_id is not None else []
    mine += [line.c.conversation_id == conversation_id] if conversation_id is not None else []
    query = sa.select(*columns).where(*mine, *([line.c.at < before] if before is not None else []))
    newest = (line.c.at.desc(), line.c.author, line.c.id.desc())
    found = [Said(*row) for row in conn.execute(query.order_by(*newest).limit(limit))]
    if len(found) < limit:
        return found
    last_at = found[-1].at
    beside = conn.execute(sa.select(*columns).where(*mine, line.c.at == last_at).order_by(*newest))
    return [one for one in found if one.at > last_at] + [Said(*row) for row in beside]


def old(conn: sa.Connection, biller_id: int, before: datetime, limit: int) -> tuple[list[int], list[int]]:
    """Messages, and deliveries with words, from before an instant: their ids."""
    written = sa.select(message.c.id).where(message.c.biller_id == biller_id, message.c.occurred_at < before)
    told = sa.select(delivery.c.id).where(
        delivery.c.biller_id == biller_id,
        delivery.c.created_at < before,
        sa.or_(delivery.c.told != "", sa.and_(delivery.c.kind == "reply", delivery.c.about.is_not(None))),
    )
    queries = (written.order_by(message.c.id).limit(limit), told.order_by(delivery.c.id).limit(limit))
    messages, deliveries = (list(conn.execute(query).scalars()) for query in queries)
    return messages, deliveries


def forget(conn: sa.Connection, messages: Sequence[int], deliveries: Sequence[int]) -> None:
    """Deletes what payers wrote, and the words of what they were told. That they were told stays."""
    conn.execute(message.delete().where(message.c.id.in_(messages)))
    of_these = delivery.update().where(delivery.c.id.in_(deliveries))
    conn.execute(of_these.values(told=None))
    conn.execute(of_these.where(delivery.c.kind == "reply").values(about=sa.null()))

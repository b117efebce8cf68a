"""Conversations: one a channel account and address, and what payers wrote in them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from gateway.store.schema import conversation, message
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
    payer_id: int | None = None
    locale: str | None = None
    state: dict[str, Any] = field(default_factory=dict)
    person_at: datetime | None = None
    full_until: datetime | None = None
    last_in_at: datetime | None = None
    created_at: datetime | None = None
    updated_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Written:
    """A row of the message table: what a payer wrote or pressed."""

    id: int
    biller_id: int
    conversation_id: int
    payer_id: int | None
    external_id: str
    text: str
    button: str | None
    intent: str | None
    occurred_at: datetime
    created_at: datetime


_COLUMNS = [conversation.c[name] for name in Conversation.__dataclass_fields__]
_WRITTEN = [message.c[name] for name in Written.__dataclass_fields__]
_AT = (by(conversation.c.account_id, "account_id"), by(conversation.c.address, "address"))
_OPEN = new_or_nothing(conversation, ("account_id", "address"), conversation.c.id)
_ONE = sa.select(*_COLUMNS).where(*_AT).with_for_update(key_share=True)
_FOUND = Statement(_ONE)
_LAST_IN = Statement(sa.select(conversation.c.last_in_at).where(*_AT))
_CHANGE = Statement(conversation.update().where(by(conversation.c.id, "of_id")))
_WRITE = Statement(message.insert().returning(message.c.id))


def at(conn: sa.Connection, biller_id: int, account_id: int, address: str, now: datetime) -> Conversation:
    """The conversation with an address, locked; begun when there was none."""
    new = {"biller_id": biller_id, "account_id": account_id, "address": address}
    _OPEN.first(conn, **new, state={}, created_at=now, updated_at=now)
    (row,) = _FOUND.rows(conn, account_id=account_id, address=address)
    return Conversation(*row)


def get(conn: sa.Connection, conversation_id: int, *, biller_id: int | None = None) -> Conversation | None:
    row = conn.execute(sa.select(*_COLUMNS).where(conversation.c.id == conversation_id)).first()
    found = Conversation(*row) if row else None
    return found if found is None or biller_id in (None, found.biller_id) else None


def change(conn: sa.Connection, conversation_id: int, now: datetime, **values: Any) -> None:
    _CHANGE.run(conn, of_id=conversation_id, updated_at=now, **values)


def last_in_at(conn: sa.Connection, account_id: int, address: str) -> datetime | None:
    """When the payer wrote last from this address; None when never."""
    wrote_at: datetime | None = _LAST_IN.value(conn, account_id=account_id, address=address)
    return wrote_at


def write(conn: sa.Connection, row: dict[str, Any]) -> int:
    """Keeps what a payer wrote; gives its id."""
    return int(_WRITE.value(conn, **row))


def written(conn: sa.Connection, conversation_id: int) -> Sequence[Written]:
    """What was written in a conversation, in order."""
    query = sa.select(*_WRITTEN).where(message.c.conversation_id == conversation_id).order_by(message.c.id)
    return [Written(*row) for row in conn.execute(query)]

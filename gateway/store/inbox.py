"""The inbox: every webhook event is kept raw, once. Unique on (account, event id): a repeated one changes nothing."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

import orjson
import sqlalchemy as sa

from gateway.store.schema import inbox
from gateway.store.statements import Statement, by, new_or_nothing

APPLIED, HELD = "applied", "held"


@dataclass(frozen=True, slots=True)
class Raw:
    """A webhook as it came, with the headers that matter (signatures, ids; no cookies, no authorisation)."""

    headers: dict[str, str]
    body: bytes


@dataclass(frozen=True, slots=True)
class Held:
    id: int
    account: str
    event_id: str
    parsed: dict[str, Any]
    received_at: datetime


def keep(conn: sa.Connection, account: str, event_id: str, raw: Raw, now: datetime) -> int | None:
    """Keeps an event. None: it was there already, and everything it says has been said."""
    row = {
        "account": account,
        "event_id": event_id,
        "state": APPLIED,
        "headers": raw.headers,
        "body": raw.body,
        "received_at": now,
    }
    inserted: int | None = _KEEP.value(conn, **row)
    return inserted


_KEEP = new_or_nothing(inbox, ("account", "event_id"), inbox.c.id)


def hold(conn: sa.Connection, inbox_id: int, parsed: dict[str, Any]) -> None:
    """Keeps what the event says until the attempt it speaks of exists."""
    conn.execute(inbox.update().where(inbox.c.id == inbox_id).values(state=HELD, parsed=parsed))


def held(conn: sa.Connection, inbox_id: int) -> Held | None:
    row = conn.execute(_HELD.where(inbox.c.id == inbox_id)).first()
    return Held(*row) if row else None


_HELD = sa.select(*[inbox.c[name] for name in Held.__dataclass_fields__]).where(inbox.c.state == HELD)


def held_about(conn: sa.Connection, account: str, external_id: str) -> list[int]:
    """What is held of the account about one payment or message of the vendor's; few events are held at a time."""
    held_now = _HELD_OF.rows(conn, account=account)
    return [row[0] for row in held_now if orjson.loads(row[1])["external_id"] == external_id]


# The state is written out, for SQLite takes a partial index by the statement's text alone.
_HELD_OF = Statement(
    sa.select(inbox.c.id, sa.cast(inbox.c.parsed, sa.Text))
    .where(by(inbox.c.account, "account"), inbox.c.state == sa.literal_column("'held'"))
    .order_by(inbox.c.id)
)


def applied(conn: sa.Connection, inbox_id: int) -> None:
    conn.execute(inbox.update().where(inbox.c.id == inbox_id).values(state=APPLIED, parsed=None))

"""Push endpoints and the log of pushes. An endpoint is a cursor over its biller's events."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from gateway.store.schema import event, push_endpoint, status_push
from gateway.store.statements import Statement, among, by, new_or_nothing, new_or_update

WAITING, DELIVERED, DEAD = "waiting", "delivered", "dead"


@dataclass(frozen=True, slots=True)
class EndpointRow:
    """`secrets` are sealed; `events` empty means all types; `cursor` is the sequence up to which all is done."""

    id: int
    biller_id: int
    url: str
    secrets: bytes
    events: list[str]
    enabled: bool
    disabled_reason: str | None
    cursor: int
    created_at: datetime
    updated_at: datetime


@dataclass(frozen=True, slots=True)
class PushRow:
    """One event for one endpoint. `log` has a line a try: `{at, code, ms, error}`."""

    id: int
    endpoint_id: int
    event_id: int
    state: str
    tries: int
    next_at: datetime | None
    body: bytes | None
    log: list[dict[str, Any]]
    created_at: datetime
    delivered_at: datetime | None


_ENDPOINT = [push_endpoint.c[name] for name in EndpointRow.__dataclass_fields__]
_PUSH = [status_push.c[name] for name in PushRow.__dataclass_fields__]


def add_endpoint(conn: sa.Connection, row: dict[str, Any]) -> int:
    return int(conn.execute(push_endpoint.insert().values(row).returning(push_endpoint.c.id)).scalar_one())


def endpoint(
    conn: sa.Connection, endpoint_id: int, *, biller_id: int | None = None, lock: bool = False
) -> EndpointRow | None:
    row = (_ENDPOINT_LOCKED if lock else _ENDPOINT_BY_ID).first(conn, id=endpoint_id)
    found = EndpointRow(*row) if row else None
    return found if found is None or biller_id in (None, found.biller_id) else None


def endpoints(conn: sa.Connection, biller_id: int) -> list[EndpointRow]:
    query = sa.select(*_ENDPOINT).where(push_endpoint.c.biller_id == biller_id).order_by(push_endpoint.c.id)
    return [EndpointRow(*row) for row in conn.execute(query)]


def change_endpoint(conn: sa.Connection, endpoint_id: int, values: dict[str, Any], now: datetime) -> bool:
    query = push_endpoint.update().where(push_endpoint.c.id == endpoint_id)
    return bool(conn.execute(query.values(**values, updated_at=now)).rowcount)


def remove_endpoint(conn: sa.Connection, endpoint_id: int) -> None:
    conn.execute(status_push.delete().where(status_push.c.endpoint_id == endpoint_id))
    conn.execute(push_endpoint.delete().where(push_endpoint.c.id == endpoint_id))


def advance(conn: sa.Connection, endpoint_id: int, was: int, cursor: int) -> bool:
    """Moves the cursor forward, if a replay has not moved it meanwhile."""
    return bool(_ADVANCE.run(conn, of_id=endpoint_id, was=was, cursor=cursor))


def push(conn: sa.Connection, push_id: int) -> PushRow | None:
    row = conn.execute(sa.select(*_PUSH).where(status_push.c.id == push_id)).first()
    return PushRow(*row) if row else None


def push_of(conn: sa.Connection, endpoint_id: int, event_id: int) -> PushRow | None:
    row = _PUSH_OF.first(conn, endpoint_id=endpoint_id, event_id=event_id)
    return PushRow(*row) if row else None


def pushes_of(conn: sa.Connection, endpoint_id: int, event_ids: list[int]) -> dict[int, PushRow]:
    """The pushes there are of these events, by event."""
    return {row[2]: PushRow(*row) for row in _PUSHES_OF.rows(conn, endpoint_id=endpoint_id, event_ids=event_ids)}


def reserve(conn: sa.Connection, rows: list[dict[str, Any]]) -> dict[int, PushRow]:
    """Keeps pushes that are about to be tried first; gives them by event, one that was there already as it is."""
    kept: dict[int, PushRow] = {}
    for row in rows:
        push_id = _RESERVE.value(conn, **row)
        known = push_of(conn, row["endpoint_id"], row["event_id"]) if push_id is None else PushRow(id=push_id, **row)
        if known is not None:
            kept[row["event_id"]] = known
    return kept


def save(conn: sa.Connection, row: dict[str, Any]) -> int:
    """Writes what a try brought, over what the tries before left."""
    push_id: int = _SAVE.value(conn, **row)
    return push_id


_OUTCOME = ("state", "tries", "next_at", "body", "log", "delivered_at")
_RESERVE = new_or_nothing(status_push, ("endpoint_id", "event_id"), status_push.c.id)
_SAVE = new_or_update(status_push, ("endpoint_id", "event_id"), _OUTCOME, status_push.c.id)
_ADVANCE = Statement(push_endpoint.update().where(by(push_endpoint.c.id, "of_id"), by(push_endpoint.c.cursor, "was")))
_ONE_ENDPOINT = sa.select(*_ENDPOINT).where(by(push_endpoint.c.id, "id"))
_ENDPOINT_BY_ID, _ENDPOINT_LOCKED = Statement(_ONE_ENDPOINT), Statement(_ONE_ENDPOINT.with_for_update(key_share=True))
_OF_ENDPOINT = sa.select(*_PUSH).where(by(status_push.c.endpoint_id, "endpoint_id"))
_PUSH_OF = Statement(_OF_ENDPOINT.where(by(status_push.c.event_id, "event_id")))
_PUSHES_OF = Statement(_OF_ENDPOINT.where(among(status_push.c.event_id, "event_ids")))


def log(
    conn: sa.Connection, endpoint_id: int, before_id: int | None, limit: int, *, state: str | None = None
) -> list[tuple[PushRow, str, int]]:
    """The endpoint's pushes, newest first, each with its event's type and biller sequence; all, or those in one `state`."""
    query = (
        sa.select(*_PUSH, event.c.type, event.c.biller_seq)
        .join(event, event.c.id == status_push.c.event_id)
        .where(status_push.c.endpoint_id == endpoint_id)
        .order_by(status_push.c.id.desc())
        .limit(limit)
    )
    if before_id is not None:
        query = query.where(status_push.c.id < before_id)
    if state is not None:
        query = query.where(status_push.c.state == state)
    return [(PushRow(*row[: len(_PUSH)]), row[-2], row[-1]) for row in conn.execute(query)]


def first_event_since(conn: sa.Connection, biller_id: int, since: datetime) -> int | None:
    """The sequence of the biller's first event at or after `since`."""
    query = sa.select(sa.func.min(event.c.biller_seq)).where(
        event.c.biller_id == biller_id, event.c.occurred_at >= since
    )
    return conn.execute(query).scalar_one_or_none()


AGAIN: Mapping[str, Any] = {"state": WAITING, "tries": 0, "next_at": None, "delivered_at": None}
"""A push that waits for its first try again; what was tried stays in the log."""


def reset(conn: sa.Connection, push_ids: list[int]) -> None:
    """Makes pushes wait for their first try again."""
    conn.execute(status_push.update().where(status_push.c.id.in_(push_ids)).values(**AGAIN))


def reset_from(conn: sa.Connection, endpoint_id: int, biller_id: int, first_seq: int) -> None:
    """The same for every push of the endpoint from an event on."""
    later = sa.select(event.c.id).where(event.c.biller_id == biller_id, event.c.biller_seq >= first_seq)
    query = status_push.update().where(status_push.c.endpoint_id == endpoint_id, status_push.c.event_id.in_(later))
    conn.execute(query.values(**AGAIN))


def hurry(conn: sa.Connection, endpoint_id: int, cursor: int) -> list[int]:
    """Makes what waits for its next try due; gives the pushes that were replayed behind the cursor, where no pump comes by."""
    waiting = sa.and_(status_push.c.endpoint_id == endpoint_id, status_push.c.state == WAITING)
    conn.execute(status_push.update().where(waiting).values(next_at=None))
    behind = sa.select(status_push.c.id, status_push.c.log).join(event, event.c.id == status_push.c.event_id)
    return [row[0] for row in conn.execute(behind.where(waiting, event.c.biller_seq <= cursor)) if row[1]]

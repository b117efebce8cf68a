"""How often something may be tried, kept so that a restart does not forget it: one row a bucket, gone when it is empty again."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import sqlalchemy as sa

from gateway.store.schema import throttle
from gateway.store.statements import Statement, by, new_or_nothing

_OPEN = new_or_nothing(throttle, ("key",), throttle.c.key)
_LOCKED = Statement(sa.select(throttle.c.full_until).where(by(throttle.c.key, "key")).with_for_update())
_FILL = Statement(throttle.update().where(by(throttle.c.key, "of_key")))
_LIMIT = 100


def locked(conn: sa.Connection, keys: Sequence[str], now: datetime) -> list[datetime]:
    """How far ahead of its rate each bucket is, locked until the end of the transaction; `now` for one that is empty."""
    ahead: list[datetime] = []
    for key in keys:
        _OPEN.first(conn, key=key, full_until=now)
        (row,) = _LOCKED.rows(conn, key=key)
        ahead.append(max(row[0], now))
    return ahead


def fill(conn: sa.Connection, key: str, full_until: datetime) -> None:
    _FILL.run(conn, of_key=key, full_until=full_until)


def forget_empty(conn: sa.Connection, now: datetime) -> None:
    """Drops buckets that are empty again, a hundred at a time."""
    empty = sa.select(throttle.c.key).where(throttle.c.full_until < now).limit(_LIMIT)
    conn.execute(throttle.delete().where(throttle.c.key.in_(empty)))

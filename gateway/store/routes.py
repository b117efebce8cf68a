"""What routing remembers of provider accounts, for every process alike: counters a minute, who rests, what came in a day.

A caller writes here last in its transaction, after the biller's row is locked, so that two of them never wait for each other.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from gateway.domain.routing import Trouble, Window
from gateway.store.schema import account_day, account_minute, account_rest
from gateway.store.statements import Statement, among, by, new_or_nothing

KEPT = timedelta(days=1)
_COUNTERS = ("opened", "failed", "confirmed", "declined", "latency_ms")


def _added(table: sa.Table, keys: Sequence[str], sums: Sequence[str], *returning: sa.ColumnElement[Any]) -> Statement:
    """Inserts the row given as parameters, or adds its `sums` to those of the row of these `keys`."""

    def make(insert: Any) -> Any:
        new = insert(table)
        grown = {name: table.c[name] + new.excluded[name] for name in sums}
        made = new.on_conflict_do_update(index_elements=list(keys), set_=grown)
        return made.returning(*returning) if returning else made

    return Statement(make(sqlite.insert), make(postgresql.insert))


_SEEN = account_minute.c.opened + account_minute.c.failed + account_minute.c.confirmed + account_minute.c.declined
_COUNT = _added(account_minute, ("account_id", "minute"), _COUNTERS, _SEEN)
_MINUTES = sa.and_(by(account_minute.c.account_id, "account_id"), account_minute.c.minute >= sa.bindparam("first"))
_WINDOW = Statement(
    sa.select(*(sa.func.coalesce(sa.func.sum(account_minute.c[name]), 0) for name in _COUNTERS)).where(_MINUTES)
)
_FORGET = Statement(
    account_minute.delete().where(
        by(account_minute.c.account_id, "account_id"), account_minute.c.minute < sa.bindparam("before")
    )
)
_RECEIVE = _added(account_day, ("account_id", "day", "currency"), ("received_minor",))
_RECEIVED = Statement(
    sa.select(
        account_day.c.account_id,
        sa.func.sum(account_day.c.received_minor),
        sa.func.sum(
            sa.case((account_day.c.day == sa.bindparam("today", type_=sa.Date), account_day.c.received_minor), else_=0)
        ),
    )
    .where(
        among(account_day.c.account_id, "account_ids"),
        account_day.c.day >= sa.bindparam("first", type_=sa.Date),
        by(account_day.c.currency, "currency"),
    )
    .group_by(account_day.c.account_id)
)


def _minute(at: datetime) -> int:
    return int(at.timestamp()) // 60


def count(conn: sa.Connection, account_id: int, now: datetime, *, of: str, latency_ms: int = 0) -> None:
    """One more of `opened`, `failed`, `confirmed` or `declined`, in this minute. The first of a minute drops those of yesterday."""
    row = dict.fromkeys(_COUNTERS, 0) | {of: 1, "latency_ms": latency_ms}
    if _COUNT.value(conn, account_id=account_id, minute=_minute(now), **row) == 1:
        _FORGET.run(conn, account_id=account_id, before=_minute(now - KEPT))


def window(conn: sa.Connection, account_id: int, seconds: int, now: datetime) -> Window:
    """What an account did in the last so many seconds, to the minute; from its last recovery on."""
    first = _minute(now - timedelta(seconds=seconds)) + 1
    (row,) = _WINDOW.rows(conn, account_id=account_id, first=first)
    return Window(*(int(value) for value in row))


@dataclass(frozen=True, slots=True)
class Rest:
    """An account in trouble. From `retry_at` on one payer tries it."""

    account_id: int
    trouble: Trouble
    since: datetime
    retry_at: datetime
    tries: int


_REST = [account_rest.c[name] for name in Rest.__dataclass_fields__]
_RESTS = Statement(sa.select(*_REST).where(among(account_rest.c.account_id, "account_ids")))
_BEGIN = new_or_nothing(account_rest, ("account_id",), account_rest.c.account_id)
_MOVE = Statement(
    account_rest.update().where(by(account_rest.c.account_id, "of_account"), by(account_rest.c.retry_at, "seen_at"))
)
_END = Statement(account_rest.delete().where(by(account_rest.c.account_id, "account_id")))
_END_OF = Statement(
    account_rest.delete().where(by(account_rest.c.account_id, "account_id"), by(account_rest.c.trouble, "trouble"))
)


def rests(conn: sa.Connection, account_ids: Sequence[int]) -> Mapping[int, Rest]:
    """Those of the accounts that are in trouble."""
    if not account_ids:
        return {}
    rows = _RESTS.rows(conn, account_ids=list(account_ids))
    return {row[0]: Rest(row[0], Trouble(row[1]), *row[2:]) for row in rows}


def begin_rest(conn: sa.Connection, account_id: int, trouble: Trouble, now: datetime, retry_at: datetime) -> bool:
    """The account is in trouble from now on. False: it was already."""
    row = {"account_id": account_id, "trouble": trouble, "since": now, "retry_at": retry_at, "tries": 1}
    return _BEGIN.value(conn, **row) is not None


def move_rest(conn: sa.Connection, rest: Rest, retry_at: datetime, *, tries: int) -> bool:
    """Compare-and-set of when it is tried again: of all that saw the same instant, one gets True."""
    return bool(_MOVE.run(conn, of_account=rest.account_id, seen_at=rest.retry_at, retry_at=retry_at, tries=tries))


def end_rest(conn: sa.Connection, account_id: int, *, of: Trouble | None = None) -> None:
    """The account is well again, and what it did before counts no more; with `of`, only if that was its trouble."""
    gone = (
        _END.run(conn, account_id=account_id)
        if of is None
        else _END_OF.run(conn, account_id=account_id, trouble=of.value)
    )
    if gone:
        conn.execute(account_minute.delete().where(account_minute.c.account_id == account_id))


def receive(conn: sa.Connection, account_id: int, day: date, currency: str, delta_minor: int) -> None:
    """Money that came, or was taken back, on a day of the biller's."""
    _RECEIVE.run(conn, account_id=account_id, day=day, currency=currency, received_minor=delta_minor)


def received(
    conn: sa.Connection, account_ids: Sequence[int], currency: str, today: date
) -> Mapping[int, tuple[int, int]]:
    """What came through each account today and in this month, in minor units."""
    rows = _RECEIVED.rows(
        conn, account_ids=list(account_ids), currency=currency, today=today, first=today.replace(day=1)
    )
    return {row[0]: (int(row[2]), int(row[1])) for row in rows}

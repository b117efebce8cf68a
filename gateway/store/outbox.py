"""The outbox: work that commits with the change that causes it, claimed under a lease and acknowledged with a fence.

A task is (kind, key): at most one row each. Claiming moves `due_at` to the end of the lease, so a crashed worker's task
comes back by itself. Poking a task that is being worked on marks it `again`, and its acknowledgement leaves it due.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from gateway.store import signals
from gateway.store.schema import task

DUE, DEAD = "due", "dead"


@dataclass(frozen=True, slots=True)
class Task:
    """Work that this worker holds until `due_at`. `tries` counts this one."""

    id: int
    kind: str
    key: int
    destination: str
    tries: int
    due_at: datetime
    lease_by: str | None
    last_error: str | None
    created_at: datetime


_COLUMNS = [task.c[name] for name in Task.__dataclass_fields__]


def add(conn: sa.Connection, kind: str, key: int, destination: str, due_at: datetime, now: datetime) -> None:
    """Adds a task that cannot exist yet, because its key was made in this transaction."""
    row = {"kind": kind, "key": key, "destination": destination, "state": DUE, "due_at": due_at, "created_at": now}
    conn.execute(_ADD, row)
    signals.emit(conn, signals.TASK)


_ADD = task.insert().inline()


def _upsert(module: Any) -> Any:
    insert = module.insert(task)
    earlier = sa.case((task.c.due_at < insert.excluded.due_at, task.c.due_at), else_=insert.excluded.due_at)
    return insert.on_conflict_do_update(
        index_elements=["kind", "key"],
        set_={
            "due_at": sa.case((task.c.lease_by.is_(None), earlier), else_=task.c.due_at),
            "again": task.c.lease_by.is_not(None),
            "state": DUE,
            "tries": sa.case((task.c.state == DEAD, 0), else_=task.c.tries),
        },
    )


_POKE = {"sqlite": _upsert(sqlite), "postgresql": _upsert(postgresql)}


def poke(conn: sa.Connection, kind: str, key: int, destination: str, due_at: datetime, now: datetime) -> None:
    """Makes sure the task runs at `due_at` or before, and once more when it is running now. A dead one lives again."""
    row = {
        "kind": kind,
        "key": key,
        "destination": destination,
        "state": DUE,
        "due_at": due_at,
        "created_at": now,
        "tries": 0,
        "again": False,
    }
    conn.execute(_POKE[conn.dialect.name], row)
    signals.emit(conn, signals.TASK)


def claim(
    conn: sa.Connection, worker: str, now: datetime, until: datetime, limit: int, *, avoid: Collection[str] = ()
) -> list[Task]:
    """Takes up to `limit` due tasks for `worker` until `until`, the longest waiting first, none of a destination in `avoid`."""
    pick = sa.select(task.c.id).where(task.c.state == DUE, task.c.due_at <= now)
    if avoid:
        pick = pick.where(task.c.destination.not_in(sorted(avoid)))
    picked = pick.order_by(task.c.due_at).limit(limit).with_for_update(skip_locked=True).cte("picked")
    query = (
        task.update()
        .where(task.c.id.in_(sa.select(picked.c.id)))
        .values(lease_by=worker, due_at=until, tries=task.c.tries + 1)
        .returning(*_COLUMNS)
    )
    return sorted((Task(*row) for row in conn.execute(query)), key=lambda claimed: claimed.id)


def _fence(held: Task) -> sa.ColumnElement[bool]:
    return sa.and_(task.c.id == held.id, task.c.lease_by == held.lease_by, task.c.tries == held.tries)


def done(conn: sa.Connection, held: Task, now: datetime) -> bool:
    """Removes a finished task, or leaves it due when it was poked meanwhile. False: the lease had gone to another."""
    if conn.execute(task.delete().where(_fence(held), ~task.c.again)).rowcount:
        return True
    return _release(conn, held, now, tries=0)


def done_all(conn: sa.Connection, held: Sequence[Task], now: datetime) -> None:
    """`done` for many at once: one statement for those that were not poked meanwhile."""
    for part in (held[i : i + 200] for i in range(0, len(held), 200)):
        fences = sa.tuple_(task.c.id, task.c.lease_by, task.c.tries).in_([(t.id, t.lease_by, t.tries) for t in part])
        gone = set(conn.execute(task.delete().where(fences, ~task.c.again).returning(task.c.id)).scalars())
        for left in part:
            if left.id not in gone:
                _release(conn, left, now, tries=0)


def resume(conn: sa.Connection, held: Task, due_at: datetime) -> bool:
    """Gives back a task that went well and goes on at `due_at`, or at once when it was poked meanwhile."""
    at = sa.case((task.c.again, _instant(held.created_at)), else_=_instant(due_at))
    values = {"lease_by": None, "again": False, "due_at": at, "tries": 0, "last_error": None}
    return bool(conn.execute(task.update().where(_fence(held)).values(**values)).rowcount)


def put_back(conn: sa.Connection, held: Sequence[Task]) -> None:
    """Gives back tasks that were claimed and not begun, as they were."""
    for each in held:
        values = {"lease_by": None, "due_at": each.created_at, "tries": each.tries - 1}
        conn.execute(task.update().where(_fence(each)).values(**values))


def _instant(at: datetime) -> sa.ColumnElement[datetime]:
    return sa.literal(at, task.c.due_at.type)


def again_at(conn: sa.Connection, held: Task, due_at: datetime, error: str | None) -> bool:
    """Gives a failed try back for `due_at`."""
    values = {"lease_by": None, "again": False, "due_at": due_at, "last_error": error}
    return bool(conn.execute(task.update().where(_fence(held)).values(**values)).rowcount)


def dead(conn: sa.Connection, held: Task, error: str) -> bool:
    """Out of tries: kept, visible, replayable. One that was poked meanwhile has its tries anew."""
    values = {
        "state": sa.case((task.c.again, DUE), else_=DEAD),
        "tries": sa.case((task.c.again, 0), else_=task.c.tries),
        "lease_by": None,
        "again": False,
        "last_error": error,
    }
    return bool(conn.execute(task.update().where(_fence(held)).values(**values)).rowcount)


def _release(conn: sa.Connection, held: Task, due_at: datetime, *, tries: int) -> bool:
    values = {"lease_by": None, "again": False, "due_at": due_at, "tries": tries, "last_error": None}
    signals.emit(conn, signals.TASK)
    return bool(conn.execute(task.update().where(_fence(held)).values(**values)).rowcount)


def release_all(conn: sa.Connection, worker: str, now: datetime) -> int:
    """Gives back what a stopping worker still holds; the try is not counted."""
    signals.emit(conn, signals.TASK)
    query = task.update().where(task.c.lease_by == worker, task.c.state == DUE)
    return conn.execute(query.values(lease_by=None, due_at=now, tries=task.c.tries - 1)).rowcount


def release_orphans(conn: sa.Connection, now: datetime) -> int:
    """Gives back what killed processes held; for a database that one process has alone. The try stays counted."""
    query = task.update().where(task.c.lease_by.is_not(None), task.c.state == DUE)
    return conn.execute(query.values(lease_by=None, due_at=now)).rowcount


def drop(conn: sa.Connection, kind: str, key: int) -> None:
    """Takes a task back before it was claimed; one that is being worked on finds out by itself."""
    conn.execute(task.delete().where(task.c.kind == kind, task.c.key == key, task.c.lease_by.is_(None)))


def next_due(conn: sa.Connection, *, avoid: Collection[str] = ()) -> datetime | None:
    """When the next task is due of a destination that is not in `avoid`; None when there is none."""
    query = sa.select(task.c.due_at).where(task.c.state == DUE)
    if avoid:
        query = query.where(task.c.destination.not_in(sorted(avoid)))
    return conn.execute(query.order_by(task.c.due_at).limit(1)).scalar_one_or_none()


def any_due(conn: sa.Connection, now: datetime, *, avoid: Collection[str] = ()) -> bool:
    due_at = next_due(conn, avoid=avoid)
    return due_at is not None and due_at <= now


def listing(conn: sa.Connection, state: str, limit: int = 100) -> list[Task]:
    query = sa.select(*_COLUMNS).where(task.c.state == state).order_by(task.c.due_at).limit(limit)
    return [Task(*row) for row in conn.execute(query)]


def revive(conn: sa.Connection, task_id: int, now: datetime) -> bool:
    """Makes a dead task due again, with all its tries."""
    values = {"state": DUE, "due_at": now, "tries": 0}
    signals.emit(conn, signals.TASK)
    return bool(conn.execute(task.update().where(task.c.id == task_id, task.c.state == DEAD).values(**values)).rowcount)


def counts(conn: sa.Connection) -> list[tuple[str, str, int, datetime | None]]:
    """(kind, state, number, oldest due) for metrics and `achit check`."""
    query = sa.select(task.c.kind, task.c.state, sa.func.count(), sa.func.min(task.c.due_at)).group_by(
        task.c.kind, task.c.state
    )
    return [(row[0], row[1], row[2], row[3]) for row in conn.execute(query)]

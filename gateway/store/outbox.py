"""The outbox: work that commits with the change that causes it, claimed under a lease and acknowledged with a fence.

A task is (kind, key): at most one row each. Claiming moves `due_at` to the end of the lease, so a crashed worker's task
comes back by itself. Poking a task that is being worked on marks it `again`, and its acknowledgement leaves it due.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from gateway.store import signals
from gateway.store.schema import task
from gateway.store.statements import Statement, among, by

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
_HELD = (by(task.c.id, "of_id"), by(task.c.lease_by, "of_lease"), by(task.c.tries, "of_tries"))
_ADD = Statement(task.insert().inline())


def add(conn: sa.Connection, kind: str, key: int, destination: str, due_at: datetime, now: datetime) -> None:
    """Adds a task that cannot exist yet, because its key was made in this transaction."""
    row = {"kind": kind, "key": key, "destination": destination, "state": DUE, "due_at": due_at, "created_at": now}
    _ADD.run(conn, **row)
    signals.emit(conn, signals.TASK)


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


_POKE = Statement(_upsert(sqlite), _upsert(postgresql))


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
    _POKE.run(conn, **row)
    signals.emit(conn, signals.TASK)


def claim(
    conn: sa.Connection, worker: str, now: datetime, until: datetime, limit: int, *, avoid: Collection[str] = ()
) -> list[Task]:
    """Takes up to `limit` due tasks for `worker` until `until`, the longest waiting first, none of a destination in `avoid`."""
    leased = {"lease_by": worker, "due_at": until}
    rows = _CLAIM.rows(conn, now=now, room=limit, avoid=sorted(avoid), **leased)
    return sorted((Task(*row) for row in rows), key=lambda claimed: claimed.id)


def _due(column: sa.Column[Any]) -> sa.Select[Any]:
    """A column of the tasks that wait, the longest first, without those of a destination in `avoid`."""
    avoided = task.c.destination.not_in(sa.bindparam("avoid", expanding=True))
    return sa.select(column).where(task.c.state == DUE, avoided).order_by(task.c.due_at)


_PICKED = (
    _due(task.c.id)
    .where(task.c.due_at <= sa.bindparam("now", type_=task.c.due_at.type))
    .limit(sa.bindparam("room"))
    .with_for_update(skip_locked=True)
    .cte("picked")
)
_CLAIM = Statement(
    task.update().where(task.c.id.in_(sa.select(_PICKED.c.id))).values(tries=task.c.tries + 1).returning(*_COLUMNS)
)
_NEXT_DUE = Statement(_due(task.c.due_at).limit(1))


def _fence(held: Task) -> dict[str, Any]:
    return {"of_id": held.id, "of_lease": held.lease_by, "of_tries": held.tries}


def done(conn: sa.Connection, held: Task, now: datetime) -> bool:
    """Removes a finished task, or leaves it due when it was poked meanwhile. False: the lease had gone to another."""
    return bool(done_all(conn, [held], now))


def done_all(conn: sa.Connection, held: Sequence[Task], now: datetime) -> int:
    """`done` for many at once; gives how many of them were still this worker's."""
    acknowledged = 0
    alike: defaultdict[tuple[str | None, int], dict[int, Task]] = defaultdict(dict)
    for each in held:
        alike[each.lease_by, each.tries][each.id] = each
    for (lease_by, tries), tasks in alike.items():
        for (gone,) in _DONE.rows(conn, of_ids=list(tasks), of_lease=lease_by, of_tries=tries):
            del tasks[gone]
            acknowledged += 1
        acknowledged += sum(_release(conn, left, now, tries=0) for left in tasks.values())
    return acknowledged


_DONE = Statement(
    task.delete()
    .where(among(task.c.id, "of_ids"), by(task.c.lease_by, "of_lease"), by(task.c.tries, "of_tries"), ~task.c.again)
    .returning(task.c.id)
)


def resume(conn: sa.Connection, held: Task, due_at: datetime) -> bool:
    """Gives back a task that went well and goes on at `due_at`, or at once when it was poked meanwhile."""
    return bool(_RESUME.run(conn, **_fence(held), at_once=held.created_at, then=due_at))


def _instant(name: str) -> sa.ColumnElement[datetime]:
    return sa.bindparam(name, type_=task.c.due_at.type)


_RESUME = Statement(
    task.update()
    .where(*_HELD)
    .values(
        lease_by=None,
        again=False,
        due_at=sa.case((task.c.again, _instant("at_once")), else_=_instant("then")),
        tries=0,
        last_error=None,
    )
)
_CHANGE = Statement(task.update().where(*_HELD))


def put_back(conn: sa.Connection, held: Sequence[Task]) -> None:
    """Gives back tasks that were claimed and not begun, as they were."""
    for each in held:
        _CHANGE.run(conn, **_fence(each), lease_by=None, due_at=each.created_at, tries=each.tries - 1)


def again_at(conn: sa.Connection, held: Task, due_at: datetime, error: str | None) -> bool:
    """Gives a failed try back for `due_at`."""
    values = {"lease_by": None, "again": False, "due_at": due_at, "last_error": error}
    return bool(_CHANGE.run(conn, **_fence(held), **values))


def dead(conn: sa.Connection, held: Task, error: str) -> bool:
    """Out of tries: kept, visible, replayable. False: it was poked meanwhile and has its tries anew, or its lease had gone to another."""
    return bool(_DEAD.value(conn, **_fence(held), last_error=error) == DEAD)


_DEAD = Statement(
    task.update()
    .where(*_HELD)
    .values(
        state=sa.case((task.c.again, DUE), else_=DEAD),
        tries=sa.case((task.c.again, 0), else_=task.c.tries),
        lease_by=None,
        again=False,
    )
    .returning(task.c.state)
)


def _release(conn: sa.Connection, held: Task, due_at: datetime, *, tries: int) -> bool:
    values = {"lease_by": None, "again": False, "due_at": due_at, "tries": tries, "last_error": None}
    signals.emit(conn, signals.TASK)
    return bool(_CHANGE.run(conn, **_fence(held), **values))


def release_all(conn: sa.Connection, worker: str, now: datetime) -> int:
    """Gives back what a stopping worker still holds; the try is not counted."""
    signals.emit(conn, signals.TASK)
    query = task.update().where(task.c.lease_by == worker, task.c.state == DUE)
    return conn.execute(query.values(lease_by=None, due_at=now, tries=task.c.tries - 1)).rowcount


def release_orphans(conn: sa.Connection, now: datetime) -> int:
    """Gives back what killed processes held; for a database that one process has alone. The try is not counted."""
    query = task.update().where(task.c.lease_by.is_not(None), task.c.state == DUE)
    return conn.execute(query.values(lease_by=None, due_at=now, tries=task.c.tries - 1)).rowcount


def drop(conn: sa.Connection, kind: str, key: int) -> None:
    """Takes a task back before it was claimed; one that is being worked on finds out by itself."""
    _DROP.run(conn, kind=kind, key=key)


_DROP = Statement(task.delete().where(by(task.c.kind, "kind"), by(task.c.key, "key"), task.c.lease_by.is_(None)))


def next_due(conn: sa.Connection, *, avoid: Collection[str] = ()) -> datetime | None:
    """When the next task is due of a destination that is not in `avoid`; None when there is none."""
    due_at: datetime | None = _NEXT_DUE.value(conn, avoid=sorted(avoid))
    return due_at


def any_due(conn: sa.Connection, now: datetime, *, avoid: Collection[str] = ()) -> bool:
    due_at = next_due(conn, avoid=avoid)
    return due_at is not None and due_at <= now


def busy(conn: sa.Connection, now: datetime) -> bool:
    """Whether a task is being worked on, or is due."""
    query = sa.select(task.c.id).where(task.c.state == DUE, sa.or_(task.c.lease_by.is_not(None), task.c.due_at <= now))
    return conn.execute(query.limit(1)).first() is not None


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

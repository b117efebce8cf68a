"""What was compared with the providers' own lists, a row an account and day; and the attempts that nobody follows."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

import sqlalchemy as sa

from gateway.domain.payments import OPEN, AttemptStatus
from gateway.store.schema import payment_attempt, payment_update, reconciliation, task
from gateway.store.statements import Statement, by


@dataclass(frozen=True, slots=True)
class Compared:
    """One day of one account. `strange`: ids that the provider lists and we do not know; `missing`: attempts that brought money and
    that it does not list. `done_at` None: gone through up to `through_at`.
    """

    id: int
    account_id: int
    of_day: date
    listed: int
    repaired: int
    strange: list[str]
    missing: list[int]
    through_at: datetime
    done_at: datetime | None


_COLUMNS = [reconciliation.c[name] for name in Compared.__dataclass_fields__]
_OF_DAY = Statement(
    sa.select(*_COLUMNS).where(by(reconciliation.c.account_id, "account_id"), by(reconciliation.c.of_day, "of_day"))
)
_INSERT = Statement(reconciliation.insert().returning(reconciliation.c.id))
_UPDATE = Statement(reconciliation.update().where(by(reconciliation.c.id, "of_id")))


def of_day(conn: sa.Connection, account_id: int, day: date) -> Compared | None:
    row = _OF_DAY.first(conn, account_id=account_id, of_day=day)
    return Compared(*row) if row else None


def first_day(conn: sa.Connection, account_id: int) -> date | None:
    """The first day that was ever compared."""
    query = sa.select(sa.func.min(reconciliation.c.of_day)).where(reconciliation.c.account_id == account_id)
    day: date | None = conn.execute(query).scalar()
    return day


def begin(conn: sa.Connection, biller_id: int, account_id: int, day: date, since: datetime) -> int:
    """A day that is gone through anew from `since`; gives the row's id."""
    values: dict[str, Any] = {
        "listed": 0,
        "repaired": 0,
        "strange": [],
        "missing": [],
        "through_at": since,
        "done_at": None,
    }
    known = of_day(conn, account_id, day)
    if known is not None:
        _UPDATE.run(conn, of_id=known.id, **values)
        return known.id
    return int(_INSERT.value(conn, biller_id=biller_id, account_id=account_id, of_day=day, **values))


def note(conn: sa.Connection, row_id: int, **values: Any) -> None:
    """Writes down how far a day is, and what was found."""
    _UPDATE.run(conn, of_id=row_id, **values)


def listing(conn: sa.Connection, account_ids: Collection[int], limit: int) -> list[Compared]:
    """The latest days of these accounts, the newest first."""
    query = sa.select(*_COLUMNS).where(reconciliation.c.account_id.in_(account_ids))
    rows = conn.execute(query.order_by(reconciliation.c.of_day.desc(), reconciliation.c.account_id).limit(limit))
    return [Compared(*row) for row in rows]


def paid_between(conn: sa.Connection, account_id: int, since: datetime, until: datetime) -> list[tuple[int, str]]:
    """The attempts of an account of which money was heard with this time of the provider's: id, and the vendor's id."""
    query = (
        sa.select(payment_attempt.c.id, payment_attempt.c.external_id)
        .join(payment_update, payment_update.c.attempt_id == payment_attempt.c.id)
        .where(
            payment_attempt.c.account_id == account_id,
            payment_update.c.occurred_at >= since,
            payment_update.c.occurred_at < until,
            payment_update.c.delta_minor > 0,
            payment_attempt.c.external_id.is_not(None),
        )
        .distinct()
        .order_by(payment_attempt.c.id)
    )
    return [(row[0], row[1]) for row in conn.execute(query)]


def not_followed(conn: sa.Connection, account_id: int, kind: str, since: datetime, limit: int) -> Sequence[int]:
    """Attempts made since then that are not over, and for which no task of this kind waits."""
    waits = sa.select(task.c.id).where(task.c.kind == kind, task.c.key == payment_attempt.c.id).exists()
    query = (
        sa.select(payment_attempt.c.id)
        .where(
            payment_attempt.c.account_id == account_id,
            payment_attempt.c.status.in_((*OPEN, AttemptStatus.EXPIRED)),
            payment_attempt.c.created_at >= since,
            ~waits,
        )
        .order_by(payment_attempt.c.id)
        .limit(limit)
    )
    return conn.execute(query).scalars().all()

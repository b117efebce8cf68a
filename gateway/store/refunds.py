"""Refunds: money that goes back to a payer. A row changes only by compare-and-set, so that none is made twice."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from gateway.domain.refunds import By, Refund, RefundReason, RefundState
from gateway.store.schema import refund
from gateway.store.statements import Statement, by

_NAMES = list(Refund.__dataclass_fields__)
_COLUMNS = [refund.c[name] for name in _NAMES]
_STATE, _REASON, _GIVEN_BY = (_NAMES.index(name) for name in ("state", "reason", "given_by"))
_FIXED = {"id", "biller_id", "invoice_id", "currency", "created_at"}

_ONE = sa.select(*_COLUMNS).where(by(refund.c.id, "id"))
_BY_ID, _BY_ID_LOCKED = Statement(_ONE), Statement(_ONE.with_for_update(key_share=True))
_OF_INVOICE = Statement(sa.select(*_COLUMNS).where(by(refund.c.invoice_id, "invoice_id")).order_by(refund.c.id))
_ADD = Statement(refund.insert().returning(refund.c.id))
_CHANGE = Statement(
    refund.update().where(
        by(refund.c.id, "was_id"),
        by(refund.c.state, "was_state"),
        by(refund.c.amount_minor, "was_amount"),
        by(refund.c.owed_minor, "was_owed"),
        by(refund.c.round, "was_round"),
    )
)


def _refund(row: Sequence[Any]) -> Refund:
    values = list(row)
    values[_STATE], values[_REASON] = RefundState(values[_STATE]), RefundReason(values[_REASON])
    values[_GIVEN_BY] = values[_GIVEN_BY] and By(values[_GIVEN_BY])
    return Refund(*values)


def get(conn: sa.Connection, refund_id: int, *, biller_id: int | None = None, lock: bool = False) -> Refund | None:
    row = (_BY_ID_LOCKED if lock else _BY_ID).first(conn, id=refund_id)
    found = _refund(row) if row else None
    return found if found is None or biller_id in (None, found.biller_id) else None


def of_invoice(conn: sa.Connection, invoice_id: int) -> list[Refund]:
    """The invoice's refunds, the oldest first."""
    return [_refund(row) for row in _OF_INVOICE.rows(conn, invoice_id=invoice_id)]


def add(conn: sa.Connection, row: dict[str, Any], now: datetime) -> int:
    """A new refund's id."""
    return int(_ADD.value(conn, **row, created_at=now, updated_at=now))


def change(conn: sa.Connection, before: Refund, after: Refund, now: datetime) -> bool:
    """Makes `after` of `before`, if it is still as it was."""
    values = {name: value for name, value in asdict(after).items() if name not in _FIXED}
    was = {"was_id": before.id, "was_state": before.state, "was_amount": before.amount_minor}
    was |= {"was_owed": before.owed_minor, "was_round": before.round}
    return bool(_CHANGE.run(conn, **was, **(values | {"updated_at": now})))


def page(
    conn: sa.Connection, biller_id: int, states: Collection[str], before_id: int | None, limit: int
) -> list[Refund]:
    """The biller's refunds in one of the states (any, when there are none), newest first, from before `before_id`."""
    query = sa.select(*_COLUMNS).where(refund.c.biller_id == biller_id)
    if states:
        query = query.where(refund.c.state.in_(list(states)))
    if before_id is not None:
        query = query.where(refund.c.id < before_id)
    return [_refund(row) for row in conn.execute(query.order_by(refund.c.id.desc()).limit(limit))]

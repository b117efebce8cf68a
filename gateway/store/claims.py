"""Claims: promises, payments that are not seen yet, disputes, plans. A state changes only from open."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from typing import Any

import sqlalchemy as sa

from gateway.domain.claims import Claim, ClaimKind, ClaimState
from gateway.store.schema import claim
from gateway.store.statements import Statement, by

_COLUMNS = [claim.c[name] for name in Claim.__dataclass_fields__]
_ALL = sa.select(*_COLUMNS).order_by(claim.c.id)
_INSERT = Statement(claim.insert().returning(claim.c.id))
_OPEN = Statement(_ALL.where(by(claim.c.invoice_id, "invoice_id"), claim.c.state == ClaimState.OPEN))
_OF_INVOICE = Statement(_ALL.where(by(claim.c.invoice_id, "invoice_id")))
_ONE = Statement(_ALL.where(by(claim.c.id, "id")))
_END = Statement(claim.update().where(by(claim.c.id, "of_id"), claim.c.state == ClaimState.OPEN))


def _claim(row: Sequence[Any]) -> Claim:
    values = list(row)
    values[4], values[5] = ClaimKind(values[4]), ClaimState(values[5])
    return Claim(*values)


def insert(conn: sa.Connection, row: dict[str, Any]) -> int:
    return int(_INSERT.value(conn, **row))


def get(conn: sa.Connection, claim_id: int) -> Claim | None:
    row = _ONE.first(conn, id=claim_id)
    return _claim(row) if row else None


def open_of(conn: sa.Connection, invoice_id: int) -> list[Claim]:
    """The invoice's open claims, the oldest first."""
    return [_claim(row) for row in _OPEN.rows(conn, invoice_id=invoice_id)]


def of_invoice(conn: sa.Connection, invoice_id: int) -> list[Claim]:
    """All that was ever said of the invoice."""
    return [_claim(row) for row in _OF_INVOICE.rows(conn, invoice_id=invoice_id)]


def end(conn: sa.Connection, claim_id: int, state: ClaimState, now: datetime) -> bool:
    """Closes an open claim. False: it was over already."""
    return bool(_END.run(conn, of_id=claim_id, state=state, updated_at=now))


def go_on(conn: sa.Connection, claim_id: int, until_on: date, now: datetime) -> bool:
    """The open claim waits for another day."""
    return bool(_END.run(conn, of_id=claim_id, until_on=until_on, updated_at=now))


def detail(conn: sa.Connection, claim_id: int, details: dict[str, Any], now: datetime) -> bool:
    """The open claim says more."""
    return bool(_END.run(conn, of_id=claim_id, details=details, updated_at=now))

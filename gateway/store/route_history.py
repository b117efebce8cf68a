"""Past payments, read in their order for reports and replays. It changes nothing."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from gateway.store.schema import payment_attempt
from gateway.store.statements import Statement, by

_BATCH = 2_000


@dataclass(frozen=True, slots=True)
class Past:
    """One attempt that a provider opened."""

    id: int
    invoice_id: int
    account_id: int
    method: str
    currency: str
    amount_minor: int
    received_minor: int
    reversed_minor: int
    fee_minor: int | None
    fee_known: bool
    created_at: datetime


_PAST = Statement(
    sa.select(*(payment_attempt.c[name] for name in Past.__dataclass_fields__))
    .where(
        by(payment_attempt.c.biller_id, "biller_id"),
        payment_attempt.c.external_id.is_not(None),
        payment_attempt.c.id > sa.bindparam("after_id"),
        payment_attempt.c.created_at >= sa.bindparam("since", type_=payment_attempt.c.created_at.type),
        payment_attempt.c.created_at < sa.bindparam("until", type_=payment_attempt.c.created_at.type),
    )
    .order_by(payment_attempt.c.id)
    .limit(_BATCH)
)


def past(conn: sa.Connection, biller_id: int, since: datetime, until: datetime) -> Iterator[Past]:
    """The biller's attempts that were opened at a provider and begun in the span, oldest first."""
    after_id = 0
    while rows := _PAST.rows(conn, biller_id=biller_id, after_id=after_id, since=since, until=until):
        yield from (Past(*row) for row in rows)
        after_id = rows[-1][0]

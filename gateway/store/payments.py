"""Payment attempts and the ledger of observations. The only file that writes the columns of money."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import asdict, dataclass
from datetime import date, datetime
from typing import Any

import sqlalchemy as sa

from gateway.domain.invoices import Invoice
from gateway.domain.payments import CLOSABLE, Applied, Attempt, AttemptStatus, Credit
from gateway.domain.refunds import Booked
from gateway.ports.provider import PaymentSession
from gateway.store.schema import invoice, payment_attempt, payment_update
from gateway.store.statements import Statement, among, by

_COLUMNS = [payment_attempt.c[name] for name in Attempt.__dataclass_fields__]


_ONE = sa.select(*_COLUMNS).where(by(payment_attempt.c.id, "id"))
_BY_ID, _BY_ID_LOCKED = Statement(_ONE), Statement(_ONE.with_for_update(key_share=True))
_OF_INVOICE = Statement(
    sa.select(*_COLUMNS).where(by(payment_attempt.c.invoice_id, "invoice_id")).order_by(payment_attempt.c.id)
)
_OF_ACCOUNT = sa.select(*_COLUMNS).where(by(payment_attempt.c.account_id, "account_id"))
_BY_EXTERNAL = Statement(_OF_ACCOUNT.where(by(payment_attempt.c.external_id, "external_id")))
_BY_REFERENCE = Statement(
    _OF_ACCOUNT.where(by(payment_attempt.c.reference, "reference")).order_by(payment_attempt.c.id.desc())
)
_RESERVE = Statement(payment_attempt.insert().returning(payment_attempt.c.id))
_CHANGE = Statement(payment_attempt.update().where(by(payment_attempt.c.id, "of_id")))
_MOVE = Statement(
    payment_attempt.update().where(by(payment_attempt.c.id, "of_id"), among(payment_attempt.c.status, "of_status"))
)
_OPENED = Statement(
    payment_attempt.update()
    .where(
        by(payment_attempt.c.id, "of_id"),
        sa.or_(payment_attempt.c.external_id.is_(None), by(payment_attempt.c.external_id, "of_external")),
    )
    .values(
        status=sa.case(
            (payment_attempt.c.status.in_((AttemptStatus.CREATED, AttemptStatus.UNKNOWN)), AttemptStatus.PENDING.value),
            else_=payment_attempt.c.status,
        )
    )
)
_CLOSING = Statement(
    payment_attempt.update()
    .where(
        by(payment_attempt.c.invoice_id, "of_invoice"),
        payment_attempt.c.status.in_(CLOSABLE),
        payment_attempt.c.closing_at.is_(None),
        payment_attempt.c.id != sa.bindparam("but", type_=payment_attempt.c.id.type),
    )
    .returning(*_COLUMNS)
)
_WRITE = Statement(
    payment_attempt.update().where(
        by(payment_attempt.c.id, "was_id"),
        by(payment_attempt.c.status, "was_status"),
        by(payment_attempt.c.received_minor, "was_received"),
        by(payment_attempt.c.reversed_minor, "was_reversed"),
    )
)
_GIVEN = Statement(
    payment_attempt.update().where(
        by(payment_attempt.c.id, "was_id"), by(payment_attempt.c.refunded_minor, "was_refunded")
    )
)
_CREDIT = Statement(
    invoice.update().where(
        by(invoice.c.id, "was_id"), by(invoice.c.status, "was_status"), by(invoice.c.paid_minor, "was_paid")
    )
)


def _attempt(row: Sequence[Any]) -> Attempt:
    values = list(row)
    values[5] = AttemptStatus(values[5])
    return Attempt(*values)


def reserve(conn: sa.Connection, row: dict[str, Any]) -> int:
    """A new attempt in state CREATED; the provider has not been told yet."""
    return int(_RESERVE.value(conn, **row, status=AttemptStatus.CREATED))


def name_attempt(conn: sa.Connection, attempt_id: int, reference: str) -> None:
    _CHANGE.run(conn, of_id=attempt_id, reference=reference)


def get(conn: sa.Connection, attempt_id: int, *, lock: bool = False) -> Attempt | None:
    row = (_BY_ID_LOCKED if lock else _BY_ID).first(conn, id=attempt_id)
    return _attempt(row) if row else None


def find(conn: sa.Connection, account_id: int, external_id: str, reference: str | None) -> Attempt | None:
    """The attempt an update speaks of: by the vendor's id, else the newest of our reference."""
    row = _BY_EXTERNAL.first(conn, account_id=account_id, external_id=external_id)
    if row is None and reference is not None:
        row = _BY_REFERENCE.first(conn, account_id=account_id, reference=reference)
    return _attempt(row) if row else None


def of_invoice(conn: sa.Connection, invoice_id: int) -> list[Attempt]:
    return [_attempt(row) for row in _OF_INVOICE.rows(conn, invoice_id=invoice_id)]


def opened(conn: sa.Connection, attempt_id: int, session: PaymentSession, expires_at: datetime, now: datetime) -> bool:
    """The provider answered: PENDING with its id. A push that came first has moved the state already, which stays."""
    hand_over = {
        name: value
        for name, value in (
            ("form", dict(session.form) if session.form else None),
            ("transfer", asdict(session.transfer) if session.transfer else None),
        )
        if value
    }
    values: dict[str, Any] = {
        "external_id": session.external_id,
        "redirect_url": session.redirect_url,
        "hand_over": hand_over or None,
    }
    values |= {"expires_at": expires_at, "updated_at": now}
    return bool(_OPENED.run(conn, of_id=attempt_id, of_external=session.external_id, **values))


def adopt(conn: sa.Connection, attempt: Attempt, external_id: str) -> Attempt:
    """The attempt with the vendor's id as a push that came before our answer told it, or with the one that it has got meanwhile."""
    query = payment_attempt.update().where(payment_attempt.c.id == attempt.id, payment_attempt.c.external_id.is_(None))
    conn.execute(query.values(external_id=external_id))
    return get(conn, attempt.id) or attempt


def move(
    conn: sa.Connection,
    attempt_id: int,
    of: Collection[AttemptStatus],
    to: AttemptStatus,
    now: datetime,
    *,
    reason: str | None = None,
) -> bool:
    """Compare-and-set of the state alone."""
    return bool(_MOVE.run(conn, of_id=attempt_id, of_status=list(of), status=to, reason=reason, updated_at=now))


def extend(conn: sa.Connection, attempt_id: int, expires_at: datetime, now: datetime) -> None:
    """The same try goes on: its own clock begins anew."""
    _CHANGE.run(conn, of_id=attempt_id, expires_at=expires_at, updated_at=now)


def closing(conn: sa.Connection, invoice_id: int, now: datetime, *, but: int | None = None) -> list[Attempt]:
    """Marks the invoice's attempts that may still be open (but one) as to be closed, and gives them."""
    rows = _CLOSING.rows(conn, of_invoice=invoice_id, but=0 if but is None else but, closing_at=now)  # no id is 0
    return [_attempt(row) for row in rows]


def polled(conn: sa.Connection, attempt_id: int) -> None:
    query = payment_attempt.update().where(payment_attempt.c.id == attempt_id)
    conn.execute(query.values(polls=payment_attempt.c.polls + 1))


Fee = tuple[int | None, bool]  # minor units, and whether it is the vendor's own word


def write(
    conn: sa.Connection, before: Invoice, attempt: Attempt, change: Applied, now: datetime, *, fee: Fee | None = None
) -> bool:
    """Books what the domain decided, if both rows are still as it saw them. False: read again and decide anew."""
    fee_minor, fee_known = fee or (attempt.fee_minor, attempt.fee_known)
    values = {
        "fee_minor": fee_minor,
        "fee_known": fee_known,
        "was_id": attempt.id,
        "was_status": attempt.status,
        "was_received": attempt.received_minor,
        "was_reversed": attempt.reversed_minor,
        "status": change.status,
        "received_minor": change.received_minor,
        "reversed_minor": change.reversed_minor,
        "reason": change.reason,
        "updated_at": now,
    }
    if not _WRITE.run(conn, **values):
        return False
    return not change.delta.minor or write_credit(conn, before, change, now)


def learn_fee(conn: sa.Connection, attempt_id: int, fee: Fee) -> None:
    """What the vendor says that it keeps, of a payment of which nothing else is new."""
    _CHANGE.run(conn, of_id=attempt_id, fee_minor=fee[0], fee_known=fee[1])


def write_credit(conn: sa.Connection, before: Invoice, change: Applied | Credit, now: datetime) -> bool:
    """Moves the invoice's paid sum and state, if it is still as the domain saw it."""
    values: dict[str, Any] = {"was_id": before.id, "was_status": before.status, "was_paid": before.paid_minor}
    values |= {"status": change.invoice_status, "paid_minor": change.paid_minor, "updated_at": now}
    if change.settles or change.reopens:
        values["settled_at"] = now if change.settles else None
    return bool(_CREDIT.run(conn, **values))


def write_refund(
    conn: sa.Connection, before: Invoice, change: Booked, attempt: Attempt | None, given_minor: int, now: datetime
) -> bool:
    """Books what went back, or came back again where `given_minor` is below zero; on the attempt too, when its provider gave it."""
    values: dict[str, Any] = {"was_id": before.id, "was_status": before.status, "was_paid": before.paid_minor}
    values |= {"status": change.invoice_status, "paid_minor": change.paid_minor, "updated_at": now}
    values["refunded_minor"] = change.refunded_minor
    if change.settles or change.reopens:
        values["settled_at"] = now if change.settles else None
    if not _CREDIT.run(conn, **values):
        return False
    return attempt is None or note_refunded(conn, attempt, given_minor, now)


def note_refunded(conn: sa.Connection, attempt: Attempt, given_minor: int, now: datetime) -> bool:
    """Raises the sum that the attempt's provider gave back."""
    values: dict[str, Any] = {"was_id": attempt.id, "was_refunded": attempt.refunded_minor, "updated_at": now}
    return bool(_GIVEN.run(conn, **values, refunded_minor=attempt.refunded_minor + given_minor))


@dataclass(frozen=True, slots=True)
class Line:
    """One line of the ledger: an observation, and what it moved: the paid sum, and the sum given back."""

    id: int
    invoice_id: int
    attempt_id: int | None
    source: str
    reference: str | None
    status: str
    verdict: str
    currency: str
    delta_minor: int
    refunded_minor: int
    refund_id: int | None
    received_on: date | None
    note: str | None
    occurred_at: datetime
    recorded_at: datetime


_LINE = [payment_update.c[name] for name in Line.__dataclass_fields__]


def record(conn: sa.Connection, row: dict[str, Any], *, given_minor: int = 0) -> int:
    """Adds a line to the ledger; `given_minor` went back to the payer, or came back again where it is below zero."""
    return int(_RECORD.value(conn, **row, refunded_minor=given_minor))


_RECORD = Statement(payment_update.insert().returning(payment_update.c.id))
_LINES = Statement(sa.select(*_LINE).where(by(payment_update.c.invoice_id, "invoice_id")).order_by(payment_update.c.id))


def lines(conn: sa.Connection, invoice_id: int) -> list[Line]:
    return [Line(*row) for row in _LINES.rows(conn, invoice_id=invoice_id)]


def line(conn: sa.Connection, line_id: int) -> Line:
    return Line(*conn.execute(sa.select(*_LINE).where(payment_update.c.id == line_id)).one())


def line_if_known(conn: sa.Connection, line_id: int) -> Line | None:
    row = conn.execute(sa.select(*_LINE).where(payment_update.c.id == line_id)).first()
    return Line(*row) if row else None


def line_by_reference(conn: sa.Connection, invoice_id: int, source: str, reference: str) -> Line | None:
    query = sa.select(*_LINE).where(
        payment_update.c.invoice_id == invoice_id,
        payment_update.c.source == source,
        payment_update.c.reference == reference,
    )
    row = conn.execute(query).first()
    return Line(*row) if row else None

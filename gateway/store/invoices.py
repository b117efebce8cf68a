"""Invoices, payers and idempotency keys. A state changes only by compare-and-set."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any

import sqlalchemy as sa

from gateway.domain.invoices import Invoice, InvoiceStatus
from gateway.store.schema import idempotency, invoice, payer
from gateway.store.statements import Statement, among, by, new_or_nothing, new_or_update

INVOICE_COLUMNS = [invoice.c[name] for name in Invoice.__dataclass_fields__]


@dataclass(frozen=True, slots=True)
class Payer:
    """A row of the payer table: who owes, as the biller knows them."""

    id: int
    biller_id: int
    reference: str
    name: str
    email: str | None
    phone: str | None
    telegram: str | None
    whatsapp: str | None
    locale: str
    time_zone: str
    tags: list[str] = field(default_factory=list)


PAYER_COLUMNS = [
    sa.func.coalesce(payer.c.chosen_locale, payer.c.locale).label(name) if name == "locale" else payer.c[name]
    for name in Payer.__dataclass_fields__
]


def invoice_of(row: Sequence[Any]) -> Invoice:
    values = list(row)
    values[4] = InvoiceStatus(values[4])
    return Invoice(*values)


def upsert_payer(conn: sa.Connection, biller_id: int, fields: dict[str, Any], now: datetime) -> Payer:
    """The payer of this reference with these contact points; an older row takes the newer ones, and keeps a chat that it bound."""
    row = fields | {"biller_id": biller_id, "created_at": now, "updated_at": now}
    (stored,) = _UPSERT_PAYER.rows(conn, **row)
    return Payer(*stored)


_CONTACTS = ("name", "email", "phone", "locale", "time_zone", "tags", "updated_at")
_CHATS = ("telegram", "whatsapp")  # a chat is bound by the payer, and the biller need not know of it
_UPSERT_PAYER = new_or_update(payer, ("biller_id", "reference"), _CONTACTS, *PAYER_COLUMNS, unless_null=_CHATS)


def insert(conn: sa.Connection, row: dict[str, Any]) -> int | None:
    """A new invoice's id; None when the biller already has that number."""
    invoice_id: int | None = _INSERT.value(conn, **row)
    return invoice_id


_INSERT = new_or_nothing(invoice, ("biller_id", "number"), invoice.c.id)
_ONE = sa.select(*INVOICE_COLUMNS).where(by(invoice.c.id, "id"))
_BY_ID, _BY_ID_LOCKED = Statement(_ONE), Statement(_ONE.with_for_update(key_share=True))
_BY_NUMBER = Statement(
    sa.select(*INVOICE_COLUMNS).where(by(invoice.c.biller_id, "biller_id"), by(invoice.c.number, "number"))
)
_PAYER = Statement(sa.select(*PAYER_COLUMNS).where(by(payer.c.id, "id")))


def get(conn: sa.Connection, invoice_id: int, *, biller_id: int | None = None, lock: bool = False) -> Invoice | None:
    """The invoice, locked until the end of the transaction when `lock` (on SQLite every writer is alone anyway)."""
    row = (_BY_ID_LOCKED if lock else _BY_ID).first(conn, id=invoice_id)
    found = invoice_of(row) if row else None
    return found if found is None or biller_id in (None, found.biller_id) else None


def by_number(conn: sa.Connection, biller_id: int, number: str) -> Invoice | None:
    row = _BY_NUMBER.first(conn, biller_id=biller_id, number=number)
    return invoice_of(row) if row else None


def with_reference(conn: sa.Connection, invoice_ids: Sequence[int]) -> list[tuple[Invoice, str]]:
    """Those invoices that there are, each with its payer's reference."""
    rows = _WITH_REFERENCE.rows(conn, ids=list(invoice_ids))
    return [(invoice_of(row[:-1]), row[-1]) for row in rows]


_WITH_REFERENCE = Statement(
    sa.select(*INVOICE_COLUMNS, payer.c.reference)
    .join(payer, payer.c.id == invoice.c.payer_id)
    .where(among(invoice.c.id, "ids"))
)


def get_payer(conn: sa.Connection, payer_id: int) -> Payer:
    (row,) = _PAYER.rows(conn, id=payer_id)
    return Payer(*row)


def payer_called(conn: sa.Connection, biller_id: int, reference: str) -> Payer | None:
    """The biller's payer by the biller's own reference."""
    query = sa.select(*PAYER_COLUMNS).where(payer.c.biller_id == biller_id, payer.c.reference == reference)
    row = conn.execute(query).first()
    return Payer(*row) if row else None


def payers_at(conn: sa.Connection, biller_id: int, column: str, address: str) -> list[Payer]:
    """The biller's payers with this contact point (`email`, `phone`, `telegram`, `whatsapp`)."""
    query = sa.select(*PAYER_COLUMNS).where(payer.c[column] == address, payer.c.biller_id == biller_id)
    return [Payer(*row) for row in conn.execute(query.order_by(payer.c.id.desc()).limit(20))]


def set_payer_chat(conn: sa.Connection, payer_id: int, column: str, address: str | None, now: datetime) -> None:
    conn.execute(payer.update().where(payer.c.id == payer_id).values({column: address, "updated_at": now}))


def choose_locale(conn: sa.Connection, payer_id: int, locale: str, now: datetime) -> None:
    """The language that the payer wants; what the biller says of it later does not undo it."""
    conn.execute(payer.update().where(payer.c.id == payer_id).values(chosen_locale=locale, updated_at=now))


def change(
    conn: sa.Connection, current: Invoice, *, amount_minor: int, due_on: date, status: InvoiceStatus, now: datetime
) -> bool:
    """New amount and due date, if the invoice is still as `current` knew it."""
    query = invoice.update().where(
        invoice.c.id == current.id,
        invoice.c.status == current.status,
        invoice.c.amount_minor == current.amount_minor,
        invoice.c.due_on == current.due_on,
    )
    settled_at = now if status is InvoiceStatus.PAID else None
    values = {
        "amount_minor": amount_minor,
        "due_on": due_on,
        "status": status,
        "updated_at": now,
        "settled_at": settled_at,
    }
    return bool(conn.execute(query.values(**values)).rowcount)


def void(conn: sa.Connection, invoice_id: int, now: datetime) -> bool:
    """Withdraws an invoice that nobody has paid anything of."""
    query = invoice.update().where(invoice.c.id == invoice_id, invoice.c.status == InvoiceStatus.OPEN)
    return bool(conn.execute(query.values(status=InvoiceStatus.VOID, updated_at=now)).rowcount)


def settled_of(conn: sa.Connection, payer_id: int, limit: int) -> list[Invoice]:
    """The payer's invoices that were paid last, the newest first."""
    query = sa.select(*INVOICE_COLUMNS).where(invoice.c.payer_id == payer_id, invoice.c.status == InvoiceStatus.PAID)
    return [invoice_of(row) for row in conn.execute(query.order_by(invoice.c.settled_at.desc()).limit(limit))]


@dataclass(frozen=True, slots=True)
class Filter:
    """What `GET /v1/invoices` can ask for; None means any."""

    status: str | None = None
    number: str | None = None
    payer_reference: str | None = None
    due_before: date | None = None
    due_after: date | None = None
    created_after: datetime | None = None
    created_before: datetime | None = None


def page(conn: sa.Connection, biller_id: int, wanted: Filter, before_id: int | None, limit: int) -> list[Invoice]:
    """The biller's invoices, newest first, from before `before_id`."""
    query = sa.select(*INVOICE_COLUMNS).where(invoice.c.biller_id == biller_id)
    if before_id is not None:
        query = query.where(invoice.c.id < before_id)
    if wanted.payer_reference is not None:
        query = query.where(
            invoice.c.payer_id.in_(
                sa.select(payer.c.id).where(payer.c.biller_id == biller_id, payer.c.reference == wanted.payer_reference)
            )
        )
    tests = (
        (wanted.status, invoice.c.status.__eq__),
        (wanted.number, invoice.c.number.__eq__),
        (wanted.due_before, invoice.c.due_on.__le__),
        (wanted.due_after, invoice.c.due_on.__ge__),
        (wanted.created_after, invoice.c.created_at.__ge__),
        (wanted.created_before, invoice.c.created_at.__lt__),
    )
    for value, test in tests:
        if value is not None:
            query = query.where(test(value))
    return [invoice_of(row) for row in conn.execute(query.order_by(invoice.c.id.desc()).limit(limit))]


@dataclass(frozen=True, slots=True)
class Remembered:
    operation: str
    request_hash: bytes
    resource_id: int


def remembered(conn: sa.Connection, biller_id: int, key: str) -> Remembered | None:
    """What an Idempotency-Key was used for before; kept for good."""
    row = _REMEMBERED.first(conn, biller_id=biller_id, key=key)
    return Remembered(*row) if row else None


_REMEMBERED = Statement(
    sa.select(*[idempotency.c[name] for name in Remembered.__dataclass_fields__]).where(
        by(idempotency.c.biller_id, "biller_id"), by(idempotency.c.key, "key")
    )
)
_REMEMBER = Statement(idempotency.insert().inline())


def remember(conn: sa.Connection, biller_id: int, key: str, what: Remembered, now: datetime) -> None:
    """Raises IntegrityError when another transaction used the key first; the caller's is then run again and finds it."""
    row = {"biller_id": biller_id, "key": key, "created_at": now}
    row |= {name: getattr(what, name) for name in Remembered.__dataclass_fields__}
    _REMEMBER.run(conn, **row)

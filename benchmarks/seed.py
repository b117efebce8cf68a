"""Many invoices without posting each: rows copied in SQL from one that the product wrote itself, so that they are as its own are."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import sqlalchemy as sa

from gateway.store import outbox, schema

_SERIES = "WITH RECURSIVE series(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM series WHERE n < :number)"
_NAME = ":name || '-' || (:offset + n)"
# What is the copy's own in each table; every other column is as in the row that is copied.
_OWN: dict[str, dict[str, str]] = {
    "payer": {"reference": _NAME},
    "invoice": {
        "payer_id": ":payer + n",
        "number": _NAME,
        "details": f"replace(details, :old, {_NAME})",
    },
    "event": {"biller_seq": ":sequence + n", "invoice_id": ":invoice + n"},
    "delivery": {"invoice_id": ":invoice + n", "payer_id": ":payer + n"},
    "payment_attempt": {
        "invoice_id": ":invoice + n",
        "external_id": f"replace(external_id, reference, {_NAME})",  # vendors' ids hold our reference in the legs
        "reference": _NAME,
    },
}
_COPIED = {
    "payer": "id = :of_payer",
    "invoice": "id = :of_invoice",
    "event": "invoice_id = :of_invoice AND invoice_seq = 1",
    "delivery": "invoice_id = :of_invoice",
    "payment_attempt": "invoice_id = :of_invoice",
}


def clone(conn: sa.Connection, of: str, name: str, number: int, offset: int, *, payments: bool) -> int:
    """Copies invoice `of` `number` times, as `name-1`, `name-2` ... from `offset`; gives the first copy's id.

    With its payer, first event and deliveries, and with its attempts, pending, when `payments`. SQLite only; no tasks are made.
    """
    row = conn.execute(sa.text("SELECT id, payer_id FROM invoice WHERE number = :of"), {"of": of}).one()
    values: dict[str, Any] = {
        "of_invoice": row.id,
        "of_payer": row.payer_id,
        "old": of,
        "name": name,
        "number": number,
        "offset": offset,
        "payer": _last(conn, "payer", "id"),
        "invoice": _last(conn, "invoice", "id"),
        "sequence": _last(conn, "event", "biller_seq"),
    }
    for table, own in _OWN.items():
        if table == "payment_attempt" and not payments:
            continue
        own = {"id": f"(SELECT max(id) FROM {table}) + n", **own}
        names = [column.name for column in schema.metadata.tables[table].columns]
        chosen = ", ".join(own.get(column, column) for column in names)
        conn.execute(
            sa.text(
                f"{_SERIES} INSERT INTO {table} ({', '.join(names)}) "
                f"SELECT {chosen} FROM series JOIN {table} WHERE {_COPIED[table]} ORDER BY n"
            ),
            values,
        )
    return int(values["invoice"]) + 1


def tasks(conn: sa.Connection, kind: str, first: int, number: int, due_at: datetime, now: datetime) -> None:
    """`number` tasks of a kind, with keys from `first` on and no destination."""
    conn.execute(
        sa.text(
            f"{_SERIES} INSERT INTO task (kind, key, destination, state, due_at, created_at) "
            "SELECT :kind, :first + n - 1, '', :state, :due_at, :now FROM series ORDER BY n"
        ),
        {
            "kind": kind,
            "first": first,
            "number": number,
            "state": outbox.DUE,
            "due_at": schema.to_ms(due_at),
            "now": schema.to_ms(now),
        },
    )


def _last(conn: sa.Connection, table: str, column: str) -> int:
    return int(conn.execute(sa.text(f"SELECT coalesce(max({column}), 0) FROM {table}")).scalar_one())

"""The numbers that the database assigns, moved on after a restore, so that none of those given since the backup is given again.

A number given twice would be a pay link that opens another payer's invoice, an idempotency key that a provider answers with an
old payment, and an event that a billing system takes for one it has seen.
"""

from __future__ import annotations

import sqlalchemy as sa

from gateway.store.schema import metadata

SKIP = 1_000_000  # more than is issued between two backups

_SQLITE_SEQUENCE = sa.table("sqlite_sequence", sa.column("name", sa.Text), sa.column("seq", sa.BigInteger))


def skip_ahead(conn: sa.Connection, by: int = SKIP) -> None:
    """Every table's next number is more than `by` above the last that it has given."""
    for table in metadata.sorted_tables:
        if "id" in table.c:
            (_skip_on_sqlite if conn.dialect.name == "sqlite" else _skip_on_postgresql)(conn, table.name, by)


def _skip_on_sqlite(conn: sa.Connection, name: str, by: int) -> None:
    sequence = _SQLITE_SEQUENCE
    moved = sequence.update().where(sequence.c.name == name).values(seq=sequence.c.seq + by)
    if not conn.execute(moved).rowcount:  # a table that never had a row
        conn.execute(sequence.insert().values(name=name, seq=by))


def _skip_on_postgresql(conn: sa.Connection, name: str, by: int) -> None:
    sequence = conn.execute(sa.select(sa.func.pg_get_serial_sequence(name, "id"))).scalar_one()
    last = sa.select(sa.column("last_value", sa.BigInteger)).select_from(sa.text(sequence)).scalar_subquery()
    conn.execute(sa.select(sa.func.setval(sequence, last + by)))

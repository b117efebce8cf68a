"""Bodies for tests of the database port: rows of the `meta` table, and a body that waits for others in its middle."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable, Coroutine
from datetime import date
from pathlib import Path
from typing import Any, TypeVar

import asyncpg
import sqlalchemy as sa
from sqlalchemy.util import await_only

from gateway.store.database import Database
from gateway.store.schema import biller, invoice, meta, payer
from gateway.store.signals import emit
from gateway.testing.clock import START

T = TypeVar("T")
Body = Callable[[sa.Connection], T]


def put(key: str, value: str = "", *, topic: str | None = None) -> Body[str]:
    """A body that inserts a row, and fails where the key is taken."""

    def body(conn: sa.Connection) -> str:
        conn.execute(meta.insert().values(key=key, value=value))
        if topic is not None:
            emit(conn, topic)
        return key

    return body


def fail_after(body: Body[Any], error: Exception) -> Body[Any]:
    """The same body, which then raises."""

    def failing(conn: sa.Connection) -> None:
        body(conn)
        raise error

    return failing


def keys(conn: sa.Connection) -> list[str]:
    return list(conn.execute(sa.select(meta.c.key).order_by(meta.c.key)).scalars())


def waits(conn: sa.Connection, for_what: Coroutine[Any, Any, T], loop: asyncio.AbstractEventLoop) -> T:
    """Lets other work go on in the middle of a body: on SQLite it has a thread of its own, on PostgreSQL a greenlet."""
    if conn.dialect.name == "sqlite":
        return asyncio.run_coroutine_threadsafe(for_what, loop).result(20)
    return await_only(for_what)


def seed(invoices: int = 1, *, slug: str = "acme") -> Body[tuple[int, list[int]]]:
    """A body that makes a biller with one payer and some invoices; gives their ids."""

    def body(conn: sa.Connection) -> tuple[int, list[int]]:
        at = {"created_at": START, "updated_at": START}
        row = {"slug": slug, "config": {}, **at}
        biller_id = conn.execute(biller.insert().values(row).returning(biller.c.id)).scalar_one()
        who = {"reference": "C-1", "name": "Ana", "locale": "ro", "time_zone": "Europe/Bucharest"}
        row = {"biller_id": biller_id, **who, **at}
        payer_id = conn.execute(payer.insert().values(row).returning(payer.c.id)).scalar_one()
        what = {"status": "open", "currency": "RON", "amount_minor": 100, "details": {}, "due_on": date(2026, 12, 8)}
        row = {"biller_id": biller_id, "payer_id": payer_id, "issued_on": date(2026, 11, 20), **what, **at}
        made = [
            conn.execute(invoice.insert().values(row | {"number": f"F-{number}"}).returning(invoice.c.id)).scalar_one()
            for number in range(invoices)
        ]
        return biller_id, made

    return body


async def stranger_sees(url: str) -> set[str]:
    """The keys that a connection of nobody's sees: what is committed."""
    if url.startswith("sqlite"):
        outsider = sqlite3.connect(Path(url.removeprefix("sqlite:///")))
        try:
            return {row[0] for row in outsider.execute("SELECT key FROM meta")}
        finally:
            outsider.close()
    connection = await asyncpg.connect(url)
    try:
        return {row["key"] for row in await connection.fetch("SELECT key FROM meta")}
    finally:
        await connection.close()


async def all_of(database: Database, *bodies: Body[Any]) -> list[Any]:
    """What each body gave or raised, all handed in at once."""
    return await asyncio.gather(*(database.write(body) for body in bodies), return_exceptions=True)

"""The database port: transaction bodies in, results out. SQLite and PostgreSQL run the same bodies.

A body is a plain function of a connection, pure apart from SQL: time and ids are passed in, nothing is awaited. It may run
again when the engine asks for it (a serialisation failure), so it must not keep what it saw.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Protocol, TypeVar

import sqlalchemy as sa

from gateway.store.signals import Hub

T = TypeVar("T")


class StoreUnavailable(Exception):
    """The database cannot take this now (disk full, connection lost); nothing of it was kept."""


class DatabaseInUse(Exception):
    """Another Achit process has this SQLite file open."""


class Database(Protocol):
    """What the services know of a database."""

    dialect: str
    signals: Hub

    async def write(self, body: Callable[[sa.Connection], T]) -> T:
        """Runs `body` in a transaction and returns after it is durable; an exception of the body undoes it and comes out."""
        ...

    async def read(self, body: Callable[[sa.Connection], T]) -> T:
        """Runs `body` on one consistent snapshot; it cannot write."""
        ...

    async def notify(self, topics: Iterable[str]) -> None:
        """Sends signals that go with no change."""
        ...

    async def migrate(self) -> None:
        """Brings the schema to this version; several processes may call it at once."""
        ...

    async def schema_is_current(self) -> bool: ...

    async def backup(self, target: Path) -> None:
        """Writes a consistent copy while others work. Raises NotImplementedError text on PostgreSQL: use pg_dump."""
        ...

    async def aclose(self) -> None: ...


async def open_database(url: str) -> Database:
    """Opens `sqlite:///path/to/file` or `postgresql://user@host/name`. Does not migrate."""
    scheme = url.partition(":")[0]
    if scheme == "sqlite":
        from gateway.store.sqlite import SqliteDatabase

        return await SqliteDatabase.open(Path(url.removeprefix("sqlite:///")))
    if scheme in ("postgresql", "postgres"):
        from gateway.store.postgres import PostgresDatabase

        return await PostgresDatabase.open(url)
    raise ValueError("a database url begins with sqlite:/// or postgresql://")

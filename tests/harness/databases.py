"""Migrated databases at the price of a copy: each engine migrates one template a test process, and tests get copies.

A PostgreSQL copy is emptied after its test and serves the next one: a test must not change the schema that it was given.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import asyncpg

from gateway.store.database import open_database
from gateway.store.schema import metadata
from tests.harness.postgres import Cluster

ENGINES = ("sqlite", "postgres")


class Databases:
    """Makes copies of migrated templates. `server` gives the PostgreSQL cluster, or skips the test."""

    def __init__(self, folder: Path, server: Callable[[], Cluster]) -> None:
        self._folder = folder
        self._server = server
        self._templates: dict[str, str] = {}
        self._spare: list[str] = []  # PostgreSQL databases that are empty again
        self._copies = 0

    async def make(self, engine: str) -> str:
        """The URL of a fresh, migrated database of `engine`."""
        if engine == "sqlite":
            self._copies += 1
            copy = self._folder / f"{self._copies}.db"
            shutil.copyfile(await self._template(engine), copy)
            return f"sqlite:///{copy}"
        server = self._server()
        return (
            self._spare.pop()
            if self._spare
            else server.url_of(await server.create(template=await self._template(engine)))
        )

    async def drop(self, url: str) -> None:
        """Forgets a database that `make` made."""
        if url.startswith("sqlite"):
            file = Path(url.removeprefix("sqlite:///"))
            for part in file.parent.glob(f"{file.name}*"):  # the write-ahead log and the lock too
                part.unlink()
            return
        try:
            await _empty(url)
        except asyncpg.PostgresError:
            await self._server().drop(url.rpartition("/")[2])
        else:
            self._spare.append(url)

    async def _template(self, engine: str) -> str:
        """The file, or the name, of the engine's template; migrated once."""
        if engine not in self._templates:
            if engine == "sqlite":
                name = str(self._folder / "template.db")
                url = f"sqlite:///{name}"
            else:
                name = await self._server().create()
                url = self._server().url_of(name)
            database = await open_database(url)
            try:
                await database.migrate()
            finally:
                await database.aclose()
            self._templates[engine] = name
        return self._templates[engine]


_OTHERS = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"


async def _empty(url: str) -> None:
    """Takes out every row, whoever is still connected; numbers begin at 1 again. A tenth of the price of a new copy."""
    connection = await asyncpg.connect(url, server_settings={"lock_timeout": "5s"})
    try:
        await connection.execute(_OTHERS)
        numbers = await connection.fetch("SELECT sequencename FROM pg_sequences WHERE schemaname = 'public'")
        statements = [f'DELETE FROM "{table.name}"' for table in reversed(metadata.sorted_tables)]
        statements += [f'ALTER SEQUENCE "{row["sequencename"]}" RESTART' for row in numbers]
        async with connection.transaction():
            await connection.execute("; ".join(statements))
    finally:
        await connection.close()

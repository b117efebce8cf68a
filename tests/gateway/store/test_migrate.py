"""Migrations: the schema in the code is the schema in the database, on both engines; several may migrate at once."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext

from gateway.store.database import Database, open_database
from gateway.store.schema import metadata
from tests.harness.databases import ENGINES
from tests.harness.postgres import Cluster
from tests.harness.rows import keys, put


@pytest.fixture(params=ENGINES)
async def empty_url(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[str]:
    """The URL of a database without any schema, once on each engine."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path}/empty.db"
        return
    cluster: Cluster = request.getfixturevalue("postgres")
    name = await cluster.create()
    yield cluster.url_of(name)
    await cluster.drop(name)


def _drift(conn: sa.Connection) -> list[object]:
    options = {"compare_type": True, "compare_server_default": False}
    found: list[object] = compare_metadata(MigrationContext.configure(conn, opts=options), metadata)
    return found


async def test_the_database_is_what_the_code_says(database: Database) -> None:
    assert await database.read(_drift) == []
    assert await database.schema_is_current()


async def test_drift_is_seen(database: Database) -> None:
    found: list[object] = []

    def body(conn: sa.Connection) -> None:
        conn.execute(sa.text("DROP INDEX ix_task_state_due_at"))
        found.extend(_drift(conn))
        raise ValueError("undo it")

    with pytest.raises(ValueError, match="undo it"):
        await database.write(body)
    assert found != []
    assert await database.read(_drift) == []


async def test_migrating_again_changes_nothing(database: Database) -> None:
    await database.write(put("kept"))
    await database.migrate()
    await database.migrate()
    assert await database.read(keys) == ["kept"]


async def test_an_empty_database_is_not_current(empty_url: str) -> None:
    database = await open_database(empty_url)
    try:
        assert not await database.schema_is_current()
        await database.migrate()
        assert await database.schema_is_current()
        assert await database.write(put("a")) == "a"
    finally:
        await database.aclose()


async def test_four_may_migrate_at_once(empty_url: str) -> None:
    alone = empty_url.startswith("sqlite")
    first = await open_database(empty_url)
    opened = [first, *([first] * 3 if alone else [await open_database(empty_url) for _ in range(3)])]
    try:
        await asyncio.gather(*(database.migrate() for database in opened))
        assert await first.read(_drift) == []
        assert await asyncio.gather(*(database.schema_is_current() for database in opened)) == [True] * 4
    finally:
        for database in opened:
            await database.aclose()


async def test_a_migration_that_fails_leaves_nothing_behind(empty_url: str) -> None:
    database = await open_database(empty_url)
    try:
        await database.write(lambda conn: conn.execute(sa.text("CREATE TABLE status_push (id BIGINT)")) and None)
        with pytest.raises(sa.exc.DBAPIError, match="status_push"):
            await database.migrate()
        assert await database.read(lambda conn: sa.inspect(conn).get_table_names()) == ["status_push"]
        await database.write(lambda conn: conn.execute(sa.text("DROP TABLE status_push")) and None)
        await database.migrate()
        assert await database.write(put("a")) == "a"
    finally:
        await database.aclose()


def _unique_names(conn: sa.Connection) -> list[str | None]:
    inspector = sa.inspect(conn)
    return [row["name"] for table in metadata.tables for row in inspector.get_unique_constraints(table)]


async def test_constraints_have_names_so_that_later_migrations_can_change_them(database: Database) -> None:
    found = await database.read(_unique_names)
    assert found
    assert all(found)

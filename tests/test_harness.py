"""The harness itself: a test may trust what its fixtures promise."""

from __future__ import annotations

import asyncio
import os
from datetime import timedelta

import asyncpg
import pytest
import sqlalchemy as sa

from gateway.clock import Clock, SystemClock
from gateway.store.database import Database
from gateway.testing.clock import START, FakeClock
from tests.harness.house import ROOT
from tests.harness.postgres import Cluster
from tests.harness.scheduling import TOGETHER, Scheduling


async def _tables(url: str) -> list[str]:
    connection = await asyncpg.connect(url)
    try:
        rows = await connection.fetch("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
        return [row["tablename"] for row in rows]
    finally:
        await connection.close()


async def test_postgres_url_is_an_empty_database(postgres_url: str) -> None:
    assert await _tables(postgres_url) == []
    connection = await asyncpg.connect(postgres_url)
    await connection.execute("CREATE TABLE left_behind (id bigint)")
    await connection.close()
    assert await _tables(postgres_url) == ["left_behind"]


async def test_a_database_copies_its_template_and_is_dropped(postgres: Cluster) -> None:
    template = await postgres.create()
    connection = await asyncpg.connect(postgres.url_of(template))
    await connection.execute("CREATE TABLE kept (id bigint)")
    await connection.close()
    copy = await postgres.create(template=template)
    assert await _tables(postgres.url_of(copy)) == ["kept"]
    for name in (copy, template):
        await postgres.drop(name)
    with pytest.raises(asyncpg.InvalidCatalogNameError):
        await asyncpg.connect(postgres.url_of(copy))


def test_settings_of_the_shell_do_not_reach_the_tests() -> None:
    assert {name for name in os.environ if name.startswith("ACHIT_")} <= {"ACHIT_VECTORS", "ACHIT_TEST_POSTGRES_URL"}


async def test_the_fake_clock_wakes_those_whose_instant_has_come(clock: FakeClock) -> None:
    typed: Clock = clock
    woken: list[int] = []

    async def sleeper(seconds: int) -> None:
        await typed.sleep_until(START + timedelta(seconds=seconds))
        woken.append(seconds)

    sleepers = [asyncio.create_task(sleeper(seconds)) for seconds in (20, 10, 30)]
    assert await clock.until_asleep() == START + timedelta(seconds=10)
    assert len(clock.sleepers) == 3
    clock.advance(seconds=20)
    await asyncio.gather(*sleepers[:2])
    assert woken == [10, 20]
    sleepers[2].cancel()
    await asyncio.gather(*sleepers, return_exceptions=True)
    assert clock.sleepers == ()
    assert clock.now() == START + timedelta(seconds=20)
    with pytest.raises(ValueError, match="backwards"):
        clock.move_to(START)


async def test_the_system_clock_is_utc_and_does_not_wait_for_the_past() -> None:
    clock: Clock = SystemClock()
    now = clock.now()
    assert now.utcoffset() == timedelta(0)
    await clock.sleep_until(now)
    await clock.sleep_until(now + timedelta(milliseconds=30))
    assert clock.now() >= now + timedelta(milliseconds=30)


@pytest.mark.parametrize("round", [1, 2])
async def test_a_database_is_migrated_and_nobody_else_s(database: Database, round: int) -> None:
    assert await database.schema_is_current()
    count = sa.text("SELECT count(*) FROM meta WHERE key = 'left behind'")
    assert await database.read(lambda conn: conn.execute(count).scalar_one()) == 0
    insert = sa.text("INSERT INTO meta (key, value) VALUES ('left behind', :round)")
    await database.write(lambda conn: conn.execute(insert, {"round": str(round)}).rowcount)
    assert await database.read(lambda conn: conn.execute(count).scalar_one()) == 1


async def test_a_database_is_of_the_engine_that_was_asked(database: Database, database_url: str) -> None:
    assert database_url.startswith(f"{database.dialect}://")


def test_the_files_that_stay_together_are_there() -> None:
    assert [name for name in TOGETHER if not (ROOT / name).exists()] == []
    scopes = Scheduling._split_scope
    [wheel, *_] = (name for name in TOGETHER if name.endswith("wheel.py"))
    assert scopes(None, f"{wheel}::a[x::y]") == scopes(None, f"{wheel}::TestB::c") == wheel  # type: ignore[arg-type]
    assert scopes(None, "tests/test_docs.py::a[1]") == "tests/test_docs.py::a[1]"  # type: ignore[arg-type]

"""The database port: what both engines promise. Each test runs on SQLite and on a real PostgreSQL."""

from __future__ import annotations

import asyncio

import pytest
import sqlalchemy as sa

from gateway.store.database import Database, StoreUnavailable, open_database
from gateway.store.schema import meta
from gateway.store.signals import emit
from tests.harness.rows import all_of, fail_after, keys, put, stranger_sees, waits


async def test_a_failing_body_is_undone_alone_and_its_own_error_comes_out(database: Database) -> None:
    mine = ValueError("mine")
    given = await all_of(
        database,
        put("a"),
        fail_after(put("b"), mine),
        put("c"),
        fail_after(put("d"), KeyError("also mine")),
        *(put(f"e{number}") for number in range(100)),
    )
    assert given[:3] == ["a", mine, "c"]
    assert isinstance(given[3], KeyError)
    assert await database.read(keys) == sorted(["a", "c", *(f"e{number}" for number in range(100))])


async def test_a_body_with_wrong_sql_takes_no_other_down(database: Database) -> None:
    def wrong(conn: sa.Connection) -> None:
        conn.execute(sa.text("SELECT nothing FROM nowhere"))

    first, error, last = await all_of(database, put("a"), wrong, put("b"))
    assert (first, last) == ("a", "b")
    assert isinstance(error, sa.exc.DBAPIError)
    assert await database.read(keys) == ["a", "b"]


async def test_a_row_that_is_there_already_is_the_bodys_own_error(database: Database) -> None:
    await database.write(put("a"))
    with pytest.raises((sa.exc.IntegrityError, StoreUnavailable)):
        await database.write(put("a"))
    assert await database.write(put("b")) == "b"


async def test_the_caller_is_answered_after_the_commit(database: Database, database_url: str) -> None:
    seen: list[bool] = []

    async def write(key: str) -> None:
        await database.write(put(key))
        seen.append(key in await stranger_sees(database_url))

    await asyncio.gather(*(write(f"k{number}") for number in range(30)))
    assert seen == [True] * 30


async def test_what_a_body_has_written_is_seen_by_no_other_before_its_commit(database: Database) -> None:
    loop = asyncio.get_running_loop()

    def body(conn: sa.Connection) -> list[str]:
        put("a")(conn)
        return waits(conn, database.read(keys), loop)

    assert await database.write(body) == []
    assert await database.read(keys) == ["a"]


async def test_a_reader_sees_one_moment_whatever_is_written_meanwhile(database: Database) -> None:
    await database.write(put("a"))
    loop = asyncio.get_running_loop()

    def body(conn: sa.Connection) -> tuple[list[str], list[str]]:
        before = keys(conn)
        waits(conn, database.write(put("b")), loop)
        return before, keys(conn)

    assert await database.read(body) == (["a"], ["a"])
    assert await database.read(keys) == ["a", "b"]


async def test_a_reader_cannot_write(database: Database) -> None:
    with pytest.raises(sa.exc.DBAPIError):
        await database.read(put("a"))
    assert await database.read(keys) == []
    assert await database.write(put("b")) == "b"


async def test_signals_are_heard_after_the_commit(database: Database, database_url: str) -> None:
    with database.signals.listen("news") as listener:
        await database.write(put("a", topic="news"))
        assert await listener.wait() == {"news"}
        assert "a" in await stranger_sees(database_url)


async def test_what_a_failed_body_emitted_is_never_heard(database: Database) -> None:
    with database.signals.listen("good", "bad", "end") as listener:
        await all_of(
            database,
            fail_after(put("a", topic="bad"), ValueError()),
            put("b", topic="good"),
            fail_after(put("c", topic="bad"), ValueError()),
        )
        await database.write(put("d", topic="end"))
        heard: set[str] = set()
        while "end" not in heard:
            heard |= await listener.wait()
    assert heard == {"good", "end"}


async def test_a_signal_without_a_change_is_heard(database: Database) -> None:
    with database.signals.listen("watch:*") as listener:
        await database.notify(["watch:7", "watch:8"])
        heard: set[str] = set()
        while len(heard) < 2:
            heard |= await listener.wait()
    assert heard == {"watch:7", "watch:8"}


async def test_a_body_may_emit_any_number_of_topics(database: Database) -> None:
    wanted = {f"invoice:{number}" for number in range(2_000)}

    def body(conn: sa.Connection) -> None:
        for topic in wanted:
            emit(conn, topic)

    with database.signals.listen("invoice:*") as listener:
        await database.write(body)
        heard: set[str] = set()
        while heard != wanted:
            heard |= await listener.wait()


async def test_a_caller_that_gives_up_disturbs_no_other(database: Database) -> None:
    tasks = [asyncio.create_task(database.write(put(f"k{number}"))) for number in range(20)]
    await asyncio.sleep(0)
    for task in tasks[::2]:
        task.cancel()
    ended = await asyncio.gather(*tasks, return_exceptions=True)
    assert ended[1::2] == [f"k{number}" for number in range(1, 20, 2)]
    assert set(await database.read(keys)) >= set(ended[1::2])
    assert await database.write(put("after")) == "after"


async def test_closing_finishes_what_was_handed_in(database_url: str) -> None:
    database = await open_database(database_url)
    tasks = [asyncio.create_task(database.write(put(f"k{number}"))) for number in range(100)]
    await asyncio.sleep(0)
    await database.aclose()
    await database.aclose()
    assert await asyncio.gather(*tasks) == [f"k{number}" for number in range(100)]
    assert await stranger_sees(database_url) == {f"k{number}" for number in range(100)}
    for call in (database.write(put("late")), database.read(keys)):
        with pytest.raises(StoreUnavailable, match="closed"):
            await call


async def test_results_and_values_come_back_as_they_went_in(database: Database) -> None:
    awkward = "ș 日本 🧾 'quotes' \\ %s :name"

    def body(conn: sa.Connection) -> str:
        conn.execute(meta.insert().values(key="awkward", value=awkward))
        return str(conn.execute(sa.select(meta.c.value).where(meta.c.key == "awkward")).scalar_one())

    assert await database.write(body) == awkward

"""PostgreSQL alone: bodies that meet are run again, signals travel between processes, lost connections are told and mended."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import asyncpg
import pytest
import sqlalchemy as sa

from gateway.domain.events import EventType, NewEvent
from gateway.store import events
from gateway.store.database import Database, StoreUnavailable, open_database
from gateway.store.schema import meta
from gateway.testing.clock import START
from tests.harness.databases import Databases
from tests.harness.postgres import Cluster
from tests.harness.rows import Body, keys, put, seed, waits


@pytest.fixture
async def url(databases: Databases, postgres: Cluster) -> AsyncIterator[str]:
    made = await databases.make("postgres")
    yield made
    await databases.drop(made)


@pytest.fixture
async def database(url: str) -> AsyncIterator[Database]:
    opened = await open_database(url)
    yield opened
    await opened.aclose()


class Meeting:
    """Brings two bodies together in their middle, once: run again, a body passes."""

    def __init__(self, size: int = 2) -> None:
        self._barrier = asyncio.Barrier(size)
        self.runs = 0

    async def _meet(self) -> None:
        self.runs += 1
        if self.runs <= self._barrier.parties:
            await self._barrier.wait()

    def __call__(self, conn: sa.Connection) -> None:
        waits(conn, self._meet(), asyncio.get_running_loop())


def _change(key: str, value: str) -> Body[None]:
    def body(conn: sa.Connection) -> None:
        conn.execute(meta.update().where(meta.c.key == key).values(value=value))

    return body


async def test_a_deadlock_is_run_again(database: Database) -> None:
    for key in "ab":
        await database.write(put(key))
    meeting, other_done, loop = Meeting(), asyncio.Event(), asyncio.get_running_loop()

    def crossing(first: str, second: str) -> Body[str]:
        def body(conn: sa.Connection) -> str:
            if meeting.runs == 2:  # run again: only then, or it may be faster to the other's row and they cross again
                waits(conn, other_done.wait(), loop)
            _change(first, "taken")(conn)
            meeting(conn)
            _change(second, "taken")(conn)
            put(f"{first}{second}")(conn)
            return first

        return body

    async def write(body: Body[str]) -> str:
        written = await database.write(body)
        other_done.set()
        return written

    given = await asyncio.gather(write(crossing("a", "b")), write(crossing("b", "a")))
    assert given == ["a", "b"]
    assert meeting.runs == 3
    assert await database.read(keys) == ["a", "ab", "b", "ba"]


async def test_a_serialisation_failure_is_run_again(database: Database) -> None:
    meeting = Meeting()

    def count_and_add(key: str) -> Body[int]:
        def body(conn: sa.Connection) -> int:
            conn.execute(sa.text("SET TRANSACTION ISOLATION LEVEL SERIALIZABLE"))
            known = len(keys(conn))
            meeting(conn)
            put(key, str(known))(conn)
            return known

        return body

    assert sorted(await asyncio.gather(*(database.write(count_and_add(key)) for key in "ab"))) == [0, 1]
    assert meeting.runs == 3


async def test_a_row_that_another_was_faster_to_write_is_found_by_the_second_run(database: Database) -> None:
    meeting = Meeting()

    def put_once(value: str) -> Body[str]:
        def body(conn: sa.Connection) -> str:
            known = conn.execute(sa.select(meta.c.value).where(meta.c.key == "k")).scalar_one_or_none()
            if known is not None:
                return known
            meeting(conn)
            conn.execute(meta.insert().values(key="k", value=value))
            return value

        return body

    first, second = await asyncio.gather(database.write(put_once("one")), database.write(put_once("two")))
    assert first == second


async def test_a_body_that_never_gets_through_is_told_so(database: Database) -> None:
    runs: list[int] = []

    def body(conn: sa.Connection) -> None:
        runs.append(1)
        put("a")(conn)
        put("a")(conn)

    with pytest.raises(StoreUnavailable):
        await database.write(body)
    assert len(runs) == 5
    assert await database.read(keys) == []


async def test_a_signal_reaches_every_process(database: Database, url: str) -> None:
    other = await open_database(url)
    try:
        with other.signals.listen("biller:*") as there, database.signals.listen("biller:1") as here:
            await database.write(put("a", topic="biller:1"))
            assert await there.wait() == {"biller:1"} == await here.wait()
            assert await other.read(keys) == ["a"]
            await other.notify(["biller:1"])
            assert await here.wait() == {"biller:1"}
    finally:
        await other.aclose()


async def _end_connections(url: str) -> None:
    """What an operator, a restart or a firewall does to all of ours."""
    connection = await asyncpg.connect(url)
    try:
        await connection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
            "WHERE pid <> pg_backend_pid() AND datname = current_database() AND backend_type = 'client backend'"
        )
        query = (
            "SELECT count(*) FROM pg_stat_activity WHERE pid <> pg_backend_pid() "
            "AND datname = current_database() AND query NOT LIKE 'LISTEN%' AND backend_start < now() - interval '0'"
        )
        await connection.fetchval(query)
    finally:
        await connection.close()


async def test_connections_that_break_are_told_and_mended(database: Database, url: str) -> None:
    await asyncio.gather(*(database.write(put(f"k{number}")) for number in range(10)))
    with database.signals.listen("task") as listener:
        await _end_connections(url)
        assert await listener.wait() == {"task"}  # some may have been missed meanwhile, so everybody looks
        broken = 0
        for number in range(40):
            try:
                await database.write(put(f"again{number}", topic="task"))
                break
            except StoreUnavailable:
                broken += 1
        assert broken < 40
        assert await listener.wait() == {"task"}
    found = await database.read(keys)
    assert len([key for key in found if key.startswith("again")]) == 1


async def test_a_connection_lost_in_the_middle_of_a_body_keeps_nothing_of_it(database: Database, url: str) -> None:
    def body(conn: sa.Connection) -> None:
        put("a")(conn)
        waits(conn, _end_connections(url), asyncio.get_running_loop())
        put("b")(conn)

    with pytest.raises(StoreUnavailable):
        await database.write(body)
    for _ in range(40):
        try:
            assert await database.read(keys) == []
            break
        except StoreUnavailable:
            continue
    else:
        pytest.fail("never mended")


async def test_more_callers_than_connections_all_get_their_turn(database: Database) -> None:
    given = await asyncio.gather(*(database.write(put(f"k{number:03}")) for number in range(200)))
    assert sorted(given) == await database.read(keys)


async def test_a_server_that_is_not_there_is_said_to_be_so(dead_port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    import gateway.store.postgres

    monkeypatch.setattr(gateway.store.postgres, "READY_S", 0.3)
    with pytest.raises(StoreUnavailable, match="does not answer"):
        await open_database(f"postgresql://nobody@127.0.0.1:{dead_port}/nothing")


async def test_a_backup_names_the_tool_that_makes_it(database: Database, tmp_path: object) -> None:
    with pytest.raises(StoreUnavailable, match="pg_dump"):
        await database.backup(tmp_path)  # type: ignore[arg-type]


async def test_a_reader_never_sees_a_number_before_the_smaller_ones(database: Database) -> None:
    """A transaction that took its number first and commits last holds the later numbers back."""
    biller_id, (one, two) = await database.write(seed(2))
    loop = asyncio.get_running_loop()
    taken, goes_on = asyncio.Event(), asyncio.Event()

    async def hold() -> None:
        taken.set()
        await goes_on.wait()

    def slow(conn: sa.Connection) -> None:
        events.append(conn, biller_id, one, [NewEvent(EventType.INVOICE_CHANGED)], START)
        waits(conn, hold(), loop)

    first = asyncio.create_task(database.write(slow))
    await taken.wait()
    second = asyncio.create_task(
        database.write(lambda conn: events.append(conn, biller_id, two, [NewEvent(EventType.INVOICE_CHANGED)], START))
    )
    for _ in range(20):
        assert await database.read(lambda conn: events.after(conn, biller_id, 0, 9)) == []
    assert not second.done()
    goes_on.set()
    await asyncio.gather(first, second)
    found = await database.read(lambda conn: events.after(conn, biller_id, 0, 9))
    assert [(event.biller_seq, event.invoice_id) for event in found] == [(1, one), (2, two)]

"""SQLite alone: group commit, the one writer, the lock file, backup while others write, and disks that are full or broken."""

from __future__ import annotations

import asyncio
import os
import resource
import signal
import sqlite3
import subprocess
import sys
import threading
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import sqlalchemy as sa

from gateway.store.database import DatabaseInUse, StoreUnavailable, open_database
from gateway.store.sqlite import GROUP, SqliteDatabase
from tests.harness.databases import Databases
from tests.harness.rows import all_of, fail_after, keys, put, stranger_sees, waits

PAGES = 60
HARNESS = Path(__file__).parents[2] / "harness"


@pytest.fixture
async def url(databases: Databases) -> AsyncIterator[str]:
    made = await databases.make("sqlite")
    yield made
    await databases.drop(made)


@pytest.fixture
async def database(url: str) -> AsyncIterator[SqliteDatabase]:
    opened = await open_database(url)
    assert isinstance(opened, SqliteDatabase)
    yield opened
    await opened.aclose()


def _file(url: str) -> Path:
    return Path(url.removeprefix("sqlite:///"))


def _pragma(name: str, value: int | None = None) -> object:
    def body(conn: sa.Connection) -> object:
        text = f"PRAGMA {name}" + ("" if value is None else f"={value}")
        return conn.exec_driver_sql(text).scalar_one()

    return body


async def test_what_waits_shares_one_commit(database: SqliteDatabase) -> None:
    commits: list[str] = []

    def trace(conn: sa.Connection) -> None:
        conn.connection.dbapi_connection.set_trace_callback(  # type: ignore[union-attr]
            lambda sql: commits.append(sql) if sql in ("COMMIT", "BEGIN IMMEDIATE") else None
        )

    await database.write(trace)
    commits.clear()
    await all_of(database, *(put(f"k{number:03}") for number in range(GROUP * 3)))
    assert commits == ["BEGIN IMMEDIATE", "COMMIT"] * 3
    commits.clear()
    given = await all_of(database, *(fail_after(put(f"f{number}"), ValueError()) for number in range(GROUP)))
    assert all(isinstance(error, ValueError) for error in given)
    assert commits == ["BEGIN IMMEDIATE", "COMMIT"]
    assert len(await database.read(keys)) == GROUP * 3


async def test_a_commit_is_on_the_disk_before_anybody_is_answered(database: SqliteDatabase) -> None:
    assert await database.write(_pragma("synchronous")) == 2  # type: ignore[arg-type]  # FULL
    assert await database.read(_pragma("journal_mode")) == "wal"  # type: ignore[arg-type]
    assert await database.write(_pragma("foreign_keys")) == 1  # type: ignore[arg-type]


async def test_readers_do_not_wait_for_a_writer(database: SqliteDatabase) -> None:
    await database.write(put("a"))
    goes_on = threading.Event()

    def slow(conn: sa.Connection) -> None:
        put("b")(conn)
        assert goes_on.wait(20)

    writing = asyncio.create_task(database.write(slow))
    assert await asyncio.gather(*(database.read(keys) for _ in range(10))) == [["a"]] * 10
    goes_on.set()
    await writing
    assert await database.read(keys) == ["a", "b"]


async def test_a_second_opening_of_the_file_is_refused_with_the_owners_number(
    database: SqliteDatabase, url: str
) -> None:
    with pytest.raises(DatabaseInUse, match=rf"in use by another Achit process \(pid {os.getpid()}\)"):
        await open_database(url)
    assert await database.write(put("still mine")) == "still mine"


async def test_another_process_is_refused_until_this_one_has_closed(url: str) -> None:
    script = (
        "import asyncio, sys\n"
        "from gateway.store.database import DatabaseInUse, open_database\n"
        "async def main():\n"
        "    try:\n"
        "        database = await open_database(sys.argv[1])\n"
        "    except DatabaseInUse as error:\n"
        "        print(error)\n"
        "        return 3\n"
        "    await database.aclose()\n"
        "    return 0\n"
        "sys.exit(asyncio.run(main()))\n"
    )

    async def other() -> tuple[int | None, str]:
        process = await asyncio.create_subprocess_exec(sys.executable, "-c", script, url, stdout=subprocess.PIPE)
        told, _ = await process.communicate()
        return process.returncode, told.decode()

    database = await open_database(url)
    code, told = await other()
    assert code == 3
    assert f"pid {os.getpid()}" in told
    await database.aclose()
    assert (await other())[0] == 0


async def test_the_lock_of_a_killed_process_holds_nobody_up(url: str) -> None:
    script = (
        "import asyncio, sys\n"
        "from gateway.store.database import open_database\n"
        "sys.path.insert(0, sys.argv[2])\n"  # by its folder, for some distributions install a package `tests`
        "from rows import put\n"
        "async def main():\n"
        "    database = await open_database(sys.argv[1])\n"
        "    print(await database.write(put('acknowledged')), flush=True)\n"
        "    await asyncio.Event().wait()\n"
        "asyncio.run(main())\n"
    )
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", script, url, str(HARNESS), stdout=subprocess.PIPE
    )
    assert process.stdout is not None
    assert (await process.stdout.readline()).strip() == b"acknowledged"
    process.send_signal(signal.SIGKILL)
    await process.wait()
    database = await open_database(url)
    assert await database.read(keys) == ["acknowledged"]
    await database.aclose()


async def test_a_file_that_is_no_database_is_refused_and_let_go(tmp_path: Path) -> None:
    path = tmp_path / "letters.db"
    path.write_bytes(b"Dear Sir or Madam, " * 1_000)
    for _ in range(2):  # the first refusal has freed the lock
        with pytest.raises(StoreUnavailable, match="not a database"):
            await open_database(f"sqlite:///{path}")
    assert [thread.name for thread in threading.enumerate() if "aiosqlite" in thread.name] == []


async def test_a_backup_is_whole_while_others_write(database: SqliteDatabase, tmp_path: Path) -> None:
    acknowledged: list[str] = []
    stop = asyncio.Event()

    async def write(name: str) -> None:
        number = 0
        while not stop.is_set():
            acknowledged.append(await database.write(put(f"{name}{number}", "x" * 2_000)))
            number += 1

    writers = [asyncio.create_task(write(name)) for name in "abcd"]
    for number in range(15):
        await database.write(put(f"first{number}"))
    for round_ in range(3):
        before = set(acknowledged)
        copy = tmp_path / f"copy{round_}.db"
        await database.backup(copy)
        outsider = sqlite3.connect(copy)
        assert outsider.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        found = {row[0] for row in outsider.execute("SELECT key FROM meta")}
        outsider.close()
        assert before <= found
    stop.set()
    await asyncio.gather(*writers)
    assert sorted(os.listdir(tmp_path)) == ["copy0.db", "copy1.db", "copy2.db"]
    assert {key for key in await database.read(keys) if not key.startswith("first")} == set(acknowledged)


async def test_a_backup_is_a_database_that_opens(database: SqliteDatabase, tmp_path: Path) -> None:
    await database.write(put("a"))
    copy = tmp_path / "copy.db"
    copy.write_text("an older backup")
    await database.backup(copy)
    restored = await open_database(f"sqlite:///{copy}")
    assert await restored.read(keys) == ["a"]
    assert await restored.schema_is_current()
    await restored.aclose()


async def test_a_backup_that_cannot_be_written_leaves_nothing_behind(database: SqliteDatabase, tmp_path: Path) -> None:
    with pytest.raises(StoreUnavailable):
        await database.backup(tmp_path / "no such folder" / "copy.db")
    with pytest.raises(OSError, match="directory"):
        await database.backup(tmp_path)
    assert list(tmp_path.parent.glob("*.partial")) == []
    assert await database.write(put("goes on")) == "goes on"


async def _fill(database: SqliteDatabase, name: str) -> tuple[set[str], int]:
    """Writes until the disk takes no more: what was acknowledged, and how many were not."""
    acknowledged: set[str] = set()
    refused = 0
    for round_ in range(50):
        for given in await all_of(database, *(put(f"{name}{round_}.{n}", "x" * 3_000) for n in range(7))):
            if isinstance(given, str):
                acknowledged.add(given)
            else:
                assert isinstance(given, StoreUnavailable), given
                refused += 1
        if refused > 20:
            break
    return acknowledged, refused


async def test_a_full_disk_loses_nothing_that_was_acknowledged(database: SqliteDatabase, url: str) -> None:
    used = await database.write(_pragma("page_count"))  # type: ignore[arg-type]
    await database.write(_pragma("max_page_count", int(str(used)) + PAGES))  # type: ignore[arg-type]
    acknowledged, refused = await _fill(database, "a")
    assert acknowledged
    assert refused
    assert set(await database.read(keys)) == acknowledged == await stranger_sees(url)

    await database.write(_pragma("max_page_count", 1_000_000))  # type: ignore[arg-type]
    assert await database.write(put("room again")) == "room again"
    await database.aclose()
    again = await open_database(url)
    assert set(await again.read(keys)) == acknowledged | {"room again"}
    await again.aclose()


async def test_a_disk_that_refuses_to_write_loses_nothing_that_was_acknowledged(
    database: SqliteDatabase, url: str
) -> None:
    """A real write error, of the operating system: no file of this process may grow beyond a size."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    write_ahead_log = _file(url).with_name(_file(url).name + "-wal")
    resource.setrlimit(resource.RLIMIT_FSIZE, (write_ahead_log.stat().st_size + 200_000, before[1]))
    try:
        acknowledged, refused = await _fill(database, "a")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert acknowledged
    assert refused
    assert set(await database.read(keys)) == acknowledged == await stranger_sees(url)
    assert await database.write(put("room again")) == "room again"


async def test_no_signal_comes_of_a_group_that_was_not_committed(database: SqliteDatabase) -> None:
    used = await database.write(_pragma("page_count"))  # type: ignore[arg-type]
    await database.write(_pragma("max_page_count", int(str(used)) + 1))  # type: ignore[arg-type]
    with database.signals.listen("news", "end") as listener:
        given = await all_of(database, put("a", topic="news"), put("b", "x" * 100_000, topic="news"))
        assert all(isinstance(error, StoreUnavailable) for error in given)
        await database.notify(["end"])
        assert await listener.wait() == {"end"}


async def test_a_body_may_wait_for_a_reader(database: SqliteDatabase) -> None:
    loop = asyncio.get_running_loop()
    assert await database.write(lambda conn: waits(conn, database.read(keys), loop)) == []

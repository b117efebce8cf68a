"""SQLite, the embedded default: one writing connection, group commit, readers that cannot write.

Bodies queue up while a commit is under way and share the next one: each in a SAVEPOINT, up to 64 a COMMIT, with
`synchronous=FULL`; a caller is answered after the COMMIT. The writer lives in aiosqlite's own thread. There is exactly one
writing connection (readers never checkpoint), and a lock file refuses a second process.
"""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import os
import sqlite3
from collections import deque
from collections.abc import AsyncIterator, Callable, Iterable
from functools import partial
from pathlib import Path
from typing import IO, Any, TypeVar

import aiosqlite
import orjson
import sqlalchemy as sa
from sqlalchemy.pool import StaticPool

from gateway.store import migrate
from gateway.store.database import DatabaseInUse, StoreUnavailable
from gateway.store.signals import Hub, take
from gateway.store.statements import DRIVER

T = TypeVar("T")
GROUP = 64
GROUPS = 16  # in a row, before others may have the writer
READERS = 2
# What stops the engine itself, whichever body met it; anything else is that body's own fault.
_ENGINE = frozenset(
    {
        sqlite3.SQLITE_BUSY,
        sqlite3.SQLITE_CANTOPEN,
        sqlite3.SQLITE_CORRUPT,
        sqlite3.SQLITE_FULL,
        sqlite3.SQLITE_INTERRUPT,
        sqlite3.SQLITE_IOERR,
        sqlite3.SQLITE_NOMEM,
        sqlite3.SQLITE_NOTADB,
    }
)
_PRAGMAS = (
    "journal_mode=WAL",
    "synchronous=FULL",
    "foreign_keys=ON",
    "busy_timeout=10000",
    "cache_size=-65536",
    "temp_store=MEMORY",
)


class _Hooked(sqlite3.Connection):
    """Lets a function run in the connection's own thread, through aiosqlite's public `execute`."""

    def execute(self, sql: Any, /, *args: Any) -> Any:
        return sql(self) if callable(sql) else super().execute(sql, *args)


class _Seat:
    """One connection: aiosqlite owns the thread, SQLAlchemy speaks through it."""

    def __init__(self, aio: aiosqlite.Connection) -> None:
        self._aio = aio
        self.conn: sa.Connection

    @classmethod
    async def open(cls, path: Path, *, writes: bool) -> _Seat:
        aio = await aiosqlite.connect(path, factory=_Hooked, isolation_level=None, cached_statements=512)
        seat = cls(aio)
        try:
            await seat.run(lambda raw: seat._prepare(raw, writes))
        except BaseException:
            await aio.close()
            raise
        return seat

    def _prepare(self, raw: sqlite3.Connection, writes: bool) -> None:
        extra = ("wal_autocheckpoint=2000",) if writes else ("query_only=1", "wal_autocheckpoint=0")
        for pragma in (*_PRAGMAS, *extra):
            raw.execute(f"PRAGMA {pragma}")
        engine = sa.create_engine(
            "sqlite://",
            creator=lambda: raw,
            poolclass=StaticPool,
            isolation_level="AUTOCOMMIT",
            json_serializer=lambda value: orjson.dumps(value).decode(),
            json_deserializer=orjson.loads,
            query_cache_size=1000,
            hide_parameters=True,
        )
        self.conn = engine.connect()
        self.conn.info[DRIVER] = partial(sqlite3.Connection.execute, raw)

    async def run(self, call: Callable[[sqlite3.Connection], T]) -> T:
        """Runs `call` in the connection's thread. aiosqlite wraps what `execute` gives, so the result comes by a box."""
        box: list[T] = []
        await self._aio.execute(lambda raw: box.append(call(raw)))
        return box[0]

    async def close(self) -> None:
        await self.run(
            lambda raw: self.conn.close()
        )  # else SQLAlchemy's finaliser finds a closed connection, and logs it
        await self._aio.close()


class SqliteDatabase:
    dialect = "sqlite"

    def __init__(self, path: Path, lock: IO[str], writer: _Seat, readers: list[_Seat]) -> None:
        self.path = path
        self.signals = Hub()
        self._lock = lock
        self._writer = writer
        self._all_readers = readers
        self._readers: asyncio.Queue[_Seat] = asyncio.Queue()
        for reader in readers:
            self._readers.put_nowait(reader)
        self._waiting: deque[tuple[Callable[[sa.Connection], Any], asyncio.Future[Any]]] = deque()
        self._called = asyncio.Event()
        self._closing = False
        self._loop = asyncio.get_running_loop()
        self._loop_task = asyncio.create_task(self._write_loop(), name="sqlite-writer")

    @classmethod
    async def open(cls, path: Path) -> SqliteDatabase:
        path.parent.mkdir(parents=True, exist_ok=True)
        lock = take_lock(path)
        seats: list[_Seat] = []
        try:
            for writes in (True, *[False] * READERS):
                seats.append(await _Seat.open(path, writes=writes))  # noqa: PERF401 - what is open must be closed again
        except BaseException as error:
            for seat in seats:
                await seat.close()
            lock.close()
            if isinstance(error, sqlite3.Error):
                raise StoreUnavailable(f"{path} cannot be opened: {_first_line(error)}") from error
            raise
        return cls(path, lock, seats[0], seats[1:])

    async def write(self, body: Callable[[sa.Connection], T]) -> T:
        if self._closing:
            raise StoreUnavailable("the database is closed")
        future: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        self._waiting.append((body, future))
        self._called.set()
        return await future

    async def read(self, body: Callable[[sa.Connection], T]) -> T:
        async with self._reader() as seat:
            return await seat.run(lambda raw: _snapshot(raw, seat.conn, body))

    @contextlib.asynccontextmanager
    async def _reader(self) -> AsyncIterator[_Seat]:
        """A reader for one use. The engine's own errors come out as StoreUnavailable."""
        if self._closing:
            raise StoreUnavailable("the database is closed")
        seat = await self._readers.get()
        try:
            yield seat
        except (sqlite3.Error, sa.exc.DBAPIError) as error:
            if not _of_engine(error):
                raise
            raise StoreUnavailable(_first_line(error)) from error
        finally:
            self._readers.put_nowait(seat)

    async def notify(self, topics: Iterable[str]) -> None:
        self.signals.publish(topics)

    async def migrate(self) -> None:
        await self._writer.run(lambda raw: _whole_or_not_at_all(raw, lambda: migrate.upgrade(self._writer.conn)))

    async def schema_is_current(self) -> bool:
        return await self._writer.run(lambda raw: migrate.is_current(self._writer.conn))

    async def backup(self, target: Path) -> None:
        """A consistent copy, made by a reader so that writers go on; the file appears whole or not at all."""
        partial = target.with_name(target.name + ".partial")
        partial.unlink(missing_ok=True)

        def copy(raw: sqlite3.Connection) -> None:
            with contextlib.closing(sqlite3.connect(partial)) as out:
                raw.backup(out)
                out.execute("PRAGMA journal_mode=DELETE")

        try:
            async with self._reader() as seat:
                await seat.run(copy)
            partial.replace(target)
        finally:
            partial.unlink(missing_ok=True)

    async def aclose(self) -> None:
        """Finishes what was handed in, then closes. Calling it twice is fine."""
        if self._closing:
            return
        self._closing = True
        self._called.set()
        await self._loop_task
        for seat in (*self._all_readers, self._writer):
            await seat.close()
        self._lock.close()

    async def _write_loop(self) -> None:
        while True:
            await self._called.wait()
            while self._waiting:
                await self._writer.run(self._commit_waiting)
            self._called.clear()
            if self._closing:
                return

    def _commit_waiting(self, raw: sqlite3.Connection) -> None:
        """In the writer's thread: the next group begins as soon as the one before is on disk, not when the loop comes round."""
        for _ in range(GROUPS):
            group = [self._waiting.popleft() for _ in range(min(GROUP, len(self._waiting)))]
            if not group:
                return
            wanted = [(body, future) for body, future in group if not future.cancelled()]
            bodies, futures = [body for body, _ in wanted], [future for _, future in wanted]
            self._loop.call_soon_threadsafe(self._tell, futures, *self._outcome(raw, bodies))

    def _outcome(
        self, raw: sqlite3.Connection, bodies: list[Callable[[sa.Connection], Any]]
    ) -> tuple[list[tuple[Any, BaseException | None]], set[str]]:
        try:
            return _commit_group(raw, self._writer.conn, bodies)
        except (sqlite3.Error, sa.exc.SQLAlchemyError) as error:
            failure = StoreUnavailable(_first_line(error))
            return [(None, failure)] * len(bodies), set()
        except Exception as error:  # a fault of ours: whoever waits must hear of it
            return [(None, error)] * len(bodies), set()

    def _tell(
        self,
        futures: list[asyncio.Future[Any]],
        results: list[tuple[Any, BaseException | None]],
        topics: set[str],
    ) -> None:
        for future, (value, error) in zip(futures, results, strict=True):
            if future.cancelled():
                continue
            if error is None:
                future.set_result(value)
            else:
                future.set_exception(error)
        self.signals.publish(topics)


def _commit_group(
    raw: sqlite3.Connection, conn: sa.Connection, bodies: list[Callable[[sa.Connection], Any]]
) -> tuple[list[tuple[Any, BaseException | None]], set[str]]:
    """All bodies in one COMMIT. A failing body is undone alone; a failing engine (disk full) fails them all."""
    results: list[tuple[Any, BaseException | None]] = []
    topics: set[str] = set()
    raw.execute("BEGIN IMMEDIATE")
    try:
        for body in bodies:
            raw.execute("SAVEPOINT body")
            try:
                value = body(conn)
            except Exception as error:
                take(conn)
                if not raw.in_transaction or _of_engine(error):
                    raise sqlite3.OperationalError(_first_line(error)) from error
                raw.execute("ROLLBACK TO body")
                results.append((None, error))
            else:
                topics |= take(conn)
                results.append((value, None))
            raw.execute("RELEASE body")
        raw.execute("COMMIT")
    except BaseException:
        take(conn)
        if raw.in_transaction:
            raw.execute("ROLLBACK")
        raise
    return results, topics


def _whole_or_not_at_all(raw: sqlite3.Connection, migration: Callable[[], None]) -> None:
    """The migration begins and commits its own transaction; one that fails must not leave it open."""
    try:
        migration()
    finally:
        if raw.in_transaction:
            raw.execute("ROLLBACK")


def _snapshot(raw: sqlite3.Connection, conn: sa.Connection, body: Callable[[sa.Connection], T]) -> T:
    raw.execute("BEGIN")
    try:
        return body(conn)
    finally:
        if raw.in_transaction:
            raw.execute("ROLLBACK")


def _of_engine(error: BaseException) -> bool:
    code = getattr(getattr(error, "orig", None) or error, "sqlite_errorcode", 0)
    return code & 0xFF in _ENGINE


def _first_line(error: BaseException) -> str:
    cause = getattr(error, "orig", None) or error
    return str(cause).partition("\n")[0]


def take_lock(path: Path) -> IO[str]:
    """Takes the file's lock for this process, until it is closed; or says who has it. It dies with the process, never stays behind."""
    name = path.with_name(path.name + ".lock")
    handle = name.open("a+")
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        handle.seek(0)
        owner = handle.read().strip() or "unknown"
        handle.close()
        raise DatabaseInUse(
            f"{path} is in use by another Achit process (pid {owner}); stop it first, or use PostgreSQL"
        ) from None
    handle.truncate(0)
    handle.write(str(os.getpid()))
    handle.flush()
    return handle


def damage(file: Path) -> str | None:
    """What keeps `file` from being a whole database of Achit, in words; None when nothing does. Only reads."""
    try:
        with contextlib.closing(sqlite3.connect(f"{file.absolute().as_uri()}?mode=ro", uri=True)) as connection:
            fault = connection.execute("PRAGMA integrity_check(1)").fetchone()[0]
            connection.execute("SELECT version_num FROM alembic_version")
    except sqlite3.Error as error:
        return f"is no backup of Achit: {error}"
    return None if fault == "ok" else f"is damaged: {fault}"

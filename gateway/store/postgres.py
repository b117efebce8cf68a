"""PostgreSQL (15 or newer), for several processes or hosts: asyncpg, one pool, LISTEN for signals.

A body that meets a serialisation failure, a deadlock, or a row that another was faster to write is run again, up to five
times. Signals travel by NOTIFY inside the transaction, so that a rolled-back one is never heard.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import TypeVar

import asyncpg
import orjson
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from gateway.store import migrate
from gateway.store.database import StoreUnavailable
from gateway.store.signals import Hub, emit, take

T = TypeVar("T")
CHANNEL = "achit"
_AGAIN = {"40001", "40P01", "23505"}  # serialization_failure, deadlock_detected, unique_violation
_SERVER = ("08", "53", "57", "58")  # connection, out of resources (disk full), operator intervention, system error
_PAYLOAD = 7_900  # NOTIFY takes less than 8,000 bytes
_RETRIES = 5
READY_S = 15.0


class PostgresDatabase:
    dialect = "postgresql"

    def __init__(self, url: str, engine: AsyncEngine) -> None:
        self.signals = Hub()
        self._url = url
        self._engine = engine
        self._ready = asyncio.Event()
        self._closed = False
        self._listening = asyncio.create_task(self._listen(), name="postgres-listen")

    @classmethod
    async def open(cls, url: str) -> PostgresDatabase:
        plain = "postgresql://" + url.partition("://")[2]
        engine = create_async_engine(
            plain.replace("postgresql://", "postgresql+asyncpg://", 1),
            pool_size=16,
            max_overflow=4,
            pool_pre_ping=False,
            json_serializer=lambda value: orjson.dumps(value).decode(),
            json_deserializer=orjson.loads,
            query_cache_size=1000,
            hide_parameters=True,
            connect_args={"server_settings": {"application_name": "achit", "timezone": "UTC"}},
        )
        database = cls(plain, engine)
        try:
            await asyncio.wait_for(database._ready.wait(), READY_S)
        except TimeoutError:
            await database.aclose()
            raise StoreUnavailable("PostgreSQL does not answer") from None
        return database

    async def write(self, body: Callable[[sa.Connection], T]) -> T:
        for left in reversed(range(_RETRIES)):
            try:
                async with self._errors(), self._engine.begin() as conn:
                    return await conn.run_sync(_run_and_notify, body)
            except sa.exc.DBAPIError as error:
                if getattr(error.orig, "sqlstate", None) not in _AGAIN:
                    raise
                if not left:
                    raise StoreUnavailable("others were faster, five times in a row") from error
        raise AssertionError("unreachable")

    async def read(self, body: Callable[[sa.Connection], T]) -> T:
        async with self._errors(), self._engine.connect() as conn:
            await conn.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)
            return await conn.run_sync(body)

    async def notify(self, topics: Iterable[str]) -> None:
        await self.write(lambda conn: _emit_all(conn, topics))

    @contextlib.asynccontextmanager
    async def _errors(self) -> AsyncIterator[None]:
        """The server's own troubles come out as StoreUnavailable, everything else as it is."""
        if self._closed:
            raise StoreUnavailable("the database is closed")
        try:
            yield
        except sa.exc.DBAPIError as error:
            state = str(getattr(error.orig, "sqlstate", None) or "")
            if error.connection_invalidated or state[:2] in _SERVER:
                raise StoreUnavailable(f"PostgreSQL cannot take this now ({state or 'connection lost'})") from error
            raise
        except sa.exc.TimeoutError as error:
            raise StoreUnavailable("every connection to PostgreSQL is busy") from error
        except (OSError, asyncpg.PostgresConnectionError, asyncpg.InterfaceError) as error:
            raise StoreUnavailable("the connection to PostgreSQL is lost") from error

    async def migrate(self) -> None:
        async with self._engine.connect() as conn:
            await conn.run_sync(migrate.upgrade)
            await conn.commit()

    async def schema_is_current(self) -> bool:
        async with self._engine.connect() as conn:
            return await conn.run_sync(migrate.is_current)

    async def backup(self, target: Path) -> None:
        raise StoreUnavailable("a PostgreSQL database is backed up with pg_dump; see docs/how-to/recover.md")

    async def aclose(self) -> None:
        if self._closed:
            return
        self._closed = True
        self._listening.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await self._listening
        await self._engine.dispose()

    async def _listen(self) -> None:
        """Keeps one connection that hears signals; after a break every listener is woken, as some may have been missed."""
        pause = 0.1
        while True:
            try:
                await self._hear()
                pause = 0.1
            except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError):
                await asyncio.sleep(pause)
                pause = min(pause * 2, 5.0)

    async def _hear(self) -> None:
        """Hears signals until the connection ends."""
        conn = await asyncpg.connect(self._url)
        lost = asyncio.Event()
        try:
            conn.add_termination_listener(lambda _: lost.set())
            await conn.add_listener(CHANNEL, lambda *heard: self.signals.publish(str(heard[3]).split("\n")))
            if self._ready.is_set():
                self.signals.publish(self.signals.topics())
            self._ready.set()
            await lost.wait()
        finally:
            conn.terminate()


_NOTIFY = sa.text(f"SELECT pg_notify('{CHANNEL}', :payload)")


def _emit_all(conn: sa.Connection, topics: Iterable[str]) -> None:
    for topic in topics:
        emit(conn, topic)


def _run_and_notify(conn: sa.Connection, body: Callable[[sa.Connection], T]) -> T:
    take(conn)
    result = body(conn)
    for payload in _payloads(sorted(take(conn))):
        conn.execute(_NOTIFY, {"payload": payload})
    return result


def _payloads(topics: Sequence[str]) -> Iterator[str]:
    """The topics in as few payloads as NOTIFY's limit allows."""
    payload = ""
    for topic in topics:
        if payload and len(payload) + len(topic) >= _PAYLOAD:
            yield payload
            payload = ""
        payload = f"{payload}\n{topic}" if payload else topic
    if payload:
        yield payload

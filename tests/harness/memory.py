"""A database in memory and work that is moved by hand, so that ten thousand interleavings of the real services cost seconds.

Bodies run at once, in the thread that asks. A coroutine goes on only when the test says so, and a crash is one that never does.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Coroutine, Generator, Iterable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import sqlalchemy as sa

from gateway.store.schema import metadata
from gateway.store.signals import Hub, take
from gateway.store.statements import DRIVER
from gateway.testing.clock import START, FakeClock

T = TypeVar("T")


class MemoryDatabase:
    """Fulfils `gateway.store.database.Database`. What happens while `forgotten` is open leaves no trace; it may be nested."""

    dialect = "sqlite"

    def __init__(self) -> None:
        engine = sa.create_engine("sqlite://", poolclass=sa.pool.StaticPool)
        metadata.create_all(engine)
        self.signals = Hub()
        self._conn = engine.connect()
        self._raw = self._conn.connection.dbapi_connection
        assert isinstance(self._raw, sqlite3.Connection)
        self._raw.isolation_level = None
        self._conn.info[DRIVER] = partial(sqlite3.Connection.execute, self._raw)

    @contextmanager
    def forgotten(self) -> Iterator[None]:
        self._raw.execute("SAVEPOINT forgotten")
        try:
            yield
        finally:
            self._raw.execute("ROLLBACK TO forgotten")
            self._raw.execute("RELEASE forgotten")

    async def write(self, body: Callable[[sa.Connection], T]) -> T:
        return self.run(body)

    async def read(self, body: Callable[[sa.Connection], T]) -> T:
        return self.run(body)

    def run(self, body: Callable[[sa.Connection], T]) -> T:
        self._raw.execute("SAVEPOINT body")
        try:
            result = body(self._conn)
        except BaseException:
            self._raw.execute("ROLLBACK TO body")
            raise
        finally:
            self._raw.execute("RELEASE body")
            take(self._conn)
        return result

    async def notify(self, topics: Iterable[str]) -> None:
        return None

    async def migrate(self) -> None:
        return None

    async def schema_is_current(self) -> bool:
        return True

    async def backup(self, target: Path) -> None:
        raise NotImplementedError

    async def aclose(self) -> None:
        self._conn.close()


class Pause:
    """Where a strand of work lets others go on."""

    def __await__(self) -> Generator[None, None, None]:
        yield


class Strand:
    """Work under way, moved by hand."""

    def __init__(self, work: Coroutine[Any, Any, Any]) -> None:
        self._work = work
        self.result: Any = None
        self.error: Exception | None = None

    def step(self) -> bool:
        """Goes on to the next pause. True: it is over, and has its result or its error."""
        try:
            self._work.send(None)
        except StopIteration as over:
            self.result = over.value
            return True
        except Exception as error:
            self.error = error
            return True
        return False

    def finish(self) -> Any:
        """Goes on to the end; raises what it raises."""
        while not self.step():
            pass
        if self.error is not None:
            raise self.error
        return self.result

    def die(self) -> None:
        """The process was killed: nothing of it goes on, not even its clean-up."""
        self._work.close()


class HandClock(FakeClock):
    """A clock that can also be set back, for the next interleaving."""

    def reset(self, at: Any = START) -> None:
        self._now = at

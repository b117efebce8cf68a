"""The smallest group commit: one thread, one connection, up to 64 bodies a COMMIT, each caller told after it."""

from __future__ import annotations

import asyncio
import sqlite3
import threading
from collections import deque
from collections.abc import Callable
from pathlib import Path
from typing import Any

GROUP = 64
Body = Callable[[sqlite3.Connection], Any]


def connect(path: Path) -> sqlite3.Connection:
    conn = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    for pragma in ("journal_mode=WAL", "synchronous=FULL", "cache_size=-65536", "wal_autocheckpoint=2000"):
        conn.execute(f"PRAGMA {pragma}")
    return conn


class Writer:
    """Runs bodies in its own thread."""

    def __init__(self, conn: sqlite3.Connection) -> None:
        self._conn = conn
        self._loop = asyncio.get_running_loop()
        self._waiting: deque[tuple[Body, asyncio.Future[Any]]] = deque()
        self._called = threading.Semaphore(0)
        threading.Thread(target=self._run, daemon=True).start()

    def write(self, body: Body) -> asyncio.Future[Any]:
        """The body's result, once it is on disk."""
        future: asyncio.Future[Any] = self._loop.create_future()
        self._waiting.append((body, future))
        self._called.release()
        return future

    def _run(self) -> None:
        while True:
            self._called.acquire()
            group: list[tuple[Body, asyncio.Future[Any]]] = []
            while self._waiting and len(group) < GROUP:
                group.append(self._waiting.popleft())
            if not group:
                continue
            self._conn.execute("BEGIN IMMEDIATE")
            results = [(future, body(self._conn)) for body, future in group]
            self._conn.execute("COMMIT")
            self._loop.call_soon_threadsafe(_tell, results)


def _tell(results: list[tuple[asyncio.Future[Any], Any]]) -> None:
    for future, result in results:
        future.set_result(result)

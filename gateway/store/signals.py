"""Signals: topics sent at commit, so that workers and live pages wake without polling.

`emit` inside a transaction body; what a rolled-back body emitted is never heard. On SQLite they travel in the process, on
PostgreSQL by NOTIFY to every process. A signal carries no facts: a listener reads the database. Topics: `task`,
`config`, `biller:<id>`, `invoice:<id>`, `watch:<invoice id>`.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

import sqlalchemy as sa

TASK, CONFIG = "task", "config"


def emit(conn: sa.Connection, topic: str) -> None:
    conn.info.setdefault("topics", set()).add(topic)


def take(conn: sa.Connection) -> set[str]:
    """What the body that just ran emitted; the database port calls this."""
    topics: set[str] = conn.info.pop("topics", set())
    return topics


class Listener:
    """A wake-up that is never lost between two waits: a signal while nobody waits is kept (as one)."""

    def __init__(self) -> None:
        self._event = asyncio.Event()
        self.topics: set[str] = set()

    def notify(self, topic: str) -> None:
        self.topics.add(topic)
        self._event.set()

    async def wait(self) -> set[str]:
        """Waits for the next signal; gives the topics heard since the last call."""
        await self._event.wait()
        return self.drain()

    def drain(self) -> set[str]:
        self._event.clear()
        topics, self.topics = self.topics, set()
        return topics


class Hub:
    """Delivers topics to the listeners of this process. Lives on the event loop; not for other threads."""

    def __init__(self) -> None:
        self._listeners: defaultdict[str, set[Listener]] = defaultdict(set)

    def publish(self, topics: Iterable[str]) -> None:
        for topic in topics:
            for listener in (*self._listeners.get(topic, ()), *self._listeners.get(topic.partition(":")[0] + ":*", ())):
                listener.notify(topic)

    def topics(self) -> list[str]:
        """All that somebody listens to."""
        return list(self._listeners)

    @contextmanager
    def listen(self, *topics: str) -> Iterator[Listener]:
        """Hears `topics` while the context is open; `watch:*` hears every topic of that head."""
        listener = Listener()
        for topic in topics:
            self._listeners[topic].add(listener)
        try:
            yield listener
        finally:
            for topic in topics:
                self._listeners[topic].discard(listener)
                if not self._listeners[topic]:
                    del self._listeners[topic]

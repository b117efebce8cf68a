"""The worker: claims due tasks, hands each to its service, acknowledges. It decides nothing about money or messages.

A commit wakes it at once; between commits it sleeps until the next task is due. One slow or failing destination holds back no other.
A task that fails is tried again on its kind's schedule and is then dead: kept, visible, replayable.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import TypeVar

import sqlalchemy as sa
import structlog

from gateway.limits import Destinations, Ended
from gateway.ports.errors import RetryLater
from gateway.ports.values import Limits
from gateway.services import attempts, polling
from gateway.services.context import Context
from gateway.store import outbox, signals
from gateway.store.database import StoreUnavailable
from gateway.store.outbox import Task
from gateway.worker.kinds import KINDS, WORK, Kind

__all__ = ["IDLE", "KINDS", "LEASE", "Kind", "Worker"]

T = TypeVar("T")
log = structlog.get_logger()

LEASE = timedelta(seconds=60)
CAPACITY = 400  # tasks under way at once, in one process
CLAIM = 200
IDLE = timedelta(seconds=30)
UNLIMITED = 1e6  # a second: beyond what one process does


class Worker:
    """One worker of one process. `run` goes on until `stop`; what is then under way is finished or given back."""

    def __init__(
        self,
        ctx: Context,
        name: str,
        *,
        kinds: Mapping[str, Kind] = KINDS,
        grace_s: float = 10.0,
        capacity: int = CAPACITY,
    ) -> None:
        self.ctx = ctx
        self.name = name
        self._kinds = kinds
        self._grace_s = grace_s
        self._capacity = capacity
        self._destinations = Destinations(self._limits)
        self._running: set[asyncio.Task[None]] = set()
        self._waiting: dict[str, deque[Task]] = {}  # claimed, and their destination has no room yet
        self._finished: list[Task] = []
        self._begun = 0
        self._changed = asyncio.Event()
        self._stopping = False

    async def run(self) -> None:
        """Works until `stop`. A database that is away for a while is waited for."""
        with self.ctx.db.signals.listen(signals.TASK) as listener:
            hearing = asyncio.create_task(self._hear(listener), name="worker-signals")
            watching = asyncio.create_task(self._watch(), name="worker-watch")
            try:
                while not self._stopping:
                    try:
                        await self._round()
                    except StoreUnavailable as error:
                        log.warning("worker.store_unavailable", reason=str(error))
                        await self._pause(self.ctx.clock.now() + timedelta(seconds=1))
                    except Exception:  # a fault of ours must not stop everybody's messages and money
                        log.exception("worker.round_failed")
                        await self._pause(self.ctx.clock.now() + timedelta(seconds=1))
            finally:
                for helper in (hearing, watching):
                    helper.cancel()
                await asyncio.gather(hearing, watching, return_exceptions=True)
                await self._finish()

    def stop(self) -> None:
        """No task is claimed after this; `run` returns when those under way are finished or given back."""
        self._stopping = True
        self._changed.set()

    async def drain(self) -> int:
        """Does all that is due now and all that it causes, then returns how many tasks were done; for tests and tools.

        What a destination's limits do not let begin at this instant is given back.
        """
        before = self._begun
        while True:
            begun = self._begun
            claimed, _ = await self._claim()
            if not claimed and self._begun == begun and not self._running:
                break
            if self._running:
                await asyncio.wait(self._running, return_when=asyncio.FIRST_COMPLETED)
            await self._acknowledge()
        await self._put_back(lambda task: True)
        return self._begun - before

    async def _round(self) -> None:
        self._changed.clear()
        claimed, due_at = await self._claim()
        if claimed < CLAIM and not self._finished:
            await self._pause(self._wake_at(due_at, busy=bool(claimed)))

    def _wake_at(self, due_at: datetime | None, *, busy: bool) -> datetime:
        """When there is something to do without being told: the next task is due, or a destination is open again."""
        now = self.ctx.clock.now()
        at = now + (timedelta(seconds=1) if busy else IDLE)  # the running ones will wake us sooner
        if due_at is not None and not busy:
            at = min(due_at, at)
        opens_at = self._destinations.opens_at(now.timestamp())
        if opens_at is not None and opens_at < at.timestamp():
            at = now + timedelta(seconds=max(0.005, opens_at - now.timestamp()))
        return at

    def _room(self) -> int:
        """How many more tasks may be held at once."""
        return self._capacity - len(self._running) - sum(map(len, self._waiting.values()))

    def _avoided(self, now: datetime) -> set[str]:
        """The destinations of which nothing is claimed: those without room, and those of which enough waits here."""
        return self._destinations.blocked(now.timestamp()) | self._waiting.keys()

    async def _claim(self) -> tuple[int, datetime | None]:
        """Begins what there is room for; gives how many tasks were claimed for it, and when the next one is due.

        Acknowledges what is finished, in the same transaction where there is one.
        """
        if self._stopping:
            await self._acknowledge()
            return 0, None
        now = self.ctx.clock.now()
        for destination in list(self._waiting):
            waiting = self._waiting[destination]
            while waiting and self._destinations.started(destination, now.timestamp()):
                self._begin(waiting.popleft())
            if not waiting:
                del self._waiting[destination]
        await self._put_back(lambda task: task.due_at - now < WORK)
        room, avoid = min(CLAIM, self._room()), self._avoided(now)
        if room <= 0:
            await self._acknowledge()
            return 0, None

        claimed, due_at = await self._write(
            lambda conn: (
                outbox.claim(conn, self.name, now, now + LEASE, room, avoid=avoid),
                outbox.next_due(conn, avoid=avoid),
            )
        )
        for task in claimed:
            if not task.destination or self._destinations.started(task.destination, now.timestamp()):
                self._begin(task)
            else:  # more of one destination was due than it has room for; the others go on
                self._waiting.setdefault(task.destination, deque()).append(task)
        return len(claimed), due_at

    def _begin(self, task: Task) -> None:
        self._begun += 1
        work = asyncio.create_task(self._work(task), name=f"{task.kind}:{task.key}")
        self._running.add(work)
        work.add_done_callback(self._ended)

    async def _put_back(self, which: Callable[[Task], bool]) -> None:
        """Gives back what waits here for its destination: all, or what there is no time left for before its lease ends."""
        back = [task for waiting in self._waiting.values() for task in waiting if which(task)]
        if back:
            await self.ctx.db.write(lambda conn: outbox.put_back(conn, back))
            left = {name: deque(t for t in waiting if not which(t)) for name, waiting in self._waiting.items()}
            self._waiting = {name: waiting for name, waiting in left.items() if waiting}

    def _ended(self, work: asyncio.Task[None]) -> None:
        self._running.discard(work)
        self._changed.set()

    async def _work(self, task: Task) -> None:
        ended, pause_s = Ended.ABANDONED, None
        try:
            ended, pause_s = await self._do(task)
        except StoreUnavailable as error:  # the lease brings it back
            log.warning("task.store_unavailable", kind=task.kind, key=task.key, reason=str(error))
        except Exception:
            log.exception("task.not_acknowledged", kind=task.kind, key=task.key, tries=task.tries)
        finally:
            if task.destination:
                self._destinations.finished(task.destination, ended, self.ctx.clock.now().timestamp(), pause_s=pause_s)

    async def _do(self, task: Task) -> tuple[Ended, float | None]:
        """Does a task and acknowledges it; what that says of its destination, and the quiet that the vendor asked for."""
        kind = self._kinds.get(task.kind)
        if kind is None:
            await self._give_back(task, (), "no such kind of task")
            return Ended.ABANDONED, None
        last_try = not kind.endless and task.tries > len(kind.pauses_s)
        try:
            async with asyncio.timeout(WORK.total_seconds()):
                resume_at = await kind.handle(self.ctx, task, last_try)
        except RetryLater as error:
            await self._give_back(task, kind.pauses_s, str(error), error.after_s)
            asked = task.kind != attempts.APPLY_INBOX
            return (Ended.VENDOR_DOWN if asked else Ended.ABANDONED), error.after_s
        except TimeoutError:
            await self._give_back(task, kind.pauses_s, "it took too long")
            return Ended.VENDOR_DOWN, None
        except StoreUnavailable:
            raise
        except Exception as error:
            log.exception("task.failed", kind=task.kind, key=task.key, tries=task.tries)
            await self._give_back(task, kind.pauses_s, f"{type(error).__name__}: {error}"[:500])
            return Ended.ABANDONED, None
        if resume_at is None:
            self._finished.append(task)
        else:
            await self.ctx.db.write(lambda conn: outbox.resume(conn, task, resume_at))
        return Ended.ANSWERED, None

    async def _give_back(self, task: Task, pauses_s: Sequence[float], error: str, after_s: float | None = None) -> None:
        kind = self._kinds.get(task.kind)
        place = task.tries - 1
        if place >= len(pauses_s) and not (kind and kind.endless):
            log.error("task.dead", kind=task.kind, key=task.key, tries=task.tries, reason=error)
            await self._bury(task, kind, error)
            return
        pause_s = pauses_s[min(place, len(pauses_s) - 1)] * (1 + 0.1 * self.ctx.random())
        due_at = self.ctx.clock.now() + timedelta(seconds=max(pause_s, after_s or 0.0))
        await self.ctx.db.write(lambda conn: outbox.again_at(conn, task, due_at, error))

    async def _bury(self, task: Task, kind: Kind | None, error: str) -> None:
        """The task is dead, with what follows from that; when even that fails, it is dead all the same."""
        now = self.ctx.clock.now()

        def with_ending(conn: sa.Connection) -> None:
            if outbox.dead(conn, task, error) and kind and kind.ending:
                kind.ending(conn, self.ctx, task.key, now)

        try:
            await self.ctx.db.write(with_ending)
        except StoreUnavailable:
            raise
        except Exception:
            log.exception("task.not_ended", kind=task.kind, key=task.key)
            await self.ctx.db.write(lambda conn: outbox.dead(conn, task, error))

    async def _acknowledge(self) -> None:
        if self._finished:
            await self._write(lambda conn: None)

    async def _write(self, body: Callable[[sa.Connection], T]) -> T:
        """Runs `body` in the transaction that acknowledges what is finished."""
        finished, self._finished = self._finished, []
        now = self.ctx.clock.now()

        def both(conn: sa.Connection) -> T:
            outbox.done_all(conn, finished, now)
            return body(conn)

        try:
            return await self.ctx.db.write(both)
        except BaseException:
            self._finished += finished
            raise

    async def _pause(self, at: datetime) -> None:
        """Returns at `at`, or when there is news."""
        sleeping = asyncio.create_task(self.ctx.clock.sleep_until(at))
        sleeping.add_done_callback(lambda _: self._changed.set())
        try:
            await self._changed.wait()
        finally:
            sleeping.cancel()
            await asyncio.gather(sleeping, return_exceptions=True)

    async def _hear(self, listener: signals.Listener) -> None:
        while True:
            await listener.wait()
            self._changed.set()

    async def _watch(self) -> None:
        """Somebody looks at a pay page: its polls come forward."""
        with self.ctx.db.signals.listen("watch:*") as listener:
            while True:
                for topic in await listener.wait():
                    try:
                        await polling.watched(self.ctx, int(topic.partition(":")[2]))
                    except Exception as error:  # one page's must not end all pages'
                        log.warning("worker.not_watched", topic=topic, reason=str(error))

    async def _finish(self) -> None:
        """Lets what is under way end for a while, then gives back what is left."""
        if self._running:
            _, left = await asyncio.wait(self._running, timeout=self._grace_s)
            for work in left:
                work.cancel()
            await asyncio.gather(*left, return_exceptions=True)
        with contextlib.suppress(StoreUnavailable):
            await self._acknowledge()
            now = self.ctx.clock.now()
            await self.ctx.db.write(lambda conn: outbox.release_all(conn, self.name, now))

    def _limits(self, destination: str) -> Limits:
        head, _, number = destination.partition(":")
        if head == "channel" and (channel := self.ctx.directory.channel(int(number))) is not None:
            return channel.plugin.limits
        if head == "provider" and (provider := self.ctx.directory.provider(int(number))) is not None:
            return provider.plugin.limits
        if head == "push":
            return Limits(per_second=UNLIMITED, concurrency=2)
        return Limits(per_second=UNLIMITED, concurrency=CAPACITY)

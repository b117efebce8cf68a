"""The worker: claims due tasks, hands each to its service, acknowledges. It decides nothing about money or messages.

A commit wakes it at once; between commits it sleeps until the next task is due. One slow or failing destination holds back no other.
A task that fails is tried again on its kind's schedule and is then dead: kept, visible, replayable.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog

from gateway.limits import Destinations, Ended
from gateway.ports.errors import RetryLater
from gateway.ports.values import Limits
from gateway.services import attempts, closing, messaging, plans, receipts, status_push
from gateway.services.context import Context
from gateway.store import events, outbox, signals
from gateway.store.database import StoreUnavailable
from gateway.store.outbox import Task

log = structlog.get_logger()

LEASE = timedelta(seconds=60)
WORK = timedelta(seconds=45)  # a handler is cut off before its lease ends
CAPACITY = 400  # tasks under way at once, in one process
CLAIM = 200
IDLE = timedelta(seconds=30)
UNLIMITED = 1e6  # a second: beyond what one process does

Handler = Callable[[Context, Task, bool], Awaitable[datetime | None]]
"""Does a task's work. A datetime: not over yet, go on then (no failure). Raises RetryLater, or anything, to be tried again."""


@dataclass(frozen=True, slots=True)
class Kind:
    """What is done for a task, and the pauses after each failure; past the last it is dead."""

    handle: Handler
    pauses_s: Sequence[float]
    endless: bool = False  # the last pause repeats instead


async def _deliver(ctx: Context, task: Task, last_try: bool) -> datetime | None:
    await messaging.deliver(ctx, task.key, last_try=last_try)
    return None


async def _fall_back(ctx: Context, task: Task, last_try: bool) -> datetime | None:
    return await messaging.fall_back(ctx, task.key)


async def _revise(ctx: Context, task: Task, last_try: bool) -> datetime | None:
    await messaging.revise(ctx, task.key)
    return None


async def _poll(ctx: Context, task: Task, last_try: bool) -> datetime | None:
    wait = await attempts.poll(ctx, task.key)
    return None if wait is None else ctx.clock.now() + wait


async def _close(ctx: Context, task: Task, last_try: bool) -> datetime | None:
    await attempts.close(ctx, task.key)
    return None


async def _apply_inbox(ctx: Context, task: Task, last_try: bool) -> datetime | None:
    if not await receipts.apply_held(ctx, task.key):
        raise RetryLater("what it speaks of does not exist yet")
    return None


async def _push(ctx: Context, task: Task, last_try: bool) -> datetime | None:
    return await status_push.pump(ctx, task.key, ctx.clock.now() + WORK / 2)


async def _push_one(ctx: Context, task: Task, last_try: bool) -> datetime | None:
    return await status_push.push_one(ctx, task.key)


MINUTE, HOUR, DAY = 60.0, 3_600.0, 86_400.0
KINDS: Mapping[str, Kind] = {
    plans.DELIVER: Kind(_deliver, (10, 30, 2 * MINUTE, 10 * MINUTE, 30 * MINUTE, HOUR, 2 * HOUR, 4 * HOUR)),
    plans.FALL_BACK: Kind(_fall_back, (10, MINUTE, 10 * MINUTE)),
    plans.REVISE: Kind(_revise, (5, 30, 5 * MINUTE, 30 * MINUTE)),
    attempts.POLL: Kind(_poll, (10, 20, MINUTE, 5 * MINUTE, 15 * MINUTE, HOUR), endless=True),
    closing.CLOSE: Kind(_close, (5, 30, 5 * MINUTE, 30 * MINUTE, 2 * HOUR, 6 * HOUR)),
    attempts.APPLY_INBOX: Kind(
        _apply_inbox, (1, 2, 5, 15, MINUTE, 5 * MINUTE, 30 * MINUTE, HOUR, 6 * HOUR, DAY, DAY, DAY)
    ),
    events.PUSH: Kind(_push, (5, 30, 5 * MINUTE, HOUR), endless=True),
    status_push.PUSH_ONE: Kind(_push_one, (5, 30, 5 * MINUTE, HOUR)),
}


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
        self._finished: list[Task] = []
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
        """Does all that is due now and all that it causes, then returns how many tasks were done; for tests and tools."""
        total = 0
        while True:
            claimed = await self._claim()
            if not claimed and not self._running:
                await self._acknowledge()
                if not await self._due_now():
                    return total
            total += len(claimed)
            if self._running:
                await asyncio.wait(self._running, return_when=asyncio.FIRST_COMPLETED)
            await self._acknowledge()

    async def _due_now(self) -> bool:
        now = self.ctx.clock.now()
        blocked = self._destinations.blocked(now.timestamp())
        return await self.ctx.db.read(lambda conn: outbox.any_due(conn, now, avoid=blocked))

    async def _round(self) -> None:
        self._changed.clear()
        claimed = await self._claim()
        await self._acknowledge()
        if (len(claimed) < CLAIM or len(self._running) >= self._capacity) and not self._finished:
            await self._pause(await self._wake_at(bool(claimed)))

    async def _wake_at(self, busy: bool) -> datetime:
        """When there is something to do without being told: the next due task of a destination that is open then."""
        now = self.ctx.clock.now()
        if busy:
            return now + timedelta(seconds=1)  # the running ones will wake us sooner
        blocked = self._destinations.blocked(now.timestamp())
        due_at = await self.ctx.db.read(lambda conn: outbox.next_due(conn, avoid=blocked))
        opens_at = self._destinations.opens_at(now.timestamp())
        at = min(due_at or now + IDLE, now + IDLE)
        if opens_at is not None and opens_at < at.timestamp():
            at = now + timedelta(seconds=max(0.005, opens_at - now.timestamp()))
        return at

    async def _claim(self) -> list[Task]:
        now = self.ctx.clock.now()
        room = min(CLAIM, self._capacity - len(self._running))
        if room <= 0 or self._stopping:
            return []
        blocked = self._destinations.blocked(now.timestamp())
        claimed = await self.ctx.db.write(
            lambda conn: outbox.claim(conn, self.name, now, now + LEASE, room, avoid=blocked)
        )
        put_back = []
        for task in claimed:
            if task.destination and not self._destinations.started(task.destination, now.timestamp()):
                put_back.append(task)
            else:
                work = asyncio.create_task(self._work(task), name=f"{task.kind}:{task.key}")
                self._running.add(work)
                work.add_done_callback(self._ended)
        if put_back:  # more of one destination was due than it has room for: it is avoided from the next claim on
            await self.ctx.db.write(lambda conn: outbox.put_back(conn, put_back))
        return [task for task in claimed if task not in put_back] if put_back else claimed

    def _ended(self, work: asyncio.Task[None]) -> None:
        self._running.discard(work)
        self._changed.set()

    async def _work(self, task: Task) -> None:
        kind = self._kinds.get(task.kind)
        ended, pause_s = Ended.ANSWERED, None
        try:
            if kind is None:
                await self._give_back(task, (), "no such kind of task")
                return
            last_try = not kind.endless and task.tries > len(kind.pauses_s)
            async with asyncio.timeout(WORK.total_seconds()):
                resume_at = await kind.handle(self.ctx, task, last_try)
            if resume_at is None:
                self._finished.append(task)
            else:
                await self.ctx.db.write(lambda conn: outbox.resume(conn, task, resume_at))
        except asyncio.CancelledError:
            ended = Ended.ABANDONED
            raise
        except RetryLater as error:
            ended, pause_s = Ended.VENDOR_DOWN, error.after_s
            if task.kind == attempts.APPLY_INBOX:
                ended = Ended.ABANDONED  # nobody was asked
            await self._give_back(task, kind.pauses_s if kind else (), str(error), error.after_s)
        except StoreUnavailable:
            ended = Ended.ABANDONED  # the lease brings it back
        except TimeoutError:
            ended = Ended.VENDOR_DOWN
            await self._give_back(task, kind.pauses_s if kind else (), "it took too long")
        except Exception as error:
            ended = Ended.ABANDONED
            log.exception("task.failed", kind=task.kind, key=task.key, tries=task.tries)
            await self._give_back(task, kind.pauses_s if kind else (), f"{type(error).__name__}: {error}"[:500])
        finally:
            if task.destination:
                self._destinations.finished(task.destination, ended, self.ctx.clock.now().timestamp(), pause_s=pause_s)

    async def _give_back(self, task: Task, pauses_s: Sequence[float], error: str, after_s: float | None = None) -> None:
        kind = self._kinds.get(task.kind)
        place = task.tries - 1
        if place >= len(pauses_s) and not (kind and kind.endless):
            log.error("task.dead", kind=task.kind, key=task.key, tries=task.tries, reason=error)
            await self.ctx.db.write(lambda conn: outbox.dead(conn, task, error))
            return
        pause_s = pauses_s[min(place, len(pauses_s) - 1)] * (1 + 0.1 * self.ctx.random())
        due_at = self.ctx.clock.now() + timedelta(seconds=max(pause_s, after_s or 0.0))
        await self.ctx.db.write(lambda conn: outbox.again_at(conn, task, due_at, error))

    async def _acknowledge(self) -> None:
        if self._finished:
            finished, self._finished = self._finished, []
            now = self.ctx.clock.now()
            await self.ctx.db.write(lambda conn: outbox.done_all(conn, finished, now))

    async def _pause(self, at: datetime) -> None:
        sleeping = asyncio.create_task(self.ctx.clock.sleep_until(at))
        told = asyncio.create_task(self._changed.wait())
        try:
            await asyncio.wait((sleeping, told), return_when=asyncio.FIRST_COMPLETED)
        finally:
            for waiting in (sleeping, told):
                waiting.cancel()
            await asyncio.gather(sleeping, told, return_exceptions=True)

    async def _hear(self, listener: signals.Listener) -> None:
        while True:
            await listener.wait()
            self._changed.set()

    async def _watch(self) -> None:
        """Somebody looks at a pay page: its polls come forward."""
        with self.ctx.db.signals.listen("watch:*") as listener:
            while True:
                for topic in await listener.wait():
                    with contextlib.suppress(StoreUnavailable):
                        await attempts.watched(self.ctx, int(topic.partition(":")[2]))

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

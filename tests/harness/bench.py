"""A bench for the worker: tasks whose every try the test steers, over a real database and a clock that stands still."""

from __future__ import annotations

import asyncio
import contextlib
from collections import Counter, defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import gateway.worker
from gateway.ports.values import Limits
from gateway.services.context import Context
from gateway.store import outbox
from gateway.store.database import Database
from gateway.store.outbox import Task
from gateway.testing.clock import START, FakeClock
from gateway.worker import Kind, Worker
from tests.harness.gateway import Sim, open_sim

PAUSES = (10.0, 60.0, 300.0)


@dataclass
class Bench:
    """Tasks of the kind `work`, what each try of one does, and when it was tried. Other kinds are the house's own."""

    sim: Sim
    answers: dict[int, list[Any]] = field(
        default_factory=lambda: defaultdict(list)
    )  # to each try: an error, an instant
    tried: list[tuple[int, float]] = field(default_factory=list)
    last: list[int] = field(default_factory=list)  # tasks that were told that this is their last try
    hold: dict[str, asyncio.Event] = field(default_factory=dict)  # a destination's tries wait for it
    running: Counter[str] = field(default_factory=Counter)
    most: Counter[str] = field(default_factory=Counter)
    moved: asyncio.Event = field(default_factory=asyncio.Event)

    def worker(
        self, name: str = "w", *, pauses_s: tuple[float, ...] = PAUSES, endless: bool = False, **more: Any
    ) -> Worker:
        kinds: Mapping[str, Kind] = {**gateway.worker.KINDS, "work": Kind(self.handle, pauses_s, endless)}
        return Worker(more.pop("ctx", self.sim.ctx), name, kinds=kinds, **more)

    async def handle(self, ctx: Context, task: Task, last_try: bool) -> datetime | None:
        to = task.destination
        self.tried.append((task.key, (self.sim.clock.now() - START).total_seconds()))
        self.running[to] += 1
        self.most[to] = max(self.most[to], self.running[to])
        self.moved.set()
        if last_try:
            self.last.append(task.key)
        try:
            if to in self.hold:
                await self.hold[to].wait()
            answer = self.answers[task.key].pop(0) if self.answers[task.key] else None
            if isinstance(answer, Exception):
                raise answer
            return answer
        finally:
            self.running[to] -= 1
            self.moved.set()

    async def add(self, keys: Iterable[int], to: str = "", *, in_s: float = 0) -> None:
        now = self.sim.clock.now()
        at = now + timedelta(seconds=in_s)

        def body(conn: Any) -> None:
            for key in keys:
                outbox.add(conn, "work", key, to, at, now)

        await self.sim.db.write(body)

    async def until(self, true: Callable[[], bool]) -> None:
        while not true():
            self.moved.clear()
            await asyncio.wait_for(self.moved.wait(), 20)

    def done(self, keys: Iterable[int]) -> bool:
        return set(keys) <= {key for key, _ in self.tried} and not self.running.total()

    def times(self, key: int) -> list[float]:
        return [at for tried, at in self.tried if tried == key]

    async def listed(self, state: str = outbox.DUE) -> list[Task]:
        listed = await self.sim.db.read(lambda conn: outbox.listing(conn, state, 1000))
        return [task for task in listed if task.kind == "work"]

    def destination(self, name: str) -> str:
        account = self.sim.ctx.directory.channel_called(f"acme.{name}")
        assert account is not None
        return account.destination


Open = Callable[..., Awaitable[Bench]]


@contextlib.asynccontextmanager
async def benches(database: Database, clock: FakeClock) -> AsyncIterator[Open]:
    """A function that opens a bench; its arguments are channels and their limits."""
    async with contextlib.AsyncExitStack() as stack:

        async def opened(**limits: Limits) -> Bench:
            channels = {name: {"address": "phone", "limits": limit} for name, limit in limits.items()}
            return Bench(await stack.enter_async_context(open_sim(database, clock, channels=channels or None)))

        yield opened


@contextlib.asynccontextmanager
async def at_work(*workers: Worker) -> AsyncIterator[None]:
    """The workers run while the block lasts, then stop."""
    tasks = [asyncio.create_task(worker.run()) for worker in workers]
    try:
        yield
    finally:
        for worker in workers:
            worker.stop()
        await asyncio.wait_for(asyncio.gather(*tasks), 20)

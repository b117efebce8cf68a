"""The product under test, as a process of its own: a gateway, and a worker when it is told to work.

Settings: `folder`, and what `setting.biller` takes. Commands: the methods of `_UnderTest`.
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import sys
from collections.abc import AsyncIterator, Mapping
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from benchmarks import child, seed, setting
from gateway import app, logs
from gateway.domain.keys import Scope
from gateway.services import forecast, keys, planning, setup
from gateway.services.context import Context
from gateway.store import schema
from gateway.store.outbox import Task
from gateway.worker import KINDS, Kind, Worker

NOTHING = "nothing"
CHUNK = 50_000  # rows a transaction, so that the log stays small


async def main() -> None:
    """Runs until the parent lets go."""
    told = child.settings()
    folder = Path(told.pop("folder"))
    config = setting.config(folder)
    logs.configure(config.logs.level, json=True, stream=sys.stderr)
    async with app.running(config, roles=("web",)) as running:
        ctx = running.ctx
        await setup.apply(ctx, setting.biller(**told))
        biller = ctx.directory.biller_called("acme")
        assert biller is not None
        ctx.directory.warm()
        key = await keys.create(ctx, biller, "benchmark", [Scope.READ, Scope.WRITE])
        gc.collect()
        under_test = _UnderTest(ctx)
        ready = {"port": int(running.url.rpartition(":")[2]), "key": key}
        commands = {
            name: getattr(under_test, name)
            for name in ("work", "rest", "clone", "add_tasks", "drain", "count", "apply", "replan", "foresee", "polled")
        }
        async with under_test.resting_at_the_end():
            await child.obey(ready, commands)


class _UnderTest:
    def __init__(self, ctx: Context) -> None:
        self._ctx = ctx
        self._worker: tuple[Worker, asyncio.Task[None]] | None = None

    @contextlib.asynccontextmanager
    async def resting_at_the_end(self) -> AsyncIterator[None]:
        try:
            yield
        finally:
            await self.rest({})

    async def work(self, told: dict[str, Any], kinds: Mapping[str, Kind] = KINDS) -> None:
        """Starts a worker."""
        worker = Worker(self._ctx, app.worker_name(), kinds=kinds)
        self._worker = worker, asyncio.create_task(worker.run())

    async def rest(self, told: dict[str, Any]) -> None:
        """Stops it."""
        if self._worker is not None:
            (worker, running), self._worker = self._worker, None
            worker.stop()
            await running

    async def clone(self, told: dict[str, Any]) -> dict[str, int]:
        """`number` invoices like `of`, called `name-1` and so on, with its attempts when `payments`; gives the first one's id."""
        first = 0
        for offset in range(0, told["number"], CHUNK):
            part = told["of"], told["name"], min(CHUNK, told["number"] - offset), offset
            made = await self._ctx.db.write(
                lambda conn, part=part: seed.clone(conn, *part, payments=told["payments"])  # type: ignore[misc]
            )
            first = first or made
        return {"first": first}

    async def add_tasks(self, told: dict[str, Any]) -> None:
        """`number` tasks of a kind that does nothing, with keys from `first` on; due now, or in `in_days`."""
        now = self._ctx.clock.now()
        kind, due_at = told.get("kind", NOTHING), now + timedelta(days=told.get("in_days", 0))
        for offset in range(0, told["number"], CHUNK):
            part = kind, told["first"] + offset, min(CHUNK, told["number"] - offset), due_at, now
            await self._ctx.db.write(lambda conn, part=part: seed.tasks(conn, *part))  # type: ignore[misc]

    async def drain(self, told: dict[str, Any]) -> None:
        """Starts a worker that does the `number` tasks that do nothing, and waits until it has; then it is to `rest`."""
        left = told["number"]
        emptied = asyncio.Event()

        async def nothing(ctx: Context, task: Task, last_try: bool) -> datetime | None:
            nonlocal left
            left -= 1
            if not left:
                emptied.set()
            return None

        await self.work(told, {NOTHING: Kind(nothing, ())})
        await emptied.wait()

    async def apply(self, told: dict[str, Any]) -> None:
        """Applies the biller with this reminder policy; what follows is left to `replan`."""
        await setup.apply(self._ctx, setting.biller(reminders=told["reminders"]))

    async def replan(self, told: dict[str, Any]) -> None:
        """Brings every ladder to the policy, as the task does."""
        biller = self._ctx.directory.biller_called("acme")
        assert biller is not None
        while await planning.replan_all(self._ctx, biller.id) is not None:
            pass

    async def foresee(self, told: dict[str, Any]) -> dict[str, int]:
        """Looks so many `days` ahead, at `number` payers; gives how many messages there are."""
        biller = self._ctx.directory.biller_called("acme")
        assert biller is not None
        found, _ = await forecast.ahead(self._ctx, biller, told["days"], told["number"])
        return {"messages": sum(one.status == "send" for one in found)}

    async def polled(self, told: dict[str, Any]) -> dict[str, int]:
        """How many polls were answered and booked."""
        query = sa.select(sa.func.coalesce(sa.func.sum(schema.payment_attempt.c.polls), 0))
        return {"polls": await self._ctx.db.read(lambda conn: int(conn.execute(query).scalar_one()))}

    async def count(self, told: dict[str, Any]) -> dict[str, int]:
        """How many rows there are in each table."""
        tables = schema.metadata.sorted_tables

        def body(conn: sa.Connection) -> dict[str, int]:
            return {
                table.name: conn.execute(sa.select(sa.func.count()).select_from(table)).scalar_one() for table in tables
            }

        return await self._ctx.db.read(body)


if __name__ == "__main__":
    asyncio.run(main())

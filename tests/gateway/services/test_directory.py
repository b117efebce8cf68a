"""The directory: what is served is what was written last, whichever reading ends last, and whatever went wrong meanwhile."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import sqlalchemy as sa

from gateway.services.directory import Directory
from gateway.store import signals
from gateway.store.database import Database, StoreUnavailable
from gateway.store.schema import biller
from gateway.store.signals import Hub
from tests.harness.gateway import Sim, apply_biller, identity


@dataclass
class Slow:
    """A database whose first reading is a long way from here, or whose next one fails."""

    well: Database
    held: asyncio.Event = field(default_factory=asyncio.Event)
    readings: int = 0
    fails: bool = False

    @property
    def signals(self) -> Hub:
        return self.well.signals

    async def read(self, body: Callable[[sa.Connection], Any]) -> Any:
        self.readings += 1
        if self.fails:
            self.fails = False
            raise StoreUnavailable("away")
        first, found = self.readings == 1, await self.well.read(body)
        if first:
            await self.held.wait()
        return found


def _rename(sim: Sim, name: str) -> Callable[[sa.Connection], None]:
    def body(conn: sa.Connection) -> None:
        config = {"biller": {**identity(), "display_name": name}}
        conn.execute(biller.update().where(biller.c.id == sim.biller.id).values(config=config))
        signals.emit(conn, signals.CONFIG)

    return body


def _directory(sim: Sim) -> Directory:
    known = sim.ctx.directory
    return Directory(known.registry, known.http, known.vault)


async def _until(true: Callable[[], bool]) -> None:
    async with asyncio.timeout(20):
        while not true():  # noqa: ASYNC110 - the directory tells nobody when it has read
            await asyncio.sleep(0)


async def test_an_older_reading_never_comes_after_a_newer_one(sim: Sim) -> None:
    directory, db = _directory(sim), Slow(sim.db)
    first = asyncio.create_task(directory.refresh(db))  # type: ignore[arg-type]
    await _until(lambda: db.readings == 1)
    await sim.db.write(_rename(sim, "Newer"))
    second = asyncio.create_task(directory.refresh(db))  # type: ignore[arg-type]
    for _ in range(20):
        await asyncio.sleep(0)
    db.held.set()
    await asyncio.gather(first, second)
    assert directory.biller(sim.biller.id).settings.biller.display_name == "Newer"


async def test_a_change_that_could_not_be_read_does_not_end_the_watch(sim: Sim) -> None:
    directory, db = _directory(sim), Slow(sim.db, readings=1)
    await directory.refresh(db)  # type: ignore[arg-type]
    watching = asyncio.create_task(directory.watch(db))  # type: ignore[arg-type]
    try:
        await asyncio.sleep(0)
        db.fails = True
        await sim.db.write(_rename(sim, "Lost"))
        await _until(lambda: not db.fails)
        assert directory.biller(sim.biller.id).settings.biller.display_name == "Acme"
        await sim.db.write(_rename(sim, "Heard"))
        await _until(lambda: directory.biller(sim.biller.id).settings.biller.display_name == "Heard")
    finally:
        watching.cancel()
        await asyncio.gather(watching, return_exceptions=True)


async def test_what_was_applied_is_served_at_once_each_time(sim: Sim) -> None:
    for number in range(10):
        slug = f"biller{number}"
        made = await apply_biller(sim.ctx, sim.vendors, {"biller": identity(slug), **sim.vendors.tables})  # type: ignore[arg-type]
        assert made.slug == slug
        assert len(sim.ctx.directory.channels_of(made.id)) == 3
    assert len(sim.ctx.directory.billers()) == 11

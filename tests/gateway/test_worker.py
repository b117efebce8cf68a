"""The worker: schedules, destinations that hold back no other, waking, stopping. Its services are stand-ins that the test steers."""

from __future__ import annotations

import asyncio
import itertools
from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

import pytest

import gateway.worker
from gateway.ports.errors import RetryLater
from gateway.ports.provider import PaymentStatus
from gateway.store import outbox
from gateway.store.database import Database, StoreUnavailable
from gateway.testing.clock import START, FakeClock
from gateway.worker import IDLE, LEASE, Worker
from tests.harness.bench import PAUSES, Bench, at_work, benches


@pytest.fixture
async def bench(database: Database, clock: FakeClock) -> AsyncIterator[Bench]:
    async with benches(database, clock) as opened:
        yield await opened()


async def _drained(bench: Bench, worker: Worker, until_s: float) -> None:
    """Lets time pass, doing each task when it is due."""
    while True:
        await worker.drain()
        due = [task.due_at for task in await bench.listed()]
        if not due or min(due) > START + timedelta(seconds=until_s):
            return
        bench.sim.clock.move_to(max(min(due), bench.sim.clock.now()))


async def test_a_failure_is_tried_again_on_the_schedule_and_is_then_dead(bench: Bench) -> None:
    await bench.add([1])
    bench.answers[1] = [RetryLater("busy"), ValueError("odd"), TimeoutError(), RetryLater("still busy")]
    await _drained(bench, bench.worker(), 10_000)
    waits = [after - before for before, after in itertools.pairwise(bench.times(1))]
    assert waits == pytest.approx([pause * 1.05 for pause in PAUSES])  # half of the jitter
    assert bench.last == [1]
    (dead,) = await bench.listed(outbox.DEAD)
    assert (dead.last_error, dead.tries) == ("still busy", 4)
    await bench.sim.db.write(lambda conn: outbox.revive(conn, dead.id, bench.sim.clock.now()))
    await bench.worker().drain()
    assert (len(bench.times(1)), await bench.listed(outbox.DEAD), await bench.listed()) == (5, [], [])


async def test_a_failed_try_keeps_its_reason_where_it_is_seen(bench: Bench) -> None:
    await bench.add([1])
    bench.answers[1] = [ValueError("the template has a hole")]
    await bench.worker().drain()
    (waiting,) = await bench.listed()
    assert waiting.last_error == "ValueError: the template has a hole"


async def test_the_vendors_own_wish_is_kept_where_it_is_longer(bench: Bench) -> None:
    await bench.add([1])
    bench.answers[1] = [RetryLater("later", after_s=120.0), RetryLater("soon", after_s=1.0)]
    await _drained(bench, bench.worker(), 1_000)
    assert bench.times(1) == pytest.approx([0, 120, 120 + 63])


async def test_what_must_go_on_for_ever_does(bench: Bench) -> None:
    await bench.add([1])
    bench.answers[1] = [RetryLater("away")] * 8
    await _drained(bench, bench.worker(endless=True), 5_000)
    assert len(bench.times(1)) == 9
    assert bench.times(1)[-1] - bench.times(1)[-2] == pytest.approx(315)
    assert (bench.last, await bench.listed(outbox.DEAD)) == ([], [])


async def test_what_is_not_over_goes_on_when_it_said(bench: Bench) -> None:
    await bench.add([1])
    bench.answers[1] = [START + timedelta(seconds=42), RetryLater("busy")]
    await _drained(bench, bench.worker(), 1_000)
    assert bench.times(1) == pytest.approx([0, 42, 42 + 10.5])


async def test_a_task_that_nobody_knows_is_dead_and_seen(bench: Bench) -> None:
    now = bench.sim.clock.now()
    await bench.sim.db.write(lambda conn: outbox.add(conn, "dance", 1, "", now, now))
    await bench.worker().drain()
    assert await bench.sim.tasks(outbox.DEAD) == [("dance", 1)]


async def test_a_try_that_takes_too_long_is_cut_off_before_its_lease_ends(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert gateway.worker.WORK < LEASE
    monkeypatch.setattr(gateway.worker, "WORK", timedelta(seconds=0.05))
    await bench.add([1])
    bench.hold[""] = asyncio.Event()
    await bench.worker().drain()
    (waiting,) = await bench.listed()
    assert (waiting.last_error, waiting.lease_by, waiting.tries) == ("it took too long", None, 1)


async def test_a_commit_wakes_the_worker_at_once(bench: Bench) -> None:
    async with at_work(bench.worker()):
        for key in range(5):
            await bench.add([key])
            await bench.until(lambda key=key: bench.done([key]))  # type: ignore[misc]
    assert {at for _, at in bench.tried} == {0.0}
    assert await bench.listed() == []


async def test_it_wakes_by_itself_when_a_task_comes_due(bench: Bench) -> None:
    await bench.add([1], in_s=20)
    async with at_work(bench.worker()):
        assert await asyncio.wait_for(bench.sim.clock.until_asleep(), 20) == START + timedelta(seconds=20)
        bench.sim.clock.advance(seconds=20)
        await bench.until(lambda: bench.done([1]))


async def test_idle_it_looks_now_and_then_and_no_more(bench: Bench) -> None:
    async with at_work(bench.worker()):
        assert await asyncio.wait_for(bench.sim.clock.until_asleep(), 20) == START + IDLE


async def test_stopping_finishes_what_is_under_way_and_begins_nothing(bench: Bench) -> None:
    bench.hold[""] = asyncio.Event()
    await bench.add([1, 2])
    worker = bench.worker()
    run = asyncio.create_task(worker.run())
    await bench.until(lambda: bench.running.total() == 2)
    worker.stop()
    await bench.add([3])
    bench.hold[""].set()
    await asyncio.wait_for(run, 20)
    assert [(task.key, task.lease_by, task.tries) for task in await bench.listed()] == [(3, None, 0)]


@dataclass
class Sick:
    """A database that is away while `away` is set, and counts what it is asked."""

    well: Database
    away: bool = False
    asked: int = 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self.well, name)

    async def write(self, body: Any) -> Any:
        return await self._ask(self.well.write, body)

    async def read(self, body: Any) -> Any:
        return await self._ask(self.well.read, body)

    async def _ask(self, call: Any, body: Any) -> Any:
        self.asked += 1
        if self.away:
            raise StoreUnavailable("away")
        return await call(body)


async def test_a_database_that_is_away_is_waited_for(bench: Bench) -> None:
    db = Sick(bench.sim.db, away=True)
    await bench.add([1])
    async with at_work(bench.worker(ctx=replace(bench.sim.ctx, db=db))):
        for _ in range(3):
            assert await asyncio.wait_for(bench.sim.clock.until_asleep(), 20) == bench.sim.clock.now() + timedelta(
                seconds=1
            )
            bench.sim.clock.advance(seconds=1)
            await asyncio.sleep(0)
        db.away = False
        bench.sim.clock.advance(seconds=1)
        await bench.until(lambda: bench.done([1]))


async def test_a_task_whose_end_cannot_be_written_comes_back_with_its_lease(bench: Bench) -> None:
    db = Sick(bench.sim.db)
    await bench.add([1])
    bench.hold[""] = asyncio.Event()
    bench.answers[1] = [RetryLater("busy")]
    async with at_work(bench.worker(ctx=replace(bench.sim.ctx, db=db))):
        await bench.until(lambda: bench.running.total() == 1)
        db.away = True
        bench.hold[""].set()
        await bench.until(lambda: not bench.running.total())
        await asyncio.sleep(0)
        db.away = False
        (held,) = await bench.listed()
        assert held.lease_by == "w"
        bench.sim.clock.advance(LEASE)
        await bench.until(lambda: len(bench.times(1)) == 2 and not bench.running.total())


async def test_with_its_hands_full_it_asks_for_nothing(bench: Bench) -> None:
    db = Sick(bench.sim.db)
    bench.hold[""] = asyncio.Event()
    await bench.add(range(5))
    async with at_work(bench.worker(ctx=replace(bench.sim.ctx, db=db), capacity=2)):
        await bench.until(lambda: bench.running.total() == 2)
        await asyncio.wait_for(bench.sim.clock.until_asleep(), 20)
        before = db.asked
        for _ in range(50):
            await asyncio.sleep(0)
        assert db.asked - before <= 1
        bench.hold[""].set()
        await bench.until(lambda: bench.done(range(5)))
    assert bench.most[""] == 2


async def test_several_workers_do_each_task_once(bench: Bench) -> None:
    workers = [bench.worker(f"w{number}") for number in range(3)]
    async with at_work(*workers):
        await asyncio.gather(*(bench.add(range(first, first + 40)) for first in range(0, 400, 40)))
        await bench.until(lambda: bench.done(range(400)))
    assert Counter(key for key, _ in bench.tried) == Counter(range(400))
    assert await bench.listed() == []


async def test_a_page_that_is_watched_brings_its_polls_forward(bench: Bench) -> None:
    sim = bench.sim
    view = await sim.issue()
    payment_id = await sim.open_payment(view.invoice.id)
    sim.bank.change(payment_id, PaymentStatus.PAID)
    async with at_work(bench.worker()), asyncio.timeout(30):
        assert await sim.clock.until_asleep() == START + timedelta(seconds=10)
        await sim.db.notify([f"watch:{view.invoice.id}", "watch:nonsense"])
        while not (await sim.view(view.invoice.id)).invoice.paid_minor:
            at = await sim.clock.until_asleep()
            if at <= START + timedelta(seconds=2):
                sim.clock.move_to(at)
    assert (await sim.view(view.invoice.id)).invoice.paid_minor == 12_540

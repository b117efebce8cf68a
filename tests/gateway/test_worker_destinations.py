"""The worker and destinations: limits are kept, and one that is slow, busy, failing or asked for quiet holds back no other."""

from __future__ import annotations

import asyncio
import itertools
from collections import Counter
from collections.abc import AsyncIterator
from datetime import timedelta

import pytest

import gateway.worker
from gateway.ports.errors import RetryLater
from gateway.ports.values import Limits
from gateway.store.database import Database
from gateway.testing.clock import FakeClock
from gateway.worker import LEASE
from tests.harness.bench import Open, at_work, benches


@pytest.fixture
async def open_bench(database: Database, clock: FakeClock) -> AsyncIterator[Open]:
    async with benches(database, clock) as opened:
        yield opened


async def test_a_hanging_destination_delays_no_other(open_bench: Open) -> None:
    bench = await open_bench(slow=Limits(per_second=1e6, concurrency=3), quick=Limits(per_second=1e6, concurrency=3))
    slow, quick = bench.destination("slow"), bench.destination("quick")
    bench.hold[slow] = asyncio.Event()
    await bench.add(range(300), slow)  # more than is claimed at once, and all of them older
    bench.sim.clock.advance(seconds=1)
    await bench.add(range(1000, 1010), quick)
    async with at_work(bench.worker()):
        await bench.until(lambda: set(range(1000, 1010)) <= {key for key, _ in bench.tried})
        assert bench.running[slow] == 3
        await bench.add([2000], quick)
        await bench.until(lambda: bool(bench.times(2000)))
        bench.hold[slow].set()
        await bench.until(lambda: bench.done(range(300)))
    assert bench.most[slow] == 3
    assert Counter(key for key, _ in bench.tried) == Counter([*range(300), *range(1000, 1010), 2000])


async def test_a_busy_destination_delays_no_other(open_bench: Open) -> None:
    """One with a long queue that goes on and on: each end of a call makes room for one more, and never only for it."""
    bench = await open_bench(busy=Limits(per_second=1e6, concurrency=1), quick=Limits(per_second=1e6, concurrency=1))
    busy, quick = bench.destination("busy"), bench.destination("quick")
    await bench.add(range(600), busy)
    bench.sim.clock.advance(seconds=1)
    await bench.add([1000], quick)
    async with at_work(bench.worker()):
        await bench.until(lambda: bench.done([*range(600), 1000]))
    place = [key for key, _ in bench.tried].index(1000)
    assert place < 250, "it was claimed with the second group, not after the whole queue"
    assert bench.most[busy] == 1


async def test_what_waits_for_its_destination_is_claimed_once_and_given_back_in_time(open_bench: Open) -> None:
    bench = await open_bench(slow=Limits(per_second=1e6, concurrency=1))
    slow = bench.destination("slow")
    bench.hold[slow] = asyncio.Event()
    await bench.add(range(5), slow)
    worker = bench.worker()
    async with at_work(worker):
        await bench.until(lambda: bench.running[slow] == 1)
        held = [task for task in await bench.listed() if task.lease_by]
        assert len(held) == 5
        bench.sim.clock.advance(LEASE - gateway.worker.WORK + timedelta(seconds=1))
        await bench.add([99])  # wakes it
        await bench.until(lambda: bool(bench.times(99)))
        held = [task for task in await bench.listed() if task.lease_by and task.key < 99]
        assert [task.tries for task in held] == [1]
        bench.hold[slow].set()
        await bench.until(lambda: bench.done(range(5)))
    assert Counter(key for key, _ in bench.tried) == Counter([*range(5), 99])
    assert {task.tries for task in await bench.listed()} <= {0}


async def test_a_destinations_rate_is_kept(open_bench: Open) -> None:
    bench = await open_bench(sms=Limits(per_second=10.0, concurrency=50), other=Limits(per_second=1e6, concurrency=50))
    await bench.add(range(15), bench.destination("sms"))
    await bench.add(range(100, 150), bench.destination("other"))
    clock = bench.sim.clock
    async with at_work(bench.worker()):
        await bench.until(lambda: bench.done(range(100, 150)))
        while not bench.done(range(15)):
            at = await asyncio.wait_for(clock.until_asleep(), 20)
            clock.move_to(max(at, clock.now()))
            await asyncio.sleep(0)
    times = sorted(at for key, at in bench.tried if key < 100)
    assert all(later - earlier >= 0.099 for earlier, later in itertools.pairwise(times))
    assert times[-1] < 3.0


async def test_a_failing_destination_is_left_alone_for_a_while_and_no_other_is(open_bench: Open) -> None:
    bench = await open_bench(down=Limits(per_second=1e6, concurrency=1), well=Limits(per_second=1e6, concurrency=9))
    down, well = bench.destination("down"), bench.destination("well")
    for key in range(20):
        bench.answers[key] = [RetryLater("down")] * 3
    await bench.add(range(20), down)
    worker = bench.worker()
    await worker.drain()
    assert len(bench.tried) == 5  # the breaker is open
    await bench.add(range(100, 110), well)
    await worker.drain()
    assert bench.done(range(100, 110))
    assert len(bench.tried) == 15
    bench.sim.clock.advance(seconds=29)
    await worker.drain()
    assert len(bench.tried) == 15
    bench.sim.clock.advance(seconds=1)
    await worker.drain()
    assert len(bench.tried) == 16  # one finds out
    bench.answers.clear()
    bench.sim.clock.advance(seconds=30)
    await worker.drain()
    assert bench.done(range(20))


async def test_quiet_that_a_vendor_asks_for_is_kept_for_all_of_its_tasks(open_bench: Open) -> None:
    bench = await open_bench(sms=Limits(per_second=1e6, concurrency=1))
    bench.answers[1] = [RetryLater("429", after_s=60.0)]
    await bench.add([1, 2, 3], bench.destination("sms"))
    worker = bench.worker()
    await worker.drain()
    assert len(bench.tried) == 1
    bench.sim.clock.advance(seconds=59)
    await worker.drain()
    assert len(bench.tried) == 1
    bench.sim.clock.advance(seconds=1)
    await worker.drain()
    assert bench.done([1, 2, 3])


async def test_stopping_gives_back_what_does_not_end(open_bench: Open) -> None:
    bench = await open_bench(slow=Limits(per_second=1e6, concurrency=1))
    slow = bench.destination("slow")
    bench.hold[slow] = asyncio.Event()
    await bench.add([1, 2, 3], slow)
    worker = bench.worker("first", grace_s=0.05)
    run = asyncio.create_task(worker.run())
    await bench.until(lambda: bench.running[slow] == 1)
    worker.stop()
    await asyncio.wait_for(run, 20)
    back = await bench.listed()
    assert [(task.key, task.lease_by, task.tries) for task in back] == [(1, None, 0), (2, None, 0), (3, None, 0)]
    bench.hold[slow].set()
    async with at_work(bench.worker("second")):
        await bench.until(lambda: bench.done([1, 2, 3]))
    assert len(bench.times(1)) == 2

"""The outbox: each due task to one worker, held under a lease, acknowledged with a fence, woken by a poke."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Collection
from datetime import datetime, timedelta

import pytest
import sqlalchemy as sa

from gateway.store import outbox, signals
from gateway.store.database import Database, open_database
from gateway.store.outbox import DEAD, DUE, Task
from gateway.testing.clock import START, FakeClock

LEASE = timedelta(seconds=60)
KIND = "deliver"


class Desk:
    """The outbox of one database at one clock."""

    def __init__(self, db: Database, clock: FakeClock) -> None:
        self.db = db
        self.clock = clock

    def in_(self, seconds: float) -> datetime:
        return self.clock.now() + timedelta(seconds=seconds)

    async def add(self, key: int, *, in_s: float = 0, to: str = "", kind: str = KIND) -> None:
        now = self.clock.now()
        await self.db.write(lambda conn: outbox.add(conn, kind, key, to, self.in_(in_s), now))

    async def poke(self, key: int, *, in_s: float = 0, to: str = "") -> None:
        now = self.clock.now()
        await self.db.write(lambda conn: outbox.poke(conn, KIND, key, to, self.in_(in_s), now))

    async def claim(self, worker: str = "w", limit: int = 100, avoid: Collection[str] = ()) -> list[Task]:
        now = self.clock.now()
        return await self.db.write(lambda conn: outbox.claim(conn, worker, now, now + LEASE, limit, avoid=avoid))

    async def one(self, worker: str = "w") -> Task:
        (task,) = await self.claim(worker)
        return task

    async def listed(self, state: str = DUE) -> list[Task]:
        return await self.db.read(lambda conn: outbox.listing(conn, state))


@pytest.fixture
def desk(database: Database, clock: FakeClock) -> Desk:
    return Desk(database, clock)


async def test_what_is_due_is_claimed_the_longest_waiting_first(desk: Desk) -> None:
    for key, in_s in ((1, -5), (2, -30), (3, 0), (4, 0.001), (5, -20)):
        await desk.add(key, in_s=in_s)
    assert sorted(task.key for task in await desk.claim(limit=2)) == [2, 5]
    assert sorted(task.key for task in await desk.claim()) == [1, 3]
    assert await desk.claim() == []
    desk.clock.advance(seconds=1)
    assert [task.key for task in await desk.claim()] == [4]


async def test_a_claim_says_who_until_when_and_which_try(desk: Desk) -> None:
    await desk.add(1, to="channel:7")
    task = await desk.one("ana")
    assert (task.kind, task.destination, task.lease_by, task.tries) == (KIND, "channel:7", "ana", 1)
    assert task.due_at == START + LEASE


async def test_destinations_to_avoid_are_left_and_the_rest_is_not_held_up(desk: Desk) -> None:
    for key in range(6):
        await desk.add(key, in_s=-key, to=f"channel:{key % 3}")
    avoid = {"channel:0", "channel:2"}
    now = desk.clock.now()
    assert sorted(task.key for task in await desk.claim(avoid=avoid)) == [1, 4]
    assert not await desk.db.read(lambda conn: outbox.any_due(conn, now, avoid=avoid))
    assert await desk.db.read(lambda conn: outbox.any_due(conn, now))
    assert sorted(task.key for task in await desk.claim()) == [0, 2, 3, 5]


async def test_a_finished_task_is_gone(desk: Desk) -> None:
    await desk.add(1)
    task = await desk.one()
    assert await desk.db.write(lambda conn: outbox.done(conn, task, desk.clock.now()))
    assert await desk.listed() == []
    assert not await desk.db.write(lambda conn: outbox.done(conn, task, desk.clock.now()))


@pytest.mark.parametrize("answer", ["done", "done_all", "resume", "again_at", "dead"])
async def test_a_worker_that_lost_its_lease_cannot_acknowledge(desk: Desk, answer: str) -> None:
    await desk.add(1)
    slow = await desk.one("slow")
    desk.clock.advance(LEASE)
    quick = await desk.one("quick")
    assert quick.tries == 2
    now = desk.clock.now()
    acknowledgements = {
        "done": lambda conn: outbox.done(conn, slow, now),
        "done_all": lambda conn: outbox.done_all(conn, [slow], now),
        "resume": lambda conn: outbox.resume(conn, slow, now),
        "again_at": lambda conn: outbox.again_at(conn, slow, now, "slow failed"),
        "dead": lambda conn: outbox.dead(conn, slow, "slow failed"),
    }
    assert not await desk.db.write(acknowledgements[answer])
    await desk.db.write(lambda conn: outbox.put_back(conn, [slow]))
    (held,) = await desk.listed()
    assert (held.lease_by, held.tries, held.due_at, held.last_error) == ("quick", 2, quick.due_at, None)
    assert await desk.db.write(lambda conn: outbox.done(conn, quick, now))


async def test_a_worker_that_claimed_it_again_cannot_acknowledge_its_first_claim(desk: Desk) -> None:
    await desk.add(1)
    first = await desk.one("w")
    desk.clock.advance(LEASE)
    second = await desk.one("w")
    assert not await desk.db.write(lambda conn: outbox.done(conn, first, desk.clock.now()))
    assert await desk.db.write(lambda conn: outbox.done(conn, second, desk.clock.now()))


async def test_a_crashed_workers_task_comes_back_when_its_lease_ends(desk: Desk) -> None:
    await desk.add(1)
    await desk.one("crashed")
    desk.clock.advance(LEASE - timedelta(milliseconds=1))
    assert await desk.claim() == []
    desk.clock.advance(seconds=0.001)
    assert (await desk.one("next")).key == 1


async def test_a_failed_try_comes_back_later_with_its_reason(desk: Desk) -> None:
    await desk.add(1)
    task = await desk.one()
    assert await desk.db.write(lambda conn: outbox.again_at(conn, task, desk.in_(30), "451 later"))
    assert await desk.claim() == []
    (waiting,) = await desk.listed()
    assert (waiting.last_error, waiting.lease_by) == ("451 later", None)
    desk.clock.advance(seconds=30)
    assert (await desk.one()).tries == 2


async def test_what_goes_on_later_starts_with_all_its_tries(desk: Desk) -> None:
    await desk.add(1)
    task = await desk.one()
    assert await desk.db.write(lambda conn: outbox.resume(conn, task, desk.in_(30)))
    assert await desk.claim() == []
    desk.clock.advance(seconds=30)
    assert (await desk.one()).tries == 1


async def test_a_poke_makes_a_task_and_brings_a_waiting_one_forward(desk: Desk) -> None:
    await desk.poke(1, in_s=60)
    await desk.poke(1, in_s=10)
    await desk.poke(1, in_s=90)
    (waiting,) = await desk.listed()
    assert waiting.due_at == desk.in_(10)
    await desk.poke(1)
    assert (await desk.one()).key == 1


@pytest.mark.parametrize("answer", ["done", "done_all", "resume"])
async def test_a_task_poked_while_it_runs_is_due_once_more(desk: Desk, answer: str) -> None:
    await desk.poke(1)
    task = await desk.one()
    await desk.poke(1)
    await desk.poke(1)
    assert await desk.claim() == []  # one at a time all the same
    now = desk.clock.now()
    acknowledgements = {
        "done": lambda conn: outbox.done(conn, task, now),
        "done_all": lambda conn: outbox.done_all(conn, [task], now),
        "resume": lambda conn: outbox.resume(conn, task, now + timedelta(hours=1)),
    }
    await desk.db.write(acknowledgements[answer])
    again = await desk.one()
    assert again.tries == 1
    assert await desk.db.write(lambda conn: outbox.done(conn, again, now))
    assert await desk.listed() == []


async def test_a_task_poked_in_its_last_try_is_not_dead(desk: Desk) -> None:
    await desk.poke(1)
    task = await desk.one()
    await desk.poke(1)
    assert not await desk.db.write(lambda conn: outbox.dead(conn, task, "out of tries"))
    assert await desk.listed(DEAD) == []
    desk.clock.advance(LEASE)
    assert (await desk.one()).tries == 1


async def test_many_are_acknowledged_at_once_and_none_for_another(desk: Desk) -> None:
    for key in range(450):
        await desk.add(key)
    held = await desk.claim(limit=450)
    await desk.poke(17)
    await desk.db.write(lambda conn: outbox.done_all(conn, held[:-1], desk.clock.now()))
    left = {task.key: task for task in await desk.listed()}
    assert left.keys() == {17, held[-1].key}
    assert left[17].lease_by is None


async def test_the_dead_are_kept_with_their_reason_and_live_again_at_a_wish(desk: Desk) -> None:
    await desk.add(1)
    task = await desk.one()
    assert await desk.db.write(lambda conn: outbox.dead(conn, task, "no such account"))
    desk.clock.advance(timedelta(days=365))
    assert await desk.claim() == []
    (dead,) = await desk.listed(DEAD)
    assert (dead.key, dead.last_error, dead.tries) == (1, "no such account", 1)
    assert await desk.db.read(outbox.counts) == [(KIND, DEAD, 1, dead.due_at)]
    assert await desk.db.write(lambda conn: outbox.revive(conn, dead.id, desk.clock.now()))
    assert not await desk.db.write(lambda conn: outbox.revive(conn, dead.id, desk.clock.now()))
    assert (await desk.one()).tries == 1


async def test_a_poke_wakes_the_dead(desk: Desk) -> None:
    await desk.add(1)
    task = await desk.one()
    await desk.db.write(lambda conn: outbox.dead(conn, task, "gone"))
    await desk.poke(1)
    assert (await desk.one()).tries == 1


async def test_a_task_is_taken_back_before_it_is_claimed_and_not_after(desk: Desk) -> None:
    for key in (1, 2):
        await desk.add(key, in_s=-key)
    (held,) = await desk.claim(limit=1)
    for key in (1, 2):
        await desk.db.write(lambda conn, key=key: outbox.drop(conn, KIND, key))  # type: ignore[misc]
    assert [task.key for task in await desk.listed()] == [held.key] == [2]


async def test_what_was_not_begun_goes_back_as_it_was(desk: Desk) -> None:
    await desk.add(1)
    held = await desk.claim()
    await desk.db.write(lambda conn: outbox.put_back(conn, held))
    (task,) = await desk.listed()
    assert (task.lease_by, task.tries) == (None, 0)
    assert (await desk.one()).tries == 1


async def test_a_stopping_worker_gives_back_all_that_it_holds_and_nothing_of_others(desk: Desk) -> None:
    for key in range(4):
        await desk.add(key, in_s=-key)
    await desk.claim("stopping", limit=3)
    others = await desk.claim("working", limit=1)
    with desk.db.signals.listen(signals.TASK) as listener:
        assert await desk.db.write(lambda conn: outbox.release_all(conn, "stopping", desk.clock.now())) == 3
        assert await listener.wait() == {signals.TASK}  # another worker may take them at once
    back = await desk.claim("next")
    assert (len(back), {task.tries for task in back}) == (3, {1})
    assert others[0].key not in {task.key for task in back}


async def test_the_next_due_instant_is_known(desk: Desk) -> None:
    assert await desk.db.read(outbox.next_due) is None
    await desk.add(1, in_s=30, to="a")
    await desk.add(2, in_s=50, to="b")
    assert await desk.db.read(outbox.next_due) == desk.in_(30)
    assert await desk.db.read(lambda conn: outbox.next_due(conn, avoid={"a"})) == desk.in_(50)
    assert await desk.db.read(lambda conn: outbox.next_due(conn, avoid={"a", "b"})) is None


async def test_every_new_task_wakes_the_workers(desk: Desk) -> None:
    with desk.db.signals.listen(signals.TASK) as listener:
        for change in (desk.add(1), desk.poke(2), desk.poke(1)):
            await change
            assert await asyncio.wait_for(listener.wait(), 20) == {signals.TASK}


async def test_a_task_is_as_sure_as_the_change_it_commits_with(desk: Desk) -> None:
    def body(conn: sa.Connection) -> None:
        outbox.add(conn, KIND, 1, "", desk.clock.now(), desk.clock.now())
        raise ValueError("the change did not happen")

    with pytest.raises(ValueError, match="did not happen"):
        await desk.db.write(body)
    assert await desk.listed() == []


async def test_sixteen_claimers_get_each_task_once(desk: Desk, database_url: str) -> None:
    """On PostgreSQL through two databases, as two processes would; each claims small parts until nothing is left."""
    for first in range(0, 400, 50):
        await asyncio.gather(*(desk.add(key) for key in range(first, first + 50)))
    other = await open_database(database_url) if desk.db.dialect == "postgresql" else None
    got: Counter[int] = Counter()

    async def claimer(number: int) -> None:
        mine = Desk(other if other and number % 2 else desk.db, desk.clock)
        while held := await mine.claim(f"w{number}", limit=1 + number % 5):
            got.update(task.key for task in held)
            await mine.db.write(lambda conn: outbox.done_all(conn, held, desk.clock.now()))

    await asyncio.gather(*(claimer(number) for number in range(16)))
    if other:
        await other.aclose()
    assert got == Counter(range(400))
    assert await desk.listed() == []

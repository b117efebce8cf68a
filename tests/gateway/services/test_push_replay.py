"""What is pushed again at somebody's wish."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta

import pytest

from gateway.ports.values import Money
from gateway.services import invoices, push_endpoints, status_push
from gateway.services.errors import NotFound
from gateway.store.pushes import DEAD, DELIVERED, WAITING
from gateway.testing.clock import FakeClock
from tests.harness.gateway import Sim
from tests.harness.pushing import endpoint, issue, log
from tests.harness.receiver import Push, Receiver, receiving

ISSUED, VOIDED = "invoice.issued", "invoice.voided"


@pytest.fixture
async def erp(clock: FakeClock) -> AsyncIterator[Receiver]:
    async with receiving(clock) as receiver:
        yield receiver


class TestReplayOne:
    async def test_a_delivered_one_comes_again_with_its_id_and_the_invoice_as_it_is_now(
        self, sim: Sim, erp: Receiver
    ) -> None:
        row = await endpoint(sim, erp, types=[ISSUED])
        view = await sim.issue()
        await issue(sim, 1)
        await invoices.change(sim.ctx, sim.biller, view.invoice.id, amount=Money(1_00, "RON"))
        await sim.drain()
        first, _ = await log(sim, row)
        replayed = await push_endpoints.replay(sim.ctx, sim.biller, first.id)
        assert (replayed.id, replayed.state, replayed.tries) == (first.id, WAITING, 0)
        await sim.drain()
        assert [push.event["sequence"] for push in erp.got] == [1, 2, 1]
        assert erp.ids[0] == erp.ids[2]
        assert [push.event["invoice"]["amount"]["value"] for push in erp.got] == ["125.40", "125.40", "1.00"]
        again, _ = await log(sim, row)
        assert (again.state, again.tries, len(again.log)) == (DELIVERED, 1, 2)

    async def test_a_dead_one_comes_again_as_it_was(self, sim: Sim, erp: Receiver) -> None:
        row = await endpoint(sim, erp, types=[ISSUED])
        view = await sim.issue()
        erp.statuses = [500] * 10
        await sim.pass_time(days=4)
        await invoices.void(sim.ctx, sim.biller, view.invoice.id)
        (dead,) = await log(sim, row)
        assert dead.state == DEAD
        erp.statuses = [500]
        await push_endpoints.replay(sim.ctx, sim.biller, dead.id)
        await sim.pass_time(minutes=1)
        assert len(erp.got) == 12
        assert {(push.id, push.body) for push in erp.got} == {(erp.ids[0], erp.got[0].body)}
        (push,) = await log(sim, row)
        assert (push.state, push.tries, len(push.log)) == (DELIVERED, 2, 10)

    async def test_the_one_that_all_wait_for_is_tried_now_and_the_rest_follows(self, sim: Sim, erp: Receiver) -> None:
        row = await endpoint(sim, erp)
        erp.statuses = [500] * 6
        await issue(sim, 3)
        await sim.pass_time(hours=12)
        assert len(erp.got) == 6
        (waiting, *_) = await log(sim, row)
        await push_endpoints.replay(sim.ctx, sim.biller, waiting.id)
        await sim.drain()
        assert [push.event["sequence"] for push in erp.got] == [1] * 7 + [2, 3]

    async def test_of_an_endpoint_that_is_off_it_comes_when_it_is_switched_on(self, sim: Sim, erp: Receiver) -> None:
        row = await endpoint(sim, erp)
        await issue(sim, 2)
        first, _ = await log(sim, row)
        await push_endpoints.change_endpoint(sim.ctx, sim.biller, row.id, enabled=False)
        await push_endpoints.replay(sim.ctx, sim.biller, first.id)
        await sim.pass_time(hours=1)
        assert len(erp.got) == 2
        await push_endpoints.change_endpoint(sim.ctx, sim.biller, row.id, enabled=True)
        await sim.drain()
        assert [push.event["sequence"] for push in erp.got] == [1, 2, 1]

    async def test_a_crash_after_its_record_does_not_repeat_it(self, sim: Sim, erp: Receiver) -> None:
        row = await endpoint(sim, erp)
        await issue(sim, 1)
        (push,) = await log(sim, row)
        await push_endpoints.replay(sim.ctx, sim.biller, push.id)
        assert await status_push.push_one(sim.ctx, push.id) is None
        assert await status_push.push_one(sim.ctx, push.id) is None
        assert len(erp.got) == 2
        with pytest.raises(NotFound):
            await push_endpoints.replay(sim.ctx, sim.biller, push.id + 1)


class TestReplaySince:
    async def test_every_event_of_its_types_since_then_once_more_in_order(self, sim: Sim, erp: Receiver) -> None:
        row = await endpoint(sim, erp, types=[ISSUED])
        for number in range(4):
            view = await sim.issue()
            await invoices.void(sim.ctx, sim.biller, view.invoice.id)
            if number == 1:
                sim.clock.advance(seconds=60)
                since = sim.clock.now()
        await sim.drain()
        assert await push_endpoints.replay_since(sim.ctx, sim.biller, row.id, since) == 2
        await sim.drain()
        assert [push.event["sequence"] for push in erp.got] == [1, 3, 5, 7, 5, 7]
        assert erp.ids[2:4] == erp.ids[4:6]
        assert await push_endpoints.replay_since(sim.ctx, sim.biller, row.id, since + timedelta(days=1)) == 0
        await sim.drain()
        assert len(erp.got) == 6

    async def test_also_what_was_before_the_endpoint_and_what_is_dead(self, sim: Sim, erp: Receiver) -> None:
        since = sim.clock.now()
        await issue(sim, 1)
        row = await endpoint(sim, erp)
        erp.statuses = [500] * 10
        await issue(sim, 1)
        await sim.pass_time(days=4)
        assert [push.state for push in await log(sim, row)] == [DEAD, DELIVERED]  # and `push.dead`
        erp.got.clear()
        assert await push_endpoints.replay_since(sim.ctx, sim.biller, row.id, since) == 3
        await sim.drain()
        assert erp.types == [ISSUED, ISSUED, "push.dead"]

    async def test_one_that_begins_while_a_push_is_under_way_loses_nothing(self, sim: Sim, erp: Receiver) -> None:
        since = sim.clock.now()
        row = await endpoint(sim, erp)
        await issue(sim, 2)

        async def replays(push: Push) -> None:
            if push.event["sequence"] == 3:
                erp.before_answer = None
                await push_endpoints.replay_since(sim.ctx, sim.biller, row.id, since)

        erp.before_answer = replays
        await issue(sim, 2)
        assert [push.event["sequence"] for push in erp.got] == [1, 2, 3, 1, 2, 3, 4]
        current = await push_endpoints.endpoint(sim.ctx, sim.biller, row.id)
        assert (current.cursor, {push.state for push in await log(sim, row)}) == (4, {DELIVERED})

    async def test_what_waits_in_its_place_is_not_hurried_by_it(self, sim: Sim, erp: Receiver) -> None:
        row = await endpoint(sim, erp)
        await issue(sim, 1)
        sim.clock.advance(seconds=60)
        erp.statuses = [500]
        await issue(sim, 1)
        assert await push_endpoints.replay_since(sim.ctx, sim.biller, row.id, sim.clock.now()) == 0
        await sim.drain()
        assert len(erp.got) == 2
        assert [push.state for push in await log(sim, row)] == [DELIVERED, WAITING]

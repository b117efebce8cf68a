"""Status pushes over the wire: their order, their schedule, what each answer means, and what a crash repeats."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any

import orjson
import pytest
import standardwebhooks
import svix
from structlog.testing import capture_logs

from gateway.domain.deliveries import Step
from gateway.domain.ids import ENDPOINT, EVENT, show
from gateway.domain.push import SCHEDULE
from gateway.ports.values import Money
from gateway.services import invoices, push_endpoints, status_push
from gateway.services.shapes import invoice_json
from gateway.store.database import Database
from gateway.store.pushes import DEAD, DELIVERED, WAITING, EndpointRow
from gateway.testing.clock import FakeClock
from tests.harness.gateway import PUSH_SECRET, Sim, open_sim
from tests.harness.pushing import endpoint, log
from tests.harness.receiver import Push, Receiver, receiving
from tests.harness.wire import dead_port

ISSUED, CHANGED, VOIDED = "invoice.issued", "invoice.changed", "invoice.voided"
DISABLED, PUSH_DEAD = "push_endpoint.disabled", "push.dead"


@pytest.fixture
async def erp(clock: FakeClock) -> AsyncIterator[Receiver]:
    async with receiving(clock) as receiver:
        yield receiver


async def again(sim: Sim, row: EndpointRow) -> EndpointRow:
    return await push_endpoints.endpoint(sim.ctx, sim.biller, row.id)


class TestOrder:
    async def test_events_come_in_order_each_once(self, sim: Sim, erp: Receiver) -> None:
        row = await endpoint(sim, erp)
        for _ in range(3):
            await sim.issue()
        await sim.drain()
        view = await sim.issue()
        await invoices.void(sim.ctx, sim.biller, view.invoice.id)
        await sim.drain()
        assert [push.event["sequence"] for push in erp.got] == [1, 2, 3, 4, 5]
        assert erp.types == [ISSUED] * 4 + [VOIDED]
        assert [(push.state, push.tries, push.body) for push in await log(sim, row)] == [(DELIVERED, 1, None)] * 5
        assert (await again(sim, row)).cursor == 5

    async def test_one_that_is_not_taken_holds_back_those_behind_it(self, sim: Sim, erp: Receiver) -> None:
        await endpoint(sim, erp)
        first = await sim.issue()
        erp.statuses = [500, 503, 400]
        await sim.drain()
        await invoices.void(sim.ctx, sim.biller, first.invoice.id)
        await sim.issue()
        await sim.drain()
        await sim.pass_time(seconds=60)
        assert erp.types == [ISSUED, ISSUED]
        await sim.pass_time(hours=3)
        assert erp.types == [ISSUED] * 4 + [VOIDED, ISSUED]
        assert len(set(erp.ids[:4])) == 1
        assert len({push.body for push in erp.got[:4]}) == 1

    async def test_another_endpoint_waits_neither_for_a_dead_one_nor_for_a_slow_one(
        self, sim: Sim, erp: Receiver, clock: FakeClock
    ) -> None:
        release = asyncio.Event()

        async def hang(push: Push) -> None:
            await release.wait()

        async with receiving(clock) as slow:
            slow.before_answer = hang
            dead = Receiver(clock, url=f"http://127.0.0.1:{dead_port()}/")
            for receiver in (dead, slow, erp):
                await endpoint(sim, receiver)
            for _ in range(3):
                await sim.issue()
            working = asyncio.create_task(sim.drain())
            await erp.until(3)
            assert len(slow.got) == 1
            release.set()
            await working
            assert erp.ids == slow.ids
        assert {kind for kind, _ in await sim.tasks()} == {"push"}

    async def test_a_filter_lets_only_its_types_through(self, sim: Sim, erp: Receiver) -> None:
        row = await endpoint(sim, erp, types=["invoice.paid", VOIDED])
        for settle in (True, False):
            view = await sim.issue()
            if settle:
                await sim.off_platform(view.invoice.id, "125.40")
            else:
                await invoices.void(sim.ctx, sim.biller, view.invoice.id)
        await sim.drain()
        assert erp.types == ["invoice.paid", VOIDED]
        assert (len(await log(sim, row)), (await again(sim, row)).cursor) == (2, 5)

    async def test_the_pump_gives_up_its_turn_in_time_and_goes_on_where_it_was(self, sim: Sim, erp: Receiver) -> None:
        row = await endpoint(sim, erp)
        for _ in range(3):
            await sim.issue()

        async def takes_long(push: Push) -> None:
            sim.clock.advance(seconds=10)

        erp.before_answer = takes_long
        until = sim.clock.now() + timedelta(seconds=15)
        assert await status_push.pump(sim.ctx, row.id, until) == sim.clock.now()
        assert len(erp.got) == 2
        assert await status_push.pump(sim.ctx, row.id, sim.clock.now() + timedelta(seconds=15)) is None
        assert [push.event["sequence"] for push in erp.got] == [1, 2, 3]


class TestSchedule:
    async def test_ten_tries_over_three_days_then_dead_and_the_next_event_goes_on(
        self, sim: Sim, erp: Receiver, clock: FakeClock
    ) -> None:
        async with receiving(clock) as other:
            row = await endpoint(sim, erp)
            await endpoint(sim, other)
            first = await sim.issue()
            issued_at = sim.clock.now()
            erp.refuses = lambda push: push.id == erp.ids[0]
            await sim.drain()
            await invoices.void(sim.ctx, sim.biller, first.invoice.id)
            await sim.pass_time(days=4)
            tries = [push.at for push in erp.got if push.id == erp.ids[0]]
            pauses = [after - before for before, after in pairwise(tries)]
            assert tries[0] == issued_at
            assert [pause / expected for pause, expected in zip(pauses, SCHEDULE[1:], strict=True)] == pytest.approx(
                [1.05] * 9, abs=0.001
            )
            assert sum(SCHEDULE, timedelta()) == timedelta(hours=75, minutes=35, seconds=5)
            assert erp.types == [ISSUED] * 10 + [VOIDED, PUSH_DEAD]
            dead, *rest = await log(sim, row)
            assert (dead.state, dead.tries, [line["code"] for line in dead.log]) == (DEAD, 10, [500] * 10)
            assert [push.state for push in rest] == [DELIVERED] * 2
            assert other.types == [ISSUED, VOIDED, PUSH_DEAD]
            assert other.got[-1].event["data"] == {
                "push_endpoint": show(ENDPOINT, row.id),
                "event": show(EVENT, dead.event_id),
            }

    async def test_a_receiver_that_is_gone_for_good_is_not_reported_about_without_end(
        self, sim: Sim, erp: Receiver
    ) -> None:
        await endpoint(sim, erp)
        await sim.issue()
        erp.refuses = lambda push: True
        await sim.pass_time(days=14)
        assert await sim.event_types() == [ISSUED, PUSH_DEAD]
        assert await sim.tasks() == []

    WISHES = (
        (429, "600", 600),
        (503, "600", 600),
        (503, "2", 5.25),  # it can only make it later
        (500, "600", 5.25),  # no answer that may carry a wish
        (429, "864000", 86_400),  # a day at most
        (429, "soon", 5.25),
    )

    async def test_a_wish_for_quiet_is_kept(self, sim: Sim, erp: Receiver) -> None:
        await endpoint(sim, erp)
        for status, wish, pause_s in self.WISHES:
            erp.got.clear()
            erp.statuses, erp.headers = [status], {"Retry-After": wish}
            await sim.issue()
            await sim.pass_time(days=2)
            first, second = erp.got
            assert (second.at - first.at).total_seconds() == pytest.approx(pause_s, abs=0.01), (status, wish)

    async def test_what_is_not_a_2xx_is_a_failure_and_no_redirect_is_followed(self, sim: Sim, erp: Receiver) -> None:
        row = await endpoint(sim, erp)
        await sim.issue()
        statuses = [301, 302, 303, 307, 308, 400, 404, 500]
        erp.statuses, erp.headers = statuses.copy(), {"Location": f"{erp.url}/elsewhere"}
        await sim.pass_time(hours=55)
        assert [push.path for push in erp.got] == ["/achit"] * 9
        (push,) = await log(sim, row)
        assert (push.state, [line["code"] for line in push.log]) == (DELIVERED, [*statuses, 204])

    async def test_no_answer_at_all_is_a_failure_that_says_so(self, sim: Sim, clock: FakeClock) -> None:
        row = await endpoint(sim, Receiver(clock, url=f"http://127.0.0.1:{dead_port()}/"))
        await sim.issue()
        await sim.drain()
        (push,) = await log(sim, row)
        (line,) = push.log
        assert (push.state, line["code"]) == (WAITING, None)
        assert "no connection to 127.0.0.1" in line["error"]
        assert line["ms"] >= 0


class TestGone:
    async def test_410_disables_and_switched_on_again_it_goes_on_where_it_stopped(
        self, sim: Sim, erp: Receiver, clock: FakeClock
    ) -> None:
        async with receiving(clock) as other:
            row = await endpoint(sim, erp)
            await endpoint(sim, other)
            await sim.issue()
            erp.statuses = [410]
            await sim.drain()
            await sim.issue()
            await sim.pass_time(days=5)
            assert erp.types == [ISSUED]
            disabled = await again(sim, row)
            assert (disabled.enabled, disabled.disabled_reason, disabled.cursor) == (False, "it answered 410", 0)
            assert other.types == [ISSUED, DISABLED, ISSUED]
            assert other.got[1].event["data"] == {"push_endpoint": show(ENDPOINT, row.id)}
            enabled = await push_endpoints.change_endpoint(sim.ctx, sim.biller, row.id, enabled=True)
            assert (enabled.enabled, enabled.disabled_reason) == (True, None)
            await sim.drain()
            assert erp.types == [ISSUED, ISSUED, DISABLED, ISSUED]
            assert (erp.ids[0], erp.got[0].body) == (erp.ids[1], erp.got[1].body)


class TestBody:
    async def test_it_is_the_event_and_the_whole_invoice_as_the_api_shows_it(self, sim: Sim, erp: Receiver) -> None:
        await endpoint(sim, erp)
        view = await sim.issue()
        await sim.drain()
        (push,) = erp.got
        shown = invoice_json(sim.ctx, sim.biller, await sim.view(view.invoice.id), sim.clock.now())
        assert push.event == {
            "id": push.id,
            "type": ISSUED,
            "sequence": 1,
            "invoice_sequence": 1,
            "occurred_at": "2026-11-23T09:00:00.000Z",
            "data": {},
            "invoice": orjson.loads(orjson.dumps(shown)),
        }
        assert push.headers["content-type"] == "application/json"

    async def test_it_is_frozen_from_the_first_try_on_though_the_invoice_changes(self, sim: Sim, erp: Receiver) -> None:
        await endpoint(sim, erp)
        view = await sim.issue()
        erp.statuses = [500]
        await sim.drain()
        await invoices.change(sim.ctx, sim.biller, view.invoice.id, amount=Money(1_00, "RON"))
        await sim.pass_time(minutes=1)
        first, second, changed = erp.got
        assert first.body == second.body
        assert first.headers["webhook-timestamp"] != second.headers["webhook-timestamp"]
        assert first.event["invoice"]["amount"]["value"] == "125.40"
        assert (changed.type, changed.event["invoice"]["amount"]["value"]) == (CHANGED, "1.00")

    async def test_an_event_of_no_invoice_has_none(self, sim: Sim, erp: Receiver) -> None:
        await endpoint(sim, erp)
        await sim.issue(phone="+40722123456", steps=[Step("sms", 0)])
        sms = sim.vendors.channels["sms"]
        await sim.hear("sms", sms.word("+40722123456", "STOP", event_id="w1", stop=True))
        await sim.drain()
        stopped = next(push.event for push in erp.got if push.type == "payer.stopped")
        assert stopped.get("invoice") is None

    async def test_other_libraries_verify_the_signature(self, database: Database) -> None:
        clock = FakeClock(datetime.now(UTC))  # they compare with the wall clock
        async with open_sim(database, clock) as sim, receiving(clock) as erp:
            _, secret = await push_endpoints.add_endpoint(sim.ctx, sim.biller, erp.url)
            await sim.issue()
            await sim.drain()
            (push,) = erp.got
            for library in (standardwebhooks, svix):
                verifier = library.Webhook(secret.reveal())
                verifier.verify(push.body, dict(push.headers))
                with pytest.raises(library.WebhookVerificationError):
                    verifier.verify(push.body + b" ", dict(push.headers))
                with pytest.raises(library.WebhookVerificationError):
                    library.Webhook(PUSH_SECRET.reveal()).verify(push.body, dict(push.headers))


class TestInterrupted:
    async def test_a_crash_between_post_and_record_repeats_that_push_with_its_id(self, sim: Sim, erp: Receiver) -> None:
        row = await endpoint(sim, erp)
        view = await sim.issue()
        await sim.issue()
        never = asyncio.Event()

        async def hang(push: Push) -> None:
            await never.wait()

        erp.before_answer = hang
        pumping = asyncio.create_task(status_push.pump(sim.ctx, row.id, sim.clock.now() + timedelta(minutes=1)))
        await erp.until(1)
        pumping.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await pumping
        erp.before_answer = None
        await invoices.void(sim.ctx, sim.biller, view.invoice.id)
        await sim.drain()
        assert [push.event["sequence"] for push in erp.got] == [1, 1, 2, 3]
        assert (erp.got[0].id, erp.got[0].body) == (erp.got[1].id, erp.got[1].body)
        assert [push.tries for push in await log(sim, row)] == [1, 1, 1]

    async def change_after_first(self, sim: Sim, erp: Receiver, row: EndpointRow, **change: Any) -> None:
        """Three events wait; the endpoint is changed while the first is under way."""
        for _ in range(3):
            await sim.issue()

        async def changes(push: Push) -> None:
            erp.before_answer = None
            if change:
                await push_endpoints.change_endpoint(sim.ctx, sim.biller, row.id, **change)
            else:
                await push_endpoints.remove_endpoint(sim.ctx, sim.biller, row.id)

        erp.before_answer = changes

    async def test_another_url_is_for_the_next_push_at_once(self, sim: Sim, erp: Receiver) -> None:
        row = await endpoint(sim, erp)
        await self.change_after_first(sim, erp, row, url=f"{erp.url}/new")
        await sim.drain()
        assert [(push.path, push.event["sequence"]) for push in erp.got] == [
            ("/achit", 1),
            ("/achit/new", 2),
            ("/achit/new", 3),
        ]

    async def test_switched_off_it_gets_no_more_at_once(self, sim: Sim, erp: Receiver) -> None:
        row = await endpoint(sim, erp)
        await self.change_after_first(sim, erp, row, enabled=False)
        await sim.drain()
        assert len(erp.got) == 1
        assert (await again(sim, row)).cursor == 1

    async def test_removed_it_gets_no_more_and_nothing_is_left_of_it(self, sim: Sim, erp: Receiver) -> None:
        row = await endpoint(sim, erp)
        await self.change_after_first(sim, erp, row)
        with capture_logs() as lines:
            await sim.drain()
        assert (len(erp.got), await sim.tasks(), lines) == (1, [], [])
        assert await push_endpoints.endpoints(sim.ctx, sim.biller) == []

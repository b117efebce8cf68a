"""Reminders that payers and billers ask for, and the STOP that ends them."""

from __future__ import annotations

from collections.abc import AsyncIterator
from functools import partial
from typing import Any

import pytest

from gateway.domain.reminders import Tone
from gateway.services import ladder, wishes
from gateway.store import deliveries
from gateway.store import invoices as invoices_store
from gateway.store.database import Database
from gateway.testing.clock import FakeClock
from tests.harness.gateway import Sim
from tests.harness.reminding import ON_SQLITE, WHO, local, opens, rows, says, sent, told, until

Open = Any


@pytest.fixture
def opened(database: Database, clock: FakeClock) -> Open:
    return partial(opens, database, clock)


@pytest.fixture
async def sim(opened: Open) -> AsyncIterator[Sim]:
    async with opened() as sim:
        yield sim


class TestOwnReminder:
    async def test_it_outranks_the_policy_which_then_goes_on(self, sim: Sim) -> None:
        view = await sim.issue(**WHO)
        await until(sim, "2026-12-07T12:00")
        await says(sim, wishes.set_own, [view.invoice.id], local("2026-12-09T21:30"), channels=["telegram"])
        await until(sim, "2026-12-09T21:00")
        assert await rows(sim, view.invoice.id) == [
            ("-3d", "sent", None),
            ("payer", "planned", None),
            ("0", "held", "own_reminder"),
        ]
        await sim.pass_time(days=30)
        # at its own hour, whatever hour that is; the day after the step that had to wait; and three messages in a week are enough
        assert await told(sim, view.invoice.id, "sent") == [
            ("-3d", "12-07 09:00"),
            ("", "12-09 21:30"),
            ("0", "12-10 09:00"),
            ("+3d", "12-14 09:00"),
            ("+10d", "12-18 09:00"),
        ]
        assert len(sim.vendors.channels["telegram"].sent) == 2

    async def test_a_new_one_replaces_theirs(self, sim: Sim) -> None:
        view = await sim.issue(**WHO)
        await says(sim, wishes.set_own, [view.invoice.id], local("2026-11-24T10:00"))
        await says(sim, wishes.set_own, [view.invoice.id], local("2026-11-25T10:00"))
        await until(sim, "2026-11-26T12:00")
        assert await rows(sim, view.invoice.id) == [
            ("payer", "revoked", "replaced"),
            ("payer", "sent", None),
            ("-3d", "planned", None),
        ]

    async def test_taken_back_it_lets_the_ladder_go_on(self, sim: Sim) -> None:
        view = await sim.issue(**WHO)
        await says(sim, wishes.set_own, [view.invoice.id], local("2026-12-20T10:00"))
        assert ("-3d", "held", "own_reminder") in await rows(sim, view.invoice.id)
        assert await says(sim, wishes.cancel_own, [view.invoice.id]) == 1
        assert await says(sim, wishes.cancel_own, [view.invoice.id]) == 0
        assert sorted(await rows(sim, view.invoice.id)) == [("-3d", "planned", None), ("payer", "revoked", "cancelled")]
        await until(sim, "2026-12-07T12:00")
        assert await told(sim, view.invoice.id, "sent") == [("-3d", "12-07 09:00")]

    async def test_it_goes_without_a_policy_and_at_any_cost(self, opened: Open) -> None:
        async with opened(steps=[], cost={"sms": "100.00"}, cost_share=1) as sim:
            view = await sim.issue("2.00", **WHO)
            await says(sim, wishes.set_own, [view.invoice.id], local("2026-11-24T10:00"))
            await sim.pass_time(days=3)
            assert sent(sim) == {"sms": 1}

    async def test_it_is_theirs_alone_and_for_what_is_owed(self, sim: Sim) -> None:
        mine, others = await sim.issue(**WHO), await sim.issue(**WHO | {"reference": "C-2"})
        paid = await sim.issue(**WHO)
        await sim.off_platform(paid.invoice.id, "125.40")
        ids = [mine.invoice.id, others.invoice.id, paid.invoice.id]
        assert len(await says(sim, wishes.set_own, ids, local("2026-11-24T10:00"))) == 1
        await sim.off_platform(mine.invoice.id, "125.40", "R-2")
        await sim.pass_time(days=3)
        assert sent(sim) == {}
        assert ("payer", "revoked", "settled") in await rows(sim, mine.invoice.id)

    async def test_a_biller_s_reminder_waits_for_the_day(self, sim: Sim) -> None:
        view = await sim.issue(**WHO)
        set_by_biller = await wishes.add(
            sim.ctx, sim.biller, view.invoice.id, local("2026-11-24T21:00"), None, Tone.FINAL
        )
        assert set_by_biller.number == "F-1"
        await sim.pass_time(days=3)
        assert await told(sim, view.invoice.id, "sent") == [("", "11-25 09:00")]


@ON_SQLITE
class TestStop:
    async def stops(self, sim: Sim, channel: str, address: str) -> None:
        def body(conn: Any) -> None:
            deliveries.suppress(conn, sim.biller.id, channel, address, deliveries.STOPPED, sim.clock.now())
            ladder.stopped(conn, sim.ctx.directory, [invoices_store.get_payer(conn, 1)], sim.clock.now())

        await sim.db.write(body)

    async def test_on_one_channel_leaves_the_others(self, opened: Open) -> None:
        async with opened(steps=[{"at": "0", "channels": ["sms", "email"]}]) as sim:
            view = await sim.issue(**WHO)
            await self.stops(sim, "sms", WHO["phone"])
            await sim.pass_time(days=20)
            assert sent(sim) == {"email": 1}
            assert await rows(sim, view.invoice.id) == [("0", "sent", None)]

    async def test_on_all_revokes_and_a_start_goes_on(self, sim: Sim) -> None:
        view = await sim.issue(reference="C-1", phone=WHO["phone"])
        await self.stops(sim, "sms", WHO["phone"])
        assert await rows(sim, view.invoice.id) == [("-3d", "revoked", "stopped")]
        await until(sim, "2026-12-10T12:00")

        def starts(conn: Any) -> None:
            deliveries.allow(conn, sim.biller.id, "sms", WHO["phone"])
            ladder.begin_again(conn, sim.biller, view.invoice.id, sim.clock.now())

        await sim.db.write(starts)
        await sim.pass_time(days=20)
        assert [step for step, _ in await told(sim, view.invoice.id, "sent")] == ["+3d"]

"""Before each message that asks: the provider, the debt, the receipts; and what a change of debt or policy does to a ladder."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import date
from functools import partial
from types import SimpleNamespace
from typing import Any, ClassVar

import pytest

from gateway.domain.deliveries import DeliveryState
from gateway.domain.reminders import ReminderState
from gateway.ports.channel import DeliveryStatus
from gateway.ports.errors import Rejected, RetryLater
from gateway.ports.provider import PaymentStatus
from gateway.services import claims, invoices, planning, wishes
from gateway.store import reminders as store
from gateway.store.database import Database
from gateway.testing.clock import FakeClock
from tests.harness.gateway import Sim, apply_biller, identity
from tests.harness.reminding import ON_SQLITE, READS, STEPS, WHO, ZONE, local, opens, rows, sent, told, until

R = ReminderState
Open = Any  # opens a gateway with this `[reminders]` table


@pytest.fixture
def opened(database: Database, clock: FakeClock) -> Open:
    return partial(opens, database, clock)


@pytest.fixture
async def sim(opened: Open) -> AsyncIterator[Sim]:
    async with opened() as sim:
        yield sim


class TestGate:
    async def test_the_provider_is_asked_first(self, sim: Sim) -> None:
        view = await sim.issue(**WHO)
        await until(sim, "2026-12-07T08:00")
        payment = await sim.open_payment(view.invoice.id)
        sim.bank.change(payment, PaymentStatus.PAID)  # and nobody tells us
        sim.bank.fetch_fault = RetryLater("away")
        await until(sim, "2026-12-07T09:10")
        (held,) = [h for h in await sim.events_of(view.invoice.id, "reminder.held") if h["reason"] != "weekend"]
        assert held["reason"] == "provider_silent"
        sim.bank.fetch_fault = None
        await sim.pass_time(days=30)
        assert sent(sim) == {}
        assert await rows(sim, view.invoice.id) == [("-3d", "revoked", "settled")]

    async def test_who_is_paying_is_not_disturbed(self, sim: Sim) -> None:
        view = await sim.issue(**WHO)
        await until(sim, "2026-12-07T08:50")
        await sim.open_payment(view.invoice.id)
        await until(sim, "2026-12-07T09:10")
        assert (await rows(sim, view.invoice.id))[0] == ("-3d", "held", "paying")
        await until(sim, "2026-12-07T09:30")
        assert await told(sim, view.invoice.id, "sent") == [("-3d", "12-07 09:20")]

    async def test_money_under_way_is_waited_for(self, sim: Sim) -> None:
        view = await sim.issue(**WHO)
        payment = await sim.open_payment(view.invoice.id)
        await sim.tell(sim.bank.change(payment, PaymentStatus.ACCEPTED, received=0))
        await until(sim, "2026-12-09T12:00")
        assert (await rows(sim, view.invoice.id))[-1] == ("-3d", "held", "money_under_way")
        assert sent(sim) == {}
        await sim.tell(sim.bank.change(payment, PaymentStatus.FAILED, received=0))
        await sim.pass_time(days=1)
        assert (await rows(sim, view.invoice.id))[:2] == [("-3d", "skipped", "overtaken"), ("0", "sent", None)]

    async def test_every_message_that_asks_goes_through_it(self, opened: Open) -> None:
        """The invoice's own message, queued while the payer pays by its link from elsewhere."""
        async with opened() as sim:
            view = await sim.issue(steps=None, deliver_at_s=600, **WHO)
            payment = await sim.open_payment(view.invoice.id)
            await sim.drain()
            sim.bank.change(payment, PaymentStatus.PAID)
            await sim.db.write(lambda conn: conn.exec_driver_sql("DELETE FROM task WHERE kind = 'poll'"))
            await sim.pass_time(hours=1)
            assert sent(sim) == {}
            assert [one.state for one in await sim.deliveries(view.invoice.id)] == [DeliveryState.REVOKED]

    async def test_void_and_stop_revoke(self, sim: Sim) -> None:
        gone = await sim.issue(**WHO)
        await invoices.void(sim.ctx, sim.biller, gone.invoice.id)
        assert await rows(sim, gone.invoice.id) == [("-3d", "revoked", "void")]

    async def test_a_reversal_begins_the_ladder_again(self, sim: Sim) -> None:
        view = await sim.issue(**WHO)
        payment = await sim.open_payment(view.invoice.id)
        await sim.tell(sim.bank.change(payment, PaymentStatus.PAID))
        await until(sim, "2026-12-08T12:00")
        await sim.tell(sim.bank.change(payment, PaymentStatus.REVERSED, taken_back=12_540))
        await sim.pass_time(days=30)
        assert await rows(sim, view.invoice.id) == [
            ("-3d", "revoked", "settled"),
            ("+3d", "sent", None),
            ("+10d", "sent", None),
        ]


@ON_SQLITE
class TestEscalation:
    CHAIN: ClassVar = [
        {
            "at": "0",
            "channels": [{"channel": "telegram", "wait": "2h", "until": "read"}, {"channel": "sms", "wait": "1h"}],
        }
    ]

    async def test_not_read_in_time_takes_the_next_channel_another_day(self, opened: Open) -> None:
        """It was delivered, so it is the day's one message."""
        async with opened(READS, steps=self.CHAIN) as sim:
            view = await sim.issue(**WHO)
            await until(sim, "2026-12-08T10:00")
            await sim.hear("telegram", sim.vendors.channels["telegram"].receipt("m1", DeliveryStatus.DELIVERED))
            await until(sim, "2026-12-08T12:00")
            assert sent(sim) == {"telegram": 1}
            await sim.pass_time(days=2)
            assert [one.sent_at and f"{one.sent_at:%d %H:%M}" for one in await sim.deliveries(view.invoice.id)] == [
                "08 07:00",
                "09 07:00",
            ]
            assert await told(sim, view.invoice.id, "sent") == [("0", "12-08 09:00")]

    async def test_read_in_time_ends_it(self, opened: Open) -> None:
        async with opened(READS, steps=self.CHAIN) as sim:
            await sim.issue(**WHO)
            await until(sim, "2026-12-08T10:00")
            for status in (DeliveryStatus.DELIVERED, DeliveryStatus.READ):
                await sim.hear("telegram", sim.vendors.channels["telegram"].receipt("m1", status))
            await sim.pass_time(days=3)
            assert sent(sim) == {"telegram": 1}

    async def test_what_did_not_arrive_is_followed_the_same_day_but_not_at_night(self, opened: Open) -> None:
        chain = [
            {
                "at": "0",
                "hour": 17,
                "channels": [{"channel": "telegram", "wait": "2h"}, {"channel": "sms", "wait": "2h"}, "email"],
            }
        ]
        async with opened(READS, steps=chain) as sim:
            view = await sim.issue(**WHO)
            await sim.pass_time(days=20)
            found = [
                (one.channel, one.sent_at and f"{one.sent_at.astimezone(ZONE):%d %H}")
                for one in await sim.deliveries(view.invoice.id)
            ]
            assert found == [("telegram", "08 17"), ("sms", "08 19"), ("email", "09 09")]

    async def test_a_failure_takes_the_next_at_once_and_the_last_failure_is_said(self, opened: Open) -> None:
        chain = [
            {"at": "0", "channels": [{"channel": "sms"}, {"channel": "email"}]},
            {"at": "+3d", "channels": ["telegram"]},
        ]
        async with opened(steps=chain) as sim:
            view = await sim.issue(**WHO)
            for name in ("sms", "email"):
                sim.vendors.channels[name].faults = [Rejected("no")]
            await sim.pass_time(days=30)
            assert await rows(sim, view.invoice.id) == [("0", "skipped", "undelivered"), ("+3d", "sent", None)]

    async def test_what_the_next_channel_leaves_out_is_not_lost(self, opened: Open) -> None:
        """The payer disputes one of two invoices while the first channel fails; then the other is paid."""
        async with opened(steps=[{"at": "0", "channels": ["email", "sms"]}]) as sim:
            disputed, paid = await sim.issue(**WHO), await sim.issue(**WHO)
            email, sms = sim.vendors.channels["email"], sim.vendors.channels["sms"]

            async def meanwhile(verb: str) -> None:
                ids, now = [disputed.invoice.id], sim.clock.now()
                payer = disputed.payer
                await sim.db.write(lambda conn: claims.dispute(conn, sim.biller, payer, ids, "other", now))

            email.on_call, email.faults, sms.faults = meanwhile, [Rejected("no")], [RetryLater("busy")]
            await until(sim, "2026-12-08T09:00")
            assert await rows(sim, disputed.invoice.id) == [("0", "held", "dispute")]
            assert await rows(sim, paid.invoice.id) == [("0", "queued", None)]
            await sim.off_platform(paid.invoice.id, "125.40")
            email.on_call = None
            await wishes.close_dispute(sim.ctx, sim.biller, disputed.invoice.id)
            await sim.pass_time(days=3)
            assert await rows(sim, disputed.invoice.id) == [("0", "sent", None)]
            assert sent(sim) == {"email": 1}

    async def test_nobody_to_reach_is_said(self, sim: Sim) -> None:
        view = await sim.issue(reference="C-9")
        await sim.pass_time(days=60)
        assert {(state, reason) for _, state, reason in await rows(sim, view.invoice.id)} == {
            ("skipped", "unreachable")
        }
        assert len(await rows(sim, view.invoice.id)) == 4

    async def test_settlement_ends_the_chain(self, opened: Open) -> None:
        async with opened(READS, steps=self.CHAIN) as sim:
            view = await sim.issue(**WHO)
            await until(sim, "2026-12-08T10:00")
            await sim.off_platform(view.invoice.id, "125.40")
            await sim.pass_time(days=3)
            assert sent(sim) == {"telegram": 1}


class TestChanges:
    async def apply(self, sim: Sim, **table: Any) -> None:
        values = {"biller": identity(), **sim.vendors.tables, "reminders": table}
        sim.biller = await apply_biller(sim.ctx, sim.vendors, values)  # type: ignore[arg-type]

    async def test_another_due_date_begins_the_ladder_anew(self, sim: Sim) -> None:
        view = await sim.issue(**WHO)
        await until(sim, "2026-12-09T12:00")
        await invoices.change(sim.ctx, sim.biller, view.invoice.id, due_on=date(2026, 12, 16))
        await until(sim, "2026-12-20T12:00")
        assert [step for step, _ in await told(sim, view.invoice.id, "sent")] == ["-3d", "0", "-3d", "0"]
        assert ("+3d", "revoked", "changed") in await rows(sim, view.invoice.id)

    async def test_another_policy_is_followed_from_then_on(self, sim: Sim) -> None:
        views = [await sim.issue(**WHO | {"reference": f"C-{n}"}) for n in range(3)]
        await self.apply(
            sim, steps=[{"at": "-9d", "channels": ["sms"]}, {"at": "-8d", "tone": "firm", "channels": ["email"]}]
        )
        await sim.drain()
        for view in views:
            assert await rows(sim, view.invoice.id) == [("-9d", "planned", None), ("-3d", "revoked", "policy_changed")]
        assert [kind for kind, _ in await sim.tasks()] == ["remind"] * 3

    async def test_the_same_step_takes_its_new_hour_tone_and_channels(self, sim: Sim) -> None:
        view = await sim.issue(**WHO)
        await self.apply(sim, steps=[{"at": "-3d", "hour": 11, "tone": "final", "channels": ["email"]}])
        await sim.drain()
        (row,) = await sim.db.read(lambda conn: store.of_invoice(conn, view.invoice.id))
        assert (row.state, row.tone, row.steps[0].channel, row.due_at) == (
            R.PLANNED,
            "final",
            "email",
            local("2026-12-05T11:00"),
        )

    async def test_a_table_that_is_gone_reminds_nobody_and_one_that_comes_does_not_make_up(self, sim: Sim) -> None:
        view = await sim.issue(**WHO)
        await self.apply(sim)
        await sim.drain()
        assert await rows(sim, view.invoice.id) == [("-3d", "revoked", "policy_changed")]
        await until(sim, "2026-12-10T12:00")
        await self.apply(sim, steps=STEPS)
        await sim.pass_time(days=30)
        assert [step for step, _ in await told(sim, view.invoice.id, "sent")] == ["+3d", "+10d"]

    async def test_the_same_table_again_changes_nothing(self, sim: Sim) -> None:
        await sim.issue(**WHO)
        before = await sim.tasks()
        config_tables = {
            "delivery": {"channels": [{"channel": "sms"}], "receipt": False},
            "reminders": {"steps": STEPS},
        }
        await apply_biller(sim.ctx, sim.vendors, {"biller": identity(), **sim.vendors.tables, **config_tables})  # type: ignore[arg-type]
        assert await sim.tasks() == before

    async def test_a_worker_that_has_not_read_the_policy_leaves_it_to_the_next_second(self, sim: Sim) -> None:
        view = await sim.issue(**WHO)
        before = SimpleNamespace(biller=lambda biller_id, biller=sim.biller: biller)
        stale = replace(sim.ctx, directory=before)  # type: ignore[arg-type]
        await self.apply(sim, steps=[{"at": "-2d", "channels": ["sms"]}])
        again_at = await planning.replan_all(stale, sim.biller.id)
        assert again_at == sim.clock.now() + planning.NOT_READ_YET
        assert await rows(sim, view.invoice.id) == [("-3d", "planned", None)]
        await sim.drain()
        assert await rows(sim, view.invoice.id) == [("-3d", "revoked", "policy_changed"), ("-2d", "planned", None)]

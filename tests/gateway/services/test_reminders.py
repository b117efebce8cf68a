"""Reminders by policy: one message a payer, each step at its hour, held and never dropped."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import date, timedelta
from functools import partial
from typing import Any

import pytest

from gateway.domain.deliveries import MessageKind
from gateway.domain.reminders import ReminderState
from gateway.ports.errors import RetryLater
from gateway.services import invoices
from gateway.store.database import Database
from gateway.testing.clock import FakeClock
from tests.harness.gateway import Sim
from tests.harness.reminding import ON_SQLITE, STEPS, WHO, opens, rows, sent, told, until

R = ReminderState
Open = Any  # opens a gateway with this `[reminders]` table


@pytest.fixture
def opened(database: Database, clock: FakeClock) -> Open:
    return partial(opens, database, clock)


@pytest.fixture
async def sim(opened: Open) -> AsyncIterator[Sim]:
    async with opened() as sim:
        yield sim


class TestLadder:
    async def test_each_step_comes_at_its_hour_over_its_channel_and_then_there_is_silence(self, sim: Sim) -> None:
        view = await sim.issue(**WHO)
        assert view.sequence == 2
        await sim.pass_time(days=60)
        sent_at = [("-3d", "12-07 09:00"), ("0", "12-08 09:00"), ("+3d", "12-11 09:00"), ("+10d", "12-18 09:00")]
        assert await told(sim, view.invoice.id, "sent") == sent_at  # the first was held over a weekend
        (held,) = await sim.events_of(view.invoice.id, "reminder.held")
        assert (held["step"], held["reason"], held["until"]) == ("-3d", "weekend", "2026-12-07T07:00:00.000Z")
        assert sent(sim) == {"sms": 2, "telegram": 1, "email": 1}
        kinds = [
            (one.channel, one.kind, one.about and one.about["tone"]) for one in await sim.deliveries(view.invoice.id)
        ]
        assert kinds == [
            ("sms", MessageKind.REMINDER, "friendly"),
            ("telegram", MessageKind.REMINDER, "friendly"),
            ("sms", MessageKind.REMINDER, "firm"),
            ("email", MessageKind.REMINDER, "final"),
        ]
        assert await sim.tasks() == await sim.tasks("dead") == []

    async def test_only_the_next_step_is_a_row(self, sim: Sim) -> None:
        view = await sim.issue(**WHO)
        assert await rows(sim, view.invoice.id) == [("-3d", "planned", None)]
        assert [kind for kind, _ in await sim.tasks()] == ["remind"]

    async def test_a_step_within_the_grace_is_left_out(self, opened: Open) -> None:
        async with opened(grace="14d") as sim:
            view = await sim.issue(**WHO)
            assert await rows(sim, view.invoice.id) == [("0", "planned", None)]

    async def test_without_a_table_nobody_is_reminded(self, opened: Open) -> None:
        async with opened(steps=[]) as sim:
            view = await sim.issue(**WHO)
            await sim.pass_time(days=60)
            assert await rows(sim, view.invoice.id) == []
            assert sent(sim) == {}

    async def test_chats_pay_or_put_it_off_by_a_button(self, sim: Sim) -> None:
        first = await sim.issue(**WHO)
        await until(sim, "2026-12-08T12:00")
        (message,) = sim.vendors.channels["telegram"].sent
        pay, later = message.buttons
        assert pay.url == sim.ctx.pay_url(first.invoice.id, 0)
        assert (later.text, later.data) == ("Amintește-mi mâine", "remind:1:tomorrow")

    async def test_a_condition_that_no_longer_holds_skips_the_step(self, opened: Open) -> None:
        steps = [{"at": "0", "when": {"min_amount": "100.00"}}, {"at": "+3d", "when": {"tags": ["vip"]}}, {"at": "+9d"}]
        async with opened(steps=steps) as sim:
            view = await sim.issue(**WHO)
            await sim.off_platform(view.invoice.id, "50.00")
            await sim.pass_time(days=40)
            assert await rows(sim, view.invoice.id) == [("0", "skipped", "condition"), ("+9d", "sent", None)]


class TestOneMessage:
    async def test_several_invoices_of_a_payer_go_in_one(self, sim: Sim) -> None:
        views = [await sim.issue(amount, **WHO) for amount in ("125.40", "20.00", "1.00")]
        await until(sim, "2026-12-07T12:00")
        (message,) = sim.vendors.channels["sms"].sent
        assert message.text.startswith("Acme: facturi de platit: 3, in total 146,40 lei. Prima: https://pay.example/p/")
        (first,) = await sim.events_of(views[0].invoice.id, "reminder.sent")
        assert len(first["reminders"]) == 3
        for view in views:
            (said,) = await sim.events_of(view.invoice.id, "reminder.sent")
            assert (said["delivery"], said["reminders"]) == (first["delivery"], first["reminders"])

    async def test_a_settled_one_is_left_out_and_the_message_goes_on(self, opened: Open) -> None:
        async with opened(steps=STEPS[:1]) as sim:
            paid, owed = [await sim.issue(amount, **WHO) for amount in ("125.40", "20.00")]
            sim.vendors.channels["sms"].faults = [RetryLater("busy")]
            await until(sim, "2026-12-07T09:00")
            assert await rows(sim, paid.invoice.id) == [("-3d", "queued", None)]
            await sim.off_platform(paid.invoice.id, "125.40")
            await sim.pass_time(hours=1)
            (message,) = sim.vendors.channels["sms"].sent
            assert "F-2" in message.text
            assert await rows(sim, paid.invoice.id) == [("-3d", "revoked", "settled")]
            assert await rows(sim, owed.invoice.id) == [("-3d", "sent", None)]

    async def test_when_all_are_settled_it_is_taken_back(self, opened: Open) -> None:
        async with opened(steps=STEPS[:1]) as sim:
            views = [await sim.issue(amount, **WHO) for amount in ("125.40", "20.00")]
            sim.vendors.channels["sms"].faults = [RetryLater("busy")]
            await until(sim, "2026-12-07T09:00")
            for place, view in enumerate(views):
                await sim.off_platform(view.invoice.id, view.invoice.amount.value, f"R-{place}")
            assert "delivery.revoked" in await sim.event_types()
            await sim.pass_time(days=5)
            assert sent(sim) == {}

    async def test_steps_of_one_day_go_together_and_in_the_gravest_tone(self, opened: Open) -> None:
        steps = [{"at": "0", "channels": ["email"]}, {"at": "+3d", "tone": "firm", "channels": ["sms"], "hour": 15}]
        async with opened(steps=steps) as sim:
            early, late = await sim.issue(**WHO), await sim.issue("20.00", **WHO)
            day = date(2026, 12, 11)
            await invoices.change(sim.ctx, sim.biller, late.invoice.id, due_on=day)
            await until(sim, "2026-12-11T12:00")
            assert await told(sim, early.invoice.id, "sent") == [("0", "12-08 09:00"), ("+3d", "12-11 09:00")]
            assert await told(sim, late.invoice.id, "sent") == [("0", "12-11 09:00")]
            assert sent(sim) == {"email": 1, "sms": 1}

    async def test_two_payers_get_two(self, sim: Sim) -> None:
        await sim.issue(**WHO)
        await sim.issue(**WHO | {"reference": "C-2"})
        await until(sim, "2026-12-07T12:00")
        assert sent(sim) == {"sms": 2}


@ON_SQLITE
class TestHeld:
    async def test_at_most_so_many_a_day_and_a_week(self, opened: Open) -> None:
        steps = [{"at": f"+{day}d", "channels": ["sms"]} for day in range(1, 6)]
        async with opened(steps=steps, per_week=2, working_days=False, holidays=False) as sim:
            view = await sim.issue(**WHO)
            await sim.pass_time(days=60)
            days = [when[:5] for _, when in await told(sim, view.invoice.id, "sent")]
            assert days[:2] == ["12-09", "12-10"]
            assert {reason for _, _, reason in await rows(sim, view.invoice.id)} == {None, "overtaken"}
            for place, day in enumerate(days):
                week = [
                    d for d in days if date(2026, 1, 1) < _day(d) and _day(day) - timedelta(7) < _day(d) <= _day(day)
                ]
                assert len(week) <= 2, (place, days)
            assert "cap_week" in {held["reason"] for held in await sim.events_of(view.invoice.id, "reminder.held")}

    async def test_quiet_hours_are_the_payers(self, opened: Open) -> None:
        async with opened(steps=STEPS[1:2], hour=7) as sim:
            view = await sim.issue(time_zone="America/New_York", **WHO)
            await sim.pass_time(days=30)
            (when,) = await told(sim, view.invoice.id, "sent")
            assert when == ("0", "12-08 16:00")  # 9:00 in New York

    async def test_a_message_that_was_put_off_by_its_vendor_does_not_go_at_night(self, opened: Open) -> None:
        async with opened(steps=STEPS[:1], hour=19) as sim:
            view = await sim.issue(**WHO)
            sim.vendors.channels["sms"].faults = [RetryLater("busy", after_s=3_600.0)]
            await sim.pass_time(days=30)
            assert await told(sim, view.invoice.id, "sent") == [("-3d", "12-08 09:00")]

    async def test_a_channel_that_is_too_dear_is_left_out(self, opened: Open) -> None:
        steps = [
            {"at": "0", "channels": [{"channel": "sms", "wait": "9d"}, "email"]},
            {"at": "+3d", "channels": ["sms"]},
        ]
        async with opened(steps=steps, cost={"sms": "0.35"}, cost_share=10) as sim:
            cheap, dear = await sim.issue("3.00", **WHO), await sim.issue("30.00", **WHO | {"reference": "C-2"})
            await until(sim, "2026-12-12T12:00")
            assert sent(sim) == {"email": 1, "sms": 2}
            assert await rows(sim, cheap.invoice.id) == [("0", "sent", None), ("+3d", "skipped", "cost")]
            assert [state for _, state, _ in await rows(sim, dear.invoice.id)] == ["sent", "sent"]

    async def test_a_share_of_the_payers_is_left_unreminded_and_each_step_says_so(self, opened: Open) -> None:
        async with opened(steps=STEPS[:2], hold_out=50) as sim:
            views = [await sim.issue(**WHO | {"reference": f"C-{n}"}) for n in range(12)]
            await sim.pass_time(days=30)
            found = [await rows(sim, view.invoice.id) for view in views]
            skipped = [("-3d", "skipped", "hold_out"), ("0", "skipped", "hold_out")]
            assert 2 <= found.count(skipped) <= 10
            assert all(one == skipped or {state for _, state, _ in one} == {"sent"} for one in found)


def _day(text: str) -> date:
    month, day = text.split("-")
    return date(2027 if month < "06" else 2026, int(month), int(day))

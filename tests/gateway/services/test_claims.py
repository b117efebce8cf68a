"""What payers say of what they owe, and what it does to their reminders: promises, payments not seen yet, disputes, parts."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import date
from functools import partial
from typing import Any

import pytest

from gateway.ports.errors import RetryLater
from gateway.ports.provider import PaymentStatus
from gateway.ports.values import Money
from gateway.services import claims, invoices, wishes
from gateway.store import claims as claims_store
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


async def states(sim: Sim, invoice_id: int) -> list[tuple[str, str]]:
    found = await sim.db.read(lambda conn: claims_store.of_invoice(conn, invoice_id))
    return [(claim.kind.value, claim.state.value) for claim in found]


async def facts(sim: Sim, invoice_id: int, *heads: str) -> list[str]:
    return [kind for kind in await sim.event_types(invoice_id) if kind.partition(".")[0] in heads]


class TestPromise:
    async def test_kept_is_said_and_thanked_for(self, sim: Sim) -> None:
        view = await sim.issue(steps=None, **WHO)
        await sim.drain()
        await until(sim, "2026-12-07T12:00")
        await says(sim, claims.promise, [view.invoice.id], date(2026, 12, 14))
        await until(sim, "2026-12-14T18:00")
        assert sent(sim) == {"sms": 2}  # the invoice and its first reminder
        await sim.off_platform(view.invoice.id, "125.40")
        await sim.pass_time(days=10)
        assert await states(sim, view.invoice.id) == [("promise", "kept")]
        assert await facts(sim, view.invoice.id, "promise") == ["promise.made", "promise.kept"]
        assert (
            sim.vendors.channels["sms"].sent[-1].text
            == "Acme: am primit 125,40 lei, factura F-1 este platita. Multumim!"
        )

    async def test_no_thanks_where_the_policy_says_so(self, opened: Open) -> None:
        async with opened(thanks=False) as sim:
            view = await sim.issue(steps=None, **WHO)
            await says(sim, claims.promise, [view.invoice.id], date(2026, 12, 14))
            await sim.off_platform(view.invoice.id, "125.40")
            await sim.pass_time(days=1)
            assert sent(sim) == {"sms": 1}

    async def test_broken_is_one_message_that_stands_for_what_waited(self, sim: Sim) -> None:
        view = await sim.issue(**WHO)
        await until(sim, "2026-12-07T12:00")
        await says(sim, claims.promise, [view.invoice.id], date(2026, 12, 14))
        await sim.off_platform(view.invoice.id, "100.00")
        await sim.pass_time(days=30)
        (broken,) = await sim.events_of(view.invoice.id, "promise.broken")
        assert (broken["on"], broken["paid"]["value"], broken["outstanding"]["value"]) == (
            "2026-12-14",
            "100.00",
            "25.40",
        )
        assert await told(sim, view.invoice.id, "sent") == [
            ("-3d", "12-07 09:00"),
            ("promise", "12-15 09:00"),
            ("+10d", "12-18 09:00"),
        ]
        skipped = [(step, reason) for step, state, reason in await rows(sim, view.invoice.id) if state == "skipped"]
        assert sorted(skipped) == [("+3d", "overtaken"), ("0", "overtaken")]

    async def test_it_is_decided_when_the_day_of_the_payer_is_over(self, opened: Open) -> None:
        async with opened() as sim:
            view = await sim.issue(time_zone="America/New_York", **WHO)
            await says(sim, claims.promise, [view.invoice.id], date(2026, 12, 14))
            await until(sim, "2026-12-15T06:59")
            assert await states(sim, view.invoice.id) == [("promise", "open")]
            await until(sim, "2026-12-15T07:00")
            assert await states(sim, view.invoice.id) == [("promise", "broken")]

    async def test_nothing_follows_a_broken_one_where_the_policy_says_so(self, opened: Open) -> None:
        async with opened(broken_promise=False) as sim:
            view = await sim.issue(**WHO)
            await says(sim, claims.promise, [view.invoice.id], date(2026, 12, 9))
            await sim.pass_time(days=40)
            assert await told(sim, view.invoice.id, "sent") == [
                ("0", "12-10 09:00"),
                ("+3d", "12-11 09:00"),
                ("+10d", "12-18 09:00"),
            ]

    async def test_the_provider_is_asked_before_it_is_called_broken(self, sim: Sim) -> None:
        view = await sim.issue(**WHO)
        await says(sim, claims.promise, [view.invoice.id], date(2026, 11, 24))
        await until(sim, "2026-11-24T23:50")
        payment = await sim.open_payment(view.invoice.id)
        sim.bank.change(payment, PaymentStatus.PAID)
        sim.bank.fetch_fault = RetryLater("away")
        await until(sim, "2026-11-25T00:02")
        assert await states(sim, view.invoice.id) == [("promise", "open")]
        sim.bank.fetch_fault = None
        await sim.pass_time(hours=1)
        assert await states(sim, view.invoice.id) == [("promise", "kept")]

    async def test_a_newer_word_withdraws_it(self, sim: Sim) -> None:
        view = await sim.issue(**WHO)
        await says(sim, claims.promise, [view.invoice.id], date(2026, 11, 25))
        await says(sim, claims.promise, [view.invoice.id], date(2026, 11, 27))
        await says(sim, claims.dispute, [view.invoice.id], "wrong_amount", amount=Money(9_000, "RON"))
        assert await states(sim, view.invoice.id) == [
            ("promise", "withdrawn"),
            ("promise", "withdrawn"),
            ("dispute", "open"),
        ]
        (opened_,) = await sim.events_of(view.invoice.id, "dispute.opened")
        assert opened_["amount"] == {"value": "90.00", "currency": "RON"}
        await sim.pass_time(days=10)
        assert "promise.broken" not in await sim.event_types(view.invoice.id)


@ON_SQLITE
class TestAlreadyPaid:
    async def test_it_rests_for_some_days_and_goes_on(self, opened: Open) -> None:
        async with opened(already_paid="3d") as sim:
            view = await sim.issue(**WHO)
            await until(sim, "2026-12-07T12:00")
            await says(sim, wishes.set_own, [view.invoice.id], local("2026-12-08T10:00"))
            await says(sim, claims.already_paid, [view.invoice.id], how="bank", on=date(2026, 12, 6), reference="OP 12")
            (said,) = await sim.events_of(view.invoice.id, "claim.already_paid")
            assert {k: said[k] for k in ("how", "on", "reference", "until")} == {
                "how": "bank", "on": "2026-12-06", "reference": "OP 12", "until": "2026-12-10",
            }  # fmt: skip
            await sim.pass_time(days=30)
            assert await told(sim, view.invoice.id, "sent") == [
                ("-3d", "12-07 09:00"),
                ("+3d", "12-11 09:00"),
                ("+10d", "12-18 09:00"),
            ]
            assert await states(sim, view.invoice.id) == [("already_paid", "closed")]

    async def test_settlement_closes_it(self, sim: Sim) -> None:
        view = await sim.issue(**WHO)
        await says(sim, claims.already_paid, [view.invoice.id])
        await sim.off_platform(view.invoice.id, "125.40")
        assert await states(sim, view.invoice.id) == [("already_paid", "closed")]
        await sim.pass_time(days=30)
        assert sent(sim) == {}


class TestDispute:
    async def test_it_holds_until_it_is_closed(self, sim: Sim) -> None:
        view = await sim.issue(**WHO)
        await says(sim, claims.dispute, [view.invoice.id], "not_mine", text="nu e a mea")
        assert await says(sim, claims.dispute, [view.invoice.id], "other") == []
        await until(sim, "2026-12-09T12:00")
        assert await rows(sim, view.invoice.id) == [("-3d", "held", "dispute")]
        assert (await sim.events_of(view.invoice.id, "reminder.held"))[0]["until"] is None
        await wishes.close_dispute(sim.ctx, sim.biller, view.invoice.id, "it is yours")
        await sim.pass_time(days=30)
        # of the steps whose time had come the last, on the next morning
        assert await told(sim, view.invoice.id, "sent") == [
            ("0", "12-10 09:00"),
            ("+3d", "12-11 09:00"),
            ("+10d", "12-18 09:00"),
        ]

    async def test_a_policy_may_ignore_it(self, opened: Open) -> None:
        async with opened(dispute="ignore") as sim:
            view = await sim.issue(**WHO)
            await says(sim, claims.dispute, [view.invoice.id], "other")
            await until(sim, "2026-12-07T12:00")
            assert sent(sim) == {"sms": 1}

    async def test_void_and_settlement_end_it(self, sim: Sim) -> None:
        gone, paid = await sim.issue(**WHO), await sim.issue(**WHO)
        await says(sim, claims.dispute, [gone.invoice.id, paid.invoice.id], "other")
        await invoices.void(sim.ctx, sim.biller, gone.invoice.id)
        await sim.off_platform(paid.invoice.id, "125.40")
        closed = [(await sim.events_of(view.invoice.id, "dispute.closed"))[0]["by"] for view in (gone, paid)]
        assert closed == ["void", "settled"]

    async def test_it_takes_a_queued_reminder_back(self, sim: Sim) -> None:
        view = await sim.issue(**WHO)
        sim.vendors.channels["sms"].faults = [RetryLater("busy")]
        await until(sim, "2026-12-07T09:00")
        assert await rows(sim, view.invoice.id) == [("-3d", "queued", None)]
        await says(sim, claims.dispute, [view.invoice.id], "other")
        assert await rows(sim, view.invoice.id) == [("-3d", "held", "dispute")]
        await sim.pass_time(days=5)
        assert sent(sim) == {}

    async def test_a_message_under_way_that_turns_out_unsent_waits_too(self, sim: Sim) -> None:
        """The process died in the middle of the send; the vendor is asked, has nothing, and meanwhile the payer disputed."""
        view = await sim.issue(**WHO)
        sms = sim.vendors.channels["sms"]

        async def die(verb: str) -> None:
            raise KeyError("killed")

        sms.on_call = die
        await until(sim, "2026-12-07T09:00")
        sms.on_call = None
        await says(sim, claims.dispute, [view.invoice.id], "other")
        await sim.pass_time(days=1)
        assert sent(sim) == {}
        assert await rows(sim, view.invoice.id) == [("-3d", "held", "dispute")]
        await wishes.close_dispute(sim.ctx, sim.biller, view.invoice.id)
        await sim.pass_time(days=2)
        assert sum(sent(sim).values()) == 1


@ON_SQLITE
class TestParts:
    PARTS = ((date(2026, 12, 9), 6_000), (date(2026, 12, 16), 6_540))

    async def plans(self, sim: Sim, invoice_id: int) -> None:
        parts = [(on, Money(minor, "RON")) for on, minor in self.PARTS]
        await says(sim, claims.plan_parts, invoice_id, parts)

    async def test_each_part_by_its_day_keeps_it(self, sim: Sim) -> None:
        view = await sim.issue(**WHO)
        await self.plans(sim, view.invoice.id)
        (wanted,) = await sim.events_of(view.invoice.id, "plan.wanted")
        assert wanted["parts"][1] == {"on": "2026-12-16", "amount": {"value": "65.40", "currency": "RON"}}
        await until(sim, "2026-12-09T12:00")
        await sim.off_platform(view.invoice.id, "60.00")
        await until(sim, "2026-12-16T12:00")
        assert await states(sim, view.invoice.id) == [("plan", "open")]
        await sim.off_platform(view.invoice.id, "65.40", "R-2")
        await sim.pass_time(days=20)
        assert await states(sim, view.invoice.id) == [("plan", "kept")]
        assert await told(sim, view.invoice.id, "sent") == []

    async def test_a_part_that_does_not_come_breaks_it(self, sim: Sim) -> None:
        view = await sim.issue(**WHO)
        await self.plans(sim, view.invoice.id)
        await sim.off_platform(view.invoice.id, "59.99")
        await until(sim, "2026-12-10T12:00")
        assert await states(sim, view.invoice.id) == [("plan", "broken")]
        assert await told(sim, view.invoice.id, "sent") == [("promise", "12-10 09:00")]

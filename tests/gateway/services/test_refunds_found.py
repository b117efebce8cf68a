"""Refunds that nobody asked for here: made at the provider's desk, or owed to who paid twice. Vendors are simulated."""

from __future__ import annotations

import asyncio

import pytest

from gateway.domain.ids import ATTEMPT, show
from gateway.domain.refunds import By, RefundReason, RefundState
from gateway.ports.provider import PaymentStatus, RefundStatus
from gateway.services import refunds
from gateway.services.errors import Conflict
from gateway.store.database import Database
from gateway.testing.clock import FakeClock
from tests.harness.gateway import Sim, open_sim
from tests.harness.refunding import ask, paid, states, sums

S, R = PaymentStatus, RefundState


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)  # the money machine is on both
class TestAtTheProvidersDesk:
    async def test_it_is_booked_once_however_often_it_is_told(self, sim: Sim) -> None:
        invoice_id, _, bank_id = await paid(sim)
        sim.bank.give_back(bank_id, 2_000)
        for _ in range(2):
            await sim.tell(sim.bank.payments[bank_id])
            await sim.drain()
        assert (await states(sim, invoice_id), await sums(sim, invoice_id)) == (
            [("done", 2_000)],
            ("paid", 10_000, 2_000, 0),
        )
        (told,) = await sim.events_of(invoice_id, "refund.succeeded")
        assert (told["by"], told["amount"]["value"]) == ("desk", "20.00")

    async def test_an_old_webhook_is_not_believed(self, sim: Sim) -> None:
        invoice_id, _, bank_id = await paid(sim)
        sim.bank.give_back(bank_id, 2_000)
        old = sim.bank.payments[bank_id]
        sim.bank.turn("b1", RefundStatus.FAILED)
        await sim.tell(old)
        await sim.drain()
        assert (await states(sim, invoice_id), await sums(sim, invoice_id)) == ([], ("paid", 10_000, 0, 0))

    async def test_it_closes_what_was_due(self, sim: Sim) -> None:
        invoice_id, _, _ = await paid(sim)
        view = await sim.view(invoice_id)
        again = sim.bank.open(sim.bank.payments[view.attempts[0].external_id or ""].request)
        await sim.tell(sim.bank.change(again.id, S.PAID))
        sim.bank.give_back(again.id, 10_000)
        await sim.tell(sim.bank.payments[again.id])
        await sim.drain()
        (row,) = (await sim.view(invoice_id)).refunds
        assert (row.state, row.reason, row.given_by) == (R.DONE, RefundReason.DUPLICATE, By.DESK)
        assert await sums(sim, invoice_id) == ("paid", 10_000, 10_000, 0)

    async def test_part_of_it_that_came_back_is_a_persons(self, sim: Sim) -> None:
        invoice_id, _, bank_id = await paid(sim)
        for amount in (2_000, 3_000):
            sim.bank.give_back(bank_id, amount)
        await sim.tell(sim.bank.payments[bank_id])
        await sim.drain()
        await sim.tell(sim.bank.turn("b1", RefundStatus.FAILED))
        await sim.drain()
        assert await sums(sim, invoice_id) == ("paid", 10_000, 3_000, 0)
        assert sorted(await states(sim, invoice_id)) == [("done", 3_000), ("failed", 2_000)]


class TestDuplicates:
    async def twice(self, sim: Sim) -> tuple[int, list[str]]:
        view = await sim.issue("100.00")
        bank_ids = [await sim.open_payment(view.invoice.id, method) for method in ("bank", "card")]
        for bank_id in bank_ids:
            await sim.tell(sim.bank.change(bank_id, S.PAID))
        return view.invoice.id, bank_ids

    async def test_by_policy_it_goes_back_at_once_and_only_once(self, database: Database, clock: FakeClock) -> None:
        async with open_sim(database, clock, biller={"payments": {"refund_duplicates": "auto"}}) as sim:
            invoice_id, (first, second) = await self.twice(sim)
            (due,) = (await sim.view(invoice_id)).refunds
            assert (await sim.event_types(invoice_id))[-3:] == ["payment.duplicate", "refund.due", "refund.created"]
            with pytest.raises(Conflict, match="nothing"):  # by hand too, before the policy's was done
                await ask(sim, show(ATTEMPT, due.attempt_id or 0))
            await sim.drain()
            assert (sim.bank.payments[first].refunded, sim.bank.payments[second].refunded) == (0, 10_000)
            assert await sums(sim, invoice_id) == ("paid", 10_000, 10_000, 0)
            assert await sim.tasks("dead") == []

    async def test_else_it_waits_for_a_person_who_may_send_it(self, sim: Sim) -> None:
        invoice_id, (_, second) = await self.twice(sim)
        await sim.drain()
        (due,) = (await sim.view(invoice_id)).refunds
        assert due.state is R.DUE
        sent = await asyncio.gather(*(refunds.retry(sim.ctx, sim.biller, due.id) for _ in range(3)))
        assert {row.state for row in sent} == {R.CREATED}
        await sim.drain()
        assert (sim.bank.calls.count("refund"), sim.bank.payments[second].refunded) == (1, 10_000)
        assert len(await sim.events_of(invoice_id, "refund.created")) == 1

    async def test_whichever_of_the_two_goes_back_nothing_more_is_due(self, sim: Sim) -> None:
        invoice_id, (first, _) = await self.twice(sim)
        view = await sim.view(invoice_id)
        one = next(attempt for attempt in view.attempts if attempt.external_id == first)
        await ask(sim, show(ATTEMPT, one.id), reopen=True)
        await sim.drain()
        assert await states(sim, invoice_id) == [("closed", 10_000), ("done", 10_000)]
        assert await sums(sim, invoice_id) == ("paid", 10_000, 10_000, 0)  # the other one still pays it

    async def test_a_chargeback_of_what_was_refunded_is_owed_again(self, sim: Sim) -> None:
        invoice_id, (_, second) = await self.twice(sim)
        (due,) = (await sim.view(invoice_id)).refunds
        await refunds.retry(sim.ctx, sim.biller, due.id)
        await sim.drain()
        await sim.tell(sim.bank.change(second, S.REVERSED, taken_back=10_000))
        assert await sums(sim, invoice_id) == ("open", 0, 10_000, 10_000)
        assert (await sim.event_types(invoice_id))[-2:] == ["payment.reversed", "invoice.reopened"]

    async def test_an_overpayment_waits_for_a_person_whatever_the_policy(
        self, database: Database, clock: FakeClock
    ) -> None:
        async with open_sim(database, clock, biller={"payments": {"refund_duplicates": "auto"}}) as sim:
            view = await sim.issue("100.00")
            bank_id = await sim.open_payment(view.invoice.id)
            await sim.tell(sim.bank.change(bank_id, S.PAID, received=12_000))
            await sim.drain()
            assert await states(sim, view.invoice.id) == [("due", 2_000)]

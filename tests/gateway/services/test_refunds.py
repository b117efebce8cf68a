"""Refunds as a biller asks for them and as a provider makes them: once, in any case, whatever the answer. Vendors are simulated."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from gateway.domain.ids import UPDATE, show
from gateway.domain.refunds import By, Refund, RefundReason, RefundState
from gateway.ports.errors import OutcomeUnknown, Rejected, RetryLater
from gateway.ports.provider import PaymentStatus, RefundStatus
from gateway.ports.values import Money
from gateway.services import refunds
from gateway.services.errors import Conflict, Invalid, NotFound
from gateway.services.refunds import Wanted
from gateway.store.database import Database
from gateway.testing.clock import FakeClock
from tests.harness.gateway import Sim, open_sim
from tests.harness.refunding import ask, paid, states, sums

S, R = PaymentStatus, RefundState


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)  # the money machine is on both
class TestThroughTheProvider:
    async def test_all_of_it_goes_back_and_the_debt_stays_paid(self, sim: Sim) -> None:
        invoice_id, payment, bank_id = await paid(sim)
        made = await ask(sim, payment)
        assert (made.state, made.amount_minor) == (R.CREATED, 10_000)
        await sim.drain()
        assert (await states(sim, invoice_id), sim.bank.payments[bank_id].refunded) == ([("done", 10_000)], 10_000)
        assert await sums(sim, invoice_id) == ("paid", 10_000, 10_000, 0)
        (one,) = (await sim.view(invoice_id)).refunds
        assert (one.given_by, one.waived_minor, one.external_id) == (By.PROVIDER, 10_000, "b1")
        assert await sim.events_of(invoice_id, "refund.created", "refund.succeeded") == [
            {
                "refund": "rfd_0000001",
                "payment": payment,
                "amount": {"value": "100.00", "currency": "RON"},
                "source": "api",
                "reason": "requested",
            },
            {
                "refund": "rfd_0000001",
                "payment": payment,
                "amount": {"value": "100.00", "currency": "RON"},
                "by": "provider",
                "reason": "requested",
                "waived": {"value": "100.00", "currency": "RON"},
            },
        ]

    async def test_in_parts_and_never_more_than_is_left(self, sim: Sim) -> None:
        invoice_id, payment, bank_id = await paid(sim)
        await ask(sim, payment, 3_000, key="k-1")
        with pytest.raises(Conflict, match=r"only 70\.00 RON") as refused:  # what is under way is gone already
            await ask(sim, payment, 7_001, key="k-2")
        assert refused.value.path == "amount"
        await sim.drain()
        await sim.tell(sim.bank.change(bank_id, S.PAID, taken_back=2_000))
        with pytest.raises(Conflict, match=r"only 50\.00 RON"):
            await ask(sim, payment, 5_001, key="k-3")
        assert (await ask(sim, payment, key="k-4")).amount_minor == 5_000
        await sim.drain()
        with pytest.raises(Conflict, match="nothing"):
            await ask(sim, payment, key="k-5")
        assert sim.bank.payments[bank_id].net == 0
        assert await sums(sim, invoice_id) == ("partly_paid", 8_000, 8_000, 2_000)

    async def test_reopened_it_is_owed_again_and_reminded_of(self, sim: Sim) -> None:
        invoice_id, payment, _ = await paid(sim)
        await ask(sim, payment, 4_000, reopen=True)
        await sim.drain()
        assert await sums(sim, invoice_id) == ("partly_paid", 6_000, 4_000, 4_000)
        assert (await sim.event_types(invoice_id))[-2:] == ["refund.succeeded", "invoice.reopened"]
        bank_id = await sim.open_payment(invoice_id, "card")
        await sim.tell(sim.bank.change(bank_id, S.PAID))
        assert await sums(sim, invoice_id) == ("paid", 10_000, 4_000, 0)

    @pytest.mark.parametrize("made", [True, False])
    async def test_an_unknown_outcome_is_looked_up_and_never_made_twice(self, sim: Sim, made: bool) -> None:
        invoice_id, payment, bank_id = await paid(sim)
        sim.bank.refund_fault, sim.bank.given_all_the_same = OutcomeUnknown("cut off"), made
        await ask(sim, payment)
        await sim.drain()
        assert await states(sim, invoice_id) == [("unknown", 10_000)]
        await sim.pass_time(minutes=1)
        assert await states(sim, invoice_id) == [("done", 10_000)]
        assert sim.bank.calls.count("refund") == (1 if made else 2)
        assert len({one.request.idempotency_key for one in sim.bank.returned.values() if one.request}) == 1
        assert sim.bank.payments[bank_id].refunded == 10_000

    @pytest.mark.parametrize("made", [True, False])
    async def test_where_the_provider_lists_none_the_payments_sum_says_it(self, sim: Sim, made: bool) -> None:
        invoice_id, payment, bank_id = await paid(sim)
        sim.bank.lists_refunds = False
        sim.bank.refund_fault, sim.bank.given_all_the_same = OutcomeUnknown("cut off"), made
        await ask(sim, payment)
        await sim.pass_time(minutes=1)
        assert await states(sim, invoice_id) == [("done", 10_000)]
        assert (sim.bank.calls.count("refund"), sim.bank.payments[bank_id].refunded) == (1 if made else 2, 10_000)

    async def test_a_provider_that_is_away_is_asked_later(self, sim: Sim) -> None:
        invoice_id, payment, bank_id = await paid(sim)
        sim.bank.refund_fault = RetryLater("busy")
        await ask(sim, payment)
        await sim.drain()
        assert await states(sim, invoice_id) == [("created", 10_000)]
        await sim.pass_time(minutes=1)
        assert (await states(sim, invoice_id), sim.bank.payments[bank_id].refunded) == ([("done", 10_000)], 10_000)

    async def test_a_pending_one_is_asked_about_until_it_is_over(self, sim: Sim) -> None:
        invoice_id, payment, _ = await paid(sim)
        sim.bank.refund_status = RefundStatus.PENDING
        await ask(sim, payment, 2_500)
        await sim.pass_time(hours=3)
        assert (await states(sim, invoice_id), await sums(sim, invoice_id)) == (
            [("pending", 2_500)],
            ("paid", 10_000, 0, 0),
        )
        sim.bank.turn("b1", RefundStatus.DONE)
        await sim.pass_time(hours=6)
        assert (await states(sim, invoice_id))[0][0] == "done"

    async def test_one_that_fails_later_is_a_persons_and_can_be_made_again(self, sim: Sim) -> None:
        invoice_id, payment, bank_id = await paid(sim)
        await ask(sim, payment, reopen=True)
        await sim.drain()
        assert await sums(sim, invoice_id) == ("open", 0, 10_000, 10_000)
        await sim.tell(sim.bank.turn("b1", RefundStatus.FAILED))
        await sim.drain()
        assert await states(sim, invoice_id) == [("failed", 10_000)]
        assert await sums(sim, invoice_id) == ("paid", 10_000, 0, 0)
        (failed,) = await sim.events_of(invoice_id, "refund.failed")
        assert (failed["undone"], failed["reason"]) == (True, "account_closed")
        (row,) = (await sim.view(invoice_id)).refunds
        await refunds.retry(sim.ctx, sim.biller, row.id)
        await sim.drain()
        keys = [one.request.idempotency_key for one in sim.bank.returned.values() if one.request]
        assert len(set(keys)) == len(keys) == 2  # the first has failed for certain: this is a new one
        assert await sums(sim, invoice_id) == ("open", 0, 10_000, 10_000)
        assert sim.bank.payments[bank_id].refunded == 10_000

    async def test_a_late_failure_is_found_without_any_webhook(self, sim: Sim) -> None:
        invoice_id, payment, _ = await paid(sim)
        await ask(sim, payment)
        await sim.drain()
        sim.bank.turn("b1", RefundStatus.FAILED)
        await sim.pass_time(hours=25)
        assert await states(sim, invoice_id) == [("failed", 10_000)]

    async def test_a_refusal_is_a_persons_who_reports_it_done(self, sim: Sim) -> None:
        invoice_id, payment, _ = await paid(sim)
        sim.bank.refund_fault = Rejected("not_refundable")
        made = await ask(sim, payment, 1_000)
        await sim.drain()
        assert await states(sim, invoice_id) == [("failed", 1_000)]
        assert (await sim.events_of(invoice_id, "refund.failed"))[0]["reason"] == "not_refundable"
        row, new = await refunds.done(sim.ctx, sim.biller, made.id, "OP 1187")
        again, not_new = await refunds.done(sim.ctx, sim.biller, made.id, "OP 1187")
        assert (row.state, row.given_by, row.reference, new, not_new, again) == (
            R.DONE,
            By.PERSON,
            "OP 1187",
            True,
            False,
            row,
        )
        with pytest.raises(Conflict) as other:
            await refunds.done(sim.ctx, sim.biller, made.id, "OP 1188")
        assert other.value.differs == ["reference"]
        with pytest.raises(Conflict, match="done"):
            await refunds.retry(sim.ctx, sim.biller, made.id)
        assert await sums(sim, invoice_id) == ("paid", 10_000, 1_000, 0)

    async def test_one_of_which_nobody_knows_anything_for_two_months_is_a_persons(self, sim: Sim) -> None:
        invoice_id, payment, _ = await paid(sim)
        sim.bank.refund_status = RefundStatus.PENDING
        await ask(sim, payment)
        await sim.pass_time(days=62)
        (row,) = (await sim.view(invoice_id)).refunds
        assert (row.state, row.code) == (R.FAILED, "no_answer")
        sim.bank.turn("b1", RefundStatus.DONE)
        await refunds.retry(sim.ctx, sim.biller, row.id)  # looked up, and not made again
        await sim.drain()
        assert (await states(sim, invoice_id), len(sim.bank.returned)) == ([("done", 10_000)], 1)

    async def test_a_provider_that_gave_another_amount_is_shown_to_a_person_once(self, sim: Sim) -> None:
        invoice_id, payment, _ = await paid(sim)
        sim.bank.refund_status = RefundStatus.PENDING
        await ask(sim, payment, 5_000)
        await sim.drain()
        sim.bank.returned["b1"] = replace(sim.bank.returned["b1"], amount=4_990, status=RefundStatus.DONE)
        await sim.pass_time(hours=3)
        assert await states(sim, invoice_id) == [("pending", 5_000)]
        assert len(await sim.events_of(invoice_id, "payment.mismatch")) == 1


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)  # the money machine is on both
class TestByHand:
    async def test_money_that_came_elsewhere_is_due_and_reported_done(self, sim: Sim) -> None:
        view = await sim.issue("100.00")
        await sim.off_platform(view.invoice.id, "130.00")
        (line,) = (await sim.view(view.invoice.id)).lines
        (over,) = (await sim.view(view.invoice.id)).refunds
        assert (over.state, over.reason, over.line_id) == (R.DUE, RefundReason.OVERPAID, line.id)
        made = await ask(sim, show(UPDATE, line.id), 5_000, reopen=True)
        assert (made.state, made.owed_minor, made.counts_minor) == (R.DUE, 3_000, 5_000)  # what is too much goes first
        assert await states(sim, view.invoice.id) == [("closed", 3_000), ("due", 5_000)]
        with pytest.raises(Conflict, match=r"only 80\.00 RON"):  # what is promised is not there any more
            await ask(sim, show(UPDATE, line.id), 8_001, key="k-2")
        with pytest.raises(Conflict, match="another way"):
            await refunds.retry(sim.ctx, sim.biller, made.id)
        await refunds.done(sim.ctx, sim.biller, made.id, "cash 7")
        assert await sums(sim, view.invoice.id) == ("partly_paid", 8_000, 5_000, 2_000)

    async def test_a_provider_that_gives_nothing_back_leaves_it_to_a_person(
        self, database: Database, clock: FakeClock
    ) -> None:
        async with open_sim(database, clock, bank={"refunds": False}) as sim:
            invoice_id, payment, _ = await paid(sim)
            made = await ask(sim, payment, 2_000)
            assert (made.state, (await sim.event_types(invoice_id))[-1]) == (R.DUE, "refund.due")
            await refunds.done(sim.ctx, sim.biller, made.id, "OP 9")
            assert ("refund" in sim.bank.calls, await sums(sim, invoice_id)) == (False, ("paid", 10_000, 2_000, 0))

    async def test_what_a_person_did_at_the_providers_desk_is_counted_once(self, sim: Sim) -> None:
        invoice_id, payment, bank_id = await paid(sim)
        sim.bank.refund_fault = Rejected("not_now")
        made = await ask(sim, payment, 3_000)
        await sim.drain()
        await refunds.done(sim.ctx, sim.biller, made.id, "desk 1")
        sim.bank.give_back(bank_id, 3_000)
        await sim.tell(sim.bank.payments[bank_id])
        await sim.drain()
        (row,) = (await sim.view(invoice_id)).refunds
        assert (row.given_by, row.reference, await sums(sim, invoice_id)) == (
            By.DESK,
            "desk 1",
            ("paid", 10_000, 3_000, 0),
        )


class TestAskedFor:
    async def test_the_same_key_is_the_same_refund(self, sim: Sim) -> None:
        invoice_id, payment, _ = await paid(sim)
        wanted = Wanted(Money(2_000, "RON"))
        asked = [refunds.request(sim.ctx, sim.biller, payment, wanted, "k-1") for _ in range(5)]
        made = await asyncio.gather(*asked)
        assert ([new for _, new in made].count(True), len({row.id for row, _ in made})) == (1, 1)
        with pytest.raises(Conflict) as other:
            await ask(sim, payment, 3_000, reopen=True)
        assert sorted(other.value.differs) == ["amount.value", "reopen"]
        await sim.drain()
        assert await states(sim, invoice_id) == [("done", 2_000)]
        assert (await ask(sim, payment, 2_000)).state is R.DONE  # the same, as it is now

    async def test_many_at_once_never_give_back_more_than_came(self, sim: Sim) -> None:
        _, payment, bank_id = await paid(sim)
        asked = await asyncio.gather(
            *(ask(sim, payment, 3_000, key=f"k-{number}") for number in range(6)), return_exceptions=True
        )
        await sim.pass_time(minutes=1)
        assert sum(isinstance(one, Refund) for one in asked) == 3
        assert sim.bank.payments[bank_id].refunded == 9_000
        told = [one.request.refunded for one in sim.bank.returned.values() if one.request]
        assert told == [Money(0, "RON"), Money(3_000, "RON"), Money(6_000, "RON")]  # one after the other

    async def test_what_cannot_be_is_refused_by_name(self, sim: Sim) -> None:
        _, payment, _ = await paid(sim)
        with pytest.raises(Invalid) as currency:
            await refunds.request(sim.ctx, sim.biller, payment, Wanted(Money(100, "EUR")), "k-1")
        assert currency.value.path == "amount.currency"
        for nothing in ("pay_0000zzz", "upd_0000zzz", "inv_0000001", "x"):
            with pytest.raises(NotFound):
                await ask(sim, nothing)
        with pytest.raises(NotFound):
            await refunds.retry(sim.ctx, sim.biller, 999)

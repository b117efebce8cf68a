"""The Revolut provider: money given back, and what a mop-up reads of an account."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from gateway.ports.errors import OutcomeUnknown, Rejected, RetryLater
from gateway.ports.provider import PaymentStatus, RefundRequest, RefundStatus
from gateway.ports.values import Money
from gateway.testing.provider_bench import Fault, Happening
from gateway.testing.provider_steps import paid
from providers.revolut import RevolutProvider
from providers.revolut.orders import REFUNDS
from tests.providers.revolut_bench import RevolutBench, answered, open_bench, opened

ALL, PART = Money(12_345, "RON"), Money(45, "RON")


@pytest.fixture
async def bench() -> AsyncIterator[RevolutBench]:
    async with open_bench() as bench:
        yield bench


def back(external_id: str, **changes: Any) -> RefundRequest:
    return replace(RefundRequest("refund-1-k7", external_id, PART, ALL, "ACH1K7-R1", "duplicate"), **changes)


def day_of(bench: RevolutBench) -> tuple[datetime, datetime]:
    return bench.clock.now() - timedelta(hours=12), bench.clock.now() + timedelta(hours=12)


def refunds(bench: RevolutBench) -> int:
    return sum(order["type"] == "refund" for order in bench.account.orders.values())


class TestRefund:
    async def test_what_it_sends(self, bench: RevolutBench) -> None:
        session, _ = await paid(bench)
        await bench.provider().refund_payment(back(session.external_id))
        method, path, headers, body = bench.revolut.requests[-1]

        assert (method, path) == ("POST", f"/api/orders/{session.external_id}/refund")
        assert headers["idempotency-key"] == "refund-1-k7"
        assert body == {
            "amount": 45,
            "currency": "RON",
            "merchant_order_data": {"reference": "ACH1K7-R1"},
            "metadata": {"reason": "duplicate"},
        }

    async def test_in_parts_and_no_more_than_was_paid(self, bench: RevolutBench) -> None:
        session, _ = await paid(bench)
        provider = bench.provider()
        first = await provider.refund_payment(back(session.external_id))
        rest = back(session.external_id, idempotency_key="two", reference="R2", amount=ALL - PART)
        second = await provider.refund_payment(rest)
        update = await provider.fetch_payment(session.external_id)

        assert (first.status, first.amount) == (RefundStatus.DONE, PART)
        assert (second.status, second.amount) == (RefundStatus.DONE, ALL - PART)
        assert (update.status, update.refunded, update.received) == (PaymentStatus.PAID, ALL, ALL)
        with pytest.raises(Rejected, match="refund_amount_exceeded"):
            await provider.refund_payment(back(session.external_id, idempotency_key="three", reference="R3"))

    @pytest.mark.parametrize("conflicts", [True, False])
    async def test_one_key_is_one_refund(self, bench: RevolutBench, conflicts: bool) -> None:
        bench.revolut.key_conflicts = conflicts
        session, _ = await paid(bench)
        first = await bench.provider().refund_payment(back(session.external_id))
        again = await bench.provider().refund_payment(back(session.external_id))

        assert again == first
        assert bench.refunded(session.external_id) == 45

    async def test_a_key_in_use_whose_refund_is_not_shown_is_unknown(self, bench: RevolutBench) -> None:
        session, _ = await paid(bench)
        made = await bench.provider().refund_payment(back(session.external_id))
        bench.account.orders[made.external_id]["merchant_order_data"]["reference"] = "ANOTHER"
        with pytest.raises(OutcomeUnknown):
            await bench.provider().refund_payment(back(session.external_id))

    async def test_of_what_is_not_paid_is_refused(self, bench: RevolutBench) -> None:
        order_id = await opened(bench)
        with pytest.raises(Rejected, match="bad_state"):
            await bench.provider().refund_payment(back(order_id))

    @pytest.mark.parametrize(("fault", "made"), [(Fault.CUT_MADE, 1), (Fault.CUT_NOT_MADE, 0)])
    async def test_a_lost_answer_is_looked_up(self, bench: RevolutBench, fault: Fault, made: int) -> None:
        session, _ = await paid(bench)
        bench.arm_refund(fault)
        with pytest.raises(OutcomeUnknown):
            await bench.provider().refund_payment(back(session.external_id))
        found = await bench.provider().fetch_refund(back(session.external_id), None)

        assert refunds(bench) == made
        assert (found is not None) is bool(made)
        assert found is None or (found.status, found.amount) == (RefundStatus.DONE, PART)

    async def test_anothers_refund_is_not_taken_for_ours(self, bench: RevolutBench) -> None:
        session, _ = await paid(bench)
        other = await opened(bench, reference="OTHER")
        bench.account.pay(other)
        await bench.provider().refund_payment(back(other, reference="ACH1K7-R2"))

        assert await bench.provider().fetch_refund(back(session.external_id, reference="ACH1K7-R2"), None) is None

    @pytest.mark.parametrize(("state", "status"), [*REFUNDS.items(), ("of_tomorrow", RefundStatus.PENDING)])
    async def test_each_state(self, bench: RevolutBench, state: str, status: RefundStatus) -> None:
        bench.revolut.refunds_at_once = False
        session, _ = await paid(bench)
        made = await bench.provider().refund_payment(back(session.external_id))
        bench.account.end_refund(made.external_id, state)
        now = await bench.provider().fetch_refund(back(session.external_id), made.external_id)

        assert made.status is RefundStatus.PENDING
        assert now is not None
        assert (now.external_id, now.status) == (made.external_id, status)
        assert now.reason == (state if status is RefundStatus.FAILED else None)

    async def test_one_that_fails_later_gives_the_money_back_to_the_biller(self, bench: RevolutBench) -> None:
        session, _ = await paid(bench)
        made = await bench.provider().refund_payment(back(session.external_id))
        await bench.fail_refund(session.external_id)
        now = await bench.provider().fetch_refund(back(session.external_id), made.external_id)

        assert now is not None
        assert (now.status, now.reason) == (RefundStatus.FAILED, "restricted_card")
        assert (await bench.provider().fetch_payment(session.external_id)).refunded == Money(0, "RON")

    async def test_one_that_revolut_does_not_know_was_never_made(self, bench: RevolutBench) -> None:
        session, _ = await paid(bench)
        unknown = "6516e61c-d279-a454-a837-bc52ce55ed49"

        assert await bench.provider().fetch_refund(back(session.external_id), unknown) is None

    @pytest.mark.parametrize("external_id", [None, "x"])
    async def test_a_key_that_is_refused_is_not_a_no(self, external_id: str | None) -> None:
        with pytest.raises(RetryLater):
            await answered({"code": "unauthenticated"}, 401).fetch_refund(back("x"), external_id)

    async def test_an_answer_that_cannot_be_read_is_an_unknown_outcome(self) -> None:
        for body in (b"", b"{}", b"[]"):
            with pytest.raises(OutcomeUnknown):
                await answered(body, 201).refund_payment(back("x"))

    async def test_money_given_back_is_not_a_reversal(self, bench: RevolutBench) -> None:
        session, _ = await paid(bench)
        await bench.happen(session.external_id, Happening.REFUNDED)
        update = await bench.provider().fetch_payment(session.external_id)

        assert (update.status, update.refunded, update.reversed) == (PaymentStatus.PAID, ALL, Money(0, "RON"))


class TestList:
    @pytest.fixture
    def provider(self, bench: RevolutBench) -> RevolutProvider:
        return RevolutProvider(bench.settings, bench.wire, page=4)

    @pytest.mark.parametrize("oldest_first", [True, False])
    async def test_all_pages_whichever_end_they_begin_at(
        self, bench: RevolutBench, provider: RevolutProvider, oldest_first: bool
    ) -> None:
        bench.revolut.oldest_first = oldest_first
        since = bench.clock.now()
        made = []
        for number in range(19):
            made.append(await opened(bench, reference=f"REF{number}"))
            bench.clock.advance(seconds=40 * (number % 3))  # some in one instant
        listed = await provider.list_payments(since, bench.clock.now() + timedelta(seconds=1))

        assert sorted(update.external_id for update in listed) == sorted(made)
        assert listed[0] == await provider.fetch_payment(listed[0].external_id)

    async def test_a_list_that_stands_still_is_asked_for_again(
        self, bench: RevolutBench, provider: RevolutProvider
    ) -> None:
        for number in range(6):
            await opened(bench, reference=f"REF{number}")
        with pytest.raises(RetryLater):
            await provider.list_payments(*day_of(bench))

    async def test_what_was_touched_in_the_span(self, bench: RevolutBench, provider: RevolutProvider) -> None:
        """An old order that was paid, refunded or lost in it; none that slept, and none that is younger."""
        given_back, lost = [await opened(bench, reference=f"OLD{number}") for number in range(2)]
        for order_id in (given_back, lost):
            bench.account.pay(order_id)
        dispute_id = bench.account.dispute(lost, "under_review")
        bench.clock.advance(seconds=100 * 86_400)
        in_a_week = bench.clock.now() + timedelta(days=7)
        slept, late = [await opened(bench, reference=f"REF{number}", expires_at=in_a_week) for number in range(2)]
        bench.account.pay(slept)
        bench.clock.advance(seconds=6 * 86_400)
        since = bench.clock.now()
        bench.account.pay(late)
        refund_id = bench.account.refund(given_back, 45)
        bench.account.orders[given_back]["updated_at"] = bench.account.orders[given_back]["created_at"]
        bench.account.dispute(lost, "lost", of=dispute_id)
        bench.clock.advance(seconds=3_600)
        until = bench.clock.now()
        younger = await opened(bench, reference="YOUNGER")
        listed = {update.external_id: update for update in await provider.list_payments(since, until)}

        assert listed.keys() == {late, given_back, lost}
        assert not listed.keys() & {slept, younger, refund_id}
        assert listed[late].status is PaymentStatus.PAID
        assert listed[given_back].refunded == Money(45, "RON")
        assert listed[lost].status is PaymentStatus.REVERSED

    async def test_where_there_are_no_disputes(self, bench: RevolutBench, provider: RevolutProvider) -> None:
        bench.revolut.production = False
        session, _ = await paid(bench)
        (update,) = await provider.list_payments(*day_of(bench))

        assert (update.external_id, update.status) == (session.external_id, PaymentStatus.PAID)

    async def test_money_that_moves_otherwise_is_left_out(self, bench: RevolutBench, provider: RevolutProvider) -> None:
        order_id = await opened(bench)
        bench.account.orders[order_id]["type"] = "chargeback"

        assert await provider.list_payments(*day_of(bench)) == []

    async def test_a_dispute_about_another_shops_order_costs_nothing(
        self, bench: RevolutBench, provider: RevolutProvider
    ) -> None:
        session, _ = await paid(bench)
        dispute_id = bench.account.dispute(session.external_id, "lost")
        bench.account.disputes[dispute_id]["payment"]["order_id"] = "6516e61c-d279-a454-a837-bc52ce55ed49"

        assert [update.external_id for update in await provider.list_payments(*day_of(bench))] == [session.external_id]

    async def test_a_key_that_is_refused_is_not_an_empty_list(self, bench: RevolutBench) -> None:
        with pytest.raises(RetryLater):
            await answered({"code": "unauthenticated"}, 401).list_payments(*day_of(bench))

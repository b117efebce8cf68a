"""Stripe's way of counting, refunds, and lists: what goes out comes back exactly, once, and is found again."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.ports.errors import Rejected, RetryLater
from gateway.ports.provider import PaymentStatus, RefundStatus
from gateway.ports.values import CURRENCIES as ISO
from gateway.ports.values import MAX_MINOR, Money, decimals
from gateway.testing.provider_bench import Fault, Happening
from gateway.testing.provider_steps import a_refund, a_request, after, opened
from providers.stripe import REFUND_REASONS
from providers.stripe.amounts import CURRENCIES, money, units
from tests.fakes.stripe import ENDS_IN_0, WHOLE_ONLY
from tests.providers.stripe_answers import answered, forms, refused
from tests.providers.stripe_bench import StripeBench, open_bench


@pytest.fixture
async def bench() -> AsyncIterator[StripeBench]:
    async with open_bench() as bench:
        yield bench


class TestAmounts:
    @pytest.mark.parametrize(
        ("ours", "stripes"),
        [
            (Money(12_345, "RON"), 12_345),
            (Money(12_345, "HUF"), 12_345),  # whole forints for payouts only
            (Money(12_345, "TWD"), 12_345),
            (Money(500, "JPY"), 500),
            (Money(5, "ISK"), 500),
            (Money(500, "MGA"), 5),
            (Money(5_120, "KWD"), 5_120),
        ],
    )
    def test_as_the_vendors_page_says(self, ours: Money, stripes: int) -> None:
        assert units(ours) == stripes
        assert money(stripes, ours.currency.lower()) == ours

    @pytest.mark.parametrize("ours", [Money(5_124, "KWD"), Money(501, "MGA"), Money(500, "UGX"), Money(100, "BTN")])
    def test_nothing_is_rounded_and_nothing_guessed(self, ours: Money) -> None:
        with pytest.raises(ValueError):
            units(ours)

    @pytest.mark.parametrize(
        ("amount", "currency"),
        [
            (1.0, "ron"),
            (True, "ron"),
            ("1", "ron"),
            (-1, "ron"),
            (MAX_MINOR + 1, "ron"),
            (1, None),
            (1, "ugx"),
            (150, "isk"),
        ],
    )
    def test_what_is_no_amount(self, amount: object, currency: object) -> None:
        with pytest.raises(ValueError):
            money(amount, currency)

    @given(st.sampled_from(sorted(CURRENCIES)), st.integers(0, 10**10))
    def test_what_goes_out_comes_back(self, currency: str, minor: int) -> None:
        step = 10 if currency in ENDS_IN_0 else 100 if currency == "MGA" else 1
        ours = Money(minor // step * step, currency)

        assert money(units(ours), currency.lower()) == ours

    def test_a_kind_for_each_currency(self) -> None:
        assert CURRENCIES <= ISO
        assert {each for each in CURRENCIES if decimals(each) == 3} == ENDS_IN_0
        assert {each for each in CURRENCIES if decimals(each) == 0} ^ WHOLE_ONLY == {"ISK", "MGA"}

    async def test_a_krona_is_paid_and_given_back_as_one(self, bench: StripeBench) -> None:
        for number, amount in enumerate([Money(5, "ISK"), Money(500, "MGA")]):
            session = await after(bench, Happening.PAID, amount=amount, idempotency_key=f"p{number}")
            refund = await bench.provider().refund_payment(
                a_refund(bench, session.external_id, amount=amount, paid=amount, idempotency_key=f"r{number}")
            )
            update = await bench.provider().fetch_payment(session.external_id)

            assert (update.received, update.refunded, refund.amount) == (amount, amount, amount)


class TestRefunds:
    @pytest.mark.parametrize("reason", ["duplicate", "overpaid", "void", "requested", "fraud"])
    async def test_what_is_sent(self, bench: StripeBench, reason: str) -> None:
        session = await after(bench, Happening.PAID)
        await bench.provider().refund_payment(
            a_refund(bench, session.external_id, reason=reason, amount=Money(45, "RON"))
        )
        _, (url, form) = forms(bench)
        intent = bench.stripe.ledger.things[session.external_id]["payment_intent"]

        assert url == f"{bench.stripe.url}/v1/refunds"
        assert bench.wire.sent[-1].headers["idempotency-key"] == "refund-1-k7"
        assert form.pop("reason", None) == REFUND_REASONS.get(reason)
        assert form == {"payment_intent": intent, "amount": "45", "metadata": {"achit_refund": "RFD1K7"}}

    async def test_one_whose_key_stripe_has_forgotten_is_not_made_again(self, bench: StripeBench) -> None:
        session = await after(bench, Happening.PAID)
        request = a_refund(bench, session.external_id, amount=Money(45, "RON"))
        first = await bench.provider().refund_payment(request)
        bench.stripe.forget_keys()

        assert (await bench.provider().refund_payment(request)) == first
        assert bench.refunded(session.external_id) == 45

    async def test_two_in_parts_are_told_apart_by_our_reference(self, bench: StripeBench) -> None:
        session = await after(bench, Happening.PAID)
        asked = [
            a_refund(bench, session.external_id, amount=Money(45, "RON"), reference=name, idempotency_key=name)
            for name in ("ONE", "TWO")
        ]
        made = [await bench.provider().refund_payment(each) for each in asked]

        assert [await bench.provider().fetch_refund(each, None) for each in asked] == made
        assert made[0] != made[1]

    async def test_why_not_in_the_words_of_the_port(self, bench: StripeBench) -> None:
        all_back = await after(bench, Happening.PAID, Happening.REFUNDED)
        disputed = await after(bench, Happening.PAID, Happening.REVERSED, idempotency_key="two", reference="TWO")
        never_paid = await opened(bench, idempotency_key="three", reference="THREE")
        for session, code in (
            (all_back, "already_refunded"),
            (disputed, "not_refundable"),
            (never_paid, "not_refundable"),
        ):
            with pytest.raises(Rejected) as caught:
                await bench.provider().refund_payment(a_refund(bench, session.external_id, idempotency_key=code))
            assert caught.value.code == code

    async def test_none_is_found_where_nothing_was_paid_or_nothing_is_known(self, bench: StripeBench) -> None:
        never_paid = await opened(bench)
        for external_id in (never_paid.external_id, "cs_none"):
            assert await bench.provider().fetch_refund(a_refund(bench, external_id), None) is None
        assert await bench.provider().fetch_refund(a_refund(bench, "cs_none"), "re_none") is None

    async def test_a_refusal_to_tell_is_not_a_no(self, bench: StripeBench) -> None:
        """A None would let the core give the money back again."""
        provider = answered(refused(code="api_key_expired"), 401)
        for external_id in (None, "re_1"):
            with pytest.raises(RetryLater):
                await provider.fetch_refund(a_refund(bench, "cs_1"), external_id)

    async def test_one_that_fails_later_says_why(self, bench: StripeBench) -> None:
        session = await after(bench, Happening.PAID)
        request = a_refund(bench, session.external_id)
        refund = await bench.provider().refund_payment(request)
        await bench.fail_refund(session.external_id)
        later = await bench.provider().fetch_refund(request, refund.external_id)

        assert refund.status is RefundStatus.DONE
        assert (later.status, later.reason) == (RefundStatus.FAILED, "expired_or_canceled_card")


class TestLists:
    async def test_more_than_a_page(self, bench: StripeBench) -> None:
        since = bench.clock.now()
        made = [await opened(bench, idempotency_key=f"k{number}", reference=f"R{number}") for number in range(101)]
        for session in made[:34]:
            bench.stripe.ledger.pay(session.external_id)  # three events each
        bench.clock.advance(seconds=60)
        bench.wire.sent.clear()
        listed = await bench.provider().list_payments(since, bench.clock.now())

        assert {each.external_id for each in listed} == {each.external_id for each in made}
        assert [each.status for each in listed].count(PaymentStatus.PAID) == 34
        assert len(bench.wire.sent) == 3, "a page of events and two of sessions: none is asked for by itself"

    async def test_an_old_payment_that_was_touched_and_none_that_is_not_ours(self, bench: StripeBench) -> None:
        names = ("REFUNDED", "DISPUTED", "STILL")
        old = [await after(bench, Happening.PAID, idempotency_key=name, reference=name) for name in names]
        other = await after(bench, Happening.PAID, idempotency_key="shop", reference="SHOP")
        ledger = bench.stripe.ledger
        ledger.things[other.external_id]["metadata"] = {"order": "6735"}
        bench.clock.advance(timedelta(days=9))
        since = bench.clock.now()
        ledger.refund_at_desk(old[0].external_id, 45)
        ledger.dispute(old[1].external_id)
        ledger.dispute(other.external_id)
        bench.clock.advance(seconds=60)
        listed = {each.reference: each for each in await bench.provider().list_payments(since, bench.clock.now())}

        assert listed.keys() == {"REFUNDED", "DISPUTED"}
        assert listed["REFUNDED"].refunded == Money(45, "RON")
        assert listed["DISPUTED"].status is PaymentStatus.REVERSED
        for update in listed.values():
            assert update == await bench.provider().fetch_payment(update.external_id)

    async def test_one_that_stripe_has_lost_is_left_out(self, bench: StripeBench) -> None:
        session = await opened(bench)
        bench.clock.advance(timedelta(days=2))
        since = bench.clock.now()
        bench.stripe.ledger.expire(session.external_id)
        del bench.stripe.ledger.things[session.external_id]

        assert await bench.provider().list_payments(since, since + timedelta(days=1)) == []

    async def test_an_outage_is_not_an_empty_list(self, bench: StripeBench) -> None:
        now = bench.clock.now()
        for provider in (answered(b"", 500), answered({"data": None}), answered({"data": [{}], "has_more": False})):
            with pytest.raises(RetryLater):
                await provider.list_payments(now - timedelta(days=1), now)


async def test_a_fee_is_known_when_the_charge_has_been_booked(bench: StripeBench) -> None:
    """Captured asynchronously: at first nobody knows what it costs."""
    session = await after(bench, Happening.PAID)
    before = await bench.provider().fetch_payment(session.external_id)
    bench.stripe.ledger.book_fee(session.external_id)
    later = await bench.provider().fetch_payment(session.external_id)

    assert (before.fee, later.fee) == (None, Money(12_345 * 15 // 1000 + 100, "RON"))
    assert before.event_id != later.event_id


async def test_a_refund_without_an_answer_is_one_refund(bench: StripeBench) -> None:
    session = await after(bench, Happening.PAID)
    request = a_refund(bench, session.external_id, amount=Money(45, "RON"))
    bench.arm_refund(Fault.CUT_MADE)
    with pytest.raises(Exception, match="broke"):
        await bench.provider().refund_payment(request)
    refund = await bench.provider().refund_payment(request)

    assert bench.refunded(session.external_id) == 45 == refund.amount.minor
    assert a_request(bench).amount.minor > 45

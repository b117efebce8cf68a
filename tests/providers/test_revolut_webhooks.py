"""The Revolut provider's webhooks: what they prove, what they say of orders and disputes, and what they do not."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta

import orjson
import pytest

from gateway.ports.errors import InvalidSignature, MalformedWebhook, RetryLater
from gateway.ports.provider import PaymentStatus
from gateway.ports.values import Money
from gateway.testing.provider_bench import Key
from gateway.testing.provider_steps import paid, parsed
from providers.revolut import DISPUTE_EVENTS, ORDER_EVENTS
from tests.providers.revolut_bench import RevolutBench, answered, open_bench, opened

S = PaymentStatus


@pytest.fixture
async def bench() -> AsyncIterator[RevolutBench]:
    async with open_bench() as bench:
        yield bench


class TestWebhooks:
    @pytest.mark.parametrize("event", sorted(ORDER_EVENTS))
    async def test_each_event_of_an_order_is_looked_at(self, bench: RevolutBench, event: str) -> None:
        """It is the order that is believed: here the money, whatever the webhook is called."""
        session, _ = await paid(bench)
        (update,) = await parsed(bench, bench.account.event(event, session.external_id))

        assert (update.status, update.received) == (S.PAID, Money(12_345, "RON"))
        assert update.reference == "ACH1K7"

    @pytest.mark.parametrize(
        "body",
        [
            b'{"event":"PAYOUT_COMPLETED","payout_id":"x"}',
            b'{"event":"SUBSCRIPTION_INITIATED","subscription_id":"x"}',
            b'{"event":"ORDER_INCREMENTAL_AUTHORISATION_AUTHORISED","order_id":"x"}',
            b'{"event":"ORDER_OF_TOMORROW","order_id":"x"}',
        ],
    )
    async def test_other_news_is_not_asked_about(self, bench: RevolutBench, body: bytes) -> None:
        assert await parsed(bench, body) == ()
        assert bench.wire.sent == []

    async def test_a_webhook_that_lies_about_money_is_not_believed(self, bench: RevolutBench) -> None:
        order_id = await opened(bench)
        (update,) = await parsed(bench, bench.account.event("ORDER_COMPLETED", order_id))

        assert (update.status, update.received) == (S.PENDING, Money(0, "RON"))

    async def test_a_forged_one_is_not_asked_about(self, bench: RevolutBench) -> None:
        body = (await paid(bench))[1]
        bench.wire.sent.clear()
        for forged in (bench.unsigned(body), bench.sign(body, bench.clock.now(), Key.STRANGER)):
            with pytest.raises(InvalidSignature):
                await bench.provider().parse_webhook(forged)

        assert bench.wire.sent == []

    @pytest.mark.parametrize(("seconds", "good"), [(-301, False), (-299, True), (299, True), (301, False)])
    async def test_the_time_is_in_milliseconds(self, bench: RevolutBench, seconds: int, good: bool) -> None:
        request = bench.sign((await paid(bench))[1], bench.clock.now() + timedelta(seconds=seconds))
        assert len(request.headers["revolut-request-timestamp"]) == 13
        if good:
            assert await bench.provider().parse_webhook(request)
        else:
            with pytest.raises(InvalidSignature):
                await bench.provider().parse_webhook(request)

    @pytest.mark.parametrize(
        "change",
        [
            lambda proof: f"v2={proof}",
            lambda proof: proof,
            lambda proof: f"v1={proof}".upper(),
            lambda proof: "",
            lambda proof: "v1=,v1",
            lambda proof: f"v1={proof[:-1]}",
        ],
    )
    async def test_another_scheme_proves_nothing(self, bench: RevolutBench, change: object) -> None:
        genuine = bench.sign((await paid(bench))[1], bench.clock.now())
        proof = genuine.headers["revolut-signature"].removeprefix("v1=")
        headers = {**genuine.headers, "revolut-signature": change(proof)}  # type: ignore[operator]
        with pytest.raises(InvalidSignature):
            await bench.provider().parse_webhook(replace(genuine, headers=headers))

    async def test_one_right_signature_among_several_is_enough(self, bench: RevolutBench) -> None:
        genuine = bench.sign((await paid(bench))[1], bench.clock.now())
        several = f"v1={'0' * 64}, v2=x,{genuine.headers['revolut-signature']}"

        assert await bench.provider().parse_webhook(
            replace(genuine, headers={**genuine.headers, "revolut-signature": several})
        )

    async def test_an_order_that_revolut_does_not_know_cannot_be_read(self, bench: RevolutBench) -> None:
        for order_id in ("6516e61c-d279-a454-a837-bc52ce55ed49", "x"):
            with pytest.raises(MalformedWebhook):
                await parsed(bench, orjson.dumps({"event": "ORDER_COMPLETED", "order_id": order_id}))

    @pytest.mark.parametrize("status", [401, 403, 500, 302])
    async def test_when_revolut_does_not_answer_it_shall_call_again(self, bench: RevolutBench, status: int) -> None:
        genuine = bench.sign((await paid(bench))[1], bench.clock.now())
        with pytest.raises(RetryLater):
            await answered({"code": "forbidden"}, status).parse_webhook(genuine)

    async def test_one_told_again_after_more_has_happened_is_news(self, bench: RevolutBench) -> None:
        session, body = await paid(bench)
        (first,) = await parsed(bench, body)
        bench.account.refund(session.external_id, 45)
        (again,) = await parsed(bench, body)

        assert (first.refunded, again.refunded) == (Money(0, "RON"), Money(45, "RON"))
        assert first.event_id != again.event_id


class TestDisputes:
    async def test_only_a_lost_one_takes_money_back(self, bench: RevolutBench) -> None:
        session, _ = await paid(bench)
        dispute_id = bench.account.dispute(session.external_id, "needs_response", minor=5_000)
        told = []
        for state, event in zip(
            ("needs_response", "under_review", "lost"), ("ACTION_REQUIRED", "UNDER_REVIEW", "LOST"), strict=True
        ):
            bench.clock.advance(seconds=60)
            bench.account.dispute(session.external_id, state, of=dispute_id)
            told += await parsed(bench, orjson.dumps({"event": f"DISPUTE_{event}", "dispute_id": dispute_id}))

        assert [update.status for update in told] == [S.PAID, S.PAID, S.REVERSED]
        assert [update.reversed for update in told] == [Money(0, "RON"), Money(0, "RON"), Money(5_000, "RON")]
        assert {update.external_id for update in told} == {session.external_id}
        assert told[-1].occurred_at == bench.clock.now()
        assert len({update.event_id for update in told}) == 3

    async def test_a_won_one_takes_nothing(self, bench: RevolutBench) -> None:
        session, _ = await paid(bench)
        dispute_id = bench.account.dispute(session.external_id, "won")
        (update,) = await parsed(bench, orjson.dumps({"event": "DISPUTE_WON", "dispute_id": dispute_id}))

        assert (update.status, update.reversed) == (S.PAID, Money(0, "RON"))

    async def test_lost_ones_add_up(self, bench: RevolutBench) -> None:
        session, _ = await paid(bench)
        for minor in (1_000, 2_000):
            bench.account.dispute(session.external_id, "lost", minor=minor)

        assert (await bench.provider().fetch_payment(session.external_id)).reversed == Money(3_000, "RON")

    async def test_one_in_another_currency_is_not_guessed_at(self, bench: RevolutBench) -> None:
        session, _ = await paid(bench)
        dispute_id = bench.account.dispute(session.external_id, "lost")
        bench.account.disputes[dispute_id]["currency"] = "EUR"
        with pytest.raises(RetryLater):
            await bench.provider().fetch_payment(session.external_id)

    async def test_where_there_are_none_it_is_not_known(self, bench: RevolutBench) -> None:
        """Revolut's sandbox has no disputes; a payment is believed all the same."""
        bench.revolut.production = False
        session, _ = await paid(bench)
        update = await bench.provider().fetch_payment(session.external_id)

        assert (update.status, update.reversed) == (S.PAID, None)

    def test_each_event_is_known(self) -> None:
        assert len(DISPUTE_EVENTS) == 4

"""The Revolut provider's own wire: each row of its tables, what it sends, and Revolut's traps."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta

import orjson
import pytest

from gateway.ports.errors import OutcomeUnknown, Rejected, RetryLater
from gateway.ports.provider import PaymentSession, PaymentStatus
from gateway.ports.values import Money, Secret
from gateway.testing.provider_steps import a_request, parsed
from providers.revolut import PROVIDER, Settings, duration, public
from providers.revolut.orders import ORDERS, PAYMENTS, REASONS
from tests.providers.revolut_bench import API_KEY, PRESENT, RevolutBench, answered, open_bench, opened

S = PaymentStatus
ORDER = {
    "id": "6516e61c-d279-a454-a837-bc52ce55ed49",
    "type": "payment",
    "state": "pending",
    "created_at": "2026-11-23T09:00:00.000000Z",
    "updated_at": "2026-11-23T09:00:00.000000Z",
    "amount": 12_345,
    "outstanding_amount": 12_345,
    "refunded_amount": 0,
    "currency": "RON",
    "merchant_order_data": {"reference": "ACH1K7"},
    "checkout_url": "https://checkout.revolut.com/payment-link/0adc0e3c-ab44-4f33-bcc0-534ded7354ce",
}


@pytest.fixture
async def bench() -> AsyncIterator[RevolutBench]:
    async with open_bench() as bench:
        yield bench


class TestCreate:
    async def test_what_it_sends(self, bench: RevolutBench) -> None:
        asked = a_request(
            bench, amount=Money(1_255, "KWD"), method="card", return_url="https://pay.example.ro/p/abc/return"
        )
        session = await bench.provider(replace(bench.settings, api_url=bench.revolut.url + "/")).create_payment(asked)
        (sent,) = bench.wire.sent

        assert (sent.method, sent.url) == ("POST", f"{bench.revolut.url}/api/orders")
        assert sent.headers["authorization"] == f"Bearer {API_KEY.reveal()}"
        assert sent.headers["revolut-api-version"] == "2026-04-20"
        assert orjson.loads(sent.body) == {
            "amount": 1_255,
            "currency": "KWD",
            "description": "Energie martie, Ana Popescu",
            "capture_mode": "automatic",
            "expire_pending_after": "PT30M",
            "merchant_order_data": {"reference": "ACH1K7"},
            "redirect_url": "https://pay.example.ro/p/abc/return",
        }
        assert session.redirect_url == bench.account.orders[session.external_id]["checkout_url"]
        assert session.expires_at == bench.clock.now() + timedelta(minutes=30)

    async def test_the_payers_address_is_not_sent(self, bench: RevolutBench) -> None:
        await opened(bench)

        assert all(b"ana.popescu" not in sent.body for sent in bench.wire.sent)

    @pytest.mark.parametrize(
        ("left", "sent"),
        [
            (timedelta(minutes=30, milliseconds=900), "PT30M"),
            (timedelta(hours=1, minutes=2, seconds=3), "PT1H2M3S"),
            (timedelta(days=1), "PT24H"),
            (timedelta(seconds=59), "PT1M"),
            (timedelta(seconds=-5), "PT1M"),
            (timedelta(hours=720), "PT720H"),
            (timedelta(days=45), "PT720H"),
        ],
    )
    async def test_an_order_lives_as_long_as_asked_within_what_revolut_bears(
        self, bench: RevolutBench, left: timedelta, sent: str
    ) -> None:
        session = await bench.provider().create_payment(a_request(bench, expires_at=bench.clock.now() + left))
        (asked,) = (body for method, _, _, body in bench.revolut.requests if method == "POST")
        bench.clock.move_to(session.expires_at - timedelta(seconds=1))
        before = await bench.provider().fetch_payment(session.external_id)
        bench.clock.move_to(session.expires_at)
        after = await bench.provider().fetch_payment(session.external_id)

        assert asked["expire_pending_after"] == sent
        assert session.expires_at.microsecond == 0
        assert (before.status, after.status) == (S.PENDING, S.EXPIRED)

    async def test_without_a_time_to_count_from_the_order_stays_open(self, bench: RevolutBench) -> None:
        session = await bench.provider().create_payment(a_request(bench, asked_at=None))
        bench.clock.advance(seconds=86_400)

        assert "expire_pending_after" not in bench.revolut.requests[0][3]
        assert session.expires_at is None
        assert (await bench.provider().fetch_payment(session.external_id)).status is S.PENDING

    def test_a_duration_of_nothing_is_one_too(self) -> None:
        assert duration(timedelta(0)) == "PT0S"

    @pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "[::1]", "10.0.0.7:8800"])
    async def test_a_host_that_revolut_refuses_is_not_sent(self, bench: RevolutBench, host: str) -> None:
        await opened(bench, return_url=f"http://{host}/p/abc/return")

        assert "redirect_url" not in bench.revolut.requests[0][3]
        assert not public(f"http://{host}/p/abc/return")

    def test_an_address_that_is_too_long_is_not_sent(self) -> None:
        assert public("https://pay.example.ro/" + "x" * 1_900)
        assert not public("https://pay.example.ro/" + "x" * 2_000)

    @pytest.mark.parametrize(
        "body", [b"", b"null", b"[]", b"{}", b"<html>", {**ORDER, "id": 5}, {**ORDER, "amount": 1.5}]
    )
    async def test_an_answer_that_cannot_be_read_is_an_unknown_outcome(self, bench: RevolutBench, body: object) -> None:
        with pytest.raises(OutcomeUnknown):
            await answered(body, 201).create_payment(a_request(bench))

    async def test_an_order_without_a_page_is_an_unknown_outcome(self, bench: RevolutBench) -> None:
        without = {name: value for name, value in ORDER.items() if name != "checkout_url"}
        with pytest.raises(OutcomeUnknown):
            await answered(without, 201).create_payment(a_request(bench))

    @pytest.mark.parametrize(
        ("status", "body", "code"),
        [
            (422, {"code": "validation", "timestamp": 1}, "validation"),
            (422, {"code": 1_005, "message": "Ana", "timestamp": 1}, "1005"),
            (401, {"code": "unauthenticated"}, "unauthenticated"),
            (400, b"<html>", "http_400"),
            (404, {"code": "Ana Popescu <ana@example.ro>"}, "http_404"),
            (400, {"code": True}, "http_400"),
            (302, b"", "http_302"),
        ],
    )
    async def test_a_refusal_has_a_code_and_nothing_personal(
        self, bench: RevolutBench, status: int, body: object, code: str
    ) -> None:
        with pytest.raises(Rejected) as caught:
            await answered(body, status).create_payment(a_request(bench))

        assert caught.value.code == str(caught.value) == code

    async def test_a_crash_is_unknown_for_what_submits_only(self, bench: RevolutBench) -> None:
        crashed = answered(b"", 500)
        for post in (crashed.create_payment(a_request(bench)), crashed.cancel_payment("x")):
            with pytest.raises(OutcomeUnknown):
                await post
        for read in (crashed.fetch_payment("x"), crashed.find_payment(a_request(bench))):
            with pytest.raises(RetryLater):
                await read


class TestStates:
    @pytest.mark.parametrize(("state", "status"), ORDERS.items())
    async def test_of_an_order(self, bench: RevolutBench, state: str, status: PaymentStatus) -> None:
        order_id = await opened(bench)
        bench.account.set_state(order_id, state)

        assert (await bench.provider().fetch_payment(order_id)).status is status

    @pytest.mark.parametrize(("state", "status"), PAYMENTS.items())
    @pytest.mark.parametrize("of", ["pending", "processing"])
    async def test_of_the_newest_payment_while_the_order_is_open(
        self, bench: RevolutBench, of: str, state: str, status: PaymentStatus
    ) -> None:
        order_id = await opened(bench)
        bench.account.try_to_pay(order_id, "declined")
        bench.clock.advance(seconds=1)
        bench.account.try_to_pay(order_id, state, minor=1)
        bench.account.orders[order_id]["payments"].reverse()  # in whatever order they are shown
        bench.account.set_state(order_id, of)

        assert (await bench.provider().fetch_payment(order_id)).status is status

    @pytest.mark.parametrize(("said", "reason"), [*REASONS.items(), ("do_not_honour", "declined"), ("", "declined")])
    async def test_a_decline_leaves_the_order_open_and_says_why(
        self, bench: RevolutBench, said: str, reason: str
    ) -> None:
        order_id = await opened(bench)
        bench.account.try_to_pay(order_id, "declined", reason=said)
        declined = await bench.provider().fetch_payment(order_id)
        bench.account.pay(order_id)
        later = await bench.provider().fetch_payment(order_id)

        assert (declined.status, declined.reason) == (S.FAILED, reason)
        assert declined.received == Money(0, "RON")
        assert (later.status, later.reason, later.received) == (S.PAID, None, Money(12_345, "RON"))

    async def test_two_declines_are_two_news(self, bench: RevolutBench) -> None:
        order_id = await opened(bench)
        events = []
        for _ in range(2):
            bench.clock.advance(seconds=1)
            bench.account.try_to_pay(order_id, "declined", reason="insufficient_funds")
            events += await parsed(bench, bench.webhook_body(order_id))

        assert len({event.event_id for event in events}) == 2

    async def test_an_order_that_fails_after_a_try_has_failed(self, bench: RevolutBench) -> None:
        order_id = await opened(bench)
        bench.account.try_to_pay(order_id, "failed", reason="expired_card")
        bench.account.set_state(order_id, "failed")
        update = await bench.provider().fetch_payment(order_id)

        assert (update.status, update.reason) == (S.FAILED, "expired_card")

    async def test_a_cancelled_order_owes_nothing_and_was_not_paid(self, bench: RevolutBench) -> None:
        """Its `outstanding_amount` is 0, as that of a paid one."""
        order_id = await opened(bench)
        await bench.provider().cancel_payment(order_id)
        update = await bench.provider().fetch_payment(order_id)

        assert bench.account.orders[order_id]["outstanding_amount"] == 0
        assert (update.status, update.received) == (S.CANCELLED, Money(0, "RON"))

    async def test_an_authorised_order_has_brought_nothing_yet(self, bench: RevolutBench) -> None:
        order_id = await opened(bench)
        bench.account.try_to_pay(order_id, "authorised")
        bench.account.set_state(order_id, "authorised")
        update = await bench.provider().fetch_payment(order_id)

        assert (update.status, update.received) == (S.ACCEPTED, Money(0, "RON"))
        bench.account.set_state(order_id, "processing")
        with pytest.raises(Rejected):
            await bench.provider().cancel_payment(order_id)

    async def test_an_order_that_has_failed_counts_as_closed(self, bench: RevolutBench) -> None:
        order_id = await opened(bench)
        bench.account.set_state(order_id, "failed")

        await bench.provider().cancel_payment(order_id)

    @pytest.mark.parametrize(
        ("fees", "fee"),
        [
            ([], None),
            ([{"type": "acquiring", "amount": 123, "currency": "RON"}], Money(123, "RON")),
            (
                [
                    {"type": "acquiring", "amount": 123, "currency": "RON"},
                    {"type": "fx", "amount": 7, "currency": "RON"},
                ],
                Money(130, "RON"),
            ),
            ([{"type": "acquiring", "amount": 123, "currency": "EUR"}], None),
        ],
    )
    async def test_a_fee_is_what_the_payments_list(
        self, bench: RevolutBench, fees: list[dict[str, object]], fee: Money | None
    ) -> None:
        order_id = await opened(bench)
        bench.account.pay(order_id, fees=fees)

        assert (await bench.provider().fetch_payment(order_id)).fee == fee

    @pytest.mark.parametrize(
        "change",
        [
            {"amount": 1.5},
            {"amount": "1"},
            {"amount": -1},
            {"amount": True},
            {"currency": "XXX"},
            {"updated_at": "2026-11-23T09:00:00"},
            {"payments": {"x": 1}},
            {"payments": [None]},
            {"outstanding_amount": None},
            {"merchant_order_data": {"reference": 5}},
        ],
    )
    async def test_an_answer_that_cannot_be_read_is_asked_for_again(self, change: dict[str, object]) -> None:
        assert (await answered(ORDER).fetch_payment("x")).reference == "ACH1K7"
        with pytest.raises(RetryLater):
            await answered({**ORDER, **change}).fetch_payment("x")


class TestFind:
    async def test_the_order_of_this_try_and_no_other(self, bench: RevolutBench) -> None:
        other = await opened(bench, reference="ACH1K70")
        session = await bench.provider().create_payment(a_request(bench))
        found = await bench.provider().find_payment(a_request(bench))

        assert found is not None
        assert found.external_id == session.external_id != other
        assert found.redirect_url == session.redirect_url
        assert "merchant_order_data_reference=ACH1K7&" in bench.wire.sent[2].url + "&"

    async def test_an_odd_reference_is_found(self, bench: RevolutBench) -> None:
        asked = a_request(bench, reference="A&B=c d/é#?+")
        session = await bench.provider().create_payment(asked)

        assert (await bench.provider().find_payment(asked)).external_id == session.external_id

    async def test_one_that_is_over_leads_back_to_us(self, bench: RevolutBench) -> None:
        order_id = await opened(bench)
        bench.account.set_state(order_id, "failed")
        found = await bench.provider().find_payment(a_request(bench))

        assert found == PaymentSession(order_id, a_request(bench).return_url)

    @pytest.mark.parametrize("body", [b"", b"[]", b"{}", {"orders": {}}, {"orders": [None]}, {"orders": [{}]}])
    async def test_an_answer_that_cannot_be_read_is_not_a_no(self, bench: RevolutBench, body: object) -> None:
        with pytest.raises(RetryLater):
            await answered(body).find_payment(a_request(bench))


def test_the_plugin_declares_what_it_can() -> None:
    assert [method.name for method in PROVIDER.methods] == ["revolut", "card"]
    assert PROVIDER.cancels
    assert PROVIDER.finds_payments
    assert PROVIDER.refunds
    assert PROVIDER.lists_payments
    assert not PROVIDER.idempotent
    assert PROVIDER.currencies is None


def test_the_default_is_production() -> None:
    assert Settings(Secret("sk"), PRESENT).api_url == "https://merchant.revolut.com"

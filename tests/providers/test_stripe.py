"""The Stripe provider's own wire: what it sends, and what an error means."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta

import pytest

from gateway.ports.errors import OutcomeUnknown, Rejected, RetryLater
from gateway.ports.provider import PaymentStatus
from gateway.ports.values import Money
from gateway.testing.provider_bench import Fault, Happening
from gateway.testing.provider_steps import a_request, after, opened
from providers.stripe import LONGEST, PROVIDER, REFUND_REASONS, SHORTEST
from tests.fakes.stripe import VERSION, decoded
from tests.providers.stripe_answers import SESSION, answered, refused
from tests.providers.stripe_bench import API_KEY, StripeBench, open_bench

S = PaymentStatus


@pytest.fixture
async def bench() -> AsyncIterator[StripeBench]:
    async with open_bench() as bench:
        yield bench


class TestWhatIsSent:
    async def test_a_session(self, bench: StripeBench) -> None:
        request = a_request(bench, asked_at=bench.clock.now(), expires_at=bench.clock.now() + timedelta(hours=2))
        session = await bench.provider().create_payment(request)
        (sent,) = bench.wire.sent

        assert (sent.method, sent.url) == ("POST", f"{bench.stripe.url}/v1/checkout/sessions")
        assert sent.headers == {
            "authorization": f"Bearer {API_KEY.reveal()}",
            "stripe-version": VERSION,
            "content-type": "application/x-www-form-urlencoded",
            "idempotency-key": "attempt-1-k7",
        }
        assert decoded(sent.body.decode()) == {
            "mode": "payment",
            "client_reference_id": "ACH1K7",
            "success_url": "http://127.0.0.1:9/p/abc/return",
            "cancel_url": "http://127.0.0.1:9/p/abc/return",
            "expires_at": str(int(request.expires_at.timestamp())),
            "locale": "ro",
            "line_items": [
                {
                    "quantity": "1",
                    "price_data": {
                        "currency": "ron",
                        "unit_amount": "12345",
                        "product_data": {"name": "Energie martie, Ana Popescu"},
                    },
                }
            ],
            "metadata": {"achit_reference": "ACH1K7"},
            "payment_intent_data": {
                "metadata": {"achit_reference": "ACH1K7"},
                "description": "Energie martie, Ana Popescu",
            },
            "allowed_payment_method_types": ["card"],
            "customer_email": "ana.popescu@example.ro",
        }
        assert session.external_id == bench.stripe.ledger.made("checkout.session")[0]["id"]
        assert session.redirect_url == f"{bench.stripe.url}/c/pay/{session.external_id}"
        assert session.expires_at == request.expires_at

    async def test_nothing_of_the_payers_browser_nor_what_is_not_there(self, bench: StripeBench) -> None:
        provider = bench.provider(replace(bench.settings, allowed_payment_method_types=()))
        await provider.create_payment(a_request(bench, payer_email=None, description=""))
        body = bench.wire.sent[0].body.decode()

        assert decoded(body)["line_items"][0]["price_data"]["product_data"] == {"name": "ACH1K7"}
        assert not decoded(body).keys() & {"customer_email", "allowed_payment_method_types"}
        assert "192.0.2.44" not in body
        assert "Mozilla" not in body

    @pytest.mark.parametrize(
        ("asked", "given"),
        [
            (timedelta(minutes=1), SHORTEST),
            (timedelta(minutes=30), SHORTEST),
            (timedelta(minutes=45), timedelta(minutes=45)),
            (timedelta(hours=24), LONGEST),
            (timedelta(days=3), LONGEST),
        ],
    )
    async def test_an_expiry_that_stripe_takes(self, bench: StripeBench, asked: timedelta, given: timedelta) -> None:
        now = bench.clock.now()
        request = a_request(bench, asked_at=now, expires_at=now + asked)
        bench.clock.advance(seconds=90)  # on the way, or a clock that is wrong
        session = await bench.provider().create_payment(request)

        assert session.expires_at == now + given

    async def test_the_same_request_later_is_the_same_form(self, bench: StripeBench) -> None:
        """The answer was lost; hours later it is asked for again under the same key."""
        request = a_request(bench, asked_at=bench.clock.now())
        bench.arm(Fault.CUT_MADE)
        with pytest.raises(OutcomeUnknown):
            await bench.provider().create_payment(request)
        bench.clock.advance(timedelta(hours=20))
        session = await bench.provider().create_payment(request)

        assert bench.stripe.replayed == 1
        assert bench.made("ACH1K7") == 1
        assert session.external_id == bench.stripe.ledger.made("checkout.session")[0]["id"]

    async def test_one_that_was_never_made_is_refused_when_its_time_is_over(self, bench: StripeBench) -> None:
        request = a_request(bench, asked_at=bench.clock.now())
        bench.arm(Fault.CUT_NOT_MADE)
        with pytest.raises(OutcomeUnknown):
            await bench.provider().create_payment(request)
        bench.clock.advance(timedelta(hours=20))
        with pytest.raises(Rejected, match=r"^parameter_invalid: expires_at$"):
            await bench.provider().create_payment(request)

    @pytest.mark.parametrize(
        ("locale", "stripes"),
        [("ro", "ro"), ("ro-RO", "ro"), ("en-GB", "en-GB"), ("en-US", "en"), ("pt-BR", "pt-BR"), ("uk", "auto")],
    )
    async def test_a_language(self, bench: StripeBench, locale: str, stripes: str) -> None:
        await bench.provider().create_payment(a_request(bench, locale=locale))

        assert decoded(bench.wire.sent[0].body.decode())["locale"] == stripes

    async def test_for_a_connected_account(self) -> None:
        async with open_bench(account="acct_acme") as bench:
            session = await after(bench, Happening.PAID)
            update = await bench.provider().fetch_payment(session.external_id)

        assert update.status is PaymentStatus.PAID
        assert {sent.headers["stripe-account"] for sent in bench.wire.sent} == {"acct_acme"}

    async def test_an_amount_that_stripe_cannot_take_is_not_sent(self, bench: StripeBench) -> None:
        for amount in (Money(1_255, "KWD"), Money(12_345, "MGA"), Money(500, "UGX")):
            with pytest.raises(Rejected, match="amount_not_chargeable"):
                await bench.provider().create_payment(a_request(bench, amount=amount))
        assert bench.wire.sent == []


class TestWhatAnErrorMeans:
    @pytest.mark.parametrize(
        ("status", "headers", "body", "submitting", "reading"),
        [
            (400, {}, refused(code="amount_too_small", param="amount"), Rejected, Rejected),
            (401, {}, refused(), Rejected, Rejected),
            (402, {}, refused(type="card_error", code="card_declined"), Rejected, Rejected),
            (400, {}, refused(type="idempotency_error"), Rejected, Rejected),
            (409, {}, refused(type="idempotency_error", code="idempotency_key_in_use"), OutcomeUnknown, RetryLater),
            (409, {"stripe-should-retry": "true"}, refused(), OutcomeUnknown, RetryLater),
            (500, {}, b"<html>", OutcomeUnknown, RetryLater),
            (500, {"stripe-should-retry": "false"}, refused(type="api_error"), OutcomeUnknown, RetryLater),
            (400, {"stripe-should-retry": "true", "retry-after": "4"}, refused(), RetryLater, RetryLater),
            (400, {"stripe-should-retry": "false"}, refused(), Rejected, Rejected),
            (302, {}, b"", Rejected, Rejected),
            (200, {}, b"<html>", OutcomeUnknown, RetryLater),
            (200, {}, [], OutcomeUnknown, RetryLater),
            (200, {}, {**SESSION, "id": None}, OutcomeUnknown, RetryLater),
            (200, {}, {**SESSION, "expires_at": 2**60}, OutcomeUnknown, RetryLater),
        ],
    )
    async def test_table(
        self,
        bench: StripeBench,
        status: int,
        headers: dict[str, str],
        body: object,
        submitting: type[Exception],
        reading: type[Exception],
    ) -> None:
        provider = answered(body, status, **{name.replace("-", "_"): value for name, value in headers.items()})
        with pytest.raises(submitting) as caught:
            await provider.create_payment(a_request(bench))
        assert getattr(caught.value, "after_s", 4.0) == 4.0
        with pytest.raises(reading):
            await provider.fetch_payment("cs_1")

    @pytest.mark.parametrize(
        ("error", "said"),
        [
            (
                refused(code="amount_too_small", param="line_items[0][price_data]"),
                "amount_too_small: line_items[0][price_data]",
            ),
            (refused(type="card_error", code="card_declined", decline_code="lost_card"), "lost_card"),
            (refused(type="idempotency_error"), "idempotency_error"),
            (refused(code="Ana Popescu", param="ana.popescu@example.ro"), "invalid_request_error"),
            ({"error": "Ana Popescu"}, "http_400"),
            (b"Ana Popescu", "http_400"),
        ],
    )
    async def test_a_refusal_has_a_code_and_nothing_personal(self, error: object, said: str) -> None:
        with pytest.raises(Rejected) as caught:
            await answered(error, 400).fetch_payment("cs_1")

        assert str(caught.value) == said

    async def test_a_key_that_another_call_holds_is_an_unknown_outcome(self, bench: StripeBench) -> None:
        bench.stripe.busy.add("attempt-1-k7")
        with pytest.raises(OutcomeUnknown):
            await bench.provider().create_payment(a_request(bench))

    async def test_a_key_that_was_used_for_something_else_is_refused(self, bench: StripeBench) -> None:
        await opened(bench)
        with pytest.raises(Rejected, match="idempotency_error"):
            await bench.provider().create_payment(a_request(bench, amount=Money(99, "RON")))


def test_the_plugin_declares_what_it_can() -> None:
    assert PROVIDER.idempotent
    assert PROVIDER.cancels
    assert PROVIDER.refunds
    assert PROVIDER.lists_payments
    assert PROVIDER.hosted
    assert not PROVIDER.finds_payments, "the same key gives the first session again: nothing is to be searched for"
    assert [method.name for method in PROVIDER.methods] == ["card"]
    assert set(REFUND_REASONS.values()) == {"duplicate", "fraudulent", "requested_by_customer"}


async def test_cancelling_what_is_under_way_says_so(bench: StripeBench) -> None:
    session = await opened(bench)
    bench.stripe.ledger.debit(session.external_id)
    with pytest.raises(Rejected, match="already_processing"):
        await bench.provider().cancel_payment(session.external_id)
    bench.stripe.ledger.pay(session.external_id)
    with pytest.raises(Rejected, match="already_paid"):
        await bench.provider().cancel_payment(session.external_id)
    with pytest.raises(Rejected, match="resource_missing"):
        await bench.provider().cancel_payment("cs_none")

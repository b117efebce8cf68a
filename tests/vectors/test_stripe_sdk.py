"""The official SDK as a judge: it verifies what our fake signs, signs what we accept, knows each name that we send, and is a client.

It is of the API version that the adapter pins, and is no part of the product: see docs/decisions/0006-stripe-without-its-sdk.md.
"""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any

import pytest
import stripe as official

from gateway.ports.errors import InvalidSignature
from gateway.ports.values import Money, Secret, WebhookRequest
from gateway.testing.provider_bench import Happening, Key
from gateway.testing.provider_steps import a_refund, a_request, opened, paid
from providers.stripe import WHOLE
from providers.stripe.calls import VERSION
from tests.providers.stripe_answers import everything_sent
from tests.providers.stripe_bench import API_KEY, HOOK, OLD, PRESENT, SIGNED_BY, STRANGER, StripeBench, open_bench


@pytest.fixture
async def bench() -> AsyncIterator[StripeBench]:
    async with open_bench() as bench:
        yield bench


async def test_the_sdk_of_our_version_knows_each_name(bench: StripeBench) -> None:
    """Queries too, of which the schemas are older than what we ask."""
    assert official.api_version == VERSION
    params = official.params
    known = {
        ("POST", "/v1/checkout/sessions"): params.checkout.SessionCreateParams,
        ("POST", "/v1/checkout/sessions/{id}/expire"): params.checkout.SessionExpireParams,
        ("GET", "/v1/checkout/sessions"): params.checkout.SessionListParams,
        ("GET", "/v1/checkout/sessions/{id}"): params.checkout.SessionRetrieveParams,
        ("POST", "/v1/refunds"): params.RefundCreateParams,
        ("GET", "/v1/refunds"): params.RefundListParams,
        ("GET", "/v1/refunds/{id}"): params.RefundRetrieveParams,
        ("GET", "/v1/disputes"): params.DisputeListParams,
        ("GET", "/v1/events"): params.EventListParams,
    }
    sent = await everything_sent(bench)
    for method, path, form in sent:
        assert form.keys() <= known[method, path].__annotations__.keys(), path

    assert {(method, path) for method, path, _ in sent} == known.keys()
    assert {"starting_after", "created", "expand"} <= {name for _, _, form in sent for name in form}


async def test_it_knows_the_inner_names_too(bench: StripeBench) -> None:
    await opened(bench)
    (form,) = bench.stripe.forms
    params = official.params.checkout
    (item,) = form["line_items"]
    price = item["price_data"]
    for part, known in (
        (item, params.SessionCreateParamsLineItem),
        (price, params.SessionCreateParamsLineItemPriceData),
        (price["product_data"], params.SessionCreateParamsLineItemPriceDataProductData),
        (form["payment_intent_data"], params.SessionCreateParamsPaymentIntentData),
    ):
        assert part.keys() <= known.__annotations__.keys()


class TestSignatures:
    """The SDK reads the machine's clock, so here the webhook is signed now."""

    @pytest.mark.parametrize("key", [Key.PRESENT, Key.OLD, Key.BOTH])
    async def test_the_sdk_accepts_what_our_fake_signs(self, bench: StripeBench, key: Key) -> None:
        body = (await paid(bench))[1]
        header = bench.sign(body, datetime.now(UTC), key).headers["stripe-signature"]
        for secret in (PRESENT, OLD, STRANGER):
            good = secret in SIGNED_BY[key]
            try:
                event = official.Webhook.construct_event(body, header, secret.reveal(), api_key="sk_test")
            except official.SignatureVerificationError:
                assert not good
            else:
                assert good
                assert event.type == "checkout.session.completed"
                assert event.data.object.amount_total == 12_345

    async def test_we_accept_what_the_sdk_signs(self, bench: StripeBench) -> None:
        session, body = await paid(bench)
        now = int(time.time())
        headers = [sdk_signature(body, secret, now) for secret in (PRESENT, OLD)]
        both = f"{headers[0]},{headers[1].partition(',')[2]}"
        provider = bench.provider(bench.rotating)
        for header in (*headers, both):
            (update,) = await provider.parse_webhook(hook(body, header, now))
            assert update.external_id == session.external_id
        for header, at in ((sdk_signature(body, STRANGER, now), now), (headers[0], now + 301), (headers[0], now - 301)):
            with pytest.raises(InvalidSignature):
                await provider.parse_webhook(hook(body, header, at))
        for at in (now + 300, now - 300):
            assert await provider.parse_webhook(hook(body, headers[0], at))

    async def test_both_refuse_the_same_tampering(self, bench: StripeBench) -> None:
        body = (await paid(bench))[1]
        now = int(time.time())
        good = sdk_signature(body, PRESENT, now)
        time_, _, proof = good.partition(",")
        for changed, header in (
            (body + b" ", good),
            (body, good.replace("v1=", "v0=")),
            (body, f"t={now + 1},{proof}"),
            (body, time_),
            (body, f"{time_},v1={'0' * 64}"),
        ):
            with pytest.raises(official.SignatureVerificationError):
                official.Webhook.construct_event(changed, header, PRESENT.reveal(), api_key="sk_test")
            with pytest.raises(InvalidSignature):
                await bench.provider().parse_webhook(hook(changed, header, now))


class TestTheClientOfTheVendor:
    """The fake answers Stripe's own client as it answers ours: it is not made to measure."""

    async def test_writes_the_same_forms(self, bench: StripeBench) -> None:
        request = a_request(bench, asked_at=bench.clock.now())
        session = await bench.provider().create_payment(request)
        await bench.happen(session.external_id, Happening.PAID)
        await bench.provider().refund_payment(a_refund(bench, session.external_id, amount=Money(45, "RON")))
        ours = list(bench.stripe.forms)
        terms = numbered(ours[0], {"expires_at", "quantity", "unit_amount"})
        async with sdk_client(bench) as client:
            await client.checkout.sessions.create_async(terms, {"idempotency_key": "sdk"})
            await client.refunds.create_async(numbered(ours[1], {"amount"}))

        assert bench.stripe.forms[2:] == ours

    async def test_reads_the_same_answers(self, bench: StripeBench) -> None:
        session = await opened(bench)
        await bench.happen(session.external_id, Happening.PAID)
        bench.stripe.ledger.book_fee(session.external_id)
        bench.stripe.ledger.dispute(session.external_id)
        update = await bench.provider().fetch_payment(session.external_id)
        async with sdk_client(bench) as client:
            found = await client.checkout.sessions.retrieve_async(session.external_id, {"expand": [WHOLE]})
            listed = await client.disputes.list_async({"payment_intent": found.payment_intent.id})
        charge = found.payment_intent.latest_charge

        assert (found.payment_status, found.status) == ("paid", "complete")
        assert charge.balance_transaction.fee == update.fee.minor
        assert charge.disputed
        assert [dispute.amount for dispute in listed.data] == [update.reversed.minor]

    async def test_is_refused_as_we_are(self, bench: StripeBench) -> None:
        async with sdk_client(bench) as client:
            with pytest.raises(official.InvalidRequestError) as caught:
                await client.checkout.sessions.retrieve_async("cs_none")
        async with sdk_client(bench, "sk_wrong") as stranger:
            with pytest.raises(official.AuthenticationError):
                await stranger.refunds.list_async()

        assert (caught.value.code, caught.value.http_status) == ("resource_missing", 404)


@asynccontextmanager
async def sdk_client(bench: StripeBench, key: str = API_KEY.reveal()) -> AsyncIterator[Any]:
    http = official.AIOHTTPClient()
    try:
        yield official.StripeClient(
            key, base_addresses={"api": bench.stripe.url}, max_network_retries=0, http_client=http
        ).v1
    finally:
        await http.close_async()


def numbered(form: Any, names: set[str]) -> Any:
    """What a program gives the SDK: numbers where the form has their digits."""
    if isinstance(form, list):
        return [numbered(each, names) for each in form]
    if not isinstance(form, dict):
        return form
    return {name: int(each) if name in names else numbered(each, names) for name, each in form.items()}


def sdk_signature(body: bytes, secret: Secret, at: int) -> str:
    header: str = official.WebhookSignature.generate_signature_header(body.decode(), secret.reveal(), timestamp=at)
    return header


def hook(body: bytes, header: str, at: int) -> WebhookRequest:
    return WebhookRequest(body, {"stripe-signature": header}, HOOK, datetime.fromtimestamp(at, UTC))

"""The Revolut provider against a mock that prism makes of Revolut's own OpenAPI description; skipped, visibly, without prism."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime
from pathlib import Path

import orjson
import pytest

from gateway.outbound import OutboundClient
from gateway.ports.errors import Rejected
from gateway.ports.provider import PaymentStatus, RefundRequest, RefundStatus
from gateway.ports.values import Money, Secret, WebhookRequest
from gateway.testing.clock import START, FakeClock
from gateway.testing.provider_steps import a_request
from providers.revolut import RevolutProvider, Settings
from providers.revolut.client import Client, Refusal
from tests.fakes.revolut import signed
from tests.harness.prism import mocked
from tests.providers.revolut_bench import RevolutBench, open_bench

pytestmark = pytest.mark.interop
ORDER = "6516e61c-d279-a454-a837-bc52ce55ed49"


@pytest.fixture
async def prism(vectors: Path, free_port: Callable[[], int]) -> AsyncIterator[str]:
    async with mocked(vectors / "revolut" / "merchant-2026-04-20.json", free_port()) as url:
        yield url


@pytest.fixture
async def http() -> AsyncIterator[OutboundClient]:
    async with OutboundClient(FakeClock()) as client:
        yield client


@pytest.fixture
async def bench() -> AsyncIterator[RevolutBench]:
    async with open_bench() as bench:
        yield bench


async def test_mock_of_the_description_answers_each_call(prism: str, http: OutboundClient, bench: RevolutBench) -> None:
    """And refuses wrong ones, so that its answers prove something. One test: prism takes seconds to start."""
    settings = Settings(Secret("sk_test"), Secret("wsk"), api_url=prism)
    provider = RevolutProvider(settings, http)
    asked = a_request(bench, return_url="https://pay.example.ro/p/abc/return")
    session = await provider.create_payment(asked)
    update = await provider.fetch_payment(session.external_id)
    refund = RefundRequest("key", session.external_id, Money(45, "GBP"), Money(500, "GBP"), "R1", "duplicate")
    made = await provider.refund_payment(refund)
    body = orjson.dumps({"event": "ORDER_COMPLETED", "order_id": ORDER})
    (told,) = await provider.parse_webhook(WebhookRequest(body, signed(body, ["wsk"], START), prism, START))
    listed = await provider.list_payments(datetime(2025, 3, 10, tzinfo=UTC), datetime(2025, 3, 16, tzinfo=UTC))

    assert session.redirect_url.startswith("https://checkout.revolut.com/payment-link/")
    assert (update.status, update.external_id) == (PaymentStatus.PENDING, session.external_id)
    assert made.status in (RefundStatus.PENDING, RefundStatus.DONE)
    assert await provider.fetch_refund(refund, made.external_id) is not None
    assert await provider.find_payment(asked) is None  # none of the examples has our reference
    assert told.external_id == ORDER
    assert len(listed) == 5  # the sixth example is a refund of the first
    await provider.cancel_payment(session.external_id)

    client = Client(prism, Secret("sk_test"), http)
    with pytest.raises(Refusal):
        await client.post("/api/orders", {"amount": "one", "currency": "RON"})
    with pytest.raises(Refusal):
        await client.post("/api/orders", {"amount": 1})
    with pytest.raises(Rejected):
        await provider.fetch_payment("not-a-uuid")
    bare = await http.request("GET", f"{prism}/api/orders/{ORDER}", submits=False)
    assert bare.status in (400, 401, 422), "the key and the version are asked for"

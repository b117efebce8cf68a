"""Stripe's answers without a server, for the provider's own tests; and the forms that it sent."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson

from gateway.ports.http import HttpResponse
from gateway.ports.values import Secret
from providers.stripe import Settings, StripeProvider
from tests.fakes.stripe import decoded
from tests.providers.stripe_bench import StripeBench

SAID_AT = "Mon, 23 Nov 2026 09:00:00 GMT"
CREATED, EXPIRES = 1_795_424_400, 1_795_426_200  # 2026-11-23 09:00 and 09:30 UTC
SESSION = {
    "id": "cs_1",
    "object": "checkout.session",
    "amount_total": 12_345,
    "created": CREATED,
    "currency": "ron",
    "expires_at": EXPIRES,
    "metadata": {"achit_reference": "ACH1K7"},
    "payment_intent": None,
    "payment_status": "unpaid",
    "status": "open",
    "url": "https://checkout.stripe.com/c/pay/cs_1",
}
INTENT = {
    "id": "pi_1",
    "amount_received": 0,
    "currency": "ron",
    "last_payment_error": None,
    "latest_charge": None,
    "status": "requires_payment_method",
}


class Answers:
    """An HttpClient with one answer for every call."""

    def __init__(self, status: int, headers: Mapping[str, str], body: bytes) -> None:
        self._answer = HttpResponse(status, headers, body)

    async def request(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        body: bytes | None = None,
        submits: bool,
        timeout_s: float = 15.0,
    ) -> HttpResponse:
        assert submits is (method == "POST")
        return self._answer


def answered(body: object, status: int = 200, **headers: str) -> StripeProvider:
    raw = body if isinstance(body, bytes) else orjson.dumps(body)
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return StripeProvider(Settings(Secret("sk"), Secret("whsec")), Answers(status, {"date": SAID_AT} | named, raw))


def refused(**error: object) -> dict[str, object]:
    return {"error": {"type": "invalid_request_error", "message": "about Ana Popescu", **error}}


def forms(bench: StripeBench) -> list[tuple[str, dict[str, Any]]]:
    return [(sent.url, decoded(sent.body.decode())) for sent in bench.wire.sent if sent.method == "POST"]

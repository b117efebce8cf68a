"""Stripe's answers without a server, for the provider's own tests; and the forms that it sends."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any
from urllib.parse import urlsplit

import orjson

from gateway.ports.http import HttpResponse
from gateway.ports.values import Secret
from gateway.testing.provider_steps import a_refund, a_request, amounts, opened
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


async def everything_sent(bench: StripeBench) -> list[tuple[str, str, dict[str, Any]]]:
    """Method, path as the descriptions write it, and parameters of each kind of call that the adapter makes."""
    provider = bench.provider()
    since = bench.clock.now()
    for number, (amount, locale, email) in enumerate(
        [
            (amount, locale, email)
            for amount in amounts(bench)
            for locale in ("ro", "en-US", "uk")
            for email in ("a@example.ro", None)
        ]
    ):
        await opened(
            bench, amount=amount, locale=locale, payer_email=email, idempotency_key=f"k{number}", reference=f"R{number}"
        )
    await bench.provider(replace(bench.settings, allowed_payment_method_types=())).create_payment(
        a_request(bench, idempotency_key="all", reference="ALL", asked_at=since)
    )
    for number in range(80):
        await opened(bench, idempotency_key=f"m{number}", reference=f"M{number}")
    ids = [each["id"] for each in bench.stripe.ledger.made("checkout.session")]
    for number, reason in enumerate(["duplicate", "overpaid", "void", "requested", "fraud"]):
        bench.stripe.ledger.pay(ids[number])
        amount = (await provider.fetch_payment(ids[number])).received
        refund = a_refund(bench, ids[number], amount=amount, reason=reason, idempotency_key=reason, reference=reason)
        made = await provider.refund_payment(refund)
        await provider.fetch_refund(refund, made.external_id)
        await provider.fetch_refund(refund, None)
    bench.stripe.ledger.dispute(ids[0])
    await provider.fetch_payment(ids[0])
    await provider.parse_webhook(bench.sign(bench.webhook_body(ids[0]), bench.clock.now()))
    await provider.cancel_payment(ids[-1])
    bench.clock.advance(seconds=5)
    await provider.list_payments(since, bench.clock.now())
    sent = []
    for each in bench.wire.sent:
        url = urlsplit(each.url)
        parts = url.path.split("/")
        parts = ["{id}" if part.startswith(("cs_", "re_")) else part for part in parts]
        sent.append((each.method, "/".join(parts), decoded(each.body.decode() if each.method == "POST" else url.query)))
    return sent

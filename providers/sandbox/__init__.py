"""Sandbox: the bank of the demo and the tests, spoken to as any vendor is. It moves no money.

The vendor is `gateway/demo/bank`; its `wire.py` is the reference of the API. Amounts are whole minor units; a webhook
is `{id, type, created_at, payment}` signed in `x-sandbox-signature: t=<unix>,v1=<hex HMAC-SHA256 of t + "." + body>`.
It knows the vendor by HTTP alone and must stay a model for real adapters: nothing here that a real one could not do.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from urllib.parse import quote, urlencode

import orjson

from gateway.ports import verify
from gateway.ports.errors import MalformedWebhook, OutcomeUnknown, Rejected, RetryLater
from gateway.ports.http import HttpClient, HttpResponse
from gateway.ports.provider import (
    Method,
    PaymentRequest,
    PaymentSession,
    PaymentUpdate,
    ProviderPlugin,
    RefundRequest,
    RefundUpdate,
)
from gateway.ports.reading import mapping, parsed, text
from gateway.ports.values import Secret, WebhookRequest
from providers.sandbox.shapes import (
    EVENT_TYPES,
    REFUND_STATUSES,
    STATUSES,
    Payment,
    code_of,
    listed,
    refund_of,
    session_of,
)

__all__ = ["PROVIDER", "REFUND_STATUSES", "STATUSES", "SandboxProvider", "Settings"]


@dataclass(frozen=True, slots=True)
class Settings:
    """One account at the sandbox bank."""

    api_url: str = field(metadata={"doc": "where the bank listens, such as http://127.0.0.1:8801"})
    api_key: Secret = field(metadata={"doc": "the key of the bank's API"})
    webhook_secret: Secret = field(metadata={"doc": "the secret that signs its webhooks"})
    webhook_secret_old: Secret | None = field(
        default=None, metadata={"doc": "the secret being replaced, still accepted while it is set"}
    )


class SandboxProvider:
    """Fulfils Provider, Cancels, FindsPayments, Refunds and ListsPayments."""

    def __init__(self, settings: Settings, http: HttpClient) -> None:
        self._settings = settings
        self._http = http

    async def create_payment(self, request: PaymentRequest) -> PaymentSession:
        """Opens a payment; the same idempotency key gives the first one again."""
        body = {
            "amount": request.amount.minor,
            "currency": request.amount.currency,
            "reference": request.reference,
            "description": request.description,
            "return_url": request.return_url,
            "webhook_url": request.webhook_url,
            "expires_at": request.expires_at.isoformat(),
            "method": request.method,
            "locale": request.locale,
        }
        key = request.idempotency_key
        response = await self._call("POST", "payments", body=orjson.dumps(body), idempotency_key=key)
        try:
            return session_of(parsed(response.body))
        except ValueError:
            raise OutcomeUnknown("the answer to create cannot be read") from None

    async def fetch_payment(self, external_id: str) -> PaymentUpdate:
        """The state now."""
        response = await self._call("GET", f"payments/{quote(external_id, safe='')}")
        try:
            return Payment.read(parsed(response.body)).answer()
        except ValueError:
            raise RetryLater("the answer to fetch cannot be read") from None

    async def find_payment(self, request: PaymentRequest) -> PaymentSession | None:
        """The payment that was made for `request`, by our reference and then by our key; None when there is none."""
        response = await self._call("GET", f"payments?reference={quote(request.reference, safe='')}")
        try:
            found = listed(response.body, "payments")
            made = [each for each in found if each.get("idempotency_key") == request.idempotency_key]
            return session_of(made[0]) if made else None
        except ValueError:
            raise RetryLater("the answer to find cannot be read") from None

    async def list_payments(self, since: datetime, until: datetime) -> Sequence[PaymentUpdate]:
        """What was opened before `until` and has changed since, page by page."""
        updates: list[PaymentUpdate] = []
        query = {"since": since.isoformat(), "until": until.isoformat()}
        while True:
            response = await self._call("GET", f"payments?{urlencode(query)}")
            try:
                updates += [Payment.read(each).answer() for each in listed(response.body, "payments")]
                more = parsed(response.body)
                if more.get("next") is None:
                    return updates
                query["after"] = text(more, "next")
            except ValueError:
                raise RetryLater("the answer to list cannot be read") from None

    async def cancel_payment(self, external_id: str) -> None:
        """Closes an open payment. Rejected (`already_paid`, `already_processing`) when money is on its way."""
        await self._call("POST", f"payments/{quote(external_id, safe='')}/cancel", body=b"{}")

    async def refund_payment(self, request: RefundRequest) -> RefundUpdate:
        """Gives money back, the same for the same idempotency key. Rejected: `more_than_is_left`, `nothing_to_refund`."""
        body = {
            "amount": request.amount.minor,
            "currency": request.amount.currency,
            "reference": request.reference,
            "reason": request.reason,
        }
        path, key = f"payments/{quote(request.external_id, safe='')}/refunds", request.idempotency_key
        response = await self._call("POST", path, body=orjson.dumps(body), idempotency_key=key)
        try:
            return refund_of(parsed(response.body))
        except ValueError:
            raise OutcomeUnknown("the answer to refund cannot be read") from None

    async def fetch_refund(self, request: RefundRequest, external_id: str | None) -> RefundUpdate | None:
        """The refund by the bank's id, else by our reference and then by our key; None when it was never made."""
        if external_id is None:
            return await self._find_refund(request)
        try:
            response = await self._call("GET", f"refunds/{quote(external_id, safe='')}")
            return refund_of(parsed(response.body))
        except Rejected as error:
            if error.code == "no_such_refund":
                return None
            raise
        except ValueError:
            raise RetryLater("the answer to fetch a refund cannot be read") from None

    async def parse_webhook(self, request: WebhookRequest) -> Sequence[PaymentUpdate]:
        """One update for a known event type, none for another."""
        secrets = (self._settings.webhook_secret, self._settings.webhook_secret_old)
        header = request.headers.get("x-sandbox-signature")
        verify.timed_header(header, secrets, request.body, request.received_at)
        try:
            event = parsed(request.body)
            if text(event, "type") not in EVENT_TYPES:
                return ()
            return (Payment.read(mapping(event.get("payment"))).update(text(event, "id")),)
        except ValueError:
            raise MalformedWebhook from None

    async def _find_refund(self, request: RefundRequest) -> RefundUpdate | None:
        response = await self._call("GET", f"refunds?reference={quote(request.reference, safe='')}")
        try:
            found = listed(response.body, "refunds")
            made = [each for each in found if each.get("idempotency_key") == request.idempotency_key]
            return refund_of(made[0]) if made else None
        except ValueError:
            raise RetryLater("the answer to find a refund cannot be read") from None

    async def _call(
        self, method: str, path: str, *, body: bytes | None = None, idempotency_key: str | None = None
    ) -> HttpResponse:
        headers = {"authorization": f"Bearer {self._settings.api_key.reveal()}", "content-type": "application/json"}
        if idempotency_key is not None:
            headers["idempotency-key"] = idempotency_key
        submits = method == "POST"
        url = f"{self._settings.api_url.rstrip('/')}/api/{path}"
        response = await self._http.request(method, url, headers=headers, body=body, submits=submits)
        if 200 <= response.status < 300:
            return response
        if response.status >= 500:
            raise OutcomeUnknown if submits else RetryLater
        raise Rejected(code_of(response))


PROVIDER = ProviderPlugin(
    "sandbox",
    Settings,
    SandboxProvider,
    methods=(Method("bank"), Method("card"), Method("wallet", hosted=False)),
    idempotent=True,
    cancels=True,
    finds_payments=True,
    refunds=True,
    lists_payments=True,
    tells_fee=True,
)

"""Sandbox: the bank of the demo and the tests, spoken to as any vendor is. It moves no money.

The vendor is `gateway/demo/bank`; its `wire.py` is the reference of the API. Amounts are whole minor units; a webhook
is `{id, type, created_at, payment}` signed in `x-sandbox-signature: t=<unix>,v1=<hex HMAC-SHA256 of t + "." + body>`.
It knows the vendor by HTTP alone and must stay a model for real adapters: nothing here that a real one could not do.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from urllib.parse import quote

import orjson

from gateway.ports import verify
from gateway.ports.errors import MalformedWebhook, OutcomeUnknown, Rejected, RetryLater
from gateway.ports.http import HttpClient, HttpResponse
from gateway.ports.provider import (
    Method,
    PaymentRequest,
    PaymentSession,
    PaymentStatus,
    PaymentUpdate,
    ProviderPlugin,
)
from gateway.ports.values import MAX_MINOR, Money, Secret, WebhookRequest

STATUSES: Mapping[str, PaymentStatus] = {
    "open": PaymentStatus.PENDING,
    "processing": PaymentStatus.ACCEPTED,
    "partly_paid": PaymentStatus.PENDING,  # the rest may come; what came is in `received`
    "paid": PaymentStatus.PAID,
    "declined": PaymentStatus.FAILED,
    "cancelled": PaymentStatus.CANCELLED,
    "expired": PaymentStatus.EXPIRED,
    "reversed": PaymentStatus.REVERSED,
}
EVENT_TYPES = frozenset(f"payment.{status}" for status in STATUSES)
_CODE = re.compile(r"[a-z][a-z_]{0,39}")


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
    """Fulfils Provider, Cancels and FindsPayments."""

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
        response = await self._call("POST", "", body=orjson.dumps(body), idempotency_key=request.idempotency_key)
        try:
            return _session(_json(response.body))
        except ValueError:
            raise OutcomeUnknown("the answer to create cannot be read") from None

    async def fetch_payment(self, external_id: str) -> PaymentUpdate:
        """The state now. Its `event_id` is made of what the answer says, so that it changes only when that does."""
        response = await self._call("GET", f"/{quote(external_id, safe='')}")
        try:
            payment = _Payment.read(_json(response.body))
        except ValueError:
            raise RetryLater("the answer to fetch cannot be read") from None
        known = f"{payment.status}:{payment.received.minor}:{payment.reversed.minor}"
        return payment.update(f"poll:{payment.id}:{known}")

    async def find_payment(self, request: PaymentRequest) -> PaymentSession | None:
        """The payment that was made for `request`, by our reference and then by our key; None when there is none."""
        response = await self._call("GET", f"?reference={quote(request.reference, safe='')}")
        try:
            listed = _json(response.body).get("payments")
            if not isinstance(listed, list):
                raise ValueError("not a list")
            made = [each for each in map(_object, listed) if each.get("idempotency_key") == request.idempotency_key]
            return _session(made[0]) if made else None
        except ValueError:
            raise RetryLater("the answer to find cannot be read") from None

    async def cancel_payment(self, external_id: str) -> None:
        """Closes an open payment. Rejected (`already_paid`, `already_processing`) when money is on its way."""
        await self._call("POST", f"/{quote(external_id, safe='')}/cancel", body=b"{}")

    async def parse_webhook(self, request: WebhookRequest) -> Sequence[PaymentUpdate]:
        """One update for a known event type, none for another."""
        secrets = (self._settings.webhook_secret, self._settings.webhook_secret_old)
        header = request.headers.get("x-sandbox-signature")
        verify.timed_header(header, secrets, request.body, request.received_at)
        try:
            event = _json(request.body)
            if _text(event, "type") not in EVENT_TYPES:
                return ()
            return (_Payment.read(_object(event.get("payment"))).update(_text(event, "id")),)
        except ValueError:
            raise MalformedWebhook from None

    async def _call(
        self, method: str, path: str, *, body: bytes | None = None, idempotency_key: str | None = None
    ) -> HttpResponse:
        headers = {"authorization": f"Bearer {self._settings.api_key.reveal()}", "content-type": "application/json"}
        if idempotency_key is not None:
            headers["idempotency-key"] = idempotency_key
        submits = method == "POST"
        url = f"{self._settings.api_url.rstrip('/')}/api/payments{path}"
        response = await self._http.request(method, url, headers=headers, body=body, submits=submits)
        if 200 <= response.status < 300:
            return response
        if response.status >= 500:
            raise OutcomeUnknown if submits else RetryLater
        raise Rejected(_code(response))


@dataclass(frozen=True, slots=True)
class _Payment:
    """The bank's payment, checked. `read` raises ValueError on any other shape."""

    id: str
    reference: str
    status: str
    reason: str | None
    received: Money
    reversed: Money
    updated_at: datetime

    @classmethod
    def read(cls, raw: Mapping[str, Any]) -> _Payment:
        currency = _text(raw, "currency")
        reason = raw.get("reason")
        updated_at = datetime.fromisoformat(_text(raw, "updated_at"))
        if updated_at.tzinfo is None or not isinstance(reason, str | None):
            raise ValueError("not a payment")
        return cls(
            id=_text(raw, "id"),
            reference=_text(raw, "reference"),
            status=_text(raw, "status"),
            reason=reason,
            received=_money(raw, "received", currency),
            reversed=_money(raw, "reversed", currency),
            updated_at=updated_at,
        )

    def update(self, event_id: str) -> PaymentUpdate:
        return PaymentUpdate(
            event_id=event_id,
            external_id=self.id,
            status=STATUSES.get(self.status, PaymentStatus.PENDING),
            occurred_at=self.updated_at,
            received=self.received,
            reversed=self.reversed,
            reason=self.reason,
            reference=self.reference,
        )


def _session(raw: Mapping[str, Any]) -> PaymentSession:
    expires_at = datetime.fromisoformat(_text(raw, "expires_at"))
    return PaymentSession(_text(raw, "id"), _text(raw, "redirect_url"), expires_at)


def _json(body: bytes) -> Mapping[str, Any]:
    return _object(orjson.loads(body))


def _object(value: Any) -> Mapping[str, Any]:
    if not isinstance(value, dict):
        raise ValueError("not an object")
    return value


def _money(raw: Mapping[str, Any], name: str, currency: str) -> Money:
    value = raw.get(name)
    if type(value) is not int or not 0 <= value <= MAX_MINOR:
        raise ValueError(f"no {name}")
    return Money(value, currency)


def _text(raw: Mapping[str, Any], name: str) -> str:
    value = raw.get(name)
    if not isinstance(value, str) or not value:
        raise ValueError(f"no {name}")
    return value


def _code(response: HttpResponse) -> str:
    try:
        code = _json(response.body).get("code")
    except ValueError:
        code = None
    return code if isinstance(code, str) and _CODE.fullmatch(code) else f"http_{response.status}"


PROVIDER = ProviderPlugin(
    "sandbox",
    Settings,
    SandboxProvider,
    methods=(Method("bank"), Method("card")),
    idempotent=True,
    cancels=True,
    finds_payments=True,
)

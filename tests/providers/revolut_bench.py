"""The Revolut provider against a stand-in of the Merchant API: its bench for ProviderContract."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import datetime
from typing import Any

import orjson

from gateway.outbound import OutboundClient
from gateway.ports.errors import NotSupported
from gateway.ports.http import HttpResponse
from gateway.ports.provider import PaymentSession, ProviderPlugin
from gateway.ports.values import Money, Secret, WebhookRequest
from gateway.testing.clock import FakeClock
from gateway.testing.provider_bench import Fault, Happening, Key, ProviderBench, Wire
from gateway.testing.provider_steps import a_request
from providers.revolut import PROVIDER, RevolutProvider, Settings
from tests.fakes.revolut import RETRY_AFTER_S, FakeRevolut, signed

API_KEY, PRESENT, OLD = Secret("sk_test_4f1d9c"), Secret("wsk_present_8c2e"), Secret("wsk_old_77a0")
STRANGER = Secret("wsk_stranger")
SIGNED_BY = {Key.PRESENT: (PRESENT,), Key.OLD: (OLD,), Key.BOTH: (PRESENT, OLD), Key.STRANGER: (STRANGER,)}
HOOK = "https://pay.example.ro/hooks/providers/acme.revolut"
PART = 100

FAULTS: dict[Fault, int | str] = {
    Fault.RATE_LIMITED: 429,
    Fault.UNAVAILABLE: 503,
    Fault.SERVER_ERROR: 500,
    Fault.REFUSED: 422,
    Fault.HANGS: "hang",
    Fault.CUT_MADE: "cut_made",
    Fault.CUT_NOT_MADE: "cut_not_made",
}
EVENTS = {"completed": "ORDER_COMPLETED", "cancelled": "ORDER_CANCELLED", "failed": "ORDER_FAILED"}


class RevolutBench(ProviderBench):
    """Revolut on a free port, the shared HTTP client, and Revolut's pen."""

    retry_after_s = float(RETRY_AFTER_S)

    def __init__(self, revolut: FakeRevolut, clock: FakeClock, http: OutboundClient) -> None:
        self.plugin: ProviderPlugin[Any] = PROVIDER
        self.revolut = revolut
        self.account = revolut.account
        self.clock = clock
        self.wire = Wire(http)
        self.settings = self.plugin.settings(api_url=revolut.url, api_key=API_KEY, webhook_secret=PRESENT)
        self.rotating = replace(self.settings, webhook_secret_old=OLD)

    def arm(self, fault: Fault) -> None:
        self.revolut.faults.append(FAULTS[fault])

    def arm_refund(self, fault: Fault) -> None:
        self.revolut.faults.append(FAULTS[fault])

    async def vanish(self) -> None:
        await self.revolut.aclose()

    def made(self, reference: str) -> int:
        return sum(self._named(order) == reference for order in self.account.orders.values())

    def refunded(self, external_id: str) -> int:
        return int(self.account.order(external_id)["refunded_amount"])

    async def fail_refund(self, external_id: str) -> None:
        refunds = [
            order["id"] for order in self.account.orders.values() if order.get("related_order_id") == external_id
        ]
        self.account.end_refund(refunds[-1], "failed", "restricted_card")

    async def happen(self, external_id: str, happening: Happening) -> None:
        """Revolut takes no money for an order whose time has run out; what it refunds later than that is not late money."""
        order = self.account.order(external_id)
        match happening.value:
            case "paid":
                self.account.pay(external_id)
            case "part":
                self.account.pay(external_id, minor=PART)
            case "declined":
                self.account.try_to_pay(external_id, "declined", reason="insufficient_funds")
            case "expired":
                self.account.set_state(external_id, "failed")
            case "reversed":
                self.account.dispute(external_id, "lost")
            case "refunded":
                self.account.end_refund(self.account.refund(external_id, order["amount"]), "completed")
            case other:
                raise NotSupported(f"Revolut knows no {other}")

    def webhook_body(
        self,
        external_id: str,
        *,
        status: str | None = None,
        event_type: str | None = None,
        amount: Money | None = None,
    ) -> bytes:
        """Revolut's webhook names no state, so that a `status` is given to the order itself."""
        if amount is not None:
            raise NotSupported("the webhook names no amount")
        if status is not None:
            self.account.set_state(external_id, status)
        disputes = [each["id"] for each in self.account.disputes.values() if each["payment"]["order_id"] == external_id]
        if disputes and event_type is None:
            return orjson.dumps({"event": "DISPUTE_LOST", "dispute_id": disputes[-1]})
        subject = [external_id, *self._refunds(external_id)][-1]
        state = self.account.order(subject)["state"]
        return self.account.event(event_type or EVENTS.get(state, "ORDER_PAYMENT_DECLINED"), subject)

    def sign(self, body: bytes, signed_at: datetime, key: Key = Key.PRESENT) -> WebhookRequest:
        headers = signed(body, [secret.reveal() for secret in SIGNED_BY[key]], signed_at)
        return WebhookRequest(body, headers, HOOK, self.clock.now())

    def _refunds(self, external_id: str) -> list[str]:
        return [order["id"] for order in self.account.orders.values() if order.get("related_order_id") == external_id]

    def _named(self, order: dict[str, Any]) -> str | None:
        return order.get("merchant_order_data", {}).get("reference")


@asynccontextmanager
async def open_bench() -> AsyncIterator[RevolutBench]:
    clock = FakeClock()
    async with FakeRevolut(API_KEY.reveal(), clock.now) as revolut, OutboundClient(clock) as http:
        yield RevolutBench(revolut, clock, http)


async def opened(bench: RevolutBench, **changes: object) -> str:
    session: PaymentSession = await bench.provider().create_payment(a_request(bench, **changes))
    return session.external_id


class Answers:
    """An HttpClient with one answer for every call."""

    def __init__(self, status: int, body: object) -> None:
        self._answer = HttpResponse(status, {}, body if isinstance(body, bytes) else orjson.dumps(body))

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


def answered(body: object, status: int = 200) -> RevolutProvider:
    return RevolutProvider(Settings(Secret("sk"), PRESENT), Answers(status, body))

"""The NETOPIA adapter against the fake of its vendor: its bench for ProviderContract."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import datetime
from typing import Any

import orjson

from gateway.outbound import OutboundClient
from gateway.ports.errors import NotSupported
from gateway.ports.http import HttpResponse
from gateway.ports.provider import PaymentSession
from gateway.ports.values import Money, Secret, WebhookRequest
from gateway.testing.clock import FakeClock
from gateway.testing.provider_bench import Fault, Happening, Key, ProviderBench, Wire
from gateway.testing.provider_steps import a_request
from providers.netopia import PROVIDER, NetopiaProvider, Settings
from tests.fakes.netopia import API_KEY, POS, RETRY_AFTER_S, Netopia, pem, token

WHOLE = Money(12_345, "RON")
HOOK = "http://127.0.0.1:9/hooks/providers/acme.pay"
SIGNED_BY = {Key.PRESENT: "present", Key.OLD: "old", Key.BOTH: "present", Key.STRANGER: "stranger"}
OUTCOMES = {Happening.DECLINED: (12, "20"), Happening.EXPIRED: (23, "00"), Happening.REVERSED: (10, "00")}


class NetopiaBench(ProviderBench):
    """A vendor on a free port, the shared HTTP client, and tokens by another library."""

    retry_after_s = float(RETRY_AFTER_S)
    plugin = PROVIDER

    def __init__(self, vendor: Netopia, clock: FakeClock, http: OutboundClient) -> None:
        self.vendor = vendor
        self.clock = clock
        self.wire = Wire(http)
        self.settings = Settings(vendor.url, Secret(API_KEY), POS, pem("present"), "plati@example.ro")
        self.rotating = replace(self.settings, public_key_old=pem("old"))

    def arm(self, fault: Fault) -> None:
        self.vendor.faults["start"] = fault

    def arm_refund(self, fault: Fault) -> None:
        self.vendor.faults["credit"] = fault

    async def vanish(self) -> None:
        await self.vendor.server.close()

    def made(self, reference: str) -> int:
        return sum(payment.order_id == reference for payment in self.vendor.payments.values())

    def refunded(self, external_id: str) -> int:
        credited = self.vendor.payments[_ntp(external_id)].credited
        return credited.minor if credited else 0

    async def fail_refund(self, external_id: str) -> None:
        raise NotSupported("NETOPIA's credits are not known to fail later")

    async def happen(self, external_id: str, happening: Happening) -> None:
        ntp_id = _ntp(external_id)
        if happening is Happening.PART:
            raise NotSupported("NETOPIA takes the whole amount")
        if happening in (Happening.PAID, Happening.LATE):
            self.vendor.pays(ntp_id)
        elif happening in OUTCOMES:
            payment = self.vendor.payments[ntp_id]
            payment.status, payment.code = OUTCOMES[happening]
        else:  # Happening.REFUNDED
            self.vendor.credits(ntp_id, self.vendor.payments[ntp_id].amount)

    def webhook_body(
        self,
        external_id: str,
        *,
        status: str | None = None,
        event_type: str | None = None,
        amount: Money | None = None,
    ) -> bytes:
        changes: dict[str, Any] = {}
        if status is not None:
            changes["status"] = status
        if event_type is not None:
            changes["method"] = event_type  # an IPN has no type; this is the nearest to one
        if amount is not None:  # whatever asks the vendor hears it too
            self.vendor.payments[_ntp(external_id)].processed = amount
        return self.vendor.ipn(_ntp(external_id), **changes)

    def sign(self, body: bytes, signed_at: datetime, key: Key = Key.PRESENT) -> WebhookRequest:
        headers = {"content-type": "application/json", "verification-token": token(body, signed_at, SIGNED_BY[key])}
        return WebhookRequest(body, headers, HOOK, self.clock.now())


def _ntp(external_id: str) -> str:
    return external_id.partition(":")[0]


@asynccontextmanager
async def open_bench(*, clock: FakeClock | None = None) -> AsyncIterator[NetopiaBench]:
    clock = clock or FakeClock()
    async with Netopia(clock.now) as vendor, OutboundClient(clock) as http:
        yield NetopiaBench(vendor, clock, http)


class Answers:
    """An HttpClient that gives these answers in turn; the last one stays."""

    def __init__(self, *answers: tuple[int, object]) -> None:
        self.answers = list(answers)

    async def request(self, *_: object, **__: object) -> HttpResponse:
        status, body = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        raw = body if isinstance(body, bytes) else orjson.dumps(body)
        return HttpResponse(status, {"date": "Mon, 23 Nov 2026 09:00:00 GMT"}, raw)


def answered(bench: NetopiaBench, *answers: tuple[int, object]) -> NetopiaProvider:
    return NetopiaProvider(bench.settings, Answers(*answers))


async def opened(bench: NetopiaBench, **changes: object) -> tuple[PaymentSession, str]:
    session = await bench.provider().create_payment(a_request(bench, **changes))
    return session, session.external_id.partition(":")[0]

"""The NETOPIA adapter against the fake of its vendor: its bench for ProviderContract."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import datetime
from typing import Any

from gateway.outbound import OutboundClient
from gateway.ports.errors import NotSupported
from gateway.ports.values import Money, Secret, WebhookRequest
from gateway.testing.clock import FakeClock
from gateway.testing.provider_bench import Fault, Happening, Key, ProviderBench, Wire
from providers.netopia import PROVIDER, Settings
from tests.fakes.netopia import API_KEY, POS, RETRY_AFTER_S, Netopia, pem, token

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
async def open_bench() -> AsyncIterator[NetopiaBench]:
    clock = FakeClock()
    async with Netopia(clock.now) as vendor, OutboundClient(clock) as http:
        yield NetopiaBench(vendor, clock, http)

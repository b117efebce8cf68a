"""The EuPlătesc adapter against the fake of its vendor: its bench for ProviderContract."""

from __future__ import annotations

import dataclasses
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Any
from urllib.parse import parse_qsl

from gateway.outbound import OutboundClient
from gateway.ports.errors import NotSupported
from gateway.ports.values import Money, Secret, WebhookRequest
from gateway.testing.clock import FakeClock
from gateway.testing.provider_bench import Fault, Happening, Key, ProviderBench, Wire
from providers.euplatesc import PROVIDER, EuPlatescProvider, Settings
from tests.fakes.euplatesc import (
    KEY,
    MID,
    OLD_KEY,
    RETRY_AFTER_S,
    STRANGERS_KEY,
    UAPI,
    UKEY,
    EuPlatesc,
    body_of,
    signed_reply,
)

HOOK = "http://127.0.0.1:9/hooks/providers/acme.pay"
SIGNED_BY = {Key.PRESENT: KEY, Key.OLD: OLD_KEY, Key.BOTH: KEY, Key.STRANGER: STRANGERS_KEY}


class EuPlatescBench(ProviderBench):
    """A vendor on a free port and the shared HTTP client. A reply carries its signature in its own fields."""

    retry_after_s = float(RETRY_AFTER_S)
    plugin = PROVIDER
    timed = False

    def __init__(self, vendor: EuPlatesc, clock: FakeClock, http: OutboundClient) -> None:
        self.vendor = vendor
        self.clock = clock
        self.wire = Wire(http)
        self.settings = Settings(
            MID,
            Secret(KEY),
            user_key=Secret(UKEY),
            user_api_key=Secret(UAPI),
            page_url=vendor.page_url,
            api_url=vendor.api_url,
        )
        self.rotating = dataclasses.replace(self.settings, secret_key_old=Secret(OLD_KEY))

    def provider(self, settings: Any = None) -> EuPlatescProvider:
        return EuPlatescProvider(settings or self.settings, self.wire, now=self.clock.now)

    def arm(self, fault: Fault) -> None:
        raise NotSupported("opening a payment calls nobody")

    def arm_refund(self, fault: Fault) -> None:
        self.vendor.refund_fault = fault

    async def vanish(self) -> None:
        await self.vendor.server.close()

    def made(self, reference: str) -> int:
        return sum(invoice_id.rpartition(".")[0] == reference for invoice_id in self.vendor.visits)

    def refunded(self, external_id: str) -> int:
        return sum(card.refunded for card in self.vendor.visits[external_id].cards)

    async def happen(self, external_id: str, happening: Happening) -> None:
        if happening is Happening.PAID:
            self.vendor.card(external_id)
        elif happening is Happening.DECLINED:
            self.vendor.card(external_id, "2", "Not sufficient funds")
        elif happening is Happening.REFUNDED:
            visit = self.vendor.visits[external_id]
            visit.cards[-1].refunded = visit.minor
        else:
            raise NotSupported(f"EuPlătesc knows no {happening}")

    def webhook_body(
        self,
        external_id: str,
        *,
        status: str | None = None,
        event_type: str | None = None,
        amount: Money | None = None,
    ) -> bytes:
        visit = self.vendor.visits.get(external_id)
        if visit is None or not visit.cards:
            raise NotSupported("nothing is told before a card was tried")
        if self.refunded(external_id) or event_type is not None:
            raise NotSupported("a reply has no type, and none comes of a refund")
        changes = {} if status is None else {"sec_status": status}
        if amount is not None:
            changes |= {"amount": amount.value, "curr": amount.currency}
        return body_of(signed_reply(self.vendor.reply(external_id, **changes)))

    def sign(self, body: bytes, signed_at: datetime, key: Key = Key.PRESENT) -> WebhookRequest:
        pairs = parse_qsl(body.decode("latin-1"), keep_blank_values=True)
        fields = {name: value for name, value in pairs if name != "fp_hash"}
        return self.posted(body_of(signed_reply(fields, SIGNED_BY[key])))

    def unsigned(self, body: bytes) -> WebhookRequest:
        fields = dict(parse_qsl(body.decode("latin-1"), keep_blank_values=True))
        return self.posted(body_of({name: value for name, value in fields.items() if name != "fp_hash"}))

    def posted(self, body: bytes) -> WebhookRequest:
        headers = {"content-type": "application/x-www-form-urlencoded"}
        return WebhookRequest(body, headers, HOOK, self.clock.now())


@asynccontextmanager
async def open_bench() -> AsyncIterator[EuPlatescBench]:
    clock = FakeClock()
    async with EuPlatesc(clock.now) as vendor, OutboundClient(clock) as http:
        yield EuPlatescBench(vendor, clock, http)

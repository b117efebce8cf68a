"""The sandbox provider against the demo's bank: its bench for ProviderContract."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import datetime
from typing import Any

import orjson

from gateway.demo.bank import Bank, CreateFault, Fee, Outcome, RefundState
from gateway.demo.bank.courier import SIGNATURE_HEADER
from gateway.demo.bank.faults import RETRY_AFTER_S
from gateway.demo.bank.ledger import News
from gateway.demo.bank.wire import signature, webhook_body
from gateway.outbound import OutboundClient
from gateway.ports.http import HttpResponse
from gateway.ports.provider import ProviderPlugin
from gateway.ports.values import Money, Secret, WebhookRequest
from gateway.testing.clock import FakeClock
from gateway.testing.provider_bench import Fault, Happening, Key, ProviderBench, Wire
from providers.sandbox import PROVIDER, SandboxProvider, Settings

API_KEY, PRESENT, OLD = Secret("key_demo_4f1d"), Secret("whsec_present_8c2e"), Secret("whsec_old_77a0")
STRANGER = Secret("whsec_stranger")
FEES = {"bank": Fee(fixed_minor=50), "card": Fee(fixed_minor=30, basis_points=140)}
SIGNED_BY = {Key.PRESENT: (PRESENT,), Key.OLD: (OLD,), Key.BOTH: (PRESENT, OLD), Key.STRANGER: (STRANGER,)}

FAULTS = {
    Fault.RATE_LIMITED: CreateFault.RATE_LIMITED,
    Fault.UNAVAILABLE: CreateFault.UNAVAILABLE,
    Fault.SERVER_ERROR: CreateFault.SERVER_ERROR,
    Fault.REFUSED: CreateFault.REFUSED,
    Fault.HANGS: CreateFault.HANG_MADE,
    Fault.CUT_MADE: CreateFault.CUT_MADE,
    Fault.CUT_NOT_MADE: CreateFault.CUT_NOT_MADE,
}
OUTCOMES = {
    Happening.PAID: Outcome.WEBHOOK_LOST,  # the contract delivers the webhooks itself
    Happening.PART: Outcome.PARTIAL,
    Happening.DECLINED: Outcome.DECLINED,
    Happening.EXPIRED: Outcome.PAID_LATE,
    Happening.LATE: Outcome.PAID_LATE,
    Happening.REVERSED: Outcome.REVERSED,
}


class SandboxBench(ProviderBench):
    """A bank on a free port, the shared HTTP client, and the bank's own signature."""

    retry_after_s = float(RETRY_AFTER_S)

    def __init__(self, bank: Bank, clock: FakeClock, http: OutboundClient, plugin: ProviderPlugin[Any]) -> None:
        self.plugin = plugin
        self.bank = bank
        self.clock = clock
        self.wire = Wire(http)
        self.settings = plugin.settings(api_url=bank.url, api_key=API_KEY, webhook_secret=PRESENT)
        self.rotating = replace(self.settings, webhook_secret_old=OLD)

    def arm(self, fault: Fault) -> None:
        self.bank.fail_next_create(FAULTS[fault])

    async def vanish(self) -> None:
        await self.bank.aclose()

    def made(self, reference: str) -> int:
        return len(self.bank.ledger.find(reference, self.clock.now()))

    async def happen(self, external_id: str, happening: Happening) -> None:
        if happening is Happening.REFUNDED:
            await self.bank.refund(external_id)
            return
        await self.bank.choose(external_id, OUTCOMES[happening])

    def webhook_body(
        self,
        external_id: str,
        *,
        status: str | None = None,
        event_type: str | None = None,
        amount: Money | None = None,
    ) -> bytes:
        payment = self.bank.payment(external_id)
        event = orjson.loads(webhook_body(News(f"evt_{payment.id}_{payment.version}", payment, 1), self.bank.url))
        event["type"] = event_type or event["type"]
        event["payment"]["status"] = status or event["payment"]["status"]
        if amount is not None:
            event["payment"] |= {"received": amount.minor, "currency": amount.currency}
        return orjson.dumps(event)

    def arm_refund(self, fault: Fault) -> None:
        self.bank.fail_next_refund(FAULTS[fault])

    def refunded(self, external_id: str) -> int:
        refunds = self.bank.refunds.of(external_id)
        return sum(each.terms.amount_minor for each in refunds if each.state is not RefundState.FAILED)

    async def fail_refund(self, external_id: str) -> None:
        await self.bank.fail_refund(self.bank.refunds.of(external_id)[-1].id)

    def sign(self, body: bytes, signed_at: datetime, key: Key = Key.PRESENT) -> WebhookRequest:
        headers = {"content-type": "application/json", SIGNATURE_HEADER: signature(body, SIGNED_BY[key], signed_at)}
        return WebhookRequest(body, headers, "http://127.0.0.1:9/hooks/providers/acme.pay", self.clock.now())


@asynccontextmanager
async def open_bench(plugin: ProviderPlugin[Any] = PROVIDER) -> AsyncIterator[SandboxBench]:
    clock = FakeClock()
    bank = Bank(api_key=API_KEY, webhook_secrets=[PRESENT], clock=clock, settle_after_s=None, fees=FEES)
    async with bank, OutboundClient(clock) as http:
        yield SandboxBench(bank, clock, http, plugin)


def bench_of(plugin: ProviderPlugin[Any]) -> Callable[[], Any]:
    return lambda: open_bench(plugin)


class Answers:
    """An HttpClient with one answer for every call."""

    def __init__(self, status: int, body: bytes) -> None:
        self._answer = HttpResponse(status, {}, body)

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
        return self._answer


def answered(body: object, status: int = 200) -> SandboxProvider:
    raw = body if isinstance(body, bytes) else orjson.dumps(body)
    return SandboxProvider(Settings("http://127.0.0.1:9/", Secret("key"), Secret("whsec")), Answers(status, raw))

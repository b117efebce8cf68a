"""The Stripe provider against the fake Stripe: its bench for ProviderContract."""

from __future__ import annotations

import copy
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import datetime
from typing import Any

import orjson

from gateway.outbound import OutboundClient
from gateway.ports.errors import NotSupported
from gateway.ports.provider import ProviderPlugin
from gateway.ports.values import Money, Secret, WebhookRequest
from gateway.testing.clock import FakeClock
from gateway.testing.provider_bench import Fault, Happening, Key, ProviderBench, Wire
from providers.stripe import PROVIDER
from providers.stripe.amounts import money, units
from tests.fakes.stripe import RETRY_AFTER_S, FakeStripe, signature
from tests.fakes.stripe_ledger import Thing

API_KEY = Secret("sk_test_4f1d8c2e77a0")
PRESENT, OLD, STRANGER = Secret("whsec_present_8c2e"), Secret("whsec_old_77a0"), Secret("whsec_stranger_19")
SIGNED_BY = {Key.PRESENT: (PRESENT,), Key.OLD: (OLD,), Key.BOTH: (PRESENT, OLD), Key.STRANGER: (STRANGER,)}
HOOK = "http://127.0.0.1:9/hooks/providers/acme.card"


class StripeBench(ProviderBench):
    retry_after_s = float(RETRY_AFTER_S)

    def __init__(self, stripe: FakeStripe, clock: FakeClock, http: OutboundClient, plugin: ProviderPlugin[Any]) -> None:
        self.plugin = plugin
        self.stripe = stripe
        self.clock = clock
        self.wire = Wire(http)
        self.settings = plugin.settings(secret_key=API_KEY, webhook_secret=PRESENT, api_url=stripe.url)
        self.rotating = replace(self.settings, webhook_secret_old=OLD)

    def arm(self, fault: Fault) -> None:
        self.stripe.create_faults.append(fault)

    async def vanish(self) -> None:
        await self.stripe.__aexit__()

    def made(self, reference: str) -> int:
        return len(self.stripe.ledger.made("checkout.session", client_reference_id=reference))

    async def happen(self, external_id: str, happening: Happening) -> None:
        ledger = self.stripe.ledger
        if happening is Happening.PAID:
            ledger.pay(external_id)
        elif happening is Happening.DECLINED:  # a card that is declined is not the end; a bank debit that fails is
            ledger.debit(external_id)
            ledger.debit_fails(external_id)
        elif happening is Happening.EXPIRED:
            ledger.expire_in_time(external_id)
        elif happening is Happening.REVERSED:
            ledger.dispute(external_id)
        elif happening is Happening.REFUNDED:
            ledger.refund_at_desk(external_id)
        else:
            raise NotSupported(f"a Checkout Session knows nothing {happening}")

    def webhook_body(
        self,
        external_id: str,
        *,
        status: str | None = None,
        event_type: str | None = None,
        amount: Money | None = None,
    ) -> bytes:
        event = self.stripe.ledger.news(external_id) or self._begun(external_id)
        about = event["data"]["object"]
        event["type"] = event_type or event["type"]
        if status is not None:  # a status of tomorrow is also what Stripe answers when it is asked
            about["payment_status"] = self.stripe.ledger.things[external_id]["payment_status"] = status
        if amount is not None:
            about |= {"amount_total": units(amount), "currency": amount.currency.lower()}
        return orjson.dumps(event)

    def _begun(self, external_id: str) -> Thing:
        """The payer has typed the first digit."""
        session = self.stripe.ledger.things[external_id]
        intent = {"id": "pi_000000aZ", "object": "payment_intent", "metadata": copy.deepcopy(session["metadata"])}
        return self.stripe.ledger.event("payment_intent.created", intent)

    def arm_refund(self, fault: Fault) -> None:
        self.stripe.refund_faults.append(fault)

    def refunded(self, external_id: str) -> int:
        ledger = self.stripe.ledger
        given = [
            money(each["amount"], each["currency"]).minor
            for each in ledger.made("refund", payment_intent=ledger.things[external_id]["payment_intent"])
            if each["status"] != "failed"
        ]
        return sum(given)

    async def fail_refund(self, external_id: str) -> None:
        self.stripe.ledger.fail_refund(external_id)

    def sign(self, body: bytes, signed_at: datetime, key: Key = Key.PRESENT) -> WebhookRequest:
        proof = signature(body, [secret.reveal() for secret in SIGNED_BY[key]], signed_at)
        headers = {"content-type": "application/json; charset=utf-8", "stripe-signature": proof}
        return WebhookRequest(body, headers, HOOK, self.clock.now())


@asynccontextmanager
async def open_bench(plugin: ProviderPlugin[Any] = PROVIDER, account: str | None = None) -> AsyncIterator[StripeBench]:
    clock = FakeClock()
    async with FakeStripe(clock, API_KEY.reveal(), account) as stripe, OutboundClient(clock) as http:
        bench = StripeBench(stripe, clock, http, plugin)
        if account is not None:
            bench.settings = replace(bench.settings, account=account)
        yield bench

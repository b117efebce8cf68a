"""ProviderContract takes every way in which a payer is handed over: by a form, and by a transfer of which nobody is told. And it bites."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

import pytest

from gateway.outbound import OutboundClient
from gateway.ports.errors import InvalidSignature, NotSupported
from gateway.ports.http import HttpClient
from gateway.ports.provider import (
    Method,
    PaymentRequest,
    PaymentSession,
    PaymentUpdate,
    ProviderPlugin,
    Transfer,
)
from gateway.ports.values import Money, WebhookRequest
from gateway.testing.biting import cases, failing_cases
from gateway.testing.clock import FakeClock
from gateway.testing.provider import ProviderContract
from gateway.testing.provider_bench import Fault, Happening, Key, ProviderBench, Wire
from providers.sandbox import PROVIDER, SandboxProvider
from tests.providers.sandbox_bench import bench_of

CREATE = "test_create_opens_a_payment_for_each_method"
UNSIGNED = "test_unsigned_webhook_is_refused"


class ByForm(SandboxProvider):
    """The bank's page is posted to; this button changes nothing there."""

    async def create_payment(self, request: PaymentRequest) -> PaymentSession:
        return replace(await super().create_payment(request), form={"outcome": "abandoned"})


class ByAFormToNowhere(ByForm):
    async def create_payment(self, request: PaymentRequest) -> PaymentSession:
        session = await super().create_payment(request)
        return replace(session, redirect_url=session.redirect_url + "/nowhere")


class ByAnEmptyForm(ByForm):
    async def create_payment(self, request: PaymentRequest) -> PaymentSession:
        return replace(await super().create_payment(request), form={})


async def test_a_provider_with_a_form_fails_none() -> None:
    assert await failing_cases(ProviderContract, bench_of(replace(PROVIDER, create=ByForm))) == {}


@pytest.mark.parametrize("provider", [ByAFormToNowhere, ByAnEmptyForm])
async def test_a_broken_form_is_seen(provider: type[SandboxProvider]) -> None:
    plugin = replace(PROVIDER, create=provider)
    assert list(await failing_cases(ProviderContract, bench_of(plugin), CREATE)) == [CREATE]


@dataclass(frozen=True)
class Settings:
    iban: str = field(default="RO49AAAA1B31007593840000")


class Transfers:
    """Opens nothing anywhere: the payer types it into their own bank."""

    def __init__(self, settings: Settings, http: HttpClient) -> None:
        self._settings = settings

    async def create_payment(self, request: PaymentRequest) -> PaymentSession:
        transfer = Transfer(self._settings.iban, "Acme Energie SRL", request.creditor_reference)
        return PaymentSession(request.reference, "", transfer=transfer)

    async def fetch_payment(self, external_id: str) -> PaymentUpdate:
        raise NotSupported

    async def parse_webhook(self, request: WebhookRequest) -> Sequence[PaymentUpdate]:
        raise InvalidSignature


class SendsThePayerSomewhereToo(Transfers):
    async def create_payment(self, request: PaymentRequest) -> PaymentSession:
        return replace(await super().create_payment(request), redirect_url="https://bank.example")


class NamesNoAccount(Transfers):
    def __init__(self, settings: Settings, http: HttpClient) -> None:
        super().__init__(Settings(iban=""), http)


class BelievesWhoeverWrites(Transfers):
    async def parse_webhook(self, request: WebhookRequest) -> Sequence[PaymentUpdate]:
        return ()


class SilentBench(ProviderBench):
    """There is no vendor: nothing happens at it, and nobody posts."""

    settings = Settings()
    signed = timed = False

    def __init__(self, create: Callable[[Settings, HttpClient], Transfers], http: OutboundClient) -> None:
        self.plugin = ProviderPlugin("transfers", Settings, create, [Method("bank")], idempotent=True, silent=True)
        self.clock = FakeClock()
        self.wire = Wire(http)

    def arm(self, fault: Fault) -> None:
        raise NotSupported

    async def vanish(self) -> None:
        raise NotSupported

    def made(self, reference: str) -> int:
        return 0

    async def happen(self, external_id: str, happening: Happening) -> None:
        raise NotSupported

    def webhook_body(
        self,
        external_id: str,
        *,
        status: str | None = None,
        event_type: str | None = None,
        amount: Money | None = None,
    ) -> bytes:
        raise NotSupported

    def sign(self, body: bytes, signed_at: datetime, key: Key = Key.PRESENT) -> WebhookRequest:
        raise NotSupported


def silent(create: Callable[[Settings, HttpClient], Transfers]) -> Callable[[], Any]:
    @asynccontextmanager
    async def opened() -> AsyncIterator[SilentBench]:
        async with OutboundClient(FakeClock()) as http:
            yield SilentBench(create, http)

    return opened


async def test_a_silent_provider_fails_none_and_skips_what_nobody_could_do() -> None:
    assert await failing_cases(ProviderContract, silent(Transfers)) == {}
    ran = set()
    for name in cases(ProviderContract):
        async with silent(Transfers)() as bench:
            try:
                await getattr(ProviderContract(), name)(bench)
            except pytest.skip.Exception:
                continue
            ran.add(name)
    assert ran == {
        CREATE,
        UNSIGNED,
        "test_same_key_gives_the_same_payment",
        "test_unknown_outcome_can_be_resolved",
        "test_nothing_secret_or_personal_is_said",
    }


@pytest.mark.parametrize(
    ("provider", "case"),
    [(SendsThePayerSomewhereToo, CREATE), (NamesNoAccount, CREATE), (BelievesWhoeverWrites, UNSIGNED)],
)
async def test_a_broken_silent_provider_is_seen(provider: type[Transfers], case: str) -> None:
    assert list(await failing_cases(ProviderContract, silent(provider))) == [case]

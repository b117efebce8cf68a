"""The bank transfer's bench for ProviderContract: there is no vendor, so hardly anything can happen to it."""

from __future__ import annotations

from datetime import datetime

from gateway.ports.errors import NotSupported
from gateway.ports.http import HttpClient
from gateway.ports.values import Money, WebhookRequest
from gateway.testing.clock import FakeClock
from gateway.testing.provider_bench import Fault, Happening, Key, ProviderBench, Wire
from providers.bank_transfer import PROVIDER, Settings

IBAN = "RO49AAAA1B31007593840000"
CURRENCIES = ("RON", "EUR", "JPY", "KWD")
NOBODY = "no vendor is called and none calls"


class BankTransferBench(ProviderBench):
    """`wire` must stay silent: a call of it fails the case that made it."""

    plugin = PROVIDER
    signed = False
    timed = False

    def __init__(self, http: HttpClient) -> None:
        self.clock = FakeClock()
        self.wire = Wire(http)
        self.settings = Settings(
            name="Acme Energie SRL",
            ibans=tuple(f"{currency} {IBAN}" for currency in CURRENCIES),
            bank="Banca Exemplu",
            bic="AAAAROBU",
        )

    def arm(self, fault: Fault) -> None:
        raise NotSupported(NOBODY)

    async def vanish(self) -> None:
        raise NotSupported(NOBODY)

    def made(self, reference: str) -> int:
        return 0

    async def happen(self, external_id: str, happening: Happening) -> None:
        raise NotSupported(NOBODY)

    def webhook_body(
        self,
        external_id: str,
        *,
        status: str | None = None,
        event_type: str | None = None,
        amount: Money | None = None,
    ) -> bytes:
        raise NotSupported(NOBODY)

    def sign(self, body: bytes, signed_at: datetime, key: Key = Key.PRESENT) -> WebhookRequest:
        raise NotSupported(NOBODY)

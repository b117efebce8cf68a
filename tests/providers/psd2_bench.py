"""The PSD2 provider against a strict bank on the loopback: its bench for ProviderContract."""

from __future__ import annotations

import contextlib
import functools
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, cast
from urllib.parse import quote

import orjson
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import NameOID

from gateway.outbound import OutboundClient
from gateway.ports.errors import NotSupported, Rejected
from gateway.ports.provider import ProviderPlugin
from gateway.ports.values import Money, Secret, WebhookRequest
from gateway.testing.clock import START, FakeClock
from gateway.testing.provider_bench import Fault, Happening, Key, ProviderBench, Wire
from providers.psd2 import PROVIDER, Psd2Provider, Settings
from providers.psd2.banks import ANY, BANKS, Bank, Signing
from providers.psd2.wire import Order
from tests.fakes.psd2 import XS2A
from tests.fakes.psd2_checks import RETRY_AFTER_S

IBANS = {
    "RON": "RO49 AAAA 1B31 0075 9384 0000",
    "EUR": "DE89370400440532013000",
    "JPY": "GB82WEST12345698765432",
    "KWD": "KW81CBKU0000000000001234560101",
}
DEBTOR = "RO66BACX0000001234567890 BACXROBU"
# All that a bank may want at once; it stands in the table while a bench is open.
STRICT = Bank(
    "strict",
    "Strict Bank",
    "RO",
    "https://bank.invalid",
    {"RON": "ron-payment", ANY: "other-currency-payment"},
    signing=Signing(("(request-target)", "digest", "x-request-id", "psu-ip-address", "tpp-redirect-uri", "date")),
    certificate="der",
    dated=True,
    details=True,
)
HAPPENINGS = {Happening.PAID: "ACSC", Happening.DECLINED: "RJCT", Happening.LATE: "ACCC"}


@functools.cache
def sealed() -> tuple[Secret, Secret]:
    """A certificate of a payment initiator and its key, as PEM; an issuer with spaces in its name."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    name = x509.Name(
        [
            x509.NameAttribute(NameOID.COUNTRY_NAME, "RO"),
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, "Test Trust Services"),
            x509.NameAttribute(NameOID.COMMON_NAME, "Test Issuing CA"),
        ]
    )
    made = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
    made = made.serial_number(0x1F3A_77C0_2211).not_valid_before(START - timedelta(days=9))
    certificate = made.not_valid_after(START + timedelta(days=900)).sign(key, hashes.SHA256())
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return Secret(certificate.public_bytes(serialization.Encoding.PEM).decode()), Secret(private.decode())


@contextlib.contextmanager
def known(bank: Bank) -> Iterator[None]:
    """The bank stands in the table."""
    table, before = cast(dict[str, Bank], BANKS), BANKS.get(bank.code)
    table[bank.code] = bank
    try:
        yield
    finally:
        if before is None:
            del table[bank.code]
        else:
            table[bank.code] = before


def settings_for(bank: Bank, url: str, **changes: Any) -> Settings:
    certificate, key = sealed()
    usual: dict[str, Any] = {
        "banks": (bank.code,),
        "creditor_name": "Acme Energie S.R.L.",
        "ibans": IBANS,
        "base_urls": {bank.code: url},
        "client_ids": {bank.code: "PSDRO-BNR-12345"},
        "client_secrets": {bank.code: Secret("client-secret-61f0")},
        "qseal_certificate": certificate,
        "qseal_key": key,
        "pkce_secret": Secret("pkce-secret-0123456789abcdef0123456789abcdef"),
        "fallback_address": "192.0.2.10",
        "debtor_accounts": {bank.code: DEBTOR} if bank.debtor else {},
    }
    return Settings(**{**usual, **changes})


class Psd2Bench(ProviderBench):
    """One bank, spoken to by its profile. Its notifications are unsigned: a hint, after which it is asked."""

    signed = timed = False
    retry_after_s = float(RETRY_AFTER_S)

    def __init__(self, xs2a: XS2A, http: OutboundClient, plugin: ProviderPlugin[Any], **changes: Any) -> None:
        self.clock, self.xs2a, self.wire = xs2a.clock, xs2a, Wire(http)
        self.plugin = replace(plugin, create=lambda settings, http: Psd2Provider(settings, http, self.clock.now))
        self.settings = settings_for(xs2a.bank, xs2a.url, **changes)
        xs2a.client_secret = "client-secret-61f0"

    def provider(self, settings: Any = None) -> Psd2Provider:
        return cast(Psd2Provider, super().provider(settings))

    def arm(self, fault: Fault) -> None:
        self.xs2a.fault = fault.value

    async def vanish(self) -> None:
        await self.xs2a.aclose()

    def made(self, reference: str) -> int:
        return self.xs2a.made(reference)

    async def happen(self, external_id: str, happening: Happening) -> None:
        payment = self.xs2a.payments[Order.read(external_id).payment]
        if happening is Happening.EXPIRED:
            payment.expired = True
        elif happening in HAPPENINGS:
            payment.expired = False
            self.xs2a.authorise(payment.id, HAPPENINGS[happening])
        else:
            raise NotSupported("a bank executes an order whole, and tells of no return")

    def webhook_body(
        self,
        external_id: str,
        *,
        status: str | None = None,
        event_type: str | None = None,
        amount: Money | None = None,
    ) -> bytes:
        """What a bank says in it is not believed, so that a status and an amount are the bank's own answers from here on."""
        try:
            payment = self.xs2a.payments[Order.read(external_id).payment]
        except Rejected:
            raise NotSupported("the bank tells of its own payments") from None
        payment.status = status or payment.status
        if amount is not None:
            payment.amount = {"amount": amount.value, "currency": amount.currency}
        return orjson.dumps({"paymentId": payment.id, "transactionStatus": payment.status})

    def of_another(self, body: bytes, external_id: str, reference: str) -> bytes:
        return orjson.dumps({"paymentId": "of-somebody-else", "transactionStatus": "ACSC"})

    def sign(self, body: bytes, signed_at: datetime, key: Key = Key.PRESENT) -> WebhookRequest:
        """To the address that the order named; unsigned whoever the key's holder is."""
        about = f"{self.xs2a.bank.code}/payments/ron-payment/12345RON"
        with contextlib.suppress(ValueError, KeyError, TypeError):
            payment = self.xs2a.payments[orjson.loads(body)["paymentId"]]
            _, _, about = payment.headers["TPP-Notification-URI"].partition("?about=")
        url = f"http://127.0.0.1:9/hooks/providers/acme.pay?about={quote(about, safe='%')}"
        return WebhookRequest(body, {"content-type": "application/json"}, url, self.clock.now())

    def secrets(self) -> tuple[str, ...]:
        """The key's PEM by its lines too, for none of them may be said."""
        lines = self.settings.qseal_key.reveal().splitlines()[1:-1]
        return (*super().secrets(), *lines, "client-secret-61f0")


@asynccontextmanager
async def open_bench(
    plugin: ProviderPlugin[Any] = PROVIDER,
    bank: Bank = STRICT,
    *,
    how: str = "redirect",
    **changes: Any,
) -> AsyncIterator[Psd2Bench]:
    clock = FakeClock()
    with known(bank):
        async with XS2A(bank, clock, how=how) as xs2a, OutboundClient(clock) as http:
            yield Psd2Bench(xs2a, http, plugin, **changes)

"""Bank transfer: the payer types the biller's IBAN and the invoice's reference into their own bank. No vendor, no call.

Nobody can be asked how such a payment goes and nobody calls: a bank statement or the biller's word confirms it, so the
plugin is `silent`. The payer's bank shows who is paid by the name and the IBAN, and returns what does not fit.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

from gateway.ports import iban
from gateway.ports.errors import InvalidSignature, Rejected
from gateway.ports.http import HttpClient
from gateway.ports.provider import (
    Method,
    PaymentRequest,
    PaymentSession,
    PaymentStatus,
    PaymentUpdate,
    ProviderPlugin,
    Transfer,
)
from gateway.ports.values import CURRENCIES, WebhookRequest

_BIC = re.compile(r"[A-Z]{4}[A-Z]{2}[A-Z0-9]{2}(?:[A-Z0-9]{3})?", re.ASCII)
_OURS = "transfer:"
_NEVER = datetime(1970, 1, 1, tzinfo=UTC)  # nothing has happened
_LONGEST_NAME = 70  # of a creditor, in SEPA and in the EPC's QR alike


@dataclass(frozen=True, slots=True)
class Settings:
    """The accounts that payers transfer to. Raises ValueError, which names the field, on what no bank would take."""

    name: str = field(metadata={"doc": "the account holder as the bank knows it: payers' banks compare it"})
    ibans: tuple[str, ...] = field(
        metadata={"doc": 'a currency and an IBAN each, such as "RON RO49 AAAA 1B31 0075 9384 0000"'}
    )
    bank: str = field(default="", metadata={"doc": "the bank's name, for the payer"})
    bic: str = field(default="", metadata={"doc": "the bank's BIC, for payers abroad"})

    def __post_init__(self) -> None:
        if not self.name.strip() or not self.name.isprintable() or len(self.name) > _LONGEST_NAME:
            raise ValueError(f"name: the account holder, on one line of at most {_LONGEST_NAME} characters")
        if not self.bank.isprintable() or len(self.bank) > _LONGEST_NAME:
            raise ValueError(f"bank: a name on one line of at most {_LONGEST_NAME} characters")
        if self.bic and not _BIC.fullmatch(self.bic):
            raise ValueError("bic: 8 or 11 capitals and digits, such as BTRLRO22")
        self.accounts()

    def accounts(self) -> dict[str, str]:
        """The IBAN of each currency. Raises ValueError."""
        if not self.ibans:
            raise ValueError('ibans: at least one, such as ["RON RO49 AAAA 1B31 0075 9384 0000"]')
        found: dict[str, str] = {}
        for number, written in enumerate(self.ibans, 1):
            currency, _, rest = written.strip().partition(" ")
            if currency not in CURRENCIES:
                raise ValueError(f'ibans: number {number} does not begin with its currency, such as "RON RO49 ..."')
            if currency in found:
                raise ValueError(f"ibans: {currency} has two; payers are shown one")
            try:
                found[currency] = iban.plain(rest)
            except ValueError as error:
                raise ValueError(f"ibans: the one for {currency}: {error}") from None
        return found


class BankTransferProvider:
    """Fulfils Provider and Takes."""

    def __init__(self, settings: Settings, http: HttpClient) -> None:
        self._settings = settings
        self._accounts = settings.accounts()

    def takes(self, currency: str) -> bool:
        """Whether there is an account in this currency: no payer is shown one that would convert their money."""
        return currency in self._accounts

    async def create_payment(self, request: PaymentRequest) -> PaymentSession:
        """What the payer is to type; the same request gives the same. It lives as long as the core wants it to."""
        account = self._accounts.get(request.amount.currency)
        if account is None:
            raise Rejected("currency_not_taken")
        transfer = Transfer(
            iban=account,
            name=self._settings.name.strip(),
            reference=request.creditor_reference or request.reference,
            bic=self._settings.bic,
            bank=self._settings.bank.strip(),
        )
        return PaymentSession(f"{_OURS}{request.reference}", "", request.expires_at, transfer=transfer)

    async def fetch_payment(self, external_id: str) -> PaymentUpdate:
        """PENDING, always: nobody can be asked, so nothing has happened that is known here. Rejected on an id that is not ours."""
        if not external_id.startswith(_OURS):
            raise Rejected("unknown_payment")
        return PaymentUpdate(f"poll:{external_id}", external_id, PaymentStatus.PENDING, _NEVER)

    async def parse_webhook(self, request: WebhookRequest) -> Sequence[PaymentUpdate]:
        """Nobody calls, so whoever does is not who they say."""
        raise InvalidSignature("a bank transfer has no webhook")


PROVIDER = ProviderPlugin(
    "bank_transfer",
    Settings,
    BankTransferProvider,
    methods=(Method("transfer"),),
    idempotent=True,
    silent=True,
    takes=True,
)

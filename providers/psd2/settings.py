"""What a biller who may initiate payments (a PISP licence, or that of a partner) writes down once for all of its banks."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from ipaddress import ip_address

from gateway.ports.http import ClientCertificate
from gateway.ports.values import Secret, decimals
from providers.psd2.banks import BANKS
from providers.psd2.signing import Seal, belong

_LEAST_SECRET = 32


@dataclass(frozen=True, slots=True)
class Settings:
    """One biller at many banks."""

    banks: tuple[str, ...] = field(metadata={"doc": "the codes of the banks on offer, in the order of the list"})
    creditor_name: str = field(metadata={"doc": "who is paid, as the payer's bank shows it; at most 70 characters"})
    ibans: Mapping[str, str] = field(metadata={"doc": 'the account that is paid, by currency: `{ RON = "RO49..." }`'})
    creditor_bic: str = field(default="", metadata={"doc": "the BIC of that account's bank, where banks want it"})
    client_ids: Mapping[str, str] = field(
        default_factory=dict, metadata={"doc": 'who we are to a bank, by its code: `{ bt = "..." }`'}
    )
    client_secrets: Mapping[str, Secret] = field(
        default_factory=dict, metadata={"doc": "the secret that goes with it, where the bank gives one"}
    )
    base_urls: Mapping[str, str] = field(
        default_factory=dict, metadata={"doc": "where a bank listens, by its code: live addresses, or another sandbox"}
    )
    qseal_certificate: Secret | None = field(default=None, metadata={"doc": "the seal that signs requests, PEM"})
    qseal_key: Secret | None = field(default=None, metadata={"doc": "its RSA key, PEM"})
    qwac_certificate: Secret | None = field(
        default=None, metadata={"doc": "the certificate that is shown in TLS, with its chain, PEM"}
    )
    qwac_key: Secret | None = field(default=None, metadata={"doc": "its key, PEM"})
    pkce_secret: Secret | None = field(
        default=None,
        metadata={"doc": "32 random characters or more, for banks with OAuth: each payment's proof comes of it"},
    )
    accepted_is_paid: bool = field(
        default=False, metadata={"doc": "whether an order that the bank is executing (ACSP) counts as paid already"}
    )
    fallback_address: str | None = field(
        default=None,
        metadata={"doc": "the IP address told to a bank where the payer's is not known; without one, no payment"},
    )
    debtor_accounts: Mapping[str, str] = field(
        default_factory=dict,
        metadata={"doc": "for sandboxes: the account that a bank debits, by its code, and its BIC after a space"},
    )
    extra_headers: Mapping[str, str] = field(
        default_factory=dict,
        metadata={"doc": 'for sandboxes: headers of one bank, as `{ "sparkasse/PSU-ID" = "..." }`'},
    )

    def __post_init__(self) -> None:
        """Raises ValueError with all that is wrong, by the names of the settings."""
        faults = list(_faults(self))
        if faults:
            raise ValueError("; ".join(faults))

    def seal(self) -> Seal | None:
        return Seal(self.qseal_certificate, self.qseal_key) if self.qseal_certificate and self.qseal_key else None

    def identity(self) -> ClientCertificate | None:
        if self.qwac_certificate and self.qwac_key:
            return ClientCertificate(self.qwac_certificate, self.qwac_key)
        return None

    def base_url(self, code: str) -> str:
        return (self.base_urls.get(code) or BANKS[code].base_url).rstrip("/")

    def headers_of(self, code: str) -> dict[str, str]:
        """Of one bank alone: its own, with what identifies us filled in, and those that the account adds."""
        known = {"client_id": self.client_ids.get(code, ""), "client_secret": ""}
        if code in self.client_secrets:
            known["client_secret"] = self.client_secrets[code].reveal()
        added = {
            name.partition("/")[2]: value for name, value in self.extra_headers.items() if name.startswith(f"{code}/")
        }
        return {name: value.format(**known) for name, value in BANKS[code].headers.items()} | added


def _faults(settings: Settings) -> Iterator[str]:
    known = ", ".join(BANKS)
    if not settings.banks:
        yield f"banks: names none; there are {known}"
    for code in settings.banks:
        if code not in BANKS:
            yield f"banks: there is no {code!r}; there are {known}"
        else:
            yield from _bank_faults(settings, code)
    for name in ("client_ids", "client_secrets", "base_urls", "debtor_accounts", "extra_headers"):
        for key in getattr(settings, name):
            if key.partition("/")[0] not in settings.banks:
                yield f"{name}: {key!r} is of no bank in banks"
    if not 1 <= len(settings.creditor_name) <= 70:
        yield "creditor_name: has 1 to 70 characters"
    if not settings.ibans:
        yield "ibans: names no account"
    for currency, iban in settings.ibans.items():
        try:
            decimals(currency)
        except ValueError:
            yield f"ibans: {currency!r} is no currency"
        if not iban_holds(iban):
            yield f"ibans: the one for {currency} is not an IBAN"
    if settings.fallback_address is not None:
        try:
            ip_address(settings.fallback_address)
        except ValueError:
            yield "fallback_address: is not an IP address"
    yield from _proof_faults(settings)


def _bank_faults(settings: Settings, code: str) -> Iterator[str]:
    bank = BANKS[code]
    if not settings.base_url(code).startswith(("https://", "http://")):
        yield f"base_urls: {code} has no known address; give it one"
    if bank.debtor and code not in settings.debtor_accounts:
        yield f"debtor_accounts: {code} takes no payment without the account to debit, which payers are not asked for"
    if (bank.signing or bank.certificate) and not (settings.qseal_certificate and settings.qseal_key):
        yield f"qseal_certificate, qseal_key: {code} wants both"
    if (
        bank.oauth or bank.client_token or "{client_id}" in "".join(bank.headers.values())
    ) and code not in settings.client_ids:
        yield f"client_ids: {code} is missing"
    if "{client_secret}" in "".join(bank.headers.values()) and code not in settings.client_secrets:
        yield f"client_secrets: {code} is missing"
    if bank.oauth and len(settings.pkce_secret.reveal() if settings.pkce_secret else "") < _LEAST_SECRET:
        yield f"pkce_secret: {code} authorises by OAuth; give {_LEAST_SECRET} random characters or more"


def _proof_faults(settings: Settings) -> Iterator[str]:
    for name in ("qseal", "qwac"):
        if bool(getattr(settings, f"{name}_certificate")) != bool(getattr(settings, f"{name}_key")):
            yield f"{name}_certificate, {name}_key: one without the other"
    if settings.qwac_certificate and settings.qwac_key and not belong(settings.qwac_certificate, settings.qwac_key):
        yield "qwac_certificate, qwac_key: not a certificate and its key without a password, in PEM"
    try:
        settings.seal()
    except (ValueError, TypeError):
        yield "qseal_certificate, qseal_key: not a certificate and its RSA key without a password, in PEM"


def iban_holds(iban: str) -> bool:
    """Whether the check digits are right (ISO 13616); spaces do not count."""
    text = iban.replace(" ", "")
    if not (
        15 <= len(text) <= 34 and text.isascii() and text.isalnum() and text == text.upper() and text[:2].isalpha()
    ):
        return False
    return int("".join(str(int(letter, 36)) for letter in text[4:] + text[:4])) % 97 == 1

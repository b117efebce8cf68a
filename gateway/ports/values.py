"""The values that core and adapters meet in: money, secrets, a raw webhook."""

from __future__ import annotations

import hmac
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import NoReturn


def _codes(text: str) -> list[str]:
    return text.split()


# ISO 4217 (2026-01-01): the currencies whose minor unit is not two decimals.
_DECIMALS = {
    **dict.fromkeys(_codes("BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF"), 0),
    **dict.fromkeys(_codes("BHD IQD JOD KWD LYD OMR TND"), 3),
}
_TWO_DECIMALS = _codes(
    """AED AFN ALL AMD AOA ARS AUD AWG AZN BAM BBD BDT BMD BND BOB BRL BSD BTN BWP BYN BZD CAD CDF CHF CNY COP CRC CUP
    CVE CZK DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP GMD GTQ GYD HKD HNL HTG HUF IDR ILS INR IRR JMD KES KGS
    KHR KPW KYD KZT LAK LBP LKR LRD LSL MAD MDL MGA MKD MMK MNT MOP MRU MUR MVR MWK MXN MYR MZN NAD NGN NIO NOK NPR NZD
    PAB PEN PGK PHP PKR PLN QAR RON RSD RUB SAR SBD SCR SDG SEK SGD SHP SLE SOS SRD SSP STN SVC SYP SZL THB TJS TMT TOP
    TRY TTD TWD TZS UAH USD UYU UZS VED VES WST XCD XCG YER ZAR ZMW ZWG"""
)
CURRENCIES = frozenset((*_DECIMALS, *_TWO_DECIMALS))

MAX_MINOR = 10**15  # ten thousand billion lei in bani: beyond any invoice, inside BIGINT and exact in JSON's 2**53
_AMOUNT = re.compile(r"(0|[1-9][0-9]{0,15})(?:\.([0-9]{1,3}))?", re.ASCII)


def decimals(currency: str) -> int:
    """How many decimals `currency` (ISO 4217, upper case) has: 0, 2 or 3. Raises ValueError on an unknown one."""
    if not isinstance(currency, str) or currency not in CURRENCIES:
        raise ValueError("unknown currency")
    return _DECIMALS.get(currency, 2)


@dataclass(frozen=True, slots=True, order=False)
class Money:
    """An amount in minor units (bani, cents) of an ISO 4217 currency. Whole numbers only; may be negative as a delta."""

    minor: int
    currency: str

    def __post_init__(self) -> None:
        if type(self.minor) is not int:
            raise TypeError("money is counted in whole minor units")
        decimals(self.currency)

    @classmethod
    def parse(cls, value: str, currency: str) -> Money:
        """Reads a decimal string with exactly the currency's decimals: `123.45` RON, `500` JPY, `1.250` KWD.

        Raises ValueError, with a reason fit for a payer's or a biller's eyes.
        """
        places = decimals(currency)
        match = _AMOUNT.fullmatch(value) if isinstance(value, str) else None
        if match is None:
            raise ValueError("an amount is written as digits with a point, such as 123.45")
        whole, fraction = match[1], match[2] or ""
        if len(fraction) != places:
            raise ValueError(f"{currency} has {places} decimals")
        minor = int(whole + fraction)
        if minor > MAX_MINOR:
            raise ValueError("the amount is too large")
        return cls(minor, currency)

    @property
    def value(self) -> str:
        """The decimal string with the currency's decimals: `123.45`."""
        places = decimals(self.currency)
        sign, digits = ("-" if self.minor < 0 else ""), str(abs(self.minor)).rjust(places + 1, "0")
        return f"{sign}{digits[:-places]}.{digits[-places:]}" if places else sign + digits

    @property
    def decimal(self) -> Decimal:
        return Decimal(self.minor).scaleb(-decimals(self.currency))

    def __add__(self, other: Money) -> Money:
        return Money(self.minor + self._same(other), self.currency)

    def __sub__(self, other: Money) -> Money:
        return Money(self.minor - self._same(other), self.currency)

    def _same(self, other: Money) -> int:
        if self.currency != other.currency:
            raise ValueError(f"{self.currency} and {other.currency} do not add")
        return other.minor

    def __str__(self) -> str:
        return f"{self.value} {self.currency}"


class Secret:
    """A text that never prints: not in `repr`, `str`, a log line, a traceback or JSON. `reveal()` is the only way out."""

    __slots__ = ("_value",)
    _value: str

    def __init__(self, value: str) -> None:
        if not isinstance(value, str):
            raise TypeError("a secret is text")
        object.__setattr__(self, "_value", value)

    def reveal(self) -> str:
        return self._value

    def __bool__(self) -> bool:
        return bool(self._value)

    def __repr__(self) -> str:
        return "Secret(***)"

    __str__ = __repr__

    def __format__(self, spec: str) -> str:
        return repr(self)

    def __eq__(self, other: object) -> bool:
        """In constant time; never equal to bare text."""
        return isinstance(other, Secret) and hmac.compare_digest(_bytes(self._value), _bytes(other._value))

    def __hash__(self) -> int:
        return hash(self._value)

    def __setattr__(self, name: str, value: object) -> NoReturn:
        raise AttributeError("a secret does not change")

    def __delattr__(self, name: str) -> NoReturn:
        raise AttributeError("a secret does not change")

    def __getstate__(self) -> NoReturn:
        raise TypeError("a secret is not serialised")

    __reduce__ = __getstate__


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")


@dataclass(frozen=True, slots=True)
class WebhookRequest:
    """A webhook as it came, nothing parsed. `headers` have lower-case names; `url` is the public one we registered.

    `url` is built from configuration and never from the `Host` header, so that a signature over it proves something.
    """

    body: bytes
    headers: Mapping[str, str]
    url: str
    received_at: datetime


@dataclass(frozen=True, slots=True)
class Limits:
    """What a vendor bears: `text` in characters, `per_second` messages an account, `concurrency` calls at once."""

    text: int = 4096
    per_second: float = 10.0
    concurrency: int = 10

"""The kinds of text that the biller API takes, as pydantic fields: each is one pattern, true in Python, Rust and JSON Schema.

The patterns use explicit character classes, because `\\s`, `\\w` and `$` differ between those three.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import UTC, date, datetime
from functools import lru_cache
from ipaddress import IPv6Address
from typing import Annotated, Any
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, BeforeValidator, Field, StringConstraints
from pydantic_core import PydanticCustomError

from gateway.api import cursor
from gateway.domain import contacts
from gateway.ports.values import decimals

_ONE_LINE = r"^[^\x00-\x1F\x7F-\x9F\u2028\u2029]*$"
_NAME = r"^[^\x00-\x20\x7F-\xA0\u2028\u2029]([^\x00-\x1F\x7F-\x9F\u2028\u2029]*[^\x00-\x20\x7F-\xA0\u2028\u2029])?$"
_MANY_LINES = r"^[^\x00-\x08\x0B-\x1F\x7F-\x9F]*$"
_QUANTITY = r"^-?(0|[1-9][0-9]{0,11})(\.[0-9]{1,6})?$"
_LINE_AMOUNT = r"^-?(0|[1-9][0-9]{0,12})(\.[0-9]{2,3})?$"
_URL = r"^[Hh][Tt][Tt][Pp][Ss]?://([0-9A-Za-z]([0-9A-Za-z.-]{0,251}[0-9A-Za-z])?|\[[0-9A-Fa-f:.]{2,45}\])(:[0-9]{1,5})?([/?#][!-~]*)?$"
_TIME_ZONE = r"^[A-Za-z0-9_+-]{1,30}(/[A-Za-z0-9_+-]{1,30}){0,2}$"
_LOCALE = r"^[A-Za-z]{2,3}(-[A-Za-z0-9]{1,8})*$"
_CHAT = r"^-?[1-9][0-9]{0,15}$"
_CHANNEL = r"^[a-z][a-z0-9_-]{0,39}$"
_WAIT = r"^[0-9]{1,6}[smhd]$"
_SOURCE = r"^[a-z][a-z0-9_-]{0,39}$"
_DATE = r"^2[01][0-9]{2}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])$"
_TIME = r"[Tt]([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](\.[0-9]{1,9})?([Zz]|[+-]([01][0-9]|2[0-3]):[0-5][0-9])"
_INSTANT = _DATE[:-1] + _TIME + "$"

PATTERN_MEANS: Mapping[str, str] = {
    _ONE_LINE: "one line of text without control characters",
    _NAME: "one line of printable text that neither begins nor ends with a space",
    _MANY_LINES: "text without control characters other than line breaks and tabs",
    _QUANTITY: "a decimal in a string, such as 1 or 2.5, with at most 6 decimals",
    _LINE_AMOUNT: "a decimal in a string, with the decimals of the invoice's currency",
    _URL: "an http or https address without user name, percent-encoded",
    _TIME_ZONE: "an IANA time zone, such as Europe/Bucharest",
    _LOCALE: "a BCP 47 tag, such as ro or en-GB",
    _CHAT: "a Telegram chat id, in a string of digits",
    _CHANNEL: "a channel's name, such as sms",
    _WAIT: "a duration such as 90s, 30m, 2h or 1d",
    cursor.PATTERN: "a cursor as it was given",
    _SOURCE: "a short name in small letters, such as cash_desk",
}
"""What a pattern asks for, in words: a refusal says this instead of showing the pattern."""

_SECONDS = {"s": 1, "m": 60, "h": 3_600, "d": 86_400}
LONGEST_WAIT_S = 30 * 86_400


def refuse(code: str, message: str, *, at: tuple[str | int, ...] = ()) -> PydanticCustomError:
    """A refusal in our words; braces in `message` are literal. `at` is the place inside the field that is checked."""
    return PydanticCustomError(code, "{message}", {"message": message, "at": at})


def checked_by(function: Callable[[str], str], code: str) -> AfterValidator:
    """Turns the ValueError of a domain function into a refusal with this `code`."""

    def check(text: str) -> str:
        try:
            return function(text)
        except ValueError as error:
            raise refuse(code, str(error)) from None

    return AfterValidator(check)


@lru_cache(maxsize=1024)
def _time_zone(name: str) -> str:
    try:
        return ZoneInfo(name).key
    except (KeyError, OSError, ValueError):
        raise ValueError("no such IANA time zone") from None


def _wait(text: str) -> str:
    if wait_s(text) > LONGEST_WAIT_S:
        raise ValueError("a wait is 30d at most")
    return text


def wait_s(text: str) -> int:
    """The seconds of a duration such as `30m`."""
    return int(text[:-1]) * _SECONDS[text[-1]]


def _url(text: str) -> str:
    try:
        parts = urlsplit(text)
        host, port = parts.hostname or "", parts.port
        possible = port != 0 and (_is_ipv6(host) or all(0 < len(label) < 64 for label in host.split(".")))
    except ValueError:
        possible = False
    if not possible:
        raise ValueError("no host or port can be called that")
    return text


def _is_ipv6(host: str) -> bool:
    return ":" in host and IPv6Address(host).version == 6


def _currency(text: str) -> str:
    decimals(text)
    return text


def _read(pattern: str, parse: Callable[[str], Any], means: str) -> BeforeValidator:
    """Pydantic also reads numbers, spaces and Unix times as dates; the API does not."""
    matches = re.compile(pattern, re.ASCII).fullmatch

    def read(value: Any) -> Any:
        if type(value) is str and matches(value):
            with suppress(ValueError):
                return parse(value)
        raise refuse("not_rfc3339", means)

    return BeforeValidator(read)


def _utc(text: str) -> datetime:
    return datetime.fromisoformat(text.upper()).astimezone(UTC)


def one_line(longest: int) -> StringConstraints:
    return StringConstraints(max_length=longest, pattern=_ONE_LINE)


def many_lines(longest: int) -> StringConstraints:
    return StringConstraints(max_length=longest, pattern=_MANY_LINES)


def printable(longest: int) -> StringConstraints:
    """What people and programs compare: printable, not empty, no space at either end."""
    return StringConstraints(min_length=1, max_length=longest, pattern=_NAME)


Currency = Annotated[
    str,
    checked_by(_currency, "unknown_currency"),
    Field(min_length=3, max_length=3, description="ISO 4217, upper case.", examples=["RON"]),
]
Quantity = Annotated[str, StringConstraints(max_length=24, pattern=_QUANTITY)]
LineAmount = Annotated[str, StringConstraints(max_length=18, pattern=_LINE_AMOUNT)]
Url = Annotated[str, StringConstraints(max_length=2048, pattern=_URL), checked_by(_url, "not_a_url")]
Email = Annotated[str, Field(min_length=3, max_length=254), checked_by(contacts.normalise_email, "not_an_email")]
Phone = Annotated[
    str,
    Field(
        min_length=3,
        max_length=32,
        description="Any usual spelling; without a country code it is read in the biller's region. Kept as E.164.",
        examples=["+40722123456"],
    ),
]
Locale = Annotated[
    str,
    StringConstraints(max_length=35, pattern=_LOCALE),
    checked_by(contacts.normalise_locale, "not_a_locale"),
    Field(
        description="BCP 47. Messages are in Romanian or English; any other language gets English.",
        examples=["ro"],
    ),
]
TimeZone = Annotated[
    str,
    StringConstraints(max_length=64, pattern=_TIME_ZONE),
    checked_by(_time_zone, "unknown_time_zone"),
    Field(description="IANA name.", examples=["Europe/Bucharest"]),
]
Chat = Annotated[str, StringConstraints(pattern=_CHAT)]
ChannelName = Annotated[str, StringConstraints(pattern=_CHANNEL)]
Source = Annotated[str, StringConstraints(pattern=_SOURCE)]
Wait = Annotated[str, StringConstraints(pattern=_WAIT), checked_by(_wait, "wait_out_of_range")]
Day = Annotated[
    date,
    _read(_DATE, date.fromisoformat, "a day is written as 2026-11-23, from 2000 to 2199"),
    Field(json_schema_extra={"pattern": _DATE}, examples=["2026-11-23"]),
]
Instant = Annotated[
    datetime,
    _read(_INSTANT, _utc, "an instant is written as 2026-11-23T09:00:00Z, or with an offset such as +02:00"),
    Field(json_schema_extra={"pattern": _INSTANT}, examples=["2026-11-23T09:00:00Z"]),
]

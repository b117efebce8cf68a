"""What the form posts: a draft with likely values, the request that it becomes, and the same request for a terminal."""

from __future__ import annotations

import random
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

import orjson
from babel.dates import format_date

from gateway.demo.box.billers import DemoBiller, Row
from gateway.ports.values import Money

Json = dict[str, Any]
CHANNELS = ("telegram", "whatsapp", "sms", "email")  # without a wait the next one follows at once, so all are used
LOCALES = ("ro", "en")
CURRENCY = "RON"


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody who owes. Only Ana has a phone in the box; the others are there so that a list looks like one."""

    name: str
    email: str
    phone: str
    chat_id: int


ANA = Person("Ana Popescu", "ana.popescu@example.com", "+40700000321", 482_190_337)


class DraftFault(ValueError):
    """A draft that cannot be read; the message names what is wrong."""


@dataclass(frozen=True, slots=True)
class Draft:
    """One invoice before it is posted. `amount` is written as the form has it: the API is to judge it."""

    number: str
    amount: str
    due_on: str
    locale: str
    channels: tuple[str, ...]

    @classmethod
    def read(cls, given: object) -> Draft:
        """From the form's JSON. Raises DraftFault on any other shape; values are for the API to refuse."""
        if not isinstance(given, dict):
            raise DraftFault("not a draft")
        number, amount, due_on, locale = (given.get(name) for name in ("number", "amount", "due_on", "locale"))
        channels = given.get("channels")
        texts = isinstance(number, str) and isinstance(amount, str) and isinstance(due_on, str)
        if not texts or locale not in LOCALES or not isinstance(channels, list) or not set(channels) <= set(CHANNELS):
            raise DraftFault("not a draft")
        return cls(
            str(number), str(amount), str(due_on), str(locale), tuple(name for name in CHANNELS if name in channels)
        )


class Drafting:
    """Draws likely invoices of one biller, each with its own number."""

    def __init__(self, biller: DemoBiller, chance: random.Random) -> None:
        self._biller = biller
        self._chance = chance
        self._next = chance.randrange(104_000, 180_000)

    def draw(self, today: date, *, due_in_days: int | None = None) -> Draft:
        """A fresh draft, due in one to three weeks unless told."""
        self._next += self._chance.randrange(1, 40)
        amount = self._chance.randrange(self._biller.smallest, self._biller.largest)
        days = self._chance.randrange(7, 22) if due_in_days is None else due_in_days
        return Draft(
            number=f"{self._biller.series}-{self._next}",
            amount=Money(amount, CURRENCY).value,
            due_on=(today + timedelta(days=days)).isoformat(),
            locale="ro",
            channels=CHANNELS,
        )


def request_body(biller: DemoBiller, draft: Draft, today: date, person: Person = ANA) -> Json:
    """The body of `POST /v1/invoices` for a draft. All channels at once: each step waits for nothing."""
    issued_on = min(today.isoformat(), draft.due_on) if draft.due_on else today.isoformat()
    month = format_date(today, "LLLL y", locale=draft.locale)
    *early, last = [name for name in CHANNELS if name in draft.channels] or [""]
    return {
        "number": draft.number,
        "amount": {"value": draft.amount, "currency": CURRENCY},
        "issued_on": issued_on,
        "due_on": draft.due_on,
        "description": biller.subject[draft.locale].format(month=month),
        "lines": _lines(biller.rows, draft),
        "payer": {
            "reference": biller.contract if person is ANA else f"{biller.series}-{person.chat_id}",
            "name": person.name,
            "email": person.email,
            "phone": person.phone,
            "telegram": str(person.chat_id),
            "locale": draft.locale,
        },
        "metadata": {"contract": biller.contract},
        "deliver": [*({"channel": name, "wait": "0s"} for name in early), *([{"channel": last}] if last else [])],
    }


def as_curl(url: str, key: str, body: Mapping[str, Any]) -> str:
    """The request for a terminal; it works as it stands while the box runs."""
    written = orjson.dumps(body, option=orjson.OPT_INDENT_2).decode()
    return (
        f"curl {shlex.quote(url)} \\\n"
        f"  -H {shlex.quote(f'Authorization: Bearer {key}')} \\\n"
        f"  -H 'Content-Type: application/json' \\\n"
        f"  -d {shlex.quote(written)}"
    )


def _lines(rows: Sequence[Row], draft: Draft) -> list[Json]:
    """The bill's rows; they add up to its amount. None when the amount is not one: the API then says what is wrong."""
    try:
        total = Money.parse(draft.amount, CURRENCY).minor
    except ValueError:
        return []
    parts = [None if row.share is None else round(total * row.share) for row in rows]
    rest = total - sum(part for part in parts if part is not None)
    lines = []
    for row, part in zip(rows, parts, strict=True):
        minor = rest if part is None else part
        lines.append(
            {
                "description": row.ro if draft.locale == "ro" else row.en,
                **({"quantity": str(max(1, minor // row.unit_minor)), "unit": row.unit} if row.unit_minor else {}),
                "amount": Money(minor, CURRENCY).value,
            }
        )
    return lines

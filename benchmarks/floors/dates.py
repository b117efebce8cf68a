"""Floor of dates, one regular expression that knows one form (`15.12.2026`); and the product, in a child of the same kind."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

from benchmarks import child
from gateway.domain.dates import read

AT = datetime(2026, 11, 23, 8, tzinfo=UTC)
ZONE = ZoneInfo("Europe/Bucharest")
_FORM = re.compile(r"(\d{1,2})\.(\d{1,2})\.(\d{4})")


def by_form(phrase: str) -> bool:
    """Whether the one form is in it, and a day in its place."""
    if match := _FORM.search(phrase):
        datetime(int(match[3]), int(match[2]), int(match[1]), 9, tzinfo=ZONE)
    return match is not None


def by_grammar(phrase: str) -> bool:
    """Whether there is a date in it, or a question."""
    reading = read(phrase, at=AT, zone=ZONE, locale="ro")
    return reading.at is not None or reading.question is not None


READERS: dict[str, Callable[[str], bool]] = {"form": by_form, "grammar": by_grammar}


async def main() -> None:
    told = child.settings()
    reader, phrases = READERS[told["reader"]], told["phrases"]

    async def work(order: dict[str, Any]) -> dict[str, Any]:
        found = 0
        for at in range(order["number"]):
            found += reader(phrases[at % len(phrases)])
        return {"found": found}

    await child.obey({}, {"read": work})


if __name__ == "__main__":
    asyncio.run(main())

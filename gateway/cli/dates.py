"""`achit dates`: tries the grammar of dates on a phrase, or on many. Needs no configuration and no database."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import TYPE_CHECKING, Annotated

import typer

from gateway.cli.options import AsJson
from gateway.cli.output import say

if TYPE_CHECKING:
    from zoneinfo import ZoneInfo

    from gateway.domain.dates import Reading

NO_DATE = "no date"


def dates(
    phrase: Annotated[str | None, typer.Argument(metavar="[PHRASE]", help="What a payer might write.")] = None,
    at: Annotated[
        str | None,
        typer.Option("--at", metavar="INSTANT", show_default="now", help="Seen from when; in the zone, unless it names an offset."),
    ] = None,
    zone: Annotated[str, typer.Option("--zone", metavar="NAME", help="The payer's time zone.")] = "Europe/Bucharest",
    locale: Annotated[str, typer.Option("--locale", metavar="TAG", help="The language tried first, such as ro or en-GB.")] = "ro",
    pay_day: Annotated[int | None, typer.Option("--pay-day", min=1, max=31, help="The day of the month on which people are paid.")] = None,
    country: Annotated[str, typer.Option("--country", metavar="CODE", help="Whose holidays.")] = "RO",
    stdin: Annotated[bool, typer.Option("--stdin", help="Read phrases from standard input, one a line; a line of JSON for each.")] = False,
    as_json: AsJson = False,
) -> None:
    """Show which instant is understood in a phrase, or which question would be asked. Changes nothing."""
    from gateway.cli.failing import WrongUse
    from gateway.domain.dates import Calendar, read

    if (phrase is None) != stdin:
        raise WrongUse("say one PHRASE, or --stdin for many")
    where = _zone(zone)
    now = _instant(at, where)
    calendar = Calendar(country=country.upper(), pay_day=pay_day)
    for one in _lines() if phrase is None else (phrase,):
        reading = read(one, at=now, zone=where, locale=locale, calendar=calendar)
        say(_as_json(reading, locale) if stdin or as_json else _as_text(reading, locale, now.astimezone(where).year))


def _as_json(reading: Reading, locale: str) -> str:
    import json

    from gateway.domain.dates import question_text

    question = question_text(reading.question, locale) if reading.question else None
    return json.dumps({"at": reading.at.isoformat() if reading.at else None, "question": question}, ensure_ascii=False)


def _as_text(reading: Reading, locale: str, year: int) -> str:
    from gateway.domain.dates import instant_text, question_text

    if reading.question is not None:
        return question_text(reading.question, locale)
    if reading.at is None:
        return NO_DATE
    return instant_text(reading.at, locale, date_only=reading.date_only, seen_from=year)


def _zone(name: str) -> ZoneInfo:
    from zoneinfo import ZoneInfo

    from gateway.cli.failing import WrongUse

    try:
        return ZoneInfo(name)
    except (ValueError, OSError, LookupError):
        raise WrongUse(f"--zone: there is no time zone {name}") from None


def _instant(text: str | None, zone: ZoneInfo) -> datetime:
    from gateway.cli.failing import WrongUse

    if text is None:
        return datetime.now(zone)
    try:
        said = datetime.fromisoformat(text)
    except ValueError:
        raise WrongUse(f"--at: {text} is no instant such as 2026-11-23T10:00") from None
    return said if said.tzinfo else said.replace(tzinfo=zone)


def _lines() -> Iterator[str]:
    import sys

    for line in sys.stdin:
        yield line.rstrip("\r\n")

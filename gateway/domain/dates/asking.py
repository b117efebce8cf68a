"""A question in the payer's language."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from gateway.domain.dates.lexicon import known_languages, language
from gateway.domain.dates.values import Question, QuestionKind


def instant_text(at: datetime, locale: str, *, date_only: bool, seen_from: int) -> str:
    """`vineri, 27 noiembrie, ora 9:00`; the year where it is not `seen_from`."""
    tables = _tables(locale)
    return _day(tables, "day", at.day, at.month, at.year, seen_from, at.weekday()) + (
        "" if date_only else tables.TEXTS["time"].format(hour=at.hour, minute=at.minute)
    )


def question_text(question: Question, locale: str) -> str:
    """`15 noiembrie a trecut; vrei marți, 15 decembrie?` In English where there is no such language."""
    tables, year = _tables(locale), question.asked_on.year
    texts = tables.TEXTS
    shown = texts["or"].join(instant_text(at, locale, date_only=question.date_only, seen_from=year) for at in question.proposals)
    about = ""
    if question.said is not None:
        about = _day(tables, "plain", *question.said, year, year)
    elif question.about is not None:
        about = _day(tables, "plain", question.about.day, question.about.month, question.about.year, year)
    kind = question.kind
    if kind in (QuestionKind.PASSED, QuestionKind.NO_SUCH_DAY) and not about:
        kind = QuestionKind.WHICH
    said = texts[kind].format(about=about, latest=shown)
    if kind is QuestionKind.PAY_DAY or not shown:
        return f"{said}{'' if kind in _STATED else '?'}"
    return f"{said}; {texts['want'].format(proposals=shown)}" if kind is not QuestionKind.TOO_LATE else f"{said}."


_STATED = (QuestionKind.PASSED, QuestionKind.NO_SUCH_DAY)


def _tables(locale: str) -> Any:
    name = locale.replace("_", "-").partition("-")[0].lower()
    return language(name if name in known_languages() else "en")


def _day(tables: Any, form: str, day: int, month: int, year: int, seen_from: int, weekday: int = 0) -> str:
    text: str = tables.TEXTS[form].format(weekday=tables.WEEKDAYS[weekday], day=day, month=tables.MONTHS[month - 1])
    return text + (tables.TEXTS["year"].format(year=year) if year != seen_from else "")

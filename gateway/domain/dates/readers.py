"""What each pattern of the grammar says, from the words that it fits."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from gateway.domain.dates.lexicon import Word, is_day

Found = tuple[str, tuple[Any, ...]] | None  # what was said and its values; None: after all nothing
Reader = Callable[[str, list[Word]], Found]


def _value(words: list[Word], kinds: str) -> Any:
    """The value of the first word of one of these kinds."""
    return next((word.value for word in words if word.kind in kinds), None)


def _number(words: list[Word]) -> int:
    number = _value(words, "nwOω")
    return 1 if number is None else int(number)


def _unit(words: list[Word]) -> str:
    unit = _value(words, "uL")
    return "month" if unit == 0 else str(unit)


def _units(words: list[Word]) -> list[str]:
    return ["month" if word.value == 0 else str(word.value) for word in words if word.kind in "uL"]


def _which(kinds: str) -> str:
    return next((name for kind, name in (("N", "next"), ("C", "coming"), ("T", "this")) if kind in kinds), "")


def _ahead(kinds: str, words: list[Word]) -> Found:
    return "ahead", ((_number(words), _unit(words)),)


def _half_ahead(kinds: str, words: list[Word]) -> Found:
    return ("ahead", ((30, "minute"),)) if _unit(words) == "hour" else ("ask", ())


def _quarter_ahead(kinds: str, words: list[Word]) -> Found:
    return ("ahead", ((15, "minute"),)) if _unit(words) == "hour" else None


def _and_half(kinds: str, words: list[Word]) -> Found:
    if _unit(words) != "hour":
        return "ask", ()
    return "ahead", ((_number(words), "hour"), (15 if "Q" in kinds else 30, "minute"))


def _twice(kinds: str, words: list[Word]) -> Found:
    numbers = [int(word.value) if word.kind in "nw" else 1 for word in words if word.kind in "nwaγ"]
    return "ahead", tuple(zip(numbers, _units(words), strict=True))


def _edge(kinds: str, words: list[Word]) -> Found:
    edge = next(kind for kind in kinds if kind in "gsj")
    return "edge", (edge, _unit(words), "next" if _which(kinds) in ("next", "coming") else _which(kinds))


def _edge_of_month(kinds: str, words: list[Word]) -> Found:
    edge = next(kind for kind in kinds if kind in "gsj")
    return "edge_of_month", (edge, _value(words, "mM"), _value(words, "8"))


def _day_of_week(kinds: str, words: list[Word]) -> Found:
    if next(word.value for word in words if word.kind == "u") != "week":
        return "ask", ()
    return "weekday", (
        _value(words, "kqLK"),
        {"this": "of_this", "next": "of_next", "coming": "of_next"}[_which(kinds)],
    )


def _dom_of_month(kinds: str, words: list[Word]) -> Found:
    if _unit(words) != "month":
        return "ask", ()
    return ("dom", (_number(words), _which(kinds))) if 1 <= _number(words) <= 31 else None


def _span(kinds: str, words: list[Word]) -> Found:
    return "span", (_unit(words), _which(kinds))


def _weekday(kinds: str, words: list[Word]) -> Found:
    return "weekday", (_value(words, "kqLK"), _which(kinds))


def _date(kinds: str, words: list[Word]) -> Found:
    if (whole := _value(words, "δ")) is not None:
        return "numbers", tuple(whole)
    year, pair = _value(words, "8"), _value(words, "S")
    first, second, mark = pair[:3] if pair else (*(word.value for word in words if word.kind == "n"), " ")
    return "numbers", (first, second, year, mark)


def _iso(kinds: str, words: list[Word]) -> Found:
    return "iso", tuple(_value(words, "I"))


def _pair(kinds: str, words: list[Word]) -> Found:
    first, second, mark, full = _value(words, "S")
    led = next((kind for kind in kinds if kind in "tHp"), "")
    hour = mark in (".," if led else ".") and first < 24 and second < 60 and full
    if mark == "-" and led != "p":
        return "loose_range", ()
    if mark == "," and led not in ("t", "H"):
        return None
    if led == "H":
        return ("time", (first, second, first > 12)) if hour else None
    if led == "t":
        day = is_day(2024, second, first) and mark in "./"
        return (
            ("pair_or_time", (first, second))
            if hour and day
            else ("time", (first, second, first > 12))
            if hour
            else None
        )
    if hour and not is_day(2024, second, first):
        return "loose_time", (first, second, first > 12)
    return "pair", (first, second, mark)


def _day_month(kinds: str, words: list[Word]) -> Found:
    return "day_month", (_number(words), _value(words, "mM"), _value(words, "8"))


def _month(kinds: str, words: list[Word]) -> Found:
    return "month", (_value(words, "mM"), _value(words, "8"))


def _on_day(kinds: str, words: list[Word]) -> Found:
    return ("dom", (_number(words), "")) if 1 <= _number(words) <= 31 else None


def _past_half(kinds: str, words: list[Word]) -> Found:
    numbers = [word.value for word in words if word.kind in "nw"]
    hour, minutes = numbers[-1], 30
    if "Q" in kinds:
        minutes = 15
    elif len(numbers) == 2:
        minutes = numbers[0]
    elif "Z" not in kinds and "f" not in kinds:
        return None
    if not 1 <= hour <= 12 or minutes > 59:
        return None
    total = hour * 60 + (-minutes if "z" in kinds else minutes)
    return "time", (total // 60, total % 60, False)


def _hour_and(kinds: str, words: list[Word]) -> Found:
    numbers = [word.value for word in words if word.kind in "nw"]
    minutes = numbers[1] if len(numbers) == 2 else 15 if "Q" in kinds else 30
    return ("time", (numbers[0], minutes, numbers[0] > 12)) if numbers[0] < 24 and minutes < 60 else None


def _hour_less(kinds: str, words: list[Word]) -> Found:
    numbers = [word.value for word in words if word.kind in "nw"]
    less = 15 if "Q" in kinds else numbers[1]
    total = numbers[0] * 60 - less
    return ("time", (total // 60, total % 60, numbers[0] > 12)) if 0 < total < 1440 else None


def _hour(kinds: str, words: list[Word]) -> Found:
    number = _number(words)
    if 100 <= number <= 959 and number % 100 < 60 and "H" in kinds:  # "at 930"
        return "time", (number // 100, number % 100, False)
    if number <= 24:
        return "time", (number, 0, number > 12)
    return ("maybe_dom", (number,)) if number <= 31 and "t" in kinds and "H" not in kinds else None


def _half_day_hour(kinds: str, words: list[Word]) -> Found:
    value = _value(words, "nwAS")
    hour, minute = value[:2] if isinstance(value, tuple) else (value, 0)
    if hour > 12 or hour == 0 or minute > 59:
        return "ask", ()
    return "time", (hour % 12 + _value(words, "μ"), minute, True)


def _hours_ahead(kinds: str, words: list[Word]) -> Found:
    said = _value(words, "A")
    hours, minutes = (_number(words), 0) if said is None else said[:2]
    return ("ahead", ((hours, "hour"), (minutes, "minute"))) if hours <= 12 or not minutes else ("ask", ())


def _day_number(kinds: str, words: list[Word]) -> Found:
    day = ("day", (words[0].value,)) if kinds[0] == "d" else ("weekday", (words[0].value, ""))
    return "day_number", (*day, words[-1].value)


def _day_or_hour(kinds: str, words: list[Word]) -> Found:
    number = _number(words)
    if "f" not in kinds and number > 24:
        return ("dom", (number, "")) if number <= 31 else None
    return ("ask", ()) if number <= 31 else None


READERS: dict[str, Reader] = {
    "asked_each": lambda kinds, words: ("ask", ()),
    "asked_between": lambda kinds, words: ("ask", ()),
    "asked_few": lambda kinds, words: ("ask", ()),
    "delayed": lambda kinds, words: ("maybe_ahead", ((_number(words), _unit(words)),)),
    "alone": lambda kinds, words: ("maybe_ahead", ((_number(words), _unit(words)),)),
    "hence": _ahead,
    "half_ahead": _half_ahead,
    "quarter_ahead": _quarter_ahead,
    "and_half_ahead": _and_half,
    "twice_ahead": _twice,
    "ahead": _ahead,
    "edge": _edge,
    "edge_of_month": _edge_of_month,
    "day_of_week": _day_of_week,
    "dom_of_month": _dom_of_month,
    "span": _span,
    "weekend": lambda kinds, words: ("weekend", (_which(kinds),)),
    "feast": lambda kinds, words: ("feast", (_value(words, "FG"), _value(words, "8"))),
    "pay": lambda kinds, words: ("pay", (_value(words, "P"),)),
    "weekday": _weekday,
    "habit": lambda kinds, words: ("maybe_weekday", (_value(words, "K"),)),
    "iso": _iso,
    "date": _date,
    "day_month": _day_month,
    "month_day": _day_month,
    "month": _month,
    "pair": _pair,
    "on_day": _on_day,
    "day": lambda kinds, words: ("day", (_value(words, "d"),)),
    "past_half": _past_half,
    "hour_and": _hour_and,
    "hour_less": _hour_less,
    "hours_ahead": _hours_ahead,
    "asked_shift": lambda kinds, words: ("ask", ()),
    "asked_days": lambda kinds, words: ("ask", ()),
    "asked_hours": lambda kinds, words: ("ask", ()),
    "day_number": _day_number,
    "half_day_hour": _half_day_hour,
    "clock": lambda kinds, words: ("time", _value(words, "A")),
    "day_or_hour": _day_or_hour,
    "hour": _hour,
    "part": lambda kinds, words: ("part", (_value(words, "r"), "T" in kinds)),
}

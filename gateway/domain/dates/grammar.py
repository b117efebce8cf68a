"""Patterns over the kinds of words (`lexicon.KINDS`), and what each says. The first that fits at a place is taken.

A pattern that says nothing is there to take words away from those below: "3 days ago", "100 lei", "the invoice of 15.11".
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from gateway.domain.dates.lexicon import Word, is_day

_DAY = "[kqL]"
_NUM = "[nw]"
_LONG = f"(?:{_NUM}o?|[ao])[uL]"  # 3 days, a week
_WHICH = "(?:[NTC]u|u[NTC])"  # next week
_NOT_COUNTED = "(?!o?[cJuL])"
_LAST = "(?=$|[bB23dkHtrU70pyf])"
_TO = "(?:p?(?:tH|Ht|H|t))"

PATTERNS: dict[str, str] = {
    # Nothing that is ahead.
    "nothing_ago": f"0{_NUM}o?[uL]|0a[uL]|[nwa5]o?[uL]R|5o?[uL]R|l(?:[kqKLuWrmMFG]|{_NUM}[uL])|[kKLuWrmFG]l|D",
    "nothing_money": f"(?:{_NUM}|X|S|δ)o?c|c(?:n|X|S)(?!o?[mM])|[XS][uLJ]",
    "nothing_bill": "J[oY]?S|(?:J[oY]|Y)p?(?:S|δ|I|[nO]o?[mM])|Y(?:[mM]|n)",
    # Asked whatever stands beside.
    "asked_order": "E(?:[kKLqumrW]|nu)",
    "asked_between": "β[nwASd kKLq]2?[nwAS]?",
    "asked_few": "[if](?:5|5o|X|S)[uL]",
    "delayed": f"4+(?:{_LONG}|[uL])",
    "hours_ahead": "iA|i[nw]H(?![nwAS])",
    "asked_hours": f"{_TO}[nwAS]3{_TO}?[nwAS]",
    "hence": f"{_LONG}1",
    "half_ahead": "[if]h(?:o?a?)?u",
    "quarter_ahead": "[if]a?Qo?a?u",
    "and_half_ahead": f"[if](?:{_LONG}2a?[hQ](?!u)|{_NUM}2a?hu)",
    "twice_ahead": f"[if]{_LONG}2?{_LONG}",
    "ahead": f"[if]{_LONG}",
    "alone": f"^{_LONG}$",
    "nothing_last": f"[nwa5]o?u(?![NTC])|5o?[uL]|[tH]{_NUM}o?[uL]|(?<!p)[wn]L",
    # Stretches and their edges.
    "edge_of_month": "[gsj]o?u?o?[mM]8?",
    "edge": "[gsj]o?[NTC]?u[NTC]?",
    "day_of_week": f"{_WHICH}[oYpyib]?[kqLK]|[kqLK][oYipb]?{_WHICH}",
    "dom_of_month": f"p?[nwOω](?:o|p|i|Y)?{_WHICH}|{_WHICH}[bt]?p[nOω]|p?[nO]ou",
    "span": _WHICH,
    "weekend": "[NTC]?W[NTC]?",
    # Days.
    "feast": "[tofyipe]*F|[tofyie]+G|pG|^G[bU]*$",
    "pay": "[tfiypo]*P",
    "day_number": f"[kLd]n{_NOT_COUNTED}(?![oY]?[mMrc78μSA])(?!o?{_WHICH})",
    "weekday": f"[NTC]{_DAY}|[NTC]K|[kqLK][NTC]|[kL]|(?<=[pyUNT])q|^q(?=$|[bnAHOt])",
    "habit": "K",
    "iso": "p?I",
    "date": "p?δ",
    "day_month": f"p?[nwOω](?:o|Y)?m(?:o?8)?|p?nM(?!9)(?:o?8)?|p?[Oω]o?M(?!9)(?:o?8)?",
    "month_day": f"m[nOω]{_NOT_COUNTED}(?:o?8)?|M[Oωn]{_NOT_COUNTED}(?:o?8)?",
    "month": "[iypNTfes]*u?m8?|(?:[iyNTpfe]u?|u)M8?(?![9nwa])|M8",
    "pair": "[tH]?p?S",
    "on_day": f"p[nO](?:{_NOT_COUNTED}|(?=L))|p[wω]{_LAST}|O(?!o?[cJ])",
    "day": "d",
    # Hours.
    "past_half": f"{_TO}?(?:Z|h|a?Q|n)(?:u?z|u?Z|f){_NUM}|{_TO}?Z{_NUM}",
    "hour_and": f"{_TO}{_NUM}(?:2a?[hQ]|2{_NUM}{_NOT_COUNTED})",
    "hour_less": f"{_TO}{_NUM}(?:6[Qnw]h?)|{_TO}{_NUM}v(?:[aw]?Q|{_NUM}{_NOT_COUNTED})",
    "half_day_hour": f"(?:f|y)?{_TO}?[nwAS]μ",
    "clock": f"(?:f|y)?{_TO}?A",
    "day_or_hour": f"[fye][nw]{_LAST}|yt[nw]{_NOT_COUNTED}",
    "hour": f"(?:f|y)?p?(?:tH|Ht|H){_NUM}7?{_NOT_COUNTED}|p?t(?:n{_NOT_COUNTED}|w(?:7|{_LAST}|(?=[oi]?r)))|{_NUM}7|{_NUM}(?=[oi]?r)",
    "part": "Tr|rT|[ipto]?r",
}
_ALL = re.compile("|".join(f"(?P<{name}>{form.replace(' ', '')})" for name, form in PATTERNS.items()))
_VALUES = "dkqLKmMuwnOωahQrFGPδSIA8NTCgsj"


@dataclass(frozen=True, slots=True)
class Said:
    """One thing that was said: what kind, its values, where. `turned`: "after", "before" or "not until" stands before it."""

    what: str
    values: tuple[Any, ...]
    start: int
    end: int
    turned: str = ""


Reader = Callable[[str, list[Word]], tuple[str, tuple[Any, ...]] | None]


def said_in(words: Sequence[Word]) -> list[Said]:
    """What a text says of days and hours, without what is denied or past."""
    kinds = "".join(word.kind for word in words)
    found: list[Said] = []
    since = 0
    denied = over = False
    for match in _ALL.finditer(kinds):
        name = match.lastgroup or ""
        denied, over = _mood(kinds, since, match.start(), denied, over, bool(found))
        since = match.end()
        if name.startswith("nothing"):
            continue
        group = list(words[match.start() : match.end()])
        if (made := READERS[name](kinds[match.start() : match.end()], group)) is None:
            continue
        if _refused(kinds, match.start(), match.end()):
            continue
        turned = _turned(kinds, match.start(), match.end(), name)
        if over or (denied and not turned and "y" not in kinds[max(0, match.start() - 2) : match.start() + 1]):
            continue
        if denied:
            turned = turned or "until"
        found.append(Said(made[0], made[1], group[0].start, group[-1].end, turned))
    return found


def _mood(kinds: str, start: int, end: int, denied: bool, over: bool, any_before: bool) -> tuple[bool, bool]:
    """Whether what follows is denied ("not Friday"), or told of the past ("I paid on Friday")."""
    for at in range(start, end):
        kind = kinds[at]
        if kind == "v":
            denied = True
        elif kind == "V":
            over = True
        elif kind in "bB":
            denied = over = False
        elif kind == "U":
            over = False
            denied = denied and at != start
    return denied, over


def _refused(kinds: str, start: int, end: int) -> bool:
    """ "Friday no, Monday yes": the word after says that it is not this."""
    del start
    return re.match(r"v(?:$|[bB])", kinds[end:]) is not None


def _turned(kinds: str, start: int, end: int, name: str) -> str:
    if name in ("ahead", "half_ahead", "twice_ahead", "and_half_ahead", "quarter_ahead", "hours_ahead", "clock", "half_day_hour", "hour", "pay", "day_or_hour"):
        return "before" if kinds[:start].endswith("e") else ""
    lead = re.search(r"([fe])[optyi]*$", kinds[:start])
    inner = re.match(r"[optyi]*([fe])", kinds[start:end])
    found = lead or inner
    return "" if found is None else {"f": "after", "e": "before"}[found[1]]


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


def _ahead(kinds: str, words: list[Word]) -> tuple[str, tuple[Any, ...]]:
    return "ahead", ((_number(words), _unit(words)),)


def _half_ahead(kinds: str, words: list[Word]) -> tuple[str, tuple[Any, ...]] | None:
    return ("ahead", ((30, "minute"),)) if _unit(words) == "hour" else ("ask", ())


def _quarter_ahead(kinds: str, words: list[Word]) -> tuple[str, tuple[Any, ...]] | None:
    return ("ahead", ((15, "minute"),)) if _unit(words) == "hour" else None


def _and_half(kinds: str, words: list[Word]) -> tuple[str, tuple[Any, ...]]:
    if _unit(words) != "hour":
        return "ask", ()
    return "ahead", ((_number(words), "hour"), (15 if "Q" in kinds else 30, "minute"))


def _twice(kinds: str, words: list[Word]) -> tuple[str, tuple[Any, ...]]:
    numbers = [
        int(word.value) if word.kind in "nw" else 1
        for word, before in zip(words, kinds[-1] + kinds, strict=False)
        if word.kind in "nwa" or (word.kind == "o" and before not in "nw")
    ]
    return "ahead", tuple(zip(numbers, _units(words), strict=True))


def _edge(kinds: str, words: list[Word]) -> tuple[str, tuple[Any, ...]] | None:
    edge = next(kind for kind in kinds if kind in "gsj")
    return "edge", (edge, _unit(words), "next" if _which(kinds) in ("next", "coming") else _which(kinds))


def _edge_of_month(kinds: str, words: list[Word]) -> tuple[str, tuple[Any, ...]] | None:
    edge = next(kind for kind in kinds if kind in "gsj")
    return "edge_of_month", (edge, _value(words, "mM"), _value(words, "8"))


def _day_of_week(kinds: str, words: list[Word]) -> tuple[str, tuple[Any, ...]] | None:
    if next(word.value for word in words if word.kind == "u") != "week":
        return "ask", ()
    return "weekday", (_value(words, "kqLK"), {"this": "of_this", "next": "of_next", "coming": "of_next"}[_which(kinds)])


def _dom_of_month(kinds: str, words: list[Word]) -> tuple[str, tuple[Any, ...]] | None:
    if _unit(words) != "month":
        return "ask", ()
    return ("dom", (_number(words), _which(kinds))) if 1 <= _number(words) <= 31 else None


def _span(kinds: str, words: list[Word]) -> tuple[str, tuple[Any, ...]]:
    return "span", (_unit(words), _which(kinds))


def _weekday(kinds: str, words: list[Word]) -> tuple[str, tuple[Any, ...]]:
    return "weekday", (_value(words, "kqLK"), _which(kinds))


def _date(kinds: str, words: list[Word]) -> tuple[str, tuple[Any, ...]]:
    return "numbers", tuple(_value(words, "δ"))


def _iso(kinds: str, words: list[Word]) -> tuple[str, tuple[Any, ...]]:
    return "iso", tuple(_value(words, "I"))


def _pair(kinds: str, words: list[Word]) -> tuple[str, tuple[Any, ...]] | None:
    first, second, mark, full = _value(words, "S")
    hour = mark == "." and first < 24 and second < 60 and full
    led = next((kind for kind in kinds if kind in "tHp"), "")
    if led == "H":
        return ("time", (first, second, first > 12)) if hour else None
    if led == "t":
        day = is_day(2024, second, first) and mark != "-"
        return ("pair_or_time", (first, second)) if hour and day else ("time", (first, second, first > 12)) if hour else None
    if mark == "-":
        return ("pair", (first, second, mark)) if led == "p" else None
    if hour and not is_day(2024, second, first):
        return "loose_time", (first, second, first > 12)
    return "pair", (first, second, mark)


def _day_month(kinds: str, words: list[Word]) -> tuple[str, tuple[Any, ...]] | None:
    return "day_month", (_number(words), _value(words, "mM"), _value(words, "8"))


def _month(kinds: str, words: list[Word]) -> tuple[str, tuple[Any, ...]]:
    return "month", (_value(words, "mM"), _value(words, "8"))


def _on_day(kinds: str, words: list[Word]) -> tuple[str, tuple[Any, ...]] | None:
    return ("dom", (_number(words), "")) if 1 <= _number(words) <= 31 else None


def _past_half(kinds: str, words: list[Word]) -> tuple[str, tuple[Any, ...]] | None:
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


def _hour_and(kinds: str, words: list[Word]) -> tuple[str, tuple[Any, ...]] | None:
    numbers = [word.value for word in words if word.kind in "nw"]
    minutes = numbers[1] if len(numbers) == 2 else 15 if "Q" in kinds else 30
    return ("time", (numbers[0], minutes, numbers[0] > 12)) if numbers[0] < 24 and minutes < 60 else None


def _hour_less(kinds: str, words: list[Word]) -> tuple[str, tuple[Any, ...]] | None:
    numbers = [word.value for word in words if word.kind in "nw"]
    less = 15 if "Q" in kinds else numbers[1]
    total = numbers[0] * 60 - less
    return ("time", (total // 60, total % 60, numbers[0] > 12)) if 0 < total < 1440 else None


def _hour(kinds: str, words: list[Word]) -> tuple[str, tuple[Any, ...]] | None:
    number = _number(words)
    if number <= 24:
        return "time", (number, 0, number > 12)
    return ("maybe_dom", (number,)) if number <= 31 and "t" in kinds and "H" not in kinds else None


def _half_day_hour(kinds: str, words: list[Word]) -> tuple[str, tuple[Any, ...]] | None:
    value = _value(words, "nwAS")
    hour, minute = value[:2] if isinstance(value, tuple) else (value, 0)
    if hour > 12 or hour == 0 or minute > 59:
        return "ask", ()
    return "time", (hour % 12 + _value(words, "μ"), minute, True)


def _hours_ahead(kinds: str, words: list[Word]) -> tuple[str, tuple[Any, ...]]:
    said = _value(words, "A")
    hours, minutes = (_number(words), 0) if said is None else said[:2]
    return ("ahead", ((hours, "hour"), (minutes, "minute"))) if hours <= 12 else ("ask", ())


def _day_number(kinds: str, words: list[Word]) -> tuple[str, tuple[Any, ...]]:
    day = ("day", (words[0].value,)) if kinds[0] == "d" else ("weekday", (words[0].value, ""))
    return "day_number", (*day, words[-1].value)


def _day_or_hour(kinds: str, words: list[Word]) -> tuple[str, tuple[Any, ...]] | None:
    number = _number(words)
    if "f" not in kinds and number > 24:
        return ("dom", (number, "")) if number <= 31 else None
    return ("ask", ()) if number <= 31 else None


READERS: dict[str, Reader] = {
    "asked_order": lambda kinds, words: ("ask", ()),
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
    "feast": lambda kinds, words: ("feast", (_value(words, "FG"),)),
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
    "asked_hours": lambda kinds, words: ("ask", ()),
    "day_number": _day_number,
    "half_day_hour": _half_day_hour,
    "clock": lambda kinds, words: ("time", _value(words, "A")),
    "day_or_hour": _day_or_hour,
    "hour": _hour,
    "part": lambda kinds, words: ("part", (_value(words, "r"), "T" in kinds)),
}

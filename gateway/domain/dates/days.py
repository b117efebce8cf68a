"""From what was said of a day to the day, or to the days that it may be."""

from __future__ import annotations

import calendar
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from gateway.domain.dates.feasts import feast_on
from gateway.domain.dates.lexicon import is_day
from gateway.domain.dates.values import Calendar, QuestionKind

_ROLLS = 182  # days: a day of the year that passed longer ago is next year's; one that passed since is asked
_JUST = 30  # days for which a feast that was is still spoken of
K = QuestionKind


@dataclass(frozen=True, slots=True)
class Days:
    """One day; or with `ask`, those that are proposed. `until` makes a stretch of it."""

    days: tuple[date, ...]
    ask: QuestionKind | None = None
    until: date | None = None
    about: date | None = None
    said: tuple[int, int] | None = None


@dataclass(frozen=True, slots=True)
class Today:
    """The payer's day, what the biller set, and whether 3/4 is the third of April (None: it is asked)."""

    day: date
    calendar: Calendar
    day_first: bool | None


def day_said(what: str, values: tuple[Any, ...], today: Today) -> Days | None:
    """The day, or None when it is no day at all. Raises OverflowError past the year 9999."""
    try:
        return _DAYS[what](today, *values)
    except ValueError:  # a year that there is not
        return None


def add_months(day: date, months: int) -> date:
    """The same day some months later; the last one of a shorter month."""
    count = day.year * 12 + day.month - 1 + months
    year, month = count // 12, count % 12 + 1
    return date(year, month, min(day.day, calendar.monthrange(year, month)[1]))


def _relative(today: Today, number: int) -> Days:
    return Days((today.day + timedelta(days=number),))


def _weekday(today: Today, weekday: int, which: str) -> Days:
    day = today.day
    this = day + timedelta(days=weekday - day.weekday())
    following = this + timedelta(days=7)
    soon = this if this > day else following
    if which in ("of_next", "next"):
        return Days((this, following), K.WHICH) if which == "next" and this > day else Days((following,))
    if which in ("of_this", "this"):
        return Days((this,)) if this >= day else Days((following,), K.PASSED, about=this)
    if this == day and not which:
        return Days((this, following), K.WHICH)
    return Days((soon,))


def _maybe_weekday(today: Today, weekday: int) -> Days:
    found = _weekday(today, weekday, "")
    return Days(found.days, K.CONFIRM)


def _day_number(today: Today, what: str, values: tuple[Any, ...], number: int) -> Days:
    """ "Friday 27": that day when the number is its, else it is asked; a number may also be an hour or a sum."""
    said = _DAYS[what](today, *values)
    assert said is not None
    fits = tuple(day for day in said.days if day.day == number)
    dated = _dom(today, number, "").days if 1 <= number <= 31 else ()
    if what == "weekday":
        fits = fits or tuple(day for day in dated[:1] if day.weekday() == values[0])
    return Days(fits[:1]) if fits else Days(tuple(sorted({*said.days, *(dated if what == "weekday" else ())})), K.MISMATCH)


def _dom(today: Today, number: int, which: str) -> Days:
    """A day of a month: of this one or the next when it says so, else the next that comes."""
    day = today.day
    first = day.replace(day=1)
    if which:
        first = add_months(first, 1) if which in ("next", "coming") else first
        if not is_day(first.year, first.month, number):
            return _no_such(number, first)
        found = first.replace(day=number)
        return Days((found,)) if found >= day else Days(_on_months(number, day, 1), K.PASSED, about=found)
    if number < day.day:
        first = add_months(first, 1)
    if not is_day(first.year, first.month, number):
        return _no_such(number, first)
    found = first.replace(day=number)
    return Days((found, *_on_months(number, day, 1)), K.WHICH) if found == day else Days((found,))


def _maybe_dom(today: Today, number: int) -> Days:
    found = _dom(today, number, "")
    return found if found.ask else Days(found.days, K.CONFIRM)


def _no_such(number: int, first: date) -> Days:
    last = add_months(first, 1) - timedelta(days=1)
    return Days((last, *_on_months(number, last, 1)), K.NO_SUCH_DAY, said=(number, first.month))


def _on_months(number: int, after: date, most: int) -> tuple[date, ...]:
    """The next days of this number after a day."""
    first = after.replace(day=1)
    months = (add_months(first, count) for count in range(4))
    found = [month.replace(day=number) for month in months if is_day(month.year, month.month, number)]
    return tuple(one for one in found if one > after)[:most]


def _day_month(today: Today, number: int, month: int, year: int | None) -> Days | None:
    """A day of the year: this year's, or next year's when it passed so long ago that nobody means it."""
    day = today.day
    if not (1 <= number <= 31 and 1 <= month <= 12):
        return None
    if year is None:
        year = day.year
        if (month, number) < (day.month, day.day):
            gone = (day - add_months(date(year, month, 1), 0)).days - number + 1
            if gone <= _ROLLS and is_day(year, month, number):
                return _passed(today, date(year, month, number))
            year += 1
    if not is_day(year, month, number):
        first = date(year, month, 1)
        after = add_months(first, 1)
        there = tuple(one for one in (after - timedelta(days=1), after) if one >= day)
        return Days(there, K.NO_SUCH_DAY, said=(number, month))
    found = date(year, month, number)
    return Days((found,)) if found >= day else _passed(today, found)


def _passed(today: Today, found: date) -> Days:
    again = tuple(date(year, found.month, found.day) for year in (today.day.year, today.day.year + 1) if is_day(year, found.month, found.day))
    ahead = tuple(one for one in again if one > today.day)[:1]
    return Days(tuple(sorted({*_on_months(found.day, today.day, 1), *ahead})), K.PASSED, about=found)


def _numbers(today: Today, first: int, second: int, year: int, mark: str) -> Days | None:
    return _two(today, first, second, year, mark)


def _pair(today: Today, first: int, second: int, mark: str) -> Days | None:
    return _two(today, first, second, None, mark)


def _two(today: Today, first: int, second: int, year: int | None, mark: str) -> Days | None:
    """Day and month in numbers. A slash is read as the reader's region does; a dot or a dash is day first everywhere."""
    rule = today.day_first if mark == "/" else True
    day_first, month_first = _day_month(today, first, second, year), _day_month(today, second, first, year)
    if rule is not None:
        preferred, other = (day_first, month_first) if rule else (month_first, day_first)
        if preferred is not None or mark != "/" or other is None:
            return preferred
        return Days(other.days, other.ask or K.CONFIRM, about=other.about, said=other.said)
    if day_first is None or month_first is None or first == second:
        return day_first or month_first
    return Days(tuple(sorted({*day_first.days, *month_first.days})), K.WHICH)


def _iso(today: Today, year: int, month: int, number: int, *_: Any) -> Days | None:
    if not is_day(year, month, number):
        return Days((), K.NO_SUCH_DAY, said=(number, month)) if 1 <= month <= 12 and 1 <= number <= 31 else None
    found = date(year, month, number)
    return Days((found,)) if found >= today.day else _passed(today, found)


def _edge(today: Today, edge: str, unit: str, which: str) -> Days | None:
    return _EDGES[unit](today, edge, which) if unit in _EDGES else Days((), K.WHICH_DAY)


def _edge_of_a_month(today: Today, edge: str, which: str) -> Days:
    first = today.day.replace(day=1)
    found = [_within(add_months(first, count), edge) for count in range(2)]
    if which == "next":
        return Days((found[1],))
    if which == "this":
        return Days((found[0],)) if found[0] >= today.day else Days((found[1],), K.PASSED, about=found[0])
    return Days((next(one for one in found if one >= today.day),))


def _within(first: date, edge: str) -> date:
    return first if edge == "s" else first.replace(day=15) if edge == "j" else add_months(first, 1) - timedelta(days=1)


def _edge_of_a_week(today: Today, edge: str, which: str) -> Days:
    monday = today.day - timedelta(days=today.day.weekday())
    if which == "next" or (edge == "s" and not which and today.day > monday):
        monday += timedelta(days=7)
    wanted = [monday + timedelta(days=count) for count in {"s": (0,), "j": (2,), "g": (4, 6)}[edge]]
    ahead = tuple(one for one in wanted if one >= today.day)
    if len(wanted) == 1 and ahead and (ahead[0] > today.day or which):
        return Days(ahead)
    return Days(ahead or (wanted[0] + timedelta(days=7),), K.WHICH)


def _edge_of_a_year(today: Today, edge: str, which: str) -> Days:
    year = today.day.year + (which == "next")
    if edge == "j":
        return Days((), K.WHICH_DAY)
    if edge == "s":
        return Days((date(today.day.year + 1, 1, 1),)) if which != "this" else Days((), K.WHICH_DAY)
    return Days((date(year, 12, 31),))


def _edge_of_month(today: Today, edge: str, month: int, year: int | None) -> Days | None:
    this = today.day.replace(day=1)
    months = [date(year, month, 1)] if year else [date(this.year, month, 1), date(this.year + 1, month, 1)]
    found = [_within(one, edge) for one in months]
    if found[0] >= today.day:
        return Days((found[0],))
    if year is None and (today.day - found[0]).days > _ROLLS:
        return Days((found[1],))
    return Days(tuple(found[1:]), K.PASSED, about=found[0])


def _span(today: Today, unit: str, which: str) -> Days | None:
    if which == "this" or unit not in ("week", "month"):
        return Days((), K.WHICH_DAY) if unit in ("week", "month", "year", "day", "fortnight") else None
    if unit == "week":
        monday = today.day + timedelta(days=7 - today.day.weekday())
        return Days((monday,), until=monday + timedelta(days=6))
    first = add_months(today.day.replace(day=1), 1)
    return Days((first,), until=_within(first, "g"))


def _weekend(today: Today, which: str) -> Days:
    saturday = today.day + timedelta(days=5 - today.day.weekday())
    following = saturday + timedelta(days=7)
    if today.day.weekday() >= 5:
        tomorrow = (saturday + timedelta(days=1),) if today.day == saturday else ()
        if which:
            following_only = which != "this"
            return Days((following,), until=following + timedelta(days=1)) if following_only else Days(tomorrow, K.WHICH)
        return Days((*tomorrow, following), K.WHICH)
    if which == "next":
        return Days((saturday, following), K.WHICH)
    return Days((saturday,), until=saturday + timedelta(days=1))


def _month(today: Today, month: int, year: int | None) -> Days:
    return Days((), K.WHICH_DAY)


def _feast(today: Today, name: str) -> Days:
    country, year = today.calendar.country, today.day.year
    if not name:
        return Days((), K.WHICH_DAY)
    found = sorted(one for at in range(-1, 3) if (one := feast_on(name, country, year + at)))
    ahead = [one for one in found if one >= today.day]
    before = [one for one in found if one < today.day]
    if not ahead:
        return Days((), K.WHICH_DAY)
    if before and (today.day - before[-1]).days <= _JUST:
        return Days((ahead[0],), K.PASSED, about=before[-1])
    return Days((ahead[0],))


def _pay(today: Today, what: str) -> Days:
    number = today.calendar.pay_day
    if what != "salary" or number is None or not 1 <= number <= 31:
        return Days((), K.PAY_DAY)
    first = today.day.replace(day=1)
    days = [month.replace(day=min(number, calendar.monthrange(month.year, month.month)[1])) for month in (first, add_months(first, 1))]
    return Days((next(one for one in days if one >= today.day),))


def _ahead(today: Today, *steps: tuple[int, str]) -> Days | None:
    """Whole days from today; None when hours are counted, which is no matter of days."""
    day = today.day
    for number, unit in steps:
        if unit in ("month", "year"):
            day = add_months(day, number * (12 if unit == "year" else 1))
        elif unit in _LENGTHS:
            day += timedelta(days=number * _LENGTHS[unit])
        else:
            return None
    return Days((day,))


def _maybe_ahead(today: Today, *steps: tuple[int, str]) -> Days | None:
    found = _ahead(today, *steps)
    return found and Days(found.days, K.CONFIRM)


_LENGTHS = {"day": 1, "week": 7, "fortnight": 14}
_EDGES: dict[str, Callable[[Today, str, str], Days]] = {"month": _edge_of_a_month, "week": _edge_of_a_week, "year": _edge_of_a_year}
_DAYS: dict[str, Callable[..., Days | None]] = {
    "day": _relative,
    "weekday": _weekday,
    "maybe_weekday": _maybe_weekday,
    "day_number": _day_number,
    "dom": _dom,
    "maybe_dom": _maybe_dom,
    "day_month": _day_month,
    "numbers": _numbers,
    "pair": _pair,
    "iso": _iso,
    "edge": _edge,
    "edge_of_month": _edge_of_month,
    "span": _span,
    "weekend": _weekend,
    "month": _month,
    "feast": _feast,
    "pay": _pay,
    "ahead": _ahead,
    "maybe_ahead": _maybe_ahead,
}

"""When a feast is: on the same day each year, or where the country's calendar has it (the Orthodox Easter in Romania)."""

from __future__ import annotations

from datetime import date, timedelta
from functools import lru_cache

_NAMES = {  # as the package `holidays` names them in English; the first day of several is meant
    "easter": ("Easter", "Easter Sunday"),
    "easter_monday": ("Easter Monday",),
    "good_friday": ("Good Friday",),
    "pentecost": ("Pentecost", "Whit Sunday"),
    "thanksgiving": ("Thanksgiving Day", "Thanksgiving"),
    "national": ("National Day",),
}
_FROM_EASTER = {"palm_sunday": -7, "good_friday": -2, "easter": 0, "easter_monday": 1, "pentecost": 49}


@lru_cache(maxsize=256)
def feast_on(name: str, country: str, year: int) -> date | None:
    """The day of a feast in a year; None where the country has none of that name, or nothing is known of the year."""
    if name[:1].isdigit():
        return date(year, int(name[:2]), int(name[3:]))
    days = _named(country, year)
    for known in _NAMES.get(name, ()):
        if known in days:
            return days[known]
    easter = days.get("Easter") or days.get("Easter Sunday")
    if easter is None and "Good Friday" in days:
        easter = days["Good Friday"] + timedelta(days=2)
    if easter is None and "Easter Monday" in days:
        easter = days["Easter Monday"] - timedelta(days=1)
    return easter + timedelta(days=_FROM_EASTER[name]) if easter and name in _FROM_EASTER else None


@lru_cache(maxsize=64)
def _named(country: str, year: int) -> dict[str, date]:
    import holidays  # slow to load, and few payers name a feast

    try:
        known = holidays.country_holidays(country, years=year, language="en_US", observed=False)
    except NotImplementedError:
        return {}
    days: dict[str, date] = {}
    for day in sorted(known):
        for name in known.get_list(day):
            days.setdefault(name, day)
    return days

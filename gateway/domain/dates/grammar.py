"""Patterns over the kinds of words (`lexicon.KINDS`), and what each says. The first that fits at a place is taken.

A pattern that says nothing is there to take words away from those below: "3 days ago", "100 lei", "the invoice of 15.11".
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from gateway.domain.dates.lexicon import Word
from gateway.domain.dates.readers import READERS

_DAY = "[kqL]"
_NUM = "[nw]"
_LONG = f"(?:{_NUM}o?|[aγ])[uL]"  # 3 days, a week
_WHICH = "(?:[NTC]u|u[NTC])"  # next week
_NOT_COUNTED = "(?!o?[cJuL])"
_LAST = "(?=$|[bB23dkHtrU70pyf])"
_TO = "(?:p?(?:tH|Ht|H|t))"

PATTERNS: dict[str, str] = {
    # Nothing that is ahead.
    "nothing_ago": f"0{_NUM}o?[uL]|0a[uL]|[nwa5]o?[uL]R|5o?[uL]R|l(?:[kqKLuWrmMFG]|{_NUM}[uL])|[kKLuWrmFG]l|D",
    "nothing_money": f"(?:{_NUM}|X|S|δ)o?c|c(?:n|X|S)(?!o?[mM])|[XS][uLJ]",
    "nothing_bill": "J[oY]?S|(?:J[oY]|Y)p?(?:S|δ|I|[nO]o?[mM])|Y(?:[mM]|n(?!i))",
    # Asked whatever stands beside.
    "asked_each": "E(?:[kKLqumrW]|nu)|Y[nw]i[nw]o?u|[ωO][kq]",
    "asked_shift": f"4?{_LONG}(?:e|[fYpo][kqLdFW])|(?:[kqL]|u)fN|[kq]u(?![NTC])",
    "asked_days": "p?Sm|p[nO]3p?[nO]|[nOω]o?M(?=[xUJv])|p[nO]M(?=[xUJv])",
    "asked_between": "β[^bBU]{1,4}?2[otp]*[nwASdkKLqFGOmP]{1,2}",
    "asked_few": "[if](?:5|5o|X|S)[uL]",
    "delayed": f"4+(?:{_LONG}|[uL])",
    "half_day_hour": f"(?:f|y)?{_TO}?[nwAS]μ",
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
    "edge_of_month": "[gsj][oγ]?u?[oγ]?[mM]8?",
    "edge": "[gsj][oγ]?[NTC]?u[NTC]?",
    "day_of_week": f"{_WHICH}[oYpyib]?[kqLK]|[kqLK][oYipb]?{_WHICH}",
    "dom_of_month": f"p?[nwOω][oγpiY]?{_WHICH}|{_WHICH}[bt]?p[nOω]|p?[nO][oγ]u",
    "span": _WHICH,
    "weekend": "[NTC]?W[NTC]?",
    # Days.
    "feast": "[tofyipe]*F8?|[tofyie]+G8?|pG|^G8?[bU]*$",
    "pay": "[tfiypo]*P",
    "day_number": f"[kLd]n{_NOT_COUNTED}(?![oY]?[mMrc78μSA])(?!o?{_WHICH})",
    "weekday": f"[NTC]{_DAY}|[NTC]K|[kqLK][NTC]|[kL]|(?<=[pyUNT])q|^q(?=$|[bnAHOt])|q(?=[kq])|(?<=[kqL])q",
    "habit": "K",
    "iso": "p?I",
    "date": "p?δ|p?nn8|p?S8",
    "day_month": "p?[nwOω][oγY]?m(?:[ob]?8(?!o?c))?|p?n[oγ]?M(?![95])(?:[ob]?8(?!o?c))?|p?[Oω]o?M(?![95])(?:[ob]?8(?!o?c))?",
    "month_day": f"m[nOω]{_NOT_COUNTED}(?:[ob]?8(?!o?c))?|(?<!x)M[Oωn]{_NOT_COUNTED}(?:[ob]?8(?!o?c))?",
    "month": "[iypNTfes]*u?m8?(?![nOω])|(?:[iyNTpfe]u?|u)M8?(?![95Unwa])|M8",
    "pair": "[tH]?p?S(?!o?[cJ])",
    "on_day": f"p[nO](?:{_NOT_COUNTED}|(?=L))|p[wω]{_LAST}|O(?!o?[cJ])",
    "day": "d",
    # Hours.
    "past_half": f"{_TO}?(?:Z|h|a?Q|n)(?:u?z|u?Z|f){_NUM}|{_TO}?Z{_NUM}",
    "hour_and": f"{_TO}{_NUM}(?:2?a?[hQ]|2?{_NUM}{_NOT_COUNTED})",
    "hour_less": f"{_TO}{_NUM}(?:6[Qnw]h?)|{_TO}{_NUM}v(?:[aw]?Q|{_NUM}{_NOT_COUNTED})",
    "clock": f"(?:f|y)?{_TO}?A",
    "day_or_hour": f"[fye]o?[nw]{_LAST}|yt[nw]{_NOT_COUNTED}",
    "hour": f"(?:f|y)?p?(?:tH|Ht|H){_NUM}7?{_NOT_COUNTED}|p?t(?:n{_NOT_COUNTED}|w(?:7|{_LAST}|(?=[oi]?r)))|{_NUM}7|{_NUM}(?=[oi]?r)",
    "part": "Tr|rT|[iptoH]?r",
}
_NEVER_FIRST = "xbBUVv29R1z7μ368"  # no pattern begins with one of these
_ALL = re.compile(
    f"(?=[^{_NEVER_FIRST}])(?:"
    + "|".join(f"(?P<{name}>{form.replace(' ', '')})" for name, form in PATTERNS.items())
    + ")"
)
_VALUES = "dkqLKmMuwnOωahQrFGPδSIA8NTCgsj"


@dataclass(frozen=True, slots=True)
class Said:
    """One thing that was said: what kind, its values, where. `turned`: "after", "before" or "not until" stands before it."""

    what: str
    values: tuple[Any, ...]
    start: int
    end: int
    turned: str = ""


def said_in(words: Sequence[Word]) -> list[Said]:
    """What a text says of days and hours, without what is denied or past."""
    kinds = "".join(word.kind for word in words)
    found: list[Said] = []
    since = 0
    denied = over = False
    for match in _ALL.finditer(kinds):
        name = match.lastgroup or ""
        denied, over = _mood(kinds, since, match.start(), denied, over)
        since = match.end()
        if name.startswith("nothing"):
            continue
        group = list(words[match.start() : match.end()])
        if (made := READERS[name](kinds[match.start() : match.end()], group)) is None:
            continue
        if _refused(kinds, match.end()):
            continue
        turned = _turned(kinds, match.start(), match.end(), name)
        if over or (denied and not turned and "y" not in kinds[max(0, match.start() - 2) : match.start() + 1]):
            continue
        if denied:
            turned = turned or "until"
        found.append(Said(made[0], made[1], group[0].start, group[-1].end, turned))
    return found


def _mood(kinds: str, start: int, end: int, denied: bool, over: bool) -> tuple[bool, bool]:
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


def _refused(kinds: str, end: int) -> bool:
    """ "Friday no, Monday yes", "on Friday I cannot": the word after says that it is not this."""
    return re.match("x?v(?![potyTi]*[dkKLqWmOFAnuH])", kinds[end:]) is not None


def _turned(kinds: str, start: int, end: int, name: str) -> str:
    if name in (
        "ahead",
        "half_ahead",
        "twice_ahead",
        "and_half_ahead",
        "quarter_ahead",
        "hours_ahead",
        "clock",
        "half_day_hour",
        "hour",
        "pay",
        "day_or_hour",
    ):
        return "before" if kinds[:start].endswith("e") else ""
    lead = re.search(r"([fe])[optyi]*$", kinds[:start])
    inner = re.match(r"[optyi]*([fe])", kinds[start:end])
    found = lead or inner
    return "" if found is None else {"f": "after", "e": "before"}[found[1]]

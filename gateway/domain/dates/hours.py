"""From what was said of an hour to the hours that it may be."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import time

Shifted = tuple[int, time]  # days later, hour

ENDS = {"morning": time(12), "noon": time(14), "afternoon": time(18), "evening": time(23), "tonight": time(23), "night": time(23, 59)}
# By part of the day: the hours of a twelve-hour clock that are before noon in it, and those that are after.
_TWELVE: dict[str, tuple[range, range]] = {
    "morning": (range(4, 12), range(0)),
    "noon": (range(11, 13), range(1, 4)),
    "afternoon": (range(12, 13), range(1, 8)),
    "evening": (range(0), range(4, 12)),
    "tonight": (range(0), range(5, 12)),
    "night": (range(0), range(8, 12)),
}


@dataclass(frozen=True, slots=True)
class Hours:
    """The hours that were meant, the likeliest first: more than one, none, or `ask` means that it has to be asked.

    `other`: an hour twelve hours on that was not said, and may be meant when the first has passed.
    """

    options: tuple[Shifted, ...]
    ask: bool = False
    other: time | None = None


def hours_said(times: Sequence[tuple[int, int, bool]], part: str | None) -> Hours:
    """One hour of all that was said of it."""
    said = set(times)
    if len({(hour % 12, minute) for hour, minute, _ in said}) > 1 or len({hour for hour, _, sure in said if sure}) > 1:
        return Hours((), ask=True)
    hour, minute, sure = max(said, key=lambda one: one[2])
    if hour == 24 or (hour == 0 and part in ("night", "midnight", "tonight")):
        return Hours(((1, time(0, minute)),), ask=True)
    if part is not None and part != "midnight":
        return _in_part(hour, minute, sure, part)
    if sure or hour == 0 or hour > 12:
        return Hours(((0, time(hour, minute)),), ask=hour == 0)
    later = time((hour + 12) % 24, minute)
    if hour < 7:
        return Hours(((0, time(hour, minute)), (0, later)), ask=True)
    return Hours(((0, time(hour, minute)),), other=None if hour == 12 else later)


def _in_part(hour: int, minute: int, sure: bool, part: str) -> Hours:
    early, late = _TWELVE[part]
    if hour > 12 or (sure and hour != 12):
        fits = hour in early or hour - 12 in late
        return Hours(((0, time(hour, minute)),), ask=not fits)
    if hour in early:
        return Hours(((0, time(hour, minute)),))
    if hour in late:
        return Hours(((0, time(hour + 12, minute)),))
    return Hours(((0, time(hour, minute)), (0, time((hour + 12) % 24, minute))), ask=True)

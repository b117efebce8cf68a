"""When a payer may be written to: quiet hours in their zone, working days, holidays, caps. What may not go now is held, never dropped.

A local time that a clock change leaves out is the instant after the gap; of one that comes twice, the first is meant.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

DAY = timedelta(days=1)
LONGEST = 400  # days that anything may be held: past that, the policy allows no day at all


def local_instant(day: date, at: time, zone: ZoneInfo) -> datetime:
    """The instant of a local time, in UTC."""
    return datetime.combine(day, at, zone).astimezone(UTC)


def at_hour(day: date, hour: int, zone: ZoneInfo) -> datetime:
    return local_instant(day, time(hour), zone)


def end_of_day(day: date, zone: ZoneInfo) -> datetime:
    """The first instant that is no longer that day."""
    return local_instant(day + DAY, time(), zone)


@lru_cache(maxsize=512)
def _holidays(country: str, year: int) -> frozenset[date]:
    """A country's public holidays; none where nobody has written them down."""
    import holidays  # 0.2 s, which a command that reminds nobody need not wait for

    try:
        return frozenset(holidays.country_holidays(country, years=year))
    except NotImplementedError:
        return frozenset()


@dataclass(frozen=True, slots=True)
class Quiet:
    """Hours of the day in which nobody is disturbed; `ends` before `begins` crosses midnight."""

    begins: time
    ends: time

    def covers(self, at: time) -> bool:
        if self.begins < self.ends:
            return self.begins <= at < self.ends
        return at >= self.begins or at < self.ends

    def over_at(self, at: datetime, zone: ZoneInfo) -> datetime:
        """When the quiet hours that cover `at` end; always later than `at`."""
        local = at.astimezone(zone)
        day = local.date() + DAY if self.begins > self.ends and local.time() >= self.begins else local.date()
        for fold in (0, 1):
            ends_at = datetime.combine(day, self.ends, zone).replace(fold=fold).astimezone(UTC)
            if ends_at > at:
                return ends_at
        return at + timedelta(hours=1)  # the hour that comes twice


@dataclass(frozen=True, slots=True)
class Calendar:
    """Days on which nobody is reminded."""

    country: str = ""
    working_days: bool = False
    holidays: bool = False

    def closed(self, day: date) -> str | None:
        """`weekend` or `holiday`; None on a day that is fine."""
        if self.working_days and day.weekday() >= 5:
            return "weekend"
        if self.holidays and self.country and day in _holidays(self.country, day.year):
            return "holiday"
        return None


@dataclass(frozen=True, slots=True)
class Hold:
    """The first instant at which a message may go, and what the first obstacle before it was; None: it may go at once."""

    until: datetime
    reason: str | None = None


def free_at(
    at: datetime,
    zone: ZoneInfo,
    *,
    quiet: Quiet | None,
    calendar: Calendar,
    hour: int,
    caps: tuple[int, int],
    sent_on: Sequence[date] = (),
) -> Hold:
    """The first instant from `at` on that nothing forbids. `caps` are messages a day and in seven days, `sent_on` those that went.

    The day after a closed or a full one begins at `hour`.
    """
    reason: str | None = None
    for _ in range(2 * LONGEST):
        local = at.astimezone(zone)
        if (closed := calendar.closed(local.date()) or _full(local.date(), caps, sent_on)) is not None:
            reason = reason or closed
            at = max(at_hour(local.date() + DAY, hour, zone), at + timedelta(seconds=1))
        elif quiet is not None and quiet.covers(local.time()):
            reason = reason or "quiet_hours"
            at = quiet.over_at(at, zone)
        else:
            break
    return Hold(at, reason)


def _full(day: date, caps: tuple[int, int], sent_on: Sequence[date]) -> str | None:
    if sum(sent == day for sent in sent_on) >= caps[0]:
        return "cap_day"
    if sum(day - 7 * DAY < sent <= day for sent in sent_on) >= caps[1]:
        return "cap_week"
    return None

"""Hours of a day in a zone, in the nights too when the clock is changed."""

from __future__ import annotations

from datetime import UTC, date, datetime, time
from zoneinfo import ZoneInfo


def instant(day: date, hour: time, zone: ZoneInfo, now: datetime) -> datetime:
    """When it is `hour` on `day`. An hour that is left out is as much later; of one that comes twice, the first that is still ahead."""
    first = datetime.combine(day, hour, zone)
    if first.astimezone(UTC) <= now:
        second = first.replace(fold=1)
        if second.astimezone(UTC) > now and second.astimezone(UTC).astimezone(zone).replace(tzinfo=None) == first.replace(tzinfo=None):
            return second.astimezone(UTC).astimezone(zone)
    return first.astimezone(UTC).astimezone(zone)

"""When a payer may be written to: quiet hours over midnight, nights on which the clock changes, closed days, caps."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.domain.reminders import Calendar, Hold, Policy, Quiet, at_hour, end_of_day, hold, local_instant

BUCHAREST = ZoneInfo("Europe/Bucharest")
NIGHT = Quiet(time(20), time(9))
OPEN = Policy(quiet=NIGHT, per_day=50, per_week=200)


def local(text: str, zone: ZoneInfo = BUCHAREST, fold: int = 0) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=zone, fold=fold).astimezone(UTC)


@pytest.mark.parametrize(
    ("at", "until"),
    [
        ("2026-11-23T08:59:59", "2026-11-23T09:00"),
        ("2026-11-23T09:00", None),
        ("2026-11-23T19:59:59", None),
        ("2026-11-23T20:00", "2026-11-24T09:00"),
        ("2026-11-24T00:00", "2026-11-24T09:00"),
        # the clock goes forward at 3:00 on 29 March, and back at 4:00 on 25 October
        ("2026-03-28T22:00", "2026-03-29T09:00"),
        ("2026-03-29T02:59", "2026-03-29T09:00"),
        ("2026-10-24T23:00", "2026-10-25T09:00"),
    ],
)
def test_quiet_hours_cross_midnight(at: str, until: str | None) -> None:
    asked = local(at)
    expected = Hold(asked) if until is None else Hold(local(until), "quiet_hours")
    assert hold(OPEN, asked, BUCHAREST) == expected


def test_nights_are_as_long_as_they_are() -> None:
    for evening, hours in (("2026-03-28T22:00", 10), ("2026-10-24T22:00", 12), ("2026-11-23T22:00", 11)):
        asked = local(evening)
        assert hold(OPEN, asked, BUCHAREST).until - asked == timedelta(hours=hours)


def test_quiet_hours_by_day() -> None:
    siesta = Policy(quiet=Quiet(time(13), time(15)), per_day=50, per_week=200)
    assert hold(siesta, local("2026-11-23T13:30"), BUCHAREST).until == local("2026-11-23T15:00")
    assert hold(siesta, local("2026-11-23T15:00"), BUCHAREST).reason is None
    assert hold(siesta, local("2026-11-23T03:00"), BUCHAREST).reason is None


def test_quiet_hours_that_end_in_a_clock_change() -> None:
    """At 3:30 in a night that has no 3:30, and in one that has two."""
    early = Policy(quiet=Quiet(time(22), time(3, 30)), per_day=50, per_week=200)
    assert hold(early, local("2026-03-29T01:00"), BUCHAREST).until == datetime(2026, 3, 29, 1, 30, tzinfo=UTC)
    first = datetime(2026, 10, 25, 0, 30, tzinfo=UTC)
    assert hold(early, local("2026-10-25T01:00"), BUCHAREST).until == first
    again = local("2026-10-25T03:10", fold=1)
    assert hold(early, again, BUCHAREST).until == local("2026-10-25T03:30", fold=1)


def test_the_night_is_the_payers() -> None:
    asked = datetime(2026, 11, 23, 12, tzinfo=UTC)
    assert hold(OPEN, asked, BUCHAREST).reason is None
    assert hold(OPEN, asked, ZoneInfo("America/New_York")).until == datetime(2026, 11, 23, 14, tzinfo=UTC)
    assert hold(OPEN, asked, ZoneInfo("Asia/Tokyo")).until == datetime(2026, 11, 24, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("at", "until", "why"),
    [
        ("2026-11-27T19:00", None, None),
        ("2026-11-28T10:00", "2026-12-02T09:00", "weekend"),  # then St Andrew's and the National Day
        ("2026-11-30T10:00", "2026-12-02T09:00", "holiday"),
        ("2026-04-10T10:00", "2026-04-14T09:00", "holiday"),  # the Orthodox Good Friday and Easter Monday
        ("2026-12-24T21:00", "2026-12-28T09:00", "quiet_hours"),
    ],
)
def test_closed_days_hold_and_do_not_drop(at: str, until: str | None, why: str | None) -> None:
    policy = Policy(quiet=NIGHT, calendar=Calendar("RO", working_days=True, holidays=True))
    assert hold(policy, local(at), BUCHAREST) == Hold(local(until or at), why)


def test_holidays_are_the_billers_countrys() -> None:
    day = date(2026, 12, 1)
    assert Calendar("RO", holidays=True).closed(day) == "holiday"
    assert Calendar("DE", holidays=True).closed(day) is None
    assert Calendar("RO").closed(day) is None
    assert Calendar("AC", holidays=True).closed(day) is None  # nobody has written them down


def test_the_day_after_a_closed_one_begins_at_the_hour_of_reminders() -> None:
    policy = Policy(hour=11, calendar=Calendar("RO", working_days=True))
    assert hold(policy, local("2026-11-28T23:00"), BUCHAREST).until == local("2026-11-30T11:00")


def test_caps() -> None:
    policy = Policy(hour=10, per_day=1, per_week=3)
    monday = local("2026-11-23T12:00")
    days = [date(2026, 11, day) for day in (16, 17, 18, 19, 20, 23)]
    assert hold(policy, monday, BUCHAREST, []).reason is None
    assert hold(policy, monday, BUCHAREST, [days[5]]) == Hold(local("2026-11-24T10:00"), "cap_day")
    assert hold(policy, monday, BUCHAREST, days[:1]).reason is None  # seven days ago
    assert hold(policy, monday, BUCHAREST, days[2:5]) == Hold(local("2026-11-25T10:00"), "cap_week")
    assert hold(policy, monday, BUCHAREST, [*days[3:5], days[5]]) == Hold(local("2026-11-26T10:00"), "cap_day")


ZONES = st.sampled_from(
    ["Europe/Bucharest", "America/New_York", "Australia/Lord_Howe", "Asia/Kolkata", "UTC", "America/Sao_Paulo"]
)
TIMES = st.times().map(lambda at: at.replace(microsecond=0, fold=0))
INSTANTS = st.datetimes(datetime(2026, 1, 1), datetime(2027, 1, 1)).map(
    lambda at: at.replace(microsecond=0, tzinfo=UTC)
)
DAYS = st.lists(st.dates(date(2025, 12, 25), date(2027, 1, 1)), max_size=12)


@given(INSTANTS, ZONES, TIMES, TIMES, st.booleans(), DAYS)
def test_what_is_held_may_go_then(
    at: datetime, zone: str, begins: time, ends: time, working: bool, sent_on: list[date]
) -> None:
    """Never before it was due, and at an instant at which nothing holds it any more; what may go at once goes at once."""
    quiet = None if begins == ends else Quiet(begins, ends)
    policy = Policy(quiet=quiet, calendar=Calendar("RO", working, working), per_day=2, per_week=4)
    found = hold(policy, at, ZoneInfo(zone), sent_on)
    assert found.until >= at
    assert (found.reason is None) == (found.until == at)
    assert hold(policy, found.until, ZoneInfo(zone), sent_on).reason is None


@given(st.dates(date(2020, 1, 1), date(2035, 1, 1)), st.integers(0, 23), ZONES)
def test_a_local_hour_is_that_hour_or_the_first_after_a_gap(day: date, hour: int, zone: str) -> None:
    shown = at_hour(day, hour, ZoneInfo(zone)).astimezone(ZoneInfo(zone))
    assert shown.date() == day
    assert shown.hour == hour or (shown.hour == hour + 1 and zone != "UTC")


def test_the_end_of_a_day() -> None:
    assert end_of_day(date(2026, 10, 25), BUCHAREST) - local_instant(
        date(2026, 10, 25), time(), BUCHAREST
    ) == timedelta(hours=25)
    assert end_of_day(date(2026, 3, 29), BUCHAREST) == local("2026-03-30T00:00")

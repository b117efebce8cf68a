"""What holds for any text, and for every day of two years."""

from __future__ import annotations

import time
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from gateway.domain.dates import LONGEST, Calendar, Reading, question_text, read
from gateway.domain.dates.lexicon import lexicons
from tests.harness.dates import FILES, ZONE, cases

BASE = datetime(2026, 11, 23, 10, tzinfo=ZONE)
_NUMBERS = [
    "0",
    "1",
    "9",
    "15",
    "23",
    "29",
    "30",
    "31",
    "32",
    "100",
    "2026",
    "9999",
    "15.12",
    "31/11",
    "2026-02-30",
    "9:30",
    "24:00",
    "7pm",
    "15th",
]
_WORDS = sorted(lexicons("ro")[0].entries) + _NUMBERS + [",", ".", "x", "-", "lei"]
sentences = st.lists(st.sampled_from(_WORDS), max_size=7).map(" ".join)
instants = st.datetimes(datetime(2026, 1, 1), datetime(2030, 12, 31), timezones=st.just(UTC))
zones = st.sampled_from(["Europe/Bucharest", "America/New_York", "Asia/Kathmandu", "Australia/Lord_Howe", "UTC"]).map(
    ZoneInfo
)


def sound(reading: Reading, at: datetime, zone: ZoneInfo, text: str) -> None:
    """What every reading keeps."""
    assert reading.at is None or reading.question is None
    proposals = () if reading.question is None else reading.question.proposals
    for found in (reading.at, *proposals):
        if found is not None:
            assert found > at
            assert found.tzinfo is zone
            assert found.astimezone(UTC).astimezone(zone).replace(tzinfo=None) == found.replace(
                tzinfo=None
            )  # there is such an hour
    assert list(proposals) == sorted(set(proposals))
    assert len(proposals) <= 3
    assert 0 <= reading.start <= reading.end <= len(text)
    if reading.question is not None:
        assert len({question_text(reading.question, locale) for locale in ("ro", "en")}) == 2


@given(text=st.text(max_size=80), at=instants, zone=zones)
@example(text="İ 15\u0300 ai\u0301 9", at=BASE, zone=ZONE)
@example(text="\u0661\u0665 dec, la \u0662", at=BASE, zone=ZONE)  # digits that are none of ours
def test_any_text_is_read_without_harm(text: str, at: datetime, zone: ZoneInfo) -> None:
    sound(read(text, at=at, zone=zone, locale="ro"), at, zone, text)


@given(text=sentences, at=instants, zone=zones, locale=st.sampled_from(["ro", "en", "en-US", "ro_RO", "de", ""]))
def test_any_words_of_the_grammar_are_read_without_harm(text: str, at: datetime, zone: ZoneInfo, locale: str) -> None:
    sound(read(text, at=at, zone=zone, locale=locale), at, zone, text)


@given(text=sentences, at=instants, days=st.integers(0, 40))
def test_nothing_is_past_the_last_instant(text: str, at: datetime, days: int) -> None:
    latest = at + timedelta(days=days, minutes=1)
    reading = read(text, at=at, zone=ZONE, locale="ro", calendar=Calendar(latest=latest))
    proposals = () if reading.question is None else reading.question.proposals
    assert all(found <= latest for found in (reading.at, *proposals) if found is not None)


@pytest.mark.parametrize("text", ["1" * 10_000, "15 " * 3_300, "1." * 5_000, "9:" * 5_000, "15" + " " * 9_998])
def test_ten_kilobytes_take_no_time(text: str) -> None:
    read(text, at=BASE, zone=ZONE, locale="ro")
    spent = min(_spent(text) for _ in range(3))
    assert spent < 0.005


@pytest.mark.parametrize(
    "piece", ["1", "15 ", "1 ", "luni ", "peste ", "peste 2 ore si ", "nu ", "15.12 ", "la 9 ", "e e ", "xyzzy "]
)
def test_the_longest_text_that_is_read_takes_no_time(piece: str) -> None:
    text = (piece * LONGEST)[:LONGEST]
    read(text, at=BASE, zone=ZONE, locale="ro")
    assert min(_spent(text) for _ in range(3)) < 0.02


def test_a_phrase_takes_less_than_a_tenth_of_a_millisecond_on_a_quiet_core() -> None:
    """Held to ten times that, of CPU time, so that no busy machine fails it."""
    phrases = [case.phrase for name in FILES for case in cases(name)]
    for phrase in phrases:
        read(phrase, at=BASE, zone=ZONE, locale="ro")
    start = time.process_time()
    for phrase in phrases:
        read(phrase, at=BASE, zone=ZONE, locale="ro")
    assert (time.process_time() - start) / len(phrases) < 0.001


def _spent(text: str) -> float:
    start = time.process_time()
    read(text, at=BASE, zone=ZONE, locale="ro")
    return time.process_time() - start


RO = (
    "ianuarie",
    "februarie",
    "martie",
    "aprilie",
    "mai",
    "iunie",
    "iulie",
    "august",
    "septembrie",
    "octombrie",
    "noiembrie",
    "decembrie",
)
EN = (
    "january",
    "february",
    "march",
    "april",
    "may",
    "june",
    "july",
    "august",
    "september",
    "october",
    "november",
    "december",
)
FORMS = {
    "{d}.{m:02}.{y}": "ro",
    "{d:02}/{m:02}/{y}": "ro",
    "{y}-{m:02}-{d:02}": "en",
    "pe {d} {ro} {y} va rog": "ro",
    "platesc {weekday}, {d} {ro} {y}": "ro",
    "on {en} {d}, {y}": "en",
    "the {d} of {en} {y} please": "en",
}
WEEKDAYS = ("luni", "marti", "miercuri", "joi", "vineri", "sambata", "duminica")


@pytest.mark.parametrize("form", FORMS)
def test_every_day_of_two_years_reads_back(form: str) -> None:
    for count in range(1, 731):
        day = date(2026, 11, 23) + timedelta(days=count)
        text = form.format(
            d=day.day,
            m=day.month,
            y=day.year,
            ro=RO[day.month - 1],
            en=EN[day.month - 1],
            weekday=WEEKDAYS[day.weekday()],
        )
        reading = read(text, at=BASE, zone=ZONE, locale=FORMS[form])
        assert (reading.at, reading.date_only) == (datetime(day.year, day.month, day.day, 9, tzinfo=ZONE), True), text


@pytest.mark.parametrize("form", ["{d} {ro}", "{d}.{m:02}", "{d}/{m}", "{ro} {d}"])
def test_a_day_without_its_year_is_that_day_or_asked(form: str) -> None:
    answered = 0
    for count in range(1, 365):
        day = date(2026, 11, 23) + timedelta(days=count)
        reading = read(form.format(d=day.day, m=day.month, ro=RO[day.month - 1]), at=BASE, zone=ZONE, locale="ro")
        assert reading.at is None or reading.at.date() == day
        assert reading.at is not None or reading.question is not None or form == "{d}/{m}"  # 1/2 is a half
        answered += reading.at is not None
    assert answered > 170


@given(at=instants, number=st.integers(1, 400))
def test_so_many_hours_are_so_many_hours_in_any_night(at: datetime, number: int) -> None:
    reading = read(f"peste {number} de ore", at=at, zone=ZONE, locale="ro")
    assert reading.at is not None
    assert reading.at.astimezone(UTC) == at + timedelta(hours=number)


@given(at=instants, number=st.integers(1, 400))
def test_so_many_days_are_so_many_dates(at: datetime, number: int) -> None:
    reading = read(f"in {number} days", at=at, zone=ZONE, locale="en")
    assert reading.at is not None
    assert reading.at.date() == at.astimezone(ZONE).date() + timedelta(days=number)

"""What the grammar promises beside the dates: where they stand, what the biller sets, how it asks."""

from __future__ import annotations

import importlib.resources
from datetime import UTC, date, datetime, time
from types import SimpleNamespace
from zoneinfo import ZoneInfo

import pytest

from gateway.domain.dates import Calendar, QuestionKind, Reading, asking, instant_text, lexicon, question_text, read
from gateway.domain.dates.feasts import feast_on
from gateway.domain.dates.languages import en, ro
from tests.harness.dates import ZONE

BASE = datetime(2026, 11, 23, 10, tzinfo=ZONE)


def reading(text: str, *, at: datetime = BASE, locale: str = "ro", **calendar: object) -> Reading:
    return read(text, at=at, zone=ZONE, locale=locale, calendar=Calendar(**calendar))  # type: ignore[arg-type]


def asked(text: str, locale: str = "ro", **more: object) -> str:
    question = reading(text, locale=locale, **more).question  # type: ignore[arg-type]
    assert question is not None
    return question_text(question, locale)


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("adu-mi aminte vineri la 9", "vineri la 9"),
        ("Adu-mi aminte MÂINE, te rog", "MÂINE"),
        ("platesc 100 lei pe 15", "pe 15"),
        ("vă rog, s\u0326i miercuri la 10!", "miercuri la 10"),
        ("pay friday at 9am ok?", "friday at 9am"),
    ],
)
def test_it_says_which_part_of_the_text_was_read(text: str, part: str) -> None:
    found = reading(text)
    assert text[found.start : found.end] == part


def test_neither_a_date_nor_a_question() -> None:
    assert reading("nu acum") == reading("") == reading("vineri " * 100) == Reading()


def test_a_stretch_says_its_last_day() -> None:
    assert reading("saptamana viitoare").until == date(2026, 12, 6)
    assert reading("luna viitoare").until == date(2026, 12, 31)
    assert reading("in weekend").until == date(2026, 11, 29)
    assert reading("vineri").until is None


class TestPayDay:
    @pytest.mark.parametrize(
        ("pay_day", "day"),
        [(10, date(2026, 12, 10)), (25, date(2026, 11, 25)), (23, date(2026, 11, 23)), (31, date(2026, 11, 30))],
    )
    @pytest.mark.parametrize(
        ("text", "locale"), [("după salariu", "ro"), ("when I get paid", "en"), ("când iau salariul", "ro")]
    )
    def test_it_is_the_billers(self, pay_day: int, day: date, text: str, locale: str) -> None:
        found = reading(text, locale=locale, pay_day=pay_day)
        assert found.at is not None
        assert found.at.date() == day

    def test_else_it_is_asked(self) -> None:
        assert asked("după salariu") == "Pe ce dată îți intră banii?"
        assert asked("after payday", "en") == "On which date are you paid?"

    def test_a_pension_is_no_salary(self) -> None:
        assert reading("dupa pensie", pay_day=10).question is not None


class TestLimits:
    LATEST = datetime(2026, 12, 10, 18, tzinfo=UTC)

    def test_past_the_last_instant_that_is_offered(self) -> None:
        question = reading("pe 15", latest=self.LATEST).question
        assert question is not None
        assert (question.kind, question.proposals) == (QuestionKind.TOO_LATE, (self.LATEST,))
        assert asked("pe 15", latest=self.LATEST) == "Cel mai târziu se poate joi, 10 decembrie, ora 20:00."

    def test_before_it_nothing_changes(self) -> None:
        assert reading("pe 5", latest=self.LATEST) == reading("pe 5")

    def test_proposals_past_it_are_left_out(self) -> None:
        question = reading("vinerea viitoare", latest=datetime(2026, 12, 1, tzinfo=UTC)).question
        assert question is not None
        assert [at.date() for at in question.proposals] == [date(2026, 11, 27)]

    def test_hours_of_the_biller(self) -> None:
        early = {"morning": time(8), "evening": time(18, 30)}
        for text, hour in (
            ("maine", time(10)),
            ("maine dimineata", time(8)),
            ("maine seara", time(18, 30)),
            ("maine la pranz", time(12)),
        ):
            found = reading(text, default_time=time(10), parts=early)
            assert found.at is not None
            assert found.at.time() == hour


class TestQuestions:
    @pytest.mark.parametrize(
        ("text", "ro_text", "en_text"),
        [
            ("15 noiembrie", "15 noiembrie a trecut; vrei marți, 15 decembrie sau luni, 15 noiembrie 2027?",
             "15 November has passed; do you want Tuesday, 15 December or Monday, 15 November 2027?"),
            ("pe 31", "31 noiembrie nu există; vrei luni, 30 noiembrie sau joi, 31 decembrie?",
             "there is no 31 November; do you want Monday, 30 November or Thursday, 31 December?"),
            ("la 9", "Nu e limpede când; vrei luni, 23 noiembrie, ora 21:00 sau marți, 24 noiembrie, ora 9:00?",
             "It is not clear when; do you want Monday, 23 November at 21:00 or Tuesday, 24 November at 9:00?"),
            ("luna asta", "În ce zi anume?", "On which day exactly?"),
            ("vineri 28", "Ziua și data nu se potrivesc; vrei vineri, 27 noiembrie sau sâmbătă, 28 noiembrie?",
             "The weekday and the date do not agree; do you want Friday, 27 November or Saturday, 28 November?"),
            ("dupa vineri", "Am înțeles bine; vrei sâmbătă, 28 noiembrie?", "Did I get that right; do you want Saturday, 28 November?"),
        ],
    )  # fmt: skip
    def test_they_are_asked_in_both_languages(self, text: str, ro_text: str, en_text: str) -> None:
        question = reading(text).question
        assert question is not None
        assert question_text(question, "ro-RO") == ro_text
        assert question_text(question, "de") == en_text

    def test_an_instant_is_written_in_full(self) -> None:
        found = reading("vineri la 9").at
        assert found is not None
        assert instant_text(found, "ro", date_only=False, seen_from=2026) == "vineri, 27 noiembrie, ora 9:00"
        assert instant_text(found, "en", date_only=True, seen_from=2025) == "Friday, 27 November 2026"

    @pytest.mark.parametrize("tables", [ro, en])
    def test_every_kind_has_its_words(self, tables: object) -> None:
        assert set(QuestionKind) <= set(tables.TEXTS)  # type: ignore[attr-defined]
        assert ro.TEXTS.keys() == en.TEXTS.keys()


class TestSlashes:
    @pytest.mark.parametrize(
        ("locale", "day"),
        [("ro", date(2027, 4, 3)), ("en-GB", date(2027, 4, 3)), ("en-US", date(2027, 3, 4)), ("en", None)],
    )
    def test_the_region_says_what_comes_first(self, locale: str, day: date | None) -> None:
        found = reading("03/04", locale=locale)
        assert (found.at.date() if found.at else None) == day
        assert (found.question is None) == (day is not None)


class TestNights:
    """Romania: 3:00 becomes 4:00 on 2026-03-29, 4:00 becomes 3:00 on 2026-10-25."""

    @pytest.mark.parametrize("hour", ["03:00", "03:30", "03:59"])
    def test_an_hour_that_is_left_out_is_an_hour_later(self, hour: str) -> None:
        found = reading(f"maine la {hour}", at=datetime(2026, 3, 28, 12, tzinfo=ZONE)).at
        assert found is not None
        assert found.isoformat() == f"2026-03-29T04:{hour[3:]}:00+03:00"

    def test_of_an_hour_that_comes_twice_the_first_that_is_ahead(self) -> None:
        evening = datetime(2026, 10, 24, 20, tzinfo=ZONE)
        between = datetime(2026, 10, 25, 0, 45, tzinfo=UTC)  # 3:45, the first time
        after = datetime(2026, 10, 25, 1, 45, tzinfo=UTC)  # 3:45, the second time
        assert [
            str(reading(text, at=at).at) for text, at in (("maine la 03:30", evening), ("azi la 03:30", between))
        ] == [
            "2026-10-25 03:30:00+03:00",
            "2026-10-25 03:30:00+02:00",
        ]
        assert reading("azi la 03:30", at=after).at is None

    def test_hours_are_counted_as_they_pass(self) -> None:
        for at, text in (
            (datetime(2026, 3, 29, 1, 30, tzinfo=ZONE), "04:30"),
            (datetime(2026, 10, 25, 2, 30, tzinfo=ZONE), "03:30"),
        ):
            found = reading("peste 2 ore", at=at).at
            assert found is not None
            assert found.strftime("%H:%M") == text
            assert (found.astimezone(UTC) - at.astimezone(UTC)).total_seconds() == 7200

    def test_it_is_the_payers_day(self) -> None:
        at = datetime(2026, 11, 23, 23, 30, tzinfo=UTC)  # already the 24th in Bucharest, still the 23rd in New York
        days = [
            read("tomorrow", at=at, zone=ZoneInfo(name), locale="en").at
            for name in ("Europe/Bucharest", "America/New_York")
        ]
        assert [day.date() for day in days if day] == [date(2026, 11, 25), date(2026, 11, 24)]


@pytest.mark.parametrize(
    ("country", "day"),
    [
        ("RO", date(2026, 4, 12)),
        ("GR", date(2026, 4, 12)),
        ("DE", date(2026, 4, 5)),
        ("GB", date(2026, 4, 5)),
        ("XX", None),
    ],
)
def test_easter_is_the_countrys(country: str, day: date | None) -> None:
    assert feast_on("easter", country, 2026) == day
    found = reading("de Paste", at=datetime(2026, 3, 2, 10, tzinfo=ZONE), country=country)
    assert (found.at.date() if found.at else None) == day


def test_a_language_is_one_file(monkeypatch: pytest.MonkeyPatch) -> None:
    """Italian, of a few words: nothing else is told of it."""
    italian = SimpleNamespace(
        WORDS={"day": {1: "domani"}, "weekday": {4: "venerdì"}, "hour": {1: "alle"}, "in": {1: "tra"}, "unit": {"day": "giorni, giorno"}},
        NUMBERS={"tre": 3}, TENS={"venti": 20}, JOIN=("",), ORDINALS={}, ORDINARY="", DAY_FIRST={"": True},
        MONTHS=ro.MONTHS, WEEKDAYS=ro.WEEKDAYS, TEXTS=en.TEXTS,
    )  # fmt: skip
    tables = {"it": italian, "ro": ro, "en": en}
    monkeypatch.setattr(lexicon, "known_languages", lambda: tuple(sorted(tables)))
    monkeypatch.setattr(lexicon, "language", tables.__getitem__)
    monkeypatch.setattr(asking, "language", tables.__getitem__)
    _forget()
    try:
        found = [
            reading(text, locale="it").at
            for text in ("venerdi alle 9", "domani", "tra tre giorni", "tra ventitre giorni", "vineri la 9")
        ]
    finally:
        monkeypatch.undo()
        _forget()
    assert [at.strftime("%m-%d %H") for at in found if at] == [
        "11-27 09",
        "11-24 09",
        "11-26 09",
        "12-16 09",
        "11-27 09",
    ]


def _forget() -> None:
    lexicon.lexicons.cache_clear()
    lexicon._joined.cache_clear()


def test_languages_are_found_in_their_folder() -> None:
    files = importlib.resources.files("gateway.domain.dates.languages")
    names = {entry.name.removesuffix(".py") for entry in files.iterdir() if entry.name.endswith(".py")} - {"__init__"}
    assert set(lexicon.known_languages()) == names == {"ro", "en"}


@pytest.mark.parametrize("name", ["ro", "en"])
def test_no_word_of_a_language_means_two_things(name: str) -> None:
    meanings: dict[str, set[tuple[str, object]]] = {}
    for text, kind, value in lexicon._entries(lexicon.language(name)):
        meanings.setdefault(text, set()).add((kind, value))
    assert {text: said for text, said in meanings.items() if len(said) > 1} == {}

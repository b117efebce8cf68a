"""What payers write, as files of phrases: all of it is read as it is meant, asked, or left."""

from __future__ import annotations

from collections import Counter

import pytest

from tests.harness.dates import FILES, Case, cases

ALL = [case for name in FILES for case in cases(name)]


@pytest.mark.parametrize("name", FILES)
def test_every_phrase_is_read_as_it_is_meant(name: str) -> None:
    wrong = [(case, found) for case in cases(name) if (found := case.found()) != case.expected]
    assert wrong == []


def test_the_corpus_is_broad() -> None:
    phrases = {(case.base, case.locale, case.phrase) for case in ALL}
    assert len(phrases) == len(ALL)  # none is counted twice
    by_locale = Counter(locale for _, locale, _ in phrases)
    assert by_locale["ro"] >= 200
    assert by_locale["en"] >= 200
    answers = Counter(case.expected[0] for case in ALL)
    assert min(answers["?"], answers["-"], answers["2"]) >= 80


def test_a_wrong_expectation_is_noticed() -> None:
    assert Case("2026-11-23T10:00", "ro", "vineri la 9", "2026-11-27T10:00").found() == "2026-11-27T09:00"
    assert Case("2026-11-23T10:00", "ro", "pe 31", "? 2026-11-30").found() == "? 2026-11-30 2026-12-31"

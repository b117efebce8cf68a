"""The second factor, as people write it, and what is remembered from one message to the next."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest

from gateway.domain.chat import FactorGiven, State, answers
from tests.harness.chat import conversation, situation, turn

ASKED = answers.code_right(situation(who=()), kept="inv_1").state


@pytest.mark.parametrize(
    ("text", "digits", "amount"),
    [
        ("0042", "0042", Decimal(42)),
        ("Codul de client se termină în 12ab", "12AB", Decimal(12)),
        ("C-1042", "C1042", Decimal(1042)),
        ("WXYZ", "WXYZ", None),
        ("1.234,50 lei", "123450", Decimal("1234.50")),
        ("o sută douăzeci de lei 0", "0", Decimal(120)),
    ],
)
def test_the_second_factor(text: str, digits: str, amount: Decimal | None) -> None:
    given = turn(situation(who=(), state=ASKED), text)

    assert given.actions == (FactorGiven(digits, amount, "inv_1"),)
    assert given.answer is None
    assert given.state == ASKED


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        ("STOP", "stopped"),
        ("vreau să vorbesc cu un om", "person"),
        ("nu știu ce e asta", "unknown"),
        ("engleza", "language_set"),
    ],
)
def test_what_is_no_second_factor(text: str, answer: str) -> None:
    found = turn(situation(who=(), state=ASKED), text)

    assert found.answer is not None
    assert found.answer.name == answer


def test_a_language_is_answered_in_itself() -> None:
    found = turn(situation(1), "in english please")

    assert found.answer is not None
    assert found.answer.locale == "en"


def test_misses_are_counted_one_after_another() -> None:
    first, second, third = conversation(situation(1), ["asdf", "cât am de plată", "asdf"])

    assert (first.state.misses, second.state.misses, third.state.misses) == (1, 0, 1)


def test_a_question_is_kept_until_it_lapses() -> None:
    asked = turn(situation(3), "am plătit").state
    assert asked.until is not None
    late = replace(situation(3, state=replace(asked, misses=1)), now=asked.until.replace(minute=1))

    assert turn(late, "a doua").intent == "pay"  # no more about what was paid
    assert turn(late, "asdf").state.misses == 2
    assert turn(situation(3, state=State("gone", {"options": "no list", "yes": 7})), "da").actions == ()

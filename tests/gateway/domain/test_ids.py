"""Ids as the outside sees them: one spelling for each number, and nothing else is read."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.domain.ids import ALPHABET, ATTEMPT, INVOICE, base62, read, show, unbase62


@pytest.mark.parametrize(
    ("number", "text"), [(1, "inv_0000001"), (61, "inv_000000z"), (62, "inv_0000010"), (10**7, "inv_000fxSK")]
)
def test_a_number_is_shown_with_its_kind_in_seven_characters(number: int, text: str) -> None:
    assert show(INVOICE, number) == text
    assert read(INVOICE, text) == number


@given(st.integers(1, 2**63 - 1))
@settings(derandomize=True, max_examples=200, deadline=None)
def test_every_number_comes_back(number: int) -> None:
    assert read(ATTEMPT, show(ATTEMPT, number)) == number
    assert unbase62(base62(number)) == number


@given(st.integers(1, 62**7 - 2))
@settings(derandomize=True, max_examples=200, deadline=None)
def test_they_sort_as_the_numbers_do(number: int) -> None:
    assert show(INVOICE, number) < show(INVOICE, number + 1)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "inv_",
        "inv_1",
        "inv_000000",  # too short
        "inv_00000010",  # a zero too many: another spelling of a number that has one
        "inv_0000000",  # nothing has the number zero
        "pay_0000001",  # another kind
        "INV_0000001",
        "inv-0000001",
        "inv_0000001 ",
        "inv_000000_",
        "inv_000000ț",
        "inv_zzzzzzzzzzz",  # more than a number of the database can be
        "inv_" + "z" * 11,
        "0000001",
    ],
)
def test_anything_else_is_no_id(text: str) -> None:
    assert read(INVOICE, text) is None


@given(st.text(max_size=14))
@settings(derandomize=True, max_examples=300, deadline=None)
def test_reading_never_fails_and_gives_back_only_what_shows_the_same(text: str) -> None:
    number = read(INVOICE, f"inv_{text}")
    assert number is None or show(INVOICE, number) == f"inv_{text}"


def test_the_alphabet_is_in_the_order_of_its_bytes() -> None:
    assert sorted(ALPHABET) == list(ALPHABET)
    assert len(set(ALPHABET)) == 62


def test_what_is_not_base62_is_refused() -> None:
    with pytest.raises(ValueError, match="base62"):
        unbase62("12-4")

"""Creditor references: ours are the standard's, and a wrong one is never read. Held to python-stdnum, which is not ours."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from stdnum import iso11649

from gateway.domain.references import invoice_id, reference, spaced, valid

ids = st.integers(1, 62**7 - 1)


@given(ids)
def test_every_invoice_has_a_valid_one_that_is_read_back(number: int) -> None:
    made = reference(number)

    assert iso11649.is_valid(made)
    assert len(made) <= 17
    assert invoice_id(made) == invoice_id(spaced(made).lower()) == number


@given(st.from_regex(r"RF[0-9]{2}[0-9A-Z]{1,21}", fullmatch=True))
def test_what_is_valid_is_what_the_standard_says(text: str) -> None:
    assert valid(text) is iso11649.is_valid(text)


@pytest.mark.parametrize("text", ["RF18539007547034", "RF18 5390 0754 7034", "RF712348231", "RF45G72UUR"])
def test_known_ones(text: str) -> None:
    assert valid(text)


@given(ids, st.data())
def test_one_wrong_digit_is_seen(number: int, data: st.DataObject) -> None:
    made = reference(number)
    place = data.draw(st.integers(2, len(made) - 1))
    digit = data.draw(st.sampled_from([digit for digit in "0123456789" if digit != made[place]]))

    assert invoice_id(made[:place] + digit + made[place + 1 :]) is None


@pytest.mark.parametrize(
    "text", ["", "RF", "RF45G72UUR", "RF18539007547035", "DE18539007547034", "RF00", "RF18" + "1" * 22, "²" * 9]
)
def test_others_are_not_ours(text: str) -> None:
    assert invoice_id(text) is None


def test_it_is_printed_in_fours() -> None:
    assert spaced("RF712348231") == "RF71 2348 231"


def test_an_id_is_above_zero() -> None:
    with pytest.raises(ValueError, match="above zero"):
        reference(0)

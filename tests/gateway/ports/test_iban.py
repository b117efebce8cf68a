"""IBAN: the table of lengths and the check digits, against an implementation of others."""

from __future__ import annotations

import pytest
import stdnum.iban
from hypothesis import given
from hypothesis import strategies as st

from gateway.ports import iban

ALNUM = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"
PUBLISHED = (
    "RO49 AAAA 1B31 0075 9384 0000",
    "de89370400440532013000",
    "MT84MALT011000012345MTLCAST001S",
    "NO93 8601 1117 947",
    "LC55HEMM000100010012001200023015",
)


@pytest.mark.parametrize("text", PUBLISHED)
def test_examples_of_the_registry_are_taken_however_they_are_written(text: str) -> None:
    assert iban.plain(text) == text.replace(" ", "").upper()


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "a country, two digits"),
        ("RO4", "a country, two digits"),
        ("RO49-AAAA-1B31-0075-9384-0000", "a country, two digits"),
        ("US49AAAA1B31007593840000", "US has no IBAN"),
        ("RO49AAAA1B3100759384000", "has 24 characters, not 23"),
        ("RO49AAAA1B310075938400000", "has 24 characters, not 25"),
        ("RO49AAAA1B31007593840001", "check digits are wrong"),
        ("RO49AAAA1B31007593804000", "check digits are wrong"),
        ("RO٤٩AAAA1B31007593840000", "a country, two digits"),
    ],
)
def test_what_is_wrong_is_said_and_not_repeated(text: str, reason: str) -> None:
    with pytest.raises(ValueError, match=reason) as raised:
        iban.plain(text)
    assert len(text) < 5 or text not in str(raised.value)


@given(st.sampled_from(sorted(iban.LENGTHS)), st.text(ALNUM, min_size=10, max_size=31))
def test_the_check_digits_agree_with_another_implementation(country: str, account: str) -> None:
    account = account[: iban.LENGTHS[country] - 4].ljust(iban.LENGTHS[country] - 4, "0")
    digits = stdnum.iban.calc_check_digits(f"{country}00{account}")
    right = f"{country}{digits}{account}"

    assert iban.plain(right) == right
    wrong = 2 + (int(digits) - 1) % 97
    with pytest.raises(ValueError, match="check digits"):
        iban.plain(f"{country}{wrong:02}{account}")


def test_the_lengths_agree_with_another_table() -> None:
    for country, length in iban.LENGTHS.items():
        found = stdnum.iban._ibandb.info(country)[0][1]["bban"]
        assert length == 4 + sum(int(part.rstrip("!nac ")) for part in _parts(found)), country


def _parts(structure: str) -> list[str]:
    """`4!n16!c` as ["4!", "16!"]."""
    for kind in "nac":
        structure = structure.replace(kind, " ")
    return structure.split()

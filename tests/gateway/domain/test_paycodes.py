"""Pay codes: a permutation nobody can follow, a check that sees slips, and the proof that goes with a code."""

from __future__ import annotations

import itertools
import random
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.domain.paycodes import ALPHABET, MAX_ID, PayCodes, found_in, proves, written
from gateway.ports.values import Money

NEW, OLD = b"n" * 32, b"o" * 32
CODES = PayCodes([NEW])
ids = st.integers(0, MAX_ID)


@given(ids)
def test_each_invoice_has_one_and_it_is_read_back(number: int) -> None:
    code = CODES.issue(number)

    assert written(code) == code
    assert len(code) == 11
    assert CODES.candidates(code) == (number,)


def test_it_is_the_same_for_ever() -> None:
    """Codes are on paper: whoever changes this makes them unreadable."""
    assert [CODES.issue(number) for number in (1, 2, 1_000_000, MAX_ID)] == [
        "HJ41Y-Q026X",
        "47RZB-N0H2G",
        "TYHH9-FEYSN",
        "D6VYK-S8MJ8",
    ]


@given(ids, st.data())
def test_every_wrong_character_is_seen(number: int, data: st.DataObject) -> None:
    code = CODES.issue(number)
    for place, character in enumerate(code):
        if character != "-":
            assert not [
                other for other in ALPHABET if other != character and written(code[:place] + other + code[place + 1 :])
            ]


@given(ids)
def test_any_two_characters_that_changed_places_are_seen(number: int) -> None:
    plain = list(CODES.issue(number).replace("-", ""))
    for first in range(len(plain)):
        for second in range(first):
            if plain[first] != plain[second]:
                swapped = plain.copy()
                swapped[first], swapped[second] = plain[second], plain[first]
                assert written("".join(swapped)) is None


@given(ids, st.randoms(use_true_random=False))
def test_it_is_read_as_people_write(number: int, chance: random.Random) -> None:
    code = CODES.issue(number)
    alike = {"0": "0Oo", "1": "1IiLl"}
    typed = "".join(chance.choice(alike.get(character, character.lower() + character)) for character in code)

    for said in (typed, typed.replace("-", ""), typed.replace("-", " "), f"  {typed}\n", typed.replace("-", "–")):
        assert written(said) == code


@pytest.mark.parametrize("text", ["", "7K3QM", "U" * 10, "7K3QM-2PXWD-", "x" * 10_000, "²²²²²²²²²²", "7K3QM_2PXWD"])
def test_what_is_no_code_is_none(text: str) -> None:
    assert written(text) in (None, "7K3QM-2PXWD")
    assert len(CODES.candidates(text)) <= 1


def test_what_follows_cannot_be_told() -> None:
    """Neighbours share no more characters than chance has it, and half of the bits of a code turn with each step."""
    made = [CODES.issue(number).replace("-", "")[:9] for number in range(2_000)]
    assert len(set(made)) == len(made)
    alike = Counter(sum(a == b for a, b in zip(one, other, strict=True)) for one, other in itertools.pairwise(made))
    mean = sum(count * times for count, times in alike.items()) / (len(made) - 1)
    assert 0.2 < mean < 0.36  # 9/32
    assert {character for code in made for character in code} == set(ALPHABET)


def test_printed_codes_outlive_a_rotation_and_keys_do_not_share_codes() -> None:
    old, both, new = PayCodes([OLD]), PayCodes([NEW, OLD]), CODES
    code = old.issue(77)

    assert 77 in both.candidates(code)
    assert both.issue(77) == new.issue(77) != code
    assert 77 not in new.candidates(code)


def test_a_guess_hits_one_in_thirty_five_million() -> None:
    chance = random.Random(1)
    million = 1_000_000
    hits = sum(CODES.candidates(PayCodes([OLD]).issue(chance.randrange(MAX_ID)))[0] <= million for _ in range(20_000))
    assert hits == 0
    assert MAX_ID / million > 35_000_000


@pytest.mark.parametrize("wrong", [-1, MAX_ID + 1])
def test_ids_that_do_not_fit(wrong: int) -> None:
    with pytest.raises(ValueError, match="fit"):
        CODES.issue(wrong)


@pytest.mark.parametrize("keys", [[], [b"short"]])
def test_keys_that_are_none(keys: list[bytes]) -> None:
    with pytest.raises(ValueError, match="32 bytes"):
        PayCodes(keys)


class TestInText:
    def test_codes_are_found_between_words(self) -> None:
        one, other = CODES.issue(1), CODES.issue(2)
        text = f"Buna, am codul {one.lower()} si {other.replace('-', ' ')}. Si {one}, iar."

        assert found_in(text) == [one, other]
        assert found_in(f" {one.replace('-', '')} ") == [one]

    @given(st.text(alphabet="abcdefghijklmnopqrstvwxyz ăâîșț.,", max_size=80))
    def test_words_are_no_codes_unless_they_stand_alone(self, text: str) -> None:
        assert found_in(f"domnule, {text}") == []

    def test_a_phone_number_is_none_unless_it_stands_alone(self) -> None:
        numbers = (f"07{random.Random(seed).randrange(10**8):08}" for seed in range(2_000))
        valid = next(number for number in numbers if written(number))

        assert found_in(f"sunati-ma la {valid} va rog") == []
        assert found_in(valid) == [written(valid)]

    @given(st.text())
    def test_nothing_breaks_it(self, text: str) -> None:
        assert all(written(code) == code for code in found_in(text))


class TestProof:
    @pytest.mark.parametrize("given", ["1042", " 1042 ", "C-1042", "c1042", "10-42"])
    def test_the_end_of_the_client_code(self, given: str) -> None:
        assert proves(given, "C-1042", [])

    @pytest.mark.parametrize("given", ["", "042", "1043", "C104", "C-10422", "-"])
    def test_what_is_not_its_end(self, given: str) -> None:
        assert not proves(given, "C-1042", [])

    @pytest.mark.parametrize("reference", ["", "7", "C-1", "104"])
    def test_a_short_client_code_proves_nothing(self, reference: str) -> None:
        assert not proves(reference, reference, [])

    @pytest.mark.parametrize(
        "given",
        [
            "1234,50",
            "1234.50",
            "1.234,50",
            "1,234.50",
            "1 234,50",
            "1234,5",
            "1234,50 lei",
            "1.234,50lei",
            "RON 1234.50",
            "1234.50 RON",
        ],
    )
    def test_the_sum_as_people_write_it(self, given: str) -> None:
        assert proves(given, "", [Money(123_450, "RON")])

    @pytest.mark.parametrize(
        "given",
        ["1234", "123450", "1234,51", "1234,50 eur", "12,34,50", "1234,500", "1.23.450", "a", "1234,50 1", ",50"],
    )
    def test_other_sums(self, given: str) -> None:
        assert not proves(given, "", [Money(123_450, "RON")])

    @pytest.mark.parametrize(
        ("given", "money"),
        [
            ("100", Money(10_000, "RON")),
            ("1.000", Money(100_000, "RON")),
            ("1,000 lei", Money(100_000, "RON")),
            ("500", Money(500, "JPY")),
            ("1.250", Money(1_250, "KWD")),
            ("€12", Money(1_200, "EUR")),
        ],
    )
    def test_round_sums_and_other_currencies(self, given: str, money: Money) -> None:
        assert proves(given, "", [money])

    @given(st.text())
    def test_nothing_breaks_it(self, text: str) -> None:
        proves(text, text, [Money(1, "RON")])
        assert not proves(text, "C-1042", []) or "1042" in "".join(filter(str.isalnum, text))

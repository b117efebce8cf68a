"""A language's file: what is wrong with it is named, all at once; what a phrase may be; typos that are forgiven, and that are not."""

from __future__ import annotations

import copy
import tomllib
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest

from gateway.domain.chat.amounts import Amount, amount_in, value_of
from gateway.domain.chat.folding import cut, folded
from gateway.domain.chat.grammar import parsed
from gateway.domain.chat.patterns import collected, phrases
from gateway.domain.chat.typos import may_be, one_off
from gateway.domain.chat.understanding import understand
from gateway.rendering.sources import templates_root
from tests.harness.chat import grammars

ENGLISH = tomllib.loads((templates_root() / "locales/en/chat.toml").read_text("utf-8"))


def faults_of(change: Callable[[dict[str, Any]], Any]) -> list[str]:
    data = copy.deepcopy(ENGLISH)
    change(data)
    faults: list[str] = []
    assert (parsed("xx", data, "locales/xx/chat.toml", faults) is None) == bool(faults)
    return faults


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        (lambda data: data.pop("said"), "[said]: is missing"),
        (lambda data: data.update(said=3), "[said]: is no table"),
        (lambda data: data.update(sayd={}), "[sayd]: is no table of a grammar"),
        (lambda data: data["said"].update(dance=["let us dance"]), "[said] dance: is nothing that can be meant"),
        (lambda data: data["said"].update({"dispute.ugly": ["ugly"]}), "[said] dispute.ugly: is nothing that can be meant"),
        (lambda data: data["said"].update(pay="pay"), "[said] pay: is a list of texts"),
        (lambda data: data["said"]["pay"].append("(pay) (now)"), '[said] pay: "(pay) (now)": there is no word that has to be there'),
        (lambda data: data["said"]["pay"].append("pay ..."), '[said] pay: "pay ...": it begins or ends with ...'),
        (lambda data: data["said"]["pay"].append("pay (now"), '[said] pay: "pay (now": ( is no word'),
        (lambda data: data["said"]["pay"].append("p* it"), '[said] pay: "p* it": p* begins too many words'),
        (lambda data: data["said"]["pay"].append("not (paid)"), '[said] pay: "not (paid)": not alone would be enough'),
        (lambda data: data["words"].update({"nth.x": ["x"]}), "[words] nth.x: is nothing that can be meant"),
        (lambda data: data["past"].update(lately="some"), "[past] lately: is a whole number"),
        (lambda data: data["currencies"].update(XXL=["large"]), "[currencies] XXL: is no currency of ISO 4217"),
        (lambda data: data["spelling"].update({"two words": "one"}), "[spelling] two words: is one word, and what it is written for"),
        (lambda data: data["habits"].pop("negations"), "[habits] negations: is a list of texts"),
        (lambda data: data["habits"].update(odd=["x"]), "[habits] odd: is not known"),
        (lambda data: data["examples"].pop("pay"), "[examples] pay: is missing"),
        (lambda data: data["examples"].update(dance=["x"]), "[examples] dance: is nothing that can be meant"),
    ],
)  # fmt: skip
def test_a_fault_is_named_with_its_place(change: Callable[[dict[str, Any]], Any], fault: str) -> None:
    assert f"locales/xx/chat.toml: {fault}" in faults_of(change)


def test_all_faults_are_named_at_once() -> None:
    def spoil(data: dict[str, Any]) -> None:
        data["said"]["pay"].append("pay ...")
        data["past"]["lately"] = "some"
        data["odd"] = {}

    assert len(faults_of(spoil)) == 3


def found(written: str, text: str) -> list[tuple[int, ...]]:
    words = collected(phrases("pay", written, folded(written)))
    return [match.places for match in words.find(cut(text).words)]


@pytest.mark.parametrize(
    ("written", "text", "places"),
    [
        ("plătesc", "eu PLĂTESC acum", [(1,)]),
        ("plăt*", "plateste", [(0,)]),
        ("plăt*", "plat", [(0,)]),
        ("plăt*", "pla", []),
        ("vreau/pot plăti", "nu pot plati", [(1, 2)]),
        ("am (deja) plătit", "am deja plătit", [(0, 1, 2)]),
        ("am (deja) plătit", "am plătit", [(0, 1)]),
        ("am (deja) plătit", "am mereu plătit", []),
        ("(s a) plătit", "s-a plătit", [(0, 1, 2), (2,)]),
        ("vreau ... plăti", "vreau să o pot plăti", [(0, 4)]),
        ("vreau ... plăti", "vreau să o mai și pot plăti", []),
        ("nu ... nu", "nu nu nu", [(0, 1), (1, 2)]),
    ],
)
def test_where_a_phrase_stands(written: str, text: str, places: list[tuple[int, ...]]) -> None:
    assert sorted(found(written, text)) == places


@pytest.mark.parametrize("text", ["Ștergeți", "ŞTERGEŢI", "ștergeți", "S\u0326tergeti", "ştergeţi"])
def test_marks_do_not_count(text: str) -> None:
    assert cut(text).words == ("stergeti",)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("don't", ("dont",)),
        ("I'll", ("i", "ll")),
        ("aminteşte-mi!!!", ("aminteste", "mi")),
        ("stooooop", ("stop",)),
        ("1.234,50lei", ("1.234,50", "lei")),
        ("1 234,50 lei", ("1 234,50", "lei")),
        ("ok👍", ("ok", "👍")),
        ("50%", ("50", "%")),
        ("€20", ("€", "20")),
    ],
)
def test_how_words_are_cut(text: str, words: tuple[str, ...]) -> None:
    assert cut(text).words == words


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("100", "100"), ("1.234,50", "1234.5"), ("1,234.50", "1234.5"), ("1 234,50", "1234.5"), ("1.234", "1234"), ("1,234", "1234"),
        ("12.5", "12.5"), ("12,50", "12.5"), ("1.234.567", "1234567"), ("0,01", "0.01"),
        ("1.23.45", None), ("1.2345", None), ("12345.678", None), ("1.2.3", None), ("9" * 19, None), ("x", None),
    ],
)  # fmt: skip
def test_numbers_as_people_write_them(text: str, value: str | None) -> None:
    assert value_of(text) == (Decimal(value) if value else None)


@pytest.mark.parametrize(
    ("language", "text", "amount"),
    [
        ("ro", "platesc 1.234,50 lei", Amount(Decimal("1234.5"), "RON")),
        ("ro", "o sută de lei", Amount(Decimal(100), "RON")),
        ("ro", "doua sute cincizeci de lei", Amount(Decimal(250), "RON")),
        ("ro", "trei mii doua sute lei", Amount(Decimal(3200), "RON")),
        ("ro", "200 de lei", Amount(Decimal(200), "RON")),
        ("ro", "lei", None),
        ("en", "a hundred and fifty lei", Amount(Decimal(150), "RON")),
        ("en", "£20", Amount(Decimal(20), "GBP")),
        ("en", "pay on the 15th", None),
    ],
)
def test_sums_of_money(language: str, text: str, amount: Amount | None) -> None:
    assert amount_in(cut(text).words, grammars()[language]) == amount


@pytest.mark.parametrize(
    ("word", "other", "off"),
    [("platesc", "platesc", True), ("plaetsc", "platesc", True), ("patesc", "platesc", True), ("plattesc", "platesc", True),
     ("plitesc", "platesc", True), ("plitasc", "platesc", False), ("platescul", "platesc", False)],
)  # fmt: skip
def test_one_letter(word: str, other: str, off: bool) -> None:
    assert one_off(word, other) is off


@pytest.mark.parametrize(
    ("text", "intent"),
    [
        ("vreau chitanta", "receipt"),
        ("vreau chitnata", "receipt"),
        ("vreau chtianta", "receipt"),
        ("remid me", "remind"),
        ("stpo", "none"),
        ("latter", "none"),
        ("we had a smart start", "none"),
    ],
)
def test_typos_in_long_words_alone(text: str, intent: str) -> None:
    found = [understand(text, grammar).intent.value for grammar in grammars().values()]

    assert intent in found
    assert set(found) <= {intent, "none"}


def test_a_typo_between_two_meanings_is_neither() -> None:
    """`brotk` is a letter off two words: where these mean different things it is not read at all."""
    data = copy.deepcopy(ENGLISH)
    data["said"]["pay"].append("brook")
    data["said"]["receipt"].append("broth")
    both = parsed("xx", data, "", [])
    data["said"]["receipt"].remove("broth")
    data["said"]["pay"].append("broth")
    same = parsed("xx", data, "", [])
    assert both is not None
    assert same is not None

    assert may_be("broth", both) == []  # known
    assert may_be("brotk", both) == ["brook", "broth"]
    assert understand("brotk", both).intent == "none"
    assert understand("brotk", same).intent == "pay"


@pytest.mark.parametrize("denied", ["nu vreau să plătesc", "nu plătesc", "n-o să plătesc", "I won't pay", "not paying"])
def test_what_is_denied_is_not_meant(denied: str) -> None:
    found = {understand(denied, grammar).intent.value for grammar in grammars().values()}

    assert not found & {"pay", "promise", "already_paid"}

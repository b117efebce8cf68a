"""One language's grammar: `locales/<language>/chat.toml`, read, checked and made ready. Nothing here reads a file."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from gateway.domain.chat.folding import cut, folded
from gateway.domain.chat.patterns import Element, Phrase, Phrases, collected, phrases
from gateway.domain.chat.values import Intent
from gateway.ports.values import CURRENCIES

FORGIVEN = 5  # letters of a word that may have a typo
REPLIES = ("yes", "no", "off", "all")
HOWS = ("bank", "cash", "card", "post", "other")
REASONS = ("not_mine", "wrong_amount")
_DETAILS: Mapping[str, Callable[[str], bool]] = {
    "dispute": REASONS.__contains__,
    "person": "angry".__eq__,
    "stop": ("everywhere", "hint").__contains__,
    "start": "everywhere".__eq__,
    "language": re.compile(r"[a-z]{2,3}(-[A-Z]{2})?").fullmatch,  # type: ignore[dict-item]
}
_WORDS: Mapping[str, Callable[[str], bool]] = {
    **dict.fromkeys(("all", "number", "parts", "reference", "now"), "".__eq__),
    "nth": re.compile(r"-1|[1-9]").fullmatch,  # type: ignore[dict-item]
    "share": re.compile(r"[1-9][0-9]?").fullmatch,  # type: ignore[dict-item]
    "how": HOWS.__contains__,
}
_INTENTS = frozenset(intent.value for intent in Intent) - {"code", "choice", "none"}
_TABLES = ("said", "whole", "words", "past", "currencies", "numbers", "spelling", "habits", "examples")
_HABITS = ("polite", "negations", "between", "joining", "ordinary")


@dataclass(frozen=True, slots=True)
class Grammar:
    """`said` counts anywhere in a message, `whole` only as all of it, `words` say more about what was understood.

    `near` and `near_stems` lead from a word with a letter left out to the words and stems it may be; `examples` are for people to read.
    """

    language: str
    said: Phrases
    whole: Phrases
    words: Phrases
    past: Mapping[str, int]
    currencies: Mapping[str, str]
    numbers: Mapping[str, int]
    spelling: Mapping[str, tuple[str, ...]]
    polite: frozenset[str]
    negations: frozenset[str]
    between: frozenset[str]
    joining: frozenset[str]
    known: frozenset[str]
    stems: frozenset[str]
    stem_sizes: tuple[int, ...]
    near: Mapping[str, frozenset[str]]
    near_stems: Mapping[str, frozenset[str]]
    examples: Mapping[str, tuple[str, ...]]


Grammars = Mapping[str, Grammar]


def parsed(language: str, data: Mapping[str, Any], shown: str, faults: list[str]) -> Grammar | None:
    """A grammar from the tables of a file. Appends every fault to `faults`, with `shown` and the place; then None."""
    wrong: list[str] = []
    wrong += [f"[{name}]: is no table of a grammar" for name in data if name not in _TABLES]
    tables = {name: _table(data, name, wrong) for name in _TABLES}
    said = collected([*_phrases(tables["said"], "said", _means, wrong)])
    whole = collected([*_phrases(tables["whole"], "whole", _means_whole, wrong)])
    words = collected([*_phrases(tables["words"], "words", _says_more, wrong)])
    habits = {
        name: frozenset(folded(word) for word in _list(tables["habits"], "habits", name, wrong)) for name in _HABITS
    }
    wrong += [f"[habits] {name}: is not known" for name in tables["habits"] if name not in _HABITS]
    empty = habits["negations"] | habits["between"]
    wrong += [
        f'[said] {one.meaning}: "{one.written}": {" ".join(sorted(_enough(one)))} alone would be enough'
        for one in said.all
        if _enough(one) <= empty
    ]
    currencies: dict[str, str] = {}
    for code in tables["currencies"]:
        if code not in CURRENCIES:
            wrong.append(f"[currencies] {code}: is no currency of ISO 4217")
        currencies |= {folded(word): code for word in _list(tables["currencies"], "currencies", code, wrong)}
    spelling = {}
    for name, value in tables["spelling"].items():
        if isinstance(value, str) and cut(name).words == (folded(name),) and cut(value).words:
            spelling[folded(name)] = cut(value).words
        else:
            wrong.append(f"[spelling] {name}: is one word, and what it is written for")
    examples = {name: tuple(_list(tables["examples"], "examples", name, wrong)) for name in tables["examples"]}
    wrong += [f"[examples] {name}: is nothing that can be meant" for name in examples if name not in _INTENTS]
    wrong += [f"[examples] {name}: is missing" for name in sorted(_INTENTS - examples.keys())]
    past, numbers = (_whole_numbers(tables[name], name, wrong) for name in ("past", "numbers"))
    faults += [f"{shown}: {fault}" for fault in wrong]
    if wrong:
        return None
    literal, stems = _vocabulary((said, whole, words))
    known = (
        literal
        | spelling.keys()
        | currencies.keys()
        | numbers.keys()
        | past.keys()
        | frozenset().union(*habits.values())
    )
    sizes = tuple(sorted({len(stem) for stem in stems if len(stem) >= FORGIVEN}))
    return Grammar(
        language, said, whole, words, past, currencies, numbers, spelling, habits["polite"], habits["negations"],
        habits["between"], habits["joining"], known, stems, sizes, _nearness(literal), _nearness(stems), examples,
    )  # fmt: skip


def deletes(word: str) -> set[str]:
    """The word, and what it is with one letter left out."""
    return {word, *(word[:at] + word[at + 1 :] for at in range(len(word)))}


def _table(data: Mapping[str, Any], name: str, wrong: list[str]) -> Mapping[str, Any]:
    table = data.get(name)
    if isinstance(table, Mapping):
        return table
    wrong.append(f"[{name}]: is missing" if table is None else f"[{name}]: is no table")
    return {}


def _list(table: Mapping[str, Any], shown: str, name: str, wrong: list[str]) -> Iterable[str]:
    value = table.get(name)
    if isinstance(value, list) and value and all(isinstance(one, str) and one.strip() for one in value):
        return value
    wrong.append(f"[{shown}] {name}: is a list of texts")
    return ()


def _whole_numbers(table: Mapping[str, Any], shown: str, wrong: list[str]) -> Mapping[str, int]:
    wrong += [
        f"[{shown}] {word}: is a whole number" for word, value in table.items() if type(value) is not int or value < 0
    ]
    return {folded(word): value for word, value in table.items() if type(value) is int}


def _phrases(table: Mapping[str, Any], shown: str, known: Callable[[str], bool], wrong: list[str]) -> Iterator[Phrase]:
    for meaning in table:
        if not known(meaning):
            wrong.append(f"[{shown}] {meaning}: is nothing that can be meant")
        for written in _list(table, shown, meaning, wrong):
            try:
                yield from phrases(meaning, written, folded(written))
            except ValueError as error:
                wrong.append(f'[{shown}] {meaning}: "{written}": {error}')


def _means(meaning: str) -> bool:
    intent, _, detail = meaning.partition(".")
    return intent in _INTENTS and (not detail or bool(_DETAILS.get(intent, "".__eq__)(detail)))


def _means_whole(meaning: str) -> bool:
    return meaning in REPLIES or _means(meaning)


def _says_more(meaning: str) -> bool:
    name, _, detail = meaning.partition(".")
    return name in _WORDS and bool(_WORDS[name](detail))


def _enough(one: Phrase) -> frozenset[str]:
    """The words without which there is no match; stems count as words that no language leaves out."""
    needed = [element for element in one.elements if not element.optional and not element.gap]
    return frozenset(word for element in needed for word in (*element.words, *(f"{stem}*" for stem in element.stems)))


def _vocabulary(tables: Iterable[Phrases]) -> tuple[frozenset[str], frozenset[str]]:
    elements: list[Element] = [element for table in tables for one in table.all for element in one.elements]
    return (
        frozenset(word for element in elements for word in element.words),
        frozenset(stem for element in elements for stem in element.stems),
    )


def _nearness(words: Iterable[str]) -> Mapping[str, frozenset[str]]:
    near: dict[str, set[str]] = {}
    for word in words:
        if len(word) >= FORGIVEN:
            for shorter in deletes(word):
                near.setdefault(shorter, set()).add(word)
    return {shorter: frozenset(found) for shorter, found in near.items()}

"""Phrases as a translator writes them, and where they stand in a message.

A phrase is words with spaces between them. `word*` is a word with any ending, `a/b` is either, `(a)` may be left out
(`(a b/c)`: either of two, the first of two words), `...` is up to three words of any kind.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

GAP = 3
_PARTS = re.compile(r"\([^)]*\)|[^\s()]+|[()]")
_WORD = re.compile(r"[^\s*/()]+\*?")


@dataclass(frozen=True, slots=True)
class Element:
    """One place of a phrase: the words that fit, the stems that fit. Neither: a gap."""

    words: frozenset[str] = frozenset()
    stems: tuple[str, ...] = ()
    optional: bool = False

    @property
    def gap(self) -> bool:
        return not self.words and not self.stems

    def fits(self, word: str) -> bool:
        return word in self.words or (bool(self.stems) and word.startswith(self.stems))


@dataclass(frozen=True, slots=True)
class Phrase:
    """What a phrase means (`pay`, `dispute.not_mine`), and how it is written."""

    meaning: str
    written: str
    elements: tuple[Element, ...]


@dataclass(frozen=True, slots=True)
class Match:
    """A phrase in a message: the places of its own words, gaps left out."""

    meaning: str
    places: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Phrases:
    """Phrases, found by the word they begin with."""

    all: tuple[Phrase, ...] = ()
    by_word: Mapping[str, tuple[Phrase, ...]] = field(default_factory=dict)
    by_stem: Mapping[str, tuple[Phrase, ...]] = field(default_factory=dict)
    stems: tuple[int, ...] = ()

    def find(self, words: Sequence[str]) -> list[Match]:
        """Every phrase wherever it stands; of one phrase at one place, its longest form."""
        return [
            Match(phrase.meaning, places)
            for at, word in enumerate(words)
            for phrase in self._starting(word)
            if (places := _places(phrase.elements, words, at, len(words)))
        ]

    def whole(self, words: Sequence[str]) -> str | None:
        """What the message means when it is one of these phrases and nothing besides."""
        if words:
            for phrase in self._starting(words[0]):
                places = _places(phrase.elements, words, 0, len(words), to_end=True)
                if places:
                    return phrase.meaning
        return None

    def _starting(self, word: str) -> Iterator[Phrase]:
        yield from self.by_word.get(word, ())
        for size in self.stems:
            if size <= len(word):
                yield from self.by_stem.get(word[:size], ())


def phrases(meaning: str, written: str, folded: str) -> list[Phrase]:
    """Reads a phrase, already folded, in all its forms. Raises ValueError, saying what is wrong with it."""
    forms: list[list[Element]] = [[]]
    for part in _PARTS.findall(folded):
        if " " in part.strip("() "):
            groups = [[_element(word) for word in group.split()] for group in part.strip("() ").split("/")]
            forms = [[*form, *group] for form in forms for group in ([], *groups)]
        else:
            element = _element(part)
            forms = [[*form, element] for form in forms]
    for form in forms:
        if all(one.gap or one.optional for one in form):
            raise ValueError("there is no word that has to be there")
        if form[0].gap or form[-1].gap:
            raise ValueError("it begins or ends with ...")
    return [Phrase(meaning, written, tuple(form)) for form in forms]


def collected(phrases: Sequence[Phrase]) -> Phrases:
    by_word: dict[str, list[Phrase]] = {}
    by_stem: dict[str, list[Phrase]] = {}
    for one in phrases:
        for element in _openers(one.elements):
            for word in element.words:
                by_word.setdefault(word, []).append(one)
            for stem in element.stems:
                by_stem.setdefault(stem, []).append(one)
    return Phrases(
        tuple(phrases),
        {word: tuple(dict.fromkeys(found)) for word, found in by_word.items()},
        {stem: tuple(dict.fromkeys(found)) for stem, found in by_stem.items()},
        tuple(sorted({len(stem) for stem in by_stem})),
    )


def _openers(elements: Sequence[Element]) -> Iterator[Element]:
    """What a phrase can begin with."""
    for element in elements:
        yield element
        if not element.optional:
            return


def _element(part: str) -> Element:
    if part == "...":
        return Element()
    optional = part.startswith("(") and part.endswith(")")
    words = (part[1:-1] if optional else part).split("/")
    if not all(_WORD.fullmatch(word) for word in words):
        raise ValueError(f"{part} is no word")
    if any(len(word) < 3 for word in words if word.endswith("*")):
        raise ValueError(f"{part} begins too many words")
    return Element(
        frozenset(word for word in words if not word.endswith("*")),
        tuple(word[:-1] for word in words if word.endswith("*")),
        optional,
    )


def _places(
    elements: tuple[Element, ...], words: Sequence[str], at: int, end: int, *, to_end: bool = False
) -> tuple[int, ...] | None:
    """The places of the words of a phrase that stands at `at`; None when it does not."""
    if not elements:
        return () if not to_end or at == end else None
    first, rest = elements[0], elements[1:]
    if first.gap:
        for skip in range(min(GAP, end - at) + 1):
            if (found := _places(rest, words, at + skip, end, to_end=to_end)) is not None:
                return found
        return None
    if at < end and first.fits(words[at]) and (found := _places(rest, words, at + 1, end, to_end=to_end)) is not None:
        return (at, *found)
    return _places(rest, words, at, end, to_end=to_end) if first.optional else None

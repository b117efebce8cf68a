"""Phrases as a translator writes them, and where they stand in a message.

A phrase is words with spaces between them. `word*` is a word with any ending, `a/b` is either, `(a)` may be left out
(`(a b/c)`: either of two, the first of two words), `...` is up to three words of any kind.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

GAP = 3
_PARTS = re.compile(r"\([^)]*\)|[^\s()]+|[()]")
_WORD = re.compile(r"[^\s*/()]+\*?")


@dataclass(frozen=True, slots=True)
class Element:
    """One place of a phrase: the words that fit, the stems that fit, or a gap."""

    words: frozenset[str] = frozenset()
    stems: tuple[str, ...] = ()
    optional: bool = False
    gap: bool = False

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
class Anchored:
    """A phrase by a word that it cannot be without; `reach` is how far before that word it may begin."""

    phrase: Phrase
    reach: int


@dataclass(frozen=True, slots=True)
class Phrases:
    """Phrases, each found by the word in it that the fewest others have."""

    all: tuple[Phrase, ...] = ()
    by_word: Mapping[str, tuple[Anchored, ...]] = field(default_factory=dict)
    by_stem: Mapping[str, tuple[Anchored, ...]] = field(default_factory=dict)
    stems: tuple[int, ...] = ()

    def find(self, words: Sequence[str]) -> list[Match]:
        """Every phrase wherever it stands, each place once."""
        found: dict[Match, None] = {}
        for place, word in enumerate(words):
            for one in self._with(word):
                for at in range(max(0, place - one.reach), place + 1):
                    if places := _places(one.phrase.elements, 0, words, at):
                        found[Match(one.phrase.meaning, places)] = None
        return list(found)

    def whole(self, words: Sequence[str]) -> str | None:
        """What the message means when it is one of these phrases and nothing besides."""
        for word in words:
            for one in self._with(word):
                if _places(one.phrase.elements, 0, words, 0, to_end=True):
                    return one.phrase.meaning
        return None

    def _with(self, word: str) -> Iterator[Anchored]:
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
    """Phrases made ready to be found."""
    needed = {one: [element for element in one.elements if not element.gap and not element.optional] for one in phrases}
    common = Counter(word for elements in needed.values() for element in elements for word in _written(element))
    by_word: dict[str, list[Anchored]] = {}
    by_stem: dict[str, list[Anchored]] = {}
    for one, elements in needed.items():
        anchor = min(elements, key=lambda element: max(common[word] for word in _written(element)))
        before = one.elements[: one.elements.index(anchor)]
        anchored = Anchored(one, sum(GAP if element.gap else 1 for element in before))
        for word in anchor.words:
            by_word.setdefault(word, []).append(anchored)
        for stem in anchor.stems:
            by_stem.setdefault(stem, []).append(anchored)
    return Phrases(
        tuple(phrases),
        {word: tuple(found) for word, found in by_word.items()},
        {stem: tuple(found) for stem, found in by_stem.items()},
        tuple(sorted({len(stem) for stem in by_stem})),
    )


def _written(element: Element) -> tuple[str, ...]:
    return (*element.words, *element.stems)


def _element(part: str) -> Element:
    if part == "...":
        return Element(gap=True)
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
    elements: tuple[Element, ...], first: int, words: Sequence[str], at: int, *, to_end: bool = False
) -> tuple[int, ...] | None:
    """The places of the words of a phrase, from its element `first` on, that goes on at `at`; None when it does not."""
    if first == len(elements):
        return () if not to_end or at == len(words) else None
    element = elements[first]
    if element.gap:
        for skip in range(min(GAP, len(words) - at) + 1):
            if (found := _places(elements, first + 1, words, at + skip, to_end=to_end)) is not None:
                return found
        return None
    if at < len(words) and element.fits(words[at]):
        found = _places(elements, first + 1, words, at + 1, to_end=to_end)
        if found is not None:
            return (at, *found)
    return _places(elements, first + 1, words, at, to_end=to_end) if element.optional else None

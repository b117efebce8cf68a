"""A message cut into words: lower case, no diacritics, no punctuation, letters that were drawn out made one again."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass

LONGEST = 1000  # characters of a message that are read
MOST = 120  # words
_WORDS = re.compile(r"\d{1,3}(?: \d{3})+(?:[.,]\d{1,2})?(?![\d])|\d+(?:[.,]\d+)*|[^\W\d_]+|[%€$£]|[^\w\s]")
_DRAWN = re.compile(r"([^\W\d_])\1{2,}")
_LETTERS = str.maketrans(
    {"đ": "d", "ł": "l", "ı": "i", "ß": "ss", "ø": "o", "æ": "ae", "’": "'", "ʼ": "'", "`": "'", "´": "'"}
)
_NOT = re.compile(r"n't\b")
_STOPS = frozenset(".,;:!?\n()")


@dataclass(frozen=True, slots=True)
class Words:
    """The words of a message. `breaks`: before which of them a clause ends."""

    words: tuple[str, ...]
    breaks: frozenset[int]


def folded(text: str) -> str:
    """Lower case without marks; both Romanian ş/ș and ţ/ț become s and t."""
    lower = text.lower()
    if not lower.isascii():
        lower = "".join(letter for letter in unicodedata.normalize("NFKD", lower) if not unicodedata.combining(letter))
        lower = lower.translate(_LETTERS)
    return lower


def cut(text: str) -> Words:
    """The first words of a text. An apostrophe parts words, but for the English n't; signs are words of their own."""
    plain = _DRAWN.sub(r"\1", _NOT.sub("nt", folded(text[:LONGEST])))
    words: list[str] = []
    breaks = set()
    for match in _WORDS.finditer(plain):
        piece = match[0]
        if piece in _STOPS:
            breaks.add(len(words))
        elif piece[0].isalnum() or not piece.isascii() or piece in "%$":
            words.append(piece)
            if len(words) == MOST:
                break
    return Words(tuple(words), frozenset(breaks))

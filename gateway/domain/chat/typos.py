"""Words with one letter wrong, and what they may have been meant for."""

from __future__ import annotations

from gateway.domain.chat.grammar import FORGIVEN, Grammar, deletes

LONGEST = 20  # letters of a word that may have a typo


def may_be(word: str, grammar: Grammar) -> list[str]:
    """The words of the grammar that an unknown word of five letters or more may be; none where it is known.

    A stem, whose ending may be anything, is thought of only where no word fits.
    """
    if not FORGIVEN <= len(word) <= LONGEST or not word.isalpha() or _known(word, grammar):
        return []
    found = {other for cut in deletes(word) for other in grammar.near.get(cut, ()) if one_off(word, other)}
    for size in grammar.stem_sizes if not found else ():
        for head in {word[: size - 1], word[:size], word[: size + 1]}:
            if len(head) >= FORGIVEN - 1:
                found |= {
                    stem for cut in deletes(head) for stem in grammar.near_stems.get(cut, ()) if one_off(head, stem)
                }
    return sorted(found)


def _known(word: str, grammar: Grammar) -> bool:
    return word in grammar.known or any(word[:size] in grammar.stems for size in range(3, len(word) + 1))


def one_off(word: str, other: str) -> bool:
    """Whether one letter is wrong, missing, too many, or changed places with its neighbour."""
    if word == other or abs(len(word) - len(other)) > 1:
        return word == other
    head = next((at for at, (a, b) in enumerate(zip(word, other, strict=False)) if a != b), min(len(word), len(other)))
    one, two = word[head:], other[head:]
    return one[1:] == two[1:] or one[1:] == two or one == two[1:] or (one[:2] == two[1::-1] and one[2:] == two[2:])

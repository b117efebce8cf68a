"""What a message says: its intent, and what is said besides (an amount, which one, in how many parts). The same text, the same answer.

It knows nothing of who wrote or what was asked before; dates are read by `gateway.domain.dates`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal

from gateway.domain.chat.folding import Words, cut
from gateway.domain.chat.grammar import FORGIVEN, Grammar, deletes
from gateway.domain.chat.patterns import Match
from gateway.domain.chat.values import Intent

# Of several things that a message says, the first of these is answered.
FIRST = (
    "person.angry", "verify", "person", "dispute.not_mine", "already_paid", "dispute.wrong_amount", "receipt", "plan", "dispute",
    "cancel", "remind", "promise", "status", "language", "pay", "list", "help", "stop", "thanks",
)  # fmt: skip
_RANK = {meaning: place for place, meaning in enumerate(FIRST)}
_LAST = len(FIRST)
_NUMBER = re.compile(r"\d")
_TYPOS = 4  # in a message; a text with more of them is not one in this language
_LONGEST_TYPO = 20


@dataclass(frozen=True, slots=True)
class Amount:
    """A number of money. No currency was said: it is that of what is owed."""

    value: Decimal
    currency: str = ""


@dataclass(frozen=True, slots=True)
class Understood:
    """What a message says. `detail` is the second half of a meaning (`not_mine`); `nth` counts from 1, and -1 is the last.

    `whole`: it says this and nothing else. `reply` is yes, no, off or all, when it is only that. `number` is a bare number,
    which may be a choice or an amount. `share` is in percent.
    """

    intent: Intent = Intent.NONE
    detail: str = ""
    whole: bool = False
    reply: str = ""
    number: Decimal | None = None
    amount: Amount | None = None
    nth: int | None = None
    everything: bool = False
    share: int | None = None
    parts: int | None = None
    how: str = ""
    reference: str = ""
    days_ago: int | None = None
    now: bool = False
    rest: str = ""  # the words that did not make up the intent
    words: Words = field(default=Words((), frozenset()))


def understand(text: str, grammar: Grammar) -> Understood:
    """Reads a text. Never raises; what is past its first thousand characters is not read."""
    read = _spelled(cut(text), grammar)
    if not read.words:
        return Understood(words=read)
    if meaning := grammar.whole.whole(read.words):
        return _whole(meaning, read, grammar)
    plain = Words(tuple(word for word in read.words if word not in grammar.polite), read.breaks)
    if plain.words and (meaning := grammar.whole.whole(plain.words)):
        return _whole(meaning, read, grammar)
    read, meaning = _forgiven(read, grammar)
    understood = _said(meaning, read, grammar)
    if understood.intent is Intent.NONE:
        return _bare(understood, plain, grammar)
    return understood


def _whole(meaning: str, read: Words, grammar: Grammar) -> Understood:
    if meaning in ("yes", "no", "off", "all"):
        return Understood(Intent.CHOICE, whole=True, reply=meaning, everything=meaning == "all", words=read)
    return replace(_said(meaning, read, grammar), whole=True)


def _said(meaning: str, read: Words, grammar: Grammar) -> Understood:
    """What is said besides the meaning."""
    intent, _, detail = meaning.partition(".")
    used = {
        place for match in grammar.said.find(read.words) if match.meaning.startswith(intent) for place in match.places
    }
    more = {match.meaning: match.places[-1] for match in grammar.words.find(read.words)}
    named = {name.partition(".")[0]: name.partition(".")[2] for name in reversed(more)}
    nth = int(named["nth"]) if "nth" in named else _numbered(read, grammar)
    return Understood(
        Intent(intent) if intent else Intent.NONE,
        detail,
        amount=amount_in(read.words, grammar),
        nth=nth,
        everything="all" in more,
        share=_percent(read.words) or (int(named["share"]) if "share" in named else None),
        parts=_parts(read, grammar),
        how=named.get("how", ""),
        reference=_reference(read, grammar) if intent == Intent.ALREADY_PAID else "",
        days_ago=next((grammar.past[word] for word in read.words if word in grammar.past), None),
        now="now" in more,
        rest=" ".join(word for at, word in enumerate(read.words) if at not in used)
        if intent == Intent.ALREADY_PAID
        else "",
        words=read,
    )


def _bare(understood: Understood, plain: Words, grammar: Grammar) -> Understood:
    """A message that is only a number, an amount or a place in a list."""
    words = plain.words
    if not words or len(words) > 4:
        return understood
    number = value_of(words[0]) if len(words) == 1 else None
    if number is not None or understood.amount or understood.share or understood.nth is not None:
        rest = [w for w in words if not _NUMBER.match(w) and w not in grammar.currencies and w not in grammar.numbers]
        if len(rest) <= 2:
            return replace(
                understood, intent=Intent.CHOICE, number=number, whole=not rest or understood.nth is not None
            )
    return understood


def meanings(read: Words, grammar: Grammar) -> list[Match]:
    """The phrases of a message that count: neither denied, nor part of a longer one that means something else."""
    found = [match for match in grammar.said.find(read.words) if not _denied(match, read, grammar)]
    return [match for match in found if not any(_covers(other, match) for other in found)]


def _covers(longer: Match, match: Match) -> bool:
    return (
        longer.meaning != match.meaning
        and len(longer.places) > len(match.places)
        and set(match.places) <= set(longer.places)
    )


def _denied(match: Match, read: Words, grammar: Grammar) -> bool:
    at = match.places[0]
    for back in range(3):
        if at in read.breaks or at == 0:
            return False
        at -= 1
        if read.words[at] in grammar.negations:
            return True
        if back < 2 and read.words[at] not in grammar.between:
            return False
    return False


def _best(read: Words, grammar: Grammar) -> str:
    found = meanings(read, grammar)
    best = min(found, key=lambda match: (_rank(match.meaning), -len(match.places), match.places), default=None)
    return best.meaning if best else ""


def _rank(meaning: str) -> int:
    place = _RANK.get(meaning)
    return place if place is not None else _RANK.get(meaning.partition(".")[0], _LAST)


def _spelled(read: Words, grammar: Grammar) -> Words:
    """Other spellings written out, signs that mean nothing left out."""
    words: list[str] = []
    breaks = set()
    for at, word in enumerate(read.words):
        if at in read.breaks:
            breaks.add(len(words))
        if word in grammar.spelling:
            words.extend(grammar.spelling[word])
        elif word.isalnum() or word in grammar.known or word == "%":
            words.append(word)
    if len(read.words) in read.breaks:
        breaks.add(len(words))
    return Words(tuple(words), frozenset(breaks))


def _forgiven(read: Words, grammar: Grammar) -> tuple[Words, str]:
    """The message with its typos righted, and what it means. A word that could be righted to two meanings stays as it is."""
    meaning, left = _best(read, grammar), _TYPOS
    for at, word in enumerate(read.words):
        if not FORGIVEN <= len(word) <= _LONGEST_TYPO or not word.isalpha() or _known(word, grammar):
            continue
        candidates = sorted(_righted(word, grammar))
        if not candidates or left == 0:
            continue
        left -= 1
        tried = [Words((*read.words[:at], one, *read.words[at + 1 :]), read.breaks) for one in candidates]
        results = {_best(one, grammar) for one in tried}
        if len(results) == 1:
            read, meaning = tried[0], results.pop()
    return read, meaning


def _known(word: str, grammar: Grammar) -> bool:
    return word in grammar.known or any(word[:size] in grammar.stems for size in range(3, len(word) + 1))


def _righted(word: str, grammar: Grammar) -> Iterator[str]:
    """The words of the grammar that are one letter away, and the stems that the word would begin with."""
    found: set[str] = set()
    for size in range(FORGIVEN - 1, len(word) + 1):
        head = word[:size]
        for shorter in deletes(head):
            for other in grammar.near.get(shorter, ()):
                if other not in found and (size == len(word) or other in grammar.stems) and one_off(head, other):
                    found.add(other)
    return iter(found)


def one_off(word: str, other: str) -> bool:
    """Whether one letter is wrong, missing, too many, or changed places with its neighbour."""
    if word == other or abs(len(word) - len(other)) > 1:
        return word == other
    head = next((at for at, (a, b) in enumerate(zip(word, other, strict=False)) if a != b), min(len(word), len(other)))
    one, two = word[head:], other[head:]
    return one[1:] == two[1:] or one[1:] == two or one == two[1:] or (one[:2] == two[1::-1] and one[2:] == two[2:])


def value_of(word: str) -> Decimal | None:
    """A number as people write it: 1.234,50 and 1,234.50 and 1 234,50; three digits after one sign are thousands."""
    plain = word.replace(" ", "")
    if not _NUMBER.match(plain) or len(plain) > 18:
        return None
    last = max(plain.rfind("."), plain.rfind(","))
    if last >= 0 and (len(plain) - last - 1 in (1, 2)):
        whole, fraction = plain[:last], plain[last + 1 :]
    else:
        whole, fraction = plain, ""
    groups = re.split(r"[.,]", whole)
    if not all(groups) or any(len(group) != 3 for group in groups[1:]) or (len(groups) > 1 and len(groups[0]) > 3):
        return None
    return Decimal(f"{''.join(groups)}.{fraction or 0}")


def amount_in(words: Sequence[str], grammar: Grammar) -> Amount | None:
    """The first number that has a currency before or after it, in digits or in words."""
    for at, word in enumerate(words):
        currency = grammar.currencies.get(word)
        if currency is None:
            continue
        if at and (value := value_of(words[at - 1])) is not None:
            return Amount(value, currency)
        if (spoken := _spoken(words[:at], grammar)) is not None:
            return Amount(spoken, currency)
        if len(word) == 1 and at + 1 < len(words) and (value := value_of(words[at + 1])) is not None:
            return Amount(value, currency)
    return None


def _spoken(words: Sequence[str], grammar: Grammar) -> Decimal | None:
    """The number in words at the end of `words`: o sută cincizeci (de), two hundred and fifty."""
    taken: list[int] = []
    for word in reversed(words[-8:]):
        if word in grammar.numbers:
            taken.append(grammar.numbers[word])
        elif word not in ("de", "si", "and", "o", "a") or (word in ("o", "a") and not taken):
            break
    if not taken:
        return None
    total = part = 0
    for number in reversed(taken):
        if number in (100, 1000):
            part = (part or 1) * number
            if number == 1000:
                total, part = total + part, 0
        else:
            part += number
    return Decimal(total + part)


def _percent(words: Sequence[str]) -> int | None:
    for at, word in enumerate(words[1:], 1):
        if word == "%" and words[at - 1].isdecimal() and 0 < int(words[at - 1][:4]) < 100:
            return int(words[at - 1])
    return None


def _small(word: str, grammar: Grammar) -> int | None:
    if word.isdecimal() and len(word) <= 2:
        return int(word)
    number = grammar.numbers.get(word)
    return number if number is not None and number <= 20 else None


def _parts(read: Words, grammar: Grammar) -> int | None:
    for match in grammar.words.find(read.words):
        at = match.places[0]
        if (
            match.meaning == "parts"
            and at
            and (number := _small(read.words[at - 1], grammar)) is not None
            and number > 1
        ):
            return number
    return None


def _numbered(read: Words, grammar: Grammar) -> int | None:
    """Number 2, nr. 2, invoice 2."""
    for match in grammar.words.find(read.words):
        at = match.places[-1] + 1
        if (
            match.meaning == "number"
            and at < len(read.words)
            and read.words[at].isdecimal()
            and len(read.words[at]) <= 2
        ):
            return int(read.words[at]) or None
    return None


def _reference(read: Words, grammar: Grammar) -> str:
    """The first word with at least three digits after a word that announces a reference."""
    for match in grammar.words.find(read.words):
        if match.meaning == "reference":
            for word in read.words[match.places[-1] + 1 :][:4]:
                if sum(map(str.isdecimal, word)) >= 3:
                    return word
    return ""

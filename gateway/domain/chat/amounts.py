"""Numbers and sums of money as people write them, in digits and in words."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from gateway.domain.chat.grammar import Grammar

_DIGIT = re.compile(r"\d")
_LONGEST = 18  # signs of a number


@dataclass(frozen=True, slots=True)
class Amount:
    """A number of money. No currency was said: it is that of what is owed."""

    value: Decimal
    currency: str = ""


def value_of(word: str) -> Decimal | None:
    """A number as people write it: 1.234,50 and 1,234.50 and 1 234,50; three digits after one sign are thousands."""
    plain = word.replace(" ", "")
    if not _DIGIT.match(plain) or len(plain) > _LONGEST:
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
        before = [word for word in words[max(0, at - 2) : at] if word not in grammar.joining]
        if before and (value := value_of(before[-1])) is not None:
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
        elif word not in grammar.joining:
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


def percent_in(words: Sequence[str]) -> int | None:
    """The first share, from 1 to 99 percent."""
    for at, word in enumerate(words[1:], 1):
        if word == "%" and words[at - 1].isdecimal() and 0 < int(words[at - 1][:4]) < 100:
            return int(words[at - 1])
    return None


def small(word: str, grammar: Grammar) -> int | None:
    """A number that may count something: two digits, or a word up to twenty."""
    if word.isdecimal() and len(word) <= 2:
        return int(word)
    number = grammar.numbers.get(word)
    return number if number is not None and number <= 20 else None

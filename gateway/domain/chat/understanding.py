"""What a message says: its intent, and what is said besides (an amount, which one, in how many parts). The same text, the same answer.

It knows nothing of who wrote or what was asked before; dates are read by `gateway.domain.dates`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal

from gateway.domain.chat.amounts import Amount, amount_in, percent_in, small, value_of
from gateway.domain.chat.folding import LONGEST, Words, cut
from gateway.domain.chat.grammar import REPLIES, Grammar
from gateway.domain.chat.patterns import Match
from gateway.domain.chat.typos import may_be
from gateway.domain.chat.values import Intent

# Of several things that a message says, the first of these is answered.
FIRST = (
    "person.angry", "verify", "person", "dispute.not_mine", "already_paid", "dispute.wrong_amount", "receipt", "plan", "dispute",
    "cancel", "remind", "promise", "status", "language", "pay", "list", "help", "stop", "thanks",
)  # fmt: skip
_RANK = {meaning: place for place, meaning in enumerate(FIRST)}
_TYPOS = 4  # in a message; a text with more of them is not one in this language
_LOOKED = 40  # words that are looked at for typos
_REFERENCE = 40  # characters of a reference


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
    if not read.words and "?" in text[:LONGEST]:
        read = Words(("?",), frozenset())
    if not read.words:
        return Understood(words=read)
    plain = tuple(word for word in read.words if word not in grammar.polite)
    if meaning := grammar.whole.whole(read.words) or grammar.whole.whole(plain):
        if meaning in REPLIES:
            return Understood(Intent.CHOICE, whole=True, reply=meaning, everything=meaning == "all", words=read)
        return replace(_said(meaning, read, text, grammar), whole=True)
    read, meaning = _forgiven(read, grammar)
    understood = _said(meaning, read, text, grammar)
    return _bare(understood, plain, grammar) if understood.intent is Intent.NONE else understood


def _said(meaning: str, read: Words, text: str, grammar: Grammar) -> Understood:
    """What is said besides the meaning."""
    intent, _, detail = meaning.partition(".")
    more = grammar.words.find(read.words)
    named = {match.meaning.partition(".")[0]: match.meaning.partition(".")[2] for match in reversed(more)}
    paid = intent == Intent.ALREADY_PAID
    return Understood(
        Intent(intent) if intent else Intent.NONE,
        detail,
        amount=amount_in(read.words, grammar),
        nth=int(named["nth"]) if "nth" in named else _numbered(more, read),
        everything="all" in named,
        share=percent_in(read.words) or (int(named["share"]) if "share" in named else None),
        parts=_parts(more, read, grammar),
        how=named.get("how", ""),
        reference=_reference(more, read, text),
        days_ago=next((grammar.past[word] for word in read.words if word in grammar.past), None),
        now="now" in named,
        rest=_rest(intent, read, grammar) if paid else "",
        words=read,
    )


def _bare(understood: Understood, plain: Sequence[str], grammar: Grammar) -> Understood:
    """A message that is only a number, an amount or a place in a list."""
    if not 0 < len(plain) <= 4:
        return understood
    number = value_of(plain[0]) if len(plain) == 1 else None
    if number is None and not understood.amount and not understood.share and understood.nth is None:
        return understood
    known = grammar.currencies.keys() | grammar.numbers.keys()
    rest = [word for word in plain if not word[0].isdecimal() and word not in known]
    if len(rest) > 2:
        return understood
    return replace(understood, intent=Intent.CHOICE, number=number, whole=not rest or understood.nth is not None)


def _best(read: Words, grammar: Grammar) -> str:
    """Of the phrases that count, neither denied nor part of a longer one that means something else, the first in rank."""
    found = [match for match in grammar.said.find(read.words) if not _denied(match, read, grammar)]
    found = [match for match in found if not any(_covers(other, match) for other in found)]
    best = min(found, key=lambda match: (_rank(match.meaning), -len(match.places), match.places), default=None)
    return best.meaning if best else ""


def _covers(longer: Match, match: Match) -> bool:
    if longer.meaning == match.meaning or len(longer.places) <= len(match.places):
        return False
    return longer.places[0] <= match.places[0] and match.places[-1] <= longer.places[-1]


def _rank(meaning: str) -> int:
    place = _RANK.get(meaning)
    return place if place is not None else _RANK[meaning.partition(".")[0]]


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


def _spelled(read: Words, grammar: Grammar) -> Words:
    """Other spellings written out, signs that mean nothing left out."""
    words: list[str] = []
    breaks = set()
    for at, word in enumerate(read.words):
        if at in read.breaks:
            breaks.add(len(words))
        if word in grammar.spelling:
            words.extend(grammar.spelling[word])
        elif word[0].isalnum() or word in grammar.known or word == "%":
            words.append(word)
    if len(read.words) in read.breaks:
        breaks.add(len(words))
    return Words(tuple(words), frozenset(breaks))


def _forgiven(read: Words, grammar: Grammar) -> tuple[Words, str]:
    """The message with its typos righted, and what it means. A word that could be righted to two meanings stays as it is."""
    meaning, left, looked = _best(read, grammar), _TYPOS, set[str]()
    for at, word in enumerate(read.words):
        if not left or word in looked or len(looked) == _LOOKED:
            continue
        looked.add(word)
        if not (candidates := may_be(word, grammar)):
            continue
        left -= 1
        tried = [Words((*read.words[:at], one, *read.words[at + 1 :]), read.breaks) for one in candidates]
        results = {_best(one, grammar) for one in tried}
        if len(results) == 1:
            read, meaning = tried[0], results.pop()
    return read, meaning


def _parts(more: Sequence[Match], read: Words, grammar: Grammar) -> int | None:
    """Three instalments, 3 parts."""
    before = [read.words[match.places[0] - 1] for match in more if match.meaning == "parts" and match.places[0]]
    return next((count for word in before if (count := small(word, grammar)) is not None and count > 1), None)


def _numbered(more: Sequence[Match], read: Words) -> int | None:
    """Number 2, nr. 2, invoice 2."""
    after = [read.words[match.places[-1] + 1 :][:1] for match in more if match.meaning == "number"]
    return next((int(word) or None for words in after for word in words if word.isdecimal() and len(word) <= 2), None)


def _reference(more: Sequence[Match], read: Words, text: str) -> str:
    """The first word with at least three digits after a word that announces a reference, as it was written."""
    after = [read.words[match.places[-1] + 1 :][:4] for match in more if match.meaning == "reference"]
    for word in (word for words in after for word in words):
        if sum(map(str.isdecimal, word)) >= 3:
            written = (part.strip(".,;:!?()#") for part in text[:LONGEST].split())
            return next((part for part in written if word in part), word)[:_REFERENCE]
    return ""


def _rest(intent: str, read: Words, grammar: Grammar) -> str:
    used = {place for match in grammar.said.find(read.words) if match.meaning == intent for place in match.places}
    return " ".join(word for at, word in enumerate(read.words) if at not in used)

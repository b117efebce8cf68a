"""The words of several languages joined, the first before the others, and texts cut into them."""

from __future__ import annotations

import importlib
import pkgutil
import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from typing import Any

from gateway.domain.dates import languages

# A kind of word is one character, so that a sentence is a string and the grammar is patterns over it (`grammar.py`).
KINDS = {
    "day": "d", "weekday": "k", "habit": "K", "moons": "L", "fragile_weekday": "q", "month": "m", "fragile_month": "M", "unit": "u",
    "number": "n", "word_number": "w", "ordinal": "O", "word_ordinal": "ω", "article": "a", "half": "h", "quarter": "Q", "on": "p", "at": "t",
    "hour": "H", "in": "i", "by": "y", "after": "f", "before": "e", "next": "N", "this": "T", "coming": "C", "last": "l", "part": "r", "stop": "b",
    "but": "B", "or": "3", "and": "2", "end": "g", "start": "s", "middle": "j", "of": "o", "from": "Y", "feast": "F", "fragile_feast": "G",
    "pay": "P", "weekend": "W", "currency": "c", "counted": "J", "every": "E", "not": "v", "past": "V", "ago": "R", "hence": "1", "now": "0",
    "gone": "D", "delay": "4", "few": "5", "act": "U", "minus": "6", "past_hour": "Z", "to_hour": "z", "oclock": "7", "between": "β", "meridian": "μ", "more": "9",
    "noise": "", "date": "δ", "pair": "S", "iso": "I", "clock": "A", "year": "8", "junk": "X", "unknown": "x",
}  # fmt: skip
FORGIVING = ("day", "weekday", "moons", "month", "unit", "part", "weekend", "next")  # where a typo is forgiven
LEAST = 5  # letters of a word that may have a typo
LONGEST = 5  # words of an entry
MARKS = "".join(map(chr, range(0x300, 0x370)))
_FOLD = {**{ord(a): b for a, b in zip("ăâáàäãåîíìșşțţéèêëóòôöúùûü’`´ʼ‘", "aaaaaaaiiissttee" "eeoooouuuu'''''", strict=True)}}  # fmt: skip
_CUT = re.compile(
    rf"(?P<run>\d(?:[\d.,:/-]*\d)?)(?P<tail>[a-z]*)(?P<more>\d*)|(?P<word>[a-z{MARKS}]+(?:'[a-z{MARKS}]+)*)|(?P<money>[€$£])|(?P<stop>[,.;!?\n()]+)"
)
_RUNS = (
    ("iso", re.compile(r"(\d{4})-(\d\d)-(\d\d)")),
    ("ymd", re.compile(r"(\d{4})[./](\d\d)[./](\d\d)")),
    ("date", re.compile(r"(\d{1,2})([./-])(\d{1,2})\2(\d{4}|\d\d)")),
    ("clock", re.compile(r"(\d{1,2}):(\d\d)(?::00)?")),
    ("pair", re.compile(r"(\d{1,2})([./-])(\d{1,2})")),
)
_ISO_TAIL = re.compile(r"t(\d\d):(\d\d)(?::\d\d(?:\.\d+)?)?(z|[+-]\d\d:\d\d)?(?!\d)")
_SHORTENED = "kumMrqp"  # kinds of words that a dot after them shortens
_FRACTIONS = {"1/2", "1/3", "2/3", "1/4", "3/4", "24/7"}


@dataclass(frozen=True, slots=True)
class Word:
    """A word or a number of a text: its kind, what it stands for, where it stands."""

    kind: str
    value: Any
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Lexicon:
    """`entries` by their folded text; `starts` is how many words the longest entry has that begins with a word; `near` finds typos."""

    entries: dict[str, tuple[str, Any]]
    starts: dict[str, int]
    near: dict[str, set[str]]
    ordinary: frozenset[str]
    day_first: bool | None

    def spelled(self, word: str) -> tuple[str, Any] | None:
        """What an unknown word is when one letter is wrong, missing, doubled or swapped; None when that is nothing or not one thing."""
        if not LEAST <= len(word) <= 16 or word in self.ordinary:
            return None
        found = {self.entries[other] for cut in _deletes(word) for other in self.near.get(cut, ()) if one_off(word, other)}
        return found.pop() if len(found) == 1 else None


def known_languages() -> tuple[str, ...]:
    """The languages there are, by their letters."""
    return tuple(sorted(module.name for module in pkgutil.iter_modules(languages.__path__)))


def language(name: str) -> Any:
    """A language's tables."""
    return importlib.import_module(f"gateway.domain.dates.languages.{name}")


@lru_cache(maxsize=16)
def lexicons(locale: str) -> tuple[Lexicon, ...]:
    """The lexicon that has the locale's language first, then one for each other language first."""
    name, _, region = locale.replace("_", "-").partition("-")
    names = known_languages()
    first = name.lower() if name.lower() in names else "en"
    return tuple(_joined(one, region.upper()[-2:]) for one in (first, *(other for other in names if other != first)))


@lru_cache(maxsize=16)
def _joined(first: str, region: str) -> Lexicon:
    entries: dict[str, tuple[str, Any]] = {}
    near: dict[str, set[str]] = {}
    for name in (first, *(other for other in known_languages() if other != first)):
        for text, kind, value in _entries(language(name)):
            entries.setdefault(text, (KINDS[kind], value))
            if kind in FORGIVING and " " not in text and len(text) >= LEAST:
                for cut in _deletes(text):
                    near.setdefault(cut, set()).add(text)
    starts: dict[str, int] = {}
    for text in entries:
        head, *rest = text.split(" ")
        starts[head] = max(starts.get(head, 1), len(rest) + 1)
    ordinary = {word for name in known_languages() for word in fold(language(name).ORDINARY).split()}
    rule: dict[str, bool | None] = language(first).DAY_FIRST
    return Lexicon(entries, starts, near, frozenset(ordinary - entries.keys()), rule.get(region, rule[""]))


def _entries(tables: Any) -> Iterator[tuple[str, str, Any]]:
    for kind, meanings in tables.WORDS.items():
        for value, spellings in meanings.items():
            for spelling in spellings.split(","):
                if text := _entry(spelling):
                    yield text, kind, value
    numbers = {**tables.NUMBERS, **tables.TENS}
    for tens, ten in tables.TENS.items():
        for unit, one in tables.NUMBERS.items():
            if one < 10:
                numbers |= {f"{tens}{join}{unit}": ten + one for join in tables.JOIN}
    for spelling, number in numbers.items():
        yield _entry(spelling), "word_number", number
    for spelling, number in tables.ORDINALS.items():
        yield _entry(spelling), "word_ordinal", number


def _entry(spelling: str) -> str:
    return " ".join(re.findall("[a-z0-9]+", fold(spelling).replace("'", "")))


def fold(text: str) -> str:
    """Lower case, without diacritics, each character in its place."""
    lower = text.lower()
    if len(lower) != len(text):
        lower = "".join(low if len(low := letter.lower()) == 1 else letter for letter in text)
    return lower if lower.isascii() else lower.translate(_FOLD)


def cut(text: str, lexicon: Lexicon) -> list[Word]:
    """The words of a text, noise left out; entries of several words before single ones."""
    folded = fold(text)
    pieces = list(_CUT.finditer(folded))
    words: list[Word] = []
    at = 0
    while at < len(pieces):
        piece = pieces[at]
        at += 1
        if piece["word"]:
            (kind, value), taken = _word(pieces, at - 1, lexicon)
            at += taken - 1
            if kind:
                words.append(Word(kind, value, piece.start(), pieces[at - 1].end()))
        elif piece["run"]:
            made = list(_run(piece, folded, lexicon))
            words += made
            while at < len(pieces) and pieces[at].start() < made[-1].end:
                at += 1
        elif not (piece["stop"] == "." and words and words[-1].kind in _SHORTENED and words[-1].end - words[-1].start <= 5):
            words.append(Word("c" if piece["money"] else "b", None, piece.start(), piece.end()))
    return [_as_hour(word, words[at - 1].kind if at else "b", words[at + 1].kind) for at, word in enumerate(words[:-1])] + words[-1:]


def _as_hour(word: Word, before: str, after: str) -> Word:
    """ "ora 9" is a time, "o ora" a length: some languages have one word for both."""
    if word.kind == "u" and word.value == "hour" and before not in "nwah" and after in "nwAS":
        return Word("H", 1, word.start, word.end)
    return word


def _word(pieces: list[re.Match[str]], at: int, lexicon: Lexicon) -> tuple[tuple[str, Any], int]:
    """The longest entry that begins here and how many pieces it takes. A dot after a word of it (`sf. Nicolae`) does not matter."""
    key = _key(pieces[at]["word"])
    keys, ends = [key], [1]
    for taken, piece in enumerate(pieces[at + 1 : at + 2 * lexicon.starts.get(key, 1) - 1], 2):
        if piece["word"]:
            keys.append(_key(piece["word"]))
            ends.append(taken)
        elif piece["stop"] != ".":
            break
    for count in range(min(len(keys), lexicon.starts.get(key, 1)), 0, -1):
        if found := lexicon.entries.get(" ".join(keys[:count])):
            return found, ends[count - 1]
    return lexicon.spelled(key) or ("x", key), 1


def _key(word: str) -> str:
    plain = word.replace("'", "")
    return plain if plain.isascii() else "".join(letter for letter in unicodedata.normalize("NFD", plain) if letter < "\u0300")


def _run(piece: re.Match[str], folded: str, lexicon: Lexicon) -> Iterator[Word]:
    """A number, with the letters that touch it: 15th, 5pm, 9h30, 3zile, 100lei."""
    run, tail, more, start, end = piece["run"], piece["tail"], piece["more"], piece.start(), piece.end()
    after = piece.end("run")
    if tail.startswith("t") and (iso := _RUNS[0][1].fullmatch(run)) and (late := _ISO_TAIL.match(folded, after)):
        yield Word("I", (*map(int, iso.groups()), int(late[1]), int(late[2]), late[3]), start, late.end())
        return
    if more:
        fits = tail == "h" and run.isdigit() and len(run) <= 2 and len(more) == 2 and _is_clock(int(run), int(more))
        yield Word("A" if fits else "X", (int(run), int(more), True) if fits else None, start, end)
        return
    if tail and (entry := lexicon.entries.get(run + tail)):
        yield Word(*entry, start, end)
        return
    kind, value = _number(run)
    if not tail:
        yield Word(kind, value, start, end)
    elif kind == "n" and tail in ("st", "nd", "rd", "th"):
        yield Word("O", value, start, end)
    elif kind in "nAS" and tail in ("am", "pm", "a", "p") and (said := _meridian(kind, value, tail)):
        yield Word("A", said, start, end)
    elif kind == "n" and tail == "h" and _is_clock(value, 0):
        yield Word("A", (value, 0, value > 12 or len(run) == 2), start, end)
    else:
        found = lexicon.entries.get(tail) or lexicon.spelled(tail) or ("x", tail)
        yield Word(kind, value, start, after)
        if found[0]:
            yield Word(found[0], found[1], after, end)


def _number(run: str) -> tuple[str, Any]:
    if run.isdigit():
        if len(run) > 4:
            return "X", None
        number = int(run)
        return ("8" if len(run) == 4 and 2000 <= number <= 2100 else "n" if len(run) <= 3 else "X"), number
    for kind, form in _RUNS:
        if match := form.fullmatch(run):
            return _formed(kind, match)
    return "X", None


def _formed(kind: str, match: re.Match[str]) -> tuple[str, Any]:
    if kind in ("iso", "ymd"):
        return "I", (int(match[1]), int(match[2]), int(match[3]))
    if kind == "clock":
        hour, minute = int(match[1]), int(match[2])
        return ("A", (hour, minute, hour > 12 or len(match[1]) == 2)) if _is_clock(hour, minute) else ("X", None)
    first, second = int(match[1]), int(match[3])
    if kind == "pair":
        loose = match[2] == "/" and match[0] in _FRACTIONS
        return ("X", None) if loose else ("S", (first, second, match[2], len(match[3]) == 2))
    return "δ", (first, second, int(match[4]) + (2000 if len(match[4]) == 2 else 0), match[2])


def _meridian(kind: str, value: Any, tail: str) -> tuple[int, int, bool] | None:
    hour, minute = (value, 0) if kind == "n" else value[:2]
    if not 1 <= hour <= 12 or not _is_clock(hour, minute) or (len(tail) == 1 and kind == "n" and hour == 0):
        return None
    return hour % 12 + (12 if tail[0] == "p" else 0), minute, True


def _is_clock(hour: int, minute: int) -> bool:
    return hour <= 24 and minute < 60 and (hour < 24 or minute == 0)


def is_day(year: int, month: int, day: int) -> bool:
    try:
        date(year, month, day)
    except ValueError:
        return False
    return True


def _deletes(word: str) -> set[str]:
    return {word, *(word[:at] + word[at + 1 :] for at in range(len(word)))}


def one_off(word: str, other: str) -> bool:
    """Whether one letter makes the difference, or two neighbours in the wrong order."""
    if abs(len(word) - len(other)) > 1 or word == other:
        return word == other
    head = next((at for at, (a, b) in enumerate(zip(word, other, strict=False)) if a != b), min(len(word), len(other)))
    one, two = word[head:], other[head:]
    return one[1:] == two[1:] or one[1:] == two or one == two[1:] or (one[:2] == two[1::-1] and one[2:] == two[2:])


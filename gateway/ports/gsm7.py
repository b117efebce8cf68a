"""The alphabet that SMS are paid by (GSM 03.38): what fits, how many parts a text makes, how to do without diacritics.

One Romanian `ș` turns 160 characters a part into 70. Shared by the SMS adapters, by rendering, and by whoever shows a cost.
"""

from __future__ import annotations

import unicodedata

_ONE_SEPTET = frozenset(
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿"
    "abcdefghijklmnopqrstuvwxyzäöñüà"
)
_TWO_SEPTETS = frozenset("^{}\\[~]|€\f")
_ALPHABET = _ONE_SEPTET | _TWO_SEPTETS
_REPLACED = {
    "đ": "d", "Đ": "D", "ð": "d", "Ð": "D", "ł": "l", "Ł": "L", "ı": "i", "œ": "oe", "Œ": "OE", "þ": "th", "Þ": "Th",
    "„": '"', "”": '"', "“": '"', "‟": '"', "″": '"', "«": '"', "»": '"', "‘": "'", "’": "'", "‚": "'", "‛": "'", "′": "'",
    "`": "'", "´": "'", "–": "-", "—": "-", "‑": "-", "−": "-", "‐": "-", "‒": "-", "―": "-", "…": "...", "·": "-",
    "•": "-", "№": "No.", "×": "x", "ẞ": "SS", "÷": "/", "₽": "RUB", "\t": " ", "©": "(c)", "®": "(R)", "™": "TM", "°": "o",
}  # fmt: skip


def is_gsm7(text: str) -> bool:
    """Whether every character is in the basic alphabet or its extension."""
    return _ALPHABET.issuperset(text)


def septets(text: str) -> int:
    """The length of GSM-7 text in septets. Raises ValueError where a character is outside the alphabet."""
    if not is_gsm7(text):
        raise ValueError("a character is outside the GSM 7-bit alphabet")
    return len(text) + sum(text.count(character) for character in _TWO_SEPTETS)


def segments(text: str) -> int:
    """How many SMS the text is: GSM-7 160 or 153 septets, else UCS-2 70 or 67 units; a character is never split."""
    if is_gsm7(text):
        sizes, single, part = [2 if character in _TWO_SEPTETS else 1 for character in text], 160, 153
    else:
        sizes, single, part = [2 if ord(character) > 0xFFFF else 1 for character in text], 70, 67
    if sum(sizes) <= single:
        return 1
    parts, used = 1, 0
    for size in sizes:
        if used + size > part:
            parts, used = parts + 1, 0
        used += size
    return parts


def transliterated(text: str) -> str:
    """`text` in GSM-7, losing only marks and typography; unchanged when that is not enough (Cyrillic, an emoji)."""
    if is_gsm7(text):
        return text
    plain = [_plain(character) for character in text]
    return text if None in plain else "".join(filter(None, plain))


def to_gsm7(text: str) -> str:
    """`text` in GSM-7 whatever it costs: what has no Latin form becomes `?`. The same text again is unchanged."""
    if is_gsm7(text):
        return text
    plain = [_plain(character) for character in unicodedata.normalize("NFC", text)]
    return "".join("?" if character is None else character for character in plain)


def _plain(character: str) -> str | None:
    """A character's form in the alphabet, empty for an invisible mark; None when it has none."""
    if character in _ALPHABET:
        return character
    if character in _REPLACED:
        return _REPLACED[character]
    if character.isspace():
        return " "
    if unicodedata.category(character) in ("Mn", "Me", "Cf", "Cc"):
        return ""
    folded = "".join(part for part in unicodedata.normalize("NFKD", character) if part in _ALPHABET)
    return folded or None

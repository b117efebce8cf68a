"""The alphabet that SMS are paid by (GSM 03.38): what fits, how many parts a text makes, how to do without diacritics.

One Romanian `ș` turns 160 characters a part into 70. Shared by the SMS adapters and by whoever shows a cost beforehand.
"""

from __future__ import annotations

import unicodedata

_ONE_SEPTET = frozenset(
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿"
    "abcdefghijklmnopqrstuvwxyzäöñüà"
)
_TWO_SEPTETS = frozenset("^{}\\[~]|€\f")
_ALPHABET = _ONE_SEPTET | _TWO_SEPTETS
# What Unicode's own decomposition does not take apart.
_TYPOGRAPHY = str.maketrans(
    {
        **dict.fromkeys("„”“‟«»″", '"'),
        **dict.fromkeys("‘’‚‛′`", "'"),
        **dict.fromkeys("‐‑‒–—―−•", "-"),
        **dict.fromkeys("\t\u00a0\u2007\u2009\u202f", " "),
        **dict.fromkeys("\u200b\u200c\u200d\u2060\ufeff\u00ad", ""),
        "…": "...",
        "ł": "l",
        "Ł": "L",
        "đ": "d",
        "Đ": "D",
        "ı": "i",
        "œ": "oe",
        "Œ": "OE",
        "×": "x",
    }
)


def is_gsm7(text: str) -> bool:
    """Whether every character is in the basic alphabet or its extension."""
    return _ALPHABET.issuperset(text)


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
    plain = "".join(map(_unmarked, text.translate(_TYPOGRAPHY)))
    return plain if is_gsm7(plain) else text


def _unmarked(character: str) -> str:
    if character in _ALPHABET:
        return character
    return "".join(part for part in unicodedata.normalize("NFKD", character) if not unicodedata.combining(part))

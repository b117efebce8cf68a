"""SMS text: the GSM 7-bit alphabet (3GPP TS 23.038), and how Latin text is brought into it. It never sees other
channels.

One character outside the alphabet turns a whole SMS into UCS-2, where a segment holds 70 characters and not 160.
"""

from __future__ import annotations

import unicodedata

SEGMENT = 160  # septets of an SMS that is one part
NAME_SEPTETS = 20  # a biller's name in an SMS; a longer one is cut
NUMBER_SEPTETS = 14  # an invoice number in an SMS; of a longer one the end is kept

_BASIC = frozenset(
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?"
    "¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà"
)
_EXTENDED = frozenset("^{}\\[~]|€")
_ALPHABET = _BASIC | _EXTENDED
_REPLACED = {
    "đ": "d", "Đ": "D", "ð": "d", "Ð": "D", "ł": "l", "Ł": "L", "ı": "i", "œ": "oe", "Œ": "OE", "þ": "th", "Þ": "Th",
    "„": '"', "”": '"', "“": '"', "«": '"', "»": '"', "‘": "'", "’": "'", "‚": "'", "′": "'", "`": "'", "´": "'",
    "–": "-", "—": "-", "‑": "-", "−": "-", "‐": "-", "…": "...", "·": "-", "•": "-", "№": "No.", "×": "x",
    "ẞ": "SS", "÷": "/", "₽": "RUB", "\t": " ", "©": "(c)", "®": "(R)", "™": "TM", "°": "o",
}  # fmt: skip


def to_gsm7(text: str) -> str:
    """`text` in the GSM 7-bit alphabet: diacritics dropped where the alphabet lacks the letter, typographic signs made
    plain.

    What has no Latin form (another script, an emoji) becomes `?`; invisible marks vanish. The same text again is
    unchanged.
    """
    if _ALPHABET.issuperset(text):
        return text
    return "".join(map(_plain, unicodedata.normalize("NFC", text)))


def septets(text: str) -> int:
    """The length of GSM 7-bit text in septets. Raises ValueError where a character is outside the alphabet."""
    if not _ALPHABET.issuperset(text):
        raise ValueError("a character is outside the GSM 7-bit alphabet")
    return len(text) + sum(text.count(character) for character in _EXTENDED)


def shorten(text: str, limit: int, *, keep_end: bool = False) -> str:
    """GSM 7-bit `text` in at most `limit` septets; where it is cut stand two points (the alphabet has no ellipsis).

    `keep_end` cuts at the front: the end of an invoice number tells it from its neighbours, the beginning does not.
    """
    if septets(text) <= limit:
        return text
    kept = text
    while septets(kept) > limit - 2:
        kept = kept[1:] if keep_end else kept[:-1]
    return f"..{kept.lstrip('.')}" if keep_end else f"{kept.rstrip(' .')}.."


def _plain(character: str) -> str:
    if character in _ALPHABET:
        return character
    if character in _REPLACED:
        return _REPLACED[character]
    if character.isspace():
        return " "
    if unicodedata.category(character) in ("Mn", "Me", "Cf", "Cc"):
        return ""
    folded = "".join(part for part in unicodedata.normalize("NFKD", character) if part in _ALPHABET)
    return folded or "?"

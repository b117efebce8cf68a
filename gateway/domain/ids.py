"""Ids as the outside sees them: a prefix that says what it is, and the database's number in base62 (`inv_0000q0u`)."""

from __future__ import annotations

ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_VALUE = {character: index for index, character in enumerate(ALPHABET)}

INVOICE, ATTEMPT, DELIVERY, EVENT = "inv", "pay", "dlv", "evt"
ENDPOINT, PUSH, REFUND, UPDATE, PAYER = "pep", "psh", "rfd", "upd", "pyr"
CONVERSATION, MESSAGE, REMINDER, CLAIM = "cnv", "msg", "rem", "clm"


def base62(number: int, width: int = 1) -> str:
    """Writes a number of zero or more with at least `width` digits."""
    digits = ""
    while number:
        number, rest = divmod(number, 62)
        digits = ALPHABET[rest] + digits
    return digits.rjust(width, "0")


def unbase62(text: str) -> int:
    """Reads base62. Raises ValueError on anything else."""
    number = 0
    try:
        for character in text:
            number = number * 62 + _VALUE[character]
    except KeyError:
        raise ValueError("not base62") from None
    return number


def show(prefix: str, number: int) -> str:
    return f"{prefix}_{base62(number, 7)}"


def read(prefix: str, text: str) -> int | None:
    """The number in a public id, or None when it is not one of ours (then nothing of that name exists)."""
    head, _, tail = text.partition("_")
    if head != prefix or not 7 <= len(tail) <= 11:
        return None
    try:
        number = unbase62(tail)
    except ValueError:
        return None
    return number if 0 < number < 2**63 and base62(number, 7) == tail else None

"""The creditor reference of an invoice (ISO 11649): what a payer writes on a bank transfer, `RF18 5390 0754 7034`.

Made of the invoice's id in digits, so it is unique in one installation, never changes, and needs no key to be read back.
"""

from __future__ import annotations

import re

_SHAPE = re.compile(r"RF([0-9]{2})([0-9A-Z]{1,21})", re.ASCII)


def _rest(text: str) -> int:
    """What is left of a text modulo 97, letters being 10 to 35 (ISO 7064, MOD 97-10)."""
    return int("".join(str(int(character, 36)) for character in text)) % 97


def reference(invoice_id: int) -> str:
    """The reference without spaces: RF, two check digits, the id."""
    if invoice_id < 1:
        raise ValueError("an invoice's id is above zero")
    return f"RF{98 - _rest(f'{invoice_id}RF00'):02}{invoice_id}"


def spaced(text: str) -> str:
    """A reference as it is printed, in groups of four."""
    return " ".join(text[place : place + 4] for place in range(0, len(text), 4))


def valid(text: str) -> bool:
    """Whether a text, spaces and case aside, is a creditor reference of anybody's."""
    plain = "".join(text.split()).upper()
    match = _SHAPE.fullmatch(plain)
    return match is not None and _rest(f"{match[2]}RF{match[1]}") == 1


def invoice_id(text: str) -> int | None:
    """The id in a reference of ours, leading zeros aside; None for one that is wrong or was not made here."""
    plain = "".join(text.split()).upper()
    base = plain[4:]
    number = int(base) if valid(plain) and base.isdigit() else 0
    return number if 0 < number < 2**63 else None

"""How a text is kept inside one SMS: the room that names and numbers have, and how they are cut."""

from __future__ import annotations

from gateway.ports.gsm7 import septets, to_gsm7

SEGMENT = 160  # septets of an SMS that is one part
NAME_SEPTETS = 20  # a biller's name in an SMS; a longer one is cut
LEAST_NAME = 12  # what is left of it where the rest of a text needs the room
NUMBER_SEPTETS = 14  # an invoice number in an SMS; of a longer one the end is kept

__all__ = ["LEAST_NAME", "NAME_SEPTETS", "NUMBER_SEPTETS", "SEGMENT", "septets", "shorten", "to_gsm7"]


def shorten(text: str, limit: int, *, keep_end: bool = False) -> str:
    """GSM 7-bit `text` in at most `limit` septets; where it is cut stand two points (the alphabet has no ellipsis).

    `keep_end` cuts at the front: the end of an invoice number tells it from its neighbours, the beginning does not.
    """
    if septets(text) <= limit:
        return text
    kept = text[2 - limit :] if keep_end else text[: limit - 2]  # no character is less than a septet
    while septets(kept) > limit - 2:
        kept = kept[1:] if keep_end else kept[:-1]
    return f"..{kept.lstrip('.')}" if keep_end else f"{kept.rstrip(' .')}.."

"""The draw of a percentage split: the same invoice always draws the same account, and many draw each in its share."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping


def drawn(key: str, weights: Mapping[str, int]) -> str | None:
    """The name that `key` falls to; each name gets its part of the whole. None when nothing weighs anything."""
    whole = sum(weights.values())
    if whole <= 0:
        return None
    place = int.from_bytes(hashlib.blake2b(key.encode(), digest_size=8).digest()) % whole
    for name, weight in weights.items():
        if place < weight:
            return name
        place -= weight
    raise AssertionError("the parts are the whole")

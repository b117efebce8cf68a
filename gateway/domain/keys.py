"""API keys as the outside sees them: `ak_<id in base62>_<secret>`. Only a hash of the secret is ever stored.

The secret has 190 bits of chance, so a plain SHA-256 is enough: there is nothing to guess that a slow hash would protect.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable
from enum import StrEnum

from gateway.domain.ids import ALPHABET, base62, unbase62

SECRET_CHARACTERS = 32
_KEY = re.compile(rf"ak_([0-9A-Za-z]{{1,10}})_([0-9A-Za-z]{{{SECRET_CHARACTERS}}})", re.ASCII)
_LABEL = re.compile(r"ak_([0-9A-Za-z]{1,10})(?:_[0-9A-Za-z]*)?", re.ASCII)


class Scope(StrEnum):
    """What a key may do. One does not include the other."""

    READ = "read"
    WRITE = "write"


def new_secret(choose: Callable[[str], str]) -> str:
    """A fresh secret; `choose` picks one character and must be `secrets.choice`, save in a test."""
    return "".join([choose(ALPHABET) for _ in range(SECRET_CHARACTERS)])


def fingerprint(secret: str) -> bytes:
    """What is stored in place of the secret."""
    return hashlib.sha256(secret.encode()).digest()


def show(key_id: int, secret: str) -> str:
    """The whole key, to be shown once."""
    return f"ak_{base62(key_id)}_{secret}"


def label(key_id: int) -> str:
    """What a key is called when its secret is not to be seen: its beginning."""
    return f"ak_{base62(key_id)}"


def read_label(text: str) -> int | None:
    """The number of a key by its label or by the whole key; None for anything else."""
    match = _LABEL.fullmatch(text)
    return unbase62(match[1]) if match else None


def read(text: str) -> tuple[int, str] | None:
    """The id and the secret of a key as it was shown; None for anything else. Proves nothing."""
    match = _KEY.fullmatch(text)
    if match is None:
        return None
    key_id = unbase62(match[1])
    return (key_id, match[2]) if 0 < key_id < 2**63 else None

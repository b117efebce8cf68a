"""Proof that a webhook comes from the vendor: comparison in constant time, HMAC, several signatures, a time window.

A check returns nothing when the proof holds and raises `InvalidSignature` when it does not, so that a forgotten `if`
cannot let a forgery in. No check reads the clock, says which part failed in detail, or holds a signature in its error.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Iterable
from datetime import datetime, timedelta

from gateway.ports.errors import InvalidSignature
from gateway.ports.values import Secret

__all__ = ["InvalidSignature", "hmac_hex_sha256", "recent", "same", "signed", "timed_header"]

TOLERANCE_S = 300  # what Stripe, Revolut and Standard Webhooks all use


def same(given: str | None, *secrets: Secret | str | None) -> None:
    """Holds when `given` equals one of `secrets` (several during rotation); a missing or empty secret equals nothing.

    The time taken does not depend on where the texts differ, nor on which secret was right.
    """
    if given is None:
        raise InvalidSignature("no signature")
    _one_of([given], [_reveal(secret) for secret in secrets if secret])


def hmac_hex_sha256(secret: Secret | str, *parts: bytes | str) -> str:
    """The lower-case hex HMAC-SHA256 of the parts, joined without a separator; text counts as UTF-8.

    Raises ValueError on an empty secret: everybody can sign with that one.
    """
    key = _reveal(secret)
    if not key:
        raise ValueError("an empty secret proves nothing")
    return hmac.new(_bytes(key), b"".join(map(_bytes, parts)), hashlib.sha256).hexdigest()


def signed(given: Iterable[str], secrets: Iterable[Secret | str | None], *parts: bytes | str) -> None:
    """Holds when one of the hex signatures `given` is the HMAC-SHA256 of `parts` by one of `secrets`."""
    _one_of(list(given), [hmac_hex_sha256(secret, *parts) for secret in secrets if secret])


def recent(
    written: str | None, received_at: datetime, *, tolerance_s: float = TOLERANCE_S, per_second: int = 1
) -> None:
    """Holds when `written`, a Unix time in digits, is within `tolerance_s` of `received_at`, on either side.

    `per_second` is 1000 for a vendor that writes milliseconds.
    """
    if written is None or not (written.isascii() and written.isdigit() and len(written) <= 16):
        raise InvalidSignature("no time of signing")
    if abs(received_at.timestamp() - int(written) / per_second) > tolerance_s:
        raise InvalidSignature("signed too long ago or in the future")


def timed_header(
    header: str | None,
    secrets: Iterable[Secret | str | None],
    body: bytes,
    received_at: datetime,
    *,
    scheme: str = "v1",
    tolerance: timedelta = timedelta(seconds=TOLERANCE_S),
) -> None:
    """Checks `t=<unix>,v1=<hex>,v1=<hex>` over `t + "." + body`, as Stripe lays it out; other schemes are ignored.

    The signature is checked before the time, so that only the holder of a secret learns that a time is too old.
    """
    items = [item.strip().partition("=") for item in (header or "").split(",")]
    times = [value for name, _, value in items if name == "t"]
    if len(times) != 1:
        raise InvalidSignature("no time of signing")
    signed([value for name, _, value in items if name == scheme], secrets, times[0], ".", body)
    recent(times[0], received_at, tolerance_s=tolerance.total_seconds())


def _one_of(given: list[str], expected: list[str]) -> None:
    matches = [hmac.compare_digest(_bytes(left), _bytes(right)) for left in given for right in expected]
    if not any(matches):
        raise InvalidSignature


def _reveal(secret: Secret | str) -> str:
    return secret.reveal() if isinstance(secret, Secret) else secret


def _bytes(value: bytes | str) -> bytes:
    # A header may hold lone surrogates (aiohttp decodes with surrogateescape): they differ, they do not raise.
    return value if isinstance(value, bytes) else value.encode("utf-8", "surrogatepass")

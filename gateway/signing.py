"""Proofs that we give and take: Standard Webhooks signatures, pay-link tokens, tokens for one-click answers.

Nothing here is stored or read from a clock, and no error or log line ever holds a secret, a signature or a body.
"""

from __future__ import annotations

import base64
import binascii
import hmac
import secrets as randomness
from collections.abc import Sequence

from gateway.domain.ids import ALPHABET, base62, unbase62
from gateway.ports.errors import InvalidSignature
from gateway.ports.values import Secret

_PREFIX = "whsec_"
_KEY_BYTES = range(24, 65)  # Standard Webhooks: "between 24 bytes (192 bits) and 64 bytes (512 bits)"
TOLERANCE_S = 300


def new_secret() -> Secret:
    """A fresh secret of a push endpoint: `whsec_` and 32 random bytes in base64."""
    return Secret(_PREFIX + base64.b64encode(randomness.token_bytes(32)).decode())


def signing_key(secret: Secret) -> bytes:
    """The 24 to 64 key bytes of a `whsec_` secret. Raises ValueError, without the secret, when it is not one."""
    text = secret.reveal()
    try:
        key = base64.b64decode(text.removeprefix(_PREFIX), validate=True)
    except ValueError:
        key = b""
    if not text.startswith(_PREFIX) or len(key) not in _KEY_BYTES:
        raise ValueError("a signing secret is written as whsec_ and the base64 of 24 to 64 bytes")
    return key


def sign(secrets: Sequence[Secret], message_id: str, timestamp: int, body: bytes) -> str:
    """The `webhook-signature` of one try: a `v1` signature per secret, the current one first, so that secrets rotate.

    `timestamp` is that of this try, in Unix seconds. Raises ValueError on a secret that is not one, or on none at all.
    """
    if not secrets:
        raise ValueError("a push is signed with at least one secret")
    content = b"%s.%d.%s" % (message_id.encode(), timestamp, body)
    return " ".join([_v1(signing_key(secret), content) for secret in secrets])


def verify(
    secrets: Sequence[Secret],
    *,
    message_id: str | None,
    timestamp: str | None,
    signature: str | None,
    body: bytes,
    now: float,
    tolerance_s: int = TOLERANCE_S,
) -> None:
    """Returns when any of the signatures was made with any of the secrets, at most `tolerance_s` from `now`.

    Takes the three `webhook-` headers as they came, missing or malformed. Raises InvalidSignature, nothing else, for
    all that they can hold; ValueError only when one of our own secrets is not one.
    """
    keys = [signing_key(secret) for secret in secrets]
    if not (message_id and timestamp and signature) or not (timestamp.isascii() and timestamp.isdigit()):
        raise InvalidSignature
    if len(timestamp) > 15 or abs(now - int(timestamp)) > tolerance_s:
        raise InvalidSignature("The webhook is too old, or from the future.")
    content = b"%s.%s.%s" % (message_id.encode(errors="replace"), timestamp.encode(), body)
    given = [part.encode(errors="replace") for part in signature.split(" ")]
    for key in keys:
        expected = _v1(key, content).encode()
        if any(hmac.compare_digest(expected, part) for part in given):
            return
    raise InvalidSignature


def _v1(key: bytes, content: bytes) -> str:
    return "v1," + binascii.b2a_base64(hmac.digest(key, content, "sha256"), newline=False).decode()


_ID_WIDTH, _PROOF_WIDTH = 7, 11  # 62**11 > 2**64: the proof is a 64-bit code
_ALPHABET = frozenset(ALPHABET)
TOKEN_WIDTH = _ID_WIDTH + _PROOF_WIDTH
MAX_ID = 62**_ID_WIDTH - 1


def _token(key: bytes, purpose: bytes, number: int, version: int) -> str:
    message = b"%s.%d.%d" % (purpose, number, version)
    proof = int.from_bytes(hmac.digest(key, message, "sha256")[:8], "big")
    return base62(number, _ID_WIDTH) + base62(proof, _PROOF_WIDTH)


def _number(token: str) -> int | None:
    if len(token) != TOKEN_WIDTH or not _ALPHABET.issuperset(token):
        return None
    return unbase62(token[:_ID_WIDTH])


class _Ring:
    """Tokens of 18 base62 characters: 7 of a number and 11 of a 64-bit HMAC-SHA256 over purpose, number and version.

    Nothing of a token is stored, so nothing random is indexed. The first key signs, every key of the ring proves.
    Guessing one takes 2**63 tries on average: callers limit the rate of wrong tokens, and answer all of them alike.
    """

    __slots__ = ("_keys", "_purpose")

    def __init__(self, keys: Sequence[bytes], purpose: str) -> None:
        if not keys or any(len(key) < 32 for key in keys):
            raise ValueError("tokens are signed with at least one key, of 32 bytes or more")
        self._keys = tuple(keys)
        self._purpose = purpose.encode()

    def _issue(self, number: int, version: int) -> str:
        if not 0 <= number <= MAX_ID:
            raise ValueError("the number does not fit a token")
        return _token(self._keys[0], self._purpose, number, version)

    def _proves(self, token: str, number: int, version: int) -> bool:
        if not token.isascii():
            return False
        proofs = [hmac.compare_digest(token, _token(key, self._purpose, number, version)) for key in self._keys]
        return any(proofs)


class LinkSigner(_Ring):
    """Pay-link tokens. The link's version is not in the token: raising it in the database revokes what was issued."""

    __slots__ = ()

    def __init__(self, keys: Sequence[bytes]) -> None:
        super().__init__(keys, "link")

    def issue(self, link_id: int, version: int) -> str:
        """The token of this version of the link. Raises ValueError when the id is outside 0 to 62**7 - 1."""
        return self._issue(link_id, version)

    def link_id(self, token: str) -> int | None:
        """The link that a token speaks of; None when it has not the shape of one. Proves nothing."""
        return _number(token)

    def proves(self, token: str, link_id: int, version: int) -> bool:
        """Whether the token was issued for this version of this link, by any key of the ring; in constant time."""
        return 0 <= link_id <= MAX_ID and self._proves(token, link_id, version)


class TokenSigner(_Ring):
    """Short signed numbers for one purpose (`unsubscribe`, ...); a token of one purpose is nothing to another."""

    __slots__ = ()

    def issue(self, number: int) -> str:
        """Raises ValueError when the number is outside 0 to 62**7 - 1."""
        return self._issue(number, 0)

    def read(self, token: str) -> int | None:
        """The number, proven; None for anything that was not issued here for this purpose."""
        number = _number(token)
        return number if number is not None and self._proves(token, number, 0) else None

"""NETOPIA's proof: the JWT in `Verification-token` that signs the hash of the body as it came.

Written out over `cryptography` and not a JWT library: what is accepted is pinned here, in one page, and nothing else is.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from cryptography import x509
from cryptography.exceptions import InvalidSignature as WrongSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

from gateway.ports.errors import InvalidSignature
from gateway.ports.values import WebhookRequest
from gateway.ports.verify import TOLERANCE_S

HEADER = "verification-token"
ISSUER = "NETOPIA Payments"
ALGORITHMS: Mapping[str, hashes.HashAlgorithm] = {
    "RS256": hashes.SHA256(),
    "RS384": hashes.SHA384(),
    "RS512": hashes.SHA512(),
}
MAX_TOKEN = 10_000
_LATEST_S = 10**11  # the PHP SDK writes milliseconds; in seconds this is the year 5138


def public_key(pem: str) -> RSAPublicKey:
    """The RSA key in a PEM public key or X.509 certificate. Raises ValueError on anything else."""
    raw = pem.strip().encode()
    certified = b"BEGIN CERTIFICATE" in raw
    key = x509.load_pem_x509_certificate(raw).public_key() if certified else serialization.load_pem_public_key(raw)
    if not isinstance(key, RSAPublicKey):
        raise ValueError("not an RSA key")
    return key


def proven(request: WebhookRequest, keys: Sequence[RSAPublicKey], pos_signature: str) -> None:
    """Holds when one of `keys` signed that this very body is for this point of sale. Raises InvalidSignature.

    The time is checked last, so that only a holder of a key learns that it is wrong. `exp` counts where it is there.
    """
    claims = _signed(request.headers.get(HEADER, ""), keys)
    audience = claims.get("aud")
    audiences = audience if isinstance(audience, list) else [audience]
    hashed = base64.b64encode(hashlib.sha512(request.body).digest())
    subject = claims.get("sub")
    if claims.get("iss") != ISSUER or pos_signature not in audiences:
        raise InvalidSignature("signed for somebody else")
    if not isinstance(subject, str) or not hmac.compare_digest(subject.encode("utf-8", "surrogatepass"), hashed):
        raise InvalidSignature("signed over another body")
    _in_time(claims, request.received_at)


def _signed(token: str, keys: Sequence[RSAPublicKey]) -> Mapping[str, Any]:
    """What a token says when its signature holds under one of the keys and a pinned algorithm."""
    if not token or len(token) > MAX_TOKEN:
        raise InvalidSignature("no signature")
    try:
        head, body, signature = token.split(".")
        header, given = _object(head), _bytes(signature)
    except (ValueError, RecursionError):
        raise InvalidSignature("not a token") from None
    name = header.get("alg")
    algorithm = ALGORITHMS.get(name) if isinstance(name, str) else None
    if algorithm is None or "crit" in header:
        raise InvalidSignature("an algorithm that is not accepted")
    for key in keys:
        try:
            key.verify(given, f"{head}.{body}".encode(), padding.PKCS1v15(), algorithm)
        except WrongSignature:
            continue
        try:
            return _object(body)
        except (ValueError, RecursionError):
            raise InvalidSignature("not a token") from None
    raise InvalidSignature


def _in_time(claims: Mapping[str, Any], received_at: datetime) -> None:
    now = received_at.timestamp()
    if any(_seconds(claims[name]) > now + TOLERANCE_S for name in ("iat", "nbf") if name in claims):
        raise InvalidSignature("signed in the future")
    if "exp" in claims and _seconds(claims["exp"]) < now - TOLERANCE_S:
        raise InvalidSignature("signed too long ago")


def _seconds(value: Any) -> float:
    if type(value) not in (int, float) or not 0 <= value < 10**15:
        raise InvalidSignature("no time of signing")
    return float(value / 1000 if value > _LATEST_S else value)


def _object(part: str) -> Mapping[str, Any]:
    value = json.loads(_bytes(part))
    if not isinstance(value, dict):
        raise ValueError("not an object")
    return value


def _bytes(part: str) -> bytes:
    """Base64url without padding, and nothing but its alphabet."""
    if "=" in part:
        raise ValueError("padded")
    return base64.b64decode(part.encode("ascii") + b"=" * (-len(part) % 4), altchars=b"-_", validate=True)

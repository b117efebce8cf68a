"""Signs a laid mail with DKIM (RFC 6376), for billers whose mail server does not."""

from __future__ import annotations

import dkim
from dkim.crypto import UnparsableKeyError, parse_pem_private_key

from channels.email.compose import DKIM_HEADERS
from gateway.ports.values import Secret


def readable(key: Secret) -> bool:
    """Whether this is the PEM of an RSA private key."""
    try:
        parse_pem_private_key(_pem(key))  # type: ignore[no-untyped-call]
    except (UnparsableKeyError, ValueError, LookupError, TypeError):
        return False
    return True


def signed(raw: bytes, key: Secret, selector: str, domain: str) -> bytes:
    """The message with its signature in front. 7 ms of pure Python for a key of 2048 bits."""
    head = raw[: raw.index(b"\r\n\r\n")].lower()
    present = [name for name in DKIM_HEADERS if b"\r\n" + name + b":" in b"\r\n" + head]
    signature = dkim.sign(
        raw,
        selector.encode(),
        domain.encode(),
        _pem(key),
        canonicalize=(b"relaxed", b"relaxed"),
        include_headers=present,
    )
    return bytes(signature) + raw


def _pem(key: Secret) -> bytes:
    return key.reveal().replace("\r\n", "\n").strip().encode()

"""Encryption at rest: AES-256-GCM under a ring of keys, and the subkeys of a master. Never stores or logs a key.

A sealed value is `1 | length of the key's name | name | 96-bit nonce | ciphertext and tag`. The name travels in the
open, and is authenticated together with the caller's context, so that neither row nor key can be exchanged for another.
"""

from __future__ import annotations

import base64
import os
from collections.abc import Mapping

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from gateway.ports.values import Secret

KEY_BYTES = 32
_FORMAT = 1
_NONCE_BYTES = 12
_TAG_BYTES = 16


class VaultError(Exception):
    """A sealed value cannot be opened."""

    def __init__(self, message: str | None = None) -> None:
        super().__init__(message or (type(self).__doc__ or "").strip().split("\n")[0])


class MissingKey(VaultError):
    """The key that sealed this value is not in the ring: `key_id` names it."""

    def __init__(self, key_id: str) -> None:
        super().__init__(f"the key {key_id!r} that sealed this value is not in the ring")
        self.key_id = key_id


class Tampered(VaultError):
    """The value was changed, cut, or sealed for another place, or its key has changed under its name."""


def new_key() -> Secret:
    """A fresh 256-bit key, in base64, for an operator's configuration."""
    return Secret(base64.b64encode(os.urandom(KEY_BYTES)).decode())


def parse_key(secret: Secret) -> bytes:
    """Reads what `new_key` writes. Raises ValueError, without the value, when it is not 32 bytes in base64."""
    try:
        key = base64.b64decode(secret.reveal(), validate=True)
    except ValueError:
        key = b""
    if len(key) != KEY_BYTES:
        raise ValueError("a key is written as the base64 of 32 bytes")
    return key


def derive(master: bytes, purpose: str) -> bytes:
    """The 32-byte subkey of `master` for one purpose (HKDF-SHA256, RFC 5869). Nothing leads back or across."""
    if len(master) < KEY_BYTES:
        raise ValueError("a master key has at least 32 bytes")
    return HKDF(algorithm=SHA256(), length=KEY_BYTES, salt=b"achit", info=purpose.encode()).derive(master)


class Vault:
    """Seals with the current key and opens with any key of the ring; keys rotate by adding one and resealing.

    Nonces are random: one key must not seal more than 2**32 values (NIST SP 800-38D, 8.3).
    """

    __slots__ = ("_ciphers", "_current", "_header")

    def __init__(self, keys: Mapping[str, bytes], current: str) -> None:
        """Raises ValueError, naming the key and not its value, on a key of a wrong size or name, or no current key."""
        for key_id, key in keys.items():
            if len(key) != KEY_BYTES or not 1 <= len(key_id.encode()) <= 255:
                raise ValueError(f"the key {key_id!r} must have 32 bytes and a name of 1 to 255 bytes")
        if current not in keys:
            raise ValueError(f"the current key {current!r} is not in the ring")
        self._ciphers = {key_id.encode(): AESGCM(key) for key_id, key in keys.items()}
        self._current = current.encode()
        self._header = bytes((_FORMAT, len(self._current))) + self._current

    def seal(self, plain: bytes, aad: bytes) -> bytes:
        """Encrypts for one place, which `aad` names (`account:42:auth_token`); only there can it be opened."""
        nonce = os.urandom(_NONCE_BYTES)
        return self._header + nonce + self._ciphers[self._current].encrypt(nonce, plain, self._header + aad)

    def open(self, blob: bytes, aad: bytes) -> bytes:
        """Decrypts what was sealed for the same `aad`. Raises MissingKey, which names the key, or Tampered."""
        header, key_id = _split(blob)
        cipher = self._ciphers.get(key_id)
        if cipher is None:
            raise MissingKey(key_id.decode(errors="replace"))
        start = len(header)
        nonce, sealed = blob[start : start + _NONCE_BYTES], blob[start + _NONCE_BYTES :]
        try:
            return cipher.decrypt(nonce, sealed, header + aad)
        except InvalidTag:
            raise Tampered from None

    def stale(self, blob: bytes) -> bool:
        """Whether the value was sealed by an older key and waits to be resealed. Raises Tampered when it is none."""
        return _split(blob)[1] != self._current

    def reseal(self, blob: bytes, aad: bytes) -> bytes:
        """The same value under the current key. Raises as `open` does."""
        return self.seal(self.open(blob, aad), aad)


def _split(blob: bytes) -> tuple[bytes, bytes]:
    """The header of a sealed value and the key's name in it. Raises Tampered when it has not the form of one."""
    if len(blob) < 2 or blob[0] != _FORMAT:
        raise Tampered
    end = 2 + blob[1]
    if not blob[1] or len(blob) < end + _NONCE_BYTES + _TAG_BYTES:
        raise Tampered
    return blob[:end], blob[2:end]

"""The token in Message-ID, return path, envelope id and reply address: a delivery's reference, and proof that we wrote it.

References are counted, so they are guessed: without the proof anybody could forge a bounce and silence an address. The second
proof binds the address that the message went to, because a `From` is as forgeable, and a forwarded message tells its token.
"""

from __future__ import annotations

import hmac
import re
from dataclasses import dataclass

from gateway.ports import verify
from gateway.ports.values import Secret

REFERENCE = re.compile(r"[A-Za-z0-9_-]{1,31}")  # 64 octets of local part hold "bounce+", it and the two proofs
WRITTEN = r"[A-Za-z0-9_.-]{1,60}"


@dataclass(frozen=True, slots=True)
class Tokens:
    """Issues with the first of `secrets` and believes those of all; without any, a token is the bare reference and none is believed."""

    secrets: tuple[Secret, ...]

    def issue(self, reference: str, address: str) -> str:
        """The token of one delivery, the same on every try."""
        if not self.secrets:
            return reference
        secret = self.secrets[0]
        return f"{reference}.{_ours(secret, reference)}.{_addressed(secret, reference, address)}"

    def reference(self, token: str) -> str | None:
        """The reference in a token that we wrote; None for any other text."""
        reference, proof, _ = _parts(token)
        return reference if self._any(proof, [_ours(secret, reference) for secret in self.secrets]) else None

    def answered_by(self, token: str, address: str) -> str | None:
        """The reference, when the message went to this very address; upper and lower case are one."""
        reference, _, proof = _parts(token)
        known = [_addressed(secret, reference, address) for secret in self.secrets]
        return self.reference(token) if self._any(proof, known) else None

    @staticmethod
    def _any(given: str, known: list[str]) -> bool:
        return any(hmac.compare_digest(given.encode("utf-8", "replace"), one.encode()) for one in known)


def _parts(token: str) -> tuple[str, str, str]:
    reference, _, proofs = token.partition(".")
    first, _, second = proofs.partition(".")
    return reference, first, second


def _ours(secret: Secret, reference: str) -> str:
    return verify.hmac_hex_sha256(secret, "email token:", reference)[:16]


def _addressed(secret: Secret, reference: str, address: str) -> str:
    return verify.hmac_hex_sha256(secret, "email address:", reference, ":", address.lower())[:8]

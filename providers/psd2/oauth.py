"""OAuth 2 for payments (RFC 6749, 7636, 8414): where the payer authorises, and the token that shows the payment afterwards."""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode, urlsplit

import orjson

from gateway.ports.values import Secret

EARLY_S = 30  # a token that ends sooner than this is not used any more


def verifier(secret: Secret, idempotency_key: str) -> str:
    """The PKCE verifier of one try: derived, so that nothing is stored, and the same on every try."""
    mac = hmac.digest(secret.reveal().encode(), b"pkce." + idempotency_key.encode(), "sha256")
    return _base64url(mac)


def challenge(verifier: str) -> str:
    """S256."""
    return _base64url(hashlib.sha256(verifier.encode()).digest())


def _base64url(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def authorise_url(endpoint: str, *, client_id: str, scope: str, state: str, redirect_uri: str, proof: str) -> str:
    """Where the payer is sent; `proof` is the verifier, of which only the challenge leaves."""
    query = {
        "response_type": "code",
        "client_id": client_id,
        "scope": scope,
        "state": state,
        "redirect_uri": redirect_uri,
        "code_challenge": challenge(proof),
        "code_challenge_method": "S256",
    }
    return f"{endpoint}{'&' if urlsplit(endpoint).query else '?'}{urlencode(query)}"


@dataclass(frozen=True, slots=True)
class Token:
    """What a bank gave for a code. `until` is in Unix seconds. As text it is what the core keeps sealed."""

    access: Secret
    refresh: Secret | None
    until: float

    @classmethod
    def read(cls, raw: Mapping[str, Any], now: float, *, before: Token | None = None) -> Token:
        """Of a token endpoint's answer. Raises ValueError on any other shape."""
        access, refresh, lasts = raw.get("access_token"), raw.get("refresh_token"), raw.get("expires_in", 300)
        if not isinstance(access, str) or not access or not isinstance(refresh, str | None):
            raise ValueError("no token")
        kept = before.refresh if before else None
        seconds = float(lasts) if isinstance(lasts, int | float | str) else 300.0
        return cls(Secret(access), Secret(refresh) if refresh else kept, now + seconds)

    @classmethod
    def kept(cls, text: str) -> Token:
        raw = orjson.loads(text)
        return cls(Secret(raw["access"]), Secret(raw["refresh"]) if raw["refresh"] else None, raw["until"])

    def keep(self) -> str:
        refresh = self.refresh.reveal() if self.refresh else None
        return orjson.dumps({"access": self.access.reveal(), "refresh": refresh, "until": self.until}).decode()

    def holds(self, now: float) -> bool:
        return now < self.until - EARLY_S

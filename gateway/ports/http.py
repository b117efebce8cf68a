"""The shared HTTP client as an adapter sees it. Transport errors are mapped here once; adapters map vendor codes only."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from gateway.ports.values import Secret


@dataclass(frozen=True, slots=True)
class HttpResponse:
    """An answer that arrived whole. `headers` have lower-case names."""

    status: int
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True, slots=True)
class ClientCertificate:
    """Who we are to a vendor that asks for it in TLS: a certificate, its chain after it, and its key, all in PEM."""

    certificate: Secret
    key: Secret


class HttpClient(Protocol):
    async def request(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        body: bytes | None = None,
        submits: bool,
        timeout_s: float = 15.0,
        identity: ClientCertificate | None = None,
    ) -> HttpResponse:
        """One call; redirects are not followed, the answer's body is limited to 4 MiB.

        `identity` is shown in TLS, over connections of its own. Raises Rejected (`invalid_certificate`) where it cannot be used.

        `submits` says that the call changes something at the vendor. Raises `RetryLater` when the connection could not
        be made, and on 429 and 503 (with `Retry-After` in seconds when sent). When the connection broke or timed out after the
        request may have left, and on 502 and 504: `OutcomeUnknown` if it submits, else `RetryLater`. Any other status is returned.
        """
        ...

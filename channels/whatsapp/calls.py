"""Calls to the Graph API, and what its errors mean. Meta's own words are dropped: they repeat numbers and texts."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from gateway.ports.errors import AdapterError, OutcomeUnknown, Rejected, RetryLater
from gateway.ports.http import HttpClient, HttpResponse
from gateway.ports.values import Secret

# Not on WhatsApp, or cannot take business messages. What passes by itself (a marketing limit, an experiment) does not silence.
UNREACHABLE = frozenset({"131026"})
# Nothing was taken; seconds to wait where Meta's documents name them (131056: one message in 6 seconds to one person).
_BUSY: Mapping[str, float | None] = {
    **dict.fromkeys(["2", "4", "17", "32", "613", "80007", "130429", "131016", "131048", "131057", "133004"]),
    "131056": 6.0,
}


class Graph:
    """One token's view of the API. It logs nothing: addresses and texts pass here."""

    def __init__(self, http: HttpClient, base_url: str, token: Secret, timeout_s: float) -> None:
        self._http = http
        self._base = base_url.rstrip("/")
        self._token = token
        self._timeout_s = timeout_s

    async def call(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """The JSON object of a 2xx answer. A body that is none: OutcomeUnknown for a POST, RetryLater for a GET."""
        submits = method != "GET"
        headers = {"Authorization": f"Bearer {self._token.reveal()}"}
        if body is not None:
            headers["Content-Type"] = "application/json"
        answer = await self._http.request(
            method,
            f"{self._base}/{path}",
            headers=headers,
            body=None if body is None else json.dumps(body).encode(),
            submits=submits,
            timeout_s=self._timeout_s,
        )
        said = _object(answer)
        if 200 <= answer.status < 300 and said is not None and "error" not in said:
            return said
        raise _meaning(answer.status, said or {}, submits)


def error_code(said: Mapping[str, Any]) -> str | None:
    """The code of an error as Meta writes it in answers and in statuses."""
    code = said.get("code")
    return str(code) if isinstance(code, int) and not isinstance(code, bool) and 0 < code < 10**9 else None


def _meaning(status: int, said: Mapping[str, Any], submits: bool) -> AdapterError:
    error = said.get("error")
    code = error_code(error) if isinstance(error, dict) else None
    if code is not None and code in _BUSY:
        return RetryLater(f"Meta {code}", after_s=_BUSY[code])
    if 400 <= status < 500:
        return Rejected(code or str(status), "Meta refused", unreachable=code in UNREACHABLE)
    return OutcomeUnknown("Meta's answer says nothing") if submits else RetryLater("Meta's answer says nothing")


def _object(answer: HttpResponse) -> dict[str, Any] | None:
    try:
        said = json.loads(answer.body)
    except (ValueError, RecursionError):
        return None
    return said if isinstance(said, dict) else None

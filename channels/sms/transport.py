"""The Twilio SDK on our HTTP client, and what its errors mean.

The SDK's own client uses what aiohttp 4 drops, and hides on which side of the wire a call failed.
"""

from __future__ import annotations

import base64
import json
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlencode

from twilio.base.exceptions import TwilioException, TwilioRestException, TwilioServiceException
from twilio.http import AsyncHttpClient
from twilio.http.response import Response

from gateway.ports.errors import AdapterError, OutcomeUnknown, Rejected, RetryLater
from gateway.ports.http import HttpClient

# The number itself is the reason. 30003 (switched off, out of range) passes by itself and does not silence a payer.
UNREACHABLE = frozenset({"21211", "21217", "21610", "21614", "30004", "30005", "30006", "63003", "63024"})
_BUSY = frozenset({"20429", "21611", "63018"})  # too many requests; the sender's queue is full; WhatsApp's rate


class Transport(AsyncHttpClient):
    """What the SDK calls. It logs nothing: addresses and texts pass here."""

    def __init__(self, http: HttpClient, timeout_s: float) -> None:
        super().__init__(logging.getLogger(__name__), is_async=True, timeout=timeout_s)
        self._http = http
        self._timeout_s = timeout_s

    async def request(  # type: ignore[override]  # the SDK's own two clients differ here
        self,
        method: str,
        url: str,
        params: dict[str, Any] | None = None,
        data: dict[str, Any] | None = None,
        headers: dict[str, str] | None = None,
        auth: tuple[str, str] | None = None,
        timeout: float | None = None,  # noqa: ASYNC109 - the SDK's signature
        allow_redirects: bool = False,
    ) -> Response:
        sent = dict(headers or {})
        if auth is not None:
            sent["Authorization"] = "Basic " + base64.b64encode(":".join(auth).encode()).decode()
        answer = await self._http.request(
            method,
            f"{url}?{urlencode(params, doseq=True)}" if params else url,
            headers=sent,
            body=_body(data, sent.get("Content-Type", "")) if data else None,
            submits=method != "GET",
            timeout_s=timeout or self._timeout_s,
        )
        return Response(answer.status, answer.body.decode("utf-8", "replace"), answer.headers)


def _body(data: dict[str, Any], media_type: str) -> bytes:
    written = json.dumps(data) if "json" in media_type else urlencode(data, doseq=True, errors="replace")
    return written.encode()


@contextmanager
def vendor_errors(*, submits: bool) -> Iterator[None]:
    """Turns what the SDK raises into ours. Twilio's own words are dropped: they repeat the payer's number."""
    try:
        yield
    except (TwilioRestException, TwilioServiceException) as error:
        raise meaning(str(error.code or error.status), error.status, submits=submits) from None
    except (TwilioException, ValueError, KeyError, TypeError, AttributeError):
        raise _unclear(submits) from None


def meaning(code: str, status: int, *, submits: bool) -> AdapterError:
    """What an answer with this code and HTTP status means, other than that all went well."""
    if code in _BUSY or status == 429:
        return RetryLater(f"Twilio {code}")
    if status >= 500:
        return _unclear(submits)
    return Rejected(code, "Twilio refused", unreachable=code in UNREACHABLE)


def _unclear(submits: bool) -> AdapterError:
    return OutcomeUnknown("Twilio's answer says nothing") if submits else RetryLater("Twilio's answer says nothing")

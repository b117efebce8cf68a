"""EuPlătesc's web service: signed forms in, `{"success": ...}` or `{"error": ..., "ecode": ...}` out."""

from __future__ import annotations

import json
import secrets
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any
from urllib.parse import urlencode

from gateway.ports.errors import OutcomeUnknown, Rejected, RetryLater
from gateway.ports.http import HttpClient
from gateway.ports.values import Secret
from providers.euplatesc import wire
from providers.euplatesc.wire import Card

NOT_FOUND = "error_401"
_UNSURE = frozenset({"", "901", "999"})  # internal, unknown: it may have been done


class Service:
    """The calls of one merchant. Answers are not signed: that they come from the vendor is TLS's word."""

    def __init__(self, url: str, merchant_id: str, key: Secret, http: HttpClient, now: Callable[[], datetime]) -> None:
        self._url = url
        self._merchant_id = merchant_id
        self._key = key
        self._http = http
        self._now = now

    async def cards(self, which: Mapping[str, str]) -> Sequence[Card]:
        """The merchant's tries under an `invoice_id` or an `epid`; none when nothing is known of it. Raises RetryLater, Rejected."""
        try:
            told = await self.call(
                {"method": "check_status", "mid": self._merchant_id, **which}, self._key, submits=False
            )
        except Rejected as error:
            if error.code == NOT_FOUND:
                return ()
            raise
        try:
            rows = json.loads(told, parse_float=str) if isinstance(told, str) else told
            if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
                raise ValueError("not a list")
            ours = [row for row in rows if row.get("merch_id") == self._merchant_id]
            return [Card.read(row) for row in ours if wire.asked_in(str(row.get("invoice_id")))]
        except (ValueError, RecursionError):
            raise RetryLater("the answer to check_status cannot be read") from None

    async def call(self, fields: Mapping[str, str], key: Secret, *, submits: bool) -> Any:
        """What `success` holds. Raises RetryLater, OutcomeUnknown, and Rejected with `error_<ecode>`."""
        signed = {**fields, "timestamp": wire.stamp(self._now()), "nonce": secrets.token_hex(16)}
        signed["fp_hash"] = wire.mac(wire.unhex(key), signed.values())
        headers = {"content-type": "application/x-www-form-urlencoded"}
        body = urlencode(signed).encode()
        response = await self._http.request("POST", self._url, headers=headers, body=body, submits=submits)
        unsure = OutcomeUnknown if submits else RetryLater
        if response.status >= 500:
            raise unsure
        if not 200 <= response.status < 300:
            raise Rejected(f"http_{response.status}")
        try:
            raw = json.loads(response.body, parse_float=str)
        except (ValueError, RecursionError):
            raise unsure("the answer cannot be read") from None
        if not isinstance(raw, dict) or not (raw.get("success") or raw.get("error")):
            raise unsure("the answer says nothing")
        if raw.get("success"):
            return raw["success"]
        code = str(raw.get("ecode") or "")
        if code in _UNSURE or not (code.isascii() and code.isdigit() and len(code) <= 4):
            raise unsure("the vendor does not know")
        raise Rejected(f"error_{code}")

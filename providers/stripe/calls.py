"""Stripe's HTTP: forms with brackets in, JSON out, and what an error means. It knows no payment.

Facts: docs.stripe.com/error-low-level, /api/errors, /api/idempotent_requests (read 2026-11-26).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any, TypeVar
from urllib.parse import urlencode

from gateway.ports.errors import OutcomeUnknown, Rejected, RetryLater
from gateway.ports.http import HttpClient, HttpResponse
from gateway.ports.reading import mapping, parsed, text
from gateway.ports.values import Secret
from providers.stripe.shapes import CODE

T = TypeVar("T")
Read = Callable[[Mapping[str, Any], datetime | None], T]  # raises ValueError; the time is when Stripe said it

VERSION = "2026-10-28.endive"  # of the API; what we read has had these names since 2022-11-15
PAGE = 100
_PARAMETER = re.compile(r"[a-z][a-z0-9_\[\]]{0,79}", re.ASCII)
_LOCKED = 409  # another call with this idempotency key is being worked on


class Calls:
    """One account's calls. Every answer that cannot be read is RetryLater to a read and OutcomeUnknown to what submits."""

    def __init__(self, http: HttpClient, url: str, key: Secret, account: str | None, timeout_s: float) -> None:
        self._http = http
        self._url = f"{url.rstrip('/')}/v1/"
        self._key = key
        self._account = account
        self._timeout_s = timeout_s

    async def get(self, path: str, query: Mapping[str, object], read: Read[T]) -> T:
        """Raises RetryLater, or Rejected (`resource_missing`: there is no such thing)."""
        asked = urlencode(list(pairs(query)))
        response = await self._send("GET", f"{path}?{asked}" if asked else path, {}, None)
        return _read(response, read, RetryLater)

    async def pages(self, path: str, query: Mapping[str, object], read: Read[T]) -> list[T]:
        """All that is listed, newest first, a hundred a call."""
        found: list[T] = []
        after: Mapping[str, object] = {}
        while True:
            page, last = await self.get(path, {**query, "limit": PAGE, **after}, lambda body, at: _page(body, at, read))
            found += page
            if last is None:
                return found
            after = {"starting_after": last}

    async def post(self, path: str, form: Mapping[str, object], read: Read[T], *, key: str | None = None) -> T:
        """Raises RetryLater, Rejected (also `idempotency_error`: the key was used for something else), OutcomeUnknown."""
        headers = {"content-type": "application/x-www-form-urlencoded"}
        if key is not None:
            headers["idempotency-key"] = key
        response = await self._send("POST", path, headers, urlencode(list(pairs(form))).encode())
        return _read(response, read, OutcomeUnknown)

    async def _send(self, method: str, path: str, headers: Mapping[str, str], body: bytes | None) -> HttpResponse:
        submits = method == "POST"
        sent = {"authorization": f"Bearer {self._key.reveal()}", "stripe-version": VERSION, **headers}
        if self._account is not None:
            sent["stripe-account"] = self._account
        response = await self._http.request(
            method, self._url + path, headers=sent, body=body, submits=submits, timeout_s=self._timeout_s
        )
        if 200 <= response.status < 300:
            return response
        if response.status >= 500 or response.status == _LOCKED:
            why = f"Stripe answered {response.status}"
            raise OutcomeUnknown(why) if submits else RetryLater(why)
        if response.headers.get("stripe-should-retry") == "true":
            raise RetryLater(f"Stripe answered {response.status}", after_s=_wait_s(response))
        raise _refusal(response)


def pairs(value: object, name: str = "") -> Iterator[tuple[str, str]]:
    """`{"a": {"b": [1]}}` as Stripe writes it: `a[b][0]=1`."""
    if isinstance(value, Mapping):
        for key, inner in value.items():
            yield from pairs(inner, f"{name}[{key}]" if name else key)
    elif isinstance(value, Sequence) and not isinstance(value, str):
        for index, inner in enumerate(value):
            yield from pairs(inner, f"{name}[{index}]")
    else:
        yield name, str(value)


def _read(response: HttpResponse, read: Read[T], otherwise: type[RetryLater] | type[OutcomeUnknown]) -> T:
    try:
        return read(parsed(response.body), _said_at(response))
    except ValueError:
        raise otherwise("Stripe's answer cannot be read") from None


def _page(body: Mapping[str, Any], at: datetime | None, read: Read[T]) -> tuple[list[T], str | None]:
    listed = body.get("data")
    if not isinstance(listed, list):
        raise ValueError("not a list")
    members = [mapping(each) for each in listed]
    last = text(members[-1], "id") if members and body.get("has_more") is True else None
    return [read(each, at) for each in members], last


def _refusal(response: HttpResponse) -> Rejected:
    """Stripe's own code, and the parameter that it names; never its sentence, which may hold what was sent."""
    try:
        error = mapping(parsed(response.body).get("error"))
    except ValueError:
        return Rejected(f"http_{response.status}")
    codes = [error.get(name) for name in ("decline_code", "code", "type")]
    code = next((each for each in codes if isinstance(each, str) and CODE.fullmatch(each)), f"http_{response.status}")
    about = error.get("param")
    return Rejected(code, about if isinstance(about, str) and _PARAMETER.fullmatch(about) else None)


def _said_at(response: HttpResponse) -> datetime | None:
    try:
        at = parsedate_to_datetime(response.headers.get("date", ""))
    except (ValueError, TypeError, OverflowError):
        return None
    return at.replace(tzinfo=UTC) if at.tzinfo is None else at


def _wait_s(response: HttpResponse) -> float | None:
    wish = response.headers.get("retry-after", "")
    return float(wish[:10]) if wish.isascii() and wish.isdigit() else None

"""The calls to Revolut's Merchant API: one order, one dispute, lists and what is posted. An answer that cannot be read is not a no."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar
from urllib.parse import quote, urlencode

import orjson

from gateway.ports.errors import OutcomeUnknown, Rejected, RetryLater
from gateway.ports.http import HttpClient, HttpResponse
from gateway.ports.reading import items, mapping, parsed
from gateway.ports.values import Secret
from providers.revolut.orders import Dispute, Order

T = TypeVar("T", Order, Dispute)

VERSION = "2026-04-20"
PATHS: Mapping[type, str] = {Order: "/api/orders", Dispute: "/api/disputes"}
SPANS: Mapping[type, tuple[str, str]] = {Order: ("from", "to"), Dispute: ("from_created_date", "to_created_date")}
PAGE = 200  # of at most 500; what another system on the account puts into its orders may be long
OVERLAP = timedelta(seconds=1)  # of two pages, for what was made in one instant
_CODE = re.compile(r"[A-Za-z0-9][\w.-]{0,39}", re.ASCII)


class Refusal(Rejected):
    """An answer of 4xx, with its status."""

    def __init__(self, status: int, code: str) -> None:
        super().__init__(code)
        self.status = status


class Client:
    """One account's API; `page` is how many of a list are asked for at once."""

    def __init__(self, url: str, api_key: Secret, http: HttpClient, *, page: int = PAGE) -> None:
        self._url = url.rstrip("/")
        self._api_key = api_key
        self._http = http
        self._page = page

    async def post(self, path: str, body: Mapping[str, Any] | None = None, *, key: str | None = None) -> HttpResponse:
        """Raises RetryLater, Refusal, and OutcomeUnknown where it may have been done."""
        headers = {"idempotency-key": key} if key is not None else {}
        if body is not None:
            headers["content-type"] = "application/json"
        return await self._call("POST", path, headers, orjson.dumps(body) if body is not None else None)

    async def order(self, order_id: str) -> Order:
        """One order, whole. Raises RetryLater, Refusal."""
        return await self._one(Order, order_id)

    async def dispute(self, dispute_id: str) -> Dispute:
        """One dispute. Raises RetryLater, Refusal."""
        return await self._one(Dispute, dispute_id)

    async def named(self, reference: str) -> list[Order]:
        """Every order and refund with this reference of ours, whole, the oldest first. Raises RetryLater, Refusal."""
        listed = await self.some(Order, [("merchant_order_data_reference", reference)])
        likely = [order for order in listed if order.reference in (None, reference)]
        whole = [await self.order(order.id) for order in sorted(likely, key=lambda order: order.created_at)]
        return [order for order in whole if order.reference == reference]

    async def made_in(self, kind: type[T], since: datetime, until: datetime) -> list[T]:
        """All that were made in the span, page by page, at whichever end Revolut begins.

        Raises RetryLater (also when the pages do not move on), Refusal.
        """
        found: dict[str, T] = {}
        while True:
            first, last = SPANS[kind]
            query = [(first, _instant(since)), (last, _instant(until)), ("limit", str(self._page))]
            page = await self.some(kind, query)
            new = [each for each in page if each.id not in found]
            found |= {each.id: each for each in page}
            if len(page) < self._page:
                return list(found.values())
            if not new:
                raise RetryLater("the list does not move on")
            if page[0].created_at < page[-1].created_at:
                since = page[-1].created_at - OVERLAP
            else:
                until = page[-1].created_at + OVERLAP

    async def some(self, kind: type[T], query: Sequence[tuple[str, str]]) -> list[T]:
        """One page of a list. Raises RetryLater, Refusal."""
        response = await self._call("GET", f"{PATHS[kind]}?{urlencode(query)}", {})
        try:
            answer = orjson.loads(response.body)
            return [kind.read(mapping(each)) for each in items(answer["orders"] if kind is Order else answer)]
        except (ValueError, TypeError, KeyError):
            raise RetryLater("the list cannot be read") from None

    async def _one(self, kind: type[T], external_id: str) -> T:
        response = await self._call("GET", f"{PATHS[kind]}/{quote(external_id, safe='')}", {})
        try:
            return kind.read(parsed(response.body))
        except ValueError:
            raise RetryLater("the answer cannot be read") from None

    async def _call(
        self, method: str, path: str, headers: Mapping[str, str], body: bytes | None = None
    ) -> HttpResponse:
        headers = {
            "authorization": f"Bearer {self._api_key.reveal()}",
            "revolut-api-version": VERSION,
            "accept": "application/json",
            **headers,
        }
        submits = method == "POST"
        response = await self._http.request(method, self._url + path, headers=headers, body=body, submits=submits)
        if 200 <= response.status < 300:
            return response
        if response.status >= 500:
            raise OutcomeUnknown if submits else RetryLater
        raise Refusal(response.status, _code(response))


def at(order_id: str, verb: str) -> str:
    """The path of what is done to an order."""
    return f"{PATHS[Order]}/{quote(order_id, safe='')}/{verb}"


def _instant(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")


def _code(response: HttpResponse) -> str:
    """Revolut's code, a word or a number, and never its sentence: that one repeats what we sent."""
    try:
        code = parsed(response.body).get("code")
    except ValueError:
        code = None
    code = str(code) if type(code) is int else code
    return code if isinstance(code, str) and _CODE.fullmatch(code) else f"http_{response.status}"

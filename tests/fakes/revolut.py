"""A stand-in for Revolut's Merchant API 2026-04-20, over HTTP on the loopback. It refuses what the published description refuses.

Written after the description's words, field by field; `tests/vectors/test_revolut_vectors.py` holds its answers against the schemas.
"""

from __future__ import annotations

import asyncio
import copy
import hashlib
import hmac
import ipaddress
import re
import uuid
from collections import deque
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

import orjson
from aiohttp import web

from tests.fakes.revolut_account import Account, Refused

VERSION = "2026-04-20"
RETRY_AFTER_S = 9
CREATE_FIELDS = {
    "amount",
    "currency",
    "description",
    "capture_mode",
    "expire_pending_after",
    "merchant_order_data",
    "redirect_url",
    "metadata",
}
SHOWN = ("description", "merchant_order_data", "redirect_url", "metadata")
REFUND_FIELDS = {"amount", "currency", "merchant_order_data", "metadata", "description"}
STATES = ("pending", "processing", "authorised", "completed", "cancelled", "failed")
LIST_FIELDS = (
    *("id", "token", "type", "state", "created_at", "updated_at", "amount", "currency", "outstanding_amount"),
    *("capture_mode", "enforce_challenge", "authorisation_type", "description", "metadata", "related_order_id"),
    *("merchant_order_data", "redirect_url"),
)
ORDER_QUERY = {"limit", "from", "to", "customer_id", "merchant_order_data_reference", "state", "location_id"}
DISPUTE_QUERY = {"limit", "from_created_date", "to_created_date", "state", "payment_id"}
_DURATION = re.compile(r"P(?:(\d+)D)?(?:T(?=\d)(?:(\d+)H)?(?:(\d+)M)?(?:(\d+)S)?)?", re.ASCII)
_METADATA = re.compile(r"[a-zA-Z][a-zA-Z\d_]{0,39}", re.ASCII)


class FakeRevolut:
    """The API of one account. `production` has disputes; `oldest_first` turns the lists round; `key_conflicts`: a used key is refused;
    without `refunds_at_once` a refund goes on until it is ended.

    `faults` are met by the next posts: a status, or what becomes of the connection (`hang`, `cut_made`, `cut_not_made`).
    """

    def __init__(self, api_key: str, now: Callable[[], datetime]) -> None:
        self.account = Account(now)
        self.production = True
        self.oldest_first = False
        self.key_conflicts = True
        self.refunds_at_once = True
        self.faults: deque[int | str] = deque()
        self.requests: list[tuple[str, str, dict[str, str], Any]] = []
        self.answers: list[tuple[str, str, int, Any]] = []
        self.refusals: list[str] = []
        self.url = ""
        self._api_key = api_key
        self._keys: dict[str, tuple[bytes, str]] = {}
        self._closing = asyncio.Event()
        self._runner: web.AppRunner | None = None

    async def __aenter__(self) -> FakeRevolut:
        app = web.Application()
        app.router.add_route("*", "/{path:.*}", self._serve)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=1.0)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        self.url = f"http://127.0.0.1:{self._runner.addresses[0][1]}"
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        self._closing.set()
        if self._runner:
            await self._runner.cleanup()

    async def _serve(self, request: web.Request) -> web.StreamResponse:
        raw = await request.read()
        fault = self.faults.popleft() if self.faults and request.method == "POST" else None
        if isinstance(fault, int):
            headers = {"Retry-After": str(RETRY_AFTER_S)} if fault == 429 else {}
            return self._say(request, fault, _error(fault, "busy" if fault != 422 else 1_005, "Ana Popescu"), headers)
        if fault == "cut_not_made":
            return self._cut(request)
        try:
            status, answer = self._answer(request, raw)
        except Refused as refused:
            self.refusals.append(str(refused))
            status, answer = refused.status, _error(refused.status, refused.code, str(refused))
        if fault == "hang":
            await self._closing.wait()
        if fault in ("hang", "cut_made"):
            return self._cut(request)
        return self._say(request, status, answer)

    def _answer(self, request: web.Request, raw: bytes) -> tuple[int, Any]:
        if request.headers.get("Authorization") != f"Bearer {self._api_key}":
            raise Refused(401, "unauthenticated", "Authentication failed")
        if request.headers.get("Revolut-Api-Version") != VERSION:
            raise Refused(400, "bad_request", "Missing Revolut-Api-Version header")
        body = None
        if raw:
            if request.headers.get("Content-Type", "").split(";")[0] != "application/json":
                raise Refused(400, "bad_request", "not JSON")
            try:
                body = orjson.loads(raw)
            except ValueError:
                raise Refused(400, "bad_request", "Could not parse JSON") from None
        path = request.raw_path.partition("?")[0]
        self.requests.append((request.method, request.raw_path, dict(request.headers), body))
        match [request.method, *path.strip("/").split("/")]:
            case ["POST", "api", "orders"]:
                return 201, self._create(body)
            case ["GET", "api", "orders"]:
                return 200, self._list(request)
            case ["GET", "api", "orders", order_id]:
                return 200, self._known(order_id)
            case ["POST", "api", "orders", order_id, "cancel"]:
                return 200, self._cancel(order_id)
            case ["POST", "api", "orders", order_id, "refund"]:
                return 201, self._ask_refund(order_id, body, raw, request.headers.get("Idempotency-Key"))
            case ["GET", "api", "disputes"] if self.production:
                return 200, self._list_disputes(request)
            case ["GET", "api", "disputes", dispute_id] if self.production:
                if dispute_id not in self.account.disputes:
                    raise Refused(404, "not_found", "The requested resource is not found")
                return 200, self.account.disputes[dispute_id]
        raise Refused(404, "not_found", "no such path")

    def _create(self, body: Any) -> dict[str, Any]:
        _shape(body, CREATE_FIELDS, {"amount", "currency"})
        amount, currency = _amount(body)
        if body.get("capture_mode", "automatic") not in ("automatic", "manual"):
            raise Refused(400, "validation", "capture_mode")
        life = _duration(body["expire_pending_after"]) if "expire_pending_after" in body else None
        if "redirect_url" in body:
            _redirect(body["redirect_url"])
        said = {name: body[name] for name in SHOWN if name in body}
        return self.account.open(amount, currency, life, said)

    def _known(self, order_id: str) -> dict[str, Any]:
        try:
            uuid.UUID(order_id)
        except ValueError:
            raise Refused(400, "bad_request", "order_id is not a UUID") from None
        if order_id not in self.account.orders:
            raise Refused(404, "not_found", f"Order with id {order_id} was not found")
        return self.account.order(order_id)

    def _cancel(self, order_id: str) -> dict[str, Any]:
        order = self._known(order_id)
        if order["state"] not in ("pending", "authorised"):
            raise Refused(422, "bad_state", f"the order is {order['state']}")
        self.account.set_state(order_id, "cancelled")
        return order

    def _ask_refund(self, order_id: str, body: Any, raw: bytes, key: str | None) -> dict[str, Any]:
        order = self._known(order_id)
        _shape(body, REFUND_FIELDS, {"amount", "currency"})
        amount, currency = _amount(body)
        if currency != order["currency"]:
            raise Refused(422, "currency_mismatch", "another currency")
        if key is not None and key in self._keys:
            first, made = self._keys[key]
            if self.key_conflicts or first != raw:
                raise Refused(409, "conflict", "The request conflicts with the current state of the resource")
            return self.account.order(made)
        reference = body.get("merchant_order_data", {}).get("reference", "")
        made = self.account.refund(order_id, amount, reference=reference, metadata=body.get("metadata"))
        if key is not None:
            self._keys[key] = raw, made
        if self.refunds_at_once:
            self.account.end_refund(made, "completed")
        return self.account.orders[made]

    def _list(self, request: web.Request) -> dict[str, Any]:
        query = request.query
        reference = query.get("merchant_order_data_reference")
        if any(state not in STATES for state in query.getall("state", [])):
            raise Refused(400, "validation", "state")
        rows = [
            {name: copy.deepcopy(order[name]) for name in LIST_FIELDS if name in order}
            for order in map(self.account.order, list(self.account.orders))
            if reference is None or order.get("merchant_order_data", {}).get("reference") == reference
        ]
        return {"orders": self._page(request, rows, ORDER_QUERY, "from", "to")}

    def _list_disputes(self, request: web.Request) -> list[dict[str, Any]]:
        wanted = request.query.getall("payment_id", [])
        rows = [each for each in self.account.disputes.values() if not wanted or each["payment"]["id"] in wanted]
        return self._page(request, rows, DISPUTE_QUERY, "from_created_date", "to_created_date")

    def _page(
        self, request: web.Request, rows: list[dict[str, Any]], known: set[str], first: str, last: str
    ) -> list[dict[str, Any]]:
        query = request.query
        if query.keys() - known:
            raise Refused(400, "validation", f"unknown parameters {query.keys() - known}")
        limit = query.get("limit", "100")
        if not (limit.isdigit() and 1 <= int(limit) <= 500):
            raise Refused(400, "validation", "limit must be between 1 and 500")
        since, until = (_instant(query[name]) if name in query else None for name in (first, last))
        rows = [row for row in rows if since is None or datetime.fromisoformat(row["created_at"]) >= since]
        rows = [row for row in rows if until is None or datetime.fromisoformat(row["created_at"]) <= until]
        rows.sort(key=lambda row: (row["created_at"], row["id"]), reverse=not self.oldest_first)
        return rows[: int(limit)]

    def _say(
        self, request: web.Request, status: int, answer: Any, headers: dict[str, str] | None = None
    ) -> web.StreamResponse:
        self.answers.append((request.method, request.path, status, copy.deepcopy(answer)))
        return web.Response(
            status=status, body=orjson.dumps(answer), content_type="application/json", headers=headers or {}
        )

    def _cut(self, request: web.Request) -> web.StreamResponse:
        if request.transport is not None:
            request.transport.close()
        return web.Response()


def signed(body: bytes, secrets: list[str], at: datetime) -> dict[str, str]:
    """The headers of a webhook, with one signature for each secret."""
    written = str(int(at.timestamp() * 1_000))
    proofs = [
        hmac.new(secret.encode(), b"v1." + written.encode() + b"." + body, hashlib.sha256).hexdigest()
        for secret in secrets
    ]
    return {
        "revolut-request-timestamp": written,
        "revolut-signature": ",".join(f"v1={proof}" for proof in proofs),
        "content-type": "application/json",
    }


def _error(status: int, code: str | int, message: str) -> dict[str, Any]:
    return {"code": code, "message": message, "timestamp": 1_721_049_596_461 + status}


def _shape(body: Any, known: set[str], needed: set[str]) -> None:
    if not isinstance(body, dict):
        raise Refused(400, "bad_request", "not an object")
    if needed - body.keys() or body.keys() - known:
        raise Refused(400, "validation", f"fields {needed - body.keys()} {body.keys() - known}")
    metadata = body.get("metadata", {})
    if not all(
        _METADATA.fullmatch(name) and isinstance(text, str) and len(text) <= 500 for name, text in metadata.items()
    ):
        raise Refused(400, "validation", "metadata")
    if "merchant_order_data" in body and not body["merchant_order_data"].keys() <= {"reference", "url"}:
        raise Refused(400, "validation", "merchant_order_data")


def _amount(body: dict[str, Any]) -> tuple[int, str]:
    amount, currency = body["amount"], body["currency"]
    if type(amount) is not int or amount <= 0:
        raise Refused(400, "validation", "amount")
    if not (isinstance(currency, str) and re.fullmatch("[A-Z]{3}", currency)):
        raise Refused(400, "validation", "currency")
    return amount, currency


def _duration(text: str) -> timedelta:
    match = _DURATION.fullmatch(text)
    days, hours, minutes, seconds = (int(part or 0) for part in match.groups()) if match else (0, 0, 0, 0)
    life = timedelta(days=days, hours=hours, minutes=minutes, seconds=seconds)
    if not timedelta(minutes=1) <= life <= timedelta(hours=720):
        raise Refused(422, "validation", "expire_pending_after must be between PT1M and PT720H")
    return life


def _redirect(url: str) -> None:
    host = urlsplit(url).hostname
    try:
        bare = host in (None, "localhost") or bool(ipaddress.ip_address(str(host)))
    except ValueError:
        bare = False
    if bare or len(url) > 2_000 or not re.match(r"https?://.", url) or " " in url:
        raise Refused(422, "validation", "redirect_url")


def _instant(text: str) -> datetime:
    if not re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z", text):
        raise Refused(400, "validation", "not a date-time")
    return datetime.fromisoformat(text)

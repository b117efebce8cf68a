"""A fake of Stripe's API over HTTP on the loopback, as strict as its reference: what is wrong is refused with the parameter's name.

Idempotency, paging, expansion and errors behave as docs.stripe.com says (read 2026-11-26). It signs webhooks and sends none.
"""

from __future__ import annotations

import asyncio
import copy
import hashlib
import hmac
import re
from collections import deque
from collections.abc import Mapping, Sequence
from datetime import datetime
from email.utils import format_datetime
from typing import Any
from urllib.parse import parse_qsl

from aiohttp import web

from gateway.testing.clock import FakeClock
from gateway.testing.provider_bench import Fault
from tests.fakes.stripe_ledger import Ledger, Thing

VERSION = "2026-10-28.endive"
RETRY_AFTER_S = 3
EXPANDS = {
    ("checkout.session", "payment_intent"),
    ("payment_intent", "latest_charge"),
    ("charge", "balance_transaction"),
}
WHOLE_ONLY = {"BIF", "CLP", "DJF", "GNF", "JPY", "KMF", "KRW", "MGA", "PYG", "RWF", "VND", "VUV", "XAF", "XOF", "XPF"}
ENDS_IN_0 = {"BHD", "JOD", "KWD", "OMR", "TND"}
LISTS = {
    "checkout/sessions": ("checkout.session", {"payment_intent", "created", "status"}),
    "disputes": ("dispute", {"payment_intent", "charge", "created"}),
    "events": ("event", {"types", "type", "created"}),
    "refunds": ("refund", {"payment_intent", "charge", "created"}),
}
CREATES = {
    "mode client_reference_id success_url cancel_url expires_at locale line_items metadata payment_intent_data "
    "allowed_payment_method_types customer_email expand": "checkout/sessions",
    "payment_intent charge amount reason metadata expand": "refunds",
}
ALLOWED = {path: set(names.split()) for names, path in CREATES.items()}


class Refused(Exception):
    def __init__(self, status: int, kind: str, code: str | None = None, param: str | None = None) -> None:
        super().__init__(code)
        error = {"type": kind, "message": f"Refused for Ana Popescu: {param}", "code": code, "param": param}
        self.status = status
        self.body = {"error": {name: value for name, value in error.items() if value is not None}}


def invalid(code: str, param: str | None = None, status: int = 400) -> Refused:
    return Refused(status, "invalid_request_error", code, param)


class FakeStripe:
    """One Stripe account; with `account` it is a platform that acts for that one."""

    def __init__(self, clock: FakeClock, key: str, account: str | None = None) -> None:
        self.clock = clock
        self.ledger = Ledger(clock, VERSION)
        self.create_faults: deque[Fault] = deque()
        self.refund_faults: deque[Fault] = deque()
        self.headers: dict[str, str] = {}  # of the next refusal
        self.forms: list[Thing] = []  # that were worked on
        self.replayed = 0
        self._key, self._account = key, account
        self._known: dict[str, tuple[str, bytes, int, Thing]] = {}
        self.busy: set[str] = set()  # idempotency keys that another call holds
        self._closing = asyncio.Event()
        self._runner: web.AppRunner | None = None
        self.url = ""

    def forget_keys(self) -> None:
        """Stripe keeps an idempotency key for 24 hours at least."""
        self._known.clear()

    async def __aenter__(self) -> FakeStripe:
        app = web.Application()
        app.router.add_route("*", "/{path:.*}", self._answer)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=1.0)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        self.url = f"http://127.0.0.1:{self._runner.addresses[0][1]}"
        return self

    async def __aexit__(self, *_: object) -> None:
        self._closing.set()
        if self._runner is not None:
            await self._runner.cleanup()

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        headers = {"Date": format_datetime(self.clock.now(), usegmt=True)}
        try:
            status, body = await self._judge(request, headers)
        except Refused as refused:
            status, body = refused.status, refused.body
            headers |= self.headers
        except _Vanished:
            if request.transport:
                request.transport.abort()
            return web.Response(status=503)
        return web.json_response(body, status=status, headers=headers)

    async def _judge(self, request: web.Request, headers: dict[str, str]) -> tuple[int, Thing]:
        if request.headers.get("Authorization") != f"Bearer {self._key}":
            raise Refused(401, "invalid_request_error")
        if request.headers.get("Stripe-Version") != VERSION:
            raise invalid("stripe_version")
        if request.headers.get("Stripe-Account") != self._account:
            raise Refused(403, "invalid_request_error", "account_invalid")
        path = request.path.removeprefix("/v1/")
        if request.method == "GET":
            return 200, self._get(path, decoded(request.query_string))
        if request.method != "POST" or request.content_type != "application/x-www-form-urlencoded":
            raise invalid("content_type")
        raw = await request.read()
        return await self._post(path, raw, request.headers.get("Idempotency-Key"), headers)

    async def _post(self, path: str, raw: bytes, key: str | None, headers: dict[str, str]) -> tuple[int, Thing]:
        faults = {"checkout/sessions": self.create_faults, "refunds": self.refund_faults}.get(path)
        fault = faults.popleft() if faults else None
        if fault in (Fault.RATE_LIMITED, Fault.UNAVAILABLE):  # before the layer of idempotency
            self.headers = {"Retry-After": str(RETRY_AFTER_S)}
            raise Refused(429 if fault is Fault.RATE_LIMITED else 503, "api_error", "rate_limit")
        if fault is Fault.CUT_NOT_MADE:
            raise _Vanished
        if key is not None:
            if not 0 < len(key) <= 255:
                raise invalid("idempotency_key_invalid")
            if key in self.busy:
                raise Refused(409, "idempotency_error", "idempotency_key_in_use")
            if key in self._known:
                of_path, of_body, status, body = self._known[key]
                if (of_path, of_body) != (path, raw):
                    raise Refused(400, "idempotency_error")
                headers["Idempotent-Replayed"] = "true"
                self.replayed += 1
                return status, body
        form = decoded(raw.decode())
        self.forms.append(form)
        status, body = self._execute(path, form, fault)
        if key is not None:
            self._known[key] = (path, raw, status, copy.deepcopy(body))
        if fault is Fault.HANGS:
            await self._closing.wait()
        if fault in (Fault.HANGS, Fault.CUT_MADE):
            raise _Vanished
        return status, body

    def _execute(self, path: str, form: Thing, fault: Fault | None) -> tuple[int, Thing]:
        if fault is Fault.SERVER_ERROR:
            return 500, {"error": {"type": "api_error", "message": "Something went wrong for Ana Popescu"}}
        if fault is Fault.REFUSED:
            raise Refused(402, "invalid_request_error", "account_closed")
        if path == "checkout/sessions":
            return 200, copy.deepcopy(self._open(form))
        if path == "refunds":
            return 200, copy.deepcopy(self._refund(form))
        expire = re.fullmatch(r"checkout/sessions/(\w+)/expire", path)
        if expire is None:
            raise invalid("url_unknown", status=404)
        session = self._thing(expire[1], "checkout.session")
        if session["status"] != "open":
            raise Refused(400, "invalid_request_error")
        self.ledger.expire(session["id"])
        return 200, copy.deepcopy(session)

    def _open(self, form: Thing) -> Thing:
        _only(form, ALLOWED["checkout/sessions"])
        lasts_s = _digits(form, "expires_at") - self.ledger.unix()
        if not 1_800 <= lasts_s <= 86_400:
            raise invalid("parameter_invalid", "expires_at")
        if form.get("mode") != "payment" or not form.get("success_url", "").startswith(("http://", "https://")):
            raise invalid("parameter_missing", "success_url")
        if not re.fullmatch(r"auto|[a-z]{2,3}(-[A-Z]{2}|-419)?", form.get("locale", "auto")):
            raise invalid("parameter_invalid", "locale")
        if not 0 < len(form.get("client_reference_id", "x")) <= 200:
            raise invalid("parameter_invalid", "client_reference_id")
        (item,) = form["line_items"]
        price = item["price_data"]
        amount, currency = _digits(price, "unit_amount"), price["currency"]
        if _digits(item, "quantity") != 1 or not price["product_data"]["name"]:
            raise invalid("parameter_missing", "line_items[0]")
        _exact(amount, currency, "line_items[0][price_data][unit_amount]")
        _metadata(form)
        return self.ledger.open_session(form, amount, currency, self.url)

    def _refund(self, form: Thing) -> Thing:
        _only(form, ALLOWED["refunds"])
        if form.get("reason", "duplicate") not in ("duplicate", "fraudulent", "requested_by_customer"):
            raise invalid("parameter_invalid", "reason")
        intent = self._thing(form.get("payment_intent", ""), "payment_intent")
        amount = _digits(form, "amount")
        _exact(amount, intent["currency"], "amount")
        _metadata(form)
        charge = self.ledger.things[intent["latest_charge"]]
        if charge["refunded"]:
            raise invalid("charge_already_refunded")
        if charge["disputed"]:
            raise invalid("charge_disputed")
        try:
            return self.ledger.refund(intent, amount, form.get("reason"), form.get("metadata", {}))
        except ValueError:
            raise invalid("amount_too_large", "amount") from None

    def _get(self, path: str, query: Thing) -> Thing:
        expand = query.pop("expand", [])
        if any(each.count(".") > 3 for each in expand):
            raise invalid("expand_too_deep", "expand")
        if path in LISTS:
            page = self._list(path, query)
            return self._expanded(page, [each.split(".") for each in expand])
        folder, _, thing_id = path.rpartition("/")
        kind = LISTS.get(folder, ("", set()))[0]
        _only(query, set())
        return self._expanded(self._thing(thing_id, kind), [each.split(".") for each in expand])

    def _list(self, path: str, query: Thing) -> Thing:
        kind, filters = LISTS[path]
        _only(query, filters | {"limit", "starting_after"})
        limit = _digits(query, "limit") if "limit" in query else 10
        if not 1 <= limit <= 100 or len(query.get("types", [])) > 20:
            raise invalid("parameter_invalid", "limit")
        span = {name: _digits(query["created"], name) for name in query.get("created", {})}
        _only(span, {"gt", "gte", "lt", "lte"})
        found = self.ledger.events[::-1] if kind == "event" else self.ledger.made(kind)
        for name in ("payment_intent", "charge", "status"):
            found = [each for each in found if name not in query or each[name] == query[name]]
        found = [each for each in found if "types" not in query or each["type"] in query["types"]]
        found = [
            each
            for each in found
            if span.get("gte", 0) <= each["created"] < span.get("lt", 2**40) and each["created"] > span.get("gt", -1)
        ]
        if "starting_after" in query:
            ids = [each["id"] for each in found]
            if query["starting_after"] not in ids:
                raise invalid("resource_missing", "starting_after")
            found = found[ids.index(query["starting_after"]) + 1 :]
        return {"object": "list", "data": found[:limit], "has_more": len(found) > limit, "url": f"/v1/{path}"}

    def _thing(self, thing_id: str, kind: str) -> Thing:
        thing = self.ledger.things.get(thing_id)
        if thing is None or thing["object"] != kind:
            raise invalid("resource_missing", "id", 404)
        return thing

    def _expanded(self, thing: Thing, paths: Sequence[Sequence[str]]) -> Thing:
        shown = copy.deepcopy(thing)
        for first, *rest in paths:
            if first == "data" and shown["object"] == "list":
                shown["data"] = [self._expanded(each, [rest]) for each in shown["data"]]
            elif (shown["object"], first) not in EXPANDS:
                raise invalid("expand_unknown", "expand")
            elif shown[first] is not None:
                inner = shown[first] if isinstance(shown[first], dict) else self.ledger.things[shown[first]]
                shown[first] = self._expanded(inner, [rest] if rest else [])
        return shown


class _Vanished(Exception):
    pass


def signature(body: bytes, secrets: Sequence[str], signed_at: datetime) -> str:
    """`Stripe-Signature`: one v1 for each secret, and a v0 that is to be ignored."""
    unix = int(signed_at.timestamp())
    signed = str(unix).encode() + b"." + body
    proofs = [hmac.new(secret.encode(), signed, hashlib.sha256).hexdigest() for secret in secrets]
    return ",".join([f"t={unix}", *(f"v1={proof}" for proof in proofs), f"v0={'0' * 64}"])


def decoded(form: str) -> Thing:
    """`a[b][0]=1` as `{"a": {"b": ["1"]}}`. Raises Refused on a name twice or a list with a hole."""
    tree: Thing = {}
    for name, value in parse_qsl(form, keep_blank_values=True, strict_parsing=bool(form)):
        first, *inner = re.findall(r"[^\[\]]+", name)
        if name != first + "".join(f"[{each}]" for each in inner):
            raise invalid("parameter_unknown", name)
        at = tree
        for part, following in zip([first, *inner], [*inner, None], strict=True):
            if following is None:
                if part in at:
                    raise invalid("parameter_twice", name)
                at[part] = value
            else:
                at = at.setdefault(part, {})
    return _listed(tree)  # type: ignore[no-any-return]


def _listed(tree: Any) -> Any:
    if not isinstance(tree, dict):
        return tree
    if tree and all(part.isdigit() for part in tree):
        if list(tree) != [str(index) for index in range(len(tree))]:
            raise invalid("parameter_invalid_array")
        return [_listed(inner) for inner in tree.values()]
    return {part: _listed(inner) for part, inner in tree.items()}


def _only(given: Mapping[str, object], known: set[str]) -> None:
    for name in given:
        if name not in known:
            raise invalid("parameter_unknown", name)


def _digits(form: Mapping[str, Any], name: str) -> int:
    value = form.get(name, "")
    if not isinstance(value, str) or not re.fullmatch(r"[0-9]{1,12}", value):
        raise invalid("parameter_invalid_integer", name)
    return int(value)


def _exact(amount: int, currency: str, param: str) -> None:
    code = currency.upper()
    if code == currency or not amount:
        raise invalid("parameter_invalid", param)
    if (code in ENDS_IN_0 and amount % 10) or (code == "ISK" and amount % 100):
        raise invalid("invalid_charge_amount_no_decimal_compatible", param)


def _metadata(form: Mapping[str, Any]) -> None:
    for name, value in form.get("metadata", {}).items():
        if len(name) > 40 or len(value) > 500:
            raise invalid("parameter_invalid", "metadata")

"""NETOPIA's API v2 as far as its documentation goes, over HTTP on the loopback; it refuses what the contract does not allow.

Start, status, credit and IPNs. What an IPN of a credit, and an answer for an unknown payment look like is believed, not
documented: `docs/providers/netopia.md` says which. Tokens are signed by PyJWT, which the adapter does not use.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import json
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from functools import cache
from typing import Any

import jwt
import orjson
from aiohttp import web
from aiohttp.test_utils import TestServer
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from gateway.ports.values import Money
from gateway.testing.provider_bench import Fault

API_KEY, POS = "ntp-api-key-5b1f", "TEST-POS0-SIGN-ATUR-EAAA"
RETRY_AFTER_S = 7
_DIGITS = re.compile(rb'"amount":([0-9.eE+-]+)')
_RFC3339 = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)")


@cache
def keys(name: str) -> rsa.RSAPrivateKey:
    """A key pair for each name, made once a test process."""
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


def pem(name: str) -> str:
    return keys(name).public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()


def token(body: bytes, at: datetime, key: str = "present", *, algorithm: str = "RS512", **claims: Any) -> str:
    """`Verification-token` for a body, five minutes long; a claim that is None is left out."""
    unix = int(at.timestamp())
    said = {
        "iss": "NETOPIA Payments",
        "aud": [POS],
        "sub": base64.b64encode(hashlib.sha512(body).digest()).decode(),
        "iat": unix,
        "nbf": unix,
        "exp": unix + int(timedelta(minutes=5).total_seconds()),
    } | claims
    return jwt.encode({name: value for name, value in said.items() if value is not None}, keys(key), algorithm)


@dataclass
class Payment:
    ntp_id: str
    start: dict[str, Any]
    amount: Money
    status: int = 1
    code: str = "00"
    processed: Money | None = None
    credited: Money | None = None

    @property
    def order_id(self) -> str:
        return str(self.start["order"]["orderID"])


@dataclass
class Netopia:
    """The vendor. `settles_in` other than None converts what is paid: (currency, factor)."""

    now: Callable[[], datetime]
    settles_in: tuple[str, Decimal] | None = None
    payments: dict[str, Payment] = field(default_factory=dict)
    faults: dict[str, Fault] = field(default_factory=dict)
    tells_page: bool = True
    tells_asked: bool = True
    server: TestServer = field(init=False)

    def __post_init__(self) -> None:
        self._over = asyncio.Event()
        app = web.Application()
        app.router.add_post("/payment/card/start", self._guarded("start", self._start))
        app.router.add_post("/operation/status", self._guarded("status", self._status))
        app.router.add_post("/operation/credit", self._guarded("credit", self._credit))
        self.server = TestServer(app)

    @property
    def url(self) -> str:
        return str(self.server.make_url("")).rstrip("/")

    async def __aenter__(self) -> Netopia:
        await self.server.start_server()
        return self

    async def __aexit__(self, *_: object) -> None:
        self._over.set()
        await self.server.close()

    def ipn(self, ntp_id: str, **changes: Any) -> bytes:
        """What is posted about a payment as it is now. A credit's names the whole payment's amount."""
        payment = self.payments[ntp_id]
        said = {
            **_money(payment.processed or payment.amount),
            "code": payment.code,
            "data": {"AuthCode": "24od", "BIN": "990000", "RRN": "hYnY8zpdcNo-"},
            "instrument": {"country": 642, "panMasked": "9****5098"},
            "message": "Approved",
            "ntpID": ntp_id,
            "status": payment.status,
        } | changes
        return orjson.dumps({"order": {"orderID": payment.order_id}, "payment": said})

    def pays(self, ntp_id: str, status: int = 3) -> None:
        payment = self.payments[ntp_id]
        payment.status, payment.code = status, "00"
        if self.settles_in is not None:
            currency, factor = self.settles_in
            payment.processed = Money(int(payment.amount.minor * factor), currency)

    def credits(self, ntp_id: str, amount: Money) -> None:
        payment = self.payments[ntp_id]
        payment.status, payment.credited = 8, amount

    def _guarded(self, name: str, serve: Callable[[dict[str, Any], bytes], web.Response]) -> Any:
        async def handle(request: web.Request) -> web.StreamResponse:
            raw = await request.read()
            fault = self.faults.pop(name, None)
            if fault is Fault.RATE_LIMITED:
                return web.Response(status=429, headers={"Retry-After": str(RETRY_AFTER_S)})
            if fault in (Fault.UNAVAILABLE, Fault.SERVER_ERROR):
                return web.Response(status=503 if fault is Fault.UNAVAILABLE else 500)
            if fault is Fault.REFUSED:
                return _error("34", "Transaction not allowed")
            if fault is Fault.CUT_NOT_MADE:
                return _cut(request)
            if request.headers.get("Authorization") != API_KEY:
                return web.json_response({"code": "401", "message": "Unauthorized"}, status=401)
            if request.content_type != "application/json":
                return web.json_response({"code": "415", "message": "JSON, please"}, status=415)
            answer = serve(json.loads(raw, parse_float=Decimal), raw)
            if fault is Fault.HANGS:
                await self._over.wait()
            return _cut(request) if fault is Fault.CUT_MADE else answer

        return handle

    def _start(self, asked: dict[str, Any], raw: bytes) -> web.Response:
        faults = list(_faults(asked, raw))
        if faults:
            return web.json_response({"error": {"code": "400", "message": ", ".join(faults)}}, status=400)
        own = asked["order"]
        amount = Money.parse(f"{own['amount']}", own["currency"])
        for payment in self.payments.values():
            if payment.order_id == own["orderID"]:
                return _error("56" if payment.amount == amount else "99", "Order closed")
        made = Payment(f"{1309088 + len(self.payments)}", asked, amount)
        self.payments[made.ntp_id] = made
        return self._answer(made, "101", asked=False)

    def _status(self, asked: dict[str, Any], _: bytes) -> web.Response:
        if asked.keys() != {"posID", "ntpID", "orderID"} or asked["posID"] != POS:
            return web.json_response({"code": "400", "message": "posID, ntpID, orderID"}, status=400)
        for payment in self.payments.values():
            if asked["ntpID"] in ("", payment.ntp_id) and asked["orderID"] in ("", payment.order_id):
                return self._answer(payment, payment.code, asked=self.tells_asked)
        return web.json_response({"code": "404", "message": "Not found"}, status=404)

    def _credit(self, asked: dict[str, Any], raw: bytes) -> web.Response:
        payment = self.payments.get(asked.get("ntpID", ""))
        if asked.keys() != {"ntpID", "amount", "split"} or payment is None or payment.status not in (3, 5, 8):
            return _error("99", "Invalid Credit")
        amount = Money.parse(_written(raw), payment.amount.currency)
        if payment.status == 8 or amount.minor > payment.amount.minor:
            return _error("99", "Invalid Credit amount")
        self.credits(payment.ntp_id, amount)
        return self._answer(payment, "00", asked=False)

    def _answer(self, payment: Payment, code: str, *, asked: bool) -> web.Response:
        shown = payment.credited or payment.processed or payment.amount
        said: dict[str, Any] = {**_money(shown), "ntpID": payment.ntp_id, "status": payment.status}
        if code == "101" or (self.tells_page and payment.status == 1):
            said["paymentURL"] = f"{self.url}/ui/card?p={payment.ntp_id}"
        body: dict[str, Any] = {"customerAction": {}, "error": {"code": code, "message": "-"}, "payment": said}
        if asked:
            body["order"] = {"orderID": payment.order_id, **_money(payment.amount)}
        return web.Response(body=orjson.dumps(body), content_type="application/json")


def _faults(asked: dict[str, Any], raw: bytes) -> Any:
    """What the official Go SDK refuses to send, and the hosted page's own needs."""
    config, own = asked.get("config", {}), asked.get("order", {})
    payer = own.get("billing", {})
    checks = {
        "notifyUrl": str(config.get("notifyUrl")).startswith("http"),
        "redirectUrl": str(config.get("redirectUrl")).startswith("http"),
        "language": len(str(config.get("language"))) == 2,
        "instrument": asked.get("payment", {}).get("instrument", "") is None,
        "posSignature": own.get("posSignature") == POS,
        "dateTime": bool(_RFC3339.fullmatch(str(own.get("dateTime")))),
        "description": bool(own.get("description")),
        "orderID": bool(own.get("orderID")),
        "currency": len(str(own.get("currency"))) == 3,
        "amount": isinstance(own.get("amount"), Decimal) and bool(re.fullmatch(r"\d+\.\d\d", _written(raw))),
        "email": "@" in str(payer.get("email")),
        "names": bool(payer.get("firstName") and payer.get("lastName") and payer.get("city")),
        "country": type(payer.get("country")) is int and payer["country"] > 0,
        "products": all(line["name"] and line["code"] and line["price"] > 0 for line in own.get("products", [])),
    }
    return (name for name, good in checks.items() if not good)


def _written(raw: bytes) -> str:
    """The digits of the amount as they were written."""
    found = _DIGITS.search(raw)
    return found[1].decode() if found else ""


def _money(amount: Money) -> dict[str, Any]:
    return {"amount": orjson.Fragment(amount.value), "currency": amount.currency}


def _error(code: str, message: str) -> web.Response:
    return web.json_response({"customerAction": {}, "error": {"code": code, "message": message}})


def _cut(request: web.Request) -> web.Response:
    assert request.transport is not None
    request.transport.abort()
    return web.Response()


__all__ = ["API_KEY", "POS", "RETRY_AFTER_S", "Netopia", "Payment", "pem", "token"]

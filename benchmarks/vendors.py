"""How each vendor with webhooks speaks in the legs: its account, what its API answers at once, and its own signed webhook.

Nothing is checked here, for that is the tests' part: a sink is as cheap as it can be. A payment's id holds our reference, so that copies of
an attempt can be told of without asking anybody.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import time
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any
from urllib.parse import parse_qs, urlencode

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from benchmarks import http_load, setting
from benchmarks.legs.standing import HOOK, bank, confirmations_of
from benchmarks.sinks import Answering, ok_json

PAID_AT, LATER = "2026-11-24T10:00:00Z", 4_070_908_800  # 2099
MINOR, DECIMAL, CURRENCY = 12_345, "123.45", "RON"
MERCHANT, POINT_OF_SALE = "44840978913", "BENC-HMAR-KPOI-NTOF-SALE"
_REPLY = ("amount", "curr", "invoice_id", "ep_id", "merch_id", "action", "message", "approval", "timestamp", "nonce")
Table = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Vendor:
    """One vendor. `account` is its table in the biller's file, for an API at that URL; `webhook` a request that says that this is paid."""

    account: Callable[[str], Table]
    webhook: Callable[[str], bytes]
    answer: Answering
    method: str = "card"
    started: Collection[int] = frozenset({303})


def _env(name: str) -> Mapping[str, str]:
    return {"env": name}


def _sandbox(url: str) -> Table:
    return {"adapter": "sandbox", "api_url": url, "api_key": _env("BANK"), "webhook_secret": _env("BANK")}


def _sandbox_paid(reference: str) -> bytes:
    (request,) = confirmations_of([reference])
    return request


def _stripe(url: str) -> Table:
    return {"adapter": "stripe", "api_url": url, "secret_key": _env("BANK"), "webhook_secret": _env("BANK")}


def _session(reference: str, **said: Any) -> Table:
    return {
        "id": f"cs_{reference}",
        "object": "checkout.session",
        "amount_total": MINOR,
        "client_reference_id": reference,
        "created": 1_795_514_400,
        "currency": CURRENCY.lower(),
        "currency_conversion": None,
        "expires_at": LATER,
        "livemode": False,
        "metadata": {"achit_reference": reference},
        "mode": "payment",
        **said,
    }


def _at_stripe(head: bytes, body: bytes) -> bytes:
    reference = parse_qs(body.decode())["client_reference_id"][0]
    opened = _session(reference, status="open", payment_status="unpaid", payment_intent=None)
    return ok_json(json.dumps(opened | {"url": f"{setting.NOBODY}/pay"}).encode())


def _stripe_paid(reference: str) -> bytes:
    session = _session(reference, status="complete", payment_status="paid", payment_intent=f"pi_{reference}", url=None)
    body = _json(
        id=f"evt_{reference}",
        object="event",
        api_version="2026-10-28.endive",
        created=1_795_514_460,
        data={"object": session},
        livemode=False,
        pending_webhooks=1,
        request={"id": None, "idempotency_key": None},
        type="checkout.session.completed",
    )
    at = str(int(time.time()))
    proof = _hmac(at.encode() + b"." + body)
    return http_load.post(HOOK, body, f"stripe-signature: t={at},v1={proof}\r\n")


def _revolut(url: str) -> Table:
    return {"adapter": "revolut", "api_url": url, "api_key": _env("BANK"), "webhook_secret": _env("BANK")}


def _order(reference: str, **said: Any) -> Table:
    return {
        "id": f"ord-{reference}",
        "type": "payment",
        "created_at": PAID_AT,
        "updated_at": PAID_AT,
        "amount": MINOR,
        "currency": CURRENCY,
        "merchant_order_data": {"reference": reference},
        **said,
    }


def _at_revolut(head: bytes, body: bytes) -> bytes:
    """Opens every order; knows each as paid, and nobody disputes it."""
    if head.startswith(b"POST"):
        reference = json.loads(body)["merchant_order_data"]["reference"]
        page = f"{setting.NOBODY}/pay"
        return ok_json(_json(**_order(reference, state="pending", outstanding_amount=MINOR, checkout_url=page)))
    path = head.split(b" ", 2)[1].decode()
    if path.startswith("/api/disputes"):
        return ok_json(b"[]")
    reference = path.rpartition("/ord-")[2]
    fee = {"type": "acquiring", "amount": 198, "currency": CURRENCY}
    payment: Table = {"id": f"pay-{reference}", "state": "completed", "created_at": PAID_AT, "updated_at": PAID_AT}
    payment |= {"amount": MINOR, "currency": CURRENCY, "fees": [fee]}
    return ok_json(_json(**_order(reference, state="completed", outstanding_amount=0, payments=[payment])))


def _revolut_paid(reference: str) -> bytes:
    body = _json(event="ORDER_COMPLETED", order_id=f"ord-{reference}", merchant_order_ext_ref=reference)
    at = str(int(time.time() * 1_000))
    proof = _hmac(b"v1." + at.encode() + b"." + body)
    return http_load.post(HOOK, body, f"revolut-request-timestamp: {at}\r\nrevolut-signature: v1={proof}\r\n")


@cache
def _pen() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


def _netopia(url: str) -> Table:
    public = _pen().public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()
    return {
        "adapter": "netopia",
        "api_url": url,
        "api_key": _env("BANK"),
        "pos_signature": POINT_OF_SALE,
        "public_key": public,
        "email": "plati@acme.example",
    }


def _at_netopia(head: bytes, body: bytes) -> bytes:
    """Its own id of a payment is our reference."""
    reference = json.loads(body)["order"]["orderID"]
    payment = {"ntpID": reference, "status": 1, "amount": 123.45, "currency": CURRENCY}
    payment["paymentURL"] = f"{setting.NOBODY}/pay"
    return ok_json(_json(customerAction={}, error={"code": "101", "message": "-"}, payment=payment))


def _netopia_paid(reference: str) -> bytes:
    payment = {
        "amount": 123.45,
        "code": "00",
        "currency": CURRENCY,
        "data": {"AuthCode": "24od", "BIN": "990000", "RRN": "hYnY8zpdcNo-"},
        "instrument": {"country": 642, "panMasked": "9****5098"},
        "message": "Approved",
        "ntpID": reference,
        "status": 3,
    }
    body = _json(order={"orderID": reference}, payment=payment)
    at = int(time.time())
    claims = {
        "iss": "NETOPIA Payments",
        "aud": [POINT_OF_SALE],
        "sub": base64.b64encode(hashlib.sha512(body).digest()).decode(),
        "iat": at,
        "nbf": at,
        "exp": at + 300,
    }
    signed = _part(_json(alg="RS512", typ="JWT")) + b"." + _part(_json(**claims))
    token = signed + b"." + _part(_pen().sign(signed, padding.PKCS1v15(), hashes.SHA512()))
    return http_load.post(HOOK, body, f"Verification-token: {token.decode()}\r\n")


def _euplatesc(url: str) -> Table:
    return {
        "adapter": "euplatesc",
        "merchant_id": MERCHANT,
        "secret_key": _env("HEX"),
        "page_url": f"{url}/tdsprocess/tranzactd.php",
        "api_url": f"{url}/v3/index.php?action=ws",
    }


def _euplatesc_paid(reference: str) -> bytes:
    values = (DECIMAL, CURRENCY, f"{reference}.{MINOR}{CURRENCY}", hashlib.sha1(reference.encode()).hexdigest().upper())
    values += (MERCHANT, "0", "Approved", "683855", "20261124100000", "2d3f1f7e0557f9973d566998470f9ac8")  # type: ignore[assignment]
    source = b"".join(b"%d%b" % (len(value), value.encode()) for value in values)
    proof = hmac.new(bytes.fromhex(setting.HEX_SECRET), source, hashlib.md5).hexdigest().upper()
    form = dict(zip(_REPLY, values, strict=True)) | {"fp_hash": proof}
    return http_load.post(HOOK, urlencode(form).encode(), media_type="application/x-www-form-urlencoded")


def _nobody(head: bytes, body: bytes) -> bytes:
    return b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n"


def _json(**said: Any) -> bytes:
    return json.dumps(said).encode()


def _hmac(signed: bytes) -> str:
    return hmac.new(setting.BANK_SECRET.encode(), signed, hashlib.sha256).hexdigest()


def _part(raw: bytes) -> bytes:
    return base64.urlsafe_b64encode(raw).rstrip(b"=")


VENDORS: Mapping[str, Vendor] = {
    "sandbox": Vendor(_sandbox, _sandbox_paid, bank, method="bank"),
    "stripe": Vendor(_stripe, _stripe_paid, _at_stripe),
    "euplatesc": Vendor(_euplatesc, _euplatesc_paid, _nobody, started=frozenset({200})),
    "netopia": Vendor(_netopia, _netopia_paid, _at_netopia),
    "revolut": Vendor(_revolut, _revolut_paid, _at_revolut),
}

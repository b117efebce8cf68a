"""What the bank's API and webhooks look like on the wire: JSON in, JSON out, and the signature.

Amounts are whole minor units; instants are RFC 3339 in UTC.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit

import orjson

from gateway.demo.bank.ledger import News, Payment, Refused, Terms
from gateway.ports.values import CURRENCIES, MAX_MINOR, Secret
from gateway.ports.verify import hmac_hex_sha256

METHODS = ("bank", "card")
_LONGEST = {"reference": 140, "description": 500, "locale": 20, "method": 10, "return_url": 2000, "webhook_url": 2000}


def read_terms(body: bytes) -> Terms:
    """The terms in the body of a create call. Raises Refused with the name of the first field that is wrong."""
    try:
        raw = orjson.loads(body)
    except orjson.JSONDecodeError:
        raise Refused("not_json") from None
    if not isinstance(raw, dict):
        raise Refused("not_json")
    texts = {name: _text(raw, name, longest) for name, longest in _LONGEST.items()}
    amount = raw.get("amount")
    if type(amount) is not int or not 0 < amount <= MAX_MINOR:
        raise Refused("invalid_amount")
    currency = raw.get("currency")
    if not isinstance(currency, str) or currency not in CURRENCIES:
        raise Refused("invalid_currency")
    if texts["method"] not in METHODS:
        raise Refused("invalid_method")
    for name in ("return_url", "webhook_url"):
        _check_url(name, texts[name])
    return Terms(amount_minor=amount, currency=currency, expires_at=_instant(raw, "expires_at"), **texts)


def payment_json(payment: Payment, url: str) -> dict[str, Any]:
    """The payment as create, read and webhooks show it; `url` is where the bank lives."""
    terms = payment.terms
    return {
        "id": payment.id,
        "status": payment.state,
        "reason": payment.reason,
        "amount": terms.amount_minor,
        "received": payment.received_minor,
        "reversed": payment.reversed_minor,
        "currency": terms.currency,
        "reference": terms.reference,
        "method": terms.method,
        "idempotency_key": payment.idempotency_key,
        "redirect_url": page_url(payment, url),
        "created_at": _shown(payment.created_at),
        "updated_at": _shown(payment.updated_at),
        "expires_at": _shown(terms.expires_at),
    }


def page_url(payment: Payment, url: str) -> str:
    return f"{url}/{payment.terms.method}/{payment.id}"


def webhook_body(news: News, url: str) -> bytes:
    """The body of a webhook; the same news gives the same bytes."""
    return orjson.dumps(
        {
            "id": news.id,
            "type": f"payment.{news.payment.state}",
            "created_at": _shown(news.payment.updated_at),
            "payment": payment_json(news.payment, url),
        }
    )


def signature(body: bytes, secrets: Sequence[Secret], signed_at: datetime) -> str:
    """The value of `x-sandbox-signature`: a `v1` for each secret, the new one first while one is being replaced."""
    unix = str(int(signed_at.timestamp()))
    return ",".join([f"t={unix}", *(f"v1={hmac_hex_sha256(secret, unix, '.', body)}" for secret in secrets)])


def _text(raw: dict[str, Any], name: str, longest: int) -> str:
    value = raw.get(name)
    if not isinstance(value, str) or not 0 < len(value) <= longest:
        raise Refused(f"invalid_{name}")
    return value


def _check_url(name: str, value: str) -> None:
    try:
        parts = urlsplit(value)
    except ValueError:
        raise Refused(f"invalid_{name}") from None
    if parts.scheme not in ("http", "https") or not parts.netloc or not value.isprintable():
        raise Refused(f"invalid_{name}")


def _instant(raw: dict[str, Any], name: str) -> datetime:
    try:
        value = datetime.fromisoformat(raw.get(name, ""))
    except (TypeError, ValueError):
        raise Refused(f"invalid_{name}") from None
    if value.tzinfo is None:
        raise Refused(f"invalid_{name}")
    return value.astimezone(UTC)


def _shown(instant: datetime) -> str:
    return instant.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")

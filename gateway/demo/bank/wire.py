"""What the bank's API and webhooks look like on the wire: JSON in, JSON out, and the signature.

Amounts are whole minor units; instants are RFC 3339 in UTC.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit

import orjson

from gateway.demo.bank.ledger import News, Payment, Refused, Terms
from gateway.demo.bank.refunds import Refund, RefundTerms
from gateway.ports.values import CURRENCIES, MAX_MINOR, Secret
from gateway.ports.verify import hmac_hex_sha256

METHODS = ("bank", "card", "wallet")
PAGE = 100
_LONGEST = {"reference": 140, "description": 500, "locale": 20, "method": 10, "return_url": 2000, "webhook_url": 2000}


def read_terms(body: bytes) -> Terms:
    """The terms in the body of a create call. Raises Refused with the name of the first field that is wrong."""
    raw = _object(body)
    texts = {name: _text(raw, name, longest) for name, longest in _LONGEST.items()}
    amount, currency = _money(raw)
    if texts["method"] not in METHODS:
        raise Refused("invalid_method")
    for name in ("return_url", "webhook_url"):
        _check_url(name, texts[name])
    expires_at = _instant("expires_at", raw.get("expires_at"))
    return Terms(amount_minor=amount, currency=currency, expires_at=expires_at, **texts)


def read_refund_terms(payment_id: str, body: bytes) -> RefundTerms:
    """The terms in the body of a refund call. Raises Refused with the name of the first field that is wrong."""
    raw = _object(body)
    amount, currency = _money(raw)
    return RefundTerms(payment_id, amount, currency, _text(raw, "reference", 140), _text(raw, "reason", 40))


def read_span(query: Mapping[str, str]) -> tuple[datetime, datetime]:
    """The time span of a list: `since`, which is in it, and `until`, which is not."""
    return _instant("since", query.get("since")), _instant("until", query.get("until"))


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
        "refunded": payment.refunded_minor,
        "fee": payment.fee_minor,
        "currency": terms.currency,
        "reference": terms.reference,
        "method": terms.method,
        "idempotency_key": payment.idempotency_key,
        "redirect_url": page_url(payment, url),
        "created_at": _shown(payment.created_at),
        "updated_at": _shown(payment.updated_at),
        "expires_at": _shown(terms.expires_at),
    }


def page_json(payments: Sequence[Payment], after: str | None, url: str) -> dict[str, Any]:
    """One page of a list: those after the payment `after`, and the `next` to ask for when there are more."""
    ids = [each.id for each in payments]
    start = ids.index(after) + 1 if after in ids else 0
    shown = payments[start : start + PAGE]
    more = start + PAGE < len(payments)
    return {"payments": [payment_json(each, url) for each in shown], "next": shown[-1].id if more else None}


def refund_json(refund: Refund) -> dict[str, Any]:
    """The refund as create, read and find show it."""
    terms = refund.terms
    return {
        "id": refund.id,
        "payment": terms.payment_id,
        "status": refund.state,
        "failure": refund.failure,
        "amount": terms.amount_minor,
        "currency": terms.currency,
        "reference": terms.reference,
        "reason": terms.reason,
        "idempotency_key": refund.idempotency_key,
        "created_at": _shown(refund.created_at),
        "updated_at": _shown(refund.updated_at),
    }


def page_url(payment: Payment, url: str) -> str:
    return f"{url}/{payment.terms.method}/{payment.id}"


def webhook_body(news: News, url: str) -> bytes:
    """The body of a webhook; the same news gives the same bytes."""
    return orjson.dumps(
        {
            "id": news.id,
            "type": news.type or f"payment.{news.payment.state}",
            "created_at": _shown(news.payment.updated_at),
            "payment": payment_json(news.payment, url),
        }
    )


def signature(body: bytes, secrets: Sequence[Secret], signed_at: datetime) -> str:
    """The value of `x-sandbox-signature`: a `v1` for each secret, the new one first while one is being replaced."""
    unix = str(int(signed_at.timestamp()))
    return ",".join([f"t={unix}", *(f"v1={hmac_hex_sha256(secret, unix, '.', body)}" for secret in secrets)])


def _object(body: bytes) -> dict[str, Any]:
    try:
        raw = orjson.loads(body)
    except orjson.JSONDecodeError:
        raise Refused("not_json") from None
    if not isinstance(raw, dict):
        raise Refused("not_json")
    return raw


def _money(raw: dict[str, Any]) -> tuple[int, str]:
    amount = raw.get("amount")
    if type(amount) is not int or not 0 < amount <= MAX_MINOR:
        raise Refused("invalid_amount")
    currency = raw.get("currency")
    if not isinstance(currency, str) or currency not in CURRENCIES:
        raise Refused("invalid_currency")
    return amount, currency


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


def _instant(name: str, written: Any) -> datetime:
    try:
        value = datetime.fromisoformat(written)
    except (TypeError, ValueError):
        raise Refused(f"invalid_{name}") from None
    if value.tzinfo is None:
        raise Refused(f"invalid_{name}")
    return value.astimezone(UTC)


def _shown(instant: datetime) -> str:
    return instant.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")

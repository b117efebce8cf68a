"""NETOPIA's words: statuses and codes as tables, its payment block checked, its amounts exact.

Amounts are JSON numbers with a fraction: they are read and written as decimal digits and are never a binary float.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from email.utils import parsedate_to_datetime
from hashlib import sha256
from typing import Any

from gateway.ports.http import HttpResponse
from gateway.ports.provider import PaymentStatus, PaymentUpdate
from gateway.ports.reading import mapping
from gateway.ports.values import MAX_MINOR, Money, decimals

S = PaymentStatus
# Names are the SDKs'. Only 3 and 5 are money; the SDKs' own helpers count 1 as paid too, which is wrong.
STATUSES: Mapping[int, PaymentStatus] = {
    1: S.PENDING,  # new
    2: S.PENDING,  # opened
    3: S.PAID,
    4: S.CANCELLED,
    5: S.PAID,  # confirmed
    6: S.PENDING,
    7: S.PENDING,  # scheduled
    8: S.PAID,  # credit: it was paid, and given back
    9: S.PENDING,  # chargeback opened: nothing is decided
    10: S.REVERSED,  # chargeback accepted
    11: S.FAILED,  # error
    12: S.FAILED,  # declined
    13: S.FAILED,  # fraud
    14: S.PENDING,  # pending authorisation
    15: S.PENDING,  # 3-D Secure
    16: S.PENDING,  # chargeback contested
    17: S.REVERSED,
    18: S.PENDING,  # pending any
    19: S.PENDING,  # programmed recurrent payment
    20: S.CANCELLED,  # programmed recurrent payment cancelled
    21: S.PENDING,  # trial, pending
    22: S.PENDING,  # trial
    23: S.EXPIRED,
}
HOME = "RON"  # what other currencies are turned into, for a point of sale that is paid in lei
CREDITED = 8
APPROVED = frozenset({"0", "00"})
PAGE = "101"  # the payer goes to NETOPIA's page
CODES: Mapping[str, str] = {
    "16": "stolen_card",
    "19": "expired_card",
    "20": "insufficient_funds",
    "21": "wrong_cvv",
    "22": "wrong_cvv",
    "34": "card_not_permitted",
    "56": "order_closed",
    "99": "other_amount",
}
_REASONS: Mapping[int, str] = {11: "error", 12: "declined", 13: "fraud"}
_LONGEST = 200
_NOISE = Decimal("0.000001")  # of a minor unit: a sum that was counted in binary on the other side


@dataclass(frozen=True, slots=True)
class Block:
    """NETOPIA's account of one payment, in an answer or an IPN.

    `amount` is what was processed, maybe in RON after conversion; `asked` what we asked for, where the answer repeats it.
    """

    ntp_id: str
    order_id: str
    status: int | None
    amount: Money | None
    asked: Money | None
    code: str
    page: str | None
    happened_at: datetime | None

    @classmethod
    def read(cls, raw: Mapping[str, Any]) -> Block:
        """Raises ValueError on any other shape."""
        payment, own = mapping(raw.get("payment")), raw.get("order")
        own = own if isinstance(own, dict) else {}
        status, page = payment.get("status"), payment.get("paymentURL")
        return cls(
            ntp_id=_text(payment, "ntpID"),
            order_id=_text(own, "orderID") if own.get("orderID") else "",
            status=status if type(status) is int else None,
            amount=_money(payment),
            asked=_money(own),
            code=_code(payment.get("code")) or code_of(raw),
            page=page if isinstance(page, str) and page.startswith(("https://", "http://")) else None,
            happened_at=_instant(payment.get("operationDate")),
        )

    @property
    def said(self) -> PaymentStatus:
        return STATUSES.get(self.status or 0, S.PENDING)

    @property
    def whole(self) -> Money | None:
        """What was asked for; where the answer does not say, what was processed."""
        return self.asked or self.amount

    def update(self, event_id: str, external_id: str, at: datetime) -> PaymentUpdate:
        """The same for the same news. Raises ValueError when it speaks of money and names none."""
        said, received, refunded = self.said, None, None
        if said in (S.PAID, S.REVERSED):
            received = self._received()
        if self.status == CREDITED:
            refunded = self._credited(received)
        return PaymentUpdate(
            event_id=event_id
            + sha256(repr((external_id, self.status, received, refunded, self.code)).encode()).hexdigest(),
            external_id=external_id,
            status=said,
            occurred_at=at,
            received=received,
            reason=self._reason() if said is S.FAILED else None,
            reference=self.order_id or None,
            refunded=refunded,
        )

    def _received(self) -> Money:
        """What was processed; where NETOPIA turned it into lei, the whole of what was asked has come."""
        if self.amount is None or not self.amount.minor or self.whole is None:
            raise ValueError("no amount")
        converted = self.amount.currency == HOME != self.whole.currency
        return self.whole if converted or _of_the_whole(self.status) else self.amount

    def _credited(self, received: Money | None) -> Money | None:
        """The part that was given back, where the block names one; else it names the payment's own amount: all of it."""
        if received is None or self.amount is None or self.amount.currency != received.currency:
            return received
        return min(self.amount, received, key=lambda money: money.minor)

    def _reason(self) -> str:
        return CODES.get(self.code) or _REASONS.get(self.status or 0, "declined")


def _of_the_whole(status: int | None) -> bool:
    """Whether a block of this status may name an amount that is not what was received."""
    return status == CREDITED or STATUSES.get(status or 0) is S.REVERSED


def parse(body: bytes) -> Mapping[str, Any]:
    """A JSON object whose fractions are exact. Raises ValueError."""
    try:
        return mapping(json.loads(body, parse_float=Decimal, parse_constant=_no_number))
    except RecursionError:
        raise ValueError("nested too deep") from None


def code_of(raw: Mapping[str, Any]) -> str:
    """The code of an answer, which is beside the payment, or all there is."""
    error = raw.get("error")
    return _code(error.get("code") if isinstance(error, dict) else None) or _code(raw.get("code"))


def answered_at(response: HttpResponse) -> datetime:
    """When the vendor answered, by its own clock. Raises ValueError when it does not say."""
    at = parsedate_to_datetime(response.headers.get("date", ""))
    return at if at.tzinfo else at.replace(tzinfo=UTC)


def _money(raw: Mapping[str, Any]) -> Money | None:
    value, currency = raw.get("amount"), raw.get("currency")
    if value is None or not currency:
        return None
    if type(value) not in (int, Decimal) or not isinstance(currency, str):
        raise ValueError("no amount")
    exact = Decimal(value)
    if not 0 <= exact <= MAX_MINOR:
        raise ValueError("no amount")
    minor = exact * 10 ** decimals(currency)
    whole = int(minor.to_integral_value())
    if abs(minor - whole) > _NOISE or whole > MAX_MINOR:
        raise ValueError(f"{currency} has fewer decimals")
    return Money(whole, currency)


def _code(value: Any) -> str:
    text = str(value) if type(value) in (str, int) else ""
    return text if len(text) <= 8 and text.isascii() and text.isalnum() else ""


def _instant(value: Any) -> datetime | None:
    try:
        at = datetime.fromisoformat(value) if isinstance(value, str) else None
    except ValueError:
        return None
    return at if at is not None and at.tzinfo is not None else None


def _text(raw: Mapping[str, Any], name: str) -> str:
    value = raw.get(name)
    if not isinstance(value, str) or not 0 < len(value) <= _LONGEST or not value.isprintable():
        raise ValueError(f"no {name}")
    return value


def _no_number(_: str) -> Any:
    raise ValueError("not a number")

"""What the sandbox bank says, checked: payments, refunds and sessions made of its JSON. Any other shape is a ValueError."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from gateway.ports.http import HttpResponse
from gateway.ports.provider import PaymentSession, PaymentStatus, PaymentUpdate, RefundStatus, RefundUpdate
from gateway.ports.reading import instant, mapping, maybe_text, money, parsed, text
from gateway.ports.values import Money

STATUSES: Mapping[str, PaymentStatus] = {
    "open": PaymentStatus.PENDING,
    "processing": PaymentStatus.ACCEPTED,
    "partly_paid": PaymentStatus.PENDING,  # the rest may come; what came is in `received`
    "paid": PaymentStatus.PAID,
    "declined": PaymentStatus.FAILED,
    "cancelled": PaymentStatus.CANCELLED,
    "expired": PaymentStatus.EXPIRED,
    "reversed": PaymentStatus.REVERSED,
}
REFUND_STATUSES: Mapping[str, RefundStatus] = {
    "pending": RefundStatus.PENDING,
    "done": RefundStatus.DONE,
    "failed": RefundStatus.FAILED,
}
EVENT_TYPES = frozenset({f"payment.{status}" for status in STATUSES} | {"payment.refunded", "payment.refund_failed"})
_CODE = re.compile(r"[a-z][a-z_]{0,39}")


@dataclass(frozen=True, slots=True)
class Payment:
    """The bank's payment."""

    id: str
    reference: str
    status: str
    reason: str | None
    received: Money
    reversed: Money
    refunded: Money
    fee: Money
    updated_at: datetime

    @classmethod
    def read(cls, raw: Mapping[str, Any]) -> Payment:
        currency = text(raw, "currency")
        return cls(
            id=text(raw, "id"),
            reference=text(raw, "reference"),
            status=text(raw, "status"),
            reason=maybe_text(raw, "reason"),
            received=money(raw, "received", currency),
            reversed=money(raw, "reversed", currency),
            refunded=money(raw, "refunded", currency),
            fee=money(raw, "fee", currency),
            updated_at=instant(raw, "updated_at"),
        )

    def update(self, event_id: str) -> PaymentUpdate:
        return PaymentUpdate(
            event_id=event_id,
            external_id=self.id,
            status=STATUSES.get(self.status, PaymentStatus.PENDING),
            occurred_at=self.updated_at,
            received=self.received,
            reversed=self.reversed,
            reason=self.reason,
            reference=self.reference,
            refunded=self.refunded,
            fee=self.fee if self.received.minor else None,
        )

    def answer(self) -> PaymentUpdate:
        """The update of a poll. Its `event_id` is made of what the answer says, so that it changes only when that does."""
        known = f"{self.status}:{self.received.minor}:{self.reversed.minor}:{self.refunded.minor}"
        return self.update(f"poll:{self.id}:{known}")


def session_of(raw: Mapping[str, Any]) -> PaymentSession:
    return PaymentSession(text(raw, "id"), text(raw, "redirect_url"), instant(raw, "expires_at"))


def refund_of(raw: Mapping[str, Any]) -> RefundUpdate:
    return RefundUpdate(
        external_id=text(raw, "id"),
        status=REFUND_STATUSES.get(text(raw, "status"), RefundStatus.PENDING),
        amount=money(raw, "amount", text(raw, "currency")),
        occurred_at=instant(raw, "updated_at"),
        reason=maybe_text(raw, "failure"),
    )


def listed(body: bytes, name: str) -> Sequence[Mapping[str, Any]]:
    """The objects of the list of that name."""
    values = parsed(body).get(name)
    if not isinstance(values, list):
        raise ValueError(f"no {name}")
    return [mapping(value) for value in values]


def code_of(response: HttpResponse) -> str:
    """The bank's code for a refusal, when it is one; else the status."""
    try:
        code = parsed(response.body).get("code")
    except ValueError:
        code = None
    return code if isinstance(code, str) and _CODE.fullmatch(code) else f"http_{response.status}"

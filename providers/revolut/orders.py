"""What Revolut says of an order, its payments and its disputes: read, checked and judged. No I/O.

An order is one try of ours; its payments are the payer's tries to pay it. Source: Merchant API 2026-04-20 (`Order-v7`, `Dispute`).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from gateway.ports.provider import PaymentStatus, PaymentUpdate, RefundStatus, RefundUpdate
from gateway.ports.reading import instant, items, mapping, maybe_text, money, text
from gateway.ports.values import Money

S = PaymentStatus
ORDERS: Mapping[str, PaymentStatus] = {
    "pending": S.PENDING,
    "processing": S.PENDING,  # the payer has pressed the button, no bank has said a word: see PAYMENTS
    "authorised": S.ACCEPTED,
    "completed": S.PAID,
    "cancelled": S.CANCELLED,
    "failed": S.EXPIRED,  # its time ran out; FAILED when somebody tried to pay it
}
# What the newest payment says of an order that is open still. A declined one leaves the order open: another card may be tried.
PAYMENTS: Mapping[str, PaymentStatus] = {
    "pending": S.PENDING,
    "authentication_challenge": S.PENDING,
    "authentication_verified": S.PENDING,
    "authorisation_started": S.PENDING,
    "authorisation_passed": S.PENDING,
    "authorised": S.ACCEPTED,
    "capture_started": S.ACCEPTED,
    "captured": S.ACCEPTED,
    "completing": S.ACCEPTED,
    "completed": S.PENDING,  # a part of the order; all of it completes the order
    "declining": S.PENDING,
    "soft_declined": S.PENDING,  # the bank wants the payer to confirm
    "declined": S.FAILED,
    "failing": S.PENDING,
    "failed": S.FAILED,
    "cancellation_started": S.PENDING,
    "cancelling": S.PENDING,
    "cancelled": S.PENDING,  # the payer went back
    "refund_validated": S.PENDING,  # these two are of refunds
    "refund_started": S.PENDING,
}
REFUNDS: Mapping[str, RefundStatus] = {
    "pending": RefundStatus.PENDING,
    "processing": RefundStatus.PENDING,
    "authorised": RefundStatus.PENDING,
    "completed": RefundStatus.DONE,
    "cancelled": RefundStatus.FAILED,
    "failed": RefundStatus.FAILED,
}
# Revolut's `decline_reason` in the words of the pay page; what is not here is "declined".
REASONS: Mapping[str, str] = {
    "3ds_challenge_abandoned": "authentication_failed",
    "3ds_challenge_failed_manually": "authentication_failed",
    "customer_challenge_abandoned": "authentication_failed",
    "customer_challenge_failed": "authentication_failed",
    "expired_card": "expired_card",
    "insufficient_funds": "insufficient_funds",
    "issuer_not_available": "bank_unavailable",
    "rejected_by_customer": "cancelled",
    "technical_error": "bank_unavailable",
    "withdrawal_limit_exceeded": "limit_exceeded",
}
PAID_BY_PAYER = frozenset({"payment", "payment_request"})  # the types of order that bring money
REFUND = "refund"
LOST = "lost"  # a dispute in any other state may still be won


@dataclass(frozen=True, slots=True)
class Payment:
    """One try of the payer's. `fee` is what Revolut says that it keeps, in the order's currency; None: it says nothing."""

    id: str
    state: str
    amount: Money
    created_at: datetime
    decline_reason: str | None
    fee: Money | None

    @classmethod
    def read(cls, raw: Mapping[str, Any], currency: str) -> Payment:
        fees = [mapping(fee) for fee in items(raw.get("fees") or [])]
        known = bool(fees) and all(fee.get("currency") == currency for fee in fees)
        return cls(
            id=text(raw, "id"),
            state=text(raw, "state"),
            amount=money(raw, "amount", currency),
            created_at=instant(raw, "created_at"),
            decline_reason=maybe_text(raw, "decline_reason"),
            fee=total((money(fee, "amount", currency) for fee in fees), currency) if known else None,
        )


@dataclass(frozen=True, slots=True)
class Dispute:
    """A payer's complaint at their bank; `order_id` is the order that it is about."""

    id: str
    state: str
    order_id: str
    amount: Money
    created_at: datetime
    updated_at: datetime

    @classmethod
    def read(cls, raw: Mapping[str, Any]) -> Dispute:
        return cls(
            id=text(raw, "id"),
            state=text(raw, "state"),
            order_id=text(mapping(raw.get("payment")), "order_id"),
            amount=money(raw, "amount", text(raw, "currency")),
            created_at=instant(raw, "created_at"),
            updated_at=instant(raw, "updated_at"),
        )


@dataclass(frozen=True, slots=True)
class Order:
    """An order, whole or as a list shows it: a list has no payments, no refunded sum and no page. `read` raises ValueError."""

    id: str
    kind: str
    state: str
    amount: Money
    outstanding: Money
    refunded: Money | None
    reference: str | None
    refund_of: str | None
    checkout_url: str | None
    created_at: datetime
    updated_at: datetime
    payments: tuple[Payment, ...]

    @classmethod
    def read(cls, raw: Mapping[str, Any]) -> Order:
        currency = text(raw, "currency")
        payments = [Payment.read(mapping(each), currency) for each in items(raw.get("payments") or [])]
        return cls(
            id=text(raw, "id"),
            kind=text(raw, "type"),
            state=text(raw, "state"),
            amount=money(raw, "amount", currency),
            outstanding=money(raw, "outstanding_amount", currency),
            refunded=None if raw.get("refunded_amount") is None else money(raw, "refunded_amount", currency),
            reference=maybe_text(mapping(raw.get("merchant_order_data") or {}), "reference"),
            refund_of=maybe_text(raw, "related_order_id"),
            checkout_url=maybe_text(raw, "checkout_url"),
            created_at=instant(raw, "created_at"),
            updated_at=instant(raw, "updated_at"),
            payments=tuple(sorted(payments, key=lambda payment: payment.created_at)),
        )

    @property
    def status(self) -> PaymentStatus:
        status = ORDERS.get(self.state, S.PENDING)
        if not self.payments or status not in (S.PENDING, S.EXPIRED):
            return status
        return S.FAILED if status is S.EXPIRED else PAYMENTS.get(self.payments[-1].state, S.PENDING)

    @property
    def received(self) -> Money:
        """What has come. `outstanding_amount` counts in a completed order alone: it is 0 in a cancelled one too."""
        if self.state == "completed":
            return self.amount - self.outstanding
        return total((each.amount for each in self.payments if each.state == "completed"), self.amount.currency)

    @property
    def fee(self) -> Money | None:
        fees = [payment.fee for payment in self.payments if payment.fee is not None]
        return total(fees, self.amount.currency) if fees else None

    @property
    def closed(self) -> bool:
        return ORDERS.get(self.state) in (S.CANCELLED, S.EXPIRED)


def update_of(order: Order, disputes: Sequence[Dispute] | None) -> PaymentUpdate:
    """All that is known of an order; `disputes` are those about it, None when Revolut could not be asked.

    Nothing at Revolut numbers its news, so that the `event_id` is made of what the order says now: the same again has one id, and
    anything new has another. Raises ValueError on a dispute in another currency.
    """
    lost = [dispute for dispute in disputes or () if dispute.state == LOST]
    taken_back = None if disputes is None else total((each.amount for each in lost), order.amount.currency)
    status = S.REVERSED if lost else order.status
    told = [status.value, *(money and money.minor for money in (order.received, taken_back, order.refunded, order.fee))]
    failed = order.payments[-1] if order.payments and status is S.FAILED else None
    if failed is not None:
        told.append(failed.id)
    return PaymentUpdate(
        event_id=":".join([order.id, *("" if each is None else str(each) for each in told)]),
        external_id=order.id,
        status=status,
        occurred_at=max([order.updated_at, *(dispute.updated_at for dispute in lost)]),
        received=order.received,
        reversed=taken_back,
        reason=reason_of(failed) if failed is not None else None,
        reference=order.reference,
        refunded=order.refunded,
        fee=order.fee,
    )


def refund_of(order: Order) -> RefundUpdate:
    """What an order of the type `refund` says of the refund."""
    status = REFUNDS.get(order.state, RefundStatus.PENDING)
    why = (order.payments[-1].decline_reason if order.payments else None) or order.state
    return RefundUpdate(
        order.id, status, order.amount, order.updated_at, reason=why if status is RefundStatus.FAILED else None
    )


def reason_of(payment: Payment) -> str:
    return REASONS.get(payment.decline_reason or "", "declined")


def total(amounts: Iterable[Money], currency: str) -> Money:
    return sum(amounts, start=Money(0, currency))

"""What Stripe says, as PaymentUpdates: statuses as tables, money as Stripe's own cumulative figures.

A payment is paid when its Checkout Session says `paid`, and by nothing else. An object may come in the version that a webhook
endpoint is pinned to, which need not be ours: only names that all versions since 2022 share are read.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Self

from gateway.ports.provider import PaymentStatus, PaymentUpdate, RefundStatus, RefundUpdate
from gateway.ports.reading import mapping, text
from gateway.ports.values import Money
from providers.stripe import amounts
from providers.stripe.shapes import CODE, expanded, id_of, marked, moment

S = PaymentStatus

SESSIONS: Mapping[str, PaymentStatus] = {
    "open": S.PENDING,  # a card that was declined leaves it open
    "complete": S.PENDING,  # unless it is paid, or UNPAID says more
    "expired": S.EXPIRED,  # CANCELLED when that was before its time
}
UNPAID: Mapping[str, PaymentStatus] = {  # a complete session that is not paid, by its payment intent
    "processing": S.ACCEPTED,
    "requires_payment_method": S.FAILED,
    "canceled": S.FAILED,
    "requires_action": S.PENDING,  # a voucher, a bank transfer: the payer is to act
    "requires_confirmation": S.PENDING,
    "requires_capture": S.PENDING,
    "succeeded": S.PENDING,  # the session is about to say so
}
REFUNDS: Mapping[str, RefundStatus] = {
    "pending": RefundStatus.PENDING,
    "requires_action": RefundStatus.PENDING,
    "succeeded": RefundStatus.DONE,
    "failed": RefundStatus.FAILED,
    "canceled": RefundStatus.FAILED,
}
TAKEN, RETURNED = "taken", "returned"
DISPUTES: Mapping[str, str | None] = {  # an unknown one moves nothing
    "needs_response": TAKEN,
    "under_review": TAKEN,
    "lost": TAKEN,
    "appeal_needs_response": TAKEN,
    "appeal_under_review": TAKEN,
    "won": RETURNED,
    "warning_needs_response": None,  # an inquiry: no money has moved
    "warning_under_review": None,
    "warning_closed": None,
    "prevented": None,  # what was given back to prevent it is a refund
}
REASONS: Mapping[str, str] = {  # to the reasons that the payer's page has words for; others stay Stripe's
    **dict.fromkeys(["card_declined", "generic_decline", "do_not_honor", "transaction_not_allowed"], "declined"),
    **dict.fromkeys(["card_velocity_exceeded", "withdrawal_count_limit_exceeded"], "limit_exceeded"),
    **dict.fromkeys(["authentication_required", "payment_intent_authentication_failure"], "authentication_failed"),
    **dict.fromkeys(["issuer_not_available", "processing_error", "try_again_later"], "bank_unavailable"),
}

ASYNC_PAID = "checkout.session.async_payment_succeeded"
SESSION_EVENTS = (
    *("checkout.session.completed", ASYNC_PAID),
    *("checkout.session.async_payment_failed", "checkout.session.expired"),
)
MARKED = ("payment_intent.", "charge.refunded", "charge.updated")  # their objects carry our metadata; the others none
OTHER_EVENTS = (
    *("payment_intent.payment_failed", "payment_intent.processing", "payment_intent.canceled"),
    *(
        "charge.updated",
        "charge.refunded",
        "charge.refund.updated",
        "refund.created",
        "refund.updated",
        "refund.failed",
    ),
    *(f"charge.dispute.{what}" for what in ("created", "updated", "closed", "funds_withdrawn", "funds_reinstated")),
)


@dataclass(frozen=True, slots=True)
class Intent:
    """A payment intent that was asked for whole, with its last charge."""

    status: str
    received: Money
    refunded: Money
    fee: Money | None
    reason: str | None
    disputed: bool
    charged_at: datetime | None

    @classmethod
    def read(cls, raw: Mapping[str, Any]) -> Self:
        currency = raw.get("currency")
        charge = expanded(raw.get("latest_charge")) or {}
        return cls(
            status=text(raw, "status"),
            received=amounts.money(raw.get("amount_received"), currency),
            refunded=amounts.money(charge.get("amount_refunded", 0), currency),
            fee=_fee(expanded(charge.get("balance_transaction"))),
            reason=_reason(expanded(raw.get("last_payment_error"))),
            disputed=charge.get("disputed") is True,
            charged_at=moment(charge, "created") if charge else None,
        )


@dataclass(frozen=True, slots=True)
class Session:
    """A Checkout Session as it was at `seen_at`. `total` is None where it names no amount yet."""

    id: str
    reference: str | None
    status: str
    paid: bool
    unpaid: bool
    total: Money | None
    intent_id: str | None
    intent: Intent | None
    created_at: datetime
    expires_at: datetime
    seen_at: datetime | None
    converted: bool

    @classmethod
    def read(cls, raw: Mapping[str, Any], seen_at: datetime | None, *, paid: bool = False) -> Self:
        """`paid` says that the event's type alone says so."""
        intent = expanded(raw.get("payment_intent"))
        named = raw.get("amount_total") is not None and raw.get("currency") is not None
        return cls(
            id=text(raw, "id"),
            reference=marked(raw),
            status=text(raw, "status"),
            paid=paid or text(raw, "payment_status") == "paid",
            unpaid=raw.get("payment_status") == "unpaid",
            total=amounts.money(raw["amount_total"], raw["currency"]) if named else None,
            intent_id=id_of(raw.get("payment_intent")),
            intent=Intent.read(intent) if intent else None,
            created_at=moment(raw, "created"),
            expires_at=moment(raw, "expires_at"),
            seen_at=seen_at,
            converted=raw.get("currency_conversion") is not None,
        )

    @property
    def tells_all(self) -> bool:
        """Whether it says by itself how it ended, in the currency that we asked for, so that nobody need be asked."""
        return (self.paid or self.status == "expired") and self.total is not None and not self.converted

    @property
    def disputed(self) -> bool:
        return self.paid and self.intent is not None and self.intent.disputed

    def update(
        self, disputes: Sequence[Dispute] = (), *, event_id: str | None = None, occurred_at: datetime | None = None
    ) -> PaymentUpdate:
        """What is known now. Without an `event_id`, a poll: its id changes only when what is said does.

        A dispute that was won ends a reversal: the money came a second time, so `received` grows and `reversed` stays.
        """
        came, intent, status = self._came(), self.intent, self._status()
        received, taken_back = came, came and Money(0, came.currency)
        if came is not None and disputes:
            returned = sum(each.within(came) for each in disputes if each.moved == RETURNED)
            taken = sum(each.within(came) for each in disputes if each.moved is not None)
            received = Money(came.minor + returned, came.currency)
            taken_back = Money(min(taken, received.minor), came.currency)
            status = S.REVERSED if taken_back.minor > returned else status
        refunded = intent.refunded if intent else came and Money(0, came.currency)
        fee = intent.fee if intent else None
        reason = intent.reason if intent and not self.paid else None
        figures = [each and each.minor for each in (received, taken_back, refunded, fee)]
        return PaymentUpdate(
            event_id=event_id or ":".join(map(str, ("poll", self.id, status, *figures, reason))),
            external_id=self.id,
            status=status,
            occurred_at=occurred_at or (intent and intent.charged_at) or self.created_at,
            received=received,
            reversed=taken_back,
            reason=reason,
            reference=self.reference,
            refunded=refunded,
            fee=fee,
        )

    def _came(self) -> Money | None:
        """What was paid, by the payment intent where it was asked for. Raises ValueError when it is paid and names no amount."""
        if self.paid:
            came = self.intent.received if self.intent else self.total
            if came is None:
                raise ValueError("paid, and no amount")
            return came
        return Money(0, self.total.currency) if self.total else None

    def _status(self) -> PaymentStatus:
        if self.paid:
            return S.PAID
        if self.status == "complete" and self.intent and self.unpaid:
            return UNPAID.get(self.intent.status, S.PENDING)
        status = SESSIONS.get(self.status, S.PENDING)
        early = self.seen_at is not None and self.seen_at < self.expires_at
        return S.CANCELLED if status is S.EXPIRED and early else status


@dataclass(frozen=True, slots=True)
class Dispute:
    """A chargeback, an inquiry or a returned debit; `moved` is what it did to the money."""

    moved: str | None
    amount: Money

    @classmethod
    def read(cls, raw: Mapping[str, Any], _: datetime | None) -> Self:
        return cls(DISPUTES.get(text(raw, "status")), amounts.money(raw.get("amount"), raw.get("currency")))

    def within(self, came: Money) -> int:
        """Its amount, of what came: a bank may name more, for the rate has moved, or count in a currency of its own."""
        return min(self.amount.minor, came.minor) if self.amount.currency == came.currency else came.minor


@dataclass(frozen=True, slots=True)
class Event:
    """A webhook's event. `about` is the object as it was then."""

    id: str
    type: str
    created_at: datetime
    account: str | None
    about: Mapping[str, Any]

    @classmethod
    def read(cls, raw: Mapping[str, Any], _: datetime | None = None) -> Self:
        return cls(
            id=text(raw, "id"),
            type=text(raw, "type"),
            created_at=moment(raw, "created"),
            account=id_of(raw.get("account")),
            about=mapping(mapping(raw.get("data")).get("object")),
        )

    def session(self) -> Session | None:
        """The Checkout Session that it tells of; None when it tells of something else. Raises ValueError."""
        if self.type not in SESSION_EVENTS:
            return None
        return Session.read(self.about, self.created_at, paid=self.type == ASYNC_PAID)

    def names(self) -> str | None:
        """The id of the session or of the payment intent that it is about.

        None: its type says nothing about money, or the object is not of a payment that was opened here. Raises ValueError.
        """
        session = self.session()
        if session is not None:
            return session.id if session.reference else None
        if self.type not in OTHER_EVENTS or (self.type.startswith(MARKED) and marked(self.about) is None):
            return None
        return id_of(self.about.get("id" if self.type.startswith("payment_intent.") else "payment_intent"))


def refund_of(raw: Mapping[str, Any], _: datetime | None = None) -> RefundUpdate:
    """Raises ValueError on another shape. A refund that has no status yet is pending."""
    status = raw.get("status") or "pending"
    known = REFUNDS.get(status, RefundStatus.PENDING) if isinstance(status, str) else RefundStatus.PENDING
    reason = raw.get("failure_reason") or status
    return RefundUpdate(
        external_id=text(raw, "id"),
        status=known,
        amount=amounts.money(raw.get("amount"), raw.get("currency")),
        occurred_at=moment(raw, "created"),
        reason=str(reason) if known is RefundStatus.FAILED else None,
    )


def _fee(transaction: Mapping[str, Any] | None) -> Money | None:
    """What Stripe keeps, in the currency that the account is settled in. None: not known yet."""
    try:
        return amounts.money(transaction.get("fee"), transaction.get("currency")) if transaction else None
    except ValueError:
        return None


def _reason(error: Mapping[str, Any] | None) -> str | None:
    for name in ("decline_code", "code", "type"):
        code = (error or {}).get(name)
        if isinstance(code, str) and CODE.fullmatch(code):
            return REASONS.get(code, code)
    return None

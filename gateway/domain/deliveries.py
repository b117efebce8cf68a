"""One message to one payer: its states, and which channel comes next."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from gateway.domain.events import EventType
from gateway.ports.channel import DeliveryStatus


class DeliveryState(StrEnum):
    QUEUED = "queued"
    SENDING = "sending"  # the vendor may have been told; found after a crash, it means "ask first"
    UNKNOWN = "unknown"  # the vendor was told and did not answer
    SENT = "sent"
    DELIVERED = "delivered"
    READ = "read"
    FAILED = "failed"
    REVOKED = "revoked"  # not sent, because it was no longer true


D = DeliveryState
ARRIVING = (D.SENT, D.DELIVERED, D.READ)
REVOCABLE = (D.QUEUED,)
# A receipt moves a delivery forward only; `failed` after `delivered` is a vendor's late noise.
FORWARD: dict[DeliveryStatus, tuple[DeliveryState, tuple[DeliveryState, ...]]] = {
    DeliveryStatus.SENT: (D.SENT, (D.SENDING, D.UNKNOWN)),
    DeliveryStatus.DELIVERED: (D.DELIVERED, (D.SENDING, D.UNKNOWN, D.SENT)),
    DeliveryStatus.READ: (D.READ, (D.SENDING, D.UNKNOWN, D.SENT, D.DELIVERED)),
    DeliveryStatus.FAILED: (D.FAILED, (D.SENDING, D.UNKNOWN, D.SENT)),
}
REPORTED: dict[DeliveryState, EventType] = {
    D.SENT: EventType.DELIVERY_SENT,
    D.DELIVERED: EventType.DELIVERY_DELIVERED,
    D.READ: EventType.DELIVERY_READ,
    D.FAILED: EventType.DELIVERY_FAILED,
    D.UNKNOWN: EventType.DELIVERY_UNKNOWN,
    D.REVOKED: EventType.DELIVERY_REVOKED,
}


class MessageKind(StrEnum):
    """One folder of templates each."""

    INVOICE_ISSUED = "invoice_issued"
    PAYMENT_RECEIVED = "payment_received"
    PAYMENT_FAILED = "payment_failed"
    PAYMENT_REFUNDED = "payment_refunded"
    REMINDER = "reminder"
    REPLY = "reply"  # what a payer is answered, by us or by a person of the biller's


@dataclass(frozen=True, slots=True)
class Step:
    """One channel of a plan. `wait_s`: how long to wait for its receipt before the next step; 0 sends the next at once.

    `until` says which receipt: `delivered`, or `read` on a channel that reports it.
    """

    channel: str
    wait_s: int
    until: str | None = None

    @classmethod
    def of(cls, kept: dict[str, Any]) -> Step:
        """What `as_json` made."""
        return cls(kept["channel"], kept["wait_s"], kept.get("until"))

    def as_json(self) -> dict[str, Any]:
        until = {"until": self.until} if self.until else {}
        return {"channel": self.channel, "wait_s": self.wait_s} | until


@dataclass(frozen=True, slots=True)
class Delivery:
    """A row of the delivery table. `later` are the steps of the plan after this one, `told` the words of the last try.

    `invoice_id` is None where it is about several invoices or about none, `payer_id` where an unknown sender is answered.
    `about` is what it says beyond its invoice: an answer's words and buttons, the reminders that are one message. `until` is
    that of its step.
    """

    id: int
    biller_id: int
    invoice_id: int | None
    payer_id: int | None
    account_id: int
    kind: MessageKind
    channel: str
    address: str
    locale: str
    state: DeliveryState
    wait_s: int
    later: list[dict[str, Any]]
    external_id: str | None
    code: str | None
    segments: int
    resends: int
    due_at: datetime
    sent_at: datetime | None
    created_at: datetime
    updated_at: datetime
    told: str | None = None
    conversation_id: int | None = None
    about: dict[str, Any] | None = None
    until: str | None = None

    @property
    def steps_left(self) -> Sequence[Step]:
        return [Step.of(step) for step in self.later]

    @property
    def arrived(self) -> bool:
        """Whether the receipt that its plan waits for has come."""
        return self.state is D.READ or (self.state is D.DELIVERED and self.until != "read")

"""Every fact that Achit reports. An event commits with the change it reports; pushes, `GET /v1/events` and timelines read them."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from functools import lru_cache
from typing import Any


class EventType(StrEnum):
    """The types a biller can be pushed. New ones may be added; a receiver ignores what it does not know."""

    INVOICE_ISSUED = "invoice.issued"
    INVOICE_CHANGED = "invoice.changed"
    INVOICE_PARTLY_PAID = "invoice.partly_paid"
    INVOICE_PAID = "invoice.paid"
    INVOICE_OVERPAID = "invoice.overpaid"
    INVOICE_REOPENED = "invoice.reopened"
    INVOICE_VOIDED = "invoice.voided"
    PAYMENT_ROUTED = "payment.routed"
    PAYMENT_STARTED = "payment.started"
    PAYMENT_UNKNOWN = "payment.unknown"
    PAYMENT_ACCEPTED = "payment.accepted"
    PAYMENT_RECEIVED = "payment.received"
    PAYMENT_FAILED = "payment.failed"
    PAYMENT_EXPIRED = "payment.expired"
    PAYMENT_CANCELLED = "payment.cancelled"
    PAYMENT_REVERSED = "payment.reversed"
    PAYMENT_DUPLICATE = "payment.duplicate"
    PAYMENT_ON_VOID = "payment.on_void"
    PAYMENT_MISMATCH = "payment.mismatch"
    REFUND_DUE = "refund.due"
    REFUND_CREATED = "refund.created"
    REFUND_SUCCEEDED = "refund.succeeded"
    REFUND_FAILED = "refund.failed"
    DELIVERY_SENT = "delivery.sent"
    DELIVERY_DELIVERED = "delivery.delivered"
    DELIVERY_READ = "delivery.read"
    DELIVERY_FAILED = "delivery.failed"
    DELIVERY_UNKNOWN = "delivery.unknown"
    DELIVERY_REVOKED = "delivery.revoked"
    DELIVERY_IMPOSSIBLE = "delivery.impossible"
    PAYER_STOPPED = "payer.stopped"
    PAYER_STARTED = "payer.started"
    PAYER_BOUND = "payer.bound"
    MESSAGE_RECEIVED = "message.received"
    MESSAGE_SENT = "message.sent"
    PERSON_WANTED = "person.wanted"
    PROMISE_MADE = "promise.made"
    PROMISE_KEPT = "promise.kept"
    PROMISE_BROKEN = "promise.broken"
    PROMISE_WITHDRAWN = "promise.withdrawn"
    ALREADY_PAID = "claim.already_paid"
    DISPUTE_OPENED = "dispute.opened"
    DISPUTE_CLOSED = "dispute.closed"
    PLAN_WANTED = "plan.wanted"
    REMINDER_PLANNED = "reminder.planned"
    REMINDER_HELD = "reminder.held"
    REMINDER_SKIPPED = "reminder.skipped"
    REMINDER_SENT = "reminder.sent"
    REMINDER_REVOKED = "reminder.revoked"
    ENDPOINT_DISABLED = "push_endpoint.disabled"
    PUSH_DEAD = "push.dead"


MEANINGS: dict[EventType, str] = {
    EventType.INVOICE_ISSUED: "The invoice was accepted; its pay link works.",
    EventType.INVOICE_CHANGED: "Amount or due date was changed; `changed` has old and new values.",
    EventType.INVOICE_PARTLY_PAID: "Money came in, less than is owed.",
    EventType.INVOICE_PAID: "The invoice is settled.",
    EventType.INVOICE_OVERPAID: "One payment brought more than was owed; `excess` is what is too much.",
    EventType.INVOICE_REOPENED: "Money was taken back, or given back to be owed again: the invoice is owed.",
    EventType.INVOICE_VOIDED: "The biller withdrew the invoice.",
    EventType.PAYMENT_ROUTED: (
        "An account was chosen to serve the payer: `account`, `because` of what, `options` with what each would cost. "
        "Pushed only to endpoints that name it."
    ),
    EventType.PAYMENT_STARTED: "The payer was sent to a provider, or was let go on to pay in the chat.",
    EventType.PAYMENT_UNKNOWN: "The provider did not say whether it opened the payment; it is being asked.",
    EventType.PAYMENT_ACCEPTED: "The bank has accepted the payment; the money is not there yet.",
    EventType.PAYMENT_RECEIVED: "Money came in: `amount` of this payment; `late` when its attempt was thought over.",
    EventType.PAYMENT_FAILED: "The provider declined; `reason` says why.",
    EventType.PAYMENT_EXPIRED: "The attempt ran out of time. Money that comes later still counts.",
    EventType.PAYMENT_CANCELLED: "The attempt was closed.",
    EventType.PAYMENT_REVERSED: "Money was taken back (chargeback, returned debit).",
    EventType.PAYMENT_DUPLICATE: "A second payment of a settled invoice: kept, and due back to the payer.",
    EventType.PAYMENT_ON_VOID: "Money came for a void invoice: kept, and due back to the payer.",
    EventType.PAYMENT_MISMATCH: "An observation that does not fit what was asked; a person must look.",
    EventType.REFUND_DUE: "This `amount` is to be given back by you, and reported done; see `refund`.",
    EventType.REFUND_CREATED: "The provider is asked to give `amount` back; `source` is `api` or `policy`.",
    EventType.REFUND_SUCCEEDED: (
        "`amount` went back to the payer: `by` is `provider`, `desk` (at the provider, not by us) or `person` (another way, with your "
        "`reference`). Of it `waived` is not owed again."
    ),
    EventType.REFUND_FAILED: (
        "The money is still, or (`undone`) again, yours: `reason` says why. It can be tried again, or given back another way."
    ),
    EventType.DELIVERY_SENT: "The vendor took the message.",
    EventType.DELIVERY_DELIVERED: "The message is on the payer's device.",
    EventType.DELIVERY_READ: "The payer has read the message.",
    EventType.DELIVERY_FAILED: (
        "The message did not arrive; `code` is the vendor's, or ours: `out_of_tries`, `overtaken` (the next channel was taken), "
        "`no_account`, `suppressed_stopped`, `suppressed_unreachable`, `fault` (our own, at every try: `achit tasks --dead` has it)."
    ),
    EventType.DELIVERY_UNKNOWN: (
        "The vendor did not say whether it took the message; it is asked before anything is resent. With the `code` `fault` our own "
        "code failed at every try, and nothing is resent."
    ),
    EventType.DELIVERY_REVOKED: "A queued message was not sent, because it was no longer true.",
    EventType.DELIVERY_IMPOSSIBLE: "There was no way left to reach the payer.",
    EventType.PAYER_STOPPED: (
        "No more messages go to this address: `reason` is `stopped` (the payer's wish), `unreachable` (it is dead) or "
        "`left` (the payer has another number now, and this one may be somebody else's)."
    ),
    EventType.PAYER_STARTED: "The payer wants messages on this channel again.",
    EventType.PAYER_BOUND: "A chat was bound to the payer by a single-use link.",
    EventType.MESSAGE_RECEIVED: "The payer wrote something; `intent` is what was understood.",
    EventType.MESSAGE_SENT: "The payer was answered: `text`, by `author` (`achit`, or `biller`: a person through the API).",
    EventType.PERSON_WANTED: "The payer wants a person, or was not understood twice; answer with `POST /v1/conversations/{id}/messages`.",
    EventType.PROMISE_MADE: "The payer promised to pay on `on`; the reminders wait until that day is over.",
    EventType.PROMISE_KEPT: "The invoice was settled by the end of the promised day.",
    EventType.PROMISE_BROKEN: "The promised day is over, and the invoice is still owed.",
    EventType.PROMISE_WITHDRAWN: "The promise no longer stands: a newer one, another answer, or a void invoice took its place.",
    EventType.ALREADY_PAID: "The payer says that it has been paid: `how`, `on` and `reference` where they were said.",
    EventType.DISPUTE_OPENED: "The payer disputes the invoice: `reason` is `not_mine`, `wrong_amount` or `other`, `text` their words.",
    EventType.DISPUTE_CLOSED: "The dispute is over: the biller closed it, or the invoice was settled or void.",
    EventType.PLAN_WANTED: "The payer wants to pay in parts, within the biller's policy: `parts`.",
    EventType.REMINDER_PLANNED: "A reminder was set: `source` is `policy`, `payer` or `biller`, `at` when it is due.",
    EventType.REMINDER_HELD: "A reminder waits until `until`; `reason` says for what.",
    EventType.REMINDER_SKIPPED: "A reminder is left out for good; `reason` says why.",
    EventType.REMINDER_SENT: "A reminder went out; `delivery` carries it, with `reminders` in one message.",
    EventType.REMINDER_REVOKED: "A reminder will not be sent any more; `reason` says why.",
    EventType.ENDPOINT_DISABLED: "A push endpoint answered 410 and gets no more pushes.",
    EventType.PUSH_DEAD: "A push was out of tries; it can be replayed.",
}


# For who looks into one decision: an endpoint that takes all types is not pushed these.
QUIET = frozenset({EventType.PAYMENT_ROUTED})


def wanted(types: Collection[str], event_type: str) -> bool:
    """Whether an endpoint of these types (none: all) is pushed an event."""
    return event_type in types if types else event_type not in QUIET


@dataclass(frozen=True, slots=True)
class NewEvent:
    """A fact about to be committed. `data` is what the type adds to the invoice's own state."""

    type: EventType
    data: dict[str, Any] = field(default_factory=dict)


@lru_cache(maxsize=1024)  # most instants of an invoice are one instant
def instant(at: datetime) -> str:
    """RFC 3339 in UTC with milliseconds, which is what the clock gives and the database keeps."""
    return at.astimezone(UTC).isoformat(timespec="milliseconds")[:-6] + "Z"

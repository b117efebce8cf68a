"""The rules of money. `apply` turns one observation into what must change; it decides everything and does nothing.

The provider's figures are cumulative and may come late, doubled and out of order, so every sum here only grows: what was
received, and what was taken back of it. States move forward by the table; money is counted whatever the state.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum

from gateway.domain.events import EventType, NewEvent
from gateway.domain.invoices import Invoice, InvoiceStatus, status_after
from gateway.ports.provider import PaymentStatus, PaymentUpdate, Transfer
from gateway.ports.values import Money


class AttemptStatus(StrEnum):
    CREATED = "created"  # reserved; the provider has not been told, or has not answered
    UNKNOWN = "unknown"  # the provider was told and did not answer: asked, never guessed
    PENDING = "pending"  # the provider opened it; the payer is there
    ACCEPTED = "accepted"  # the bank took it; the money is under way
    FAILED = "failed"
    EXPIRED = "expired"
    CANCELLED = "cancelled"
    PAID = "paid"
    REVERSED = "reversed"


A = AttemptStatus
OPEN = (A.CREATED, A.UNKNOWN, A.PENDING, A.ACCEPTED)
CLOSABLE = (
    *OPEN,
    A.EXPIRED,
    A.FAILED,
)  # a provider may keep a session open after our time for it, and after a declined card
LATE = (A.FAILED, A.EXPIRED, A.CANCELLED)
# Where a provider cannot close a session, or takes another card after one that it declined, money may come until the session is over.
AFTERWARDS = timedelta(hours=1)
SILENT_FOR = timedelta(
    days=60
)  # how long what the payer transfers from their own bank is waited for; later money counts too

UNANSWERED = timedelta(seconds=60)  # a call that opens a payment has ended by then

_BEFORE_MONEY = frozenset({A.ACCEPTED, A.FAILED, A.EXPIRED, A.CANCELLED, A.PAID, A.REVERSED})
MOVES: dict[AttemptStatus, frozenset[AttemptStatus]] = {
    A.CREATED: _BEFORE_MONEY | {A.PENDING, A.UNKNOWN},
    A.UNKNOWN: _BEFORE_MONEY | {A.PENDING},
    A.PENDING: _BEFORE_MONEY,
    A.ACCEPTED: frozenset({A.FAILED, A.CANCELLED, A.PAID, A.REVERSED}),
    A.EXPIRED: frozenset({A.ACCEPTED, A.FAILED, A.CANCELLED, A.PAID, A.REVERSED}),
    A.FAILED: frozenset({A.ACCEPTED, A.PAID, A.REVERSED}),  # a card declined once may be accepted on the same page
    A.CANCELLED: frozenset({A.ACCEPTED, A.PAID, A.REVERSED}),
    A.PAID: frozenset({A.REVERSED}),
    A.REVERSED: frozenset(),
}

_SAYS: dict[PaymentStatus, AttemptStatus] = {
    PaymentStatus.PENDING: A.PENDING,
    PaymentStatus.ACCEPTED: A.ACCEPTED,
    PaymentStatus.PAID: A.PAID,
    PaymentStatus.FAILED: A.FAILED,
    PaymentStatus.EXPIRED: A.EXPIRED,
    PaymentStatus.CANCELLED: A.CANCELLED,
    PaymentStatus.REVERSED: A.REVERSED,
}
_EVENT_OF: dict[AttemptStatus, EventType] = {
    A.ACCEPTED: EventType.PAYMENT_ACCEPTED,
    A.FAILED: EventType.PAYMENT_FAILED,
    A.EXPIRED: EventType.PAYMENT_EXPIRED,
    A.CANCELLED: EventType.PAYMENT_CANCELLED,
}


@dataclass(frozen=True, slots=True)
class Attempt:
    """A row of payment_attempt. `received_minor`, `reversed_minor` and `refunded_minor` are the provider's cumulative figures."""

    id: int
    biller_id: int
    invoice_id: int
    account_id: int
    method: str
    status: AttemptStatus
    currency: str
    amount_minor: int
    received_minor: int
    reversed_minor: int
    external_id: str | None
    reference: str
    locale: str
    choice: str | None
    redirect_url: str | None
    hand_over: Mapping[str, Mapping[str, str]] | None
    reason: str | None
    expires_at: datetime
    closing_at: datetime | None
    polls: int
    created_at: datetime
    updated_at: datetime
    fee_minor: int | None = None
    fee_known: bool = False
    refunded_minor: int = 0

    @property
    def amount(self) -> Money:
        return Money(self.amount_minor, self.currency)

    @property
    def fee(self) -> Money | None:
        """What the vendor keeps: its own word where `fee_known`, else by the biller's table; None: neither says."""
        return None if self.fee_minor is None else Money(self.fee_minor, self.currency)

    def unanswered(self, now: datetime) -> bool:
        """Whether nobody knows if the provider opened it: told, and no answer came, or came to us."""
        silent = self.status is A.CREATED and self.external_id is None and now >= self.created_at + UNANSWERED
        return self.status is A.UNKNOWN or silent

    @property
    def form(self) -> Mapping[str, str] | None:
        """The fields that the payer's browser posts to `redirect_url`, where the vendor wants a form."""
        return (self.hand_over or {}).get("form")

    @property
    def transfer(self) -> Transfer | None:
        """What the payer types into their own bank, where no vendor opened anything."""
        typed = (self.hand_over or {}).get("transfer")
        return Transfer(**typed) if typed else None

    @property
    def open(self) -> bool:
        return self.status in OPEN

    @property
    def silent(self) -> bool:
        """Whether nobody can be asked how it goes: the payer was told what to type into their own bank, and may, some day."""
        return self.transfer is not None

    @property
    def awaited(self) -> bool:
        """Whether a payer was sent to a provider whose answer is not known yet."""
        return self.open and self.external_id is not None and self.closing_at is None and not self.silent

    def polled_at(self, now: datetime) -> bool:
        """Whether money may still come, so that the provider is asked."""
        if self.status in (A.FAILED, A.CANCELLED):
            return self.external_id is not None and now < self.expires_at + AFTERWARDS
        return self.status in OPEN or self.status is A.EXPIRED


class Verdict(StrEnum):
    APPLIED = "applied"
    REPEATED = "repeated"  # nothing in it was new
    MISMATCH = "mismatch"  # it does not fit what was asked; a person must look


@dataclass(frozen=True, slots=True)
class RefundDue:
    amount: Money
    reason: str  # duplicate, overpaid, void


@dataclass(frozen=True, slots=True)
class Applied:
    """What one observation changes. `delta` is what the invoice's paid sum moves by (negative on a reversal)."""

    verdict: Verdict
    status: AttemptStatus
    received_minor: int
    reversed_minor: int
    delta: Money
    invoice_status: InvoiceStatus
    paid_minor: int
    settles: bool = False
    reopens: bool = False
    events: tuple[NewEvent, ...] = ()
    refund: RefundDue | None = None
    reason: str | None = field(default=None)


def apply(invoice: Invoice, attempt: Attempt, update: PaymentUpdate) -> Applied:
    """What `update` changes on `attempt` and `invoice`. Pure; the same update again gives REPEATED."""
    misfit = _misfit(attempt, update)
    if misfit:
        return _unchanged(invoice, attempt, Verdict.MISMATCH, misfit)

    received = max(attempt.received_minor, update.received.minor if update.received else 0)
    taken_back = max(attempt.reversed_minor, update.reversed.minor if update.reversed else 0)
    given_back = max(attempt.refunded_minor, update.refunded.minor if update.refunded else 0)
    all_gone = attempt.status is A.REVERSED and attempt.received_minor <= attempt.reversed_minor + given_back
    if update.reversed is None and (all_gone or update.status is PaymentStatus.REVERSED):
        taken_back = max(taken_back, received - given_back)  # also what is heard of only after it was taken back
    if update.received is None:
        received = max(received, taken_back)  # what was taken back had come
    if taken_back > received:
        return _unchanged(invoice, attempt, Verdict.MISMATCH, "more was reversed than was received")

    delta = Money((received - taken_back) - (attempt.received_minor - attempt.reversed_minor), attempt.currency)
    said = _SAYS[update.status]
    status = said if said in MOVES[attempt.status] else attempt.status
    if status is attempt.status and not delta.minor and received == attempt.received_minor:
        return _unchanged(invoice, attempt, Verdict.REPEATED)

    money = credit(invoice, delta, late=attempt.status in LATE)
    moved: tuple[NewEvent, ...] = ()
    if status is not attempt.status and status in _EVENT_OF:
        moved = (NewEvent(_EVENT_OF[status], {"reason": update.reason} if update.reason else {}),)
    return Applied(
        Verdict.APPLIED,
        status,
        received,
        taken_back,
        delta,
        money.invoice_status,
        money.paid_minor,
        settles=money.settles,
        reopens=money.reopens,
        events=moved + money.events,
        refund=money.refund,
        reason=update.reason,
    )


@dataclass(frozen=True, slots=True)
class Credit:
    """What a change of the paid sum means for the invoice."""

    invoice_status: InvoiceStatus
    paid_minor: int
    settles: bool
    reopens: bool
    events: tuple[NewEvent, ...]
    refund: RefundDue | None


def credit(invoice: Invoice, delta: Money, *, late: bool = False) -> Credit:
    """Books `delta` on the invoice: settled, in part, too much, twice, on a void one, or taken back.

    Serves a provider's money and money received elsewhere alike.
    """
    paid = invoice.paid_minor + delta.minor
    status = status_after(invoice.status, invoice.amount_minor, paid)
    if not delta.minor:
        return Credit(invoice.status, invoice.paid_minor, False, False, (), None)
    amount = {"amount": shown(delta if delta.minor > 0 else Money(-delta.minor, delta.currency))}
    if delta.minor < 0:
        reopens = invoice.status is InvoiceStatus.PAID and status is not InvoiceStatus.PAID
        events = [NewEvent(EventType.PAYMENT_REVERSED, amount)]
        if reopens:
            events.append(NewEvent(EventType.INVOICE_REOPENED))
        return Credit(status, paid, False, reopens, tuple(events), None)

    events = [NewEvent(EventType.PAYMENT_RECEIVED, amount | ({"late": True} if late else {}))]
    refund: RefundDue | None = None
    settles = False
    if invoice.status is InvoiceStatus.VOID:
        events.append(NewEvent(EventType.PAYMENT_ON_VOID, amount))
        refund = RefundDue(delta, "void")
    elif invoice.status is InvoiceStatus.PAID:
        events.append(NewEvent(EventType.PAYMENT_DUPLICATE, amount))
        refund = RefundDue(delta, "duplicate")
    elif status is InvoiceStatus.PAID:
        settles = True
        events.append(NewEvent(EventType.INVOICE_PAID))
        excess = Money(paid - invoice.amount_minor, invoice.currency)
        if excess.minor:
            events.append(NewEvent(EventType.INVOICE_OVERPAID, {"excess": shown(excess)}))
            refund = RefundDue(excess, "overpaid")
    else:
        events.append(NewEvent(EventType.INVOICE_PARTLY_PAID))
    if refund:
        events.append(NewEvent(EventType.REFUND_DUE, {"amount": shown(refund.amount), "reason": refund.reason}))
    return Credit(status, paid, settles, False, tuple(events), refund)


def shown(money: Money) -> dict[str, str]:
    """Money as JSON shows it: `{"value": "123.45", "currency": "RON"}`."""
    return {"value": money.value, "currency": money.currency}


def _misfit(attempt: Attempt, update: PaymentUpdate) -> str | None:
    for money in (update.received, update.reversed, update.refunded):
        if money is not None and money.currency != attempt.currency:
            return "the currency is not the one that was asked"
        if money is not None and money.minor < 0:
            return "an amount is below zero"
    if update.status is PaymentStatus.PAID and not (update.received and update.received.minor):
        return "it says paid and names no amount"
    if update.refunded and update.refunded.minor > max(
        update.received.minor if update.received else 0, attempt.received_minor
    ):
        return "more was given back than was received"
    return None


def _unchanged(invoice: Invoice, attempt: Attempt, verdict: Verdict, reason: str | None = None) -> Applied:
    events = (NewEvent(EventType.PAYMENT_MISMATCH, {"reason": reason}),) if verdict is Verdict.MISMATCH else ()
    return Applied(
        verdict,
        attempt.status,
        attempt.received_minor,
        attempt.reversed_minor,
        Money(0, attempt.currency),
        invoice.status,
        invoice.paid_minor,
        events=events,
        reason=reason,
    )


def transfer_open(attempts: Sequence[Attempt]) -> Attempt | None:
    """The transfer that the payer was last told how to make, as long as it may be made."""
    return next((one for one in reversed(attempts) if one.silent and one.open and one.closing_at is None), None)


def transfer_for(attempts: Sequence[Attempt]) -> Attempt | None:
    """The attempt to which money belongs that came by bank transfer: the one that is open, else the last that is over unpaid."""
    over = (
        one for one in reversed(attempts) if one.silent and one.status in CLOSABLE + LATE and not one.received_minor
    )
    return transfer_open(attempts) or next(over, None)


def next_poll(polls: int, age_s: float, steps: Sequence[int] = ()) -> float | None:
    """Seconds to the next poll, or None after 60 days.

    `steps` are the biller's own intervals, of which the last repeats; without any, the ladder of DESIGN.md.
    """
    if age_s > GIVEN_UP_AFTER.total_seconds():
        return None
    ladder = steps or _LADDER
    return float(ladder[min(polls, len(ladder) - 1)])


# Fast at first; while somebody watches, the page asks for more than this.
_LADDER = (10, 20, 30, 60, 300, 900, 3_600, 21_600, 86_400)
GIVEN_UP_AFTER = timedelta(days=60)
WATCHED_POLL_S = 2.0

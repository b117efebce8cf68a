"""The rules of money that goes back to a payer. Everything here decides and does nothing.

A refund has an `amount`. `owed` of it is the payer's own: what came beyond the debt. `counts` of it comes off the invoice's
paid sum once it is done; the rest is not owed again. What is owed by all refunds that are not finished is the invoice's excess.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from gateway.domain.invoices import Invoice, InvoiceStatus, status_after
from gateway.domain.payments import Attempt, next_poll
from gateway.ports.values import Money


class RefundState(StrEnum):
    DUE = "due"  # for a person: give it back, and say so
    CREATED = "created"  # reserved; the provider has not been told, or has not answered
    UNKNOWN = "unknown"  # the provider was told and did not answer: asked, never guessed
    PENDING = "pending"  # the provider took it
    DONE = "done"
    FAILED = "failed"  # the provider did not give it back, or it came back to the biller: for a person
    CLOSED = "closed"  # nothing is left of it: the money went back another way


class RefundReason(StrEnum):
    DUPLICATE = "duplicate"
    OVERPAID = "overpaid"
    VOID = "void"
    REQUESTED = "requested"
    FRAUD = "fraud"


class By(StrEnum):
    """Who gave it back."""

    PROVIDER = "provider"  # asked by us
    DESK = "desk"  # at the provider, by somebody else; we found it there
    PERSON = "person"  # another way, by the biller's word


R = RefundState
UNDER_WAY = (R.CREATED, R.UNKNOWN, R.PENDING)
UNFINISHED = (R.DUE, *UNDER_WAY, R.FAILED)
FOR_A_PERSON = (R.DUE, R.FAILED)
EXCESS = (RefundReason.DUPLICATE, RefundReason.OVERPAID, RefundReason.VOID)
MOVES: dict[RefundState, frozenset[RefundState]] = {
    R.DUE: frozenset({R.CREATED, R.DONE, R.CLOSED}),
    R.CREATED: frozenset({R.UNKNOWN, R.PENDING, R.DONE, R.FAILED}),
    R.UNKNOWN: frozenset({R.PENDING, R.DONE, R.FAILED}),
    R.PENDING: frozenset({R.DONE, R.FAILED}),
    R.DONE: frozenset({R.FAILED}),
    R.FAILED: frozenset({R.CREATED, R.DONE, R.CLOSED}),
    R.CLOSED: frozenset(),
}


@dataclass(frozen=True, slots=True)
class Refund:
    """A row of the refund table. Of money that came elsewhere `line_id` is the line of the ledger that booked it.

    `told`: the provider may know of it by the key of this `round`; `before_minor` is what had gone back of the payment then. `code` says
    why it failed, `reference` how a person gave it back.
    """

    id: int
    biller_id: int
    invoice_id: int
    attempt_id: int | None
    line_id: int | None
    state: RefundState
    reason: RefundReason
    given_by: By | None
    currency: str
    amount_minor: int
    owed_minor: int
    counts_minor: int
    before_minor: int
    round: int
    told: bool
    external_id: str | None
    reference: str | None
    code: str | None
    asked: dict[str, Any] | None
    polls: int
    created_at: datetime
    updated_at: datetime
    done_at: datetime | None

    @property
    def amount(self) -> Money:
        return Money(self.amount_minor, self.currency)

    @property
    def waived_minor(self) -> int:
        """What of it the payer does not owe again."""
        return self.amount_minor - self.counts_minor

    @property
    def under_way(self) -> bool:
        return self.state in UNDER_WAY

    @property
    def uncertain(self) -> bool:
        """Whether the provider's sum may or may not hold it."""
        return self.state in (R.CREATED, R.UNKNOWN)

    @property
    def of(self) -> tuple[int | None, int | None]:
        """The payment that it gives back."""
        return self.attempt_id, self.line_id


def gone_before(refund: Refund, attempt: Attempt, refunds: Iterable[Refund]) -> int | None:
    """What went back of a payment before this refund, as the provider counts it. None: another one of the payment is uncertain.

    Two at once could not be told apart by a provider that takes no key: it compares its own sum with this one.
    """
    others = [row for row in refunds if row.id != refund.id and row.attempt_id == refund.attempt_id]
    if any(row.uncertain and row.told for row in others):
        return None
    return attempt.refunded_minor + sum(row.amount_minor for row in others if row.state is R.PENDING)


def left(kept_minor: int, of: tuple[int | None, int | None], refunds: Iterable[Refund]) -> int:
    """What can still be given back of one payment. `kept_minor` is what came in, less what was taken back.

    What is done, under way, or promised to be given by hand is not there any more.
    """
    gone = 0
    for refund in refunds:
        promised = refund.state is R.DUE and refund.reason not in EXCESS
        if refund.of == of and (refund.state is R.DONE or refund.under_way or promised):
            gone += refund.amount_minor
    return max(0, kept_minor - gone)


@dataclass(frozen=True, slots=True)
class Taken:
    """Refunds that another one makes superfluous, as they are afterwards, and how much of that was owed."""

    rows: tuple[Refund, ...]
    owed_minor: int


def take_over(amount_minor: int, of: tuple[int | None, int | None], refunds: Sequence[Refund]) -> Taken:
    """What giving back `amount_minor` of a payment leaves of the refunds that wait for a person: what is owed first."""
    waiting = [
        row
        for row in refunds
        if (row.state is R.DUE and row.reason in EXCESS) or (row.state is R.FAILED and (row.owed_minor or row.of == of))
    ]
    rows, owed = [], 0
    for row in sorted(waiting, key=lambda row: (not row.owed_minor, row.of != of, -row.id)):
        part = min(row.amount_minor, amount_minor)
        if part > 0:
            owed += min(row.owed_minor, part)
            rows.append(less(row, part))
            amount_minor -= part
    return Taken(tuple(rows), owed)


def less(row: Refund, part: int) -> Refund:
    """A refund that waits, when `part` of it went another way; one of which nothing is left is closed and keeps its amount."""
    if part >= row.amount_minor:
        return replace(row, state=R.CLOSED, owed_minor=0)
    return replace(
        row,
        amount_minor=row.amount_minor - part,
        owed_minor=max(0, row.owed_minor - part),
        counts_minor=max(0, row.counts_minor - part),
    )


def excess(invoice: Invoice) -> int:
    """What was paid beyond the debt, and is the payer's."""
    asked = 0 if invoice.status is InvoiceStatus.VOID else invoice.amount_minor
    return max(0, invoice.paid_minor - asked)


def owed(refunds: Iterable[Refund]) -> int:
    return sum(row.owed_minor for row in refunds if row.state in UNFINISHED)


def no_longer_owed(invoice: Invoice, of: tuple[int | None, int | None], refunds: Sequence[Refund]) -> list[Refund]:
    """The refunds that change when less is owed to the payer than they say, as they are afterwards; those of the payment first.

    What was due is not due any more. What is under way cannot be called back: it will come off the debt.
    """
    over = owed(refunds) - excess(invoice)
    place = {R.DUE: 0, R.FAILED: 1}
    changed = []
    for row in sorted(refunds, key=lambda row: (place.get(row.state, 2), row.of != of, -row.id)):
        part = min(row.owed_minor, over) if row.state in UNFINISHED else 0
        if part > 0:
            waits = row.state in FOR_A_PERSON and row.reason in EXCESS
            changed.append(less(row, part) if waits else replace(row, owed_minor=row.owed_minor - part))
            over -= part
    return changed


@dataclass(frozen=True, slots=True)
class Booked:
    """What a refund that is done, or undone, changes on its invoice."""

    invoice_status: InvoiceStatus
    paid_minor: int
    refunded_minor: int
    settles: bool
    reopens: bool


def book(invoice: Invoice, refund: Refund, *, undone: bool = False) -> Booked:
    """A refund was given back, or (`undone`) came back to the biller after it was."""
    sign = -1 if undone else 1
    paid = invoice.paid_minor - sign * refund.counts_minor
    status = status_after(invoice.status, invoice.amount_minor, paid)
    was, is_ = invoice.status is InvoiceStatus.PAID, status is InvoiceStatus.PAID
    return Booked(status, paid, invoice.refunded_minor + sign * refund.amount_minor, is_ and not was, was and not is_)


@dataclass(frozen=True, slots=True)
class Seen:
    """What a provider's sum of money given back says beside our own refunds.

    `desk_minor` was given back there by somebody else, `by_hand` are those of which a person told us before, `undone` came back to
    the biller, `ask` are to be asked about. `look`: the sum cannot be believed before the provider is asked once more.
    """

    desk_minor: int = 0
    by_hand: tuple[Refund, ...] = ()
    undone: tuple[Refund, ...] = ()
    ask: tuple[Refund, ...] = ()
    look: bool = False


def seen(figure: int, attempt: Attempt, refunds: Iterable[Refund], *, asked_at: datetime | None) -> Seen:
    """Compares the provider's cumulative figure with the refunds of the attempt that are booked or under way.

    `asked_at`: when the provider was asked for it; None for a webhook. A webhook may be old, and the sum may have fallen since: what
    is new in it is asked for before it is believed. So is a sum that may still hold a refund which has failed meanwhile.
    """
    mine = [row for row in refunds if row.attempt_id == attempt.id]
    done = [row for row in mine if row.state is R.DONE]
    own, desk = ([row for row in done if row.given_by is by] for by in (By.PROVIDER, By.DESK))
    under_way = [row for row in mine if row.under_way]
    if figure < attempt.refunded_minor:
        drop = attempt.refunded_minor - figure - _sum(own)
        if asked_at is None or drop <= 0:
            return Seen(ask=tuple(own), look=drop > 0)
        undone = []
        for row in sorted(desk, key=lambda row: -row.id):
            if drop > 0:
                undone.append(row)
                drop -= row.amount_minor
        return Seen(max(0, -drop), undone=tuple(undone), ask=tuple(own))  # the desk's are known by their sum alone
    if figure == attempt.refunded_minor:
        return Seen()
    extra = figure - attempt.refunded_minor - _sum(under_way)
    if extra <= 0 or any(row.uncertain for row in under_way):  # whether one of these is in it is not known yet
        return Seen(ask=tuple(under_way))
    if asked_at is None or any(row.state is R.FAILED and row.told and row.updated_at > asked_at for row in mine):
        return Seen(ask=tuple(under_way), look=True)
    by_hand = []
    for row in done:
        if row.given_by is By.PERSON and row.amount_minor <= extra:
            by_hand.append(row)
            extra -= row.amount_minor
    return Seen(extra, tuple(by_hand), ask=tuple(under_way))


def _sum(refunds: Iterable[Refund]) -> int:
    return sum(row.amount_minor for row in refunds)


# A refund that is done is asked about now and then: a card's bank may send it back for weeks.
_AGAIN = (86_400.0, 7 * 86_400.0, 22 * 86_400.0)


def wait(refund: Refund, now: datetime) -> timedelta | None:
    """The time until a refund is asked about again; None: no more."""
    if refund.state is R.DONE:
        return timedelta(seconds=_AGAIN[refund.polls]) if refund.polls < len(_AGAIN) else None
    seconds = next_poll(refund.polls, (now - refund.created_at).total_seconds())
    return None if seconds is None else timedelta(seconds=seconds)

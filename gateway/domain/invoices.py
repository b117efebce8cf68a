"""What is owed: the invoice, its states, and what its icon shows."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from typing import Any

from gateway.ports.values import Money


class InvoiceStatus(StrEnum):
    """OPEN and PARTLY_PAID can be paid. PAID reopens only by a reversal; VOID never."""

    OPEN = "open"
    PARTLY_PAID = "partly_paid"
    PAID = "paid"
    VOID = "void"


PAYABLE = (InvoiceStatus.OPEN, InvoiceStatus.PARTLY_PAID)


class IconState(StrEnum):
    """What the status icon says: grey open, amber processing or partly paid, green paid, red overdue, struck void."""

    OPEN = "open"
    PROCESSING = "processing"
    PARTLY_PAID = "partly_paid"
    PAID = "paid"
    OVERDUE = "overdue"
    VOID = "void"


@dataclass(frozen=True, slots=True)
class Invoice:
    """A row of the invoice table. `details` is the request as it was accepted, with the payer as named in it."""

    id: int
    biller_id: int
    payer_id: int
    number: str
    status: InvoiceStatus
    currency: str
    amount_minor: int
    paid_minor: int
    issued_on: date
    due_on: date
    details: dict[str, Any]
    link_version: int
    created_at: datetime
    updated_at: datetime
    settled_at: datetime | None
    refunded_minor: int = 0  # all that was given back, whether or not it is owed again

    @property
    def amount(self) -> Money:
        return Money(self.amount_minor, self.currency)

    @property
    def paid(self) -> Money:
        return Money(self.paid_minor, self.currency)

    @property
    def outstanding(self) -> Money:
        """What is still owed; never below zero, and never more than was asked, even where more was taken back than had come."""
        return Money(min(self.amount_minor, max(0, self.amount_minor - self.paid_minor)), self.currency)

    @property
    def refunded(self) -> Money:
        return Money(self.refunded_minor, self.currency)

    @property
    def payable(self) -> bool:
        return self.status in PAYABLE


def status_after(current: InvoiceStatus, amount_minor: int, paid_minor: int) -> InvoiceStatus:
    """The state that the sums imply. A void invoice stays void whatever money comes."""
    if current is InvoiceStatus.VOID:
        return current
    if paid_minor >= amount_minor:
        return InvoiceStatus.PAID
    return InvoiceStatus.PARTLY_PAID if paid_minor > 0 else InvoiceStatus.OPEN


_FIXED_ICON = {
    InvoiceStatus.PAID: IconState.PAID,
    InvoiceStatus.VOID: IconState.VOID,
    InvoiceStatus.PARTLY_PAID: IconState.PARTLY_PAID,
}


def icon_state(status: InvoiceStatus, due_on: date, today: date, *, processing: bool) -> IconState:
    """`processing`: a payment is under way. `today` is the date where the biller is."""
    if status in (InvoiceStatus.PAID, InvoiceStatus.VOID):
        return _FIXED_ICON[status]
    if processing:
        return IconState.PROCESSING
    if due_on < today:
        return IconState.OVERDUE
    return _FIXED_ICON.get(status, IconState.OPEN)


def differences(old: dict[str, Any], new: dict[str, Any], prefix: str = "") -> list[str]:
    """The paths at which two requests differ (`payer.phone`), so that a refusal can name them."""
    paths: list[str] = []
    for key in sorted(old.keys() | new.keys()):
        before, after = old.get(key), new.get(key)
        if before == after:
            continue
        if isinstance(before, dict) and isinstance(after, dict):
            paths += differences(before, after, f"{prefix}{key}.")
        else:
            paths.append(f"{prefix}{key}")
    return paths

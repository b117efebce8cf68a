"""Whether a payer who presses Pay in a chat may go on, as things stand at that moment. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum

from gateway.domain.invoices import Invoice, InvoiceStatus
from gateway.domain.payments import Attempt, AttemptStatus
from gateway.ports.values import Money


class Refusal(StrEnum):
    """Why not; `checkout.<name>` of the catalogue says it to the payer. Nothing has been taken in any of these cases."""

    PAID = "paid"
    VOID = "void"
    CHANGED = "changed"  # another amount is owed than the message asks for
    BUSY = "busy"  # a bank has accepted another payment of it
    UNKNOWN = "unknown"  # not a message of ours


def refusal(invoice: Invoice, attempts: Iterable[Attempt], asked: Money) -> Refusal | None:
    """None: the debt is open, it is exactly what was asked, and no other payment of it is under way at a bank."""
    if invoice.status is InvoiceStatus.VOID:
        return Refusal.VOID
    if not invoice.payable:
        return Refusal.PAID
    if asked != invoice.outstanding:
        return Refusal.CHANGED
    if any(attempt.status is AttemptStatus.ACCEPTED for attempt in attempts):
        return Refusal.BUSY
    return None

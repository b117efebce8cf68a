"""Who may go on to pay in a chat, and who is told why not."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any

import pytest

from gateway.domain.checkout import Refusal, refusal
from gateway.domain.invoices import Invoice, InvoiceStatus
from gateway.domain.payments import Attempt, AttemptStatus
from gateway.ports.values import Money

NOW = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)
SUM = Money(10_000, "RON")


def invoice(**changes: Any) -> Invoice:
    row: dict[str, Any] = dict.fromkeys(("id", "biller_id", "payer_id", "link_version"), 1)
    row |= {"number": "F-1", "status": InvoiceStatus.OPEN, "currency": "RON", "amount_minor": 10_000, "paid_minor": 0}
    row |= {"issued_on": date(2026, 11, 1), "due_on": date(2026, 12, 1), "details": {}, "settled_at": None}
    return Invoice(**(row | {"created_at": NOW, "updated_at": NOW} | changes))


def attempt(status: AttemptStatus) -> Attempt:
    row: dict[str, Any] = dict.fromkeys(("id", "biller_id", "invoice_id", "account_id", "polls"), 1)
    row |= {"method": "card", "currency": "RON", "amount_minor": 10_000, "received_minor": 0, "reversed_minor": 0}
    row |= dict.fromkeys(("external_id", "choice", "redirect_url", "hand_over", "reason", "closing_at"))
    return Attempt(**row, status=status, reference="x", locale="ro", expires_at=NOW, created_at=NOW, updated_at=NOW)


@pytest.mark.parametrize(
    ("changes", "asked", "why"),
    [
        ({}, SUM, None),
        ({"status": InvoiceStatus.PARTLY_PAID, "paid_minor": 4_000}, Money(6_000, "RON"), None),
        ({"status": InvoiceStatus.PARTLY_PAID, "paid_minor": 4_000}, SUM, Refusal.CHANGED),
        ({}, Money(9_999, "RON"), Refusal.CHANGED),
        ({}, Money(10_001, "RON"), Refusal.CHANGED),
        ({}, Money(10_000, "EUR"), Refusal.CHANGED),
        ({"status": InvoiceStatus.PAID, "paid_minor": 10_000}, SUM, Refusal.PAID),
        ({"status": InvoiceStatus.PAID, "paid_minor": 10_000}, Money(0, "RON"), Refusal.PAID),
        ({"status": InvoiceStatus.VOID}, SUM, Refusal.VOID),
    ],
)
def test_only_an_open_debt_of_exactly_that_sum(changes: dict[str, Any], asked: Money, why: Refusal | None) -> None:
    assert refusal(invoice(**changes), [], asked) is why


@pytest.mark.parametrize("status", AttemptStatus)
def test_only_a_payment_that_a_bank_has_accepted_is_in_the_way(status: AttemptStatus) -> None:
    expected = Refusal.BUSY if status is AttemptStatus.ACCEPTED else None

    assert refusal(invoice(), [attempt(status)], SUM) is expected

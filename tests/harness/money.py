"""What must hold of an invoice's money after any history: sums, states, facts, and the bank's own books."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from gateway.domain.deliveries import DeliveryState, MessageKind
from gateway.domain.invoices import InvoiceStatus, status_after
from gateway.domain.refunds import UNFINISHED, By, RefundState, excess
from gateway.ports.provider import PaymentStatus
from gateway.ports.values import Money
from gateway.services.invoices import View
from gateway.store.events import Event
from tests.harness.vendors import Payment

S, IS = PaymentStatus, InvoiceStatus
RECEIPTS = (MessageKind.PAYMENT_RECEIVED, MessageKind.PAYMENT_REFUNDED)
# What may happen at the bank to a payment that is in a state: the state after it, and how much has come then.
HAPPENS: dict[PaymentStatus, list[tuple[PaymentStatus, str]]] = {
    S.PENDING: [
        (S.PAID, "all"),
        (S.PAID, "less"),
        (S.PAID, "more"),
        (S.PENDING, "part"),
        (S.ACCEPTED, "same"),
        (S.FAILED, "same"),
        (S.EXPIRED, "same"),
    ],
    S.ACCEPTED: [(S.PAID, "all"), (S.FAILED, "same")],
    S.FAILED: [(S.PAID, "all"), (S.ACCEPTED, "same")],
    S.EXPIRED: [(S.PAID, "all")],
    S.PAID: [(S.REVERSED, "same"), (S.PAID, "taken back in part")],
    S.REVERSED: [],
    S.CANCELLED: [],
}


def sums(view: View, money_elsewhere: int, heard: Sequence[Payment], *, held: bool) -> None:
    """Attempts, ledger and invoice say the same, and it is what was told or asked about, no more and no less."""
    attempts = sum(attempt.received_minor - attempt.reversed_minor for attempt in view.attempts)
    elsewhere = sum(line.delta_minor for line in view.lines if line.attempt_id is None and line.refund_id is None)
    assert elsewhere == money_elsewhere
    done = [row for row in view.refunds if row.state is RefundState.DONE]
    given, waived = (sum(getattr(row, name) for row in done) for name in ("amount_minor", "waived_minor"))
    assert view.invoice.refunded_minor == given == sum(line.refunded_minor for line in view.lines)
    assert view.invoice.paid_minor == attempts + elsewhere - given + waived
    assert view.invoice.paid_minor == sum(line.delta_minor for line in view.lines)
    for attempt in view.attempts:
        told = [p for p in heard if p.id == attempt.external_id]
        figures = (max((p.received for p in told), default=0), max((p.reversed for p in told), default=0))
        known = (attempt.received_minor, attempt.reversed_minor)
        assert known == figures or (held and known <= figures), attempt
        there = [row for row in done if row.attempt_id == attempt.id and row.given_by is not By.PERSON]
        assert attempt.refunded_minor == sum(row.amount_minor for row in there)
    assert sum(row.owed_minor for row in view.refunds if row.state in UNFINISHED) == excess(view.invoice)
    assert all(0 <= row.owed_minor <= row.amount_minor >= row.counts_minor >= 0 for row in view.refunds)


def states(view: View) -> None:
    row = view.invoice
    assert row.status is status_after(row.status, row.amount_minor, row.paid_minor)
    assert (row.settled_at is not None) == (row.status is IS.PAID)
    if not row.payable:
        asking = [d for d in view.deliveries if d.kind not in RECEIPTS]
        assert DeliveryState.QUEUED not in {delivery.state for delivery in asking}
        assert all(attempt.closing_at or attempt.received_minor for attempt in view.attempts if attempt.open)


def facts(view: View, log: Sequence[Event]) -> None:
    """The log has no gap, and its facts add up to the state that they report."""
    assert [event.biller_seq for event in log] == list(range(1, len(log) + 1))
    mine = [event for event in log if event.invoice_id == view.invoice.id]
    assert [event.invoice_seq for event in mine] == list(range(1, len(mine) + 1))
    moved = {"payment.received": 1, "payment.reversed": -1, "refund.succeeded": -1, "refund.failed": 1}
    total = sum(moved[e.type] * _moved(e.data) for e in mine if e.type in moved and _moves(e))
    assert total == view.invoice.paid_minor
    types = [event.type for event in mine]
    assert types.count("invoice.paid") - types.count("invoice.reopened") == (view.invoice.status is IS.PAID)
    assert types.count("invoice.voided") == (view.invoice.status is IS.VOID)


def is_the_banks(view: View, at_the_bank: Sequence[Payment]) -> None:
    """Every leu that the bank has, took back or gave back is in our books, and none more."""
    by_id = {payment.id: payment for payment in at_the_bank}
    for attempt in view.attempts:
        if attempt.external_id is not None:
            there = by_id[attempt.external_id]
            pending = [r for r in view.refunds if r.attempt_id == attempt.id and r.state is RefundState.PENDING]
            given = attempt.refunded_minor + sum(row.amount_minor for row in pending)
            assert (attempt.received_minor, attempt.reversed_minor, given) == (
                there.received,
                there.reversed,
                there.refunded,
            )


def adds_up(shown: dict[str, Any]) -> None:
    """An operator can say where every leu went, by what the API shows of an invoice and nothing else."""

    def total(rows: list[dict[str, Any]], of: str) -> int:
        return sum(_minor(row[of]) for row in rows)

    done = [row for row in shown["refunds"] if row["state"] == "done"]
    paid, refunded = (total([shown], name) for name in ("paid", "refunded"))
    assert paid == total(shown["payments"], "received") - total(done, "amount") + total(done, "waived")
    assert refunded == total(shown["payments"], "refunded") == total(done, "amount")
    waiting = total([row for row in shown["refunds"] if row["state"] not in ("done", "closed")], "amount")
    asked = 0 if shown["status"] == "void" else total([shown], "amount")
    assert waiting >= paid - asked  # nothing that is the payer's is forgotten


def _moves(event: Event) -> bool:
    """A refund that fails before it was done moves nothing."""
    return event.type != "refund.failed" or "undone" in event.data


def _moved(data: dict[str, Any]) -> int:
    """What an event says of the paid sum: what went back and is not owed again stays in it."""
    return _minor(data["amount"]) - (_minor(data["waived"]) if "waived" in data else 0)


def _minor(money: dict[str, str]) -> int:
    """Below zero too, as the paid sum may be."""
    sign = -1 if money["value"].startswith("-") else 1
    return sign * Money.parse(money["value"].removeprefix("-"), money["currency"]).minor

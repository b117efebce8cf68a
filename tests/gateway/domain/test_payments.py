"""The rules of money as pure functions: what one observation changes, whatever the order in which observations come."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.domain.events import EventType
from gateway.domain.invoices import Invoice, InvoiceStatus
from gateway.domain.payments import (
    LATE,
    MOVES,
    OPEN,
    Applied,
    Attempt,
    AttemptStatus,
    Verdict,
    apply,
    credit,
    next_poll,
)
from gateway.ports.provider import PaymentStatus, PaymentUpdate
from gateway.ports.values import Money
from gateway.testing.clock import START

A, S, IS = AttemptStatus, PaymentStatus, InvoiceStatus
RON = "RON"


def invoice(amount: int = 100, paid: int = 0, status: InvoiceStatus = IS.OPEN) -> Invoice:
    day = date(2026, 11, 20)
    return Invoice(1, 1, 1, "F-1", status, RON, amount, paid, day, day, {}, 0, START, START, None)


def attempt(status: AttemptStatus = A.PENDING, received: int = 0, taken_back: int = 0) -> Attempt:
    return Attempt(
        id=1,
        biller_id=1,
        invoice_id=1,
        account_id=1,
        method="bank",
        status=status,
        currency=RON,
        amount_minor=100,
        received_minor=received,
        reversed_minor=taken_back,
        external_id="x1",
        reference="F-1-1",
        locale="ro",
        choice=None,
        redirect_url=None,
        hand_over=None,
        reason=None,
        expires_at=START + timedelta(minutes=30),
        closing_at=None,
        polls=0,
        created_at=START,
        updated_at=START,
    )


def update(
    status: PaymentStatus, received: int | None = None, taken_back: int | None = None, *, currency: str = RON
) -> PaymentUpdate:
    def money(minor: int | None) -> Money | None:
        return None if minor is None else Money(minor, currency)

    return PaymentUpdate("e1", "x1", status, START, money(received), money(taken_back))


def types(change: Applied) -> list[str]:
    return [event.type.value for event in change.events]


class Books:
    """One invoice and one attempt that take updates one after the other."""

    def __init__(self, amount: int = 100) -> None:
        self.invoice = invoice(amount)
        self.attempt = attempt(A.CREATED)
        self.events: list[str] = []
        self.refunds = 0

    def take(self, said: PaymentUpdate) -> Applied:
        change = apply(self.invoice, self.attempt, said)
        self.attempt = replace(
            self.attempt,
            status=change.status,
            received_minor=change.received_minor,
            reversed_minor=change.reversed_minor,
        )
        self.invoice = replace(self.invoice, status=change.invoice_status, paid_minor=change.paid_minor)
        self.events += types(change)
        self.refunds += change.refund.amount.minor if change.refund else 0
        return change


@pytest.mark.parametrize(
    ("received", "status", "events"),
    [
        (100, IS.PAID, ["payment.received", "invoice.paid"]),
        (60, IS.PARTLY_PAID, ["payment.received", "invoice.partly_paid"]),
        (130, IS.PAID, ["payment.received", "invoice.paid", "invoice.overpaid", "refund.due"]),
    ],
)
def test_what_comes_in_is_booked(received: int, status: InvoiceStatus, events: list[str]) -> None:
    change = apply(invoice(), attempt(), update(S.PAID, received))
    assert (change.verdict, change.status, change.invoice_status) == (Verdict.APPLIED, A.PAID, status)
    assert (change.paid_minor, change.delta) == (received, Money(received, RON))
    assert types(change) == events
    assert change.settles is (received >= 100)
    assert change.refund is None or change.refund.amount == Money(received - 100, RON)


def test_money_on_a_paid_invoice_is_a_duplicate_and_all_of_it_is_due_back() -> None:
    change = apply(invoice(100, 100, IS.PAID), attempt(), update(S.PAID, 100))
    assert types(change) == ["payment.received", "payment.duplicate", "refund.due"]
    assert (change.paid_minor, change.invoice_status, change.settles) == (200, IS.PAID, False)
    assert change.refund
    assert (change.refund.amount, change.refund.reason) == (Money(100, RON), "duplicate")


def test_money_on_a_void_invoice_is_kept_and_due_back() -> None:
    change = apply(invoice(status=IS.VOID), attempt(), update(S.PAID, 100))
    assert types(change) == ["payment.received", "payment.on_void", "refund.due"]
    assert (change.paid_minor, change.invoice_status) == (100, IS.VOID)


def test_a_reversal_reopens_and_names_what_was_taken() -> None:
    change = apply(invoice(100, 100, IS.PAID), attempt(A.PAID, 100), update(S.REVERSED, 100, 100))
    assert types(change) == ["payment.reversed", "invoice.reopened"]
    assert (change.status, change.invoice_status, change.paid_minor) == (A.REVERSED, IS.OPEN, 0)
    assert change.reopens


def test_a_reversal_in_part_leaves_it_partly_paid() -> None:
    change = apply(invoice(100, 100, IS.PAID), attempt(A.PAID, 100), update(S.PAID, 100, 30))
    assert (change.status, change.invoice_status, change.paid_minor) == (A.PAID, IS.PARTLY_PAID, 70)


def test_a_reversal_of_one_of_two_payments_leaves_it_paid() -> None:
    change = apply(invoice(100, 200, IS.PAID), attempt(A.PAID, 100), update(S.REVERSED, 100, 100))
    assert (change.invoice_status, change.reopens, types(change)) == (IS.PAID, False, ["payment.reversed"])


def test_a_reversal_without_figures_takes_back_all_that_came() -> None:
    change = apply(invoice(100, 100, IS.PAID), attempt(A.PAID, 100), update(S.REVERSED))
    assert (change.delta, change.reversed_minor) == (Money(-100, RON), 100)


@pytest.mark.parametrize(
    ("reversal", "paid"),
    [((100, 100), (100, 0)), ((None, 100), (100, 0)), ((None, 100), (100, None)), ((None, None), (100, None))],
)
def test_a_reversal_that_overtakes_its_payment_leaves_nothing_paid(
    reversal: tuple[int | None, int | None], paid: tuple[int, int | None]
) -> None:
    books = Books()
    books.take(update(S.REVERSED, *reversal))
    books.take(update(S.PAID, *paid))
    assert (books.attempt.status, books.invoice.paid_minor, books.invoice.status) == (A.REVERSED, 0, IS.OPEN)


@pytest.mark.parametrize(
    ("said", "why"),
    [
        (update(S.PAID, 100, currency="EUR"), "currency"),
        (update(S.PAID), "names no amount"),
        (update(S.PAID, 0), "names no amount"),
        (update(S.PENDING, -5), "below zero"),
        (update(S.PAID, 50, 60), "more was reversed"),
    ],
)
def test_what_does_not_fit_is_kept_for_a_person_and_moves_nothing(said: PaymentUpdate, why: str) -> None:
    change = apply(invoice(), attempt(), said)
    assert (change.verdict, types(change)) == (Verdict.MISMATCH, ["payment.mismatch"])
    assert why in str(change.reason)
    assert (change.delta.minor, change.status, change.paid_minor, change.refund) == (0, A.PENDING, 0, None)


@pytest.mark.parametrize("status", list(S))
def test_the_same_again_changes_nothing(status: PaymentStatus) -> None:
    books = Books()
    said = update(status, 100, 100 if status is S.REVERSED else 0)
    books.take(said)
    before = (books.attempt, books.invoice, list(books.events))
    assert books.take(said).verdict is Verdict.REPEATED
    assert (books.attempt, books.invoice, books.events) == before


def test_money_that_comes_late_says_so() -> None:
    for status in LATE:
        change = apply(invoice(), attempt(status), update(S.PAID, 100))
        assert change.settles
        assert change.events[0].data["late"] is True
    assert "late" not in apply(invoice(), attempt(), update(S.PAID, 100)).events[0].data


def test_money_counts_though_the_state_may_not_move() -> None:
    """A provider that still says `pending` while a part has come: the part is there."""
    change = apply(invoice(), attempt(), update(S.PENDING, 60))
    assert (change.status, change.paid_minor, types(change)) == (
        A.PENDING,
        60,
        ["payment.received", "invoice.partly_paid"],
    )


def test_states_move_forward_only() -> None:
    into = {after: {before for before in A if after in MOVES[before]} for after in A}
    assert into[A.CREATED] == set()
    assert into[A.UNKNOWN] == {A.CREATED}
    assert into[A.PENDING] == {A.CREATED, A.UNKNOWN}
    assert into[A.PAID] == {*OPEN, *LATE}
    assert MOVES[A.PAID] == {A.REVERSED}
    assert MOVES[A.REVERSED] == frozenset()
    assert all(status not in MOVES[status] for status in A)


def test_an_old_answer_does_not_move_a_newer_state_back() -> None:
    for status in (A.PAID, A.REVERSED, A.ACCEPTED):
        for said in (S.PENDING, S.EXPIRED):
            change = apply(invoice(100, 0), attempt(status), update(said))
            assert (change.verdict, change.status) == (Verdict.REPEATED, status)


FIGURES = st.builds(
    lambda status, received, part: update(status, received, received * part // 10 if status is S.REVERSED else 0),
    st.sampled_from(sorted(S)),
    st.integers(1, 300),
    st.integers(0, 10),
)


@given(st.lists(FIGURES, max_size=8), st.integers(1, 200), st.randoms(use_true_random=False))
@settings(max_examples=200, derandomize=True, deadline=None)
def test_sums_do_not_depend_on_the_order(said: list[PaymentUpdate], amount: int, dice: object) -> None:
    """Doubled and shuffled observations end in the same sums, which are the largest figures that were named."""
    shuffled = [*said, *said]
    dice.shuffle(shuffled)  # type: ignore[attr-defined]
    straight, mixed = Books(amount), Books(amount)
    for books, updates in ((straight, said), (mixed, shuffled)):
        total = 0
        for one in updates:
            change = books.take(one)
            total += change.delta.minor
            assert books.invoice.paid_minor == total == books.attempt.received_minor - books.attempt.reversed_minor
            assert 0 <= books.attempt.reversed_minor <= books.attempt.received_minor
            assert books.invoice.status is (IS.PAID if total >= amount else IS.PARTLY_PAID if total else IS.OPEN)
    received = max((one.received.minor for one in said if one.received), default=0)
    taken_back = max((one.reversed.minor for one in said if one.reversed), default=0)
    for books in (straight, mixed):
        assert (books.attempt.received_minor, books.attempt.reversed_minor) == (received, taken_back)


def test_a_credit_of_nothing_is_nothing() -> None:
    nothing = credit(invoice(), Money(0, RON))
    assert (nothing.events, nothing.settles, nothing.paid_minor) == ((), False, 0)


def test_every_event_of_money_has_a_meaning() -> None:
    seen = {
        event.type
        for received in (60, 100, 130)
        for event in apply(invoice(), attempt(), update(S.PAID, received)).events
    }
    assert seen <= set(EventType)


class TestPolling:
    def test_the_ladder_is_fast_at_first_and_daily_in_the_end(self) -> None:
        assert [next_poll(polls, 0) for polls in range(10)] == [10, 20, 30, 60, 300, 900, 3_600, 21_600, 86_400, 86_400]

    def test_the_billers_own_steps_replace_it_and_the_last_repeats(self) -> None:
        assert [next_poll(polls, 0, (1,)) for polls in range(3)] == [1, 1, 1]
        assert [next_poll(polls, 0, (5, 60)) for polls in range(3)] == [5, 60, 60]

    def test_it_ends_after_sixty_days(self) -> None:
        assert next_poll(99, 60 * 86_400) == 86_400
        assert next_poll(99, 60 * 86_400 + 1) is None
        assert next_poll(99, 61 * 86_400, (1,)) is None

    @pytest.mark.parametrize("status", list(A))
    def test_who_is_asked(self, status: AttemptStatus) -> None:
        expires_at = START + timedelta(minutes=30)
        asked = {
            at: replace(attempt(status), expires_at=expires_at).polled_at(START + timedelta(minutes=at))
            for at in (0, 29, 31, 89, 91, 100_000)
        }
        if status in (A.PAID, A.REVERSED):
            assert not any(asked.values())
        elif status in (A.FAILED, A.CANCELLED):
            assert [minute for minute, yes in asked.items() if yes] == [0, 29, 31, 89]
        else:
            assert all(asked.values())

    def test_nobody_is_asked_about_what_was_never_opened(self) -> None:
        assert not replace(attempt(A.FAILED), external_id=None).polled_at(START)
        assert replace(attempt(A.UNKNOWN), external_id=None).polled_at(START)

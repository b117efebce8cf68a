"""The rules of money that goes back, as pure functions: what is left, what it takes over, what a provider's sum says."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.domain.invoices import Invoice, InvoiceStatus
from gateway.domain.payments import Attempt, AttemptStatus
from gateway.domain.refunds import (
    EXCESS,
    MOVES,
    UNFINISHED,
    By,
    Refund,
    RefundReason,
    RefundState,
    Seen,
    book,
    excess,
    gone_before,
    left,
    less,
    no_longer_owed,
    owed,
    seen,
    take_over,
    wait,
)
from gateway.testing.clock import START

R, IS, Why = RefundState, InvoiceStatus, RefundReason
OF, OTHER = (1, None), (2, None)


def refund(number: int = 1, state: RefundState = R.DUE, amount: int = 100, **changes: Any) -> Refund:
    made = Refund(
        id=number,
        biller_id=1,
        invoice_id=1,
        attempt_id=1,
        line_id=None,
        state=state,
        reason=Why.DUPLICATE,
        given_by=None,
        currency="RON",
        amount_minor=amount,
        owed_minor=amount,
        counts_minor=amount,
        before_minor=0,
        round=0,
        told=False,
        external_id=None,
        reference=None,
        code=None,
        asked=None,
        polls=0,
        created_at=START,
        updated_at=START,
        done_at=None,
    )
    return replace(made, **changes)


def invoice(paid: int, status: InvoiceStatus = IS.PAID, amount: int = 100) -> Invoice:
    day = date(2026, 11, 20)
    return Invoice(1, 1, 1, "F-1", status, "RON", amount, paid, day, day, {}, 0, START, START, None)


def attempt(refunded: int = 0) -> Attempt:
    return Attempt(
        1, 1, 1, 1, "bank", AttemptStatus.PAID, "RON", 1_000, 1_000, 0, "x1", "F-1-1", "ro", None, None, None, None,
        START, None, 0, START, START, refunded,
    )  # fmt: skip


requested = {"reason": Why.REQUESTED, "owed_minor": 0, "counts_minor": 0}
someone = st.builds(
    lambda number, state, amount, share, reason, of: refund(
        number, state, amount, owed_minor=amount * share // 4, reason=reason, attempt_id=of
    ),
    st.integers(1, 10**6),
    st.sampled_from(RefundState),
    st.integers(1, 300),
    st.integers(0, 4),
    st.sampled_from(RefundReason),
    st.sampled_from([1, 2]),
)
some = st.lists(someone, max_size=6, unique_by=lambda row: row.id)


@pytest.mark.parametrize(
    ("rows", "is_left"),
    [
        ([], 100),
        ([refund(state=R.DUE, amount=30)], 100),  # due anyway: it is taken over
        ([refund(state=R.DUE, amount=30, **requested)], 70),  # promised by hand
        ([refund(state=R.FAILED, amount=30)], 100),
        ([refund(state=R.CLOSED, amount=30)], 100),
        *[([refund(state=state, amount=30)], 70) for state in (R.CREATED, R.UNKNOWN, R.PENDING, R.DONE)],
        ([refund(state=R.DONE, amount=30, attempt_id=2)], 100),  # of another payment
        ([refund(number, R.DONE, 60) for number in (1, 2)], 0),
    ],
)
def test_what_is_left(rows: list[Refund], is_left: int) -> None:
    assert left(100, OF, rows) == is_left


def test_no_state_leads_back_to_one_before_but_a_person_who_tries_again() -> None:
    assert MOVES[R.CLOSED] == frozenset()
    assert {state for state, to in MOVES.items() if R.CREATED in to} == {R.DUE, R.FAILED}
    assert MOVES[R.DONE] == {R.FAILED}
    assert all(R.DUE not in to for to in MOVES.values())


@given(some, st.integers(1, 500))
def test_what_is_taken_over_is_what_waits_and_no_more_than_that(rows: list[Refund], amount: int) -> None:
    taken = take_over(amount, OF, rows)
    before = {row.id: row for row in rows}
    gone = 0
    for row in taken.rows:
        was = before[row.id]
        assert was.state in (R.DUE, R.FAILED)
        assert was.state is R.FAILED or was.reason in EXCESS
        gone += was.amount_minor if row.state is R.CLOSED else was.amount_minor - row.amount_minor
    after = [next((new for new in taken.rows if new.id == row.id), row) for row in rows]
    assert gone <= amount
    assert owed(after) + taken.owed_minor == owed(rows)
    assert taken.owed_minor <= amount


def test_what_is_owed_goes_first_and_of_the_same_payment_before_that() -> None:
    rows = [
        refund(1, R.FAILED, 50, **requested),
        refund(2, R.DUE, 50, attempt_id=2),
        refund(3, R.DUE, 50),
    ]
    assert [(row.id, row.state, row.amount_minor) for row in take_over(120, OF, rows).rows] == [
        (3, R.CLOSED, 50),
        (2, R.CLOSED, 50),
        (1, R.FAILED, 30),
    ]
    assert take_over(120, OTHER, rows).owed_minor == 100  # a refund that failed is of its own payment alone
    assert [row.id for row in take_over(120, OTHER, rows).rows] == [2, 3]


@given(some, st.integers(0, 1_500))
def test_no_more_is_owed_than_is_too_much(rows: list[Refund], paid: int) -> None:
    debt = invoice(paid)
    after = {row.id: row for row in rows} | {row.id: row for row in no_longer_owed(debt, OF, rows)}
    assert owed(after.values()) == min(owed(rows), excess(debt))
    for row in rows:
        changed = after[row.id]
        if row.state not in UNFINISHED or row.under_way:
            assert changed.amount_minor == row.amount_minor  # what is under way, or over, stays as it is
            assert changed.state is row.state


def test_less_of_a_refund() -> None:
    assert less(refund(amount=100), 100) == refund(amount=100, state=R.CLOSED, owed_minor=0)
    assert less(refund(amount=100, owed_minor=40, counts_minor=50), 60) == refund(
        amount=40, owed_minor=0, counts_minor=0
    )


@pytest.mark.parametrize(
    ("paid", "status", "counts", "then", "reopens"),
    [
        (200, IS.PAID, 100, (IS.PAID, 100), False),  # a duplicate
        (100, IS.PAID, 0, (IS.PAID, 100), False),  # given away
        (100, IS.PAID, 100, (IS.OPEN, 0), True),  # owed again
        (100, IS.PAID, 40, (IS.PARTLY_PAID, 60), True),
        (60, IS.PARTLY_PAID, 60, (IS.OPEN, 0), False),
        (100, IS.VOID, 100, (IS.VOID, 0), False),
    ],
)
def test_booked_and_undone(
    paid: int, status: InvoiceStatus, counts: int, then: tuple[InvoiceStatus, int], reopens: bool
) -> None:
    before, one = invoice(paid, status), refund(amount=100, counts_minor=counts)
    booked = book(before, one)
    assert (booked.invoice_status, booked.paid_minor, booked.refunded_minor) == (*then, 100)
    assert (booked.reopens, booked.settles) == (reopens, False)
    after = replace(
        before, status=booked.invoice_status, paid_minor=booked.paid_minor, refunded_minor=booked.refunded_minor
    )
    undone = book(after, one, undone=True)
    assert (undone.invoice_status, undone.paid_minor, undone.refunded_minor) == (status, paid, 0)
    assert undone.settles == reopens


OWN = refund(1, R.DONE, 100, given_by=By.PROVIDER, told=True)
DESK = refund(2, R.DONE, 60, given_by=By.DESK)
BY_HAND = refund(3, R.DONE, 50, given_by=By.PERSON)
PENDING = refund(4, R.PENDING, 80, told=True)
UNKNOWN = refund(5, R.UNKNOWN, 80, told=True)
FAILED = refund(6, R.FAILED, 100, told=True)
NEW = START - timedelta(seconds=1)  # asked before it failed


@pytest.mark.parametrize(
    ("figure", "known", "rows", "asked_at", "says"),
    [
        (0, 0, [], START, Seen()),
        (100, 100, [OWN], None, Seen()),
        (70, 0, [], START, Seen(70)),
        (70, 0, [], None, Seen(look=True)),  # a webhook may be old
        (150, 100, [OWN], START, Seen(50)),
        (80, 0, [PENDING], START, Seen(ask=(PENDING,))),
        (100, 0, [PENDING], START, Seen(20, ask=(PENDING,))),
        (100, 0, [UNKNOWN], START, Seen(ask=(UNKNOWN,))),  # perhaps it is in it
        (50, 0, [BY_HAND], START, Seen(by_hand=(BY_HAND,))),
        (70, 0, [BY_HAND], START, Seen(20, by_hand=(BY_HAND,))),
        (40, 0, [BY_HAND], START, Seen(40)),
        (100, 0, [FAILED], START, Seen(100)),
        (100, 0, [FAILED], NEW, Seen(look=True)),
        (0, 100, [OWN], None, Seen(ask=(OWN,))),
        (0, 100, [OWN], START, Seen(ask=(OWN,))),
        (0, 60, [DESK], None, Seen(look=True)),
        (0, 60, [DESK], START, Seen(undone=(DESK,))),
        (20, 60, [DESK], START, Seen(20, undone=(DESK,))),
        (50, 160, [OWN, DESK], START, Seen(50, undone=(DESK,), ask=(OWN,))),
        (90, 160, [OWN, DESK], START, Seen(ask=(OWN,))),
        (70, 0, [replace(PENDING, attempt_id=2)], START, Seen(70)),  # of another payment
    ],
)
def test_what_a_providers_sum_says(figure: int, known: int, rows: list[Refund], asked_at: Any, says: Seen) -> None:
    assert seen(figure, attempt(known), rows, asked_at=asked_at) == says


def test_one_is_asked_about_fast_then_slowly_and_a_while_after_it_was_done() -> None:
    waits = [wait(replace(PENDING, polls=polls), START) for polls in (0, 3, 20)]
    assert waits == [timedelta(seconds=10), timedelta(seconds=60), timedelta(days=1)]
    assert wait(PENDING, START + timedelta(days=61)) is None
    done = [wait(replace(OWN, polls=polls), START) for polls in range(4)]
    assert done == [timedelta(days=1), timedelta(days=7), timedelta(days=22), None]


def test_what_went_back_before_is_known_once_no_other_one_is_uncertain() -> None:
    mine = refund(9, R.CREATED)
    asleep, pending, done = refund(1, R.CREATED), refund(2, R.PENDING, 30), refund(3, R.DONE, 40)
    elsewhere = refund(4, R.UNKNOWN, told=True, attempt_id=2)
    assert gone_before(mine, attempt(40), [asleep, pending, done, elsewhere, mine]) == 70
    for state in (R.CREATED, R.UNKNOWN):
        assert gone_before(mine, attempt(40), [refund(1, state, told=True), mine]) is None

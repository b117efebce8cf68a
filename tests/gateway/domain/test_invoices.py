"""The invoice's states follow from its sums; its icon from its state, the date and what is under way."""

from __future__ import annotations

import itertools
from dataclasses import replace
from datetime import date

import pytest

from gateway.domain.invoices import PAYABLE, IconState, Invoice, InvoiceStatus, differences, icon_state, status_after
from gateway.ports.values import Money
from gateway.testing.clock import START

S, ICON = InvoiceStatus, IconState
DUE = date(2026, 12, 8)
INVOICE = Invoice(1, 1, 1, "F-1", S.OPEN, "RON", 100, 0, date(2026, 11, 20), DUE, {}, 0, START, START, None)


@pytest.mark.parametrize(
    ("paid", "status"), [(0, S.OPEN), (1, S.PARTLY_PAID), (99, S.PARTLY_PAID), (100, S.PAID), (250, S.PAID)]
)
def test_the_sums_imply_the_state_wherever_it_was(paid: int, status: InvoiceStatus) -> None:
    for before in (S.OPEN, S.PARTLY_PAID, S.PAID):
        assert status_after(before, 100, paid) is status


def test_a_void_invoice_stays_void_whatever_comes() -> None:
    assert {status_after(S.VOID, 100, paid) for paid in (0, 50, 100, 200)} == {S.VOID}


def test_what_is_outstanding_is_never_below_nothing() -> None:
    assert INVOICE.outstanding == Money(100, "RON")
    assert replace(INVOICE, paid_minor=30).outstanding == Money(70, "RON")
    assert replace(INVOICE, paid_minor=130).outstanding == Money(0, "RON")


def test_what_can_be_paid() -> None:
    assert (
        {status for status in S if replace(INVOICE, status=status).payable} == set(PAYABLE) == {S.OPEN, S.PARTLY_PAID}
    )


@pytest.mark.parametrize(
    ("status", "today", "processing", "icon"),
    [
        (S.OPEN, DUE, False, ICON.OPEN),  # due today is not overdue
        (S.OPEN, date(2026, 12, 9), False, ICON.OVERDUE),
        (S.OPEN, date(2026, 12, 9), True, ICON.PROCESSING),
        (S.OPEN, DUE, True, ICON.PROCESSING),
        (S.PARTLY_PAID, DUE, False, ICON.PARTLY_PAID),
        (S.PARTLY_PAID, DUE, True, ICON.PROCESSING),
        (S.PARTLY_PAID, date(2026, 12, 9), False, ICON.OVERDUE),
    ],
)
def test_the_icon_of_what_is_owed(status: InvoiceStatus, today: date, processing: bool, icon: IconState) -> None:
    assert icon_state(status, DUE, today, processing=processing) is icon


def test_the_icon_of_what_is_over_does_not_change_any_more() -> None:
    for today, processing in itertools.product((DUE, date(2030, 1, 1)), (False, True)):
        assert icon_state(S.PAID, DUE, today, processing=processing) is ICON.PAID
        assert icon_state(S.VOID, DUE, today, processing=processing) is ICON.VOID


@pytest.mark.parametrize(
    ("old", "new", "paths"),
    [
        ({"a": 1, "b": 2}, {"b": 2, "a": 1}, []),
        ({"a": 1}, {"a": 2}, ["a"]),
        ({"payer": {"name": "Ana", "phone": "1"}}, {"payer": {"name": "Ana", "phone": "2"}}, ["payer.phone"]),
        ({"a": 1}, {}, ["a"]),
        ({}, {"a": {"b": 1}}, ["a"]),
        ({"lines": [1, 2]}, {"lines": [2, 1]}, ["lines"]),
        ({"c": {"x": {"y": 1}}, "a": 0}, {"c": {"x": {"y": 2}}, "a": 1}, ["a", "c.x.y"]),
    ],
)
def test_what_differs_is_named_by_its_path(old: dict[str, object], new: dict[str, object], paths: list[str]) -> None:
    assert differences(old, new) == paths

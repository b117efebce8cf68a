"""A delivery moves forward only, whatever order its receipts come in."""

from __future__ import annotations

import itertools

import pytest

from gateway.domain.deliveries import ARRIVING, FORWARD, REPORTED, REVOCABLE, DeliveryState, Step
from gateway.domain.events import MEANINGS, EventType
from gateway.ports.channel import DeliveryStatus

D, S = DeliveryState, DeliveryStatus
KNOWN = [status for status in S if status is not S.UNKNOWN]


def after(state: DeliveryState, *receipts: DeliveryStatus) -> DeliveryState:
    for receipt in receipts:
        to, earlier = FORWARD[receipt]
        state = to if state in earlier else state
    return state


@pytest.mark.parametrize("receipts", list(itertools.permutations((S.SENT, S.DELIVERED, S.READ))))
def test_receipts_in_any_order_end_in_the_furthest(receipts: tuple[DeliveryStatus, ...]) -> None:
    assert after(D.SENDING, *receipts) is after(D.SENDING, *receipts, *receipts) is D.READ


def test_a_failure_after_it_arrived_is_a_vendors_late_noise() -> None:
    assert after(D.SENT, S.DELIVERED, S.FAILED) is D.DELIVERED
    assert after(D.SENT, S.FAILED, S.DELIVERED) is D.FAILED


@pytest.mark.parametrize("state", [D.QUEUED, D.REVOKED, D.FAILED, D.READ])
def test_no_receipt_moves_what_was_not_sent_or_is_over(state: DeliveryState) -> None:
    assert {after(state, receipt) for receipt in KNOWN} == {state}


def test_a_status_that_nobody_knows_moves_nothing() -> None:
    assert S.UNKNOWN not in FORWARD
    assert FORWARD.keys() == set(KNOWN)


def test_only_what_no_vendor_was_told_of_can_be_taken_back() -> None:
    assert REVOCABLE == (D.QUEUED,)
    assert not set(ARRIVING) & set(REVOCABLE)


def test_every_state_that_somebody_may_ask_about_is_an_event() -> None:
    assert REPORTED.keys() == set(D) - {D.QUEUED, D.SENDING}
    assert set(MEANINGS) == set(EventType)
    assert all(meaning.endswith(".") for meaning in MEANINGS.values())


def test_a_step_is_kept_as_json() -> None:
    assert Step("sms", 600).as_json() == {"channel": "sms", "wait_s": 600}

"""The retry schedule of status pushes and the table of answers."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.domain.push import LONGEST_WISH, SCHEDULE, Verdict, next_try, verdict, wish

NOW = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)


def test_ten_tries_over_three_days() -> None:
    at, instants = NOW, []
    for tries in range(10):
        due = next_try(tries, at)
        assert due is not None
        instants.append(due - NOW)
        at = due
    assert instants == [
        timedelta(0),
        timedelta(seconds=5),
        timedelta(minutes=5, seconds=5),
        timedelta(minutes=35, seconds=5),
        timedelta(hours=2, minutes=35, seconds=5),
        timedelta(hours=7, minutes=35, seconds=5),
        timedelta(hours=17, minutes=35, seconds=5),
        timedelta(hours=31, minutes=35, seconds=5),
        timedelta(hours=51, minutes=35, seconds=5),
        timedelta(hours=75, minutes=35, seconds=5),
    ]
    assert next_try(10, at) is None
    assert next_try(11, at, retry_after_s=60) is None


@pytest.mark.parametrize(
    ("status", "means"),
    [
        (200, Verdict.DELIVERED),
        (202, Verdict.DELIVERED),
        (204, Verdict.DELIVERED),
        (299, Verdict.DELIVERED),
        (301, Verdict.FAILED),
        (307, Verdict.FAILED),
        (400, Verdict.FAILED),
        (401, Verdict.FAILED),
        (404, Verdict.FAILED),
        (410, Verdict.DISABLE),
        (429, Verdict.FAILED),
        (500, Verdict.FAILED),
        (502, Verdict.FAILED),
        (504, Verdict.FAILED),
        (600, Verdict.FAILED),
    ],
)
def test_what_an_answer_means(status: int, means: Verdict) -> None:
    assert verdict(status) is means


@pytest.mark.parametrize(
    ("status", "heard"), [(429, 60.0), (502, 60.0), (503, 60.0), (504, 60.0), (500, None), (301, None), (200, None)]
)
def test_only_an_overloaded_receiver_may_wish_for_quiet(status: int, heard: float | None) -> None:
    assert wish(status, 60.0) == heard


def test_a_wish_makes_later_never_sooner() -> None:
    assert next_try(1, NOW, retry_after_s=120) == NOW + timedelta(seconds=120)
    assert next_try(4, NOW, retry_after_s=1) == NOW + timedelta(hours=2)
    assert next_try(1, NOW, retry_after_s=-5) == NOW + timedelta(seconds=5)


@given(tries=st.integers(0, 9), jitter=st.floats(0, 1), wished=st.none() | st.floats(allow_nan=False))
def test_a_try_is_never_early_and_never_more_than_its_bound(tries: int, jitter: float, wished: float | None) -> None:
    due = next_try(tries, NOW, retry_after_s=wished, jitter=jitter)
    assert due is not None
    assert SCHEDULE[tries] <= due - NOW <= max(SCHEDULE[tries] * 1.1, LONGEST_WISH)

"""Bucket, breaker and the registry of destinations, with time handed in."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from gateway.limits import Breaker, Destinations, Ended, State, TokenBucket
from gateway.ports.values import Limits

EPOCH = 1_795_000_000.0  # floats are coarser here than near zero, as on a real machine


def destinations(per_second: float = 10.0, concurrency: int = 10, **options: float) -> Destinations:
    return Destinations(lambda name: Limits(per_second=per_second, concurrency=concurrency), threshold=3, **options)


class TestTokenBucket:
    def test_a_burst_goes_at_once_and_the_next_waits_for_the_rate(self) -> None:
        bucket = TokenBucket(rate=2.0, burst=3)
        assert [bucket.take(0.0) for _ in range(4)] == [0.0, 0.0, 0.0, pytest.approx(0.5)]
        assert bucket.take(0.5) == 0.0
        assert bucket.take(0.5) == pytest.approx(0.5)

    def test_waiting_takes_nothing(self) -> None:
        bucket = TokenBucket(rate=1.0)
        bucket.take(0.0)
        assert [bucket.take(0.25) for _ in range(3)] == [pytest.approx(0.75)] * 3

    def test_a_clock_that_steps_back_costs_no_more_than_one_window(self) -> None:
        bucket = TokenBucket(rate=10.0, burst=5)
        while not bucket.take(EPOCH):
            pass
        assert bucket.wait(EPOCH - 86_400) <= 0.5

    @pytest.mark.parametrize(("rate", "burst"), [(0.0, 1.0), (-1.0, 1.0), (1.0, 0.5), (math.nan, 1.0)])
    def test_nonsense_is_refused(self, rate: float, burst: float) -> None:
        with pytest.raises(ValueError, match="bucket"):
            TokenBucket(rate, burst)

    @given(
        rate=st.floats(0.1, 1000),
        burst=st.floats(1, 50),
        steps=st.lists(st.floats(0, 3), min_size=1, max_size=60),
    )
    def test_no_window_holds_more_than_burst_and_rate(self, rate: float, burst: float, steps: list[float]) -> None:
        bucket, now, taken = TokenBucket(rate, burst), EPOCH, []
        for step in steps:
            now += step
            while not bucket.take(now):
                taken.append(now)
        for first in range(len(taken)):
            for last in range(first, min(len(taken), first + 200)):
                assert last - first + 1 <= burst + rate * (taken[last] - taken[first] + 1e-5)

    @given(rate=st.floats(0.1, 1000), burst=st.floats(1, 50), spent=st.integers(1, 80))
    def test_after_the_wait_it_said_a_token_is_there(self, rate: float, burst: float, spent: int) -> None:
        bucket, now = TokenBucket(rate, burst), EPOCH
        for _ in range(spent):
            now += bucket.wait(now)
            assert bucket.tokens(now) >= 1
            assert bucket.take(now) == 0.0

    @given(rate=st.floats(0.1, 1000), burst=st.floats(1, 50), spent=st.integers(0, 30), later=st.floats(0, 2))
    def test_tokens_counts_what_can_be_taken(self, rate: float, burst: float, spent: int, later: float) -> None:
        bucket = TokenBucket(rate, burst)
        for _ in range(spent):
            bucket.take(EPOCH)
        counted, taken = bucket.tokens(EPOCH + later), 0
        while not bucket.take(EPOCH + later):
            taken += 1
        assert abs(counted - taken) <= 1  # a rounding error may move the last one


class TestBreaker:
    def test_opens_after_the_threshold_in_a_row_only(self) -> None:
        breaker = Breaker(threshold=3, cool_off_s=30)
        breaker.failed(0)
        breaker.failed(1)
        breaker.succeeded()
        breaker.failed(2)
        breaker.failed(3)
        assert breaker.state(3) is State.CLOSED
        breaker.failed(4)
        assert breaker.state(4) is State.OPEN
        assert breaker.wait(4) == pytest.approx(30)

    def test_half_open_lets_one_call_find_out(self) -> None:
        breaker = Breaker(threshold=1, cool_off_s=30)
        breaker.failed(0)
        assert not breaker.allows(29)
        assert breaker.state(30) is State.HALF_OPEN
        assert breaker.allows(30)
        breaker.started(30)
        assert not breaker.allows(30)
        breaker.failed(31)
        assert breaker.wait(31) == pytest.approx(30)
        breaker.started(61)
        breaker.succeeded()
        assert breaker.state(61) is State.CLOSED

    def test_an_abandoned_probe_does_not_hold_the_door(self) -> None:
        breaker = Breaker(threshold=1, cool_off_s=30)
        breaker.failed(0)
        breaker.started(30)
        breaker.abandoned()
        assert breaker.allows(30)

    def test_a_clock_that_steps_back_costs_no_more_than_one_cool_off(self) -> None:
        breaker = Breaker(threshold=1, cool_off_s=30)
        breaker.failed(EPOCH)
        assert breaker.wait(EPOCH - 86_400) == 30

    @pytest.mark.parametrize(("threshold", "cool_off_s"), [(0, 30.0), (1, 0.0)])
    def test_nonsense_is_refused(self, threshold: int, cool_off_s: float) -> None:
        with pytest.raises(ValueError, match="breaker"):
            Breaker(threshold, cool_off_s)


class TestDestinations:
    def test_concurrency_is_kept_and_given_back(self) -> None:
        registry = destinations(per_second=1e6, concurrency=2)
        assert [registry.started("a", EPOCH) for _ in range(3)] == [True, True, False]
        assert registry.blocked(EPOCH) == {"a"}
        assert registry.opens_at(EPOCH) is None  # time alone opens nothing
        registry.finished("a", Ended.ANSWERED, EPOCH)
        assert registry.ready("a", EPOCH)

    def test_the_rate_paces_and_says_when(self) -> None:
        registry = destinations(per_second=4.0)
        registry.started("a", EPOCH)
        assert not registry.ready("a", EPOCH)
        assert registry.opens_at(EPOCH) == pytest.approx(EPOCH + 0.25)
        assert registry.ready("a", EPOCH + 0.25)

    def test_one_failing_destination_holds_back_no_other(self) -> None:
        registry = destinations(per_second=1e6, cool_off_s=30)
        for _ in range(3):
            registry.started("dead", EPOCH)
            registry.finished("dead", Ended.VENDOR_DOWN, EPOCH)
        assert registry.blocked(EPOCH) == {"dead"}
        assert registry.state("dead", EPOCH) is State.OPEN
        assert registry.state("well", EPOCH) is State.CLOSED
        assert registry.ready("well", EPOCH)
        assert registry.opens_at(EPOCH) == pytest.approx(EPOCH + 30)
        assert registry.room("dead", EPOCH + 30) == 1

    def test_a_refusal_is_an_answer(self) -> None:
        registry = destinations(per_second=1e6)
        for ended in (Ended.VENDOR_DOWN, Ended.VENDOR_DOWN, Ended.ANSWERED, Ended.VENDOR_DOWN):
            registry.started("a", EPOCH)
            registry.finished("a", ended, EPOCH)
        assert registry.ready("a", EPOCH)

    def test_the_vendors_wish_for_quiet_is_kept(self) -> None:
        registry = destinations(per_second=1e6)
        registry.started("a", EPOCH)
        registry.finished("a", Ended.ANSWERED, EPOCH, pause_s=17)
        assert registry.blocked(EPOCH + 16.9) == {"a"}
        assert registry.opens_at(EPOCH) == pytest.approx(EPOCH + 17)
        assert registry.blocked(EPOCH + 17) == set()

    def test_what_is_idle_is_forgotten(self) -> None:
        registry = destinations(per_second=10.0, cool_off_s=30)
        for number in range(1000):
            registry.started(f"account-{number}", EPOCH)
            registry.finished(f"account-{number}", Ended.ANSWERED, EPOCH)
        registry.started("failing", EPOCH)
        registry.finished("failing", Ended.VENDOR_DOWN, EPOCH)
        registry.blocked(EPOCH + 1)
        assert len(registry) == 1
        registry.blocked(EPOCH + 301)
        assert len(registry) == 0

    def test_asking_remembers_nothing(self) -> None:
        registry = destinations()
        assert registry.room("a", EPOCH) == 1
        assert len(registry) == 0

    def test_giving_back_what_was_never_taken_is_a_fault(self) -> None:
        with pytest.raises(KeyError):
            destinations().finished("a", Ended.ANSWERED, EPOCH)


class Traffic(RuleBasedStateMachine):
    """Calls start and end on three destinations in any order; what the registry promises holds at every step."""

    def __init__(self) -> None:
        super().__init__()
        self.registry = Destinations(
            lambda name: Limits(per_second=5.0, concurrency=2), threshold=2, cool_off_s=10.0, burst_s=0.5
        )
        self.now = EPOCH
        self.running: list[str] = []
        self.failures = dict.fromkeys("abc", 0)

    @rule(seconds=st.floats(0, 40))
    def time_passes(self, seconds: float) -> None:
        self.now += seconds

    @rule(name=st.sampled_from("abc"))
    def starts(self, name: str) -> None:
        ready = self.registry.ready(name, self.now)
        assert self.registry.started(name, self.now) is ready
        if ready:
            self.running.append(name)

    @precondition(lambda self: self.running)
    @rule(data=st.data(), ended=st.sampled_from(Ended), pause_s=st.none() | st.floats(0, 60))
    def ends(self, data: st.DataObject, ended: Ended, pause_s: float | None) -> None:
        name = data.draw(st.sampled_from(self.running))
        self.running.remove(name)
        self.registry.finished(name, ended, self.now, pause_s=pause_s)

    @invariant()
    def never_more_than_the_concurrency(self) -> None:
        assert all(self.running.count(name) <= 2 for name in "abc")

    @invariant()
    def blocked_and_ready_agree(self) -> None:
        blocked = self.registry.blocked(self.now)
        assert blocked == {name for name in "abc" if not self.registry.ready(name, self.now)}

    @invariant()
    def at_the_instant_it_names_something_opens(self) -> None:
        blocked = self.registry.blocked(self.now)
        at = self.registry.opens_at(self.now)
        if at is not None:
            assert at >= self.now
            assert any(self.registry.ready(name, at) for name in blocked)
        else:
            assert all(name in self.running for name in blocked)

    def teardown(self) -> None:
        for name in self.running:
            self.registry.finished(name, Ended.ANSWERED, self.now)
        self.registry.blocked(self.now + 3600)
        assert len(self.registry) == 0


TestTraffic = Traffic.TestCase

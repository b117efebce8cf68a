"""A key's allowance, its headers, and the brake on whoever guesses."""

from __future__ import annotations

import ipaddress

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from gateway.api.ratelimit import AddressLimiter, KeyLimiter, Rate


def limiter() -> KeyLimiter:
    return KeyLimiter({"read": Rate(60, 2), "write": Rate(600, 10)})


def test_a_burst_is_taken_then_a_key_waits() -> None:
    limits = limiter()
    assert [limits.take(1, "read", 100.0).wait_s for _ in range(2)] == [0.0, 0.0]
    refused = limits.take(1, "read", 100.0)
    assert refused.wait_s == pytest.approx(1.0)
    assert refused.headers == {
        "RateLimit-Limit": "2", "RateLimit-Remaining": "0", "RateLimit-Reset": "2", "Retry-After": "1",
    }  # fmt: skip
    assert limits.take(1, "read", 101.0).wait_s == 0.0


def test_headers_tell_what_is_left_and_when_all_is_back() -> None:
    first = limiter().take(1, "write", 0.0)
    assert first.headers == {"RateLimit-Limit": "10", "RateLimit-Remaining": "9", "RateLimit-Reset": "1"}


def test_keys_and_kinds_do_not_share() -> None:
    limits = limiter()
    for _ in range(3):
        limits.take(1, "read", 0.0)
    assert limits.take(1, "read", 0.0).wait_s
    assert not limits.take(2, "read", 0.0).wait_s
    assert not limits.take(1, "write", 0.0).wait_s


@given(st.lists(st.floats(0, 0.5), max_size=80))
def test_never_more_than_the_rate_and_the_burst(gaps: list[float]) -> None:
    limits, now, taken = limiter(), 0.0, 0
    for gap in gaps:
        now += gap
        taken += limits.take(1, "read", now).wait_s == 0.0
    assert taken <= 2 + now + 1e-3


def test_only_failures_slow_an_address_down() -> None:
    limits = AddressLimiter(Rate(60, 3))
    assert all(limits.wait_s("192.0.2.1", 0.0) == 0.0 for _ in range(50))
    for _ in range(3):
        limits.failed("192.0.2.1", 0.0)
    assert limits.wait_s("192.0.2.1", 0.0) > 0
    assert limits.wait_s("192.0.2.2", 0.0) == 0.0
    assert limits.wait_s("192.0.2.1", 1.1) == 0.0


def test_one_ipv6_subscriber_is_one_address() -> None:
    limits = AddressLimiter(Rate(60, 1))
    limits.failed("2001:db8:1:2::1", 0.0)
    assert limits.wait_s("2001:db8:1:2:ffff::9", 0.0)
    assert not limits.wait_s("2001:db8:1:3::1", 0.0)
    limits.failed("1::2:0:0:0:1", 0.0)
    assert not limits.wait_s("1::3:0:0:0:1", 0.0)
    limits.failed("::ffff:192.0.2.1", 0.0)
    assert limits.wait_s("192.0.2.1", 0.0)


@given(st.ip_addresses(v=6), st.ip_addresses(v=6))
def test_ipv6_addresses_are_counted_by_their_64(one: ipaddress.IPv6Address, other: ipaddress.IPv6Address) -> None:
    for second in (other, ipaddress.IPv6Address(int(one) >> 64 << 64 | int(other) & (2**64 - 1))):
        limits = AddressLimiter(Rate(60, 1))
        assume(one.ipv4_mapped is None and second.ipv4_mapped is None)
        limits.failed(str(one), 0.0)
        assert bool(limits.wait_s(str(second), 0.0)) == (int(one) >> 64 == int(second) >> 64)


def test_memory_does_not_grow_with_the_guessers() -> None:
    limits = AddressLimiter(Rate(60, 1), capacity=100)
    for number in range(1000):
        limits.failed(f"192.0.{number // 250}.{number % 250}", 0.0)
    assert len(limits) == 100
    assert limits.wait_s("192.0.3.249", 0.0)

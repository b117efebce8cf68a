"""How often one API key, and one address that guesses, may ask. In memory, per process; the database is not asked for this."""

from __future__ import annotations

import ipaddress
import math
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from gateway.limits import TokenBucket

Network = ipaddress.IPv4Network | ipaddress.IPv6Network


@dataclass(frozen=True, slots=True)
class Rate:
    """`per_minute` requests over time; up to `burst` of them at once."""

    per_minute: int
    burst: int

    def bucket(self) -> TokenBucket:
        return TokenBucket(self.per_minute / 60, self.burst)

    @classmethod
    def a_minute(cls, per_minute: int) -> Rate:
        """A tenth of a minute's requests may come at once: enough for a bill run's workers, too little to hold others up."""
        return cls(per_minute, max(1, per_minute // 10))


@dataclass(frozen=True, slots=True)
class Allowance:
    """The outcome of one request. `wait_s` is 0.0 when it may go on."""

    wait_s: float
    headers: Mapping[str, str]


class KeyLimiter:
    """One bucket a key and kind of request, so that a reader who polls does not use up the writes."""

    def __init__(self, rates: Mapping[str, Rate]) -> None:
        self._rates = rates
        self._buckets: dict[tuple[int, str], TokenBucket] = {}

    def take(self, key_id: int, kind: str, now: float) -> Allowance:
        """Takes one request of `kind` (a name in `rates`) from the key's allowance. `now` is in seconds, monotonic.

        The headers go on every answer: RateLimit-Limit is the burst, RateLimit-Reset the seconds until all of it is back.
        """
        rate = self._rates[kind]
        bucket = self._buckets.get((key_id, kind))
        if bucket is None:
            bucket = self._buckets[key_id, kind] = rate.bucket()
        wait_s = bucket.take(now)
        left = bucket.tokens(now)
        headers = {
            "RateLimit-Limit": str(rate.burst),
            "RateLimit-Remaining": str(left),
            "RateLimit-Reset": str(math.ceil((rate.burst - left) * 60 / rate.per_minute)),
        }
        if wait_s:
            headers["Retry-After"] = str(max(1, math.ceil(wait_s)))
        return Allowance(wait_s, headers)


class AddressLimiter:
    """Slows down whoever guesses: only failures count. Remembers the `capacity` addresses that failed last.

    IPv6 addresses are counted by their /64, which is what one subscriber has.
    """

    def __init__(self, rate: Rate, capacity: int = 10_000) -> None:
        self._rate = rate
        self._capacity = capacity
        self._buckets: OrderedDict[str, TokenBucket] = OrderedDict()

    def wait_s(self, address: str, now: float) -> float:
        """Seconds until `address` may try again; 0.0 when it may now."""
        bucket = self._buckets.get(subscriber(address))
        return bucket.wait(now) if bucket else 0.0

    def failed(self, address: str, now: float) -> None:
        """Counts one wrong guess."""
        who = subscriber(address)
        bucket = self._buckets.get(who)
        if bucket is None:
            bucket = self._buckets[who] = self._rate.bucket()
        bucket.take(now)
        self._buckets.move_to_end(who)
        if len(self._buckets) > self._capacity:
            self._buckets.popitem(last=False)

    def __len__(self) -> int:
        return len(self._buckets)


def client_address(peer: str | None, forwarded_for: str | None, trusted: Sequence[Network]) -> str:
    """Whose request it is: the peer, or the nearest address in `X-Forwarded-For` that no trusted proxy has.

    A client may write that header too: what is left of the first address that is not trusted is never looked at.
    """
    hops = [part.strip() for part in (forwarded_for or "").split(",") if part.strip()] + [peer or ""]
    while len(hops) > 1 and _inside(hops[-1], trusted):
        hops.pop()
    return hops[-1]


def _inside(address: str, networks: Sequence[Network]) -> bool:
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return False
    return any(parsed in network for network in networks)


def subscriber(address: str) -> str:
    """Who is counted as one: an IPv4 address, or the /64 of an IPv6 one."""
    if ":" not in address:
        return address
    try:
        parsed = ipaddress.IPv6Address(address)
    except ValueError:
        return address
    return str(parsed.ipv4_mapped or int(parsed) >> 64)

"""How hard one destination may be pressed: token bucket, breaker, and the registry of destinations that a worker asks.

Pure values: no clock, no lock, no I/O. `now` is seconds of any clock; should that clock step back, nothing is held up
for longer than its own interval. A destination is a name that the caller chooses (an account, a push endpoint).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

from gateway.ports.values import Limits

_INSTANT_S = 1e-6  # below this a wait is a rounding error


class TokenBucket:
    """At most `burst` at once and `rate` a second over time: never more than `burst + rate * t` in any `t` seconds.

    Kept as the one instant at which the bucket would be full again, so it is exact and costs one number.
    """

    __slots__ = ("_filled_at", "_interval_s", "_window_s")

    def __init__(self, rate: float, burst: float = 1.0) -> None:
        """Raises ValueError unless `rate` is above zero and `burst` at least one."""
        if not (rate > 0 and burst >= 1):
            raise ValueError("a bucket needs a rate above zero and a burst of at least one")
        self._interval_s = 1.0 / rate
        self._window_s = burst / rate
        self._filled_at = -math.inf

    def wait(self, now: float) -> float:
        """Seconds until a token is there; 0.0 when there is one."""
        missing = self._filled(now) + self._interval_s - self._window_s - now
        return missing if missing > _INSTANT_S else 0.0

    def take(self, now: float) -> float:
        """Takes a token and returns 0.0, or takes nothing and returns the seconds to wait."""
        if wait := self.wait(now):
            return wait
        self._filled_at = max(self._filled(now), now) + self._interval_s
        return 0.0

    def tokens(self, now: float) -> int:
        """How many could be taken at this instant."""
        free_s = self._window_s - max(0.0, self._filled(now) - now)
        return int((free_s + _INSTANT_S) / self._interval_s)

    def full(self, now: float) -> bool:
        return self._filled(now) <= now

    def _filled(self, now: float) -> float:
        return min(self._filled_at, now + self._window_s)


class State(StrEnum):
    """What a breaker lets through: all, nothing, or one call that finds out."""

    CLOSED = "closed"
    OPEN = "open"
    HALF_OPEN = "half_open"


class Breaker:
    """Opens after `threshold` failures in a row; `cool_off_s` later one call may find out if the vendor is back."""

    __slots__ = ("_cool_off_s", "_failures", "_last_failure_at", "_probing", "_threshold")

    def __init__(self, threshold: int = 5, cool_off_s: float = 30.0) -> None:
        if not (threshold >= 1 and cool_off_s > 0):
            raise ValueError("a breaker needs a threshold of at least one and a cool-off above zero")
        self._threshold = threshold
        self._cool_off_s = cool_off_s
        self._failures = 0
        self._last_failure_at = -math.inf
        self._probing = False

    def state(self, now: float) -> State:
        if self._failures < self._threshold:
            return State.CLOSED
        return State.OPEN if self.wait(now) else State.HALF_OPEN

    def wait(self, now: float) -> float:
        """Seconds until the cool-off is over; 0.0 when the breaker is closed or half open."""
        if self._failures < self._threshold:
            return 0.0
        left = min(self._cool_off_s, self._last_failure_at + self._cool_off_s - now)
        return left if left > _INSTANT_S else 0.0

    def allows(self, now: float) -> bool:
        """False while it is open, and while the one call that finds out is under way."""
        return not (self._probing or self.wait(now))

    def started(self, now: float) -> None:
        """A call begins; in the half-open state it is the one that finds out."""
        self._probing = self.state(now) is State.HALF_OPEN

    def succeeded(self) -> None:
        self._failures = 0
        self._probing = False

    def failed(self, now: float) -> None:
        self._failures += 1
        self._last_failure_at = now
        self._probing = False

    def abandoned(self) -> None:
        """The call ended without saying anything of the vendor; the next one may find out."""
        self._probing = False

    def quiet(self, now: float) -> bool:
        """Nothing worth remembering: no failure, or the last one is ten cool-offs ago."""
        return not self._failures or now - self._last_failure_at > 10 * self._cool_off_s


class Ended(StrEnum):
    """What one call says of its destination. A vendor that refuses a message has answered, and is well."""

    ANSWERED = "answered"
    VENDOR_DOWN = "vendor_down"
    ABANDONED = "abandoned"  # cancelled, or our own fault


@dataclass(slots=True)
class _Destination:
    limits: Limits
    bucket: TokenBucket
    breaker: Breaker
    running: int = 0
    paused_until: float = -math.inf

    def room(self, now: float) -> int:
        if now < self.paused_until or not self.breaker.allows(now):
            return 0
        room = min(self.limits.concurrency - self.running, self.bucket.tokens(now))
        return min(room, 1) if self.breaker.state(now) is State.HALF_OPEN else max(room, 0)

    def opens_at(self, now: float) -> float:
        """When time alone makes room; infinite when only the end of a running call can."""
        if self.running >= self.limits.concurrency or (not self.breaker.allows(now) and not self.breaker.wait(now)):
            return math.inf
        return max(self.paused_until, now + self.breaker.wait(now), now + self.bucket.wait(now))

    def idle(self, now: float) -> bool:
        return not self.running and now >= self.paused_until and self.bucket.full(now) and self.breaker.quiet(now)


class Destinations:
    """What a worker asks before it claims and before it calls. One slow or failing destination holds back no other.

    Keeps only destinations that are busy, throttled, paused or failing; what is idle is forgotten, so memory follows
    the work under way and not the number of accounts. One process only: several processes each keep to the limits.
    """

    def __init__(
        self,
        limits: Callable[[str], Limits],
        *,
        threshold: int = 5,
        cool_off_s: float = 30.0,
        burst_s: float = 0.1,
    ) -> None:
        """`limits` gives a destination's rate and concurrency; up to `burst_s` seconds of its rate may go at once."""
        self._limits = limits
        self._threshold = threshold
        self._cool_off_s = cool_off_s
        self._burst_s = burst_s
        self._known: dict[str, _Destination] = {}

    def __len__(self) -> int:
        return len(self._known)

    def room(self, destination: str, now: float) -> int:
        """How many calls may start at this instant."""
        known = self._known.get(destination)
        return (known or self._fresh(destination)).room(now)

    def ready(self, destination: str, now: float) -> bool:
        return self.room(destination, now) > 0

    def blocked(self, now: float) -> set[str]:
        """The destinations whose work must not be claimed now. Forgets, on the way, those that are idle."""
        blocked = set()
        for name, known in list(self._known.items()):
            if known.idle(now):
                del self._known[name]
            elif not known.room(now):
                blocked.add(name)
        return blocked

    def opens_at(self, now: float) -> float | None:
        """The next instant at which time alone unblocks a destination. None: nothing waits for time."""
        at = min((known.opens_at(now) for known in self._known.values() if not known.room(now)), default=math.inf)
        return None if at == math.inf else at

    def state(self, destination: str, now: float) -> State:
        """The destination's breaker, for metrics and the operator's page."""
        known = self._known.get(destination)
        return known.breaker.state(now) if known else State.CLOSED

    def started(self, destination: str, now: float) -> bool:
        """Takes a place for one call, to be given back by `finished`. False, with nothing taken, when there is none."""
        known = self._known.get(destination) or self._fresh(destination)
        if not known.room(now):
            return False
        self._known[destination] = known
        known.bucket.take(now)
        known.breaker.started(now)
        known.running += 1
        return True

    def finished(self, destination: str, ended: Ended, now: float, *, pause_s: float | None = None) -> None:
        """Gives the place back. `pause_s`: the vendor asked for quiet (Retry-After), so nothing starts before then.

        Raises KeyError when nothing was started there.
        """
        known = self._known[destination]
        known.running -= 1
        if pause_s:
            known.paused_until = max(known.paused_until, now + pause_s)
        match ended:
            case Ended.ANSWERED:
                known.breaker.succeeded()
            case Ended.VENDOR_DOWN:
                known.breaker.failed(now)
            case Ended.ABANDONED:
                known.breaker.abandoned()
        if known.idle(now):
            del self._known[destination]

    def _fresh(self, destination: str) -> _Destination:
        limits = self._limits(destination)
        burst = max(1.0, limits.per_second * self._burst_s)
        return _Destination(limits, TokenBucket(limits.per_second, burst), Breaker(self._threshold, self._cool_off_s))

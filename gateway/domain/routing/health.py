"""Whether an account can be relied on, judged by what its last minutes were like."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

_DOUBLINGS = 4


class Health(StrEnum):
    """`probe`: it has rested, and one payer is let through to find out, with the other accounts behind."""

    WELL = "well"
    PROBE = "probe"
    DOWN = "down"


class Trouble(StrEnum):
    """Why an account is left out for a while."""

    FAILURES = "failures"  # it opens no payments
    DECLINES = "declines"  # it opens them, and they come to nothing
    SLOW = "slow"


@dataclass(frozen=True, slots=True)
class Window:
    """What an account did of late: payments opened and not opened, attempts confirmed and declined, milliseconds taken in all."""

    opened: int = 0
    failed: int = 0
    confirmed: int = 0
    declined: int = 0
    latency_ms: int = 0

    @property
    def mean_ms(self) -> int:
        return self.latency_ms // self.opened if self.opened else 0


@dataclass(frozen=True, slots=True)
class Thresholds:
    """From where on an account is in trouble: so many, and such a share in percent, within the window."""

    window_s: int = 600
    failures: int = 5
    failure_share: int = 50
    declines: int = 20
    decline_share: int = 90
    slow_ms: int = 10_000
    rest_s: int = 60


def trouble_of(window: Window, limits: Thresholds) -> Trouble | None:
    """What is wrong with an account; None: nothing."""
    if window.failed >= limits.failures and _share(window.failed, window.opened) >= limits.failure_share:
        return Trouble.FAILURES
    if window.declined >= limits.declines and _share(window.declined, window.confirmed) >= limits.decline_share:
        return Trouble.DECLINES
    if window.opened >= limits.failures and window.mean_ms >= limits.slow_ms:
        return Trouble.SLOW
    return None


def _share(bad: int, good: int) -> int:
    return 100 * bad // (bad + good)


def pause_s(limits: Thresholds, tries: int) -> int:
    """How long an account rests after so many tries in a row that showed it is still in trouble: doubled each time, 16-fold at most."""
    return limits.rest_s << min(max(tries - 1, 0), _DOUBLINGS)

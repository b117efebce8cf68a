"""When a status push is tried again, and what its receiver's answer means. Pure: instant and chance are handed in.

Source: Standard Webhooks 1.0, "Deliverability and reliability" and "Delivery success and failure".
"""

from __future__ import annotations

from datetime import datetime, timedelta
from enum import StrEnum

SCHEDULE: tuple[timedelta, ...] = (
    timedelta(0),
    timedelta(seconds=5),
    timedelta(minutes=5),
    timedelta(minutes=30),
    timedelta(hours=2),
    timedelta(hours=5),
    timedelta(hours=10),
    timedelta(hours=14),
    timedelta(hours=20),
    timedelta(hours=24),
)
"""The pause before each of the ten tries: 75.6 hours from the first to the last."""

JITTER = 0.1  # at most this part of a pause is added, so that receivers that fell together do not rise together
LONGEST_WISH = timedelta(hours=24)  # a Retry-After beyond this is a fault at the receiver, not a wish


class Verdict(StrEnum):
    DELIVERED = "delivered"
    FAILED = "failed"
    DISABLE = "disable"  # 410: the receiver wants no more pushes at this address


# The specification names 429, 502 and 504 as "throttle", and shows Retry-After on a 503.
THROTTLES = frozenset({429, 502, 503, 504})


def verdict(status: int) -> Verdict:
    """What the answer means: any 2xx is delivered, 410 disables, all else, redirects too, is a failure."""
    if 200 <= status <= 299:
        return Verdict.DELIVERED
    return Verdict.DISABLE if status == 410 else Verdict.FAILED


def wish(status: int, retry_after_s: float | None) -> float | None:
    """The receiver's wish for quiet in seconds, where its answer is one that may carry it."""
    return retry_after_s if status in THROTTLES else None


def next_try(tries: int, now: datetime, *, retry_after_s: float | None = None, jitter: float = 0.0) -> datetime | None:
    """When a push that was tried `tries` times is due again; None when it is out of tries.

    `jitter`, from 0 to 1, is the caller's random number. A `retry_after_s` can only make it later, by a day at most.
    """
    if tries >= len(SCHEDULE):
        return None
    pause = SCHEDULE[tries] * (1 + JITTER * jitter)
    if retry_after_s is not None and retry_after_s > 0:
        pause = max(pause, timedelta(seconds=min(retry_after_s, LONGEST_WISH.total_seconds())))
    return now + pause

"""The one source of the present instant, passed to whoever needs it. Nothing else in the core reads a clock."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import Protocol


class Clock(Protocol):
    def now(self) -> datetime:
        """The present instant, aware, in UTC, in whole milliseconds: what the database keeps."""
        ...

    async def sleep_until(self, at: datetime) -> None:
        """Returns once `now()` is at or past `at`; at once when it already is. Cancelling it is fine."""
        ...


class SystemClock:
    """The machine's clock. A sleep is cut into minutes, so that a step of the machine's time is noticed within one."""

    _LONGEST_NAP_S = 60.0

    def now(self) -> datetime:
        at = datetime.now(UTC)
        return at.replace(microsecond=at.microsecond // 1000 * 1000)

    async def sleep_until(self, at: datetime) -> None:
        while (left_s := (at - self.now()).total_seconds()) > 0:  # noqa: ASYNC110 - it waits for an instant, not for an event
            await asyncio.sleep(min(left_s, self._LONGEST_NAP_S))

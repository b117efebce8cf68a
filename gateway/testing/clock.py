"""A clock for tests: it stands still until it is told to move. Nothing waits for real time."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta

START = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)


class FakeClock:
    """Fulfils `gateway.clock.Clock`. Time moves by `advance` and `move_to` only, never backwards."""

    def __init__(self, start: datetime = START) -> None:
        self._now = start
        self._sleepers: list[tuple[datetime, asyncio.Future[None]]] = []
        self._asleep = asyncio.Event()

    def now(self) -> datetime:
        return self._now

    async def sleep_until(self, at: datetime) -> None:
        """Returns when `advance` has brought the clock to `at`; at once when it is already there."""
        if at <= self._now:
            return
        sleeper = (at, asyncio.get_running_loop().create_future())
        self._sleepers.append(sleeper)
        self._asleep.set()
        try:
            await sleeper[1]
        finally:
            self._sleepers.remove(sleeper)

    def advance(self, by: timedelta | None = None, *, seconds: float = 0.0) -> None:
        """Moves time forward and wakes those whose instant has come, earliest first."""
        self.move_to(self._now + (by or timedelta()) + timedelta(seconds=seconds))

    def move_to(self, at: datetime) -> None:
        """Moves time to `at`. Raises ValueError when that lies in the past."""
        if at < self._now:
            raise ValueError("time does not run backwards")
        self._now = at
        for due, wake in sorted(self._sleepers, key=lambda sleeper: sleeper[0]):
            if due <= at and not wake.done():
                wake.set_result(None)

    @property
    def sleepers(self) -> tuple[datetime, ...]:
        """The instants that are being waited for, earliest first."""
        return tuple(sorted(due for due, wake in self._sleepers if not wake.done()))

    async def until_asleep(self) -> datetime:
        """Waits until somebody sleeps on this clock and returns the earliest instant waited for."""
        while not self.sleepers:
            self._asleep.clear()
            await self._asleep.wait()
        return self.sleepers[0]

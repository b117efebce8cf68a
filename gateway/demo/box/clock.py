"""The box's one clock: it runs as the machine's does, and whoever looks at the page can move it forward.

A jump goes from one due task to the next, so that what would have happened on the way happens, each at its own hour.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from contextlib import suppress
from datetime import datetime, timedelta

from gateway.clock import SystemClock
from gateway.services.context import Context
from gateway.store import outbox

LONGEST_JUMP = timedelta(days=60)
_NAP_S = 60.0
_LOOK_S = 0.005
_MOST_LOOKS = 1_000  # 5 s of work at one instant
_MOST_STOPS = 400  # in one jump


class BoxClock:
    """Fulfils `gateway.clock.Clock`. `start` is the instant that it begins at, the machine's when there is none."""

    def __init__(self, start: datetime | None = None) -> None:
        self._machine = SystemClock()
        self._ahead = timedelta() if start is None else start - self._machine.now()
        self._moved = asyncio.Event()
        self._listeners: list[Callable[[], object]] = []

    def now(self) -> datetime:
        return self._machine.now() + self._ahead

    async def sleep_until(self, at: datetime) -> None:
        while (left_s := (at - self.now()).total_seconds()) > 0:
            moved = self._moved
            with suppress(TimeoutError):
                async with asyncio.timeout(min(left_s, _NAP_S)):
                    await moved.wait()

    def move_to(self, at: datetime) -> None:
        """Moves time forward to `at` and wakes who sleeps; an instant that has passed changes nothing."""
        if (by := at - self.now()) <= timedelta():
            return
        self._ahead += by
        self._moved.set()
        self._moved = asyncio.Event()
        for listener in self._listeners:
            listener()

    def on_move(self, listener: Callable[[], object]) -> None:
        """Has `listener` called after each move, in the loop."""
        self._listeners.append(listener)


class Jumps:
    """Moves the clock of a box that runs. `echoes` wait for what the stand-ins do by themselves."""

    def __init__(self, clock: BoxClock, ctx: Context, echoes: Iterable[Callable[[], Awaitable[None]]]) -> None:
        self._clock = clock
        self._ctx = ctx
        self._echoes = tuple(echoes)
        self._turn = asyncio.Lock()

    async def to(self, at: datetime) -> None:
        """Goes on to `at`, `LONGEST_JUMP` at the most, and returns when what is due there is done."""
        async with self._turn:
            at = min(at, self._clock.now() + LONGEST_JUMP)
            await self.settled()
            for _ in range(_MOST_STOPS):
                due_at = await self._ctx.db.read(outbox.next_due)
                if due_at is None or due_at >= at:
                    break
                self._clock.move_to(max(due_at, self._clock.now() + timedelta(milliseconds=1)))
                await self.settled()
            self._clock.move_to(at)
            await self.settled()

    async def settled(self) -> None:
        """Waits until nothing that is due is left, here or at the stand-ins; what cannot be done yet is left to its retries."""
        for _ in range(_MOST_LOOKS):
            for echo in self._echoes:
                await echo()
            if not await self._ctx.db.read(lambda conn: outbox.busy(conn, self._clock.now())):
                return
            await asyncio.sleep(_LOOK_S)

"""The faults that the bank can be told to have, and how a call meets one."""

from __future__ import annotations

import asyncio
from collections import deque
from contextlib import suppress
from enum import StrEnum

import orjson
from aiohttp import web


class CreateFault(StrEnum):
    """What the next call that creates something meets. `*_MADE` makes it all the same; `EARLY` pays a payment before it answers."""

    RATE_LIMITED = "rate_limited"
    UNAVAILABLE = "unavailable"
    SERVER_ERROR = "server_error"
    REFUSED = "refused"
    HANG_MADE = "hang_made"
    HANG_NOT_MADE = "hang_not_made"
    CUT_MADE = "cut_made"
    CUT_NOT_MADE = "cut_not_made"
    EARLY = "early"


class Manner(StrEnum):
    """How the bank behaves until it is told otherwise. `DOWN`: nobody is there; the others concern payments that are to be opened."""

    WORKS = "works"
    SLOW = "slow"
    REFUSES = "refuses"
    DOWN = "down"


RETRY_AFTER_S = 7
SLOW_S = 4.0
_ANSWERS = {
    CreateFault.RATE_LIMITED: (429, "rate_limited"),
    CreateFault.UNAVAILABLE: (503, "unavailable"),
    CreateFault.SERVER_ERROR: (500, "server_error"),
    CreateFault.REFUSED: (422, "account_not_enabled"),
}
_MADE = (CreateFault.HANG_MADE, CreateFault.CUT_MADE)
_NOT_MADE = (CreateFault.HANG_NOT_MADE, CreateFault.CUT_NOT_MADE)
_HANG = (CreateFault.HANG_MADE, CreateFault.HANG_NOT_MADE)


class Faults:
    """Those of one kind of call, one each. `closing` is set when the bank ends, and ends what hangs."""

    def __init__(self, closing: asyncio.Event) -> None:
        self._closing = closing
        self._next: deque[CreateFault] = deque()
        self.manner = Manner.WORKS

    def extend(self, *faults: CreateFault) -> None:
        self._next.extend(faults)

    def take(self) -> CreateFault | None:
        """What this call meets."""
        if self._next:
            return self._next.popleft()
        return CreateFault.REFUSED if self.manner is Manner.REFUSES else None

    async def before(self, fault: CreateFault | None, request: web.Request) -> web.StreamResponse | None:
        """The answer, or its absence, when the fault keeps the call from its work; late, while the bank is slow."""
        if self.manner is Manner.SLOW:
            with suppress(TimeoutError):
                await asyncio.wait_for(self._closing.wait(), SLOW_S)
        if fault in _ANSWERS:
            status, code = _ANSWERS[fault]
            return json({"code": code}, status, {"retry-after": str(RETRY_AFTER_S)} if status in (429, 503) else {})
        return await self._vanish(request, fault) if fault in _NOT_MADE else None

    async def after(self, fault: CreateFault | None, request: web.Request) -> web.StreamResponse | None:
        """The absence of an answer, when the fault keeps the caller from learning that the work is done."""
        return await self._vanish(request, fault) if fault in _MADE else None

    async def _vanish(self, request: web.Request, fault: CreateFault) -> web.StreamResponse:
        """Never answers: says nothing until the bank closes, or cuts the connection at once."""
        if fault in _HANG:
            await self._closing.wait()
        if request.transport:
            request.transport.abort()
        return web.Response(status=503)


def json(value: object, status: int = 200, headers: dict[str, str] | None = None) -> web.Response:
    return web.Response(body=orjson.dumps(value), status=status, content_type="application/json", headers=headers or {})

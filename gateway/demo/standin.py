"""What the stand-ins of vendors share: a server on loopback, what arrived at it, and listeners that hear of it at once.

A stand-in speaks a vendor's protocol to the real adapter: it checks what it is sent, answers errors as the vendor does
and calls back with real signatures. It knows nothing of Achit and must not import an adapter.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from datetime import UTC, datetime
from enum import StrEnum
from typing import Generic, Self, TypeVar

import aiohttp
from aiohttp import web

T = TypeVar("T")


class Fault(StrEnum):
    """What goes wrong at a stand-in until it is set back to None."""

    THROTTLED = "throttled"  # 429
    UNAVAILABLE = "unavailable"  # 503
    BROKEN = "broken"  # 500
    HANG = "hang"  # nothing is taken, no answer comes
    LOSE_ANSWER = "lose_answer"  # taken, but no answer comes


class Arrivals(list[T], Generic[T]):
    """What came in, in order. `on_add` listeners are called at once, in the loop."""

    def __init__(self) -> None:
        super().__init__()
        self._listeners: list[Callable[[T], object]] = []
        self._more = asyncio.Event()

    def on_add(self, listener: Callable[[T], object]) -> None:
        self._listeners.append(listener)

    def add(self, item: T) -> None:
        self.append(item)
        self._more.set()
        for listener in self._listeners:
            listener(item)

    async def until(self, count: int = 1) -> T:
        """Waits until `count` items are there and returns that one."""
        while len(self) < count:
            self._more.clear()
            await self._more.wait()
        return self[count - 1]


class HttpStandIn:
    """An aiohttp application on 127.0.0.1 with a client for its calls back. Subclasses give `routes`."""

    def __init__(self, now: Callable[[], datetime] | None = None) -> None:
        self.now = now or (lambda: datetime.now(UTC))
        self.url = ""
        self.fault: Fault | None = None
        self._closing = asyncio.Event()
        self._runner: web.AppRunner | None = None
        self._client: aiohttp.ClientSession | None = None
        self._background: set[asyncio.Task[None]] = set()

    def routes(self) -> Iterable[web.RouteDef]:
        raise NotImplementedError

    async def start(self, port: int = 0) -> Self:
        """Listens on 127.0.0.1; port 0 takes a free one. `url` has no slash at its end."""
        app = web.Application()
        app.add_routes(self.routes())
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=1.0)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", port).start()
        self.url = f"http://127.0.0.1:{self._runner.addresses[0][1]}"
        self._client = aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=15))
        return self

    async def aclose(self) -> None:
        self._closing.set()
        for task in tuple(self._background):
            task.cancel()
        await asyncio.gather(*self._background, return_exceptions=True)
        if self._client is not None:
            await self._client.close()
        if self._runner is not None:
            await self._runner.cleanup()

    async def __aenter__(self) -> Self:
        try:
            return await self.start()
        except BaseException:  # also when it is cancelled: what was opened is closed
            await self.aclose()
            raise

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()

    async def settled(self) -> None:
        """Waits until every call back that was begun by itself has been answered."""
        while self._background:
            await asyncio.gather(*self._background, return_exceptions=True)

    async def _hang(self) -> web.Response:
        await self._closing.wait()
        return web.Response(status=503)

    def _later(self, work: Awaitable[None]) -> None:
        task = asyncio.ensure_future(work)
        self._background.add(task)
        task.add_done_callback(self._background.discard)

    async def _post(self, url: str, body: bytes, headers: dict[str, str]) -> int:
        """Calls back; the status, or 0 when nobody answered."""
        assert self._client is not None, "not started"
        try:
            async with self._client.post(url, data=body, headers=headers, allow_redirects=False) as answer:
                await answer.read()
                return answer.status
        except (aiohttp.ClientError, TimeoutError):
            return 0

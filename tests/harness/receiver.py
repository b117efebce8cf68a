"""A billing system on loopback that answers each push as it is told, and keeps every one as it came."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import orjson
from aiohttp import web
from aiohttp.test_utils import TestServer

from gateway.testing.clock import FakeClock


@dataclass(frozen=True, slots=True)
class Push:
    """One try, as it arrived at `at` by the test's clock."""

    path: str
    headers: Mapping[str, str]
    body: bytes
    at: datetime

    @property
    def id(self) -> str:
        return self.headers["webhook-id"]

    @property
    def event(self) -> dict[str, Any]:
        read: dict[str, Any] = orjson.loads(self.body)
        return read

    @property
    def type(self) -> str:
        return str(self.event["type"])


@dataclass(slots=True)
class Receiver:
    """`statuses` are the answers to the next pushes, 204 when there are none left; `before_answer` runs after each came."""

    clock: FakeClock
    url: str = ""
    got: list[Push] = field(default_factory=list)
    statuses: list[int] = field(default_factory=list)
    headers: dict[str, str] = field(default_factory=dict)
    refuses: Callable[[Push], bool] = lambda push: False
    before_answer: Callable[[Push], Awaitable[object]] | None = None
    _more: asyncio.Event = field(default_factory=asyncio.Event)

    async def receive(self, request: web.Request) -> web.Response:
        headers = {name.lower(): value for name, value in request.headers.items()}
        push = Push(request.path, headers, await request.read(), self.clock.now())
        self.got.append(push)
        self._more.set()
        if self.before_answer is not None:
            await self.before_answer(push)
        status = self.statuses.pop(0) if self.statuses else 500 if self.refuses(push) else 204
        return web.Response(status=status, headers=self.headers)

    async def until(self, count: int) -> None:
        """Waits until `count` pushes have come."""
        while len(self.got) < count:
            self._more.clear()
            await self._more.wait()

    @property
    def types(self) -> list[str]:
        return [push.type for push in self.got]

    @property
    def ids(self) -> list[str]:
        return [push.id for push in self.got]


@contextlib.asynccontextmanager
async def receiving(clock: FakeClock) -> AsyncIterator[Receiver]:
    """A receiver that listens while the context is open."""
    receiver = Receiver(clock)
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", receiver.receive)
    async with TestServer(app) as server:
        receiver.url = str(server.make_url("/achit"))
        yield receiver

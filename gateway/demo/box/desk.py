"""A biller's own side of the API: posts, reads and follows by HTTP with a key, as its portal would. It knows no other way in."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import aiohttp
import orjson
from aiohttp.client_exceptions import ClientError

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Answered:
    """What the API answered, and how long that took."""

    status: int
    body: Any
    ms: float


@dataclass(slots=True)
class Desk:
    """`key` is an API key that may read and write, `url` the gateway's, without a slash at its end, `heard` the last event's sequence."""

    session: aiohttp.ClientSession
    url: str
    key: str
    heard: int = 0
    again_after_s: float = 1.0

    async def call(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> Answered:
        """One call; any status is an answer. Raises aiohttp's ClientError when nobody is there."""
        data = None if body is None else orjson.dumps(body)
        headers = self._headers() | ({"Content-Type": "application/json"} if data is not None else {})
        started = time.perf_counter()
        async with self.session.request(method, self.url + path, data=data, headers=headers) as answer:
            raw = await answer.read()
        ms = round((time.perf_counter() - started) * 1000, 1)
        return Answered(answer.status, orjson.loads(raw) if raw else None, ms)

    async def follow(self, on_event: Callable[[Json], object]) -> None:
        """Hands over every event of the biller, from the first on, in order, until it is cancelled; comes back after a break."""
        while True:
            try:
                await self._follow(on_event)
            except (ClientError, TimeoutError):
                pass
            await asyncio.sleep(self.again_after_s)

    async def _follow(self, on_event: Callable[[Json], object]) -> None:
        headers = self._headers() | {"Last-Event-ID": str(self.heard)}
        forever = aiohttp.ClientTimeout(total=None, sock_connect=5)
        async with self.session.get(f"{self.url}/v1/events/stream", headers=headers, timeout=forever) as stream:
            stream.raise_for_status()
            async for line in stream.content:
                name, _, value = line.rstrip(b"\n").partition(b": ")
                if name == b"data":
                    event = orjson.loads(value)
                    on_event(event)
                    self.heard = event["sequence"]

    def _headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.key}"}

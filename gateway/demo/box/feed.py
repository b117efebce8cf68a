"""What the page shows, kept as items by kind and id, and every change told at once to each page that is open.

A page that comes (again) gets everything first, so nothing can be missed; one that does not read is let go and comes again.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from typing import Any

import orjson

Json = dict[str, Any]
KINDS = ("clock", "ana", "account", "message", "invoice", "conversation", "push")
KEPT = 300
_WAITING = 1000
_HEARTBEAT_S = 15.0


class Feed:
    """Items are plain values with an `id`; putting one again changes it where it stands. The oldest beyond `KEPT` are forgotten."""

    def __init__(self) -> None:
        self._items: dict[str, dict[str, Json]] = {kind: {} for kind in KINDS}
        self._watchers: set[asyncio.Queue[bytes | None]] = set()

    def put(self, kind: str, item: Json) -> None:
        items = self._items[kind]
        items[item["id"]] = item
        if len(items) > KEPT:
            del items[next(iter(items))]
        chunk = _chunk("item", {"kind": kind, "item": item})
        for queue in tuple(self._watchers):
            if queue.qsize() < _WAITING:
                queue.put_nowait(chunk)
            else:
                self._let_go(queue)

    def get(self, kind: str, item_id: str) -> Json | None:
        return self._items[kind].get(item_id)

    def all(self, kind: str) -> list[Json]:
        """In the order in which they came."""
        return list(self._items[kind].values())

    async def watch(self) -> AsyncGenerator[bytes]:
        """Server-sent events: one `snapshot`, then an `item` a change; ends when the feed closes."""
        queue: asyncio.Queue[bytes | None] = asyncio.Queue()
        self._watchers.add(queue)
        try:
            yield _chunk("snapshot", {kind: self.all(kind) for kind in KINDS})
            while True:
                try:
                    async with asyncio.timeout(_HEARTBEAT_S):
                        chunk = await queue.get()
                except TimeoutError:
                    chunk = b":\n\n"
                if chunk is None:
                    return
                yield chunk
        finally:
            self._watchers.discard(queue)

    def close(self) -> None:
        """Ends every stream that is open."""
        for queue in tuple(self._watchers):
            self._let_go(queue)

    def _let_go(self, queue: asyncio.Queue[bytes | None]) -> None:
        self._watchers.discard(queue)
        queue.put_nowait(None)


def _chunk(event: str, data: Json) -> bytes:
    return b"event: %s\ndata: %s\n\n" % (event.encode(), orjson.dumps(data))

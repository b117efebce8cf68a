"""What the page of the box does, in a test's hands."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable
from typing import Any

import aiohttp

Json = dict[str, Any]


async def drawn(page: aiohttp.ClientSession, biller: str = "luminis") -> Json:
    async with page.get(f"/drafts/{biller}") as answer:
        return await answer.json()


async def posted(page: aiohttp.ClientSession, biller: str = "luminis", **changes: object) -> Json:
    async with page.post(f"/invoices/{biller}", json=await drawn(page, biller) | changes) as answer:
        assert answer.status == 200
        return await answer.json()


async def told(page: aiohttp.ClientSession, wanted: Callable[[str, Json], bool]) -> Json:
    """The first item of the page's stream that is wanted."""
    async with page.get("/live") as stream:
        async for kind, item in items(stream):
            if wanted(kind, item):
                return item
    raise AssertionError("the stream ended")


async def items(stream: aiohttp.ClientResponse) -> AsyncIterator[tuple[str, Json]]:
    event = ""
    async for raw in stream.content:
        name, _, value = raw.decode().rstrip("\n").partition(": ")
        if name == "event":
            event = value
        elif name == "data" and event == "snapshot":
            for kind, known in json.loads(value).items():
                for item in known:
                    yield kind, item
        elif name == "data":
            change = json.loads(value)
            yield change["kind"], change["item"]

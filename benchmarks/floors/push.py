"""Floor of status pushes: an aiohttp client posts bytes that are ready and signed, so many at once."""

from __future__ import annotations

import asyncio
from typing import Any

import aiohttp
from yarl import URL

from benchmarks import child


async def main() -> None:
    told = child.settings()
    url, body, headers = URL(told["url"]), told["body"].encode(), told["headers"]
    connector = aiohttp.TCPConnector(limit=told["at_once"])
    async with aiohttp.ClientSession(connector=connector, cookie_jar=aiohttp.DummyCookieJar()) as session:

        async def send(order: dict[str, Any]) -> None:
            source = iter(range(order["number"]))

            async def one() -> None:
                for _ in source:
                    async with session.post(url, data=body, headers=headers) as response:
                        await response.read()

            await asyncio.gather(*(one() for _ in range(told["at_once"])))

        await child.obey({}, {"send": send})


if __name__ == "__main__":
    asyncio.run(main())

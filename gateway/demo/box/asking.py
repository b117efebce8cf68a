"""What the box's handlers share: the site they belong to, and how a request is read and answered."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

import orjson
from aiohttp import web

from gateway.demo.box.clock import BoxClock, Jumps
from gateway.demo.box.feed import Feed, Json
from gateway.demo.box.houses import House

HEADERS = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff", "Referrer-Policy": "no-referrer"}


@dataclass(frozen=True, slots=True)
class Site:
    """The box as its page sees it. `today` is the day where the billers are, `next_reminder` when Ana is reminded next."""

    houses: Mapping[str, House]
    feed: Feed
    url: str
    gateway_url: str
    clock: BoxClock
    jumps: Jumps
    today: Callable[[], date]
    next_reminder: Callable[[], Awaitable[datetime | None]]

    def house(self, request: web.Request) -> House:
        """The biller that the path names. Raises HTTPNotFound."""
        house = self.houses.get(request.match_info["biller"])
        if house is None:
            raise web.HTTPNotFound
        return house


async def body_of(request: web.Request) -> Json:
    """Raises HTTPBadRequest when it is no JSON object."""
    try:
        body: Any = orjson.loads(await request.read())
    except orjson.JSONDecodeError:
        raise web.HTTPBadRequest(text="Not JSON.") from None
    if not isinstance(body, dict):
        raise web.HTTPBadRequest(text="Not an object.")
    return body


def as_json(value: Json) -> web.Response:
    return web.Response(body=orjson.dumps(value), content_type="application/json", headers=HEADERS)

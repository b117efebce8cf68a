"""The biller's side of the desk: its conversations, a person's own words, and the clock on the wall."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime, time, timedelta
from zoneinfo import ZoneInfo

from aiohttp import web

from gateway.demo.box.asking import Site, as_json, body_of

ZONE = ZoneInfo("Europe/Bucharest")
MORNING = time(9)


class Counter:
    """The handlers of what the biller does, and of the clock, which also ticks into the feed."""

    def __init__(self, site: Site) -> None:
        self._site = site
        self._jumps: Mapping[str, Callable[[], Awaitable[datetime | None]]] = {
            "hour": self._in_an_hour,
            "morning": self._next_morning,
            "reminder": site.next_reminder,
        }
        site.clock.on_move(self._tell_time)
        self._tell_time()

    def routes(self) -> list[web.RouteDef]:
        return [
            web.get("/conversations/{biller}/{id}", self._conversation),
            web.post("/conversations/{biller}/{id}", self._say),
            web.post("/clock", self._move),
        ]

    async def _conversation(self, request: web.Request) -> web.Response:
        """What was said in a conversation, as the API gives it, the oldest first."""
        house = self._site.house(request)
        path = f"/v1/conversations/{request.match_info['id']}"
        found = await house.desk.call("GET", path)
        said = await house.desk.call("GET", f"{path}/messages?limit=100")
        if found.status != 200 or said.status != 200:
            raise web.HTTPNotFound
        return as_json({"conversation": found.body, "messages": said.body["items"][::-1]})

    async def _say(self, request: web.Request) -> web.Response:
        """A person at the biller's writes to the payer, by the API."""
        house = self._site.house(request)
        text = str((await body_of(request)).get("text", "")).strip()
        path = f"/v1/conversations/{request.match_info['id']}/messages"
        answered = await house.desk.call("POST", path, {"text": text})
        return as_json({"status": answered.status, "answer": answered.body})

    async def _move(self, request: web.Request) -> web.Response:
        """Moves the clock `to` an hour from now, the next 9:00, or Ana's next reminder; 409 when there is none."""
        where = self._jumps.get(str((await body_of(request)).get("to")))
        if where is None:
            raise web.HTTPUnprocessableEntity(text="Not a place in time.")
        at = await where()
        if at is None:
            raise web.HTTPConflict(text="No reminder is planned.")
        await self._site.jumps.to(at)
        return as_json({"now": self._site.clock.now().isoformat()})

    async def _in_an_hour(self) -> datetime:
        return self._site.clock.now() + timedelta(hours=1)

    async def _next_morning(self) -> datetime:
        now = self._site.clock.now().astimezone(ZONE)
        day = now.date() + timedelta(days=1) if now.time() >= MORNING else now.date()
        return datetime.combine(day, MORNING, ZONE)

    def _tell_time(self) -> None:
        self._site.feed.put("clock", {"id": "clock", "now": self._site.clock.now().isoformat()})

"""The biller's side of the desk: its conversations, a person's own words, and the clock on the wall."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime, time, timedelta
from zoneinfo import ZoneInfo

from aiohttp import web

from gateway.demo.box.asking import Site, as_json, body_of

ZONE = ZoneInfo("Europe/Bucharest")
MORNING = time(9)
MOST_HELD = 10  # times that a reminder is held before it goes out


class Counter:
    """The handlers of what the biller does, and of the clock, which also ticks into the feed."""

    def __init__(self, site: Site) -> None:
        self._site = site
        self._moves: Mapping[str, Callable[[], Awaitable[bool]]] = {
            "hour": self._an_hour,
            "morning": self._to_morning,
            "reminder": self._to_reminder,
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
        """Moves the clock `to` an hour from now, the next 9:00, or when Ana is reminded next; 409 when she is not."""
        move = self._moves.get(str((await body_of(request)).get("to")))
        if move is None:
            raise web.HTTPUnprocessableEntity(text="Not a place in time.")
        if not await move():
            raise web.HTTPConflict(text="No reminder is planned.")
        return as_json({"now": self._site.clock.now().isoformat()})

    async def _an_hour(self) -> bool:
        await self._site.jumps.to(self._site.clock.now() + timedelta(hours=1))
        return True

    async def _to_morning(self) -> bool:
        now = self._site.clock.now().astimezone(ZONE)
        day = now.date() + timedelta(days=1) if now.time() >= MORNING else now.date()
        await self._site.jumps.to(datetime.combine(day, MORNING, ZONE))
        return True

    async def _to_reminder(self) -> bool:
        """One that is held when it is due, by a weekend or a promise, is followed to when it goes out."""
        before, moved = self._received(), False
        for _ in range(MOST_HELD):
            at = await self._site.next_reminder()
            if at is None:
                break
            await self._site.jumps.to(at)
            moved = True
            if self._received() > before:
                break
        return moved

    def _received(self) -> int:
        """How many messages Ana has."""
        return sum(not item["mine"] for item in self._site.feed.all("message"))

    def _tell_time(self) -> None:
        self._site.feed.put("clock", {"id": "clock", "now": self._site.clock.now().isoformat()})

"""The page of the box and what it calls: one shell, one stream, a few small posts. It must load nothing from outside the box.

Posts are taken from the page alone (`Origin`), and every request must name the box as its host, so that no other site that is
open in the same browser can reach it.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Mapping
from datetime import date
from typing import Any
from urllib.parse import urlsplit

import aiohttp
import jinja2
import orjson
from aiohttp import web

from gateway import __version__
from gateway.demo.box.billers import PAGES
from gateway.demo.box.drafts import ANA, LOCALES, Draft, DraftFault, as_curl, request_body
from gateway.demo.box.feed import Feed, Json
from gateway.demo.box.houses import House

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
_TYPES = {".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}
_NAME = re.compile(r"[a-z][a-z-]*\.(css|js|svg)")
_HEADERS = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff", "Referrer-Policy": "no-referrer"}
_BASE = '<base target="_blank">'
LONGEST_TEXT = 1000


class Pages:
    """The handlers over the box's houses and feed. `today` is the day where the billers are."""

    def __init__(
        self, houses: Mapping[str, House], feed: Feed, *, url: str, gateway_url: str, today: Callable[[], date]
    ) -> None:
        self._houses = houses
        self._feed = feed
        self._url = url
        self._gateway_url = gateway_url
        self._today = today
        self._texts: Mapping[str, Json] = orjson.loads((PAGES / "texts.json").read_bytes())
        self._environment = jinja2.Environment(
            loader=jinja2.FileSystemLoader(PAGES), autoescape=True, undefined=jinja2.StrictUndefined
        )

    def application(self) -> web.Application:
        app = web.Application(middlewares=[self._guard], client_max_size=64 * 1024)
        app.add_routes(
            [
                web.get("/", self._shell),
                web.get("/static/{name}", self._static),
                web.get("/live", self._live),
                web.get("/mails/{biller}/{id}", self._mail),
                web.get("/drafts/{biller}", self._draw),
                web.post("/drafts/{biller}", self._compose),
                web.post("/invoices/{biller}", self._post),
                web.get("/invoices/{biller}/{id}", self._timeline),
                web.post("/replies/{biller}/{channel}", self._reply),
                web.get("/telegram/{bot}", self._chat),
                web.post("/telegram/{bot}", self._chat),
            ]
        )
        return app

    @web.middleware
    async def _guard(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        origin = request.headers.get("Origin")
        foreign = request.host != urlsplit(self._url).netloc or (origin is not None and origin != self._url)
        if foreign or (request.method == "POST" and origin is None):
            raise web.HTTPForbidden(text="Only the box's own page may ask this.")
        return await handler(request)

    def _policy(self) -> str:
        return (
            f"default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "
            f"img-src 'self' {self._gateway_url}; frame-src 'self'; form-action 'self'; base-uri 'none'; "
            "frame-ancestors 'none'"
        )

    async def _shell(self, request: web.Request) -> web.Response:
        wanted = request.query.get("lang", "en")
        lang = wanted if wanted in self._texts else "en"
        texts = self._texts[lang]
        told = {
            "lang": lang,
            "texts": texts["page"],
            "billers": {slug: {"name": house.biller.name} for slug, house in self._houses.items()},
        }
        html = self._environment.get_template("index.html").render(
            lang=lang,
            t=texts["shell"],
            told=orjson.dumps(told).decode().replace("<", "\\u003c"),
            billers=[house.biller for house in self._houses.values()],
            gateway=self._gateway_url,
            locales=LOCALES,
            version=__version__,
        )
        return self._html(html, self._policy())

    async def _static(self, request: web.Request) -> web.Response:
        name = request.match_info["name"]
        path = PAGES / name
        if not _NAME.fullmatch(name) or not path.is_file():
            raise web.HTTPNotFound
        return web.Response(body=path.read_bytes(), content_type=_TYPES[path.suffix], charset="utf-8", headers=_HEADERS)

    async def _live(self, request: web.Request) -> web.StreamResponse:
        stream = web.StreamResponse(headers=_HEADERS | {"Content-Type": "text/event-stream"})
        await stream.prepare(request)
        chunks = self._feed.watch()
        try:
            async for chunk in chunks:
                await stream.write(chunk)
        except ConnectionResetError:
            pass
        finally:
            await chunks.aclose()
        return stream

    async def _mail(self, request: web.Request) -> web.Response:
        """A message as a mail program shows it: no scripts, links in a new tab, pictures from the gateway alone."""
        house = self._house(request)
        wanted = request.match_info["id"]
        mail = next((mail for mail in house.vendors.mail.messages if mail.message_id == wanted), None)
        if mail is None:
            raise web.HTTPNotFound
        policy = (
            f"default-src 'none'; img-src {self._gateway_url} data:; style-src 'unsafe-inline'; base-uri 'none'; "
            "frame-ancestors 'self'; sandbox allow-same-origin allow-popups allow-popups-to-escape-sandbox"
        )
        return self._html(mail.html.replace("<head>", f"<head>{_BASE}", 1), policy)

    async def _draw(self, request: web.Request) -> web.Response:
        draft = self._house(request).drafting.draw(self._today())
        return _json(
            {
                "number": draft.number,
                "amount": draft.amount,
                "due_on": draft.due_on,
                "locale": draft.locale,
                "channels": draft.channels,
            }
        )

    async def _compose(self, request: web.Request) -> web.Response:
        """The request that a draft would be, without posting it."""
        house = self._house(request)
        return _json(self._request(house, request_body(house.biller, await _draft(request), self._today())))

    async def _post(self, request: web.Request) -> web.Response:
        """Posts the draft by the API, and shows what was asked and what was answered."""
        house = self._house(request)
        body = request_body(house.biller, await _draft(request), self._today())
        try:
            answered = await house.desk.call("POST", "/v1/invoices", body)
        except (aiohttp.ClientError, TimeoutError):
            raise web.HTTPBadGateway(text="The gateway did not answer.") from None
        answer = {"status": answered.status, "answer": answered.body, "ms": answered.ms}
        return _json(self._request(house, body) | answer)

    def _request(self, house: House, body: Json) -> Json:
        url = f"{house.desk.url}/v1/invoices"
        return {"curl": as_curl(url, house.desk.key, body), "request": body}

    async def _timeline(self, request: web.Request) -> web.Response:
        """One invoice and its events, as the API gives them."""
        house = self._house(request)
        path = f"/v1/invoices/{request.match_info['id']}"
        invoice = await house.desk.call("GET", path)
        events = await house.desk.call("GET", f"{path}/events?limit=200")
        if invoice.status != 200 or events.status != 200:
            raise web.HTTPNotFound
        shown = [{name: event[name] for name in ("type", "occurred_at", "data")} for event in events.body["items"]]
        return _json({"invoice": invoice.body, "events": shown})

    async def _reply(self, request: web.Request) -> web.Response:
        """Ana answers on one of her channels, presses a button under a message, or pays its bill."""
        house, channel = self._house(request), request.match_info["channel"]
        said = await _body(request)
        text, button = str(said.get("text", "")).strip()[:LONGEST_TEXT], said.get("button")
        vendors = house.vendors
        if channel == "telegram" and type(said.get("pay")) is int:
            return await self._pay(house, said["pay"])
        if not text and not button:
            raise web.HTTPUnprocessableEntity(text="Nothing was written.")
        match channel:
            case "sms":
                status = await vendors.twilio.reply(ANA.phone, text)
            case "email" if vendors.mail.messages:
                status = await vendors.mail.reply(vendors.mail.messages[-1], text)
            case "telegram" if button:
                try:
                    status = await vendors.telegram.press(ANA.chat_id, str(button))
                except LookupError:
                    raise web.HTTPNotFound from None
                return _json({"status": status})
            case "telegram":
                status = await vendors.telegram.write(ANA.chat_id, text)
            case _:
                raise web.HTTPNotFound
        house.teller.written(channel, text, status)
        return _json({"status": status})

    async def _pay(self, house: House, message_id: int) -> web.Response:
        """Ana presses Pay under a bill in the chat, and her card is charged if the biller's bot agrees."""
        try:
            done = await house.vendors.telegram.pay(ANA.chat_id, message_id)
        except LookupError:
            raise web.HTTPNotFound from None
        return _json({"outcome": done.outcome, "words": done.words})

    async def _chat(self, request: web.Request) -> web.Response:
        """What t.me is elsewhere: opens the chat with a bot, and carries the link's token when Start is pressed."""
        bot, token = request.match_info["bot"], request.query.get("start", "")
        house = next((house for house in self._houses.values() if house.biller.bot == bot), None)
        if house is None:
            raise web.HTTPNotFound
        if request.method == "POST":
            await house.vendors.telegram.start_chat(ANA.chat_id, token)
        html = self._environment.get_template("chat.html").render(
            biller=house.biller, token=token, started=request.method == "POST"
        )
        return self._html(html, self._policy())

    def _house(self, request: web.Request) -> House:
        house = self._houses.get(request.match_info["biller"])
        if house is None:
            raise web.HTTPNotFound
        return house

    def _html(self, html: str, policy: str) -> web.Response:
        headers = _HEADERS | {"Content-Security-Policy": policy}
        return web.Response(text=html, content_type="text/html", headers=headers)


async def _body(request: web.Request) -> Json:
    try:
        body: Any = orjson.loads(await request.read())
    except orjson.JSONDecodeError:
        raise web.HTTPBadRequest(text="Not JSON.") from None
    if not isinstance(body, dict):
        raise web.HTTPBadRequest(text="Not an object.")
    return body


async def _draft(request: web.Request) -> Draft:
    try:
        return Draft.read(await _body(request))
    except DraftFault:
        raise web.HTTPUnprocessableEntity(text="Not a draft.") from None


def _json(value: Json) -> web.Response:
    return web.Response(body=orjson.dumps(value), content_type="application/json", headers=_HEADERS)

"""The page of the box and what it calls: one shell, one stream, a few small posts. It must load nothing from outside the box.

Posts are taken from the page alone (`Origin`), and every request must name the box as its host, so that no other site that is
open in the same browser can reach it.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Mapping
from urllib.parse import quote, urlsplit

import aiohttp
import jinja2
import orjson
from aiohttp import web

from gateway import __version__
from gateway.demo.box.asking import HEADERS, Site, as_json, body_of
from gateway.demo.box.billers import PAGES, DemoBiller
from gateway.demo.box.counter import Counter
from gateway.demo.box.drafts import ANA, LOCALES, Draft, DraftFault, as_curl, request_body
from gateway.demo.box.feed import Json
from gateway.demo.box.houses import House
from gateway.demo.box.phone import Phone
from gateway.demo.box.switches import Switches

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
_TYPES = {".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}
_NAME = re.compile(r"[a-z][a-z-]*\.(css|js|svg)")
SHOWN = ("sms", "whatsapp", "telegram", "email")  # the phone, from left to right
_BASE = '<base target="_blank">'


class Pages:
    """The handlers over the box's houses and feed."""

    def __init__(self, site: Site) -> None:
        self._site = site
        self._phone = Phone(site)
        self._counter = Counter(site)
        self._switches = Switches(site)
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
                *self._phone.routes(),
                *self._counter.routes(),
                *self._switches.routes(),
                web.get("/telegram/{bot}", self._telegram),
                web.post("/telegram/{bot}", self._telegram),
                web.get("/whatsapp/{number}", self._whatsapp),
                web.post("/whatsapp/{number}", self._whatsapp),
            ]
        )
        return app

    @web.middleware
    async def _guard(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        origin = request.headers.get("Origin")
        foreign = request.host != urlsplit(self._site.url).netloc or (origin is not None and origin != self._site.url)
        if foreign or (request.method == "POST" and origin is None):
            raise web.HTTPForbidden(text="Only the box's own page may ask this.")
        return await handler(request)

    def _policy(self) -> str:
        return (
            f"default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "
            f"img-src 'self' {self._site.gateway_url}; frame-src 'self'; form-action 'self'; base-uri 'none'; "
            "frame-ancestors 'none'"
        )

    async def _shell(self, request: web.Request) -> web.Response:
        wanted = request.query.get("lang", "en")
        lang = wanted if wanted in self._texts else "en"
        texts = self._texts[lang]
        told = {
            "lang": lang,
            "texts": texts["page"],
            "phrases": {name: each["phrases"] for name, each in self._texts.items()},
            "names": {house.biller.contract: ANA.name for house in self._site.houses.values()},
            "billers": {slug: {"name": house.biller.name} for slug, house in self._site.houses.items()},
        }
        html = self._environment.get_template("index.html").render(
            lang=lang,
            t=texts["shell"],
            told=orjson.dumps(told).decode().replace("<", "\\u003c"),
            billers=[house.biller for house in self._site.houses.values()],
            gateway=self._site.gateway_url,
            channels=SHOWN,
            locales=LOCALES,
            version=__version__,
        )
        return self._html(html, self._policy())

    async def _static(self, request: web.Request) -> web.Response:
        name = request.match_info["name"]
        path = PAGES / name
        if not _NAME.fullmatch(name) or not path.is_file():
            raise web.HTTPNotFound
        return web.Response(body=path.read_bytes(), content_type=_TYPES[path.suffix], charset="utf-8", headers=HEADERS)

    async def _live(self, request: web.Request) -> web.StreamResponse:
        stream = web.StreamResponse(headers=HEADERS | {"Content-Type": "text/event-stream"})
        await stream.prepare(request)
        chunks = self._site.feed.watch()
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
        house = self._site.house(request)
        wanted = request.match_info["id"]
        mail = next((mail for mail in house.vendors.mail.messages if mail.message_id == wanted), None)
        if mail is None:
            raise web.HTTPNotFound
        policy = (
            f"default-src 'none'; img-src {self._site.gateway_url} data:; style-src 'unsafe-inline'; base-uri 'none'; "
            "frame-ancestors 'self'; sandbox allow-same-origin allow-popups allow-popups-to-escape-sandbox"
        )
        return self._html(mail.html.replace("<head>", f"<head>{_BASE}", 1), policy)

    async def _draw(self, request: web.Request) -> web.Response:
        draft = self._site.house(request).drafting.draw(self._site.today())
        return as_json(
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
        house = self._site.house(request)
        return as_json(self._request(house, request_body(house.biller, await _draft(request), self._site.today())))

    async def _post(self, request: web.Request) -> web.Response:
        """Posts the draft by the API, and shows what was asked and what was answered."""
        house = self._site.house(request)
        body = request_body(house.biller, await _draft(request), self._site.today())
        try:
            answered = await house.desk.call("POST", "/v1/invoices", body)
        except (aiohttp.ClientError, TimeoutError):
            raise web.HTTPBadGateway(text="The gateway did not answer.") from None
        answer = {"status": answered.status, "answer": answered.body, "ms": answered.ms}
        return as_json(self._request(house, body) | answer)

    def _request(self, house: House, body: Json) -> Json:
        url = f"{house.desk.url}/v1/invoices"
        return {"curl": as_curl(url, house.desk.key, body), "request": body}

    async def _timeline(self, request: web.Request) -> web.Response:
        """One invoice and its events, as the API gives them."""
        house = self._site.house(request)
        path = f"/v1/invoices/{request.match_info['id']}"
        invoice = await house.desk.call("GET", path)
        events = await house.desk.call("GET", f"{path}/events?limit=200")
        if invoice.status != 200 or events.status != 200:
            raise web.HTTPNotFound
        shown = [{name: event[name] for name in ("type", "occurred_at", "data")} for event in events.body["items"]]
        return as_json({"invoice": invoice.body, "events": shown})

    async def _telegram(self, request: web.Request) -> web.Response:
        """What t.me is elsewhere: opens the chat with a bot, and carries the link's token when Start is pressed."""
        bot, token = request.match_info["bot"], request.query.get("start", "")
        house = self._called(lambda biller: biller.bot == bot)
        if request.method == "POST":
            await house.vendors.telegram.start_chat(ANA.chat_id, token)
        again = f"/telegram/{bot}?start={quote(token)}"
        return self._opening(house, f"@{bot}", "Telegram", "Start", again, done=request.method == "POST")

    async def _whatsapp(self, request: web.Request) -> web.Response:
        """What wa.me is elsewhere: opens the chat with a number, and sends the text that the link prepared."""
        number, text = request.match_info["number"], request.query.get("text", "")
        house = self._called(lambda biller: biller.whatsapp == f"+{number}")
        if request.method == "POST":
            await house.teller.carry("whatsapp", text, house.vendors.whatsapp.write(ANA.phone, text))
        again = f"/whatsapp/{number}?text={quote(text)}"
        return self._opening(house, text, "WhatsApp", "Send", again, done=request.method == "POST")

    def _called(self, wanted: Callable[[DemoBiller], bool]) -> House:
        house = next((house for house in self._site.houses.values() if wanted(house.biller)), None)
        if house is None:
            raise web.HTTPNotFound
        return house

    def _opening(self, house: House, under: str, app: str, press: str, again: str, *, done: bool) -> web.Response:
        html = self._environment.get_template("chat.html").render(
            biller=house.biller, under=under, app=app, press=press, again=again, done=done
        )
        return self._html(html, self._policy())

    def _html(self, html: str, policy: str) -> web.Response:
        headers = HEADERS | {"Content-Security-Policy": policy}
        return web.Response(text=html, content_type="text/html", headers=headers)


async def _draft(request: web.Request) -> Draft:
    try:
        return Draft.read(await body_of(request))
    except DraftFault:
        raise web.HTTPUnprocessableEntity(text="Not a draft.") from None

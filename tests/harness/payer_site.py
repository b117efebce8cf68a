"""A gateway of one payer page and a bank on another origin, for a browser to look at; and the pages that it shows."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field, replace

from aiohttp import web
from aiohttp.test_utils import TestServer
from playwright.async_api import Browser, Page

from gateway.domain.invoices import IconState
from gateway.rendering import PageContext, PayPage, Renderer, TransferPage
from gateway.rendering.elements import qr_svg
from gateway.rendering.policy import HTTPS
from gateway.rendering.samples import sample_message, sample_page

PATH = "/p/3kTMd9pQ2xVb7RnLw4"


@dataclass
class Site:
    """A gateway of one page and a bank on another origin, both real servers; it remembers what was posted to it."""

    renderer: Renderer
    context: PageContext
    forms: tuple[str, ...] = HTTPS  # type: ignore[assignment]
    biller: TestServer = field(init=False)
    bank: TestServer = field(init=False)
    posted: list[dict[str, str]] = field(default_factory=list)
    paid: list[dict[str, str]] = field(default_factory=list)
    news: asyncio.Queue[str] = field(default_factory=asyncio.Queue)

    async def start(self) -> None:
        bank = web.Application()
        bank.router.add_route("*", "/pay", self.at_bank)
        self.bank = TestServer(bank)
        await self.bank.start_server(shutdown_timeout=0.1)
        app = web.Application()
        app.add_routes(
            [
                web.get("/static/{name}", self.static),
                web.get("/mail/{kind}/{locale}", self.mail),
                web.get(f"{PATH}/live", self.live),
                web.get(f"{PATH}/qr.svg", self.qr),
                web.get(f"{PATH}/transfer.svg", self.qr),
                web.post(f"{PATH}/attempts", self.attempts),
                web.post(f"{PATH}/transfer", self.attempts),
                web.get("/{path:.*}", self.page),
            ]
        )
        self.biller = TestServer(app)
        await self.biller.start_server(shutdown_timeout=0.1)

    def url(self, path: str = PATH) -> str:
        return str(self.biller.make_url(path))

    @property
    def bank_origin(self) -> str:
        return str(self.bank.make_url("/")).rstrip("/")

    async def page(self, request: web.Request) -> web.Response:
        name = next(name for name, kind in PAGE_OF.items() if kind is type(self.context))
        html = self.renderer.page(name, self.context, request.query.get("lang", "ro"))
        policy = self.renderer.policy(self.context, forms=self.forms)
        return web.Response(text=html, content_type="text/html", headers={"Content-Security-Policy": policy})

    async def static(self, request: web.Request) -> web.Response:
        asset = self.renderer.assets[request.match_info["name"]]
        return web.Response(body=asset.body, headers={"Content-Type": asset.content_type})

    async def mail(self, request: web.Request) -> web.Response:
        kind, locale = request.match_info["kind"], request.match_info["locale"]
        message = self.renderer.render(kind, sample_message(kind), channel="email", locale=locale)
        return web.Response(text=message.html, content_type="text/html")

    async def qr(self, _: web.Request) -> web.Response:
        return web.Response(text=qr_svg("https://pay.acme.example"), content_type="image/svg+xml")

    async def live(self, request: web.Request) -> web.StreamResponse:
        stream = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        await stream.prepare(request)
        while True:
            await stream.write(f"data: {await self.news.get()}\n\n".encode())

    async def attempts(self, request: web.Request) -> web.Response:
        self.posted.append({key: str(value) for key, value in (await request.post()).items()})
        raise web.HTTPSeeOther(f"{self.bank_origin}/pay")

    async def at_bank(self, request: web.Request) -> web.Response:
        self.paid.append({key: str(value) for key, value in (await request.post()).items()})
        return web.Response(text="<!doctype html><title>The bank</title>", content_type="text/html")


PAGE_OF = {
    name: type(sample_page(name)) for name in ("invoice", "hand_over", "transfer", "unknown", "unsubscribe", "code")
}


def invoice(state: IconState = IconState.OPEN, **changes: object) -> PayPage:
    page = sample_page("invoice", state)
    assert isinstance(page, PayPage)
    return replace(page, **changes)  # type: ignore[arg-type]


def transfer(**changes: object) -> TransferPage:
    page = sample_page("transfer")
    assert isinstance(page, TransferPage)
    return replace(page, **changes)  # type: ignore[arg-type]


async def opened(browser: Browser, url: str, *, width: int = 390, scheme: str = "light", script: bool = True) -> Page:
    context = await browser.new_context(
        viewport={"width": width, "height": 800},
        color_scheme=scheme,  # type: ignore[arg-type]
        java_script_enabled=script,
        reduced_motion="reduce",
    )
    page = await context.new_page()
    page.set_default_timeout(15_000)
    await page.goto(url)
    return page

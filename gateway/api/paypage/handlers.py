"""What payers open: the pay page, its icon and QR, its live stream, where a pay code is typed, and the unsubscribe page.

A GET changes nothing: previews, scanners and mail proxies open links before people do. A wrong, a revoked and a guessed link get the
same answer, and an address that guesses is slowed down.
"""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from functools import lru_cache

from aiohttp import web

from gateway.api.middleware import receiving
from gateway.api.paypage.frame import HEADERS, previews
from gateway.api.paypage.transfers import TransferPages
from gateway.api.ratelimit import subscriber
from gateway.domain.payments import WATCHED_POLL_S, Attempt
from gateway.rendering import EnterCode, HandOver, Unsubscribe
from gateway.rendering.elements import qr_png, qr_svg
from gateway.services import attempts, bindings, contexts, invoices, pay_codes, receipts, routing
from gateway.services.errors import Conflict, NotFound, StillAsked, Unavailable
from gateway.services.invoices import View
from gateway.store.database import StoreUnavailable

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

_FOREVER = {"Cache-Control": "public, max-age=31536000, immutable", "X-Content-Type-Options": "nosniff"}
_HEARTBEAT_S = 20.0
_LONGEST_STREAM_S = 3600.0


@dataclass(slots=True)
class PayPages(TransferPages):
    """The handlers, over one context. `streams` counts the live pages that are open."""

    closing: asyncio.Event = field(default_factory=asyncio.Event)
    streams: int = 0

    def routes(self) -> list[web.RouteDef]:
        """The payer's part of the URL table."""
        return [
            web.get("/p/{token}", self.show),
            web.post("/p/{token}/attempts", self.start),
            web.get("/p/{token}/return", self.returned),
            web.get("/p/{token}/transfer", self.transfer),
            web.post("/p/{token}/transfer", self.transferred),
            web.get("/p/{token}/transfer.svg", self.transfer_qr),
            web.get("/p/{token}/live", self.live),
            web.get("/p/{token}/icon.{form:svg|png}", self.icon),
            web.get("/p/{token}/qr.{form:svg|png}", self.qr),
            web.post("/p/{token}/chats/{channel}", self.chat),
            web.get("/c", self.code_page),
            web.post("/c", self.code),
            web.get("/u/{token}", self.unsubscribe_page),
            web.post("/u/{token}", self.unsubscribe),
            web.get("/brand/{biller}/logo", self.logo),
            web.get("/static/{name}", self.static),
        ]

    async def show(self, request: web.Request) -> web.StreamResponse:
        """The page as it is now; a preview bot gets a card without any of it."""
        return await self._page(request, returned=False)

    async def returned(self, request: web.Request) -> web.StreamResponse:
        """Where providers send the payer back to. It proves nothing: the page says what the door knows."""
        return await self._page(request, returned=True)

    async def start(self, request: web.Request) -> web.StreamResponse:
        """Opens a payment and sends the payer to it; or shows the page with the reason why not."""
        found = await self._find(request)
        if found is None:
            return self._unknown(request)
        async with receiving(self.timeout_s):
            form = await request.post()
        invoice, owed = found.invoice, found.invoice.outstanding
        seen = form.get("amount"), form.get("currency")
        if seen != (None, None) and seen != (owed.value, owed.currency):
            return await self._page(request, returned=False, notice="amount_changed", status=409)
        locale = self.ctx.renderer.language(str(form.get("lang", "")), self._locale(request, found))
        visitor = attempts.Visitor(self._address(request), request.headers.get("User-Agent"))
        asked, choice = str(form.get("method", "")), str(form.get("choice", "")) or None
        try:
            attempt = await attempts.start(self.ctx, invoice, asked, locale=locale, choice=choice, visitor=visitor)
        except Conflict:
            return web.HTTPSeeOther(self.ctx.pay_path(found.invoice.id, found.invoice.link_version))
        except NotFound:
            return await self._page(request, returned=False, notice="unavailable", status=422)
        except StillAsked:
            return await self._page(request, returned=False, notice="asking", status=503)
        except (Unavailable, StoreUnavailable):
            return await self._page(request, returned=False, notice="unavailable", status=503)
        return self._send_to(found, attempt, locale)

    def _send_to(self, found: View, attempt: Attempt, locale: str) -> web.Response:
        """Takes the payer to where the attempt is paid: a redirect, a page that posts the vendor's form, or one that says what to type."""
        if attempt.transfer:
            return self._to(found, "/transfer", locale)
        url = attempt.redirect_url or ""
        if not attempt.form:
            return web.Response(status=303, headers=HEADERS | {"Location": url})
        biller, path = self._biller(found), self.ctx.pay_path(found.invoice.id, found.invoice.link_version)
        brand = contexts.brand(self.ctx, biller)
        context = HandOver(brand, found.invoice.number, attempt.amount, url, path, attempt.form)
        html = self.ctx.renderer.page("hand_over", context, locale, biller=biller.slug)
        return self._html(html, self._policy(context))

    async def live(self, request: web.Request) -> web.StreamResponse:
        """Server-sent events: the page's revision, now and whenever it changes. While somebody watches, polls come fast."""
        found = await self._find(request)
        if found is None:
            return self._unknown(request)
        invoice_id, biller = found.invoice.id, self._biller(found)
        response = web.StreamResponse(
            headers=HEADERS | {"Content-Type": "text/event-stream", "X-Accel-Buffering": "no"}
        )
        await response.prepare(request)
        loop = asyncio.get_running_loop()
        ends_at = loop.time() + _LONGEST_STREAM_S
        self.streams += 1
        try:
            with self.ctx.db.signals.listen(f"invoice:{invoice_id}") as listener:
                told = ""
                while loop.time() < ends_at and not self.closing.is_set():
                    revision = contexts.revision(self.ctx, biller, found)
                    await response.write(f"data: {revision}\n\n".encode() if revision != told else b":\n\n")
                    told = revision
                    watched = any(attempt.open and not attempt.silent for attempt in found.attempts)
                    if watched:
                        await self.ctx.db.notify([f"watch:{invoice_id}"])
                    await _either(listener.wait(), self.closing.wait(), WATCHED_POLL_S if watched else _HEARTBEAT_S)
                    found = await invoices.by_token(self.ctx, request.match_info["token"])
        except (ConnectionResetError, NotFound, StoreUnavailable):
            pass
        finally:
            self.streams -= 1
        return response

    async def icon(self, request: web.Request) -> web.StreamResponse:
        """The status icon, right at each opening: never from a cache without asking."""
        found = await self._find(request)
        if found is None:
            return self._unknown(request)
        state = contexts.icon(self.ctx, self._biller(found), found)
        locale = self._locale(request, found)
        form = request.match_info["form"]
        etag = f'"{state}-{locale}"'
        headers = {
            "Cache-Control": "no-cache",
            "ETag": etag,
            "X-Content-Type-Options": "nosniff",
            "Vary": "Accept-Language",
        }
        if request.headers.get("If-None-Match") == etag:
            return web.Response(status=304, headers=headers)
        if form == "png":
            return web.Response(body=self.ctx.renderer.icon_png(state), content_type="image/png", headers=headers)
        drawn = self.ctx.renderer.icon_svg(state, found.invoice.number, locale)
        return web.Response(text=drawn, content_type="image/svg+xml", headers=headers)

    async def qr(self, request: web.Request) -> web.StreamResponse:
        """The pay link as a QR code."""
        found = await self._find(request)
        if found is None:
            return self._unknown(request)
        url = self.ctx.pay_url(found.invoice.id, found.invoice.link_version)
        headers = {"Cache-Control": "public, max-age=86400", "X-Content-Type-Options": "nosniff"}
        if request.match_info["form"] == "png":
            return web.Response(body=_qr_png(url), content_type="image/png", headers=headers)
        return web.Response(text=_qr_svg(url), content_type="image/svg+xml", headers=headers)

    async def chat(self, request: web.Request) -> web.StreamResponse:
        """Takes the payer to the biller's chat with a single-use token that binds it."""
        found = await self._find(request)
        if found is None:
            return self._unknown(request)
        name = request.match_info["channel"]
        channels = self.ctx.directory.channels_of(found.invoice.biller_id)
        account = next((account for account in channels if account.short == name and account.plugin.opens_chats), None)
        url = await bindings.start_url(self.ctx, account, found.invoice.id) if account else None
        if url is None:
            return self._unknown(request)
        return web.Response(status=303, headers=HEADERS | {"Location": url})

    async def code_page(self, request: web.Request) -> web.StreamResponse:
        """Where a pay code is typed: nobody's brand, and nothing about anybody."""
        return self._code(EnterCode(code=request.query.get("code", "")[:40]), self._language(request, "ro"))

    async def code(self, request: web.Request) -> web.StreamResponse:
        """Takes who proves to hold an invoice to its page. All else gets one answer, however it is wrong."""
        async with receiving(self.timeout_s):
            form = await request.post()
        code, proof, lang = (str(form.get(name, ""))[:100] for name in ("code", "proof", "lang"))
        locale = self.ctx.renderer.language(lang, self._language(request, "ro"))
        path = await pay_codes.pay_path(self.ctx, f"web:{subscriber(self._address(request))}", code, proof)
        if path is None:
            return self._code(EnterCode(code=code, refused=True), locale, 422)
        return web.Response(status=303, headers=HEADERS | {"Location": f"{path}?lang={locale}"})

    async def unsubscribe_page(self, request: web.Request) -> web.StreamResponse:
        """Opening it changes nothing; its button does (RFC 8058)."""
        return await self._unsubscribe(request, done=False)

    async def unsubscribe(self, request: web.Request) -> web.StreamResponse:
        """One click, by a person or by a mail program."""
        if not await receipts.unsubscribe(self.ctx, request.match_info["token"]):
            return self._unknown(request)
        return await self._unsubscribe(request, done=True)

    async def logo(self, request: web.Request) -> web.StreamResponse:
        """The biller's logo, for pages and emails."""
        biller = self.ctx.directory.biller_called(request.match_info["biller"])
        logo = biller.settings.brand.logo if biller else None
        if logo is None or not logo.startswith("data:"):
            raise web.HTTPNotFound
        media_type, _, octets = logo.removeprefix("data:").partition(";base64,")
        headers = _FOREVER | {"Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'"}
        return web.Response(body=base64.b64decode(octets), content_type=media_type, headers=headers)

    async def static(self, request: web.Request) -> web.StreamResponse:
        """A static file by its hashed name."""
        asset = self.ctx.renderer.assets.get(request.match_info["name"])
        if asset is None:
            raise web.HTTPNotFound
        return web.Response(body=asset.body, headers=_FOREVER | {"Content-Type": asset.content_type})

    async def _page(
        self, request: web.Request, *, returned: bool, notice: str = "", status: int = 200
    ) -> web.StreamResponse:
        found = await self._find(request)
        if found is None:
            return self._unknown(request)
        biller, locale = self._biller(found), self._locale(request, found)
        if previews(request):
            return self._card(request, found)
        decision = await routing.shown(self.ctx, biller, found.invoice, request.headers.get("User-Agent"))
        methods = [route.method for route in decision.shown]
        troubled = [route.method for route in decision.shown if route.troubled]
        notice = notice or ("own_browser" if decision.needs_own_browser and found.invoice.payable else "")
        context = contexts.pay_page(
            self.ctx, biller, found, methods=methods, troubled=troubled, notice=notice, returned=returned
        )
        html = self.ctx.renderer.page("invoice", context, locale, biller=biller.slug)
        return self._html(html, self._policy(context), status)

    async def _unsubscribe(self, request: web.Request, *, done: bool) -> web.StreamResponse:
        biller = await receipts.biller_of_unsubscribe(self.ctx, request.match_info["token"])
        if biller is None:
            return self._unknown(request)
        context = Unsubscribe(contexts.brand(self.ctx, biller), path=request.path, done=done)
        locale = self._language(request, biller.locale)
        return self._html(
            self.ctx.renderer.page("unsubscribe", context, locale, biller=biller.slug), self._policy(context)
        )

    def _code(self, context: EnterCode, locale: str, status: int = 200) -> web.Response:
        return self._html(self.ctx.renderer.page("code", context, locale), self._policy(context), status)


async def _either(first: Awaitable[object], second: Awaitable[object], timeout_s: float) -> None:
    tasks = [asyncio.ensure_future(first), asyncio.ensure_future(second)]
    try:
        await asyncio.wait(tasks, timeout=timeout_s, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


@lru_cache(2048)
def _qr_png(url: str) -> bytes:
    return qr_png(url)


@lru_cache(2048)
def _qr_svg(url: str) -> str:
    return qr_svg(url)

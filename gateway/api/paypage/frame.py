"""What every payer page shares: whose link it is, which language, and the headers that hold a page shut."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from aiohttp import web

from gateway.api.ratelimit import AddressLimiter, Network, Rate, client_address
from gateway.rendering import Card, PageContext, UnknownLink
from gateway.services import contexts, invoices
from gateway.services.context import Context
from gateway.services.directory import Biller
from gateway.services.errors import NotFound
from gateway.services.invoices import View

_HTML = "text/html"
_PREVIEWERS = re.compile(
    r"telegrambot|^whatsapp|facebookexternalhit|facebot|slackbot|viber|twitterbot|linkedinbot|discordbot|skypeuripreview",
    re.IGNORECASE,
)
HEADERS = {
    "Cache-Control": "no-store",
    "Referrer-Policy": "no-referrer",
    "X-Robots-Tag": "noindex, nofollow",
    "X-Content-Type-Options": "nosniff",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=()",
}
GUESSES = Rate(per_minute=30, burst=20)


def previews(request: web.Request) -> bool:
    """Whether it is a bot that makes a preview of the link in a chat."""
    return _PREVIEWERS.search(request.headers.get("User-Agent", "")) is not None


@dataclass(slots=True)
class Frame:
    """`trusted` are the proxies before us."""

    ctx: Context
    trusted: Sequence[Network] = ()
    timeout_s: float = 30.0  # to receive a form
    guesses: AddressLimiter = field(default_factory=lambda: AddressLimiter(GUESSES))

    async def _find(self, request: web.Request) -> View | None:
        """The link's invoice. A miss costs the address; an address that has missed too often is told to wait."""
        address = self._address(request)
        now = asyncio.get_running_loop().time()
        wait_s = self.guesses.wait_s(address, now)
        if wait_s:
            raise web.HTTPTooManyRequests(headers={"Retry-After": str(int(wait_s) + 1)})
        try:
            return await invoices.by_token(self.ctx, request.match_info["token"])
        except NotFound:
            self.guesses.failed(address, now)
            return None

    def _address(self, request: web.Request) -> str:
        return client_address(request.remote, request.headers.get("X-Forwarded-For"), self.trusted)

    def _card(self, request: web.Request, found: View) -> web.Response:
        """What a preview bot gets: nothing about anybody."""
        biller = self._biller(found)
        path = self.ctx.pay_path(found.invoice.id, found.invoice.link_version)
        card = Card(contexts.brand(self.ctx, biller), url=f"{self.ctx.public_url}{path}")
        html = self.ctx.renderer.page("card", card, self._locale(request, found), biller=biller.slug)
        return self._html(html, self._policy(card))

    def _unknown(self, request: web.Request) -> web.Response:
        context = UnknownLink()
        locale = self._language(request, "en")
        return self._html(self.ctx.renderer.page("unknown", context, locale), self._policy(context), 404)

    def _html(self, html: str, policy: str, status: int = 200) -> web.Response:
        headers = HEADERS | {"Content-Security-Policy": policy, "Vary": "Accept-Language, User-Agent"}
        return web.Response(text=html, content_type=_HTML, status=status, headers=headers)

    def _policy(self, context: PageContext) -> str:
        return self.ctx.renderer.policy(context, forms=_forms(self.ctx.public_url))

    def _biller(self, found: View) -> Biller:
        return self.ctx.directory.biller(found.invoice.biller_id)

    def _locale(self, request: web.Request, found: View) -> str:
        return self._language(request, found.payer.locale)

    def _language(self, request: web.Request, default: str) -> str:
        """The switch's word, else the browser's, else the payer's as the biller knows it."""
        asked = request.query.get("lang") or request.headers.get("Accept-Language") or ""
        return self.ctx.renderer.language(asked, default)


def _forms(public_url: str) -> tuple[str, ...]:
    """Where a form may lead: anywhere on https; on a box that itself speaks plain http on loopback, to its neighbours too."""
    parts = urlsplit(public_url)
    if parts.scheme == "http" and parts.hostname in ("127.0.0.1", "localhost", "::1"):
        return ("https:", "http://127.0.0.1:*", "http://localhost:*")
    return ("https:",)

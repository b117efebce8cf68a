"""The page of a bank transfer: what the payer types into their own bank, its QR, and their word that it is done."""

from __future__ import annotations

from dataclasses import dataclass

from aiohttp import web

from gateway.api.middleware import receiving
from gateway.api.paypage.frame import HEADERS, Frame, previews
from gateway.services import transfers
from gateway.services.invoices import View


@dataclass(slots=True)
class TransferPages(Frame):
    """The handlers of transfers. The page is there while a transfer is open; else it leads to the invoice."""

    async def transfer(self, request: web.Request) -> web.StreamResponse:
        """How to make the transfer. Opening it changes nothing, so its address can be shared."""
        found = await self._find(request)
        if found is None:
            return self._unknown(request)
        if previews(request):
            return self._card(request, found)
        biller = self._biller(found)
        context = transfers.page(self.ctx, biller, found)
        if context is None:
            return self._to(found, "", request.query.get("lang", ""))
        html = self.ctx.renderer.page("transfer", context, self._locale(request, found), biller=biller.slug)
        return self._html(html, self._policy(context))

    async def transfer_qr(self, request: web.Request) -> web.StreamResponse:
        """The QR that banking apps read; there is none for other money than euros."""
        found = await self._find(request)
        drawn = transfers.qr_svg(found) if found is not None else None
        if drawn is None:
            return self._unknown(request)
        return web.Response(text=drawn, content_type="image/svg+xml", headers=HEADERS)

    async def transferred(self, request: web.Request) -> web.StreamResponse:
        """The payer says that the transfer is made; the page then says what happens now."""
        found = await self._find(request)
        if found is None:
            return self._unknown(request)
        async with receiving(self.timeout_s):
            form = await request.post()
        await transfers.claim(self.ctx, found)
        return self._to(found, "/transfer", str(form.get("lang", "")))

    def _to(self, found: View, page: str, lang: str) -> web.Response:
        """See another page of the same link, in the same language."""
        path = self.ctx.pay_path(found.invoice.id, found.invoice.link_version)
        asked = f"?lang={self.ctx.renderer.language(lang, found.payer.locale)}" if lang else ""
        return web.Response(status=303, headers=HEADERS | {"Location": f"{path}{page}{asked}"})

"""The way back: what a payer brings from their vendor is shown to nobody, and taken there by a POST, for a GET changes nothing."""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import dataclass
from urllib.parse import urlencode

from aiohttp import web

from gateway.api.middleware import receiving
from gateway.api.paypage.frame import HEADERS, Frame, previews
from gateway.rendering import Returning
from gateway.services import completing, contexts
from gateway.services.errors import NotFound


@dataclass(slots=True)
class ReturnPages(Frame):
    """The handlers of returns that bring something; one that brings nothing is the pay page's."""

    async def returning(self, request: web.Request) -> web.Response | None:
        """A page that posts what the payer brought; None where that is nothing, or not this invoice's, or that they turned back."""
        answer, state = completing.answer_of(request.query), request.query.get("state", "")
        brings = answer and "error" not in answer and state and not previews(request)
        found = await self._find(request) if brings else None
        if found is None or not completing.awaited(self.ctx, found, state):
            return None
        biller, invoice = self._biller(found), found.invoice
        path = self.ctx.pay_path(invoice.id, invoice.link_version)
        brand = contexts.brand(self.ctx, biller)
        context = Returning(brand, invoice.number, invoice.outstanding, path, {**answer, "state": state})
        html = self.ctx.renderer.page("returning", context, self._locale(request, found), biller=biller.slug)
        return self._html(html, self._policy(context))

    async def completed(self, request: web.Request) -> web.StreamResponse:
        """Takes what the payer brought to the provider, and then shows how it stands."""
        found = await self._find(request)
        if found is None:
            return self._unknown(request)
        async with receiving(self.timeout_s):
            form = {name: str(value) for name, value in (await request.post()).items()}
        with contextlib.suppress(NotFound):  # not the state of an open payment of this invoice: nothing is done
            await completing.complete(self.ctx, found, form.get("state", ""), completing.answer_of(form))
        path = self.ctx.pay_path(found.invoice.id, found.invoice.link_version)
        return web.Response(status=303, headers=HEADERS | {"Location": f"{path}/return"})

    async def called_back(self, request: web.Request) -> web.StreamResponse:
        """The one address that some providers are told beforehand: leads to the page of the payment that the state is of."""
        self._spare(request)
        state = request.query.get("state", "")
        path = await completing.path_of(self.ctx, state)
        if path is None:
            self.guesses.failed(self._address(request), asyncio.get_running_loop().time())
            return self._unknown(request)
        query = urlencode({**completing.answer_of(request.query), "state": state})
        return web.Response(status=303, headers=HEADERS | {"Location": f"{path}/return?{query}"})

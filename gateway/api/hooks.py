"""Webhooks of vendors: raw bytes to the account's adapter, which verifies them; then one transaction; then the answer.

A repeated webhook is answered like the first one. Nothing of an unproven one is kept or logged but the account's name.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import cast

import structlog
from aiohttp import web

from gateway.api.middleware import receiving
from gateway.ports.channel import AnswersChallenge
from gateway.ports.errors import InvalidSignature, MalformedWebhook, RetryLater
from gateway.ports.provider import ProviderPlugin
from gateway.ports.values import WebhookRequest
from gateway.services import receipts, webhooks
from gateway.services.context import Context
from gateway.services.directory import ChannelAccount, ProviderAccount
from gateway.store.database import StoreUnavailable

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Hooks:
    """The webhook routes, over one context."""

    ctx: Context
    timeout_s: float = 30.0  # to receive a body

    def routes(self) -> list[web.RouteDef]:
        return [
            web.post("/hooks/channels/{account}", self.channel),
            web.get("/hooks/channels/{account}", self.challenge, allow_head=False),
            web.post("/hooks/providers/{account}", self.provider),
        ]

    async def channel(self, request: web.Request) -> web.Response:
        """Receipts and payers' words."""
        account = self.ctx.directory.channel_called(request.match_info["account"])
        if account is None:
            raise web.HTTPNotFound
        return await self._receive(request, account)

    async def challenge(self, request: web.Request) -> web.Response:
        """A vendor asks whether this webhook is ours. Changes nothing."""
        account = self.ctx.directory.channel_called(request.match_info["account"])
        if account is None:
            raise web.HTTPNotFound
        if not account.plugin.challenges:
            raise web.HTTPMethodNotAllowed(request.method, ["POST"])
        try:
            answer = cast(AnswersChallenge, account.make()).challenge(request.query)
        except InvalidSignature as error:
            log.warning("webhook.refused", account=account.row.name, reason=str(error))
            raise web.HTTPForbidden(reason="not proven") from None
        return web.Response(text=answer, headers={"X-Content-Type-Options": "nosniff"})

    async def provider(self, request: web.Request) -> web.Response:
        """News about money."""
        account = self.ctx.directory.provider_called(request.match_info["account"])
        if account is None:
            raise web.HTTPNotFound
        return await self._receive(request, account)

    async def _receive(self, request: web.Request, account: ChannelAccount | ProviderAccount) -> web.Response:
        if isinstance(account, ChannelAccount) and account.plugin.webhook_bytes:
            request = request.clone(client_max_size=account.plugin.webhook_bytes)
        async with receiving(self.timeout_s):
            body = await request.read()
        raw = WebhookRequest(
            body=body,
            headers={name.lower(): value for name, value in request.headers.items()},
            url=self.ctx.public_url + request.raw_path,
            received_at=self.ctx.clock.now(),
        )
        name = account.row.name
        try:
            if isinstance(account, ProviderAccount):
                new = await webhooks.receive_webhook(self.ctx, account, raw)
            else:
                new = await receipts.receive_webhook(self.ctx, account, raw)
        except InvalidSignature as error:
            log.warning("webhook.refused", account=name, reason=str(error))
            return _refusal(account, web.HTTPUnauthorized(reason="not proven"))
        except MalformedWebhook as error:
            log.error("webhook.malformed", account=name, reason=str(error))
            return _refusal(account, web.HTTPBadRequest(reason="not readable"))
        except (RetryLater, StoreUnavailable) as error:
            log.warning("webhook.postponed", account=name, reason=str(error))
            return _refusal(account, web.HTTPServiceUnavailable(headers={"Retry-After": "10"}))
        log.debug("webhook.received", account=name, new=new)
        said, media_type = account.plugin.acknowledge
        return web.Response(status=200 if said else 204, body=said or None, content_type=media_type if said else None)


def _refusal(account: ChannelAccount | ProviderAccount, why: web.HTTPException) -> web.Response:
    """`why` in the vendor's own words where it has some, else raised. What is ours to mend should come again, a forgery should not."""
    plugin = account.plugin
    if not isinstance(plugin, ProviderPlugin) or plugin.refuse is None:
        raise why from None
    again, never = plugin.refuse
    body = again if why.status == web.HTTPServiceUnavailable.status_code else never
    kept = {name: value for name, value in why.headers.items() if name == "Retry-After"}
    return web.Response(status=why.status, body=body, content_type=plugin.acknowledge[1], headers=kept)

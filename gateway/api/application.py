"""The two listeners: the public one (biller API, payer pages, webhooks) and the operator's own (health, metrics)."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

from aiohttp import web

from gateway.api import health, routes
from gateway.api.auth import Authenticator
from gateway.api.health import Metrics
from gateway.api.hooks import Hooks
from gateway.api.middleware import edge_of, problems
from gateway.api.paypage import PayPages
from gateway.config import Config
from gateway.services.context import Context
from gateway.store import signals


def public_application(ctx: Context, config: Config, metrics: Metrics) -> web.Application:
    """Everything that billers, payers and vendors reach."""
    app = web.Application(middlewares=[metrics.middleware, problems], client_max_size=config.limits.body_bytes)
    edge = edge_of(ctx, config.limits)
    app.add_routes(routes.biller_routes(edge))
    limit_s = config.limits.request_timeout_s
    pages = PayPages(ctx, config.server.trusted_proxies, limit_s)
    app.add_routes(pages.routes())
    app.add_routes(Hooks(ctx, limit_s).routes())

    async def forget_keys(_: web.Application) -> AsyncIterator[None]:
        task = asyncio.create_task(_forget(ctx, edge.authenticator), name="forget-keys")
        yield
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    async def end_streams(_: web.Application) -> None:
        pages.closing.set()
        edge.streams.close()

    app.cleanup_ctx.append(forget_keys)
    app.on_shutdown.append(end_streams)
    app.on_response_prepare.append(_unnamed)
    return app


def operations_application(ctx: Context, metrics: Metrics) -> web.Application:
    """Health and metrics; its listener is never public."""
    app = web.Application(middlewares=[problems])
    app.add_routes(health.routes(ctx, metrics))
    return app


async def _unnamed(_: web.Request, response: web.StreamResponse) -> None:
    """Who asks is not told which versions of what answer."""
    response.headers["Server"] = "achit"


async def _forget(ctx: Context, authenticator: Authenticator) -> None:
    with ctx.db.signals.listen(signals.CONFIG) as listener:
        while True:
            await listener.wait()
            authenticator.forget()

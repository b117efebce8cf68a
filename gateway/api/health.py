"""For those who operate Achit: is it alive, can it work, and in numbers how it does. On a listener of its own, with no key."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from datetime import datetime

import orjson
from aiohttp import web
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, Histogram, generate_latest
from prometheus_client.core import GaugeMetricFamily, Metric

from gateway.services.context import Context
from gateway.store import outbox
from gateway.store.database import StoreUnavailable

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0)


class Metrics:
    """The numbers of this process: how long requests took, by route and answer. A route is its pattern: no id, no token."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry(auto_describe=True)
        self._requests = Histogram(
            "achit_http_request_seconds",
            "Time to answer a request.",
            ("method", "route", "status"),
            buckets=_SECONDS,
            registry=self.registry,
        )
        self._children: dict[tuple[str, str, int], Histogram] = {}

    def observe(self, method: str, route: str, status: int, seconds: float) -> None:
        key = (method, route, status)
        child = self._children.get(key)
        if child is None:
            child = self._children[key] = self._requests.labels(*map(str, key))
        child.observe(seconds)

    @property
    def middleware(self) -> Callable[..., Awaitable[web.StreamResponse]]:
        """Measures what goes through it: put it outermost."""

        @web.middleware
        async def measured(request: web.Request, handler: Handler) -> web.StreamResponse:
            started = time.perf_counter()
            status = 500
            try:
                response = await handler(request)
                status = response.status
                return response
            except web.HTTPException as error:
                status = error.status
                raise
            finally:
                self.observe(_method(request), route_of(request), status, time.perf_counter() - started)

        return measured


_METHODS = frozenset({"GET", "HEAD", "POST", "PATCH", "PUT", "DELETE", "OPTIONS"})


def _method(request: web.Request) -> str:
    """A client may invent methods without end; a label may not follow it."""
    return request.method if request.method in _METHODS else "other"


def route_of(request: web.Request) -> str:
    """The route's pattern (`/p/{token}`), for metrics and logs; `-` where there is none."""
    resource = request.match_info.route.resource
    return resource.canonical if resource else "-"


class _Tasks:
    """The outbox in numbers, read when it is asked for."""

    def __init__(self, counts: Sequence[tuple[str, str, int, datetime | None]], now: datetime) -> None:
        self._counts = counts
        self._now = now

    def collect(self) -> Iterator[Metric]:
        number = GaugeMetricFamily("achit_tasks", "Tasks in the outbox.", labels=("kind", "state"))
        age = GaugeMetricFamily(
            "achit_task_overdue_seconds", "How long the oldest task has been due.", labels=("kind", "state")
        )
        for kind, state, count, oldest in self._counts:
            number.add_metric((kind, state), count)
            if oldest is not None:
                age.add_metric((kind, state), max(0.0, (self._now - oldest).total_seconds()))
        yield number
        yield age


def routes(ctx: Context, metrics: Metrics | None = None) -> list[web.RouteDef]:
    """`/healthz`, `/readyz` and `/metrics`. Keep their listener private: it asks for no key."""
    db = ctx.db

    async def healthz(request: web.Request) -> web.Response:
        return _said({"status": "alive"})

    async def readyz(request: web.Request) -> web.Response:
        try:
            current = await db.schema_is_current()
        except StoreUnavailable:
            return _said({"status": "not ready", "reason": "the database does not answer"}, 503)
        if not current:
            return _said({"status": "not ready", "reason": "the database is not migrated to this version"}, 503)
        return _said({"status": "ready"})

    async def numbers(request: web.Request) -> web.Response:
        tasks = CollectorRegistry()
        tasks.register(_Tasks(await db.read(outbox.counts), ctx.clock.now()))
        body = generate_latest(tasks) + (generate_latest(metrics.registry) if metrics else b"")
        return web.Response(body=body, headers={"Content-Type": CONTENT_TYPE_LATEST})

    return [web.get("/healthz", healthz), web.get("/readyz", readyz), web.get("/metrics", numbers)]


def _said(body: dict[str, str], status: int = 200) -> web.Response:
    return web.Response(
        status=status, body=orjson.dumps(body), content_type="application/json", headers={"Cache-Control": "no-store"}
    )

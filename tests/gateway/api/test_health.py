"""What an operator sees: alive, ready, and the numbers; no key, no id, no token in any of it."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer
from prometheus_client.parser import text_string_to_metric_families

from gateway.api import health
from gateway.api.health import Metrics
from gateway.services.context import Context
from gateway.store.database import StoreUnavailable
from tests.gateway.api.conftest import Api


@pytest.fixture
def metrics() -> Metrics:
    return Metrics()


@pytest.fixture
async def operator(
    sqlite_context: Context, metrics: Metrics
) -> AsyncIterator[TestClient[web.Request, web.Application]]:
    app = web.Application()
    app.add_routes(health.routes(sqlite_context, metrics))
    async with TestClient(TestServer(app)) as client:
        yield client


async def test_alive_and_ready(operator: TestClient[web.Request, web.Application]) -> None:
    assert await (await operator.get("/healthz")).json() == {"status": "alive"}
    assert await (await operator.get("/readyz")).json() == {"status": "ready"}


async def test_not_ready_without_the_schema_or_the_database(
    operator: TestClient[web.Request, web.Application], sqlite_context: Context, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def old() -> bool:
        return False

    async def gone() -> bool:
        raise StoreUnavailable("at /secret/place")

    for answer in (old, gone):
        monkeypatch.setattr(sqlite_context.db, "schema_is_current", answer)
        response = await operator.get("/readyz")
        assert response.status == 503
        assert "secret" not in await response.text()
    assert (await operator.get("/healthz")).status == 200


async def samples(
    operator: TestClient[web.Request, web.Application],
) -> dict[tuple[str, frozenset[tuple[str, str]]], float]:
    text = await (await operator.get("/metrics")).text()
    return {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


async def test_the_outbox_in_numbers(operator: TestClient[web.Request, web.Application], edge: Api) -> None:
    await edge.issue()
    found = await samples(operator)
    labels = frozenset({("kind", "deliver"), ("state", "due")})
    assert found["achit_tasks", labels] == 1
    assert found["achit_task_overdue_seconds", labels] == 0
    edge.clock.advance(seconds=90)
    assert (await samples(operator))["achit_task_overdue_seconds", labels] == 90


async def test_requests_are_counted_by_route_never_by_what_they_name(metrics: Metrics) -> None:
    async def page(request: web.Request) -> web.Response:
        return web.Response()

    async def broken(request: web.Request) -> web.Response:
        raise ZeroDivisionError

    async def refused(request: web.Request) -> web.Response:
        raise web.HTTPNotFound

    app = web.Application(middlewares=[metrics.middleware])
    app.router.add_get("/p/{token}", page)
    app.router.add_get("/broken", broken)
    app.router.add_get("/refused", refused)
    async with TestClient(TestServer(app)) as client:
        for path in ("/p/secret1", "/p/secret2", "/broken", "/refused", "/nowhere/secret3"):
            await client.get(path)
        await client.request("PROPFIND", "/p/x")
    counted = {
        (sample.labels["method"], sample.labels["route"], sample.labels["status"]): sample.value
        for family in metrics.registry.collect()
        for sample in family.samples
        if sample.name.endswith("_count")
    }
    assert counted == {
        ("GET", "/p/{token}", "200"): 2,
        ("GET", "/broken", "500"): 1,
        ("GET", "/refused", "404"): 1,
        ("GET", "-", "404"): 1,
        ("other", "-", "405"): 1,
    }
    assert not re.search("secret", str(counted))

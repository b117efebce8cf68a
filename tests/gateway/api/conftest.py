"""The real application over a real database, with a biller, its accounts and a key; and a client that speaks to it."""

from __future__ import annotations

import io
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass
from ipaddress import ip_network
from pathlib import Path
from typing import Any

import orjson
import pytest
from aiohttp import ClientResponse
from aiohttp.test_utils import TestClient, TestServer

from gateway.api.application import public_application
from gateway.api.health import Metrics
from gateway.app import open_context
from gateway.config import Config, default_config
from gateway.config.biller import biller_from
from gateway.config.shapes import Place
from gateway.domain.keys import Scope
from gateway.registry import Registry
from gateway.rendering import Renderer
from gateway.services import keys, setup
from gateway.services.context import Context
from gateway.services.directory import Biller
from gateway.store.database import Database
from gateway.testing.clock import FakeClock
from tests.harness.databases import Databases

Json = dict[str, Any]

INVOICE: Json = {
    "number": "2026-000123",
    "amount": {"value": "123.45", "currency": "RON"},
    "issued_on": "2026-11-20",
    "due_on": "2026-12-08",
    "payer": {"reference": "C-1042", "name": "Ana Pop", "email": "ana@example.ro", "phone": "0722 123 456"},
}


def biller_values(slug: str) -> Json:
    env = {"env": "ANY"}
    return {
        "biller": {"slug": slug, "legal_name": f"{slug.title()} Energie SRL", "display_name": slug.title()},
        "delivery": {"channels": [{"channel": "sms", "wait": "10m"}, {"channel": "email"}]},
        "channels": {
            "sms": {"account_sid": "AC" + "0" * 32, "auth_token": env, "from_number": "+40750000000"},
            "email": {"host": "127.0.0.1", "port": 2525, "security": "none", "from_address": f"bills@{slug}.example"},
        },
        "providers": {"sandbox": {"api_url": "http://127.0.0.1:1", "api_key": env, "webhook_secret": env}},
    }


async def make_biller(ctx: Context, folder: Path, slug: str) -> Biller:
    secret = "whsec_" + "c2VjcmV0" * 5
    config = biller_from(biller_values(slug), Registry(), where=Place(folder, {"ANY": secret}), file=f"{slug}.toml")
    await setup.apply(ctx, config)
    biller = ctx.directory.biller_called(slug)
    assert biller is not None
    return biller


@dataclass(slots=True)
class Api:
    """A client with a key. `post` and the others give the answer's body too, read as JSON."""

    client: TestClient[Any, Any]
    key: str
    ctx: Context
    biller: Biller
    clock: FakeClock

    async def call(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        raw: bytes | io.BytesIO | None = None,
        headers: Mapping[str, str] | None = None,
        key: str | None = None,
    ) -> tuple[ClientResponse, Any]:
        sent = {"Authorization": f"Bearer {key or self.key}", **(headers or {})}
        if raw is None and body is not None:
            raw = orjson.dumps(body)
        if raw is not None:
            sent.setdefault("Content-Type", "application/json")
        answer = await self.client.request(method, path, data=raw, headers=sent, allow_redirects=False)
        read = await answer.read()
        return answer, orjson.loads(read) if answer.content_type.endswith("json") else read

    async def ok(self, method: str, path: str, body: Any = None, **more: Any) -> Any:
        answer, read = await self.call(method, path, body, **more)
        assert answer.status < 300, read
        return read

    async def issue(self, **changes: Any) -> Json:
        issued: Json = await self.ok("POST", "/v1/invoices", INVOICE | changes)
        return issued


@pytest.fixture(scope="session")
def renderer() -> Renderer:
    """Ours, compiled once for all tests; it keeps nothing between two pages."""
    return Renderer()


@pytest.fixture
def config(tmp_path: Path) -> Config:
    config = default_config(tmp_path / "state")
    push = config.push.model_copy(update={"allow_networks": (ip_network("127.0.0.0/8"),)})
    return config.model_copy(update={"push": push})


@pytest.fixture
async def context(config: Config, database: Database, clock: FakeClock, renderer: Renderer) -> AsyncIterator[Context]:
    """What services are handed, on each engine."""
    async with open_context(
        config, clock=clock, database=database, migrate=False, chance=lambda: 0.0, renderer=renderer
    ) as ctx:
        yield ctx


@pytest.fixture
async def sqlite_context(
    config: Config, databases: Databases, clock: FakeClock, renderer: Renderer
) -> AsyncIterator[Context]:
    """The same on SQLite alone, for what cannot differ between engines."""
    url = await databases.make("sqlite")
    config = config.model_copy(
        update={"database": config.database.model_copy(update={"url": type(config.database.url)(url)})}
    )
    async with open_context(config, clock=clock, migrate=False, chance=lambda: 0.0, renderer=renderer) as ctx:
        yield ctx
    await databases.drop(url)


MakeApi = Callable[[Context, str], Awaitable[Api]]


@pytest.fixture
async def make_api(config: Config, clock: FakeClock, tmp_path: Path) -> AsyncIterator[MakeApi]:
    """Makes a biller with a key, served by the real application. Billers of one context share the server."""
    clients: dict[int, TestClient[Any, Any]] = {}

    async def make(ctx: Context, slug: str) -> Api:
        biller = await make_biller(ctx, tmp_path, slug)
        key = await keys.create(ctx, biller, "test", [Scope.READ, Scope.WRITE])
        if id(ctx) not in clients:
            clients[id(ctx)] = TestClient(TestServer(public_application(ctx, config, Metrics())))
            await clients[id(ctx)].start_server()
        return Api(clients[id(ctx)], key, ctx, biller, clock)

    yield make
    for client in clients.values():
        await client.close()


@pytest.fixture
async def api(context: Context, make_api: MakeApi) -> Api:
    """The application on each engine."""
    return await make_api(context, "acme")


@pytest.fixture
async def edge(sqlite_context: Context, make_api: MakeApi) -> Api:
    """The application on SQLite alone."""
    return await make_api(sqlite_context, "acme")

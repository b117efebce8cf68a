"""What a vendor is answered: in its own words where it reads them, and what is ours to mend comes again."""

from __future__ import annotations

from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any, cast

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer

from gateway.api.hooks import Hooks
from gateway.ports.errors import InvalidSignature, MalformedWebhook, RetryLater
from gateway.ports.http import HttpClient
from gateway.ports.provider import PaymentUpdate, ProviderPlugin
from gateway.ports.values import WebhookRequest
from gateway.services.context import Context
from gateway.services.directory import ProviderAccount
from gateway.testing.clock import FakeClock

WORDS: dict[str, Any] = {"acknowledge": (b'{"ok":0}', "application/json"), "refuse": (b'{"ok":1}', b'{"ok":2}')}


class Raises:
    def __init__(self, error: Exception | None) -> None:
        self.error = error
        self.url = ""

    async def parse_webhook(self, request: WebhookRequest) -> Sequence[PaymentUpdate]:
        self.url = request.url
        if self.error is not None:
            raise self.error
        return ()


async def answer(
    error: Exception | None, *, query: str = "", provider: Any = None, **words: Any
) -> tuple[int, str, str, str | None]:
    provider = provider or Raises(error)
    create = cast(Any, lambda settings, http: provider)
    plugin: ProviderPlugin[Any] = ProviderPlugin("vendor", object, create, methods=(), **words)
    row: Any = SimpleNamespace(name="acme.card")
    account = ProviderAccount(row, plugin, lambda: plugin.create(None, cast(HttpClient, None)))
    directory = SimpleNamespace(provider_called=lambda name: account if name == "acme.card" else None)
    ctx: Any = SimpleNamespace(directory=directory, clock=FakeClock(), public_url="https://pay.example.ro")
    app = web.Application()
    app.add_routes(Hooks(cast(Context, ctx)).routes())
    async with TestClient(TestServer(app)) as client:
        got = await client.post(f"/hooks/providers/acme.card{query}", data=b"x")
        return got.status, await got.text(), got.content_type, got.headers.get("Retry-After")


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (None, (200, '{"ok":0}', "application/json", None)),
        (RetryLater(), (503, '{"ok":1}', "application/json", "10")),
        (InvalidSignature(), (401, '{"ok":2}', "application/json", None)),
        (MalformedWebhook(), (400, '{"ok":2}', "application/json", None)),
    ],
)
async def test_a_vendor_that_reads_answers(error: Exception | None, expected: tuple[int, str, str, str | None]) -> None:
    assert await answer(error, **WORDS) == expected


@pytest.mark.parametrize(("error", "status"), [(None, 204), (RetryLater(), 503), (InvalidSignature(), 401)])
async def test_a_vendor_that_reads_the_status_alone(error: Exception | None, status: int) -> None:
    got = await answer(error)

    assert got[0] == status
    assert "ok" not in got[1]


async def test_the_address_is_the_one_that_was_registered_with_its_query() -> None:
    provider = Raises(None)
    await answer(None, query="?currency=EUR", provider=provider)

    assert provider.url == "https://pay.example.ro/hooks/providers/acme.card?currency=EUR"

"""Time: a body that crawls in, a handler that does not end, a client that leaves."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
from aiohttp.test_utils import TestClient, TestServer

from gateway.api import middleware
from gateway.api.application import public_application
from gateway.api.health import Metrics
from gateway.api.middleware import Limits, Streams
from gateway.config import Config
from tests.gateway.api.conftest import INVOICE, Api


@pytest.fixture
async def hasty(edge: Api, config: Config, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Api]:
    """The application with a time limit that any wait exceeds."""
    monkeypatch.setattr(middleware, "Limits", lambda body_bytes, timeout_s: Limits(body_bytes, 0.05))
    async with TestClient(TestServer(public_application(edge.ctx, config, Metrics()))) as client:
        yield Api(client, edge.key, edge.ctx, edge.biller, edge.clock)


async def test_a_body_that_does_not_come_is_408(hasty: Api) -> None:
    async def crawling() -> AsyncIterator[bytes]:
        yield b'{"number":'
        await asyncio.Event().wait()

    headers = {"Authorization": f"Bearer {hasty.key}", "Content-Type": "application/json"}
    answer = await hasty.client.post("/v1/invoices", data=crawling(), headers=headers)
    assert (answer.status, (await answer.json(content_type=None))["type"]) == (408, "/problems/request-too-slow")


async def test_a_handler_that_does_not_end_is_503_and_says_what_to_do(
    hasty: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def endless(*_: Any, **__: Any) -> None:
        await asyncio.Event().wait()

    monkeypatch.setattr("gateway.services.invoices.issue", endless)
    answer, problem = await hasty.call("POST", "/v1/invoices", INVOICE)
    assert (answer.status, problem["type"]) == (503, "/problems/unavailable")
    assert answer.headers["Retry-After"] == "5"
    assert "RateLimit-Remaining" in answer.headers


async def test_a_client_that_leaves_ends_its_stream() -> None:
    left, closed = asyncio.Event(), asyncio.Event()

    async def chunks() -> AsyncIterator[bytes]:
        try:
            while True:
                yield b"x"
        finally:
            closed.set()

    class Gone:
        async def write(self, chunk: bytes) -> None:
            left.set()
            raise ConnectionResetError

    streams = Streams()
    await streams.run(Gone(), chunks())  # type: ignore[arg-type]
    assert left.is_set()
    assert closed.is_set()
    assert len(streams) == 0


async def test_a_stream_that_fails_says_so() -> None:
    async def chunks() -> AsyncIterator[bytes]:
        yield b"x"
        raise ZeroDivisionError

    class Open:
        async def write(self, chunk: bytes) -> None:
            pass

    with pytest.raises(ZeroDivisionError):
        await Streams().run(Open(), chunks())  # type: ignore[arg-type]


@pytest.mark.parametrize("path", ["/docs", "/v1/invoices", "/p/nothing", "/nowhere"])
async def test_no_answer_names_the_versions_behind_it(edge: Api, path: str) -> None:
    answer = await edge.client.get(path)
    assert answer.headers["Server"] == "achit"

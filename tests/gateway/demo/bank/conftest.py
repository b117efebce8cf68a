"""A bank on a free port, a receiver of its webhooks, and a caller of its API."""

from __future__ import annotations

from collections.abc import AsyncIterator

import aiohttp
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from gateway.demo.bank import Bank
from gateway.testing.clock import FakeClock
from tests.gateway.demo.bank.harness import KEY, SECRETS, Api, Receiver


@pytest.fixture
async def receiver(clock: FakeClock) -> AsyncIterator[Receiver]:
    receiver = Receiver(clock)
    app = web.Application()
    app.router.add_post("/hook", receiver.take)
    async with TestServer(app) as server:
        receiver.url = str(server.make_url("/hook"))
        yield receiver


@pytest.fixture
async def bank(clock: FakeClock) -> AsyncIterator[Bank]:
    async with Bank(api_key=KEY, webhook_secrets=SECRETS, clock=clock, payee="Apă <Demo>") as bank:
        yield bank


@pytest.fixture
async def api(bank: Bank, receiver: Receiver) -> AsyncIterator[Api]:
    async with aiohttp.ClientSession() as session:
        yield Api(bank, receiver, session)

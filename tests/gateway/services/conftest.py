"""Whole gateways for the tests of services, once on each engine: with the box's stand-ins, or with simulated vendors."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from gateway.store.database import Database
from gateway.testing.clock import FakeClock
from tests.harness.gateway import Sim, open_sim
from tests.harness.world import World, open_world


@pytest.fixture
async def world(database: Database, clock: FakeClock) -> AsyncIterator[World]:
    async with open_world(database, clock) as opened:
        yield opened


@pytest.fixture
async def sim(database: Database, clock: FakeClock) -> AsyncIterator[Sim]:
    async with open_sim(database, clock) as opened:
        yield opened

"""A whole gateway for the tests of services: once on each engine."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from gateway.store.database import Database
from gateway.testing.clock import FakeClock
from tests.harness.gateway import World, open_world


@pytest.fixture
async def world(database: Database, clock: FakeClock) -> AsyncIterator[World]:
    async with open_world(database, clock) as opened:
        yield opened

"""A box, and its page's own calls."""

from __future__ import annotations

import random
from collections.abc import AsyncIterator

import aiohttp
import pytest

from gateway.app import running
from gateway.demo.box import Box


@pytest.fixture
async def box() -> AsyncIterator[Box]:
    async with Box(running, history=False, chance=random.Random(7)) as started:
        yield started


@pytest.fixture
async def page(box: Box) -> AsyncIterator[aiohttp.ClientSession]:
    """The page's own calls: relative to it, and with its origin."""
    async with aiohttp.ClientSession(box.url, headers={"Origin": box.url}) as session:
        yield session

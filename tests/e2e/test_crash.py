"""`kill -9` under load, over and over: what was acknowledged is there, and nothing happened twice that must happen once."""

from __future__ import annotations

import asyncio
import random
from pathlib import Path

import pytest

from tests.harness.books import Books, check_dead_file, hold_up, unsettled
from tests.harness.journeys import Load
from tests.harness.processes import Installation
from tests.harness.vendors_seen import Vendors, vendors_at

SETTLE_S = 40.0  # the first poll of a payment comes ten seconds after it began


async def load_until_killed(
    installation: Installation, key: str, load: Load, vendors: Vendors, chance: random.Random, count: int
) -> None:
    """One round: a server, `count` new journeys beside those that were cut off before, and the end in the middle of it."""
    async with installation.serving() as server:
        load.add(count)
        load.asked.clear()
        running = asyncio.create_task(load.run(installation.url, key, vendors))
        await asyncio.wait((running, asyncio.create_task(load.asked.wait())), return_when=asyncio.FIRST_COMPLETED)
        await asyncio.sleep(chance.uniform(0.0, 1.5))  # the moment of the crash
        await server.kill()
        await running
        assert server.complaints == []
    vendors.note_webhooks()


@pytest.mark.parametrize(
    ("rounds", "seed"),
    [
        pytest.param(3, 1, id="3 rounds", marks=pytest.mark.timeout(180)),
        pytest.param(30, 2, id="30 rounds", marks=[pytest.mark.soak, pytest.mark.timeout(900)]),
    ],
)
async def test_killed_on_sqlite(rounds: int, seed: int, tmp_path: Path, record_property: pytest.RecordProperty) -> None:
    installation = Installation(tmp_path, f"sqlite:///{tmp_path / 'achit.db'}")
    chance = random.Random(seed)
    load, books = Load(chance), Books(installation.database_url)
    async with vendors_at(installation.url) as vendors:
        installation.write(vendors.biller(), vendors.secrets)
        key = await installation.prepare()
        for _ in range(rounds):
            await load_until_killed(installation, key, load, vendors, chance, 15)
            assert check_dead_file(installation.file, tmp_path / "copy") >= load.acknowledged.keys()
        async with installation.serving() as server:
            await load.run(installation.url, key, vendors)
            assert load.waiting == []
            await books.until(unsettled(vendors), SETTLE_S)
            assert await server.stop() == 0
            assert server.complaints == []
        counted = await hold_up(books, load, vendors, kills=rounds)
    check_dead_file(installation.file, tmp_path / "copy")
    for name, count in counted.items():
        record_property(name, count)
    print(counted)

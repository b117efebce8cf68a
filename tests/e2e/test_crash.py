"""`kill -9` under load, over and over: what was acknowledged is there, and nothing happened twice that must happen once."""

from __future__ import annotations

import asyncio
import random
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from tests.harness import short_lease
from tests.harness.books import Books, check_dead_file, hold_up, unsettled
from tests.harness.journeys import Load
from tests.harness.processes import Installation, Process
from tests.harness.vendors_seen import Vendors, vendors_at

SETTLE_S = 60.0  # the first poll of a payment comes ten seconds after it began
MORE_S = 10.0  # a round: what was cut off piles up, and no vendor takes more than ten calls a second
NEW = 15  # journeys a round, beside those that were cut off before


def rounds(few: int, seed: int) -> pytest.MarkDecorator:
    """A few rounds in every run, thirty in the long one."""
    return pytest.mark.parametrize(
        ("rounds", "seed"),
        [
            pytest.param(few, seed, id="a few rounds", marks=pytest.mark.timeout(180)),
            pytest.param(30, seed + 1, id="30 rounds", marks=[pytest.mark.soak, pytest.mark.timeout(1800)]),
        ],
    )


@rounds(3, seed=1)
async def test_killed_on_sqlite(rounds: int, seed: int, tmp_path: Path) -> None:
    installation = Installation(tmp_path, f"sqlite:///{tmp_path / 'achit.db'}")
    chance = random.Random(seed)
    load, books = Load(chance), Books(installation.database_url)
    async with vendors_at(installation.url) as vendors:
        installation.write(vendors.biller(), vendors.secrets)
        key = await installation.prepare()
        for _ in range(rounds):
            async with installation.serving() as server:
                await load_and_kill(installation, key, load, vendors, chance, server)
            assert check_dead_file(installation.file, tmp_path / "copy") >= load.acknowledged.keys()
        async with installation.serving() as server:
            await load.run(installation.url, key, vendors)
            await settled(books, load, vendors, SETTLE_S + rounds * MORE_S)
            assert await server.stop() == 0
            assert server.complaints == []
        counted = await hold_up(books, load, vendors, kills=rounds)
    check_dead_file(installation.file, tmp_path / "copy")
    print(counted)


@rounds(1, seed=11)
async def test_killed_on_postgres(rounds: int, seed: int, tmp_path: Path, postgres_url: str) -> None:
    """One process serves, two work; a worker is killed each round, and now and then the one that serves."""
    installation = Installation(tmp_path, postgres_url, program=("-P", short_lease.__file__))
    chance = random.Random(seed)
    load, books = Load(chance), Books(installation.database_url)
    async with vendors_at(installation.url) as vendors, AsyncExitStack() as stack:
        installation.write(vendors.biller(), vendors.secrets)
        key = await installation.prepare()
        roles = ("web", "worker", "worker")
        running = [await stack.enter_async_context(installation.serving("serve", "--role", role)) for role in roles]
        for number in range(1, rounds + 1):
            victim = 0 if number % 5 == 0 else chance.choice((1, 2))
            await load_and_kill(installation, key, load, vendors, chance, running[victim])
            again = installation.serving("serve", "--role", roles[victim])
            running[victim] = await stack.enter_async_context(again)
        await load.run(installation.url, key, vendors)
        await settled(books, load, vendors, SETTLE_S + rounds * MORE_S)
        for process in running:
            assert await process.stop() == 0
            assert process.complaints == []
        counted = await hold_up(books, load, vendors, kills=rounds)
    print(counted)


async def load_and_kill(
    installation: Installation, key: str, load: Load, vendors: Vendors, chance: random.Random, victim: Process
) -> None:
    """One round: new journeys, and the end of a process in the middle of them."""
    load.add(NEW)
    load.asked.clear()
    running = asyncio.create_task(load.run(installation.url, key, vendors))
    await load.asked.wait()
    await asyncio.sleep(chance.uniform(0.0, 1.5))  # the moment of the crash
    await victim.kill()
    await running
    assert victim.complaints == []
    vendors.note_webhooks()


async def settled(books: Books, load: Load, vendors: Vendors, limit_s: float) -> None:
    """Waits until everything that can come has come."""
    assert load.waiting == []
    await books.until(unsettled(vendors), limit_s)

"""The clock of the box: it can be moved, wakes who sleeps, and everything on the way happens at its own hour."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import aiohttp
import pytest

from gateway.app import running
from gateway.demo.box import Box
from gateway.demo.box.clock import BoxClock
from gateway.demo.box.converse import BEGINS_AT, ZONE
from gateway.demo.box.drafts import ANA
from tests.gateway.demo.box.harness import posted, told

START = datetime(2026, 11, 9, 8, tzinfo=UTC)


@pytest.fixture
async def box() -> AsyncIterator[Box]:
    """A Monday, ten in the morning."""
    async with Box(running, history=False, clock=BoxClock(BEGINS_AT), chance=random.Random(7)) as started:
        yield started


async def test_a_move_wakes_who_sleeps() -> None:
    clock = BoxClock(START)
    moves: list[datetime] = []
    clock.on_move(lambda: moves.append(clock.now()))
    soon, late = (asyncio.create_task(clock.sleep_until(START + timedelta(days=days))) for days in (1, 3))
    await asyncio.sleep(0)

    clock.move_to(START + timedelta(days=2))
    await soon
    assert not late.done()
    clock.move_to(START)
    assert clock.now() >= START + timedelta(days=2), "time does not run backwards"
    assert len(moves) == 1
    late.cancel()


async def test_without_a_start_it_is_the_machines() -> None:
    assert abs(BoxClock().now() - datetime.now(UTC)) < timedelta(seconds=5)


async def test_the_next_morning_and_an_hour_more(box: Box, page: aiohttp.ClientSession) -> None:
    for to, day, hour in (("hour", 9, 11), ("morning", 10, 9), ("hour", 10, 10), ("morning", 11, 9)):
        async with page.post("/clock", json={"to": to}) as answer:
            now = datetime.fromisoformat((await answer.json())["now"]).astimezone(ZONE)
        assert (now.day, now.hour) == (day, hour)
    item = await told(page, lambda kind, item: kind == "clock")
    assert datetime.fromisoformat(item["now"]).astimezone(ZONE).day == 11


async def test_the_next_reminder_arrives(box: Box, page: aiohttp.ClientSession) -> None:
    async with page.post("/clock", json={"to": "reminder"}) as answer:
        assert answer.status == 409, "nothing is owed"
    async with page.post("/clock", json={"to": "yesterday"}) as answer:
        assert answer.status == 422
    number = (await posted(page, due_on="2026-11-26"))["answer"]["number"]
    planned = await told(page, lambda kind, item: kind == "invoice" and bool(item["reminders"]))
    [reminder] = planned["reminders"].values()
    assert (reminder["source"], reminder["tone"], reminder["held"]) == ("policy", "friendly", None)

    async with page.post("/clock", json={"to": "reminder"}) as answer:
        assert answer.status == 200

    now = box.clock.now()
    assert abs(now - datetime.fromisoformat(reminder["at"])) < timedelta(minutes=1)
    chat = box.houses["luminis"].vendors.telegram.messages[-1]
    assert chat.chat_id == ANA.chat_id
    assert number in chat.text

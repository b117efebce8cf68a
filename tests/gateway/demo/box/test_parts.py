"""The parts of the box: drafts and the bills they become, the feed, the desk."""

from __future__ import annotations

import asyncio
import json
import random
from contextlib import suppress
from datetime import date

import aiohttp
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from hypothesis import given
from hypothesis import strategies as st

from gateway.demo.box.billers import BILLERS, DemoBiller
from gateway.demo.box.desk import Desk
from gateway.demo.box.drafts import ANA, Draft, Drafting, request_body
from gateway.demo.box.feed import Feed
from gateway.ports.values import MAX_MINOR, Money

TODAY = date(2026, 11, 23)


@given(st.sampled_from(BILLERS), st.integers(1, MAX_MINOR), st.sampled_from(["ro", "en"]))
def test_the_rows_of_a_bill_add_up(biller: DemoBiller, minor: int, locale: str) -> None:
    draft = Draft("N-1", Money(minor, "RON").value, "2026-12-01", locale, ())

    lines = request_body(biller, draft, TODAY)["lines"]

    assert sum(Money.parse(line["amount"], "RON").minor for line in lines) == minor


def test_the_vat_is_right() -> None:
    lines = request_body(BILLERS[0], Draft("N-1", "121.00", "2026-12-01", "ro", ()), TODAY)["lines"]
    assert lines[-1] == {"description": "TVA 21%", "amount": "21.00"}


@given(st.sampled_from(BILLERS), st.randoms(use_true_random=False))
def test_drafts_are_likely_and_never_the_same(biller: DemoBiller, chance: random.Random) -> None:
    drafting = Drafting(biller, chance)
    drafts = [drafting.draw(TODAY) for _ in range(20)]

    assert len({draft.number for draft in drafts}) == 20
    for draft in drafts:
        assert biller.smallest <= Money.parse(draft.amount, "RON").minor < biller.largest
        assert 7 <= (date.fromisoformat(draft.due_on) - TODAY).days <= 21
    body = request_body(biller, drafts[0], TODAY)
    assert body["payer"]["phone"] == ANA.phone


async def test_the_feed_lets_go_of_who_does_not_read() -> None:
    feed = Feed()
    idle = feed.watch()
    assert b"snapshot" in await anext(idle)
    for number in range(1001):
        feed.put("push", {"id": str(number)})

    left = [chunk async for chunk in idle]
    assert len(left) == 1000
    assert len(feed.all("push")) == 300, "the oldest are forgotten"
    again = feed.watch()
    assert b'"id":"1000"' in await anext(again), "who comes again is told everything"
    feed.close()
    with pytest.raises(StopAsyncIteration):
        await anext(again)


async def test_following_goes_on_after_a_break() -> None:
    asked: list[str] = []
    heard: asyncio.Queue[int] = asyncio.Queue()

    async def stream(request: web.Request) -> web.StreamResponse:
        last = int(request.headers["Last-Event-ID"])
        asked.append(request.headers["Last-Event-ID"])
        if len(asked) == 2:
            raise web.HTTPServiceUnavailable
        response = web.StreamResponse()
        await response.prepare(request)
        await response.write(b": hello\n\nid: 1\nevent: x\ndata: %s\n\n" % json.dumps({"sequence": last + 1}).encode())
        return response

    app = web.Application()
    app.router.add_get("/v1/events/stream", stream)
    async with TestServer(app) as server, aiohttp.ClientSession() as session:
        desk = Desk(session, str(server.make_url("")).rstrip("/"), "key", again_after_s=0)
        following = asyncio.create_task(desk.follow(lambda event: heard.put_nowait(event["sequence"])))
        assert [await heard.get(), await heard.get()] == [1, 2]
        following.cancel()
        with suppress(asyncio.CancelledError):
            await following

    assert asked[:3] == ["0", "1", "1"]

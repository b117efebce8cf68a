"""Events over HTTP: the pull twin of status pushes, and the live stream."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Any

import orjson

from gateway.api import answers, queries
from gateway.api.middleware import Answer, Call, Stream
from gateway.api.openapi import Parameter, Returns, operation
from gateway.domain.keys import Scope
from gateway.services import event_log
from gateway.services.event_log import Page
from gateway.services.shapes import Json, event_json, invoice_json

TAG = "Events"
HEARTBEAT_S = 15.0
LONGEST_S = 3600.0  # then the client comes again, and its key is looked at again


@operation(
    "GET",
    "/v1/events",
    tag=TAG,
    summary="Read events",
    scope=Scope.READ,
    query=queries.EventQuery,
    returns={200: Returns("The next events after `after`, in order.", answers.EventPage)},
)
async def read_events(call: Call[None, queries.EventQuery]) -> Answer:
    """Ask again with `next_after`, as often as you like: no event is ever skipped, also when many are committed at once.
    Use it instead of pushes, or after an outage to be sure.
    """
    query = call.query
    page = await event_log.after(call.context, call.biller, query.after, query.limit)
    last = page.events[-1].biller_seq if page.events else query.after
    return Answer({"items": _shown(call, page), "next_after": last})


@operation(
    "GET",
    "/v1/events/stream",
    tag=TAG,
    summary="Follow events live",
    scope=Scope.READ,
    query=queries.StreamQuery,
    headers={
        "Last-Event-ID": Parameter(
            "The last `sequence` you have: what came since is sent first. Browsers send it by themselves.",
            pattern="[0-9]{1,18}",
            means="a sequence, in digits",
            example="1841",
        )
    },
    returns={
        200: Returns(
            "Server-sent events; `id` is the sequence, `event` the type, `data` the event as JSON.",
            media_type="text/event-stream",
        )
    },
)
async def stream_events(call: Call[None, queries.StreamQuery]) -> Stream:
    """A comment is sent every 15 seconds while nothing happens. The stream ends after an hour, or when we restart: reconnect with
    `Last-Event-ID` and you miss nothing.
    """
    last_id = call.headers.get("Last-Event-ID")
    after = call.query.after if last_id is None else int(last_id)
    if after is None:  # read before the answer begins: what happens once a reader knows that it follows is not missed
        after = await event_log.newest(call.context, call.biller)
    return Stream(_chunks(call, after))


async def _chunks(call: Call[None, queries.StreamQuery], after: int) -> AsyncGenerator[bytes]:
    yield b": following\n\n"
    clock = asyncio.get_running_loop().time
    ends_at = clock() + LONGEST_S
    async with aclosing(event_log.follow(call.context, call.biller, after, idle_s=HEARTBEAT_S)) as pages:
        async for page in pages:
            yield b": nothing new\n\n" if page is None else b"".join(map(_chunk, _shown(call, page)))
            if clock() >= ends_at:
                return


def _chunk(event: Json) -> bytes:
    return b"id: %d\nevent: %s\ndata: %s\n\n" % (event["sequence"], event["type"].encode(), orjson.dumps(event))


def _shown(call: Call[Any, Any], page: Page) -> list[Json]:
    """The page's events; the events of one invoice share its shape."""
    now = call.context.clock.now()
    invoices = {number: invoice_json(call.context, call.biller, view, now) for number, view in page.views.items()}
    return [
        event_json(event, None if event.invoice_id is None else invoices[event.invoice_id]) for event in page.events
    ]

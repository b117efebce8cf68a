"""Events over HTTP: pulled without gaps, followed live without loss."""

from __future__ import annotations

import asyncio
from typing import Any

import orjson
import pytest
from aiohttp import ClientResponse

from gateway.api import answers, events
from tests.gateway.api.conftest import INVOICE, Api, MakeApi


async def issue(api: Api, count: int, start: int = 0) -> list[Any]:
    return [await api.issue(number=f"N-{number}", deliver=[]) for number in range(start, start + count)]


async def test_events_are_read_in_order_and_without_gaps(api: Api) -> None:
    issued = await issue(api, 3)
    await api.ok("POST", f"/v1/invoices/{issued[1]['id']}/void", {"reason": "twice"})
    page = await api.ok("GET", "/v1/events")
    answers.EventPage.model_validate(page, strict=False)
    assert [event["sequence"] for event in page["items"]] == [1, 2, 3, 4]
    assert [event["type"] for event in page["items"]] == ["invoice.issued"] * 3 + ["invoice.voided"]
    assert page["items"][3]["data"] == {"reason": "twice"}
    assert (page["items"][3]["invoice"]["id"], page["items"][3]["invoice_sequence"]) == (issued[1]["id"], 2)
    assert page["next_after"] == 4


async def test_reading_on_gives_each_event_once(api: Api) -> None:
    await issue(api, 5)
    seen, after = [], 0
    while items := (page := await api.ok("GET", f"/v1/events?after={after}&limit=2"))["items"]:
        seen += [event["sequence"] for event in items]
        after = page["next_after"]
    assert seen == [1, 2, 3, 4, 5]
    assert page["next_after"] == 5
    await issue(api, 1, 5)
    assert [event["sequence"] for event in (await api.ok("GET", f"/v1/events?after={after}"))["items"]] == [6]


async def test_the_invoice_in_an_event_is_what_the_api_shows(api: Api) -> None:
    issued = await api.issue()
    page = await api.ok("GET", "/v1/events")
    assert page["items"][0]["invoice"] == await api.ok("GET", f"/v1/invoices/{issued['id']}")


async def test_a_timeline_has_its_own_numbers(api: Api) -> None:
    first, second = await issue(api, 2)
    path = f"/v1/invoices/{second['id']}"
    await api.ok("PATCH", path, {"due_on": "2027-01-01"})
    page = await api.ok("GET", f"{path}/events")
    answers.TimelinePage.model_validate(page, strict=False)
    assert [event["invoice_sequence"] for event in page["items"]] == [1, 2]
    assert [event["sequence"] for event in page["items"]] == [2, 3]
    rest = await api.ok("GET", f"{path}/events?after=1")
    assert [event["type"] for event in rest["items"]] == ["invoice.changed"]
    assert first["id"] not in str(page)


class Stream:
    """Reads server-sent events as they come."""

    def __init__(self, response: ClientResponse) -> None:
        self.response = response

    async def block(self) -> list[str]:
        """The lines of the next block: a comment or an event."""
        raw = await self.response.content.readuntil(b"\n\n")
        return raw.decode().rstrip("\n").split("\n")

    async def event(self) -> dict[str, str]:
        """The next event, past comments."""
        while (lines := await self.block())[0].startswith(":"):
            pass
        return dict(line.split(": ", 1) for line in lines)


async def follow(api: Api, query: str = "", **headers: str) -> Stream:
    sent = {"Authorization": f"Bearer {api.key}"} | {name.replace("_", "-"): value for name, value in headers.items()}
    response = await api.client.get(f"/v1/events/stream{query}", headers=sent)
    assert (response.status, response.content_type) == (200, "text/event-stream"), await response.text()
    stream = Stream(response)
    assert await stream.block() == [": following"]
    return stream


async def test_a_stream_gives_what_was_and_what_comes(api: Api) -> None:
    await issue(api, 2)
    stream = await follow(api, "?after=1")
    event = await stream.event()
    assert (event["id"], event["event"]) == ("2", "invoice.issued")
    shown = orjson.loads(event["data"])
    answers.Event.model_validate(shown, strict=False)
    await issue(api, 1, 2)
    event = await stream.event()
    assert (event["id"], orjson.loads(event["data"])["invoice"]["number"]) == ("3", "N-2")
    stream.response.close()


async def test_a_reader_that_comes_back_misses_nothing(api: Api) -> None:
    await issue(api, 1)
    stream = await follow(api, "?after=0")
    assert (await stream.event())["id"] == "1"
    stream.response.close()
    await issue(api, 2, 1)
    stream = await follow(api, "?after=0", Last_Event_ID="1")
    assert [(await stream.event())["id"], (await stream.event())["id"]] == ["2", "3"]
    stream.response.close()


async def test_a_stream_without_a_beginning_begins_now(api: Api) -> None:
    await issue(api, 2)
    stream = await follow(api)
    await issue(api, 1, 2)
    assert (await stream.event())["id"] == "3"
    stream.response.close()


async def test_a_stream_is_of_one_biller(api: Api, make_api: MakeApi) -> None:
    rival = await make_api(api.ctx, "rival")
    stream = await follow(rival, "?after=0")
    await issue(api, 1)
    await rival.ok("POST", "/v1/invoices", INVOICE)
    assert orjson.loads((await stream.event())["data"])["invoice"]["number"] == INVOICE["number"]
    stream.response.close()


async def test_a_quiet_stream_is_kept_alive(edge: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(events, "HEARTBEAT_S", 0.01)
    stream = await follow(edge)
    assert await stream.block() == [": nothing new"]
    assert await stream.block() == [": nothing new"]
    stream.response.close()


async def test_a_stream_does_not_outlive_its_key_for_long(edge: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(events, "HEARTBEAT_S", 0.01)
    monkeypatch.setattr(events, "LONGEST_S", 0.0)
    stream = await follow(edge)
    assert await stream.response.content.read() == b": nothing new\n\n"


async def test_a_shutdown_ends_the_streams(edge: Api) -> None:
    stream = await follow(edge)
    await asyncio.wait_for(edge.client.server.close(), 20)
    assert await stream.response.content.read() == b""


async def test_a_stream_wants_a_sequence(edge: Api) -> None:
    answer, problem = await edge.call("GET", "/v1/events/stream?after=x")
    assert (answer.status, problem["errors"][0]["path"]) == (400, "after")
    answer, problem = await edge.call("GET", "/v1/events/stream", headers={"Last-Event-ID": "x"})
    assert (answer.status, problem["errors"][0]["path"]) == (400, "Last-Event-ID")

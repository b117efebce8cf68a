"""The demo box: what it starts and leaves behind, its page and what the page calls, the loop without a browser."""

from __future__ import annotations

import asyncio
import json
import random
import re
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from datetime import date
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from hypothesis import given
from hypothesis import strategies as st

from gateway.app import running
from gateway.demo.bank import CreateFault
from gateway.demo.box import Box
from gateway.demo.box.billers import BILLERS, PAGES, DemoBiller
from gateway.demo.box.desk import Desk
from gateway.demo.box.drafts import ANA, Draft, Drafting, request_body
from gateway.demo.box.feed import Feed
from gateway.demo.box.once import Broken, Report, headless, walk
from gateway.ports.values import MAX_MINOR, Money

STEPS = ["start", "post", "sms", "email", "telegram", "page", "attempt", "bank", "confirm", "push", "icon"]
TODAY = date(2026, 11, 23)
Json = dict[str, Any]


@pytest.fixture
async def box() -> AsyncIterator[Box]:
    async with Box(running, history=False, chance=random.Random(7)) as started:
        yield started


@pytest.fixture
async def page(box: Box) -> AsyncIterator[aiohttp.ClientSession]:
    """The page's own calls: relative to it, and with its origin."""
    async with aiohttp.ClientSession(box.url, headers={"Origin": box.url}) as session:
        yield session


async def drawn(page: aiohttp.ClientSession, biller: str = "luminis") -> Json:
    async with page.get(f"/drafts/{biller}") as answer:
        return await answer.json()


async def posted(page: aiohttp.ClientSession, biller: str = "luminis", **changes: object) -> Json:
    async with page.post(f"/invoices/{biller}", json=await drawn(page, biller) | changes) as answer:
        assert answer.status == 200
        return await answer.json()


async def told(page: aiohttp.ClientSession, wanted: Callable[[str, Json], bool]) -> Json:
    """The first item of the page's stream that is wanted."""
    async with page.get("/live") as stream:
        async for kind, item in items(stream):
            if wanted(kind, item):
                return item
    raise AssertionError("the stream ended")


async def items(stream: aiohttp.ClientResponse) -> AsyncIterator[tuple[str, Json]]:
    event = ""
    async for raw in stream.content:
        name, _, value = raw.decode().rstrip("\n").partition(": ")
        if name == "event":
            event = value
        elif name == "data" and event == "snapshot":
            for kind, known in json.loads(value).items():
                for item in known:
                    yield kind, item
        elif name == "data":
            change = json.loads(value)
            yield change["kind"], change["item"]


async def test_it_lives_on_loopback_and_leaves_nothing() -> None:
    async with Box(running) as box:
        urls = [box.url, box.gateway_url]
        for house in box.houses.values():
            vendors = house.vendors
            urls += [vendors.mail.url, vendors.twilio.url, vendors.telegram.url, vendors.bank.url, vendors.erp.url]
        assert all(re.fullmatch(r"(http|smtp)://127\.0\.0\.1:\d+", url) for url in urls)
        assert len(set(urls)) == len(urls), "each is a server of its own"
        assert (box.folder / "achit.db").exists()

    assert not box.folder.exists()
    for url in urls:
        with pytest.raises(OSError):
            await asyncio.open_connection("127.0.0.1", int(url.rpartition(":")[2]))


async def test_a_start_that_fails_leaves_nothing() -> None:
    box = Box(refusing)

    with pytest.raises(OSError, match="no room"):
        await box.__aenter__()

    assert box.folder.name.startswith("achit-demo-")
    assert not box.folder.exists()


@asynccontextmanager
async def refusing(*_: object, **__: object) -> AsyncIterator[Any]:
    raise OSError("no room")
    yield


async def test_a_taken_port_is_refused(box: Box) -> None:
    with pytest.raises(OSError, match="in use"):
        await Box(running, port=int(box.url.rpartition(":")[2])).__aenter__()


async def test_the_loop_without_a_browser() -> None:
    report = await headless(running)

    assert report["ok"] is True, report
    assert [step["step"] for step in report["steps"]] == STEPS
    assert all(step["ms"] > 0 for step in report["steps"])


async def test_a_step_that_fails_is_named(box: Box) -> None:
    box.houses["luminis"].vendors.bank.fail_next_create(CreateFault.REFUSED)
    report = Report()

    async with aiohttp.ClientSession() as payer:
        with pytest.raises(Broken, match="503"):
            await walk(box, payer, report)

    assert report.now == "attempt"
    assert [step["step"] for step in report.steps] == ["post", "sms", "email", "telegram", "page"]


async def test_what_fails_is_reported_and_not_raised() -> None:
    assert await headless(refusing) == {"ok": False, "error": "start: OSError('no room')", "steps": []}


async def test_time_is_limited() -> None:
    @asynccontextmanager
    async def hanging(*_: object, **__: object) -> AsyncIterator[Any]:
        await asyncio.Event().wait()
        yield

    assert await headless(hanging, limit_s=0.01) == {
        "ok": False,
        "error": "start: not done within 0.01 s",
        "steps": [],
    }


def test_the_command_prints_one_object() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "gateway", "demo", "--once", "--json"], capture_output=True, text=True, timeout=50
    )

    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.count("\n") == 1
    assert json.loads(done.stdout)["ok"] is True


async def test_the_command_serves_until_it_is_interrupted() -> None:
    command = [sys.executable, "-m", "gateway", "demo", "--no-browser"]
    process = await asyncio.create_subprocess_exec(*command, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert process.stdout is not None
    url = (await process.stdout.readline()).decode().strip()
    async with aiohttp.ClientSession() as session, session.get(url) as answer:
        assert answer.status == 200
        async with session.get(f"{url}/live") as stream:  # an open page does not keep it
            assert (await stream.content.readline()).startswith(b"event: snapshot")
            process.send_signal(signal.SIGINT)
            rest, errors = await process.communicate()

    assert (process.returncode, rest, errors) == (0, b"", b"")


async def test_the_page_is_strict_and_complete(box: Box, page: aiohttp.ClientSession) -> None:
    async with page.get("/") as answer:
        html, policy = await answer.text(), answer.headers["Content-Security-Policy"]
        assert answer.headers["X-Content-Type-Options"] == "nosniff"

    assert policy.startswith("default-src 'none'; script-src 'self'; style-src 'self';")
    assert "unsafe" not in policy
    assert "frame-ancestors 'none'" in policy
    assert " style=" not in html
    assert " onclick=" not in html
    for path in set(re.findall(r'(?:src|href)="(/static/[^"]+)"', html)):
        async with page.get(path) as answer:
            assert answer.status == 200, path
    hosts = set(re.findall(r"https?://[^/\"\s]+", html))
    assert hosts == {box.gateway_url}


@pytest.mark.parametrize("path", sorted(PAGES.glob("*.*")), ids=lambda path: path.name)
def test_nothing_comes_from_elsewhere(path: Path) -> None:
    hosts = set(re.findall(r"(?:https?:)?//(?!\s)[a-z0-9.-]+\.[a-z]{2,}", path.read_text("utf-8")))
    assert hosts <= {"http://www.w3.org"}


def test_both_languages_say_everything() -> None:
    texts = json.loads((PAGES / "texts.json").read_bytes())
    assert texts["en"].keys() == texts["ro"].keys()
    for part in texts["en"]:
        assert texts["en"][part].keys() == texts["ro"][part].keys()
        assert all(texts[lang][part].values() for lang in texts)
    assert len(texts["en"]["shell"]["try"]) == len(texts["ro"]["shell"]["try"])
    used = {name for path in PAGES.glob("*.js") for name in re.findall(r'\bt\("([a-z_.]+)"', path.read_text("utf-8"))}
    assert used - texts["en"]["page"].keys() == set()
    assert used, "the scripts speak"


async def test_romanian_is_a_switch_away(page: aiohttp.ClientSession) -> None:
    async with page.get("/?lang=ro") as answer:
        html = await answer.text()
    assert '<html lang="ro">' in html
    assert "Emite o factură" in html


async def test_no_other_site_may_ask(box: Box) -> None:
    async with aiohttp.ClientSession() as session:
        for name, value, status in (
            ("Origin", box.url, 200),
            ("Host", "evil.example", 403),
            ("Host", "localhost:1", 403),
            ("Origin", "https://evil.example", 403),
            ("Origin", "null", 403),
        ):
            async with session.get(f"{box.url}/drafts/luminis", headers={name: value}) as answer:
                assert answer.status == status, (name, value)


async def test_a_post_comes_from_the_page(box: Box) -> None:
    async with (
        aiohttp.ClientSession() as session,
        session.post(f"{box.url}/replies/luminis/sms", json={"text": "STOP"}) as answer,
    ):
        assert answer.status == 403
    assert not box.houses["luminis"].vendors.twilio.unsubscribed


async def test_only_the_pages_own_files_are_served(page: aiohttp.ClientSession) -> None:
    for name in ("texts.json", "index.html", "..%2Ftexts.json", "%2e%2e/start.py", "none.css", ".css"):
        async with page.get(f"/static/{name}") as answer:
            assert answer.status == 404, name


async def test_posting_shows_the_call_and_the_answer(box: Box, page: aiohttp.ClientSession) -> None:
    draft = await drawn(page)
    async with page.post("/drafts/luminis", json=draft) as answer:
        before = await answer.json()
    call = await posted(page, **draft)

    assert before == {"curl": call["curl"], "request": call["request"]}
    assert (call["status"], call["answer"]["number"], call["answer"]["status"]) == (201, draft["number"], "open")
    assert call["request"]["deliver"] == [
        {"channel": "telegram", "wait": "0s"},
        {"channel": "sms", "wait": "0s"},
        {"channel": "email"},
    ]
    done = await asyncio.create_subprocess_exec("bash", "-c", call["curl"], stdout=-1, stderr=-1)
    again, _ = await done.communicate()
    assert json.loads(again)["id"] == call["answer"]["id"], "the curl command is the same call: nothing new was made"


async def test_what_the_api_refuses_is_shown(page: aiohttp.ClientSession) -> None:
    call = await posted(page, amount="12,5")

    assert call["status"] == 422
    assert call["answer"]["errors"][0]["path"] == "amount.value"


async def test_what_is_no_draft_is_refused(page: aiohttp.ClientSession) -> None:
    for body in (b"", b"[]", b'"x"', b'{"number": 1}', b"{", b'{"channels": ["fax"]}'):
        async with page.post("/invoices/luminis", data=body) as answer:
            assert answer.status in (400, 422), body


async def test_no_channel_is_no_message(box: Box, page: aiohttp.ClientSession) -> None:
    call = await posted(page, channels=[])

    await told(page, lambda kind, item: kind == "invoice" and item["number"] == call["answer"]["number"])
    assert call["answer"]["deliveries"] == []
    vendors = box.houses["luminis"].vendors
    assert (len(vendors.twilio.messages), len(vendors.mail.messages), len(vendors.telegram.messages)) == (0, 0, 0)


async def test_the_stream_tells_of_all_three_messages_and_the_push(page: aiohttp.ClientSession) -> None:
    number = (await posted(page, "ciresarii"))["answer"]["number"]
    seen: dict[str, Json] = {}
    async with page.get("/live") as stream:
        async for kind, item in items(stream):
            if kind == "message":
                seen[item["channel"]] = item
            elif kind == "push" and item["type"] == "delivery.sent":
                seen["push"] = item
            if seen.keys() >= {"sms", "email", "telegram", "push"}:
                break

    assert number in seen["sms"]["text"]
    assert number in seen["email"]["subject"]
    assert number in seen["telegram"]["text"]
    assert (seen["push"]["verified"], seen["push"]["booked"]) == (True, "open")
    assert {item["biller"] for item in seen.values()} == {"ciresarii"}


async def test_a_mail_is_shown_without_power(box: Box, page: aiohttp.ClientSession) -> None:
    await posted(page)
    letter = await told(page, lambda kind, item: item.get("channel") == "email")
    message_id = letter["id"].partition(":")[2]

    async with page.get(f"/mails/luminis/{message_id.replace('/', '%2F')}") as answer:
        html, policy = await answer.text(), answer.headers["Content-Security-Policy"]
    async with page.get("/mails/luminis/none") as missing:
        assert missing.status == 404

    assert '<base target="_blank">' in html
    assert "script-src" not in policy
    assert "allow-scripts" not in policy
    assert f"default-src 'none'; img-src {box.gateway_url} data:;" in policy
    assert "/icon.png" in html


async def test_stop_silences_sms_alone(box: Box, page: aiohttp.ClientSession) -> None:
    await posted(page)
    await told(page, lambda kind, item: item.get("channel") == "sms")
    async with page.post("/replies/luminis/sms", json={"text": "STOP"}) as answer:
        assert await answer.json() == {"status": 200}
    await told(page, lambda kind, item: kind == "push" and item["type"] == "payer.stopped")

    call = await posted(page)

    number = call["answer"]["number"]
    await told(page, lambda kind, item: item.get("channel") == "telegram" and number in item["text"])
    assert [one["channel"] for one in call["answer"]["deliveries"]] == ["telegram", "email"]
    assert len(box.houses["luminis"].vendors.twilio.messages) == 1


async def test_a_reply_reaches_the_billing_system(page: aiohttp.ClientSession) -> None:
    await posted(page)
    pushed = 0
    for channel, status in (("sms", 200), ("email", 204), ("telegram", 204)):
        await told(page, lambda kind, item, channel=channel: item.get("channel") == channel)  # type: ignore[misc]
        async with page.post(f"/replies/luminis/{channel}", json={"text": f"Am plătit ieri, {channel}"}) as answer:
            assert await answer.json() == {"status": status}

        said = await told(page, lambda kind, item, channel=channel: item.get("mine") and item["channel"] == channel)  # type: ignore[misc]
        assert (said["text"], said["answered"]) == (f"Am plătit ieri, {channel}", status)

        def newer(kind: str, item: Json, pushed: int = pushed) -> bool:
            return kind == "push" and item["type"] == "message.received" and item["sequence"] > pushed

        push = await told(page, newer)
        assert push["verified"]
        pushed = push["sequence"]


async def test_an_empty_reply_and_an_unknown_channel(page: aiohttp.ClientSession) -> None:
    for path, body, status in (
        ("/replies/luminis/sms", {"text": "  "}, 422),
        ("/replies/luminis/fax", {"text": "x"}, 404),
        ("/replies/luminis/email", {"text": "x"}, 404),  # nothing was received that could be answered
        ("/replies/luminis/telegram", {"button": "none"}, 404),
        ("/replies/nobody/sms", {"text": "x"}, 404),
    ):
        async with page.post(path, json=body) as answer:
            assert answer.status == status, path


async def test_the_timeline_is_the_apis(page: aiohttp.ClientSession) -> None:
    invoice_id = (await posted(page, channels=[]))["answer"]["id"]
    async with page.get(f"/invoices/luminis/{invoice_id}") as answer:
        timeline = await answer.json()
    async with page.get(f"/invoices/ciresarii/{invoice_id}") as answer:
        assert answer.status == 404, "one biller does not see another's"

    assert timeline["invoice"]["id"] == invoice_id
    assert [event["type"] for event in timeline["events"]] == ["invoice.issued"]


async def test_the_chat_opens_by_its_link(box: Box, page: aiohttp.ClientSession) -> None:
    telegram = box.houses["luminis"].vendors.telegram
    before = len(telegram.updates)
    async with page.get("/telegram/LuminisEnergieBot?start=abc") as answer:
        assert "Luminis Energie" in await answer.text()
    assert len(telegram.updates) == before, "looking changes nothing"
    async with page.post("/telegram/LuminisEnergieBot?start=abc") as answer:
        assert "The chat is open" in await answer.text()
    async with page.get("/telegram/NobodyBot") as answer:
        assert answer.status == 404

    assert telegram.updates[-1]["message"]["text"] == "/start abc"


async def test_the_history_is_a_list_as_lists_look() -> None:
    async with Box(running) as box, aiohttp.ClientSession(box.url) as page:
        icons: dict[str, str] = {}
        async with page.get("/live") as stream:
            async for kind, item in items(stream):
                if kind == "invoice":
                    icons[item["number"]] = item["icon"]
                if sorted(icons.values()) == ["open", "overdue", "paid", "paid", "partly_paid"]:
                    break
        assert not any(house.vendors.twilio.messages for house in box.houses.values())


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

"""The demo box: what it starts and leaves behind, the loop without a browser, the command."""

from __future__ import annotations

import asyncio
import json
import re
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import pytest

from gateway.app import running
from gateway.demo.bank import Bank, CreateFault, Manner
from gateway.demo.box import Box
from gateway.demo.box.clock import BoxClock
from gateway.demo.box.converse import BEGINS_AT, converse
from gateway.demo.box.failover import fail_over
from gateway.demo.box.once import headless, walk
from gateway.demo.box.steps import Broken, Report
from gateway.demo.erp import Push
from gateway.ports.values import Secret
from tests.gateway.demo.box.harness import items

STEPS = ["start", "post", "sms", "email", "telegram", "page", "attempt", "bank", "confirm", "push", "icon"]


FAILOVER = [
    "start",
    "post",
    "page",
    "attempt",
    "down",
    "failover",
    "health",
    "bank",
    "confirm",
    "push",
    "icon",
    "explained",
    "late",
    "refund",
    "sums",
    "reconcile",
]
CHAT = [
    "start",
    "post",
    "list",
    "remind",
    "reminder",
    "telegram_list",
    "telegram_remind",
    "telegram_reminder",
    "promise",
    "broken_promise",
    "page",
    "attempt",
    "bank",
    "paid",
    "no_reminder",
    "stop",
    "stopped",
]


async def test_it_lives_on_loopback_and_leaves_nothing() -> None:
    async with Box(running) as box:
        urls = [box.url, box.gateway_url]
        for house in box.houses.values():
            vendors = house.vendors
            urls += [vendors.mail.url, vendors.twilio.url, vendors.telegram.url, vendors.erp.url]
            urls += [bank.url for bank in vendors.banks.values()]
            urls += [vendors.whatsapp.url]
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


async def test_a_conversation_without_a_browser() -> None:
    report = await headless(running, "chat")

    assert report["ok"] is True, report
    assert [step["step"] for step in report["steps"]] == CHAT


async def test_a_fault_in_the_conversation_is_named() -> None:
    """Twilio delivers one message of ours twice: two answers came, where one is right."""
    async with Box(running, history=False, clock=BoxClock(BEGINS_AT)) as box, aiohttp.ClientSession() as payer:
        messages, report = box.houses["luminis"].vendors.twilio.messages, Report()
        messages.on_add(lambda sms: messages.append(sms) if sms.body.startswith("Ai de plata") else None)
        with pytest.raises(Broken, match=r"one answer to 'ce am de plată[?]', and 2 messages came"):
            await converse(box, payer, report)

    assert (report.now, [step["step"] for step in report.steps]) == ("list", ["post"])


async def test_an_outage_without_a_browser() -> None:
    report = await headless(running, "failover")

    assert report["ok"] is True, report
    assert [step["step"] for step in report["steps"]] == FAILOVER


async def test_an_outage_with_nobody_behind_is_named(box: Box) -> None:
    await box.houses["luminis"].vendors.banks["buzunar"].turn(Manner.REFUSES)
    report = Report()

    async with aiohttp.ClientSession() as payer:
        with pytest.raises(Broken, match="the pay page answered 503"):
            await fail_over(box, payer, report)

    assert (report.now, report.steps[-1]["step"]) == ("failover", "down")


async def test_a_book_that_says_another_sum_is_named(box: Box) -> None:
    """The account gives a coin back at its own desk and its webhook is lost: only its own books know."""
    vendors, report = box.houses["luminis"].vendors, Report()

    def lose_a_coin(push: Push) -> None:
        if push.type == "refund.succeeded":
            bank = vendors.banks["buzunar"]
            bank.ledger.give_back(next(iter(bank.ledger.payments)), 1, "payment.refunded", box.clock.now())

    vendors.erp.on_push(lose_a_coin)
    async with aiohttp.ClientSession() as payer:
        with pytest.raises(Broken, match="the accounts hold"):
            await fail_over(box, payer, report)

    assert report.now == "sums"


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


async def test_a_stand_in_that_is_stopped_while_it_starts_leaves_nothing(box: Box) -> None:
    bank = box.houses["luminis"].vendors.bank
    port = int(bank.url.rpartition(":")[2])
    second = Bank(api_key=Secret("k"), webhook_secrets=[Secret("s")], clock=box.clock, port=port)

    with pytest.raises(OSError, match="in use"):
        await second.__aenter__()

    assert second._courier is not None
    assert second._courier._session.closed


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

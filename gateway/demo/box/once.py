"""A promise without a browser, checked step by step over the wire: `achit demo --once`.

Every step is done by what a payer, a biller or a bank would do it with, and waits for the news itself, never for time to pass.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import datetime

import aiohttp

from gateway.demo.box.clock import BoxClock
from gateway.demo.box.converse import BEGINS_AT, converse
from gateway.demo.box.drafts import ANA, request_body
from gateway.demo.box.failover import fail_over
from gateway.demo.box.houses import House
from gateway.demo.box.start import Box, Run
from gateway.demo.box.steps import (
    LINK,
    PAYER,
    Broken,
    Json,
    Report,
    check,
    check_icon,
    heard,
    live_until,
    open_page,
    pay,
)

LIMIT_S = 30.0
Walk = Callable[[Box, aiohttp.ClientSession, Report], Awaitable[None]]


async def headless(run: Run, scenario: str = "loop", *, limit_s: float = LIMIT_S) -> Json:
    """Starts a box, walks through a scenario, ends the box. Gives `ok` and `steps`, and `error` when a step failed or time ran out."""
    report = Report()
    walked = SCENARIOS[scenario]
    error = None
    try:
        async with asyncio.timeout(limit_s), AsyncExitStack() as stack:
            with report.step("start"):
                box = await stack.enter_async_context(Box(run, history=False, clock=BoxClock(walked.begins_at)))
            payer = await stack.enter_async_context(aiohttp.ClientSession(headers=PAYER))
            await walked.walk(box, payer, report)
    except TimeoutError:
        error = f"{report.now}: not done within {limit_s:g} s"
    except Exception as failed:  # whatever it was, the caller gets the one report that it asked for
        error = f"{report.now}: {failed}" if isinstance(failed, Broken) else f"{report.now}: {failed!r}"
    return {"ok": error is None} | ({"error": error} if error else {}) | {"steps": report.steps}


async def walk(box: Box, payer: aiohttp.ClientSession, report: Report) -> None:
    """Post, deliver on all three channels, open the page, pay by bank, confirm, push, green. Raises Broken at the first fault."""
    house = next(iter(box.houses.values()))
    body = request_body(house.biller, house.drafting.draw(box.today()), box.today())
    number = body["number"]
    pay_url = await _deliver(house, body, report)
    paid = heard(house.vendors.erp.pushes, lambda push: push.type == "invoice.paid" and push.number == number)
    form = await open_page(payer, pay_url, number, report)
    async with payer.get(f"{pay_url}/live") as live:
        check(live.status == 200, f"the live stream answered {live.status}")
        await pay(payer, pay_url, form, house, report)
        with report.step("confirm"):
            check(await live_until(live, ".paid"), "the live page ended before it said paid")
    with report.step("push"):
        push, _ = await paid
        check(push.verified and push.code < 300, f"the billing system answered {push.code}")
        check(house.vendors.erp.invoices[number].status == "paid", "it is not booked as paid")
    await check_icon(payer, pay_url, report)


async def _deliver(house: House, body: Json, report: Report) -> str:
    """Posts the invoice and waits for its three messages. Gives the link that stands in the SMS."""
    vendors, number = house.vendors, body["number"]
    sms = heard(vendors.twilio.messages, lambda sms: sms.to == ANA.phone)
    mail = heard(vendors.mail.messages, lambda mail: number in mail.subject)
    chat = heard(vendors.telegram.messages, lambda message: number in message.text)
    started = time.perf_counter()
    with report.step("post"):
        answered = await house.desk.call("POST", "/v1/invoices", body)
        check(answered.status == 201, f"the API answered {answered.status}: {answered.body}")
    pay_url = str(answered.body["pay_url"])
    report.now = "sms"
    (text, at) = await sms
    links = LINK.findall(text.body)
    check(links == [pay_url], "the SMS does not hold the pay link, and no other")
    report.add("sms", at - started)
    report.now = "email"
    letter, at = await mail
    check(pay_url in letter.text and f"{pay_url}/icon.png" in letter.html, "the email lacks its link or its icon")
    report.add("email", at - started)
    report.now = "telegram"
    message, at = await chat
    check(pay_url in [button.url for button in message.buttons], "the Telegram message has no button to the page")
    report.add("telegram", at - started)
    return str(links[0])


@dataclass(frozen=True, slots=True)
class Scenario:
    """`begins_at` is what the box's clock says at first; None: the machine's time."""

    walk: Walk
    begins_at: datetime | None = None


SCENARIOS: Mapping[str, Scenario] = {
    "loop": Scenario(walk),
    "chat": Scenario(converse, BEGINS_AT),
    "failover": Scenario(fail_over, BEGINS_AT),
}

"""The whole promise without a browser, checked step by step over HTTP: `achit demo --once`.

Every step is done by what a payer, a biller or a bank would do it with, and waits for the news itself, never for time to pass.
"""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Callable, Iterator
from contextlib import AsyncExitStack, contextmanager
from dataclasses import dataclass, field
from html.parser import HTMLParser
from typing import Any, TypeVar
from urllib.parse import urljoin

import aiohttp

from gateway.demo.box.drafts import ANA, request_body
from gateway.demo.box.houses import House
from gateway.demo.box.start import Box, Run
from gateway.demo.standin import Arrivals
from gateway.rendering.elements.icons import GREEN

Json = dict[str, Any]
T = TypeVar("T")
LIMIT_S = 30.0
PAYER = {"User-Agent": "Mozilla/5.0 (Android 16; Mobile) achit-demo", "Accept-Language": "ro"}
_LINK = re.compile(r"https?://\S+")


class Broken(Exception):
    """A step did not do what it promises."""


@dataclass(slots=True)
class Report:
    """What was done, in order, and how long each step took. `now` is the step under way."""

    steps: list[Json] = field(default_factory=list)
    now: str = ""

    @contextmanager
    def step(self, name: str) -> Iterator[None]:
        self.now, started = name, time.perf_counter()
        yield
        self.add(name, time.perf_counter() - started)

    def add(self, name: str, seconds: float) -> None:
        self.steps.append({"step": name, "ms": round(seconds * 1000, 1)})


async def headless(run: Run, limit_s: float = LIMIT_S) -> Json:
    """Starts a box, walks the loop, ends the box. Gives `ok` and `steps`, and `error` when a step failed or time ran out."""
    report = Report()
    error = None
    try:
        async with asyncio.timeout(limit_s), AsyncExitStack() as stack:
            with report.step("start"):
                box = await stack.enter_async_context(Box(run, history=False))
            payer = await stack.enter_async_context(aiohttp.ClientSession(headers=PAYER))
            await walk(box, payer, report)
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
    paid = _heard(house.vendors.erp.pushes, lambda push: push.type == "invoice.paid" and push.number == number)
    form = await _open_page(payer, pay_url, number, report)
    async with payer.get(f"{pay_url}/live") as live:
        _check(live.status == 200, f"the live stream answered {live.status}")
        await _pay(payer, pay_url, form, house, report)
        with report.step("confirm"):
            _check(await _says(live, ".paid"), "the live page ended before it said paid")
    with report.step("push"):
        push, _ = await paid
        _check(push.verified and push.code < 300, f"the billing system answered {push.code}")
        _check(house.vendors.erp.invoices[number].status == "paid", "it is not booked as paid")
    with report.step("icon"):
        async with payer.get(f"{pay_url}/icon.svg") as icon:
            _check(GREEN in await icon.text(), "the icon is not green")
        async with payer.get(f"{pay_url}/icon.png") as icon:
            _check(icon.content_type == "image/png" and '"paid' in icon.headers["ETag"], "its picture is not green")


async def _deliver(house: House, body: Json, report: Report) -> str:
    """Posts the invoice and waits for its three messages. Gives the link that stands in the SMS."""
    vendors, number = house.vendors, body["number"]
    sms = _heard(vendors.twilio.messages, lambda sms: sms.to == ANA.phone)
    mail = _heard(vendors.mail.messages, lambda mail: number in mail.subject)
    chat = _heard(vendors.telegram.messages, lambda message: number in message.text)
    started = time.perf_counter()
    with report.step("post"):
        answered = await house.desk.call("POST", "/v1/invoices", body)
        _check(answered.status == 201, f"the API answered {answered.status}: {answered.body}")
    pay_url = str(answered.body["pay_url"])
    report.now = "sms"
    (text, at) = await sms
    links = _LINK.findall(text.body)
    _check(links == [pay_url], "the SMS does not hold the pay link, and no other")
    report.add("sms", at - started)
    report.now = "email"
    letter, at = await mail
    _check(pay_url in letter.text and f"{pay_url}/icon.png" in letter.html, "the email lacks its link or its icon")
    report.add("email", at - started)
    report.now = "telegram"
    message, at = await chat
    _check(pay_url in [button.url for button in message.buttons], "the Telegram message has no button to the page")
    report.add("telegram", at - started)
    return str(links[0])


async def _open_page(payer: aiohttp.ClientSession, pay_url: str, number: str, report: Report) -> Form:
    with report.step("page"):
        async with payer.get(pay_url) as answer:
            html = await answer.text()
        _check(answer.status == 200 and number in html, f"the pay page answered {answer.status}")
        form = Form.of(html)
        _check(("method", "bank") in form.buttons, "the page does not offer the bank")
    return form


async def _pay(payer: aiohttp.ClientSession, pay_url: str, form: Form, house: House, report: Report) -> None:
    with report.step("attempt"):
        fields = form.fields | {"method": "bank"}
        async with payer.post(urljoin(pay_url, form.action), data=fields, allow_redirects=False) as answer:
            bank_url = answer.headers.get("Location", "")
        _check(answer.status == 303 and bank_url.startswith(house.vendors.bank.url), f"it answered {answer.status}")
    with report.step("bank"):
        async with payer.get(bank_url) as answer:
            html = await answer.text()
        _check(answer.status == 200 and ("outcome", "paid") in Form.of(html).buttons, "the bank's page cannot pay")
        async with payer.post(bank_url, data={"outcome": "paid"}) as answer:  # follows the redirect back
            _check(answer.status == 200 and str(answer.url).startswith(pay_url), "the bank did not send the payer back")


@dataclass(slots=True)
class Form:
    """The first form of a page: where it leads, its hidden fields, its buttons as name and value."""

    action: str = ""
    fields: dict[str, str] = field(default_factory=dict)
    buttons: list[tuple[str, str]] = field(default_factory=list)

    @classmethod
    def of(cls, html: str) -> Form:
        """Raises Broken when the page has none."""
        reader = _FormReader()
        reader.feed(html)
        _check(reader.forms > 0, "there is no form on the page")
        return reader.form


class _FormReader(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.form = Form()
        self.forms = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        if tag == "form":
            self.forms += 1
            if self.forms == 1:
                self.form.action = given.get("action", "")
        elif self.forms == 1 and tag == "input" and given.get("type") == "hidden":
            self.form.fields[given["name"]] = given.get("value", "")
        elif self.forms == 1 and tag == "button":
            self.form.buttons.append((given.get("name", ""), given.get("value", "")))


def _heard(arrivals: Arrivals[T], wanted: Callable[[T], bool]) -> asyncio.Future[tuple[T, float]]:
    """The next arrival that is wanted, and when it came."""
    found: asyncio.Future[tuple[T, float]] = asyncio.get_running_loop().create_future()

    def listen(item: T) -> None:
        if not found.done() and wanted(item):
            found.set_result((item, time.perf_counter()))

    arrivals.on_add(listen)
    return found


async def _says(live: aiohttp.ClientResponse, ending: str) -> bool:
    """Reads a page's stream until it tells a revision with that ending."""
    async for line in live.content:
        if line.startswith(b"data: ") and line.decode().rstrip().endswith(ending):
            return True
    return False


def _check(holds: bool, otherwise: str) -> None:
    if not holds:
        raise Broken(otherwise)

"""What walks through the box by themselves share: a report step by step, news that is waited for, a payer's browser."""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from html.parser import HTMLParser
from typing import Any, TypeVar
from urllib.parse import urljoin

import aiohttp

from gateway.demo.box.houses import House
from gateway.demo.standin import Arrivals
from gateway.rendering.elements.icons import GREEN

Json = dict[str, Any]
T = TypeVar("T")
PAYER = {"User-Agent": "Mozilla/5.0 (Android 16; Mobile) achit-demo", "Accept-Language": "ro"}
LINK = re.compile(r"https?://\S+")


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


async def open_page(payer: aiohttp.ClientSession, pay_url: str, number: str, report: Report) -> Form:
    """Opens the pay page of an invoice: the step `page`."""
    with report.step("page"):
        async with payer.get(pay_url) as answer:
            html = await answer.text()
        check(answer.status == 200 and number in html, f"the pay page answered {answer.status}")
        form = Form.of(html)
        check(("method", "bank") in form.buttons, "the page does not offer the bank")
    return form


async def pay(payer: aiohttp.ClientSession, pay_url: str, form: Form, house: House, report: Report) -> None:
    """Chooses the bank on the page and pays there: the steps `attempt` and `bank`."""
    with report.step("attempt"):
        fields = form.fields | {"method": "bank"}
        async with payer.post(urljoin(pay_url, form.action), data=fields, allow_redirects=False) as answer:
            bank_url = answer.headers.get("Location", "")
        check(answer.status == 303 and bank_url.startswith(house.vendors.bank.url), f"it answered {answer.status}")
    with report.step("bank"):
        async with payer.get(bank_url) as answer:
            html = await answer.text()
        check(answer.status == 200 and ("outcome", "paid") in Form.of(html).buttons, "the bank's page cannot pay")
        async with payer.post(bank_url, data={"outcome": "paid"}) as answer:  # follows the redirect back
            check(answer.status == 200 and str(answer.url).startswith(pay_url), "the bank did not send the payer back")


async def live_until(live: aiohttp.ClientResponse, ending: str) -> bool:
    """Reads a page's stream until it tells a revision with that ending; False when it ends before."""
    async for line in live.content:
        if line.startswith(b"data: ") and line.decode().rstrip().endswith(ending):
            return True
    return False


async def check_icon(payer: aiohttp.ClientSession, pay_url: str, report: Report) -> None:
    """Looks at the status icon of a paid invoice: the step `icon`."""
    with report.step("icon"):
        async with payer.get(f"{pay_url}/icon.svg") as icon:
            check(GREEN in await icon.text(), "the icon is not green")
        async with payer.get(f"{pay_url}/icon.png") as icon:
            check(icon.content_type == "image/png" and '"paid' in icon.headers["ETag"], "its picture is not green")


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
        check(reader.forms > 0, "there is no form on the page")
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


def heard(arrivals: Arrivals[T], wanted: Callable[[T], bool]) -> asyncio.Future[tuple[T, float]]:
    """The next arrival that is wanted, and when it came."""
    found: asyncio.Future[tuple[T, float]] = asyncio.get_running_loop().create_future()

    def listen(item: T) -> None:
        if not found.done() and wanted(item):
            found.set_result((item, time.perf_counter()))

    arrivals.on_add(listen)
    return found


def check(holds: bool, otherwise: str) -> None:
    """Raises Broken with `otherwise`."""
    if not holds:
        raise Broken(otherwise)

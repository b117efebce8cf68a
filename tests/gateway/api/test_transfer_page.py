"""The page of a bank transfer over HTTP: from the button to the payer's word, for whoever has the link, without a script."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator

import aiohttp
import pytest

from gateway.services import invoices
from gateway.store.database import Database
from gateway.testing.clock import FakeClock
from tests.gateway.rendering.test_messages import Page
from tests.harness.gateway import draft_of
from tests.harness.world import World, open_world

ACCOUNTS = {
    "iban": {
        "adapter": "bank_transfer",
        "name": "Acme Energie SRL",
        "ibans": ["RON RO49AAAA1B31007593840000", "EUR DE89370400440532013000"],
    }
}


@pytest.fixture
async def world(database: Database, clock: FakeClock) -> AsyncIterator[World]:
    async with open_world(database, clock, biller={"providers": ACCOUNTS}) as opened:
        yield opened


@pytest.fixture
async def browser() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession() as session:
        yield session


async def issued(world: World, currency: str = "RON") -> str:
    """A new invoice; gives its pay link."""
    view, _ = await invoices.issue(world.ctx, world.biller, draft_of(f"F-{currency}", "125.40", currency=currency))
    return world.ctx.pay_url(view.invoice.id, 0)


async def choose(browser: aiohttp.ClientSession, url: str) -> str:
    """Presses the method's button; gives where that leads."""
    form = {"method": "transfer", "lang": "en"}
    async with browser.post(f"{url}/attempts", data=form, allow_redirects=False) as answer:
        assert answer.status == 303
        return answer.headers["Location"]


async def text(browser: aiohttp.ClientSession, url: str) -> str:
    async with browser.get(url) as answer:
        assert answer.status == 200
        return Page(await answer.text()).text.replace("\xa0", " ")


async def test_from_the_button_to_the_word_to_the_money(world: World, browser: aiohttp.ClientSession) -> None:
    url = await issued(world)
    path = url.removeprefix(world.url)
    assert await choose(browser, url) == f"{path}/transfer?lang=en"
    shown = await text(browser, f"{url}/transfer?lang=en")
    for words in ("Acme Energie SRL", "RO49 AAAA 1B31 0075 9384 0000", "RON 125.40", "by it Acme knows"):
        assert words in shown
    assert re.search(r"RF\d\d \d", shown)

    async with browser.post(f"{url}/transfer", data={"lang": "en"}, allow_redirects=False) as answer:
        assert (answer.status, answer.headers["Location"]) == (303, f"{path}/transfer?lang=en")
    shown = await text(browser, f"{url}/transfer?lang=en")
    assert "We are waiting for your transfer" in shown
    assert "we send no reminders" in shown
    assert "I have made the transfer" not in shown
    assert "We are waiting for your transfer" in await text(browser, f"{url}?lang=en")

    await world.off_platform(1, "125.40", "OP 17", source="statement")
    async with browser.get(f"{url}/transfer?lang=en") as answer:
        assert str(answer.url) == f"{url}?lang=en", "nothing to transfer any more"
        assert "Paid. Thank you!" in await answer.text()


async def test_it_is_there_only_once_it_was_chosen(world: World, browser: aiohttp.ClientSession) -> None:
    url = await issued(world)
    async with browser.get(f"{url}/transfer", allow_redirects=False) as answer:
        assert (answer.status, answer.headers["Location"]) == (303, url.removeprefix(world.url))
    async with browser.post(f"{url}/transfer", allow_redirects=False) as answer:
        assert answer.status == 303
    assert await world.events_of(1, "claim.already_paid") == []


async def test_the_code_is_there_for_euros_alone(world: World, browser: aiohttp.ClientSession) -> None:
    for currency, status in (("EUR", 200), ("RON", 404)):
        url = await issued(world, currency)
        await choose(browser, url)
        async with browser.get(f"{url}/transfer") as answer:
            assert ("/transfer.svg" in await answer.text()) is (status == 200)
        async with browser.get(f"{url}/transfer.svg") as answer:
            assert answer.status == status
            assert (answer.content_type == "image/svg+xml") is (status == 200)


async def test_a_guess_and_a_preview_learn_nothing(world: World, browser: aiohttp.ClientSession) -> None:
    url = await issued(world)
    await choose(browser, url)
    for method, page in (("GET", "transfer"), ("POST", "transfer"), ("GET", "transfer.svg")):
        async with browser.request(method, f"{world.url}/p/0000000000000000000/{page}") as answer:
            assert answer.status == 404
    async with browser.get(f"{url}/transfer", headers={"User-Agent": "TelegramBot (like TwitterBot)"}) as answer:
        card = await answer.text()
    assert "RO49" not in card
    assert "og:title" in card


async def test_opening_it_changes_nothing(world: World, browser: aiohttp.ClientSession) -> None:
    url = await issued(world)
    await choose(browser, url)
    before = await world.event_types(1)
    for _ in range(2):
        await text(browser, f"{url}/transfer")

    assert await world.event_types(1) == before
    assert len((await world.view(1)).attempts) == 1

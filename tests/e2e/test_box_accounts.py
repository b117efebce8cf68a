"""An account is broken and the payer notices nothing, in a real Chromium: switches, routing in words, money given back."""

from __future__ import annotations

import random
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from playwright.async_api import Browser, Locator, Page, expect

from gateway.app import running
from gateway.demo.box import Box
from tests.harness.browser import faults

pytestmark = pytest.mark.browser
ARTIFACTS = Path(__file__).parents[2] / "artifacts"
WAIT_MS = 20_000


@pytest.fixture
async def page(browser: Browser) -> AsyncIterator[Page]:
    """A box with one invoice on Ana's phone, looked at under Accounts."""
    expect.set_options(timeout=WAIT_MS)
    async with Box(running, history=False, chance=random.Random(11)) as box:
        context = await browser.new_context(viewport={"width": 1440, "height": 900}, reduced_motion="reduce")
        context.set_default_timeout(WAIT_MS)
        page = await context.new_page()
        complaints: list[str] = []
        page.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
        page.on("pageerror", lambda error: complaints.append(str(error)))
        await page.goto(box.url)
        await expect(page.locator("body[data-live]")).to_be_visible()
        await page.get_by_role("tab", name="Accounts").click()
        await expect(page.locator("#route .none")).to_be_visible()
        await page.locator("#post").click()
        yield page
        await context.close()
        assert complaints == []


def card(page: Page, account: str) -> Locator:
    return page.locator(f"#accounts li[data-account={account}]")


async def pay_page(page: Page) -> Page:
    async with page.context.expect_page() as opened:
        await page.locator(".device.sms .bubble a").click()
    return await opened.value


async def test_an_account_falls_and_the_next_one_serves(page: Page) -> None:
    cards = page.locator("#route li[data-method=card] .options")
    await expect(cards.locator("li").first).to_contain_text("Plastik")
    await expect(cards.locator("li").first).to_contain_text("it costs less than the next")
    await expect(card(page, "plastik")).to_have_attribute("data-health", "well")
    await page.keyboard.press("Tab")
    await card(page, "plastik").locator("input[value=works]").focus()
    for _ in range(3):
        await page.keyboard.press("ArrowRight")  # by keyboard alone, through the slow and the refusing
    await expect(card(page, "plastik")).to_have_attribute("data-does", "down")
    await expect(card(page, "plastik").locator("input[value=down]")).to_be_focused()

    payer = await pay_page(page)
    await payer.locator("button[name=method][value=card]").first.click()
    await expect(payer.locator("body.of-buzunar")).to_be_visible()
    await expect(card(page, "plastik")).to_have_attribute("data-health", "down")
    await expect(card(page, "plastik").locator(".health")).to_contain_text("Left out: it opens no payments")
    await expect(cards.locator("li").first).to_contain_text("it is well, and the next is not")
    ARTIFACTS.mkdir(exist_ok=True)
    await page.screenshot(path=ARTIFACTS / "box-accounts.png")
    assert await faults(page) == []

    await payer.locator("button[name=outcome][value=paid_twice]").click()
    await expect(page.locator("#pushes li[data-type='refund.due']")).to_be_visible()
    await page.get_by_role("tab", name="Accounts").press("ArrowRight")  # from the last tab to the first
    await page.locator("#invoices button.more").click()
    drawer = page.locator("#drawer")
    await expect(drawer.locator(".decided li[data-account=buzunar]")).to_contain_text("Plastik: it has just failed")
    assert await faults(page) == []
    await drawer.get_by_role("button", name="back").click()

    await expect(drawer.locator(".notice")).to_contain_text("Given back")
    await expect(drawer.locator(".payments button")).to_have_count(0)
    await expect(page.locator("#pushes li[data-type='refund.succeeded']")).to_be_visible()
    await page.screenshot(path=ARTIFACTS / "box-given-back.png")
    await page.keyboard.press("Escape")
    await page.get_by_role("tab", name="Accounts").click()
    await page.locator("[data-jump=hour]").click()  # its rest is over
    await expect(card(page, "plastik").locator(".health")).to_contain_text("the next payer tries it")


async def test_they_fit_a_phone_and_are_romanian(page: Page) -> None:
    await page.set_viewport_size({"width": 320, "height": 640})
    await page.goto(f"{page.url}?lang=ro")
    await page.get_by_role("tab", name="Conturi").click()
    await expect(page.locator("#route li[data-method=card]")).to_contain_text("cost mai mic decât varianta următoare")
    await expect(card(page, "plastik")).to_contain_text("1,2 % + 0,30 RON")
    assert await page.evaluate("document.documentElement.scrollWidth") <= 320
    assert await faults(page) == []

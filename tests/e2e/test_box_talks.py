"""Ana answers and is reminded, in a real Chromium: four conversations, the clock, the biller's desk. Pictures go to `artifacts/`."""

from __future__ import annotations

import random
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from playwright.async_api import Browser, Locator, Page, expect

from gateway.app import running
from gateway.demo.box import Box
from gateway.demo.box.clock import BoxClock
from gateway.demo.box.converse import BEGINS_AT
from tests.harness.browser import faults

pytestmark = pytest.mark.browser
ARTIFACTS = Path(__file__).parents[2] / "artifacts"
WAIT_MS = 20_000


@pytest.fixture
async def page(browser: Browser) -> AsyncIterator[Page]:
    """A box on a Monday at ten, with one invoice on Ana's phone."""
    async with Box(running, clock=BoxClock(BEGINS_AT), chance=random.Random(11)) as box:
        context = await browser.new_context(viewport={"width": 1440, "height": 900}, reduced_motion="reduce")
        context.set_default_timeout(WAIT_MS)
        page = await context.new_page()
        complaints: list[str] = []
        page.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
        page.on("pageerror", lambda error: complaints.append(str(error)))
        await page.goto(box.url)
        await expect(page.locator("body[data-live]")).to_be_visible(timeout=WAIT_MS)
        await page.locator("#post").click()
        for channel in ("sms", "whatsapp", "telegram", "email"):
            await expect(theirs(page, channel)).to_have_count(1, timeout=WAIT_MS)
        yield page
        await context.close()
        assert complaints == []


def theirs(page: Page, channel: str) -> Locator:
    return page.locator(f".device.{channel} .theirs")


async def write(page: Page, channel: str, text: str) -> None:
    reply = page.locator(f".device.{channel} .reply")
    await reply.locator("input").fill(text)
    await reply.locator("button").click()


async def picture(page: Page, name: str, *, whole: bool = False) -> None:
    ARTIFACTS.mkdir(exist_ok=True)
    await page.screenshot(path=ARTIFACTS / f"box-talk-{name}.png", full_page=whole)


async def test_ana_asks_is_reminded_and_reaches_a_person(page: Page) -> None:
    expect.set_options(timeout=WAIT_MS)
    await write(page, "sms", "ce am de plată?")
    await expect(theirs(page, "sms").last).to_contain_text("Ai de plata")

    await page.locator(".device.telegram .says button").first.click()
    await expect(theirs(page, "telegram").last).to_contain_text("Ai de plată")
    await theirs(page, "telegram").last.get_by_role("button", name="Amintește-mi").click()
    await expect(theirs(page, "telegram").last).to_contain_text("Când să-ți amintim?")
    await theirs(page, "telegram").last.get_by_role("button", name="10 nov").click()
    await expect(theirs(page, "telegram").last).to_contain_text("Îți amintim marți, 10 nov., ora 9:00")
    await expect(page.locator("#invoices tr").first).to_contain_text("as the payer asked")
    before = await theirs(page, "telegram").count()

    await page.get_by_role("button", name="Tomorrow 9:00").click()
    await expect(theirs(page, "telegram")).to_have_count(before + 1)
    await expect(theirs(page, "telegram").last).to_contain_text("LUM-")
    await expect(page.locator("#now")).to_contain_text("10 Nov")

    await write(page, "whatsapp", "vreau un om")
    await expect(page.locator("#waiting")).to_have_text("1")
    await picture(page, "1-reminded")
    await page.get_by_role("tab", name="Conversations").click()
    await page.locator("#talks button[data-channel=whatsapp]").click()
    await expect(page.locator("#said")).to_contain_text("vreau un om")
    await page.locator("#answer-form input").fill("Bună, Ana! Sunt Dana de la Luminis.")
    await page.locator("#answer-form button").click()
    await expect(theirs(page, "whatsapp").last).to_contain_text("Sunt Dana")
    await expect(page.locator("#said .of-biller")).to_contain_text("Sunt Dana")
    await expect(page.locator("#waiting")).to_be_hidden()
    await picture(page, "2-person")
    assert await faults(page) == []

    await page.emulate_media(color_scheme="dark", reduced_motion="reduce")
    await page.set_viewport_size({"width": 390, "height": 844})
    await picture(page, "3-390-dark", whole=True)
    assert await page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth") <= 0
    assert await faults(page) == []


async def test_ana_reads_english_and_breaks_a_promise(page: Page) -> None:
    expect.set_options(timeout=WAIT_MS)
    await page.locator(".reads label", has_text="EN").click()
    await expect(theirs(page, "telegram").last).to_contain_text("we speak English")
    await expect(page.locator(".device.sms .says button").first).to_have_text("What do I owe?")
    await write(page, "sms", "I'll pay Friday")
    await expect(theirs(page, "sms").last).to_contain_text("Fri")
    row = page.locator("#invoices tr").first
    await expect(row).to_contain_text("promised for 13 Nov")

    await page.get_by_role("button", name="Next reminder").click()

    await expect(row).to_contain_text("promise of 13 Nov broken")
    await expect(page.locator("#pushes li[data-type='promise.broken']")).to_be_visible()
    await expect(page.locator("#hush")).to_have_text("")
    await row.locator("button.more").click()
    await expect(page.locator("#drawer .coming")).to_be_visible()
    await picture(page, "4-promise")
    assert await faults(page) == []

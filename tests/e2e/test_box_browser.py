"""The demo box in a real Chromium, as a newcomer drives it. Pictures of each stage go to `artifacts/`."""

from __future__ import annotations

import random
import re
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from playwright.async_api import Browser, BrowserContext, Locator, Page, expect

from gateway.app import running
from gateway.demo.box import Box
from gateway.rendering.elements.icons import GREEN
from tests.harness.browser import faults

pytestmark = pytest.mark.browser
ARTIFACTS = Path(__file__).parents[2] / "artifacts"
WAIT_MS = 20_000
expect.set_options(timeout=WAIT_MS)


@dataclass
class Desk:
    """The box's page in a browser, and the steps that are taken on it."""

    page: Page
    context: BrowserContext
    complaints: list[str]

    async def post(self, biller: str = "luminis", **fields: str) -> str:
        """Fills the form and posts it; gives the invoice's number once it stands in the list."""
        form = self.page.locator("#form")
        chosen = form.locator(f"input[name=biller][value={biller}]")
        if not await chosen.is_checked():
            before = await form.locator("[name=number]").input_value()
            await chosen.check(force=True)
            await expect(form.locator("[name=number]")).not_to_have_value(before)
        for name, value in fields.items():
            await form.locator(f"[name={name}]").fill(value)
        number = await form.locator("[name=number]").input_value()
        await form.get_by_role("button", name="Post invoice").click()
        await expect(self.row(number)).to_be_visible()
        await expect(form.locator("[name=number]")).not_to_have_value(number)
        return number

    def row(self, number: str) -> Locator:
        return self.page.locator(f"#invoices tr[data-number='{number}']")

    def app(self, channel: str) -> Locator:
        return self.page.locator(f".device.{channel}")

    def push(self, kind: str, number: str) -> Locator:
        return self.page.locator(f"#pushes li[data-type='{kind}'][data-number='{number}']")

    async def pay_page(self, number: str) -> Page:
        """Presses the link in the SMS about the invoice."""
        link = self.app("sms").locator(".bubble", has_text=number).locator("a")
        async with self.context.expect_page() as opened:
            await link.click()
        page = await opened.value
        await expect(page.locator("main[data-state=open]")).to_be_visible()
        return page

    async def by_code(self, number: str, proof: str) -> Page:
        """Types the site, the code and a proof, as who gets SMS without links does."""
        bubble = self.app("sms").locator(".bubble", has_text=number)
        await expect(bubble.locator("a")).to_have_count(0)
        said = re.search(r"Cod (\S+) pe (\S+), ref", await bubble.inner_text())
        assert said is not None
        page = await self.context.new_page()
        await page.goto(f"http://{said[2]}")
        await page.locator("#code").fill(said[1].lower())
        await page.locator("#proof").fill(proof)
        await page.locator("main button").click()
        await expect(page.locator("main[data-state=open]")).to_be_visible()
        return page

    async def at_bank(self, page: Page, outcome: str, method: str = "bank") -> None:
        """Chooses a method on the pay page and an outcome on the bank's."""
        await page.locator(f"button[name=method][value={method}]").first.click()
        await page.locator(f"button[name=outcome][value={outcome}]").click()
        await page.wait_for_url(re.compile(r"/p/\w+/return"))

    async def picture(self, name: str, page: Page | None = None) -> None:
        ARTIFACTS.mkdir(exist_ok=True)
        await (page or self.page).screenshot(path=ARTIFACTS / f"box-{name}.png")


@pytest.fixture
async def box() -> AsyncIterator[Box]:
    async with Box(running, chance=random.Random(11)) as started:
        yield started


@pytest.fixture
async def desk(browser: Browser, box: Box) -> AsyncIterator[Desk]:
    context = await browser.new_context(
        viewport={"width": 1280, "height": 800}, reduced_motion="reduce", locale="ro-RO"
    )
    context.set_default_timeout(WAIT_MS)
    page = await context.new_page()
    complaints: list[str] = []
    page.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    await page.goto(box.url)
    await expect(page.locator("body[data-live]")).to_be_visible()
    yield Desk(page, context, complaints)
    await context.close()
    assert complaints == []


async def test_the_whole_promise(desk: Desk, box: Box) -> None:
    await expect(desk.page.locator("#invoices tr[data-id]")).to_have_count(5)
    await desk.picture("1-start")
    number = await desk.post()

    sms = desk.app("sms").locator(".theirs .bubble")
    await expect(sms).to_contain_text(number)
    await expect(desk.app("telegram").locator(".theirs .bubble")).to_contain_text(number)
    await expect(desk.app("telegram").get_by_role("link", name=re.compile("Plătește"))).to_be_visible()
    letter = desk.app("email").locator(".letter", has_text="scadentă")
    await expect(letter.locator("h4")).to_contain_text(number)
    mail = letter.frame_locator("iframe")
    await expect(mail.locator("h1")).to_contain_text(number)
    await expect(mail.locator("img.icon")).to_be_visible()
    await expect(desk.row(number)).to_have_attribute("data-icon", "open")
    await expect(desk.push("invoice.issued", number)).to_be_visible()
    await desk.picture("2-posted")

    page = await desk.pay_page(number)
    await expect(page.locator("header .logo")).to_have_attribute("alt", "Luminis Energie")
    await desk.picture("3-pay-page", page)
    await desk.at_bank(page, "paid")

    await expect(page.locator("main[data-state=paid]")).to_be_visible()
    await desk.picture("4-paid", page)
    row = desk.row(number)
    await expect(row).to_have_attribute("data-icon", "paid")
    await expect(row.locator(".booked")).to_have_text("Paid")
    drawn = await desk.page.request.get(str(await row.locator("img.state").get_attribute("src")))
    assert GREEN in await drawn.text()
    await expect(desk.app("telegram").locator(".theirs .bubble")).to_contain_text("Plătită")
    await expect(desk.app("telegram").locator(".edited")).to_be_visible()
    icon = mail.locator("img.icon")
    await expect(icon).to_have_attribute("src", re.compile(r"icon\.png\?v=\d+"))
    again = await desk.page.request.get(str(await icon.get_attribute("src")))
    assert again.headers["etag"].startswith('"paid-')
    push = desk.push("invoice.paid", number)
    await expect(push).to_be_visible()
    await expect(push.locator(".seal.good")).to_have_text("signature verified")
    assert box.houses["luminis"].vendors.erp.invoices[number].status == "paid"
    await expect(desk.page.locator("#journey li.done")).to_have_count(5)
    thanks = desk.page.locator(".device .theirs", has_text=re.compile("am primit|este plătită", re.IGNORECASE))
    await expect(thanks.first).to_be_attached()
    await desk.picture("5-done")


async def test_declined_then_paid_by_card(desk: Desk) -> None:
    number = await desk.post("ciresarii")
    page = await desk.by_code(number, "0312")
    await desk.at_bank(page, "declined")

    await expect(page.get_by_role("alert")).to_be_visible()
    await expect(desk.push("payment.failed", number)).to_be_visible()
    await expect(desk.page.locator("#journey li.wrong")).to_contain_text("Declined")
    await expect(desk.row(number).locator(".booked")).to_have_text("Open")
    await desk.picture("6-declined", page)

    await desk.at_bank(page, "paid", "card")
    await expect(page.locator("main[data-state=paid]")).to_be_visible()
    await expect(desk.row(number).locator(".booked")).to_have_text("Paid")


async def test_paid_in_the_chat(desk: Desk) -> None:
    number = await desk.post("ciresarii")
    chat = desk.app("telegram")
    await chat.get_by_role("button", name=re.compile("Plătește")).click()

    await expect(chat.locator(".theirs", has_text="Paid in the chat")).to_be_visible()
    await expect(desk.push("invoice.paid", number)).to_be_visible()
    await expect(desk.row(number).locator(".booked")).to_have_text("Paid")
    assert await faults(desk.page) == []


async def test_paid_twice_is_kept_and_due_back(desk: Desk) -> None:
    number = await desk.post()
    page = await desk.pay_page(number)
    await desk.at_bank(page, "paid_twice")

    await expect(desk.push("payment.duplicate", number)).to_be_visible()
    await expect(desk.push("refund.due", number)).to_be_visible()
    await desk.row(number).locator("button.more").click()
    drawer = desk.page.locator("#drawer")
    await expect(drawer.locator(".notice")).to_contain_text("Refund due")
    await expect(drawer.locator(".events li", has_text="payment.duplicate")).to_be_visible()
    await desk.picture("7-paid-twice")
    assert await faults(desk.page) == []


async def test_a_lost_webhook_is_found_by_asking(desk: Desk) -> None:
    number = await desk.post()
    page = await desk.pay_page(number)
    await desk.at_bank(page, "webhook_lost")

    await expect(page.locator("main[data-state=paid]")).to_be_visible()
    await expect(desk.row(number).locator(".booked")).to_have_text("Paid")


async def test_the_form_says_what_is_wrong_and_shows_the_call(desk: Desk) -> None:
    form = desk.page.locator("#form")
    await form.locator("[name=amount]").fill("12,5")
    await form.get_by_role("button", name="Post invoice").click()
    await expect(desk.page.locator("#problem")).to_contain_text("amount.value")

    await desk.post(amount="77.70")
    await desk.page.locator("#request").click()
    call = desk.page.locator("#call")
    await expect(call.locator("#curl")).to_contain_text('"value": "77.70"')
    await expect(call.locator("#answer-code")).to_contain_text("201")
    await expect(call.locator("#answer")).to_contain_text('"pay_url"')
    await desk.picture("8-call")
    assert await faults(desk.page) == []
    await desk.page.keyboard.press("Escape")
    await expect(call).to_be_hidden()


async def test_ana_answers_and_the_page_comes_again_as_it_was(desk: Desk) -> None:
    number = await desk.post()
    await expect(desk.app("sms").locator(".theirs")).to_have_count(1)
    reply = desk.app("sms").locator(".reply input")
    await expect(reply).to_have_attribute("placeholder", "Reply to Luminis Energie")
    await reply.fill("STOP")
    await reply.press("Enter")
    await expect(desk.app("sms").locator(".mine .bubble")).to_have_text("STOP")
    await expect(desk.page.locator("#pushes li[data-type='payer.stopped']")).to_be_visible()

    await desk.page.reload()

    await expect(desk.app("sms").locator(".mine .bubble")).to_have_text("STOP")
    await expect(desk.app("email").locator(".letter h4")).to_contain_text(number)
    await expect(desk.row(number)).to_be_visible()


async def test_a_box_that_stops_says_so(browser: Browser) -> None:
    page = await browser.new_page()
    async with Box(running, history=False) as box:
        await page.goto(f"{box.url}/?lang=ro")
        await expect(page.locator("body[data-live]")).to_be_visible()

    await expect(page.get_by_role("alert").first).to_contain_text("Demonstrația s-a oprit")


@pytest.mark.parametrize("scheme", ["light", pytest.param("dark", marks=pytest.mark.soak)])
async def test_it_is_accessible_and_fits_every_screen(desk: Desk, scheme: str) -> None:
    await desk.page.emulate_media(color_scheme=scheme, reduced_motion="reduce")  # type: ignore[arg-type]
    number = await desk.post("ciresarii")
    await expect(desk.app("email").locator(".letter")).to_be_visible()
    await expect(desk.app("telegram").locator(".theirs")).to_be_visible()
    await desk.app("sms").locator(".reply input").fill("Salut")
    await desk.app("sms").locator(".send").click()
    await expect(desk.app("sms").locator(".mine")).to_be_visible()
    for width, height in ((1280, 800), (1600, 1000), (768, 1024), (390, 844), (320, 640)):
        await desk.page.set_viewport_size({"width": width, "height": height})
        await desk.picture(f"9-{width}-{scheme}")
        overflow = await desk.page.evaluate(
            "document.documentElement.scrollWidth - document.documentElement.clientWidth"
        )
        assert overflow <= 0, f"{overflow} px wider than {width}"
        if width in (1600, 390):  # every part is shown at the one or at the other
            assert await faults(desk.page) == [], width
    await expect(desk.row(number)).to_be_visible()
    await desk.page.get_by_role("button", name="What to try").first.click()
    await expect(desk.page.locator("#guide")).to_be_visible()
    assert await faults(desk.page) == []

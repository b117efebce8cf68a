"""The bank's pages in a real Chromium: nothing that axe finds, nothing wider than a small phone, no script needed."""

from __future__ import annotations

from typing import Literal

import pytest
from playwright.async_api import Browser

from gateway.demo.bank import Bank, Brand, Outcome, State
from gateway.testing.clock import FakeClock
from tests.gateway.demo.bank.harness import KEY, SECRETS, Api
from tests.harness.browser import faults

pytestmark = pytest.mark.browser
EVERY_RULE = {"resultTypes": ["violations"]}


@pytest.mark.parametrize("scheme", ["light", pytest.param("dark", marks=pytest.mark.soak)])
async def test_pages_are_accessible_and_fit_a_small_phone(
    api: Api, browser: Browser, scheme: Literal["light", "dark"]
) -> None:
    payments = {
        "bank": await api.made(),
        "card": await api.made(method="card", locale="en", description="W" * 200, reference="R" * 140),
        "partly": await api.made(amount=10**15),
        "paid": await api.made(),
        "declined": await api.made(method="card"),
    }
    await api.bank.choose(payments["partly"], Outcome.PARTIAL)
    await api.bank.choose(payments["paid"], Outcome.PAID)
    await api.bank.choose(payments["declined"], Outcome.DECLINED)
    # axe is a script of the test's own; the pages' policy would refuse it.
    context = await browser.new_context(viewport={"width": 320, "height": 640}, color_scheme=scheme, bypass_csp=True)
    page = await context.new_page()
    for name, payment_id in payments.items():
        method = api.bank.payment(payment_id).terms.method
        await page.goto(f"{api.bank.url}/{method}/{payment_id}")
        assert await faults(page, EVERY_RULE) == [], name
        assert await page.evaluate("document.documentElement.scrollWidth") <= 320, name
    await page.goto(f"{api.bank.url}/bank/nope")
    assert await faults(page, EVERY_RULE) == []
    await context.close()


@pytest.mark.parametrize(("brand", "method"), [(Brand.PLASTIK, "card"), (Brand.BUZUNAR, "wallet")])
async def test_the_colours_of_each_brand_can_be_read(
    api: Api, clock: FakeClock, browser: Browser, brand: Brand, method: str
) -> None:
    bank = Bank(api_key=KEY, webhook_secrets=SECRETS, clock=clock, brand=brand)
    context = await browser.new_context(viewport={"width": 320, "height": 640}, bypass_csp=True)
    page = await context.new_page()
    async with bank:
        branded = Api(bank, api.receiver, api.session)
        payment_id = await branded.made(method=method)
        for outcome in (Outcome.PAID, None):
            await page.goto(f"{bank.url}/{method}/{payment_id}")
            for scheme in ("light", "dark"):
                await page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
                assert await faults(page, EVERY_RULE) == [], scheme
            assert await page.evaluate("document.documentElement.scrollWidth") <= 320
            if outcome:
                await bank.choose(payment_id, outcome)
    await context.close()


@pytest.mark.parametrize("method", ["bank", "card", "wallet"])
async def test_a_payer_without_javascript_pays(api: Api, browser: Browser, method: str) -> None:
    """The policy of the page lets the form post and the redirect leave for the biller's page."""
    payment_id = await api.made(method=method, return_url=api.bank.url + "/bank/back-at-the-biller")
    context = await browser.new_context(java_script_enabled=False, locale="ro-RO")
    page = await context.new_page()
    refused: list[str] = []
    page.on("console", lambda message: refused.append(message.text))
    await page.goto(f"{api.bank.url}/{method}/{payment_id}")
    await page.get_by_role("link", name="English").click()
    shown = await page.locator("h1").inner_text()
    coloured = await page.locator("button.main").evaluate("each => getComputedStyle(each).backgroundColor")
    before = list(refused)
    await page.get_by_role("button", name="Pay 100.00 RON").click()
    await api.receiver.until(1)

    assert shown in ("Confirm a transfer", "Pay by card", "Pay with your phone")
    assert coloured == "rgb(11, 110, 79)", "the style sheet was loaded"
    assert before == []
    assert page.url == api.bank.url + "/bank/back-at-the-biller"
    assert api.receiver.told == [("paid", 10_000)]
    assert api.bank.payment(payment_id).state is State.PAID
    await context.close()


async def test_a_keyboard_reaches_each_outcome(api: Api, browser: Browser) -> None:
    payment_id = await api.made()
    context = await browser.new_context(java_script_enabled=False)
    page = await context.new_page()
    await page.goto(f"{api.bank.url}/bank/{payment_id}?lang=en")
    reached = set()
    for _ in range(30):
        await page.keyboard.press("Tab")
        focused = page.locator(":focus")
        if await focused.count():
            reached.add(await focused.get_attribute("value"))

    assert reached >= set(Outcome)
    await context.close()

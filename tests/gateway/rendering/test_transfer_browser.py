"""The page of a bank transfer in a real Chromium: copying, with and without a script, and what follows when the money is there."""

from __future__ import annotations

import pytest
from playwright.async_api import Browser

from gateway.domain.invoices import IconState
from tests.harness.payer_site import PATH, Site, invoice, opened, transfer

pytestmark = pytest.mark.browser


async def test_each_line_of_a_transfer_is_copied_without_its_spaces(browser: Browser, site: Site) -> None:
    site.context = transfer()
    page = await opened(browser, site.url(f"{PATH}/transfer?lang=en"))
    await page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    copied = {}
    for what in ("Account holder", "IBAN", "Amount", "Reference", "Bank", "BIC"):
        button = page.get_by_role("button", name=f"Copy: {what}", exact=True)
        await button.click()
        await page.locator("#announce", has_text=f"Copied: {what}").wait_for(state="attached")
        assert await button.inner_text() == "Copied"
        copied[what] = await page.evaluate("navigator.clipboard.readText()")

    assert copied == {
        "Account holder": "Acme Energie SRL", "IBAN": "RO49AAAA1B31007593840000", "Amount": "1234.50",
        "Reference": "RF18539007547034", "Bank": "Banca Exemplu", "BIC": "AAAAROBU",
    }  # fmt: skip
    assert site.posted == [], "a copy is no word of the payer's"


async def test_what_cannot_be_copied_is_selected(browser: Browser, site: Site) -> None:
    site.context = transfer()
    page = await opened(browser, site.url(f"{PATH}/transfer?lang=en"))
    await page.evaluate("void (navigator.clipboard.writeText = () => Promise.reject(new DOMException('no')))")
    await page.get_by_role("button", name="Copy: IBAN").click()
    await page.wait_for_function("String(getSelection()) !== ''")

    assert await page.evaluate("String(getSelection())") == "RO49 AAAA 1B31 0075 9384 0000"


async def test_without_a_script_a_transfer_is_text_and_one_button(browser: Browser, site: Site) -> None:
    site.context = transfer()
    page = await opened(browser, site.url(f"{PATH}/transfer?lang=ro"), script=False)

    assert await page.get_by_role("button", name="Copiază").count() == 0
    assert await page.locator("dd", has_text="RO49").evaluate("e => getComputedStyle(e).userSelect") == "all"
    await page.get_by_role("button", name="Am făcut transferul").click()
    await page.wait_for_url(f"{site.bank_origin}/pay")
    assert site.posted == [{"lang": "ro"}]


async def test_a_transfer_that_arrives_leads_to_the_invoice(browser: Browser, site: Site) -> None:
    site.context = transfer(revision="1")
    page = await opened(browser, site.url(f"{PATH}/transfer?lang=en"))
    await page.route(f"**{PATH}/transfer?lang=en", lambda route: route.fulfill(status=303, headers={"Location": PATH}))
    site.context = invoice(IconState.PAID, revision="2")
    await site.news.put("2")

    await page.get_by_role("heading", name="Plătită. Mulțumim!").wait_for()
    assert page.url == site.url(PATH)


@pytest.mark.parametrize("stage", ["elsewhere", "unknown", "waiting", "transferred"])
async def test_who_wants_to_can_go_on_anyway(browser: Browser, site: Site, stage: str) -> None:
    site.context = invoice(stage=stage)
    page = await opened(browser, site.url(f"{PATH}?lang=en"), script=False)
    await page.locator("details.other summary").click()
    await page.get_by_role("button", name="Card").click()
    await page.wait_for_url(f"{site.bank_origin}/pay")

    assert site.posted[0]["method"] == "card"

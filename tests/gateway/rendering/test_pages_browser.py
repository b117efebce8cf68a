"""Payer pages in a real Chromium: WCAG by axe, the policy, forms with and without JavaScript, the live update."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import pytest
from playwright.async_api import Browser

from gateway.domain.invoices import IconState
from gateway.domain.standing import Notice, Stage
from gateway.ports.provider import Choice
from gateway.ports.values import MAX_MINOR, Money
from gateway.rendering import KINDS, EnterCode, HandOver
from gateway.rendering.samples import BRAND, sample_page
from tests.harness.browser import faults
from tests.harness.payer_site import PATH, Site, invoice, opened, transfer

pytestmark = pytest.mark.browser
BANKS = [
    Choice(name.lower().replace(" ", "-"), name)
    for name in (
        "Banca Transilvania", "BCR", "BRD – Groupe Société Générale", "CEC Bank", "Raiffeisen Bank", "ING Bank", "UniCredit Bank",
        "Alpha Bank", "OTP Bank", "Exim Banca Românească", "Garanti BBVA", "Libra Internet Bank", "First Bank", "Intesa Sanpaolo",
    )
]  # fmt: skip
SHOWN = {
    **{state.value: invoice(state, overdue=state is IconState.OVERDUE) for state in IconState},
    "returned": invoice(IconState.PROCESSING, returned=True),
    "chat": invoice(chats=("telegram",)),
    "every method": invoice(methods=("bank", "card", "revolut", "wallet", "transfer"), chats=("telegram",)),
    "refused": invoice(notice="payment_failed", reason="insufficient_funds"),
    "pale": invoice(brand=replace(BRAND, colour="#ffe600")),
    "dark blue": invoice(IconState.PARTLY_PAID, brand=replace(BRAND, colour="#0a1a3f")),
    "long": invoice(
        amount=Money(MAX_MINOR, "RON"),
        outstanding=Money(MAX_MINOR, "RON"),
        number="SERIE-FOARTE-LUNGA/2026-000000123456789",
        description="O-descriere-fără-niciun-spațiu-care-nu-se-poate-rupe-nicăieri-altundeva",
        brand=replace(BRAND, name="Întreprinderea Națională de Apă și Canalizare"),
    ),
    "elsewhere": invoice(stage=Stage.ELSEWHERE),
    "told": invoice(stage=Stage.TRANSFERRED, transfer=True, rests_until=date(2026, 12, 2)),
    "twice": invoice(IconState.PAID, notice=Notice.DUPLICATE),
    "banks": invoice(choices={"bank": BANKS}, notice="choose"),
    "hand over": sample_page("hand_over"),
    "returning": sample_page("returning"),
    "transfer": sample_page("transfer"),
    "transfer of euros": transfer(
        amount=Money(MAX_MINOR, "EUR"), qr=True, name="Întreprinderea-Națională-de-Apă-și-Canalizare-" * 2
    ),
    "transferred": transfer(told=True, rests_until=date(2026, 12, 2), brand=replace(BRAND, colour="#ffe600")),
    "unknown": sample_page("unknown"),
    "unsubscribe": sample_page("unsubscribe"),
    "code": sample_page("code"),
    "code refused": EnterCode(PATH, "7K3QM-2PXWD", refused=True),
}


@pytest.mark.parametrize(
    ("width", "scheme"),
    [
        (320, "light"),
        (1280, "dark"),
        pytest.param(320, "dark", marks=pytest.mark.soak),
        pytest.param(1280, "light", marks=pytest.mark.soak),
    ],
)
async def test_axe_finds_nothing_and_nothing_overflows(browser: Browser, site: Site, width: int, scheme: str) -> None:
    page = await opened(browser, site.url("/static/" + site.renderer.asset_url("paypage.css").rpartition("/")[2]))
    await page.emulate_media(color_scheme=scheme, reduced_motion="reduce")  # type: ignore[arg-type]
    await page.set_viewport_size({"width": width, "height": 800})
    refused: list[str] = []
    page.on(
        "console", lambda message: refused.append(message.text) if "Content Security Policy" in message.text else None
    )
    await page.route("https://processor.example/**", lambda route: route.abort())
    found: dict[str, list[str]] = {}
    for name, context in SHOWN.items():
        site.context = replace(context, action=site.url("/static/none")) if isinstance(context, HandOver) else context
        await page.add_init_script("HTMLFormElement.prototype.submit = () => {}")
        await page.goto(site.url(f"{PATH}?lang={'en' if scheme == 'dark' else 'ro'}"))
        # What axe finds hangs on the colours or on the width, so two of the four are enough for it.
        found[name] = await faults(page) if (width == 320) == (scheme == "light") else []
        overflow = await page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
        found[name] += [f"{overflow} px wider than the screen"] if overflow > 0 else []

    assert {name: wrong for name, wrong in found.items() if wrong} == {}
    assert refused == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_axe_finds_nothing_in_emails(browser: Browser, site: Site, scheme: str) -> None:
    page = await opened(browser, site.url("/mail/invoice_issued/ro"), scheme=scheme)
    await page.route("https://pay.acme.example/**", lambda route: route.abort())
    for kind in KINDS:
        await page.goto(site.url(f"/mail/{kind}/ro"))
        # An email has no landmarks: it stands inside the page of the mail reader.
        assert [fault for fault in await faults(page) if not fault.startswith(("region", "landmark"))] == []


async def test_axe_would_find(browser: Browser, site: Site) -> None:
    """The proof above is worth something only if it can fail."""
    page = await opened(browser, site.url())
    await page.evaluate("document.querySelector('h1').style.color = '#ddd'")
    await page.evaluate("document.querySelector('.symbol').outerHTML = '<img src=/x>'")

    found = await faults(page)

    assert {fault.split(":")[0] for fault in found} == {"color-contrast", "image-alt"}


@pytest.mark.parametrize("script", [True, False])
async def test_a_press_leads_to_the_bank(browser: Browser, site: Site, script: bool) -> None:
    page = await opened(browser, site.url(f"{PATH}?lang=en"), script=script)

    await page.get_by_role("button", name="Card").click()
    await page.wait_for_url(f"{site.bank_origin}/pay")

    assert await page.title() == "The bank"
    assert site.posted == [{"lang": "en", "amount": "1234.50", "currency": "RON", "method": "card"}]


async def test_form_action_self_would_break_the_redirect(browser: Browser, site: Site) -> None:
    """Why the policy says more than `'self'`: Chromium holds the redirect after a POST against it."""
    site.forms = ()
    page = await opened(browser, site.url())

    async with page.expect_console_message(lambda message: "form-action" in message.text):
        await page.get_by_role("button", name="Card").click(no_wait_after=True)

    assert len(site.posted) == 1
    assert site.paid == []


async def test_a_second_press_is_not_a_second_try(browser: Browser, site: Site) -> None:
    page = await opened(browser, site.url())

    await page.evaluate("for (const name of ['card', 'revolut']) document.querySelector(`[value=${name}]`).click()")
    await page.wait_for_url(f"{site.bank_origin}/pay")

    assert [post["method"] for post in site.posted] == ["card"]


@pytest.mark.parametrize("script", [True, False])
async def test_a_form_is_handed_over(browser: Browser, site: Site, script: bool) -> None:
    fields = {"amount": "1234.50", "fp_hash": 'A"<B>&amp;'}
    site.context = HandOver(BRAND, "F1", Money(123_450, "RON"), f"{site.bank_origin}/pay", PATH, fields)
    page = await opened(browser, site.url(), script=script)

    if not script:
        await page.get_by_role("button", name="Continuă").click()
    await page.wait_for_url(f"{site.bank_origin}/pay")

    assert site.paid == [fields]


async def test_the_page_turns_green_by_itself(browser: Browser, site: Site) -> None:
    site.context = invoice(IconState.PROCESSING, returned=True, revision="1")
    page = await opened(browser, site.url(f"{PATH}/return?lang=ro"))
    await page.get_by_role("link", name="Verifică din nou").focus()
    await page.evaluate("window.stayed = true")

    await site.news.put("1")  # what the page shows already: nothing to do
    site.context = invoice(IconState.PAID, returned=True, revision="2")
    await site.news.put("2")
    await page.get_by_role("heading", name="Plătită. Mulțumim!").wait_for()

    assert await page.evaluate("window.stayed"), "the page was not loaded again"
    assert await page.locator("#announce").inner_text() == "Plătită · Factura FF-2026-001234 · Acme Energie"
    assert await page.title() == "Plătită · Factura FF-2026-001234 · Acme Energie"
    icon = await page.locator("link[rel=icon]").get_attribute("href")
    assert icon == site.renderer.asset_url("icon-paid.svg")
    assert await page.evaluate("document.activeElement.id") == "main", "the focus is not lost"
    assert await page.evaluate("document.querySelector('main').dataset.revision") == "2"


async def test_without_a_script_checking_again_is_a_link(browser: Browser, site: Site) -> None:
    site.context = invoice(IconState.PROCESSING, returned=True)
    page = await opened(browser, site.url(f"{PATH}/return?lang=en"), script=False)
    site.context = invoice(IconState.PAID, returned=True)

    await page.get_by_role("link", name="Check again").click()

    await page.get_by_role("heading", name="Paid. Thank you!").wait_for()


async def test_keyboard_alone_is_enough(browser: Browser, site: Site) -> None:
    page = await opened(browser, site.url())
    await page.keyboard.press("Tab")
    skip = page.get_by_role("link", name="Sari la factură")
    assert await skip.evaluate("e => e === document.activeElement && e.getBoundingClientRect().top >= 0")
    await page.keyboard.press("Enter")
    await page.keyboard.press("Tab")

    first = page.get_by_role("button", name="Plătește din cont")
    assert await first.evaluate("e => e === document.activeElement && getComputedStyle(e).outlineStyle === 'solid'")
    await page.keyboard.press("Enter")
    await page.wait_for_url(f"{site.bank_origin}/pay")

    assert site.posted[0]["method"] == "bank"


async def test_the_language_is_a_link(browser: Browser, site: Site) -> None:
    page = await opened(browser, site.url(f"{PATH}?lang=ro"), script=False)

    await page.get_by_role("link", name="English").click()

    await page.get_by_role("heading", name="Choose how to pay").wait_for()
    assert await page.evaluate("document.documentElement.lang") == "en"


async def test_a_bank_is_picked_by_the_keyboard_alone(browser: Browser, site: Site) -> None:
    """Tab, Enter, Tab, Enter: without a script, as a screen reader would go."""
    site.context = invoice(methods=("bank", "card"), choices={"bank": BANKS})
    page = await opened(browser, site.url(), script=False)
    assert not await page.get_by_role("button", name="CEC Bank").is_visible()
    await page.locator("details.choose summary").focus()
    await page.keyboard.press("Enter")
    assert await page.get_by_role("list", name="Alege banca ta").get_by_role("button").count() == len(BANKS)
    for _ in range(4):
        await page.keyboard.press("Tab")
    await page.keyboard.press("Enter")
    await page.wait_for_url("**/pay")

    assert site.posted == [{"lang": "ro", "amount": "1234.50", "currency": "RON", "method": "bank:cec-bank"}]


@pytest.mark.parametrize("script", [True, False])
async def test_a_payer_who_is_back_is_taken_on(browser: Browser, site: Site, script: bool) -> None:
    """By itself, or by the button; what they bring goes in a POST, and is in no address afterwards."""
    site.context = sample_page("returning")
    page = await opened(browser, site.url(f"{PATH}/return?state=s&code=c"), script=script)
    if not script:
        await page.get_by_role("button").click()
    await page.wait_for_url("**/pay")

    assert site.posted == [{"state": "0000001aBcDeFgHiJk", "code": "SplxlOBeZQQ"}]
    assert "code" not in page.url

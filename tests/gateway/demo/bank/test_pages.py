"""The bank's pages without a browser: what they show, what their buttons do, where the payer goes."""

from __future__ import annotations

import asyncio
import re
from typing import Any

import pytest

from gateway.demo.bank import Bank, Brand, Outcome, State
from gateway.demo.bank.pages import Pages
from gateway.testing.clock import FakeClock
from tests.gateway.demo.bank.harness import KEY, OUTCOMES, SECRETS, Api


async def page(api: Api, path: str) -> tuple[int, str, Any]:
    async with api.session.get(api.bank.url + path, allow_redirects=False) as response:
        return response.status, await response.text(), response.headers


async def press(api: Api, path: str, button: str) -> tuple[int, str]:
    async with api.session.post(api.bank.url + path, data={"outcome": button}, allow_redirects=False) as response:
        return response.status, response.headers["location"]


def buttons(html: str) -> set[str]:
    return set(re.findall(r'<button[^>]* name="outcome" value="(\w+)"', html))


@pytest.mark.parametrize("method", ["bank", "card", "wallet"])
async def test_page_offers_every_outcome_and_asks_for_no_number(api: Api, method: str) -> None:
    payment_id = await api.made(method=method)
    status, html, headers = await page(api, f"/{method}/{payment_id}")

    assert status == 200
    assert buttons(html) == set(Outcome)
    assert set(re.findall(r'<input[^>]* type="(\w+)"', html)) <= {"radio"}
    assert "<script" not in html
    assert "script-src" not in headers["content-security-policy"]
    assert "default-src 'none'" in headers["content-security-policy"]
    assert "Apă &lt;Demo&gt;" in html
    assert "Apă martie &amp; canal" in html
    assert 'lang="ro"' in html
    assert "100,00 RON" in html


async def test_page_in_english_and_in_other_currencies(api: Api) -> None:
    yen = await api.made(currency="JPY", amount=1_234_567, locale="en-GB")
    dinar = await api.made(currency="KWD", amount=1_255)

    assert "1,234,567 JPY" in (await page(api, f"/bank/{yen}"))[1]
    assert "1.255 KWD" in (await page(api, f"/bank/{dinar}?lang=en"))[1]
    assert "1,255 KWD" in (await page(api, f"/bank/{dinar}?lang=de"))[1]


async def test_get_changes_nothing(api: Api) -> None:
    payment_id = await api.made()
    before = api.bank.payment(payment_id)
    await page(api, f"/bank/{payment_id}?outcome=paid")

    assert api.bank.payment(payment_id) == before


@pytest.mark.parametrize("outcome", Outcome)
async def test_press_sends_the_payer_back(api: Api, outcome: Outcome) -> None:
    payment_id = await api.made()
    answer = await press(api, f"/bank/{payment_id}", outcome)
    await api.receiver.until(len(OUTCOMES[outcome][0]))

    assert answer == (303, "http://127.0.0.1:9/p/abc/return?x=1")
    assert api.receiver.told == OUTCOMES[outcome][0]


async def test_the_payer_is_sent_back_before_the_webhook_is_answered(api: Api) -> None:
    api.receiver.gate = asyncio.Event()
    payment_id = await api.made()
    answer = await press(api, f"/bank/{payment_id}", "paid")
    api.receiver.gate.set()

    assert answer[0] == 303


async def test_pages_after_a_choice(api: Api) -> None:
    payment_id = await api.made()
    path = f"/bank/{payment_id}"
    await press(api, path, "partial")
    _, partly, _ = await page(api, path)
    await press(api, path, "release")
    _, paid, _ = await page(api, path)
    again = await press(api, path, "declined")
    await press(api, path, "reversed")
    _, reversed_, _ = await page(api, path)

    assert buttons(partly) == {"paid", "webhook_lost", "webhook_doubled"}
    assert "40,00 RON" in partly
    assert buttons(paid) == {"paid_twice", "reversed"}
    assert again == (303, f"{api.bank.url}{path}")
    assert buttons(reversed_) == set()
    assert api.bank.payment(payment_id).state is State.REVERSED


@pytest.mark.parametrize("button", ["", "paid ", "PAID", "refund"])
async def test_an_unknown_button_shows_the_page_again(api: Api, button: str) -> None:
    payment_id = await api.made()

    assert await press(api, f"/bank/{payment_id}", button) == (303, f"{api.bank.url}/bank/{payment_id}")


async def test_pages_of_nothing(api: Api) -> None:
    payment_id = await api.made()
    missing = await page(api, "/bank/nope?lang=ro")
    other = await page(api, f"/card/{payment_id}")

    assert missing[0] == 404
    assert "Nu cunoaștem această plată" in missing[1]
    assert (other[0], other[2]["location"]) == (302, f"{api.bank.url}/bank/{payment_id}")
    assert (await page(api, "/cash/x"))[0] == 404


async def test_both_languages_say_everything(api: Api) -> None:
    texts = api.bank._pages._texts

    assert set(texts["ro"]) == set(texts["en"])
    assert all(f"outcome.{each}" in texts["en"] for each in Outcome if each is not Outcome.PAID)
    assert all(f"{part}.{each}" in texts["en"] for part in ("brand", "test") for each in Brand)
    same = [name for name in texts["ro"] if texts["ro"][name] == texts["en"][name]]
    assert same == ["brand.plastik", "brand.buzunar"], "names are not translated, all else is"


async def test_each_brand_has_a_name_and_colours_of_its_own(clock: FakeClock) -> None:
    seen = set()
    for brand in Brand:
        shown = Pages("Acme", brand).missing("ro").text or ""
        assert f'class=" of-{brand}"' in shown
        seen.add(re.findall(r"<title>(.+?) ·", shown)[0])
    assert seen == {"Banca Demo", "Plastik", "Buzunar"}


async def test_style_is_small_and_its_own(api: Api) -> None:
    _, css, headers = await page(api, "/static/bank.css")

    assert headers["content-type"].startswith("text/css")
    assert "url(" not in css
    assert len(css) < 10_000


async def test_closing_twice_is_fine(clock: FakeClock) -> None:
    bank = Bank(api_key=KEY, webhook_secrets=SECRETS, clock=clock)
    await bank.start()
    await bank.aclose()
    await bank.aclose()

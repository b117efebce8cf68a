"""The accounts in the page: their switches, an invoice's routing, and money given back; all but the switches by the API."""

from __future__ import annotations

from decimal import Decimal

import aiohttp
import pytest

from gateway.demo.bank import Manner, Outcome
from gateway.demo.box import Box
from gateway.demo.box.accounts import ACCOUNTS, BANK, CARDS, WALLET
from gateway.demo.box.billers import PAGES
from gateway.demo.box.steps import PAYER, Form
from gateway.domain.routing import Fee
from gateway.ports.values import Money
from tests.gateway.demo.box.harness import Json, posted, told


async def sent(page: aiohttp.ClientSession, path: str, **body: object) -> tuple[int, Json]:
    async with page.post(path, json=body) as answer:
        return answer.status, await answer.json() if answer.status == 200 else {}


async def chosen(pay_url: str, method: str) -> str:
    """A payer picks a method on the pay page; where they are sent."""
    async with aiohttp.ClientSession(headers=PAYER) as payer:
        async with payer.get(pay_url) as answer:
            form = Form.of(await answer.text())
        async with payer.post(
            f"{pay_url}/attempts", data=form.fields | {"method": method}, allow_redirects=False
        ) as to:
            assert to.status == 303
            return to.headers["Location"]


@pytest.mark.parametrize("minor", [1, 26, 27, 99, 12_540, 29_683, 187_999])
def test_what_an_account_costs_is_what_its_company_keeps(minor: int) -> None:
    """The biller's own table and the stand-in's count agree to the last coin."""
    for account in ACCOUNTS:
        table = account.table("http://127.0.0.1:1")["fee"]
        expected = Fee(Decimal(table["fixed"]), Decimal(table["percent"])).of(Money(minor, "RON"))
        assert [fee.of(minor) for fee in account.fees.values()] == [expected.minor] * len(account.methods)


def test_cards_are_taken_by_two_and_each_account_has_a_mark() -> None:
    assert [list(one.fees) for one in (BANK, CARDS, WALLET)] == [["bank"], ["card"], ["wallet", "card"]]
    assert all((PAGES / f"{account.name}.svg").is_file() for account in ACCOUNTS)


async def test_a_switch_is_seen_by_every_page(box: Box, page: aiohttp.ClientSession) -> None:
    shown = [item for item in box.feed.all("account") if item["biller"] == "luminis"]
    assert [(item["name"], item["does"]) for item in shown] == [(one.name, "works") for one in ACCOUNTS]

    status, item = await sent(page, "/accounts/luminis/plastik", does="down")

    assert (status, item["does"]) == (200, "down")
    assert box.houses["luminis"].vendors.banks["plastik"].manner is Manner.DOWN
    assert box.houses["ciresarii"].vendors.banks["plastik"].manner is Manner.WORKS
    again = await told(page, lambda kind, one: kind == "account" and one["id"] == "luminis:plastik")
    assert again == item


@pytest.mark.parametrize(
    ("path", "body", "status"),
    [
        ("/accounts/luminis/plastik", {"does": "explode"}, 422),
        ("/accounts/luminis/plastik", {}, 422),
        ("/accounts/luminis/plastik", {"does": ["down"]}, 422),
        ("/accounts/luminis/nobody", {"does": "down"}, 404),
        ("/accounts/nobody/plastik", {"does": "down"}, 404),
        ("/refunds/nobody/pay_0000001", {}, 404),
    ],
)
async def test_what_is_not_there_is_not_switched(
    box: Box, page: aiohttp.ClientSession, path: str, body: Json, status: int
) -> None:
    assert (await sent(page, path, **body))[0] == status
    assert all(item["does"] == "works" for item in box.feed.all("account"))


async def test_who_refuses_is_passed_over_and_the_page_is_told_why(box: Box, page: aiohttp.ClientSession) -> None:
    invoice = (await posted(page))["answer"]
    await sent(page, "/accounts/luminis/plastik", does="refuses")

    url = await chosen(invoice["pay_url"], "card")

    assert url.startswith(box.houses["luminis"].vendors.banks["buzunar"].url)
    async with page.get(f"/routing/luminis/{invoice['id']}") as answer:
        routing = await answer.json()
    card = next(route for route in routing["methods"] if route["method"] == "card")
    assert [(one["account"], one["health"]) for one in card["options"]] == [("buzunar", "well"), ("plastik", "down")]
    async with page.get("/routing/luminis/inv_nothing") as answer:
        assert answer.status == 404


async def test_what_is_due_is_given_back_once(box: Box, page: aiohttp.ClientSession) -> None:
    invoice, vendors = (await posted(page))["answer"], box.houses["luminis"].vendors
    url = await chosen(invoice["pay_url"], "bank")
    await vendors.bank.choose(url.rpartition("/")[2], Outcome.PAID_TWICE)
    async with page.get(f"/invoices/luminis/{invoice['id']}") as answer:
        [due] = (await answer.json())["invoice"]["refunds"]
    assert due["state"] == "due"

    path, body = (
        f"/refunds/luminis/{due['payment']}",
        {"amount": due["amount"], "reason": "duplicate", "due": due["id"]},
    )
    answers = [await sent(page, path, **body) for _ in range(2)]
    await box.jumps.settled()

    assert [(status, said["status"], said["answer"]["id"]) for status, said in answers] == [
        (200, 201, due["id"]),
        (200, 200, due["id"]),
    ]
    assert [refund.terms.amount_minor for refund in vendors.bank.refunds.made.values()] == [
        Money.parse(due["amount"]["value"], "RON").minor
    ]
    status, refused = await sent(page, path, amount=due["amount"], due="another")
    assert (status, refused["status"]) == (200, 409)

"""An outage without a browser: the account that serves a payer dies, the next one serves, and the first one's money comes all the same.

What was paid twice is told once, is due back once, and is given back; then every book says the same sum.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from contextlib import suppress
from datetime import datetime, time, timedelta
from urllib.parse import urljoin

import aiohttp

from gateway.demo.bank import Bank, Manner, Outcome, Payment
from gateway.demo.box.accounts import ACCOUNTS, CARDS, WALLET
from gateway.demo.box.converse import BEGINS_AT, ZONE
from gateway.demo.box.drafts import CURRENCY, request_body
from gateway.demo.box.houses import House
from gateway.demo.box.start import Box
from gateway.demo.box.steps import Form, Json, Report, check, check_icon, heard, live_until, open_page
from gateway.demo.erp import Push
from gateway.ports.values import Money

METHOD = "card"
CLOSED_AT = datetime.combine(BEGINS_AT.date() + timedelta(days=1), time(4), ZONE)  # the day is over, and compared


async def fail_over(box: Box, payer: aiohttp.ClientSession, report: Report) -> None:
    """The whole scenario. Raises Broken at the first fault."""
    outage = Outage(box, next(iter(box.houses.values())), payer, report)
    await outage.issued()
    taken = await outage.first_dies()
    try:
        await outage.second_serves()
        await outage.paid_at_the_second()
        await outage.explained()
        await outage.first_confirms_late(taken)
    finally:
        taken.cancel()
        with suppress(asyncio.CancelledError):
            await taken
    await outage.given_back()
    await outage.sums_are_equal()
    await outage.nothing_to_repair()


class Outage:
    """One invoice, paid by card at the cheapest account as it dies, and then at the next one."""

    def __init__(self, box: Box, house: House, payer: aiohttp.ClientSession, report: Report) -> None:
        self._box = box
        self._house = house
        self._payer = payer
        self._report = report
        self._banks = house.vendors.banks
        self._first, self._second = self._banks[CARDS.name], self._banks[WALLET.name]
        self._number = self._invoice_id = self._pay_url = self._second_url = ""
        self._asked = Money(0, CURRENCY)

    async def issued(self) -> None:
        """The step `post`."""
        body = request_body(self._house.biller, self._house.drafting.draw(self._box.today()), self._box.today())
        with self._report.step("post"):
            answered = await self._house.desk.call("POST", "/v1/invoices", body | {"deliver": []})
            check(answered.status == 201, f"the API answered {answered.status}: {answered.body}")
        self._number, self._invoice_id = answered.body["number"], answered.body["id"]
        self._pay_url = answered.body["pay_url"]
        self._asked = Money.parse(answered.body["amount"]["value"], CURRENCY)

    async def first_dies(self) -> asyncio.Task[Payment]:
        """The steps `page`, `attempt` and `down`: it takes the money and is gone before it tells anybody. Gives the telling."""
        form = await open_page(self._payer, self._pay_url, self._number, self._report)
        with self._report.step("attempt"):
            url = await self._chosen(form)
            check(url.startswith(self._first.url), f"the cheapest account does not serve: {url}")
            async with self._payer.get(url) as answer:
                check(answer.status == 200 and "Plastik" in await answer.text(), f"its page answered {answer.status}")
        with self._report.step("down"):
            await self._first.turn(Manner.DOWN)
            telling = asyncio.create_task(self._first.choose(url.rpartition("/")[2], Outcome.PAID))
            try:
                async with self._payer.post(url, data={"outcome": "paid"}) as answer:
                    check(False, f"it still answers: {answer.status}")
            except aiohttp.ClientError:
                pass
            check(_held(self._first, self._number) == self._asked.minor, "it did not take the money")
            check((await self._invoice())["status"] == "open", "somebody told of money that nobody confirmed")
        return telling

    async def second_serves(self) -> None:
        """The steps `failover`, `health`: the payer comes back and picks the same method again, once."""
        with self._report.step("failover"):
            async with self._payer.get(self._pay_url) as answer:
                form = Form.of(await answer.text())
            self._second_url = await self._chosen(form)
            check(self._second_url.startswith(self._second.url), f"the next account does not serve: {self._second_url}")
            first, second = await self._events("payment.routed")
            check((first["account"], first["because"]) == (CARDS.name, "cheaper"), f"it was routed so: {first}")
            check(second["account"] == WALLET.name, f"it was routed so: {second}")
            left_out = {one["account"]: one["because"] for one in second["options"]}
            check(left_out[CARDS.name] == ["tried"], f"the event does not say what failed: {left_out}")
        with self._report.step("health"):
            known = {one["account"]: one for one in (await self._routing())["accounts"]}
            check((known[CARDS.name]["health"], known[CARDS.name]["trouble"]) == ("down", "failures"), f"{known}")
            check(known[WALLET.name]["health"] == "well", f"{known}")

    async def paid_at_the_second(self) -> None:
        """The steps `bank`, `confirm`, `push` and `icon`."""
        paid = self._pushed("invoice.paid")
        async with self._payer.get(f"{self._pay_url}/live") as live:
            with self._report.step("bank"):
                async with self._payer.get(self._second_url) as answer:
                    check("Buzunar" in await answer.text(), "it is not the second account's page")
                async with self._payer.post(self._second_url, data={"outcome": "paid"}) as answer:
                    check(str(answer.url).startswith(self._pay_url), "the payer was not sent back")
            with self._report.step("confirm"):
                check(await live_until(live, ".paid"), "the live page ended before it said paid")
        with self._report.step("push"):
            await paid
            check(self._house.vendors.erp.invoices[self._number].status == "paid", "it is not booked as paid")
        await check_icon(self._payer, self._pay_url, self._report)

    async def explained(self) -> None:
        """The step `explained`: the API says which account would serve now, and why the cheaper one would not."""
        with self._report.step("explained"):
            route = next(one for one in (await self._routing())["methods"] if one["method"] == METHOD)
            said = [
                (one["account"], one["health"], [why["code"] for why in one["because"]]) for one in route["options"]
            ]
            check(said == [(WALLET.name, "well", ["well"]), (CARDS.name, "down", ["after_well"])], f"it says {said}")

    async def first_confirms_late(self, telling: Awaitable[Payment]) -> None:
        """The step `late`: it is back, and tells what it took. One duplicate, and one refund that waits."""
        duplicate, due = self._pushed("payment.duplicate"), self._pushed("refund.due")
        with self._report.step("late"):
            await self._first.turn(Manner.WORKS)
            await telling
            await duplicate
            await due
            [refund] = (await self._invoice())["refunds"]
            said = refund["state"], refund["reason"], refund["amount"]["value"]
            check(said == ("due", "duplicate", self._asked.value), f"what is due back is {refund}")

    async def given_back(self) -> None:
        """The step `refund`: by the API, through the provider that has the money."""
        done = self._pushed("refund.succeeded")
        with self._report.step("refund"):
            [due] = (await self._invoice())["refunds"]
            path = f"/v1/payments/{due['payment']}/refunds"
            body = {"amount": due["amount"], "reason": "duplicate", "key": f"back-{self._number}"}
            for status in (201, 200):  # the same again is the same refund
                answered = await self._house.desk.call("POST", path, body)
                check(answered.status == status, f"the API answered {answered.status}: {answered.body}")
            await done
            [refund] = (await self._invoice())["refunds"]
            check((refund["id"], refund["state"], refund["by"]) == (due["id"], "done", "provider"), f"it is {refund}")

    async def sums_are_equal(self) -> None:
        """The step `sums`: what came twice and went back once, in the books of all four."""
        with self._report.step("sums"):
            lines = await self._box.ledger(self._invoice_id)
            invoice, booked = await self._invoice(), self._house.vendors.erp.invoices[self._number]
            held = {name: _held(bank, self._number) for name, bank in self._banks.items()}
            check(held == {"bank": 0, CARDS.name: 0, WALLET.name: self._asked.minor}, f"the accounts hold {held}")
            check(sum(line.delta_minor for line in lines) == self._asked.minor, f"the ledger says {lines}")
            check(sum(line.refunded_minor for line in lines) == self._asked.minor, f"the ledger says {lines}")
            sums = invoice["paid"]["value"], invoice["refunded"]["value"], invoice["outstanding"]["value"]
            check(sums == (self._asked.value, self._asked.value, "0.00"), f"the invoice says {sums}")
            check((booked.paid, booked.refunded) == sums[:2], f"the billing system has {booked}")
            for name in ("payment.duplicate", "refund.due", "refund.succeeded", "invoice.paid"):
                check(self._told(name) == 1, f"{name} was pushed {self._told(name)} times")

    async def nothing_to_repair(self) -> None:
        """The step `reconcile`: the day is over, and the providers' lists say what the gateway knows."""
        with self._report.step("reconcile"):
            await self._box.jumps.to(CLOSED_AT)
            for account in ACCOUNTS:
                found = await self._box.compared(self._house.biller.slug, account.name, BEGINS_AT.date())
                served = account in (CARDS, WALLET)
                check(found.done_at is not None and found.listed == served, f"{account.name} lists {found}")
                check(not (found.repaired or found.strange or found.missing), f"{account.name} differs: {found}")
            for name in ("payment.duplicate", "refund.due"):
                check(self._told(name) == 1, f"{name} was pushed {self._told(name)} times")

    async def _chosen(self, form: Form) -> str:
        """Presses the button of the method; where the payer is sent."""
        fields = form.fields | {"method": METHOD}
        async with self._payer.post(urljoin(self._pay_url, form.action), data=fields, allow_redirects=False) as answer:
            check(answer.status == 303, f"the pay page answered {answer.status}")
            return answer.headers["Location"]

    def _pushed(self, name: str) -> Awaitable[tuple[Push, float]]:
        """The next verified push of that event about the invoice."""
        wanted = name, self._number, True
        return heard(self._house.vendors.erp.pushes, lambda push: (push.type, push.number, push.verified) == wanted)

    def _told(self, name: str) -> int:
        pushes = self._house.vendors.erp.pushes
        return sum((push.type, push.number, push.duplicate) == (name, self._number, False) for push in pushes)

    async def _invoice(self) -> Json:
        return await self._read("")

    async def _routing(self) -> Json:
        return await self._read("/routing")

    async def _events(self, name: str) -> list[Json]:
        """The data of the invoice's events of that name, in order."""
        found = await self._read("/events?limit=200")
        return [event["data"] for event in found["items"] if event["type"] == name]

    async def _read(self, what: str) -> Json:
        answered = await self._house.desk.call("GET", f"/v1/invoices/{self._invoice_id}{what}")
        check(answered.status == 200, f"the API answered {answered.status}: {answered.body}")
        body: Json = answered.body
        return body


def _held(bank: Bank, number: str) -> int:
    """What an account holds of an invoice's payments, in minor units: what came, less what went back."""
    mine = [one for one in bank.ledger.payments.values() if one.terms.reference.startswith(f"{number}-")]
    return sum(one.received_minor - one.reversed_minor - one.refunded_minor for one in mine)

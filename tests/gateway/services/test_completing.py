"""A payer picks their bank, authorises there by OAuth and comes back: over HTTP, with the real adapter, at a bank that checks."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from typing import Any

import aiohttp
import pytest
import sqlalchemy as sa

from gateway.domain.invoices import InvoiceStatus
from gateway.domain.payments import AttemptStatus
from gateway.services import attempts, completing, health
from gateway.services.errors import Invalid, NotFound
from gateway.services.invoices import View
from gateway.store.database import Database
from gateway.store.schema import payment_attempt
from gateway.testing.clock import FakeClock
from providers.psd2.banks import BANKS
from tests.fakes.psd2 import XS2A
from tests.harness.gateway import env
from tests.harness.world import World, open_world
from tests.providers.psd2_bench import STRICT, known

PLAIN = replace(STRICT, code="plain", name="Banca Simplă", signing=None, certificate="", dated=False)
IBAN = "RO49AAAA1B31007593840000"


@dataclass
class Town:
    """A gateway, two banks and a payer's browser."""

    world: World
    bt: XS2A
    plain: XS2A
    browser: aiohttp.ClientSession

    async def issue(self) -> tuple[View, str]:
        view = await self.world.issue("125.40")
        return view, self.world.url + self.world.ctx.pay_path(view.invoice.id, view.invoice.link_version)

    async def pick(self, page: str, method: str) -> tuple[int, str]:
        """Presses a button; gives the status, and where the payer is sent or what the page says."""
        form = {"lang": "ro", "amount": "125.40", "currency": "RON", "method": method}
        async with self.browser.post(f"{page}/attempts", data=form, allow_redirects=False) as answer:
            return answer.status, answer.headers.get("Location") or await answer.text()

    async def get(self, url: str, **headers: str) -> tuple[int, str]:
        async with self.browser.get(url, headers=headers, allow_redirects=False) as answer:
            return answer.status, answer.headers.get("Location") or await answer.text()

    async def post(self, url: str, form: dict[str, str]) -> tuple[int, str]:
        async with self.browser.post(url, data=form, allow_redirects=False) as answer:
            return answer.status, answer.headers.get("Location") or await answer.text()

    async def authorised(self, page: str) -> dict[str, str]:
        """The payer picks BT, and authorises there; gives what their browser brings back."""
        status, url = await self.pick(page, "bank:bt")
        assert status == 303
        return self.bt.come_back(url)

    async def seen(self, view: View) -> tuple[list[str], list[AttemptStatus]]:
        """What could change: the invoice's events, and its tries."""
        now = await self.world.view(view.invoice.id)
        return await self.world.event_types(view.invoice.id), [attempt.status for attempt in now.attempts]


@pytest.fixture
async def town(database: Database, clock: FakeClock) -> AsyncIterator[Town]:
    with known(PLAIN):
        async with (
            XS2A(BANKS["bt"], clock, how="oauth") as bt,
            XS2A(PLAIN, clock) as plain,
            open_world(database, clock, biller={"providers": {"psd2": account(bt, plain)}}) as world,
            aiohttp.ClientSession() as browser,
        ):
            yield Town(world, bt, plain, browser)


def account(bt: XS2A, plain: XS2A) -> dict[str, Any]:
    return {
        "banks": ["bt", "plain"],
        "creditor_name": "Acme Energie",
        "ibans": {"RON": IBAN},
        "client_ids": {"bt": bt.client_id},
        "base_urls": {"bt": bt.url, "plain": plain.url},
        "pkce_secret": env("KEY"),
    }


async def test_the_whole_way(town: Town) -> None:
    """From the list of banks to the green page, with the poll in another process than the one that the payer came back to."""
    view, page = await town.issue()
    _, shown = await town.get(page)
    assert shown.index('value="bank:bt">Banca Transilvania') < shown.index('value="bank:plain">Banca Simplă')

    brought = await town.authorised(page)
    (payment,) = town.bt.payments.values()
    assert payment.headers["PSU-IP-Address"] == "127.0.0.1"
    assert payment.headers["redirect_uri"] == f"{town.world.url}/return"

    before = await town.seen(view)
    calls = list(town.bt.asked)
    status, back = await town.get(f"{town.world.url}/return?code={brought['code']}&state={brought['state']}&x=y")
    assert (status, back) == (
        303,
        f"{page.removeprefix(town.world.url)}/return?code={brought['code']}&state={brought['state']}",
    )
    status, shown = await town.get(town.world.url + back)
    assert status == 200
    assert "Te-ai întors de la bancă" in shown
    assert (await town.seen(view), town.bt.asked) == (before, calls), "a GET changes nothing, here or there"

    status, onward = await town.post(f"{page}/return", brought)
    assert (status, onward) == (303, f"{page.removeprefix(town.world.url)}/return")
    await forget(town)
    await town.world.drain()
    assert await town.seen(view) == (
        ["invoice.issued", "payment.started", "payment.accepted"],
        [AttemptStatus.ACCEPTED],
    )

    await forget(town)
    town.bt.authorise(payment.id, "ACSC")
    await town.world.pass_time(minutes=2)
    assert await town.world.status(view.invoice.id) is InvoiceStatus.PAID
    assert await town.world.paid(view.invoice.id) == 12_540


async def forget(town: Town) -> None:
    """As in another process: nothing that the adapter knew."""
    town.world.ctx.directory._adapters.clear()


async def test_the_token_is_kept_sealed(town: Town) -> None:
    view, page = await town.issue()
    brought = await town.authorised(page)
    await town.post(f"{page}/return", brought)
    (attempt,) = (await town.world.view(view.invoice.id)).attempts
    row = await town.world.db.read(lambda conn: conn.execute(sa.select(payment_attempt)).one())
    (payment,) = town.bt.payments.values()

    assert payment.token
    assert attempt.kept is not None
    assert payment.token not in str(row)
    assert all(refresh not in str(row) for refresh in town.bt.refreshes)


async def test_coming_back_twice_is_once(town: Town) -> None:
    _, page = await town.issue()
    brought = await town.authorised(page)
    for _ in range(2):
        await town.post(f"{page}/return", brought)
    status, shown = await town.get(f"{page}/return?code={brought['code']}&state={brought['state']}")

    assert [path for _, path in town.bt.asked].count("/v1/token") == 1
    assert status == 200
    assert "Te-ai întors" not in shown, "nothing is left to finish"


async def test_what_is_not_of_an_open_payment_of_this_invoice_does_nothing(town: Town) -> None:
    view, page = await town.issue()
    _, other = await town.issue()
    brought = await town.authorised(page)
    before = await town.seen(view)
    for state in ("", "x", brought["state"][::-1], town.world.ctx.checkouts.issue(1)):
        assert (await town.post(f"{page}/return", {**brought, "state": state}))[0] == 303
        assert "Te-ai întors" not in (await town.get(f"{page}/return?code=c&state={state}"))[1]
    await town.post(f"{other}/return", brought)
    assert "Te-ai întors" not in (await town.get(f"{other}/return?code=c&state={brought['state']}"))[1]
    await town.post(f"{page}/return", {"state": brought["state"]})

    assert "/v1/token" not in [path for _, path in town.bt.asked]
    assert await town.seen(view) == before
    assert (await town.get(f"{town.world.url}/return?code=c&state=made-up"))[0] == 404
    assert (await town.get(f"{town.world.url}/p/nonsense/return"))[0] == 404
    assert (await town.post(f"{town.world.url}/p/nonsense/return", brought))[0] == 404


async def test_a_preview_of_the_return_gets_a_card(town: Town) -> None:
    _, page = await town.issue()
    brought = await town.authorised(page)
    url = f"{page}/return?code={brought['code']}&state={brought['state']}"
    _, shown = await town.get(url, **{"User-Agent": "TelegramBot (like TwitterBot)"})

    assert brought["code"] not in shown


async def test_a_payer_who_turned_back_may_go_on(town: Town) -> None:
    """The bank is asked what is true; the payment waits for them until it is over."""
    view, page = await town.issue()
    _, url = await town.pick(page, "bank:bt")
    state = town.bt.come_back(url)["state"]
    (payment,) = town.bt.payments.values()
    town.bt.authorise(payment.id, "RCVD", sca="started")
    _, shown = await town.get(f"{page}/return?state={state}&error=access_denied")
    assert "Te-ai întors" not in shown, "there is nothing to finish"
    status, _ = await town.post(f"{page}/return", {"state": state, "error": "access_denied"})
    await town.world.drain()

    assert status == 303
    assert (await town.seen(view))[1] == [AttemptStatus.PENDING]


async def test_a_bank_that_does_not_answer_the_return_is_asked_as_usual(town: Town) -> None:
    view, page = await town.issue()
    brought = await town.authorised(page)
    await town.bt.aclose()
    status, _ = await town.post(f"{page}/return", brought)

    assert status == 303
    assert (await town.seen(view))[1] == [AttemptStatus.PENDING]


async def test_money_of_a_payer_who_came_back_late_is_found(town: Town) -> None:
    """After our own time for the try: the debt lives on, and so does what the payer brings."""
    view, page = await town.issue()
    brought = await town.authorised(page)
    (payment,) = town.bt.payments.values()
    payment.status = "RCVD"
    await town.world.pass_time(hours=2)
    assert (await town.seen(view))[1] == [AttemptStatus.EXPIRED]
    town.bt.authorise(payment.id, "ACSC")
    await town.post(f"{page}/return", brought)
    await town.world.drain()

    assert await town.world.status(view.invoice.id) is InvoiceStatus.PAID


@pytest.mark.parametrize("method", ["bank", "bank:ing", "bank:BT", "bank:bt:bt", "bank:"])
async def test_a_bank_that_is_not_offered_is_refused_and_opens_nothing(town: Town, method: str) -> None:
    view, page = await town.issue()
    status, shown = await town.pick(page, method)

    assert status == 422
    assert "Alege banca din listă" in shown
    assert '<details class="choose" open>' in shown
    assert await town.seen(view) == (["invoice.issued"], [])
    with pytest.raises(Invalid):
        await attempts.start(town.world.ctx, view.invoice, "bank", locale="ro", choice="nobank")


async def test_a_payer_may_change_the_bank(town: Town) -> None:
    """Another bank is another payment; the same bank takes up the one that is open."""
    _, page = await town.issue()
    urls = [(await town.pick(page, method))[1] for method in ("bank:bt", "bank:plain", "bank:bt")]

    assert urls[0] == urls[2]
    assert urls[1].startswith(town.plain.url)
    assert (len(town.bt.payments), len(town.plain.payments)) == (1, 1)


async def test_a_redirect_brings_nothing_to_take_anywhere(town: Town) -> None:
    _, page = await town.issue()
    await town.pick(page, "bank:plain")
    (payment,) = town.plain.payments.values()
    status, shown = await town.get(payment.headers["TPP-Redirect-URI"])

    assert payment.headers["TPP-Redirect-URI"].startswith(f"{page}/return?state=")
    assert status == 200
    assert "Te-ai întors" not in shown


async def test_a_confirmation_code_is_taken_there(town: Town) -> None:
    town.plain.how = "confirmed"
    view, page = await town.issue()
    await town.pick(page, "bank:plain")
    (payment,) = town.plain.payments.values()
    town.plain.authorise(payment.id, "RCVD", sca="unconfirmed")
    back = f"{payment.headers['TPP-Redirect-URI']}&confirmationCode={payment.code}"
    assert "Te-ai întors" in (await town.get(back))[1]
    state = back.partition("state=")[2].partition("&")[0]
    await town.post(f"{page}/return", {"state": state, "confirmationCode": payment.code})
    await town.world.drain()

    assert await town.world.status(view.invoice.id) is InvoiceStatus.PAID


async def test_an_order_that_nobody_answered_is_over_and_the_next_is_safe(town: Town) -> None:
    """Nobody has its link, so nobody can authorise it: the payer tries again at once, and pays once."""
    view, page = await town.issue()
    town.plain.fault = "cut_made"
    assert (await town.pick(page, "bank:plain"))[0] == 503
    await town.world.drain()
    (lost,) = (await town.world.view(view.invoice.id)).attempts
    assert (lost.status, lost.reason) == (AttemptStatus.FAILED, "not_created")

    assert (await town.pick(page, "bank:plain"))[0] == 303
    ids = list(town.plain.payments)
    town.plain.authorise(ids[1], "ACSC")
    await town.world.pass_time(minutes=1)
    assert (len(ids), town.plain.payments[ids[0]].status) == (2, "RCVD")
    assert await town.world.paid(view.invoice.id) == 12_540


async def test_a_bank_that_is_down_hides_no_other(town: Town) -> None:
    """One account serves every bank: the payers of one learn of its outage, and the account stays well for the others."""
    for _ in range(6):
        view, page = await town.issue()
        town.plain.fault = "unavailable"
        assert (await town.pick(page, "bank:plain"))[0] == 503
    (attempt,) = (await town.world.view(view.invoice.id)).attempts
    now = town.world.clock.now()
    assert await town.world.db.read(lambda conn: health.standings(conn, [attempt.account_id], now)) == {}
    await town.authorised(page)
    assert len(town.bt.payments) == 1


async def test_a_push_of_the_bank_is_a_hint(town: Town) -> None:
    view, page = await town.issue()
    await town.pick(page, "bank:plain")
    (payment,) = town.plain.payments.values()
    body = {"paymentId": payment.id, "transactionStatus": "ACSC"}
    async with town.browser.post(payment.headers["TPP-Notification-URI"], json=body) as answer:
        assert answer.status == 204
    assert await town.world.status(view.invoice.id) is InvoiceStatus.OPEN, "its word is not believed"

    town.plain.authorise(payment.id, "ACSC")
    false = payment.headers["TPP-Notification-URI"].replace("12540RON", "99999RON")
    for url in (false, payment.headers["TPP-Notification-URI"]):
        async with town.browser.post(url, json=body) as answer:
            assert answer.status == 204
    assert await town.world.status(view.invoice.id) is InvoiceStatus.PAID
    assert await town.world.paid(view.invoice.id) == 12_540


async def test_two_browsers_that_come_back_at_once(town: Town) -> None:
    view, page = await town.issue()
    brought = await town.authorised(page)
    answers = await asyncio.gather(*(town.post(f"{page}/return", brought) for _ in range(3)))
    await town.world.drain()

    assert {status for status, _ in answers} == {303}
    assert (await town.seen(view))[1] == [AttemptStatus.ACCEPTED]


async def test_complete_names_what_it_does_not_know(town: Town) -> None:
    view, _ = await town.issue()
    with pytest.raises(NotFound):
        await completing.complete(town.world.ctx, view, town.world.ctx.returns.issue(99), {"code": "c"})


def test_only_what_completes_is_taken() -> None:
    given = {"code": "c", "state": "s", "iban": "x", "confirmationCode": "y" * 5000, "error": ""}

    assert completing.answer_of(given) == {"code": "c"}

"""The rules of money 11 and 12: a GET changes nothing, and nobody who paid is chased."""

from __future__ import annotations

import itertools
import random

import aiohttp
import pytest
import sqlalchemy as sa

from gateway.demo.bank import Outcome
from gateway.domain.deliveries import Delivery, DeliveryState, MessageKind, Step
from gateway.domain.ids import DELIVERY, show
from gateway.domain.invoices import InvoiceStatus
from gateway.ports.errors import OutcomeUnknown, RetryLater
from gateway.ports.provider import PaymentStatus
from gateway.services import asking, invoices
from gateway.services.errors import Conflict
from gateway.store.database import Database
from gateway.store.schema import metadata
from tests.harness.gateway import Sim
from tests.harness.world import CHAT, EMAIL, PHONE, World

S, IS, D = PaymentStatus, InvoiceStatus, DeliveryState
AGENTS = (
    "Mozilla/5.0 (X11; Linux x86_64) Firefox/140.0",
    "TelegramBot (like TwitterBot)",
    "WhatsApp/2.23.20.0",
    "facebookexternalhit/1.1",
    "Slackbot-LinkExpanding 1.0",
    "GoogleImageProxy",
)


async def _everything(db: Database) -> dict[str, list[str]]:
    """Every row of every table, as text."""

    def body(conn: sa.Connection) -> dict[str, list[str]]:
        return {table.name: sorted(map(repr, conn.execute(sa.select(table)))) for table in metadata.sorted_tables}

    return await db.read(body)


async def test_rule_11_a_get_changes_nothing(world: World) -> None:
    """Every address that a payer can open, by every kind of visitor, in every state of the invoice."""
    await world.telegram.start_chat(CHAT)
    steps = [Step("sms", 0), Step("email", 0), Step("telegram", 0)]
    views = [
        await world.issue(steps=steps, phone=PHONE, email=EMAIL, telegram=str(CHAT), reference=f"C-{number}")
        for number in range(5)
    ]
    await world.drain()
    _, processing, paid, partly, void = [view.invoice.id for view in views]
    await world.open_payment(processing)
    await world.bank.choose(await world.open_payment(paid), Outcome.PAID)
    await world.bank.choose(await world.open_payment(partly), Outcome.PARTIAL)
    await invoices.void(world.ctx, world.biller, void)
    await world.drain()

    addresses = [world.mail.messages[0].unsubscribe_url, f"{world.url}/p/{'0' * 18}", f"{world.url}/u/{'0' * 18}"]
    for view in views:
        link = world.ctx.pay_url(view.invoice.id, view.invoice.link_version)
        ends = (
            "",
            "/return",
            "?lang=en",
            "/icon.svg",
            "/icon.png",
            "/qr.svg",
            "/qr.png",
            "/attempts",
            "/chats/telegram",
        )
        addresses += [link + end for end in ends]
    before = await _everything(world.db)
    calls = len(world.bank.ledger.payments), len(world.twilio.messages), len(world.mail.messages)
    statuses = set()
    async with aiohttp.ClientSession() as browser:
        for address, agent, method in itertools.product(addresses, AGENTS, ("GET", "HEAD")):
            async with browser.request(method, address, headers={"User-Agent": agent}, allow_redirects=False) as answer:
                await answer.read()
                statuses.add(answer.status)
        for view in views:  # a page that is followed live
            link = world.ctx.pay_url(view.invoice.id, view.invoice.link_version)
            async with browser.get(f"{link}/live") as stream:
                assert (await stream.content.readline()).startswith(b"data:")
    assert statuses == {200, 404, 405}
    assert await _everything(world.db) == before
    assert (len(world.bank.ledger.payments), len(world.twilio.messages), len(world.mail.messages)) == calls


async def test_rule_11_a_post_does(world: World) -> None:
    """The same comparison sees a change where there is one."""
    view = await world.issue()
    before = await _everything(world.db)
    link = world.ctx.pay_url(view.invoice.id, view.invoice.link_version)
    async with (
        aiohttp.ClientSession() as browser,
        browser.post(f"{link}/attempts", data={"method": "bank"}, allow_redirects=False) as answer,
    ):
        assert (answer.status, answer.headers["Location"].startswith(world.bank.url)) == (303, True)
    assert await _everything(world.db) != before


@pytest.mark.parametrize("chance", range(8))
async def test_rule_12_no_send_begins_once_settlement_is_known(sim: Sim, chance: int) -> None:
    """Settlement falls anywhere between the tries, silences, repeats and fallbacks of a plan; asking ends there."""
    dice = random.Random(chance)
    view = await sim.issue(
        steps=[Step("telegram", 0), Step("sms", 60), Step("email", 0)], phone=PHONE, email=EMAIL, telegram="7"
    )
    begun: list[str] = []
    for channel in sim.vendors.channels.values():
        channel.faults = [dice.choice([None, RetryLater("busy"), OutcomeUnknown("silence")]) for _ in range(4)]
        channel.taken_all_the_same = dice.random() < 0.5
        channel.on_send = lambda message: begun.append(message.reference)
    await sim.pass_time(seconds=dice.choice([0, 5, 15, 45, 61, 200, 900]))
    await sim.off_platform(view.invoice.id, "125.40")
    asked, before = len(begun), await sim.deliveries(view.invoice.id)
    await sim.pass_time(days=2)
    asking = {reference_of(sim, delivery) for delivery in before if delivery.kind is MessageKind.INVOICE_ISSUED}
    assert [reference for reference in begun[asked:] if reference in asking] == []
    after = {delivery.id: delivery.state for delivery in await sim.deliveries(view.invoice.id)}
    assert all(after[delivery.id] not in (D.QUEUED, D.SENDING) for delivery in before)
    assert len(after) - len(before) <= 0, "nothing was begun since, save what settled with the debt"


def reference_of(sim: Sim, delivery: Delivery) -> str:
    return f"{sim.ctx.installation}-{show(DELIVERY, delivery.id)}"


async def test_rule_12_what_is_queued_is_revoked_in_the_same_transaction(sim: Sim) -> None:
    view = await sim.issue(steps=[Step("sms", 60)], phone=PHONE, deliver_at_s=3_600)
    await sim.tell(sim.bank.change(await sim.open_payment(view.invoice.id), S.PAID))
    assert await sim.states(view.invoice.id) == [("sms", D.REVOKED)]
    assert "deliver" not in {kind for kind, _ in await sim.tasks()}
    await sim.pass_time(days=1)
    assert sim.vendors.channels["sms"].sent == []


async def test_rule_12_a_settled_debt_cannot_be_asked_for_by_anybody(sim: Sim) -> None:
    paid, void = [(await sim.issue(phone=PHONE)).invoice.id for _ in range(2)]
    await sim.off_platform(paid, "125.40")
    await invoices.void(sim.ctx, sim.biller, void)
    for invoice_id in (paid, void):
        with pytest.raises(Conflict):
            await asking.send_again(sim.ctx, sim.biller, invoice_id, [Step("sms", 0)])


async def test_rule_12_a_reopened_debt_may_be_asked_for_again(sim: Sim) -> None:
    view = await sim.issue(phone=PHONE)
    payment_id = await sim.open_payment(view.invoice.id)
    await sim.tell(sim.bank.change(payment_id, S.PAID))
    await sim.tell(sim.bank.change(payment_id, S.REVERSED, taken_back=12_540))
    await asking.send_again(sim.ctx, sim.biller, view.invoice.id, [Step("sms", 0)])
    await sim.drain()
    assert [message.to for message in sim.vendors.channels["sms"].sent] == [PHONE]
    assert await sim.status(view.invoice.id) is IS.OPEN

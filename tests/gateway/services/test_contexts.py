"""What payers really receive, in their language, through the real adapters; and that the links in it open."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import UTC, date, datetime

import aiohttp
import pytest

from gateway.domain.deliveries import MessageKind, Step
from gateway.domain.invoices import IconState
from gateway.ports.provider import PaymentStatus
from gateway.ports.values import Money
from gateway.rendering import PaymentFailed, PaymentReceived, PayPage
from gateway.services import contexts, invoices
from gateway.store.database import Database
from gateway.testing.clock import FakeClock
from tests.harness.gateway import Sim, apply_biller, identity, open_sim
from tests.harness.world import CHAT, EMAIL, PHONE, World

EVERYWHERE = {"phone": PHONE, "email": EMAIL, "telegram": str(CHAT)}
ALL = [Step("sms", 0), Step("email", 0), Step("telegram", 0)]
WORDS = {
    "ro": ("Factura F-1", "125,40 lei", "Plătește 125,40 lei", "Plătită"),
    "en": ("Invoice F-1", "RON 125.40", "Pay RON 125.40", "Paid"),
}


async def opened(url: str) -> str:
    async with aiohttp.ClientSession() as client, client.get(url, allow_redirects=False) as answer:
        assert answer.status == 200, url
        return plain(await answer.text(errors="replace"))


def plain(text: str) -> str:
    return text.replace("\xa0", " ")


@pytest.mark.parametrize("locale", ["ro", "en"])
async def test_each_channel_speaks_the_payers_language_and_its_link_opens(world: World, locale: str) -> None:
    heading, amount, pay, paid = WORDS[locale]
    world.telegram.join(CHAT).started = True
    view = await world.issue(steps=ALL, locale=locale, **EVERYWHERE)
    await world.drain()
    (sms,), (mail,), (chat,) = world.twilio.messages, world.mail.messages, world.telegram.messages
    pay_url = world.ctx.pay_url(view.invoice.id, 0)
    assert (sms.to, sms.sender, sms.segments) == (PHONE, world.twilio.number, 1)
    assert sms.body.isascii()
    assert sms.body.endswith(pay_url)
    assert amount in sms.body
    assert (mail.recipient, mail.from_header) == (EMAIL, "Acme <facturi@acme.example>")
    assert heading in mail.subject
    for text in (mail.text, mail.html):
        assert amount in plain(text)
        assert pay_url in text
    assert f"{pay_url}/icon.png" in mail.html
    assert heading in chat.text
    assert amount in plain(chat.text)
    assert [(plain(button.text), button.url) for button in chat.buttons] == [(pay, pay_url)]

    page = await opened(f"{pay_url}?lang={locale}")
    assert "F-1" in page
    assert amount in page
    for kind in ("icon", "qr"):
        assert "<svg" in await opened(f"{pay_url}/{kind}.svg")
    await world.off_platform(view.invoice.id, "125.40")
    await world.drain()
    assert paid in await opened(f"{pay_url}?lang={locale}")
    assert paid in world.telegram.edits[0].text
    assert paid in world.telegram.messages[1].text
    assert (len(world.twilio.messages), len(world.mail.messages)) == (1, 1)


class TestReceived:
    async def receipt(self, sim: Sim, invoice_id: int) -> PaymentReceived:
        view = await sim.view(invoice_id)
        delivery = [one for one in view.deliveries if one.kind is MessageKind.PAYMENT_RECEIVED][-1]
        context = contexts.message(sim.ctx, sim.biller, [view], delivery)
        assert isinstance(context, PaymentReceived)
        return context

    async def test_by_a_provider(self, sim: Sim) -> None:
        view = await sim.issue(steps=[Step("email", 0)], **EVERYWHERE)
        await sim.drain()
        sim.clock.move_to(datetime(2026, 11, 23, 22, 30, tzinfo=UTC))  # half past midnight where the biller is
        payment_id = await sim.open_payment(view.invoice.id, "card")
        await sim.tell(sim.bank.change(payment_id, PaymentStatus.PAID))
        received = await self.receipt(sim, view.invoice.id)
        assert (received.received.minor, received.outstanding.minor, received.method) == (125_40, 0, "card")
        assert received.received_on == date(2026, 11, 24)

    async def test_in_parts_and_in_cash(self, sim: Sim) -> None:
        view = await sim.issue(steps=[Step("email", 0)], **EVERYWHERE)
        await sim.drain()
        payment_id = await sim.open_payment(view.invoice.id, "card")
        await sim.tell(sim.bank.change(payment_id, PaymentStatus.PAID, received=100_00))
        part = await self.receipt(sim, view.invoice.id)
        assert (part.received.minor, part.outstanding.minor) == (100_00, 25_40)
        await sim.off_platform(view.invoice.id, "25.40", "desk-7")
        rest = await self.receipt(sim, view.invoice.id)
        assert (rest.received.minor, rest.outstanding.minor) == (25_40, 0)
        assert (rest.reference, rest.method, rest.received_on) == ("desk-7", "", date(2026, 11, 23))


async def test_what_failed_says_why_and_how(sim: Sim) -> None:
    view = await sim.issue(steps=[Step("telegram", 0)], **EVERYWHERE)
    await sim.drain()
    payment_id = await sim.open_payment(view.invoice.id, "card")
    for status in (PaymentStatus.ACCEPTED, PaymentStatus.FAILED):
        await sim.tell(sim.bank.change(payment_id, status, received=0))
    await sim.drain()
    found = await sim.view(view.invoice.id)
    context = contexts.message(sim.ctx, sim.biller, [found], found.deliveries[-1])
    assert isinstance(context, PaymentFailed)
    assert (context.amount.minor, context.method) == (125_40, "card")


async def test_a_changed_amount_is_what_a_later_message_asks_for(sim: Sim) -> None:
    view = await sim.issue(steps=[Step("telegram", 0)], deliver_at_s=60, **EVERYWHERE)
    await invoices.change(sim.ctx, sim.biller, view.invoice.id, amount=Money(99_99, "RON"), due_on=date(2027, 1, 5))
    await sim.pass_time(seconds=60)
    (message,) = sim.vendors.channels["telegram"].sent
    assert "99,99 lei" in plain(message.text)
    assert "2027" in message.text


class TestBrand:
    """A logo in the biller's file has an address on our host, which changes with it."""

    LOGO = "data:image/png;base64,iVBORw0KGgo="

    async def test_a_logo_of_ours_and_one_elsewhere(self, database: Database, clock: FakeClock) -> None:
        async with open_sim(database, clock, biller={"brand": {"logo": self.LOGO}}) as sim:
            url = contexts.brand(sim.ctx, sim.biller).logo_url
            assert re.fullmatch(r"https://pay\.example/brand/acme/logo\?v=[0-9a-f]{8}", url or "")
            elsewhere = {"biller": identity(), **sim.vendors.tables, "brand": {"logo": "https://acme.ro/logo.svg"}}
            biller = await apply_biller(sim.ctx, sim.vendors, elsewhere)  # type: ignore[arg-type]
            assert contexts.brand(sim.ctx, biller).logo_url == "https://acme.ro/logo.svg"
            none = {"biller": identity(), **sim.vendors.tables}
            biller = await apply_biller(sim.ctx, sim.vendors, none)  # type: ignore[arg-type]
            assert contexts.brand(sim.ctx, biller).logo_url is None


class TestPage:
    async def page(self, sim: Sim, invoice_id: int) -> PayPage:
        view = await sim.view(invoice_id)
        return contexts.pay_page(sim.ctx, sim.biller, view, methods=["bank"])

    async def test_its_revision_changes_with_the_state_and_with_the_date(self, sim: Sim) -> None:
        view = await sim.issue(**EVERYWHERE)
        revisions = [(await self.page(sim, view.invoice.id)).revision]
        sim.clock.move_to(datetime(2026, 12, 8, 22, 1, tzinfo=UTC))  # past its due date where the biller is
        page = await self.page(sim, view.invoice.id)
        assert (page.state, page.overdue) == (IconState.OVERDUE, True)
        revisions.append(page.revision)
        await sim.open_payment(view.invoice.id)
        page = await self.page(sim, view.invoice.id)
        assert page.state is IconState.PROCESSING
        revisions.append(page.revision)
        await sim.off_platform(view.invoice.id, "125.40")
        page = await self.page(sim, view.invoice.id)
        assert (page.state, page.methods, page.chats, page.settled_on) == (IconState.PAID, [], [], date(2026, 12, 9))
        revisions.append(page.revision)
        assert len(set(revisions)) == 4

    async def test_it_offers_the_chats_that_can_still_be_bound(self, sim: Sim) -> None:
        unbound = await sim.issue(phone=PHONE)
        bound = await sim.issue(telegram=str(CHAT))
        assert (await self.page(sim, unbound.invoice.id)).chats == ["telegram"]
        assert (await self.page(sim, bound.invoice.id)).chats == []

    async def test_a_second_payment_is_spoken_of(self, sim: Sim) -> None:
        view = await sim.issue(**EVERYWHERE)
        first, second = [await sim.open_payment(view.invoice.id, method) for method in ("bank", "card")]
        for payment_id in (first, second):
            await sim.tell(sim.bank.change(payment_id, PaymentStatus.PAID))
        page = await self.page(sim, view.invoice.id)
        assert (page.state, page.notice) == (IconState.PAID, "duplicate")


async def test_lines_without_a_price_are_left_out_and_a_single_piece_has_no_quantity(sim: Sim) -> None:
    view = await sim.issue()
    rows = [
        {"description": "Energie", "quantity": "142", "unit": "kWh", "amount_minor": 120_00},
        {"description": "Abonament", "quantity": "1", "unit": None, "amount_minor": 5_40},
        {"description": "Citire estimată", "quantity": "1", "unit": None, "amount_minor": None},
    ]
    invoice = replace(view.invoice, details=view.invoice.details | {"lines": rows})
    shown = [(line.description, line.quantity, line.amount.minor) for line in contexts.lines(invoice)]
    assert shown == [("Energie", "142 kWh", 120_00), ("Abonament", "", 5_40)]

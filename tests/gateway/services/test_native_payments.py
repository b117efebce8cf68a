"""Bills that are paid inside the chat: what is sent, who may go on, where the money goes. The real adapter, the box's Bot API."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from gateway.demo.telegram import Call
from gateway.domain.invoices import InvoiceStatus
from gateway.domain.payments import AttemptStatus
from gateway.services import invoices
from gateway.services.shapes import invoice_json
from gateway.store import schema
from gateway.store.database import Database
from gateway.testing.clock import FakeClock
from tests.harness.bills import HERE, attempts, billed, bills, charge, states
from tests.harness.gateway import count, draft_of
from tests.harness.world import CHAT, World, open_world

A = AttemptStatus


@pytest.fixture
async def world(database: Database, clock: FakeClock) -> AsyncIterator[World]:
    async with open_world(database, clock, native=True) as opened:
        opened.telegram.join(CHAT, started=True)
        yield opened


class TestWhatIsSent:
    async def test_the_message_is_a_bill_with_the_pay_page_beside_it(self, world: World) -> None:
        invoice_id = await billed(world)
        (message,) = world.telegram.messages
        bill = message.bill
        assert bill is not None
        assert (bill.title, bill.currency, bill.amount) == ("Factura F-1", "RON", 12540)
        assert bill.description.startswith("Acme\n")
        assert [(button.text.replace("\u00a0", " "), button.pay, button.url) for button in message.buttons] == [
            ("Plătește 125,40 lei", True, None),
            ("Altă metodă de plată", False, world.ctx.pay_url(invoice_id, 0)),
        ]
        assert world.ctx.checkouts.read(bill.payload) is not None, "signed by us"
        assert bill.start_parameter, "a forwarded copy leads to the bot and cannot be paid"
        assert await attempts(world, invoice_id) == [], "nobody has tried to pay yet"

    @pytest.mark.parametrize(
        ("amount", "currency"),
        [("4.18", "RON"), ("42000.00", "RON"), ("100.00", "MXN")],
        ids=["less than Telegram takes", "more than it takes", "a currency that it is not asked for"],
    )
    async def test_what_cannot_be_paid_there_is_a_text_with_a_link(
        self, world: World, amount: str, currency: str
    ) -> None:
        draft = draft_of("F-9", amount, steps=HERE, payer={"telegram": str(CHAT)}, currency=currency)
        await invoices.issue(world.ctx, world.biller, draft)
        await world.drain()
        (message,) = world.telegram.messages
        assert message.bill is None
        assert [button.pay for button in message.buttons] == [False]

    async def test_a_bill_that_telegram_refuses_goes_out_as_a_text(self, world: World) -> None:
        world.telegram.api.provider_token = "revoked"
        await billed(world)
        (message,) = world.telegram.messages
        assert message.bill is None
        assert message.buttons[0].text.startswith("Plătește")
        assert [call.method for call in world.telegram.calls] == ["sendInvoice", "sendMessage"]


async def test_without_a_provider_there_is_no_pay_button(database: Database, clock: FakeClock) -> None:
    async with open_world(database, clock) as world:
        world.telegram.join(CHAT, started=True)
        await billed(world)
        (message,) = world.telegram.messages
        assert message.bill is None
        assert [(button.pay, bool(button.url)) for button in message.buttons] == [(False, True)]


class TestPaying:
    async def test_the_payer_pays_and_the_invoice_is_settled(self, world: World) -> None:
        invoice_id = await billed(world)
        paid = await world.telegram.pay(CHAT)
        assert (paid.outcome, paid.status) == ("paid", 204)
        assert await world.status(invoice_id) is InvoiceStatus.PAID
        (attempt,) = await attempts(world, invoice_id)
        assert (attempt.status, attempt.received_minor, attempt.method) == (A.PAID, 12540, "telegram")
        assert attempt.external_id == "_tg00000001:ch_demo00000001"
        happened = await world.event_types(invoice_id)
        assert [name for name in happened if not name.startswith("delivery.")] == [
            "invoice.issued",
            "payment.started",
            "payment.received",
            "invoice.paid",
        ]
        await world.drain()
        assert world.telegram.messages[-1].text.splitlines()[1].startswith("🟢"), "thanked where they paid"
        assert len(world.telegram.deleted) == 0, "its button shows Telegram's receipt"

    async def test_the_biller_sees_the_account_and_the_method(self, world: World) -> None:
        invoice_id = await billed(world)
        await world.telegram.pay(CHAT)
        view = await world.view(invoice_id)
        shown = invoice_json(world.ctx, world.biller, view, world.clock.now())["payments"]
        assert [(one["source"], one["method"], one["status"]) for one in shown] == [
            ("acme.telegram", "telegram", "paid")
        ]

    async def test_doubled_webhooks_change_nothing(self, world: World) -> None:
        invoice_id = await billed(world)
        await world.telegram.pay(CHAT)
        for place in (-2, -1, -2, -1):  # the checkout, the money
            assert await world.telegram.again(place) == 204
        assert await world.paid(invoice_id) == 12540
        assert await states(world, invoice_id) == [A.PAID]
        assert (await world.event_types(invoice_id)).count("payment.started") == 1

    async def test_money_before_its_checkout_was_recorded_is_booked(self, world: World) -> None:
        """The vendor heard our yes, took the money and told us, all before we had written down that it heard."""
        invoice_id = await billed(world)
        bill = bills(world)[0].bill
        assert bill is not None
        told: list[asyncio.Task[int]] = []

        def heard(call: Call) -> None:
            if call.method == "answerPreCheckoutQuery":  # its answer is not on its way yet
                told.append(asyncio.ensure_future(charge(world, bill.payload)))

        world.telegram.calls.on_add(heard)
        await world.telegram.pay(CHAT, declined=True)
        assert await asyncio.gather(*told) == [204]
        assert await states(world, invoice_id) == [A.PAID]
        assert await world.paid(invoice_id) == 12540

    async def test_money_of_a_bill_that_is_not_ours_is_kept_and_visible(self, world: World) -> None:
        """The bot's token is the biller's: another program of theirs may send bills with it."""
        invoice_id = await billed(world)
        assert await charge(world, "another-program", 500) == 204
        assert await world.paid(invoice_id) == 0
        assert [kind for kind, _ in await world.tasks()].count("apply-inbox") == 1
        assert await count(world.db, schema.inbox, schema.inbox.c.state == "held") == 1

    async def test_a_declined_card_then_another_is_one_attempt(self, world: World) -> None:
        invoice_id = await billed(world)
        assert (await world.telegram.pay(CHAT, declined=True)).outcome == "declined"
        world.clock.advance(seconds=60)
        assert (await world.telegram.pay(CHAT)).outcome == "paid"
        assert await states(world, invoice_id) == [A.PAID]

    async def test_a_try_ends_by_its_own_clock_and_late_money_counts(self, world: World) -> None:
        invoice_id = await billed(world)
        await world.telegram.pay(CHAT, declined=True)
        assert await states(world, invoice_id) == [A.PENDING]
        await world.pass_time(minutes=world.biller.settings.payments.attempt_minutes + 1)
        assert await states(world, invoice_id) == [A.EXPIRED]
        assert ("poll", 1) not in await world.tasks(), "nobody can be asked"
        bill = bills(world)[0].bill
        assert bill is not None
        await charge(world, bill.payload)
        assert await world.status(invoice_id) is InvoiceStatus.PAID
        (received,) = await world.events_of(invoice_id, "payment.received")
        assert received["late"] is True

    async def test_after_one_expired_another_try_is_new(self, world: World) -> None:
        invoice_id = await billed(world)
        await world.telegram.pay(CHAT, declined=True)
        await world.pass_time(minutes=world.biller.settings.payments.attempt_minutes + 1)
        await world.telegram.pay(CHAT)
        assert await states(world, invoice_id) == [A.EXPIRED, A.PAID]

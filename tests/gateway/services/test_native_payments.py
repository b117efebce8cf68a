"""Bills that are paid inside the chat: what is sent, who may go on, where the money goes. The real adapter, the box's Bot API."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from gateway.demo import standin
from gateway.demo.bank import Outcome
from gateway.demo.telegram import Call, ChatMessage
from gateway.domain.deliveries import Step
from gateway.domain.invoices import InvoiceStatus
from gateway.domain.payments import Attempt, AttemptStatus
from gateway.ports.values import Money
from gateway.services import invoices, messaging
from gateway.services.shapes import invoice_json
from gateway.store import schema
from gateway.store.database import Database
from gateway.testing.clock import FakeClock
from tests.harness.gateway import RON, count, draft_of
from tests.harness.world import CHAT, EMAIL, World, open_world

A = AttemptStatus
HERE = [Step("telegram", 0)]


@pytest.fixture
async def world(database: Database, clock: FakeClock) -> AsyncIterator[World]:
    async with open_world(database, clock, native=True) as opened:
        await opened.telegram.start_chat(CHAT)
        yield opened


async def billed(world: World, amount: str = "125.40", **payer: Any) -> int:
    """An invoice whose bill is in the payer's chat."""
    view = await world.issue(amount, steps=HERE, **{"telegram": str(CHAT), **payer})
    await world.drain()
    return view.invoice.id


async def attempts(world: World, invoice_id: int) -> list[Attempt]:
    return list((await world.view(invoice_id)).attempts)


async def states(world: World, invoice_id: int) -> list[AttemptStatus]:
    return [attempt.status for attempt in await attempts(world, invoice_id)]


def bills(world: World) -> list[ChatMessage]:
    return [message for message in world.telegram.messages if message.bill is not None]


async def charge(world: World, payload: str, minor: int = 12540) -> int:
    """Money that Telegram reports, whatever was asked before."""
    return await world.telegram.charge(CHAT, payload, RON, minor)


async def change(world: World, invoice_id: int, amount: str) -> None:
    await invoices.change(world.ctx, world.biller, invoice_id, amount=Money.parse(amount, RON))


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
        await world.telegram.start_chat(CHAT)
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


class TestRefused:
    async def test_a_paid_one(self, world: World) -> None:
        invoice_id = await billed(world)
        await world.off_platform(invoice_id, "125.40")
        refused = await world.telegram.pay(CHAT)
        assert (refused.outcome, refused.words) == ("refused", "Factura este deja plătită. Nu ți s-a luat niciun ban.")
        assert await attempts(world, invoice_id) == []

    async def test_a_void_one_in_english(self, world: World) -> None:
        invoice_id = await billed(world, locale="en")
        await invoices.void(world.ctx, world.biller, invoice_id)
        assert (await world.telegram.pay(CHAT)).words.startswith("This invoice was withdrawn")

    @pytest.mark.parametrize("how", ["patched", "paid in part"])
    async def test_another_sum_is_owed_now(self, world: World, how: str) -> None:
        """Refused with words; the old bill goes, one with the right sum comes, once, and can be paid."""
        invoice_id = await billed(world)
        old = bills(world)[0]
        if how == "patched":
            await change(world, invoice_id, "100.00")
        else:
            await world.off_platform(invoice_id, "25.40")
        refused = await world.telegram.pay(CHAT)
        assert refused.outcome == "refused"
        assert "100,00 lei" in refused.words.replace("\u00a0", " ")
        await world.telegram.again()
        await world.drain()
        assert [one.bill.amount for one in bills(world) if one.bill] == [12540, 10000]
        assert [gone.message_id for gone in world.telegram.deleted] == [old.message_id]
        assert (await world.telegram.pay(CHAT)).outcome == "paid"
        assert await world.status(invoice_id) is InvoiceStatus.PAID

    async def test_the_old_bill_once_a_newer_one_is_there(self, world: World) -> None:
        invoice_id = await billed(world)
        await change(world, invoice_id, "100.00")
        await messaging.send_again(world.ctx, world.biller, invoice_id, HERE)
        await world.drain()
        old = bills(world)[0]
        assert (await world.telegram.pay(CHAT, old.message_id)).outcome == "refused"
        await world.drain()
        assert len(bills(world)) == 2

    async def test_while_a_bank_works_on_another_payment(self, world: World) -> None:
        invoice_id = await billed(world)
        payment = await world.open_payment(invoice_id)
        await world.bank.choose(payment, Outcome.SLOW)
        refused = await world.telegram.pay(CHAT)
        assert refused.words.startswith("Banca lucrează deja")

    @pytest.mark.parametrize("payload", ["", "nonsense", "000000100000000000", "forged"])
    async def test_a_bill_that_is_not_ours(self, world: World, payload: str) -> None:
        await billed(world)
        if payload == "forged":  # a token of ours for another purpose
            payload = world.ctx.unsubscribes.issue(1)
        words, asked = await world.telegram.ask(CHAT, payload, RON, 12540)
        assert (words or "").startswith("Nu putem primi această plată aici")
        assert await asked == 204
        assert await count(world.db, schema.payment_attempt) == 0


class TestTwoPayments:
    async def test_the_second_of_two_bills_is_refused_once_the_first_is_paid(self, world: World) -> None:
        invoice_id = await billed(world)
        await messaging.send_again(world.ctx, world.biller, invoice_id, HERE)
        await world.drain()
        first, second = bills(world)
        assert (await world.telegram.pay(CHAT, first.message_id)).outcome == "paid"
        assert (await world.telegram.pay(CHAT, second.message_id)).outcome == "refused"
        await world.drain()
        assert [gone.message_id for gone in world.telegram.deleted] == [second.message_id]

    async def test_two_that_were_both_let_go_on_are_kept_and_one_is_due_back(self, world: World) -> None:
        """Both asked before either was charged: the same bill on two devices, and a second bill."""
        invoice_id = await billed(world)
        await messaging.send_again(world.ctx, world.biller, invoice_id, HERE)
        await world.drain()
        first, second = bills(world)
        assert (await world.telegram.pay(CHAT, first.message_id, declined=True)).outcome == "declined"
        assert (await world.telegram.pay(CHAT, second.message_id, declined=True)).outcome == "declined"
        for message in (first, first, second):
            assert message.bill is not None
            await charge(world, message.bill.payload)
        assert await world.paid(invoice_id) == 3 * 12540
        assert [refund.reason for refund in (await world.view(invoice_id)).refunds] == ["duplicate", "duplicate"]
        assert await states(world, invoice_id) == [A.PAID, A.PAID, A.PAID]
        assert (await world.event_types(invoice_id)).count("invoice.paid") == 1

    async def test_settled_elsewhere_while_the_payer_is_at_it(self, world: World) -> None:
        invoice_id = await billed(world)
        await world.telegram.pay(CHAT, declined=True)
        await world.off_platform(invoice_id, "125.40")
        await world.drain()
        assert await states(world, invoice_id) == [A.CANCELLED]
        assert len(world.telegram.deleted) == 1
        with pytest.raises(LookupError):
            await world.telegram.pay(CHAT)

    async def test_a_bill_too_old_to_be_deleted_stays_and_is_refused(self, world: World) -> None:
        invoice_id = await billed(world)
        world.clock.advance(seconds=3 * 86_400)
        await world.off_platform(invoice_id, "125.40")
        await world.drain()
        assert len(world.telegram.deleted) == 0
        assert (await world.telegram.pay(CHAT)).outcome == "refused"
        assert await world.tasks("dead") == []


class TestTheWord:
    async def test_it_is_given_with_no_transaction_open(self, world: World) -> None:
        """Others can write while the vendor is told."""
        invoice_id = await billed(world)
        wrote: list[asyncio.Task[None]] = []

        def heard(call: Call) -> None:
            if call.method == "answerPreCheckoutQuery":
                wrote.append(asyncio.ensure_future(world.off_platform(invoice_id, "1.00")))

        world.telegram.calls.on_add(heard)
        async with asyncio.timeout(5):
            assert (await world.telegram.pay(CHAT, declined=True)).outcome == "declined"
            await asyncio.gather(*wrote)
        assert await world.paid(invoice_id) == 100

    async def test_a_word_that_did_not_arrive_is_unknown_and_asked_for_again(self, world: World) -> None:
        invoice_id = await billed(world)
        world.telegram.fault = standin.Fault.BROKEN
        world.telegram.checkout_s = 0.2
        assert (await world.telegram.pay(CHAT)).outcome == "unanswered"
        assert await states(world, invoice_id) == [A.UNKNOWN]
        assert "payment.unknown" in await world.event_types(invoice_id)
        world.telegram.fault, world.telegram.checkout_s = None, 10.0
        assert await world.telegram.again() == 204, "too late for that one"
        assert await states(world, invoice_id) == [A.UNKNOWN]
        assert (await world.telegram.pay(CHAT)).outcome == "paid"
        assert await states(world, invoice_id) == [A.PAID]

    async def test_an_account_that_was_turned_off_takes_nothing(self, world: World) -> None:
        invoice_id = await billed(world)
        turned_off = schema.account.update().where(schema.account.c.name == "acme.telegram").values(enabled=False)
        await world.db.write(lambda conn: conn.execute(turned_off).rowcount)
        await world.ctx.directory.refresh(world.db)
        assert (await world.telegram.pay(CHAT)).outcome == "refused"
        assert await attempts(world, invoice_id) == []

    async def test_a_bill_of_another_account_is_not_ours(self, world: World) -> None:
        """A token of ours, under a delivery of another channel."""
        view = await world.issue(steps=[Step("email", 0)], email=EMAIL)
        await world.drain()
        (delivery,) = await world.deliveries(view.invoice.id)
        words, asked = await world.telegram.ask(CHAT, world.ctx.checkouts.issue(delivery.id), RON, 12540)
        await asked
        assert (words or "").startswith("Nu putem primi")

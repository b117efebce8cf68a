"""Bills in the chat that must not be paid, are paid twice, or whose payer waits for a word. The real adapter, the box's Bot API."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from gateway.demo import standin
from gateway.demo.bank import Outcome
from gateway.demo.telegram import Call
from gateway.domain.deliveries import Step
from gateway.domain.invoices import InvoiceStatus
from gateway.domain.payments import AttemptStatus
from gateway.services import asking, invoices
from gateway.store import schema
from gateway.store.database import Database
from gateway.testing.clock import FakeClock
from tests.harness.bills import HERE, attempts, billed, bills, change, charge, states
from tests.harness.gateway import RON, count
from tests.harness.world import CHAT, EMAIL, World, open_world

A = AttemptStatus


@pytest.fixture
async def world(database: Database, clock: FakeClock) -> AsyncIterator[World]:
    async with open_world(database, clock, native=True) as opened:
        await opened.telegram.start_chat(CHAT)
        yield opened


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
        await asking.send_again(world.ctx, world.biller, invoice_id, HERE)
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
        await asking.send_again(world.ctx, world.biller, invoice_id, HERE)
        await world.drain()
        first, second = bills(world)
        assert (await world.telegram.pay(CHAT, first.message_id)).outcome == "paid"
        assert (await world.telegram.pay(CHAT, second.message_id)).outcome == "refused"
        await world.drain()
        assert [gone.message_id for gone in world.telegram.deleted] == [second.message_id]

    async def test_two_that_were_both_let_go_on_are_kept_and_one_is_due_back(self, world: World) -> None:
        """Both asked before either was charged: the same bill on two devices, and a second bill."""
        invoice_id = await billed(world)
        await asking.send_again(world.ctx, world.biller, invoice_id, HERE)
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

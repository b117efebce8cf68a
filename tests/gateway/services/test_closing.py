"""What follows when nothing is owed any more: queued messages are taken back, sent ones edited, and the payer is thanked."""

from __future__ import annotations

import pytest

from gateway.domain.deliveries import DeliveryState, MessageKind, Step
from gateway.domain.ids import DELIVERY, show
from gateway.ports.channel import DeliveryStatus
from gateway.ports.errors import Rejected, RetryLater
from gateway.ports.provider import PaymentStatus
from gateway.services import asking, invoices, plans
from gateway.store import deliveries
from gateway.store.database import Database
from gateway.testing.clock import FakeClock
from tests.harness.gateway import Sim, open_sim

D, K = DeliveryState, MessageKind
PHONE, EMAIL, CHAT = "+40722123456", "ana.popescu@example.ro", "402123456789"
EVERYWHERE = {"phone": PHONE, "email": EMAIL, "telegram": CHAT}
ALL = [Step("sms", 0), Step("email", 0), Step("telegram", 0)]


async def kinds(sim: Sim, invoice_id: int) -> list[tuple[str, str, DeliveryState]]:
    return [(one.channel, one.kind.value, one.state) for one in await sim.deliveries(invoice_id)]


async def pays(sim: Sim, invoice_id: int, amount: str = "125.40", reference: str = "R-1") -> None:
    await sim.off_platform(invoice_id, amount, reference)
    await sim.drain()


async def test_settlement_revokes_what_is_queued_and_says_so(sim: Sim) -> None:
    view = await sim.issue(steps=ALL, deliver_at_s=3600, **EVERYWHERE)
    await pays(sim, view.invoice.id)
    assert {state for _, _, state in await kinds(sim, view.invoice.id)} == {D.REVOKED}
    said = await sim.events_of(view.invoice.id, "delivery.revoked")
    assert said == [
        {"delivery": show(DELIVERY, one.id), "channel": one.channel, "kind": "invoice_issued"}
        for one in view.deliveries
    ]
    assert await sim.tasks() == []
    await sim.pass_time(days=1)
    assert [vendor.calls for vendor in sim.vendors.channels.values()] == [[], [], []]


async def test_settlement_edits_what_can_be_edited_and_thanks_once(sim: Sim) -> None:
    view = await sim.issue(steps=[Step("email", 0), Step("telegram", 0)], **EVERYWHERE)
    await sim.drain()
    await pays(sim, view.invoice.id)
    telegram, email = sim.vendors.channels["telegram"], sim.vendors.channels["email"]
    ((external_id, message),) = telegram.edits
    assert (external_id, message.buttons) == ("m1", ())
    assert "🟢" in message.text
    receipts = [one for one in await kinds(sim, view.invoice.id) if one[1] == "payment_received"]
    assert len(receipts) == 1
    assert len(email.sent) + len(telegram.sent) == 3
    assert await sim.event_types(view.invoice.id) == [
        "invoice.issued",
        "delivery.sent",
        "delivery.sent",
        "payment.received",
        "invoice.paid",
        "delivery.sent",
    ]


async def test_an_edit_is_tried_again_and_one_that_is_refused_is_left(sim: Sim) -> None:
    telegram = sim.vendors.channels["telegram"]
    for fault, edits in ((RetryLater("busy"), 1), (Rejected("message to edit not found"), 0)):
        view = await sim.issue(steps=[Step("telegram", 0)], **EVERYWHERE)
        await sim.drain()
        telegram.edit_fault, before = fault, len(telegram.edits)
        await pays(sim, view.invoice.id)
        await sim.pass_time(hours=1)
        assert len(telegram.edits) == before + edits
    assert (await sim.tasks(), await sim.tasks("dead")) == ([], [])


async def test_the_wait_for_a_receipt_ends_with_the_debt(sim: Sim) -> None:
    view = await sim.issue(steps=[Step("sms", 600), Step("email", 0)], **EVERYWHERE)
    await sim.drain()
    assert await sim.tasks() == [(plans.FALL_BACK, view.deliveries[0].id)]
    await pays(sim, view.invoice.id)
    assert await sim.tasks() == []


class TestThanks:
    async def test_on_the_channel_that_was_used_last(self, sim: Sim) -> None:
        sms = sim.vendors.channels["sms"]
        view = await sim.issue(steps=[Step("sms", 600), Step("email", 0)], **EVERYWHERE)
        await sim.pass_time(seconds=600)
        await pays(sim, view.invoice.id)
        assert (await kinds(sim, view.invoice.id))[-1] == ("email", "payment_received", D.SENT)
        other = await sim.issue(steps=[Step("sms", 600), Step("email", 0)], **EVERYWHERE)
        await sim.pass_time(seconds=600)
        await sim.hear("sms", sms.receipt("m2", DeliveryStatus.DELIVERED))
        await pays(sim, other.invoice.id)
        assert (await kinds(sim, other.invoice.id))[-1] == ("sms", "payment_received", D.SENT)

    async def test_a_chat_that_was_bound_later_counts_more_than_an_older_receipt(self, sim: Sim) -> None:
        sms = sim.vendors.channels["sms"]
        view = await sim.issue(steps=[Step("sms", 0)], **EVERYWHERE)
        await sim.drain()
        await sim.hear("sms", sms.receipt("m1", DeliveryStatus.DELIVERED))
        sim.clock.advance(seconds=60)
        await asking.send_again(sim.ctx, sim.biller, view.invoice.id, [Step("telegram", 0)])
        await sim.drain()
        sim.clock.advance(seconds=60)
        await pays(sim, view.invoice.id)
        assert (await kinds(sim, view.invoice.id))[-1] == ("telegram", "payment_received", D.SENT)

    async def test_not_on_one_that_failed(self, sim: Sim) -> None:
        sms = sim.vendors.channels["sms"]
        sms.faults = [Rejected("21614")]
        view = await sim.issue(steps=[Step("email", 0), Step("sms", 0)], **EVERYWHERE)
        await sim.drain()
        await pays(sim, view.invoice.id)
        assert (await kinds(sim, view.invoice.id))[-1] == ("email", "payment_received", D.SENT)

    async def test_not_to_who_was_never_written_to(self, sim: Sim) -> None:
        view = await sim.issue(**EVERYWHERE)
        await pays(sim, view.invoice.id)
        assert await kinds(sim, view.invoice.id) == []

    async def test_not_to_an_address_that_was_stopped(self, sim: Sim) -> None:
        sms = sim.vendors.channels["sms"]
        view = await sim.issue(steps=[Step("sms", 0)], **EVERYWHERE)
        await sim.drain()
        await sim.hear("sms", sms.word(PHONE, "STOP", event_id="w1", stop=True))
        await pays(sim, view.invoice.id)
        (said,) = await sim.events_of(view.invoice.id, "delivery.impossible")
        assert said == {"kind": "payment_received", "reasons": {"sms": "suppressed: stopped"}}
        assert len(sms.sent) == 1

    async def test_not_when_the_biller_does_not_want_it(self, database: Database, clock: FakeClock) -> None:
        async with open_sim(database, clock, biller={"delivery": {"receipt": False}}) as sim:
            view = await sim.issue(steps=[Step("telegram", 0)], **EVERYWHERE)
            await sim.drain()
            await pays(sim, view.invoice.id)
            assert await kinds(sim, view.invoice.id) == [("telegram", "invoice_issued", D.SENT)]
            assert len(sim.vendors.channels["telegram"].edits) == 1

    async def test_a_part_is_thanked_for_with_what_is_left_and_the_message_still_asks(self, sim: Sim) -> None:
        view = await sim.issue(steps=[Step("telegram", 0)], **EVERYWHERE)
        await sim.drain()
        payment_id = await sim.open_payment(view.invoice.id)
        await sim.tell(sim.bank.change(payment_id, PaymentStatus.PAID, received=100_00))
        await sim.drain()
        telegram = sim.vendors.channels["telegram"]
        assert telegram.edits == []
        assert "25,40" in telegram.sent[-1].text
        assert [button.url for button in telegram.sent[-1].buttons] == [sim.ctx.pay_url(view.invoice.id, 0)]


class TestVoid:
    async def test_what_is_queued_is_revoked_and_nobody_is_thanked(self, sim: Sim) -> None:
        view = await sim.issue(steps=[Step("sms", 0)], deliver_at_s=60, **EVERYWHERE)
        await invoices.void(sim.ctx, sim.biller, view.invoice.id, "a mistake")
        await sim.pass_time(days=1)
        assert await kinds(sim, view.invoice.id) == [("sms", "invoice_issued", D.REVOKED)]
        assert sim.vendors.channels["sms"].calls == []

    @pytest.mark.parametrize(("locale", "word"), [("ro", "Anulată"), ("en", "Cancelled")])
    async def test_what_was_sent_says_so_and_offers_no_button(self, sim: Sim, locale: str, word: str) -> None:
        view = await sim.issue(steps=[Step("telegram", 0), Step("sms", 0)], locale=locale, **EVERYWHERE)
        await sim.drain()
        await invoices.void(sim.ctx, sim.biller, view.invoice.id)
        await sim.drain()
        ((_, message),) = sim.vendors.channels["telegram"].edits
        assert word in message.text
        assert "F-1" in message.text
        assert not message.buttons
        assert len(sim.vendors.channels["sms"].sent) == 1
        assert [kind for _, kind, _ in await kinds(sim, view.invoice.id)] == ["invoice_issued"] * 2

    async def test_the_wait_for_a_receipt_ends_too(self, sim: Sim) -> None:
        view = await sim.issue(steps=[Step("sms", 600), Step("email", 0)], **EVERYWHERE)
        await sim.drain()
        await invoices.void(sim.ctx, sim.biller, view.invoice.id)
        await sim.pass_time(days=1)
        assert await kinds(sim, view.invoice.id) == [("sms", "invoice_issued", D.SENT)]


class TestDeclinedAfterAll:
    """The bank accepted, the page said so, and then no money came."""

    async def declined(self, sim: Sim, invoice_id: int) -> None:
        payment_id = await sim.open_payment(invoice_id)
        for status in (PaymentStatus.ACCEPTED, PaymentStatus.FAILED):
            await sim.tell(sim.bank.change(payment_id, status, received=0))
        await sim.drain()

    async def test_the_payer_is_told_once_an_invoice(self, sim: Sim) -> None:
        view = await sim.issue(steps=[Step("sms", 0)], **EVERYWHERE)
        await sim.drain()
        for _ in range(2):
            await self.declined(sim, view.invoice.id)
        told = [kind for _, kind, _ in await kinds(sim, view.invoice.id)]
        assert told == ["invoice_issued", "payment_failed"]

    async def test_what_tells_of_it_is_taken_back_when_money_comes_all_the_same(self, sim: Sim) -> None:
        view = await sim.issue(steps=[Step("telegram", 0)], **EVERYWHERE)
        await sim.drain()
        await self.declined(sim, view.invoice.id)
        await pays(sim, view.invoice.id)
        edited = {external_id for external_id, _ in sim.vendors.channels["telegram"].edits}
        assert edited == {"m1", "m2"}


async def test_of_equally_new_deliveries_the_one_that_came_furthest_was_used_last(sim: Sim) -> None:
    sms = sim.vendors.channels["sms"]
    view = await sim.issue(steps=[Step("sms", 0), Step("email", 0)], **EVERYWHERE)
    await sim.worker.drain()
    await sim.hear("sms", sms.receipt("m1", DeliveryStatus.READ))
    used = await sim.db.read(lambda conn: deliveries.last_used_channel(conn, view.invoice.id))
    assert used is not None
    assert (used.channel, used.kind) == ("sms", K.INVOICE_ISSUED)

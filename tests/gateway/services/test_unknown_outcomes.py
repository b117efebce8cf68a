"""A send that nobody answered: looked up where the vendor can be asked, else repeated and counted; after a crash the same."""

from __future__ import annotations

import asyncio
import contextlib
from datetime import timedelta

import pytest

from gateway.demo.mail import MailFault
from gateway.demo.standin import Fault
from gateway.domain.deliveries import DeliveryState, Step
from gateway.ports.errors import OutcomeUnknown, Rejected, RetryLater
from gateway.services import asking, messaging
from gateway.store import deliveries, outbox
from gateway.worker import LEASE
from tests.harness.gateway import Sim
from tests.harness.world import CHAT, EMAIL, PHONE, World

D = DeliveryState
EVERYWHERE = {"phone": PHONE, "email": EMAIL, "telegram": str(CHAT)}
UNKNOWN = "delivery.unknown"


class TestAsked:
    """Channels whose vendor can be asked (`finds_sent`)."""

    async def test_what_was_taken_is_not_sent_twice(self, sim: Sim) -> None:
        sms = sim.vendors.channels["sms"]
        sms.faults, sms.taken_all_the_same = [OutcomeUnknown("time-out")], True
        view = await sim.issue(steps=[Step("sms", 0)], **EVERYWHERE)
        await sim.drain()
        assert await sim.states(view.invoice.id) == [("sms", D.UNKNOWN)]
        await sim.pass_time(hours=1)
        (delivery,) = await sim.deliveries(view.invoice.id)
        assert (delivery.state, delivery.external_id, delivery.resends) == (D.SENT, "m1", 0)
        assert (sms.calls, len(sms.sent)) == (["send", "find_sent"], 1)
        assert await sim.event_types(view.invoice.id) == ["invoice.issued", UNKNOWN, "delivery.sent"]

    async def test_what_was_not_taken_is_sent_then(self, sim: Sim) -> None:
        sms = sim.vendors.channels["sms"]
        sms.faults = [OutcomeUnknown("time-out")] * 3
        view = await sim.issue(steps=[Step("sms", 0)], **EVERYWHERE)
        await sim.pass_time(hours=1)
        (delivery,) = await sim.deliveries(view.invoice.id)
        assert (delivery.state, delivery.resends, len(sms.sent)) == (D.SENT, 0, 1)
        assert sms.calls == ["send", *["find_sent", "send"] * 3]
        assert (await sim.event_types(view.invoice.id)).count(UNKNOWN) == 1

    async def test_the_silence_is_waited_for_no_longer_than_a_receipt(self, sim: Sim) -> None:
        sms, email = sim.vendors.channels["sms"], sim.vendors.channels["email"]
        sms.faults = [OutcomeUnknown("time-out")] * 99
        view = await sim.issue(steps=[Step("sms", 600), Step("email", 0)], **EVERYWHERE)
        await sim.pass_time(seconds=599)
        assert email.sent == []
        await sim.pass_time(seconds=1)
        assert await sim.states(view.invoice.id) == [("sms", D.UNKNOWN), ("email", D.SENT)]
        await sim.pass_time(days=2)
        assert await sim.states(view.invoice.id) == [("sms", D.UNKNOWN), ("email", D.SENT)]
        assert await sim.tasks() == []

    @pytest.mark.parametrize("paid", ["40.00", "123.45"])
    async def test_it_is_looked_up_by_the_words_it_was_sent_with(self, world: World, paid: str) -> None:
        """Money that came between the try and the question changes what the message would say now."""
        view = await world.issue(amount="123.45", steps=[Step("sms", 0)], **EVERYWHERE)
        world.twilio.fault = Fault.LOSE_ANSWER
        sending = asyncio.create_task(messaging.deliver(world.ctx, view.deliveries[0].id, last_try=False))
        await world.twilio.messages.until(1)
        sending.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await sending
        world.twilio.fault = None
        await world.off_platform(view.invoice.id, paid)
        await messaging.deliver(world.ctx, view.deliveries[0].id, last_try=False)
        first, *_ = await world.deliveries(view.invoice.id)
        assert (first.state, first.external_id) == (D.SENT, world.twilio.messages[0].sid)
        assert len(world.twilio.messages) == 1


class TestNotAsked:
    """Channels that can only be repeated: the repeats are counted."""

    @pytest.mark.parametrize("channel", ["email", "telegram"])
    async def test_a_repeat_is_counted(self, sim: Sim, channel: str) -> None:
        vendor = sim.vendors.channels[channel]
        vendor.faults, vendor.taken_all_the_same = [OutcomeUnknown("time-out")], True
        view = await sim.issue(steps=[Step(channel, 0)], **EVERYWHERE)
        await sim.pass_time(hours=1)
        (delivery,) = await sim.deliveries(view.invoice.id)
        assert (delivery.state, delivery.resends) == (D.SENT, 1)
        first, second = vendor.sent
        assert first == second
        assert vendor.calls == ["send", "send"]

    async def test_a_try_that_did_nothing_is_no_repeat(self, sim: Sim) -> None:
        email = sim.vendors.channels["email"]
        email.faults = [OutcomeUnknown("time-out"), RetryLater("down"), RetryLater("down")]
        view = await sim.issue(steps=[Step("email", 0)], **EVERYWHERE)
        await sim.pass_time(hours=1)
        (delivery,) = await sim.deliveries(view.invoice.id)
        assert (delivery.state, delivery.resends, len(email.calls)) == (D.SENT, 1, 4)

    async def test_out_of_tries_it_stays_unknown_and_the_next_channel_is_taken(self, sim: Sim) -> None:
        email, sms = sim.vendors.channels["email"], sim.vendors.channels["sms"]
        email.faults = [OutcomeUnknown("time-out"), *[RetryLater("down")] * 20]
        view = await sim.issue(steps=[Step("email", 86_400), Step("sms", 0)], **EVERYWHERE)
        await sim.pass_time(hours=23)
        assert await sim.states(view.invoice.id) == [("email", D.UNKNOWN), ("sms", D.SENT)]
        assert (len(sms.sent), await sim.tasks()) == (1, [])

    async def test_a_later_refusal_is_believed(self, sim: Sim) -> None:
        email = sim.vendors.channels["email"]
        email.faults = [OutcomeUnknown("time-out"), Rejected("5.7.1")]
        view = await sim.issue(steps=[Step("email", 600), Step("sms", 0)], **EVERYWHERE)
        await sim.pass_time(seconds=60)
        assert await sim.states(view.invoice.id) == [("email", D.FAILED), ("sms", D.SENT)]


async def crash(world: World, channel: str) -> int:
    """A worker dies after the vendor has taken a message and before that is recorded; gives the delivery's id."""
    view = await world.issue(steps=[Step(channel, 0)], **EVERYWHERE)
    now = world.clock.now()
    await world.db.write(lambda conn: outbox.claim(conn, "dead", now, now + LEASE, 10))
    if channel == "email":
        world.mail.fault = MailFault("dot", None, taken=True)
        arrived = world.mail.messages.until(1)
    else:
        stand_in = world.twilio if channel == "sms" else world.telegram
        stand_in.fault = Fault.LOSE_ANSWER
        arrived = stand_in.messages.until(1)  # type: ignore[attr-defined]
    sending = asyncio.create_task(messaging.deliver(world.ctx, view.deliveries[0].id, last_try=False))
    await arrived
    sending.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await sending
    world.mail.fault = world.twilio.fault = world.telegram.fault = None
    assert await world.states(view.invoice.id) == [(channel, D.SENDING)]
    assert await world.drain() == 0
    world.clock.advance(LEASE)
    return view.invoice.id


class TestCrashBetweenSendAndRecord:
    async def test_twilio_is_asked_and_nothing_is_sent_twice(self, world: World) -> None:
        invoice_id = await crash(world, "sms")
        await world.drain()
        (delivery,) = await world.deliveries(invoice_id)
        (sms,) = world.twilio.messages
        assert (delivery.state, delivery.external_id, delivery.resends) == (D.SENT, sms.sid, 0)

    async def test_a_mail_server_cannot_be_asked_and_the_repeat_is_the_same_message(self, world: World) -> None:
        invoice_id = await crash(world, "email")
        await world.drain()
        (delivery,) = await world.deliveries(invoice_id)
        first, second = world.mail.messages
        assert (delivery.state, delivery.external_id, delivery.resends) == (D.SENT, first.message_id, 1)
        assert second.message_id == first.message_id

    async def test_nor_can_telegram(self, world: World) -> None:
        world.telegram.join(CHAT).started = True
        invoice_id = await crash(world, "telegram")
        await world.drain()
        (delivery,) = await world.deliveries(invoice_id)
        assert (delivery.state, delivery.resends, len(world.telegram.messages)) == (D.SENT, 1, 2)
        assert delivery.external_id == f"{CHAT}:{world.telegram.messages[1].message_id}"


async def test_the_same_text_of_an_earlier_delivery_is_not_taken_for_this_one(world: World) -> None:
    """Twilio can only be asked by text, and a message that is sent again has the text of the first."""
    view = await world.issue(steps=[Step("sms", 0)], **EVERYWHERE)
    await world.drain()
    world.clock.advance(timedelta(minutes=1))
    (again,) = await asking.send_again(world.ctx, world.biller, view.invoice.id, [Step("sms", 0)])
    now = world.clock.now()
    # A crash after the begin of the send and before the vendor was called.
    await world.db.write(lambda conn: deliveries.move(conn, again.id, [D.QUEUED], D.SENDING, now))
    await world.drain()
    sent = await world.deliveries(view.invoice.id)
    first, second = world.twilio.messages
    assert first.body == second.body
    assert [(one.state, one.external_id) for one in sent] == [(D.SENT, first.sid), (D.SENT, second.sid)]


async def test_a_lost_answer_on_the_wire_is_an_unknown_outcome(world: World) -> None:
    """The connection breaks after the final dot: the mail server may or may not have taken the message (RFC 1047)."""
    view = await world.issue(steps=[Step("email", 0)], **EVERYWHERE)
    world.mail.fault = MailFault("dot", None, taken=True)
    world.mail.messages.on_add(lambda mail: world.mail.drop_connections())
    await world.drain()
    assert await world.states(view.invoice.id) == [("email", D.UNKNOWN)]
    (unknown,) = await world.events_of(view.invoice.id, UNKNOWN)
    assert (unknown["channel"], unknown["kind"]) == ("email", "invoice_issued")

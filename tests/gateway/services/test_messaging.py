"""Sending: the next channel when one fails or stays silent, the schedule of tries, and waits under a clock that stands still."""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta
from itertools import pairwise

import pytest

from gateway.domain.deliveries import DeliveryState, MessageKind, Step
from gateway.ports.channel import DeliveryStatus, Message
from gateway.ports.errors import AdapterError, OutcomeUnknown, Rejected, RetryLater
from gateway.services import plans
from gateway.store import deliveries
from gateway.worker import KINDS
from tests.harness.gateway import Sim
from tests.harness.vendor_channels import SimChannel

D, S = DeliveryState, DeliveryStatus
PHONE, EMAIL, CHAT = "+40722123456", "ana.popescu@example.ro", "402123456789"
EVERYWHERE = {"phone": PHONE, "email": EMAIL, "telegram": CHAT}
SMS_THEN_EMAIL = [Step("sms", 600), Step("email", 0)]
SENT, DELIVERED, FAILED = "delivery.sent", "delivery.delivered", "delivery.failed"


def channels(sim: Sim) -> tuple[SimChannel, SimChannel, SimChannel]:
    found = sim.vendors.channels
    return found["sms"], found["email"], found["telegram"]


class TestNextChannel:
    async def test_at_once_when_the_vendor_refuses(self, sim: Sim) -> None:
        sms, email, _ = channels(sim)
        sms.faults = [Rejected("21610")]
        view = await sim.issue(steps=SMS_THEN_EMAIL, **EVERYWHERE)
        await sim.drain()
        assert await sim.states(view.invoice.id) == [("sms", D.FAILED), ("email", D.SENT)]
        assert await sim.event_types(view.invoice.id) == ["invoice.issued", FAILED, SENT]
        assert (await sim.events_of(view.invoice.id, FAILED))[0]["code"] == "21610"
        assert [message.to for message in email.sent] == [EMAIL]
        assert await sim.tasks() == []

    async def test_at_once_when_the_receipt_says_that_it_failed(self, sim: Sim) -> None:
        sms, email, _ = channels(sim)
        view = await sim.issue(steps=SMS_THEN_EMAIL, **EVERYWHERE)
        await sim.drain()
        assert len(email.sent) == 0
        await sim.hear("sms", sms.receipt("m1", S.FAILED, code="30003"))
        await sim.drain()
        assert await sim.states(view.invoice.id) == [("sms", D.FAILED), ("email", D.SENT)]

    async def test_after_the_wait_when_no_receipt_came(self, sim: Sim) -> None:
        _, email, _ = channels(sim)
        view = await sim.issue(steps=SMS_THEN_EMAIL, **EVERYWHERE)
        await sim.pass_time(seconds=599)
        assert len(email.sent) == 0
        await sim.pass_time(seconds=1)
        assert await sim.states(view.invoice.id) == [("sms", D.SENT), ("email", D.SENT)]
        await sim.pass_time(days=1)
        assert len(email.sent) == 1

    async def test_not_when_the_receipt_came(self, sim: Sim) -> None:
        sms, email, _ = channels(sim)
        view = await sim.issue(steps=SMS_THEN_EMAIL, **EVERYWHERE)
        await sim.pass_time(seconds=599)
        await sim.hear("sms", sms.receipt("m1", S.DELIVERED))
        assert await sim.tasks() == []
        await sim.pass_time(days=1)
        assert await sim.states(view.invoice.id) == [("sms", D.DELIVERED)]
        assert email.calls == []

    async def test_a_receipt_that_is_late_takes_nothing_back_and_repeats_nothing(self, sim: Sim) -> None:
        sms, email, _ = channels(sim)
        view = await sim.issue(steps=SMS_THEN_EMAIL, **EVERYWHERE)
        await sim.pass_time(seconds=600)
        await sim.hear("sms", sms.receipt("m1", S.DELIVERED))
        await sim.hear("sms", sms.receipt("m1", S.FAILED))
        await sim.pass_time(days=1)
        assert await sim.states(view.invoice.id) == [("sms", D.DELIVERED), ("email", D.SENT)]
        assert len(email.sent) == 1

    async def test_not_when_the_debt_was_paid_in_the_wait(self, sim: Sim) -> None:
        sms, email, _ = channels(sim)
        view = await sim.issue(steps=SMS_THEN_EMAIL, **EVERYWHERE)
        await sim.drain()
        await sim.off_platform(view.invoice.id, "125.40")
        assert (plans.FALL_BACK, view.deliveries[0].id) not in await sim.tasks()
        await sim.hear("sms", sms.receipt("m1", S.FAILED))
        await sim.pass_time(days=1)
        assert email.calls == []

    @pytest.mark.parametrize("faults", [[], [RetryLater("busy")], [OutcomeUnknown("time-out")]])
    async def test_a_channel_that_reports_no_receipts_is_not_waited_for(
        self, sim: Sim, faults: list[AdapterError | None]
    ) -> None:
        sms, email, _ = channels(sim)
        email.faults = list(faults)
        await sim.issue(steps=[Step("email", 600), Step("sms", 0)], **EVERYWHERE)
        await sim.pass_time(days=1)
        assert (len(email.sent), len(sms.sent)) == (1, 0)

    async def test_a_plan_goes_through_all_its_steps(self, sim: Sim) -> None:
        sms, email, telegram = channels(sim)
        telegram.faults, sms.faults = [Rejected("403", unreachable=True)], [Rejected("21614")]
        steps = [Step("telegram", 60), Step("sms", 60), Step("email", 60)]
        view = await sim.issue(steps=steps, **EVERYWHERE)
        await sim.drain()
        expected = [("telegram", D.FAILED), ("sms", D.FAILED), ("email", D.SENT)]
        assert await sim.states(view.invoice.id) == expected
        email.faults = [Rejected("5.7.1")]
        again = await sim.issue(steps=[Step("email", 60)], **EVERYWHERE)
        await sim.drain()
        assert await sim.states(again.invoice.id) == [("email", D.FAILED)]

    async def test_when_the_rest_of_the_plan_reaches_nobody_that_is_told(self, sim: Sim) -> None:
        sms, _, _ = channels(sim)
        sms.faults = [Rejected("21614")]
        view = await sim.issue(steps=SMS_THEN_EMAIL, phone=PHONE)
        await sim.drain()
        (said,) = await sim.events_of(view.invoice.id, "delivery.impossible")
        assert said["reasons"] == {"email": "no address"}


class TestDeadAddress:
    async def test_an_address_that_cannot_be_reached_is_not_used_again(self, sim: Sim) -> None:
        sms, _, _ = channels(sim)
        sms.faults = [Rejected("21614", unreachable=True)]
        await sim.issue(steps=SMS_THEN_EMAIL, reference="C-1", **EVERYWHERE)
        await sim.drain()
        again = await sim.issue(steps=SMS_THEN_EMAIL, reference="C-1", **EVERYWHERE)
        assert [one.channel for one in again.deliveries] == ["email"]
        stopped = [event for event in await sim.event_types() if event == "payer.stopped"]
        assert stopped == ["payer.stopped"]

    async def test_nor_when_a_receipt_says_so_and_the_biller_hears_of_it_once(self, sim: Sim) -> None:
        sms, _, _ = channels(sim)
        for reference in ("C-1", "C-2"):
            await sim.issue(steps=[Step("sms", 600)], reference=reference, **EVERYWHERE)
        await sim.drain()
        for number in ("m1", "m2"):
            await sim.hear("sms", sms.receipt(number, S.FAILED, code="30005", unreachable=True))
        assert (await sim.event_types()).count("payer.stopped") == 1
        why = await sim.db.read(lambda conn: deliveries.suppressed(conn, sim.biller.id, "sms", PHONE))
        assert why == "unreachable"

    async def test_what_is_queued_when_the_payer_stops_goes_another_way(self, sim: Sim) -> None:
        sms, email, _ = channels(sim)
        view = await sim.issue(steps=SMS_THEN_EMAIL, deliver_at_s=3600, **EVERYWHERE)
        await sim.hear("sms", sms.word(PHONE, "STOP", event_id="w1", stop=True))
        await sim.pass_time(seconds=3600)
        assert await sim.states(view.invoice.id) == [("sms", D.FAILED), ("email", D.SENT)]
        assert (await sim.events_of(view.invoice.id, FAILED))[0]["code"] == "suppressed_stopped"
        assert (sms.calls, len(email.sent)) == ([], 1)


class TestTries:
    async def test_the_schedule_of_tries_ends_in_failed_and_the_next_channel(self, sim: Sim) -> None:
        sms, _, _ = channels(sim)
        pauses_s = KINDS[plans.DELIVER].pauses_s
        tried: list[datetime] = []

        async def note(verb: str) -> None:
            tried.append(sim.clock.now())

        sms.on_call, sms.faults = note, [RetryLater("down")] * (len(pauses_s) + 5)
        view = await sim.issue(steps=[Step("sms", 86_400), Step("email", 0)], **EVERYWHERE)
        await sim.pass_time(days=2)
        between = [(after - before).total_seconds() for before, after in pairwise(tried)]
        assert between == pytest.approx([pause * 1.05 for pause in pauses_s], abs=0.2)
        assert await sim.states(view.invoice.id) == [("sms", D.FAILED), ("email", D.SENT)]
        assert (await sim.events_of(view.invoice.id, FAILED))[0]["code"] == "out_of_tries"
        assert await sim.event_types(view.invoice.id) == ["invoice.issued", FAILED, SENT]
        assert await sim.tasks() == []

    async def test_the_vendors_wish_for_quiet_is_kept(self, sim: Sim) -> None:
        sms, _, _ = channels(sim)
        sms.faults = [RetryLater("busy", after_s=300)]
        view = await sim.issue(steps=[Step("sms", 0)], **EVERYWHERE)
        await sim.pass_time(seconds=299)
        assert (await sim.states(view.invoice.id), len(sms.calls)) == ([("sms", D.QUEUED)], 1)
        await sim.pass_time(seconds=2)
        assert await sim.states(view.invoice.id) == [("sms", D.SENT)]

    async def test_a_vendor_that_is_down_is_waited_for_no_longer_than_a_silent_one(self, sim: Sim) -> None:
        sms, email, _ = channels(sim)
        sms.faults = [RetryLater("down")] * 9
        view = await sim.issue(steps=SMS_THEN_EMAIL, **EVERYWHERE)
        await sim.pass_time(seconds=599)
        assert len(email.sent) == 0
        await sim.pass_time(seconds=1)
        assert await sim.states(view.invoice.id) == [("sms", D.FAILED), ("email", D.SENT)]
        assert (await sim.events_of(view.invoice.id, FAILED))[0]["code"] == "overtaken"
        sms.faults = []
        await sim.pass_time(days=1)
        assert (len(sms.sent), len(email.sent)) == (0, 1)

    async def test_and_when_nothing_else_reaches_the_payer_it_is_waited_for(self, sim: Sim) -> None:
        sms, _, _ = channels(sim)
        sms.faults = [RetryLater("down")] * 4
        view = await sim.issue(steps=SMS_THEN_EMAIL, phone=PHONE)
        await sim.pass_time(hours=1)
        assert await sim.states(view.invoice.id) == [("sms", D.SENT)]
        assert len(await sim.events_of(view.invoice.id, "delivery.impossible")) == 1

    async def test_the_wait_begins_anew_when_the_vendor_has_taken_the_message(self, sim: Sim) -> None:
        sms, email, _ = channels(sim)
        sms.faults = [RetryLater("down", after_s=500)]
        view = await sim.issue(steps=SMS_THEN_EMAIL, **EVERYWHERE)
        await sim.pass_time(seconds=1000)
        assert (await sim.states(view.invoice.id), len(email.sent)) == ([("sms", D.SENT)], 0)
        await sim.pass_time(seconds=110)
        assert len(email.sent) == 1


class TestRaces:
    """Nobody who paid is chased: money comes at every moment of a send."""

    async def pays(self, sim: Sim, invoice_id: int) -> None:
        await sim.off_platform(invoice_id, "125.40")

    async def test_paid_between_claim_and_begin_is_not_sent(self, sim: Sim) -> None:
        """The first try is refused for now, and meanwhile the debt is paid: nothing was queued then to be revoked."""
        sms, email, _ = channels(sim)
        view = await sim.issue(steps=[Step("sms", 600), Step("email", 0)], **EVERYWHERE)

        async def pay(verb: str) -> None:
            sms.on_call = None
            await self.pays(sim, view.invoice.id)

        sms.on_call, sms.faults = pay, [RetryLater("busy")]
        await sim.pass_time(days=1)
        assert await sim.states(view.invoice.id) == [("sms", D.REVOKED)]
        assert (sms.sent, email.sent) == ([], [])
        revoked = await sim.events_of(view.invoice.id, "delivery.revoked")
        assert [one["channel"] for one in revoked] == ["sms"]

    async def test_paid_between_send_and_record_is_revised_afterwards(self, sim: Sim) -> None:
        _, _, telegram = channels(sim)
        view = await sim.issue(steps=[Step("telegram", 0)], **EVERYWHERE)

        async def pay(message: Message) -> None:
            telegram.before_answer = None
            await self.pays(sim, view.invoice.id)

        telegram.before_answer = pay
        await sim.drain()
        assert await sim.states(view.invoice.id) == [("telegram", D.SENT)]
        ((external_id, message),) = telegram.edits
        assert (external_id, "🟢" in message.text, list(message.buttons)) == ("m1", True, [])

    async def test_paid_while_the_outcome_is_unknown_is_looked_up_and_not_sent_again(self, sim: Sim) -> None:
        sms, _, _ = channels(sim)
        sms.faults = [OutcomeUnknown("time-out")]
        view = await sim.issue(steps=[Step("sms", 0)], **EVERYWHERE)
        await sim.drain()
        await self.pays(sim, view.invoice.id)
        await sim.pass_time(days=1)
        assert await sim.states(view.invoice.id) == [("sms", D.REVOKED)]
        assert (sms.calls, sms.sent) == (["send", "find_sent"], [])

    async def test_and_where_it_had_been_taken_that_is_known_then(self, sim: Sim) -> None:
        sms, _, _ = channels(sim)
        sms.faults, sms.taken_all_the_same = [OutcomeUnknown("time-out")], True
        view = await sim.issue(steps=[Step("sms", 0)], **EVERYWHERE)
        await sim.drain()
        await self.pays(sim, view.invoice.id)
        await sim.pass_time(days=1)
        assert await sim.states(view.invoice.id) == [("sms", D.SENT)]
        assert sms.calls == ["send", "find_sent"]

    @pytest.mark.parametrize("how", ["paid", "stopped"])
    async def test_where_the_vendor_cannot_be_asked_nothing_is_repeated_to_who_paid_or_stopped(
        self, sim: Sim, how: str
    ) -> None:
        _, email, _ = channels(sim)
        email.faults = [OutcomeUnknown("time-out")]
        view = await sim.issue(steps=[Step("email", 0)], **EVERYWHERE)
        await sim.drain()
        if how == "paid":
            await self.pays(sim, view.invoice.id)
        else:
            await sim.hear("email", email.word(EMAIL, "", event_id="w1", stop=True))
        await sim.pass_time(days=1)
        assert await sim.states(view.invoice.id) == [("email", D.UNKNOWN)]
        assert (email.calls, (await sim.deliveries(view.invoice.id))[0].resends) == (["send"], 0)

    async def test_two_workers_send_it_once(self, sim: Sim) -> None:
        sms, _, _ = channels(sim)
        await sim.issue(steps=[Step("sms", 0)], **EVERYWHERE)
        other = sim.other_worker("second")

        async def meanwhile(message: Message) -> None:
            sim.clock.advance(timedelta(seconds=5))
            await other.drain()

        sms.before_answer = meanwhile
        await sim.drain()
        await other.drain()
        assert len(sms.sent) == 1

    async def test_all_at_once_leaves_no_message_that_asks_who_paid(self, sim: Sim) -> None:
        _, _, telegram = channels(sim)
        views = [await sim.issue(steps=[Step("telegram", 0)], **EVERYWHERE) for _ in range(12)]
        await asyncio.gather(sim.drain(), *(self.pays(sim, view.invoice.id) for view in views))
        await sim.pass_time(hours=1)
        edited = {external_id for external_id, _ in telegram.edits}
        for view in views:
            asked, *thanked = await sim.deliveries(view.invoice.id)
            assert asked.state in (D.SENT, D.REVOKED)
            assert asked.state is D.REVOKED or asked.external_id in edited
            assert [one.kind for one in thanked] in ([], [MessageKind.PAYMENT_RECEIVED])
        assert (await sim.tasks(), await sim.tasks("dead")) == ([], [])

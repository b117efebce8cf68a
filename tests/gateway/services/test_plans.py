"""Plans: which channel carries a message, which are passed over and why, and what the biller hears when none is left."""

from __future__ import annotations

from datetime import timedelta

import pytest

from gateway.domain.deliveries import DeliveryState, Step
from gateway.services import asking, invoices
from gateway.services.errors import Conflict, Invalid, NotFound
from gateway.store import deliveries
from gateway.store.database import Database
from gateway.testing.clock import FakeClock
from tests.harness.gateway import Sim, apply_biller, draft_of, identity, open_sim

D = DeliveryState
PHONE, EMAIL, CHAT = "+40722123456", "ana.popescu@example.ro", "402123456789"
EVERYWHERE = {"phone": PHONE, "email": EMAIL, "telegram": CHAT}


async def test_the_first_step_that_reaches_the_payer_is_taken_and_the_rest_is_kept(sim: Sim) -> None:
    view = await sim.issue(steps=[Step("telegram", 60), Step("sms", 600), Step("email", 0)], phone=PHONE, email=EMAIL)
    (queued,) = view.deliveries
    assert (queued.channel, queued.address, queued.state, queued.wait_s) == ("sms", PHONE, D.QUEUED, 600)
    assert queued.steps_left == [Step("email", 0)]
    assert await sim.event_types(view.invoice.id) == ["invoice.issued"]


async def test_a_wait_of_nothing_sends_the_next_at_once_too(sim: Sim) -> None:
    steps = [Step("sms", 0), Step("email", 600), Step("telegram", 0)]
    view = await sim.issue(steps=steps, **EVERYWHERE)
    assert [(one.channel, one.steps_left) for one in view.deliveries] == [("sms", []), ("email", [Step("telegram", 0)])]
    await sim.drain()
    assert [len(sim.vendors.channels[name].sent) for name in ("sms", "email", "telegram")] == [1, 1, 0]


async def test_when_nothing_reaches_the_payer_each_reason_is_told(sim: Sim) -> None:
    now = sim.clock.now()
    await sim.db.write(lambda conn: deliveries.suppress(conn, sim.biller.id, "sms", PHONE, "stopped", now))
    view = await sim.issue(steps=[Step("sms", 600), Step("email", 0)], phone=PHONE)
    assert view.deliveries == []
    said = await sim.events_of(view.invoice.id, "delivery.impossible")
    assert said == [{"kind": "invoice_issued", "reasons": {"sms": "suppressed: stopped", "email": "no address"}}]
    assert await sim.drain() == 0


async def test_what_is_suppressed_is_so_for_its_address_its_channel_and_its_biller_alone(sim: Sim) -> None:
    now = sim.clock.now()

    def body(conn) -> None:  # type: ignore[no-untyped-def]
        deliveries.suppress(conn, sim.biller.id, "email", PHONE, "stopped", now)
        deliveries.suppress(conn, sim.biller.id, "sms", "+40722999999", "stopped", now)

    await sim.db.write(body)
    view = await sim.issue(steps=[Step("sms", 600)], phone=PHONE)
    await sim.drain()
    assert await sim.states(view.invoice.id) == [("sms", D.SENT)]


async def test_a_message_for_later_waits_for_its_instant(sim: Sim) -> None:
    view = await sim.issue(steps=[Step("sms", 600)], phone=PHONE, deliver_at_s=3600)
    await sim.pass_time(seconds=3599)
    assert await sim.states(view.invoice.id) == [("sms", D.QUEUED)]
    await sim.pass_time(seconds=1)
    assert await sim.states(view.invoice.id) == [("sms", D.SENT)]


async def test_the_billers_policy_is_used_where_nothing_is_said(database: Database, clock: FakeClock) -> None:
    policy = {"channels": [{"channel": "email", "wait": "0s"}, {"channel": "sms", "wait": "2m"}]}
    async with open_sim(database, clock, biller={"delivery": policy}) as sim:
        view = await sim.issue(steps=None, **EVERYWHERE)
        assert [(one.channel, one.wait_s) for one in view.deliveries] == [("email", 0), ("sms", 120)]


async def test_a_channel_that_the_biller_has_not_is_named_by_its_place(sim: Sim) -> None:
    with pytest.raises(Invalid, match="you have: email, sms, telegram") as caught:
        await sim.issue(steps=[Step("sms", 0), Step("pigeon", 0)], phone=PHONE)
    assert caught.value.path == "deliver[1].channel"
    view = await sim.issue()
    with pytest.raises(Invalid):
        await asking.send_again(sim.ctx, sim.biller, view.invoice.id, [Step("pigeon", 0)])


async def test_a_channel_that_was_switched_off_takes_no_message_and_the_next_one_does(sim: Sim) -> None:
    view = await sim.issue(steps=[Step("sms", 600), Step("email", 0)], **EVERYWHERE)
    tables = {name: table for name, table in sim.vendors.tables["channels"].items() if name != "sms"}
    values = {"biller": identity(), **sim.vendors.tables, "channels": tables}
    await apply_biller(sim.ctx, sim.vendors, values)  # type: ignore[arg-type]
    await sim.drain()
    assert await sim.states(view.invoice.id) == [("sms", D.FAILED), ("email", D.SENT)]
    (failed,) = await sim.events_of(view.invoice.id, "delivery.failed")
    assert failed["code"] == "no_account"
    assert sim.vendors.channels["sms"].calls == []
    with pytest.raises(Invalid):
        await sim.issue(steps=[Step("sms", 0)], phone=PHONE)


class TestSendAgain:
    async def test_now_by_the_billers_policy_or_by_steps(self, database: Database, clock: FakeClock) -> None:
        async with open_sim(database, clock, biller={"delivery": {"channels": [{"channel": "email"}]}}) as sim:
            view = await sim.issue(**EVERYWHERE)
            (by_policy,) = await asking.send_again(sim.ctx, sim.biller, view.invoice.id, None)
            (by_steps,) = await asking.send_again(sim.ctx, sim.biller, view.invoice.id, [Step("sms", 0)])
            assert (by_policy.channel, by_steps.channel) == ("email", "sms")
            await sim.drain()
            assert await sim.states(view.invoice.id) == [("email", D.SENT), ("sms", D.SENT)]

    async def test_later_and_never_earlier_than_now(self, sim: Sim) -> None:
        view = await sim.issue(phone=PHONE)
        ask = [Step("sms", 0)]
        at = sim.clock.now() + timedelta(hours=2)
        (later,) = await asking.send_again(sim.ctx, sim.biller, view.invoice.id, ask, at)
        (past,) = await asking.send_again(sim.ctx, sim.biller, view.invoice.id, ask, at - timedelta(days=1))
        assert (later.due_at, past.due_at) == (at, sim.clock.now())

    async def test_nothing_is_asked_of_who_owes_nothing(self, sim: Sim) -> None:
        view = await sim.issue(phone=PHONE)
        await sim.off_platform(view.invoice.id, "125.40")
        with pytest.raises(Conflict, match="the invoice is paid"):
            await asking.send_again(sim.ctx, sim.biller, view.invoice.id, [Step("sms", 0)])
        with pytest.raises(NotFound):
            await asking.send_again(sim.ctx, sim.biller, view.invoice.id + 1, [Step("sms", 0)])

    async def test_a_contact_point_that_was_changed_since_is_used(self, sim: Sim) -> None:
        """The payer of a reference is one: the next invoice brings the newer phone, also for the older one."""
        old = await sim.issue(phone="+40722000000", reference="C-1")
        await sim.issue(phone=PHONE, reference="C-1")
        (queued,) = await asking.send_again(sim.ctx, sim.biller, old.invoice.id, [Step("sms", 0)])
        assert queued.address == PHONE


async def test_a_chat_that_the_payer_bound_is_not_forgotten_by_an_invoice_that_does_not_know_of_it(sim: Sim) -> None:
    await sim.issue(reference="C-1", telegram=CHAT, phone=PHONE)
    view = await sim.issue(reference="C-1", phone=None, steps=[Step("telegram", 0)])
    assert (view.payer.telegram, view.payer.phone) == (CHAT, None)
    assert [one.address for one in view.deliveries] == [CHAT]
    moved = await sim.issue(reference="C-1", telegram="1")
    assert moved.payer.telegram == "1"


async def test_issuing_the_same_again_sends_nothing_again(sim: Sim) -> None:
    draft = draft_of("F-1", "10.00", steps=[Step("sms", 0)], payer={"phone": PHONE})
    first, new = await invoices.issue(sim.ctx, sim.biller, draft)
    again, repeated = await invoices.issue(sim.ctx, sim.biller, draft)
    assert (new, repeated, first.invoice.id) == (True, False, again.invoice.id)
    await sim.drain()
    assert len(sim.vendors.channels["sms"].sent) == 1

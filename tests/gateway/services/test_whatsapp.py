"""WhatsApp end to end, by both vendors: templates, receipts by our own reference, the number that was left, consent, the challenge."""

from __future__ import annotations

import asyncio
import contextlib
import re
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest

from gateway.demo.standin import Fault
from gateway.domain.deliveries import DeliveryState, Step
from gateway.ports.channel import DeliveryStatus, TemplateStatus
from gateway.ports.errors import OutcomeUnknown
from gateway.rendering import KEPT_KINDS
from gateway.services import bindings, messaging, receipts
from gateway.store import deliveries, invoices, schema
from gateway.store.database import Database
from gateway.testing.clock import FakeClock
from tests.harness.gateway import ENVIRONMENT, Sim, count, open_sim
from tests.harness.two import META, TWILIO, Two, open_two
from tests.harness.world import PHONE, World

D = DeliveryState
AGAIN = "+40722999888"


@pytest.fixture
async def two(database: Database, clock: FakeClock) -> AsyncIterator[Two]:
    async with open_two(database, clock) as opened:
        yield opened


class TestTemplates:
    @pytest.mark.parametrize("channel", [META, TWILIO])
    async def test_what_was_synced_is_what_is_sent(self, two: Two, channel: str) -> None:
        """The names, places and links that a message has are those that the vendor was given."""
        assert {kept.standing.status for kept in await two.sync(channel, dry_run=True)} == {TemplateStatus.MISSING}
        first, again = await two.sync(channel), await two.sync(channel)
        assert (len(first), {kept.kind for kept in first}) == (2 * len(KEPT_KINDS), set(KEPT_KINDS))
        assert ({kept.new for kept in first}, {kept.new for kept in again}) == ({True}, {False})
        assert {kept.standing.status for kept in again} == {TemplateStatus.APPROVED}

        invoice_id = await two.send(channel)
        assert await two.world.states(invoice_id) == [(channel, D.SENT)]
        if channel == META:
            (message,) = two.meta.messages
            text, (link,) = message.text, [str(button.url) for button in message.buttons]
        else:
            (sms,) = two.twilio.messages
            text, (link,) = sms.body, [url for _, url in two.twilio.buttons[sms.sid]]
        assert text.startswith("Factura F-1 de la Acme este de 125,40 lei, scadentă")
        assert re.fullmatch(rf"{re.escape(two.world.ctx.public_url)}/p/[0-9A-Za-z]{{18}}", link)
        await two.world.off_platform(invoice_id, "125.40")
        await two.world.drain()
        received = two.meta.messages[-1].text if channel == META else two.twilio.messages[-1].body
        assert received.startswith("Plată primită: 125,40 lei pentru factura F-1")

    @pytest.mark.parametrize("channel", [META, TWILIO])
    async def test_without_links_no_text_has_a_button(self, database: Database, clock: FakeClock, channel: str) -> None:
        async with open_two(database, clock, link_free=True) as two:
            first = await two.sync(channel)
            assert (len(first), {kept.text.button for kept in first}) == (2 * len(KEPT_KINDS), {""})
            invoice_id = await two.send(channel)
            assert await two.world.states(invoice_id) == [(channel, D.SENT)]
            await two.world.off_platform(invoice_id, "125.40")
            await two.world.drain()
            if channel == META:
                texts = [message.text for message in two.meta.messages]
                assert [message.buttons for message in two.meta.messages] == [(), ()]
            else:
                texts = [message.body for message in two.twilio.messages]
                assert [two.twilio.buttons[message.sid] for message in two.twilio.messages] == [[], []]
            reference = re.compile(r"RF[0-9]{2}[0-9 ]*")
            for text in texts:
                for words in ("125,40", two.world.ctx.pay_codes.issue(invoice_id), "acme.ro"):
                    assert words in text
                assert reference.search(text)
                assert "http" not in text

    @pytest.mark.parametrize(("channel", "code"), [(META, "132001"), (TWILIO, "template_missing")])
    async def test_before_the_sync_a_message_does_not_look_sent(self, two: Two, channel: str, code: str) -> None:
        invoice_id = await two.send(channel)
        assert await two.world.states(invoice_id) == [(channel, D.FAILED)]
        (failed,) = await two.world.events_of(invoice_id, "delivery.failed")
        assert failed["code"] == code
        assert (two.meta.messages, two.twilio.messages) == ([], [])

    async def test_what_the_vendor_refuses_does_not_stop_the_others(self, two: Two) -> None:
        await two.sync()
        kept = next(iter(two.meta.api.kept))
        del two.meta.api.kept[kept]
        two.meta.api.kept[kept[0].removeprefix("achit_"), "xx"] = next(iter(two.meta.api.kept.values()))
        found = await two.sync()
        assert [one.new for one in found].count(True) == 1
        two.meta.fault = Fault.BROKEN
        with pytest.raises(Exception, match="says nothing"):
            await two.sync()


class TestReference:
    """Meta echoes our reference in every status: an unanswered send is known by its first receipt."""

    async def test_a_receipt_resolves_a_send_that_nobody_answered(self, two: Two) -> None:
        await two.sync()
        two.meta.fault = Fault.LOSE_ANSWER
        view = await two.world.issue(steps=[Step(META, 600)], whatsapp=PHONE)
        sending = asyncio.create_task(messaging.deliver(two.world.ctx, view.deliveries[0].id, last_try=False))
        await two.meta.messages.until(1)
        two.meta.fault = None
        wamid = two.meta.messages[0].wamid
        for status in ("sent", "delivered", "sent"):
            assert await two.meta.receipt(wamid, status) == 204
        sending.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await sending
        (delivery,) = await two.world.deliveries(view.invoice.id)
        assert (delivery.state, delivery.external_id, delivery.resends) == (D.DELIVERED, wamid, 0)
        await two.world.pass_time(hours=2)
        assert len(two.meta.messages) == 1
        assert await two.world.event_types(view.invoice.id) == [
            "invoice.issued",
            "delivery.sent",
            "delivery.delivered",
        ]
        assert await two.world.tasks() == []

    async def test_from_unknown_the_plan_does_not_go_on(self, echo: Sim) -> None:
        vendor, view = echo.vendors.channels["echo"], await unknown(echo)
        vendor.faults = []
        await echo.hear("echo", vendor.receipt("m1", DeliveryStatus.DELIVERED, reference=vendor.sent[0].reference))
        await echo.pass_time(hours=2)
        assert await echo.states(view) == [("echo", D.DELIVERED)]
        assert (len(vendor.sent), vendor.calls) == (1, ["send"])

    async def test_a_failure_by_reference_takes_the_next_step(self, echo: Sim) -> None:
        vendor, view = echo.vendors.channels["echo"], await unknown(echo)
        reference = vendor.sent[0].reference
        await echo.hear("echo", vendor.receipt("m1", DeliveryStatus.FAILED, reference=reference, code="131047"))
        await echo.drain()
        assert await echo.states(view) == [("echo", D.FAILED), ("sms", D.SENT)]
        (failed,) = await echo.events_of(view, "delivery.failed")
        assert failed["code"] == "131047"

    async def test_of_a_message_that_was_sent_twice_one_is_enough(self, echo: Sim) -> None:
        vendor, view = echo.vendors.channels["echo"], await unknown(echo)
        vendor.faults = []
        await echo.pass_time(minutes=5)
        (delivery, *_) = await echo.deliveries(view)
        assert (delivery.state, delivery.external_id, delivery.resends) == (D.SENT, "m2", 1)
        reference = vendor.sent[0].reference
        await echo.hear("echo", vendor.receipt("m1", DeliveryStatus.FAILED, reference=reference))
        assert (await echo.states(view))[0] == ("echo", D.SENT)
        await echo.hear("echo", vendor.receipt("m1", DeliveryStatus.DELIVERED, reference=reference))
        assert await echo.states(view) == [("echo", D.DELIVERED)]
        assert await echo.tasks() == []

    async def test_what_is_not_ours_or_not_this_accounts_is_held(self, echo: Sim) -> None:
        vendor, view = echo.vendors.channels["echo"], await unknown(echo)
        sms, ours = echo.vendors.channels["sms"], vendor.sent[0].reference
        installation, _, named = ours.rpartition("-")
        strange = (f"ffffffff-{named}", named, "nonsense", f"{installation}-dlv_0000zzz", None)
        for at, reference in enumerate(strange):
            told = vendor.receipt("m1", DeliveryStatus.DELIVERED, event_id=f"e{at}", reference=reference)
            await echo.hear("echo", told)
        await echo.hear("sms", sms.receipt("m1", DeliveryStatus.DELIVERED, reference=ours))
        assert (await echo.states(view))[0] == ("echo", D.UNKNOWN)
        assert [kind for kind, _ in await echo.tasks()].count("apply-inbox") == len(strange) + 1

    def test_a_held_receipt_keeps_its_reference(self) -> None:
        said = {"event_id": "e", "external_id": "m", "occurred_at": "2026-11-23T09:00:00+00:00", "code": None}
        held = receipts.from_json(said | {"status": "sent", "unreachable": False, "reference": "a-dlv_1"})
        assert receipts.from_json(receipts.as_json(held)) == held


@pytest.fixture
async def echo(database: Database, clock: FakeClock) -> AsyncIterator[Sim]:
    channels = {
        "echo": {"address": "whatsapp", "receipts": True},
        "sms": {"address": "phone", "receipts": True, "finds_sent": True},
    }
    async with open_sim(database, clock, channels=channels) as opened:
        yield opened


async def unknown(sim: Sim) -> int:
    """An invoice whose message was taken, and whose answer was lost; its id."""
    vendor = sim.vendors.channels["echo"]
    vendor.faults, vendor.taken_all_the_same = [OutcomeUnknown("time-out")], True
    view = await sim.issue(steps=[Step("echo", 600), Step("sms", 0)], whatsapp=PHONE, phone=PHONE)
    await sim.drain()
    assert (await sim.states(view.invoice.id))[0] == ("echo", D.UNKNOWN)
    return view.invoice.id


class TestLeftNumber:
    @pytest.mark.parametrize("bound_before", [False, True])
    async def test_it_is_nobodys_until_proven_again(self, two: Two, bound_before: bool) -> None:
        world = two.world
        await two.sync()
        if bound_before:
            await two.meta.write(PHONE, await start_text(two, whatsapp=None))
        else:
            await two.send(reference="C-1")
        assert await two.meta.change_number(PHONE, AGAIN) == 204
        assert await said(world, "payer.stopped") == [{"channel": META, "payers": ["C-1"], "reason": "left"}]
        assert await count(world.db, schema.binding) == 0
        payers = await world.db.read(lambda conn: invoices.payers_at(conn, world.biller.id, "whatsapp", PHONE))
        assert payers == []
        told = len(two.meta.messages)
        await two.meta.write(PHONE, "cât am de plată?")
        await world.drain()
        assert await said(world, "message.received") == []
        assert len(two.meta.messages) == told
        again = await world.issue(steps=[Step(META, 0)], reference="C-1", whatsapp=PHONE)
        assert again.deliveries == []
        await two.meta.write(PHONE, await start_text(two))
        await world.drain()
        assert await said(world, "payer.bound")
        assert await suppressed(world, PHONE) is None

    async def test_a_number_of_nobody_is_remembered_and_not_told(self, two: Two) -> None:
        await two.meta.change_number(PHONE, AGAIN)
        assert await said(two.world, "payer.stopped") == []
        assert await suppressed(two.world, PHONE) == "left"


class TestConsent:
    async def test_a_phone_number_is_no_consent(self, two: Two) -> None:
        view = await two.world.issue(steps=[Step(META, 0)], whatsapp=None, phone=PHONE)
        assert view.deliveries == []
        (impossible,) = await two.world.events_of(view.invoice.id, "delivery.impossible")
        assert impossible["reasons"] == {META: "no address"}

    async def test_unless_the_account_says_so(self, two: Two) -> None:
        await two.sync(TWILIO)
        invoice_id = await two.send(TWILIO, whatsapp=None, phone=PHONE, reference="C-1")
        assert await two.world.states(invoice_id) == [(TWILIO, D.SENT)]
        await two.twilio.reply(PHONE, "am plătit")
        (word,) = await said(two.world, "message.received")
        assert (word["payers"], word["text"]) == (["C-1"], "am plătit")

    async def test_an_address_of_its_own_comes_first(self, two: Two) -> None:
        await two.sync(TWILIO)
        await two.send(TWILIO, whatsapp=AGAIN, phone=PHONE, reference="C-1")
        assert [message.to for message in two.twilio.messages] == [AGAIN]
        await two.twilio.reply(PHONE, "cât am de plată?")
        await two.world.drain()
        assert await said(two.world, "message.received") == []
        (answer,) = (message.body for message in two.twilio.messages if message.to == PHONE)
        assert not re.search(r"F-1|125,40|/p/", answer)

    async def test_a_link_binds_the_number_that_brings_it(self, two: Two) -> None:
        await two.sync(TWILIO)
        await two.sync(META)
        text = await start_text(two, whatsapp=None)
        assert await two.meta.write(AGAIN, text) == 204
        await two.world.drain()
        payers = await two.world.db.read(lambda conn: invoices.payers_at(conn, two.world.biller.id, "whatsapp", AGAIN))
        assert [payer.reference for payer in payers] == ["C-1"]
        assert [message.to for message in two.meta.messages] == [AGAIN]


async def test_a_challenge_is_answered_and_changes_nothing(two: Two) -> None:
    asked = {"hub.mode": "subscribe", "hub.challenge": "<b>1</b>"}
    cases = ((META, ENVIRONMENT["MAIL"], 200), (META, "wrong", 403), (TWILIO, "x", 405), ("nowhere", "x", 404))
    async with aiohttp.ClientSession() as session:
        for channel, token, status in cases:
            query = asked | {"hub.verify_token": token}
            url = f"{two.world.url}/hooks/channels/acme.{channel}"
            async with session.get(url, params=query) as answer:
                text = await answer.text()
                assert (answer.status, answer.content_type) == (status, "text/plain")
                assert (text == "<b>1</b>") is (status == 200)
                assert token not in text or len(token) == 1
            async with session.head(url, params=query) as head:
                assert head.status == 405
    assert await count(two.world.db, schema.inbox) == 0


async def test_a_window_that_closed_is_a_failure_with_its_code(two: Two) -> None:
    """As it comes from Meta late: the message was taken, and is then said to have failed."""
    await two.sync()
    invoice_id = await two.send()
    await two.meta.receipt(two.meta.messages[0].wamid, "failed", 131047)
    assert await two.world.states(invoice_id) == [(META, D.FAILED)]
    assert await suppressed(two.world, PHONE) is None


async def start_text(two: Two, **payer: Any) -> str:
    """What a payer sends who opens the chat from the pay page of a new invoice."""
    view = await two.world.issue(steps=(), reference="C-1", **({"whatsapp": PHONE} | payer))
    account = two.world.ctx.directory.channel_called(f"acme.{META}")
    assert account is not None
    url = await bindings.start_url(two.world.ctx, account, view.invoice.id)
    assert url is not None
    return url.partition("?text=")[2].replace("%20", " ").replace("%23", "#")


async def said(world: World, kind: str) -> list[dict[str, Any]]:
    query = schema.event.select().where(schema.event.c.type == kind).order_by(schema.event.c.id)
    return await world.db.read(lambda conn: [row.data for row in conn.execute(query)])


async def suppressed(world: World, address: str) -> str | None:
    return await world.db.read(lambda conn: deliveries.suppressed(conn, world.biller.id, META, address))

"""What vendors report over their real webhooks: receipts forward only, STOP and START, bounces, blocked bots, payers' words."""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import replace
from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import Any

import pytest
import sqlalchemy as sa

from gateway.demo.standin import Fault
from gateway.demo.twilio import Sms
from gateway.domain.deliveries import DeliveryState, Step
from gateway.ports.channel import DeliveryStatus
from gateway.services import messaging, receipts
from gateway.store import deliveries, schema
from tests.harness.gateway import Sim, count
from tests.harness.world import CHAT, EMAIL, PHONE, World

D = DeliveryState
EVERYWHERE = {"phone": PHONE, "email": EMAIL, "telegram": str(CHAT)}
MESSAGE, STOPPED, STARTED = "message.received", "payer.stopped", "payer.started"


async def sent(world: World, *steps: Step, **payer: Any) -> int:
    """A new invoice whose message has gone out; its id."""
    view = await world.issue(steps=steps, **(EVERYWHERE | payer))
    await world.drain()
    return view.invoice.id


async def said(world: World, kind: str) -> list[dict[str, Any]]:
    """The data of the biller's events of a type."""
    query = schema.event.select().where(schema.event.c.type == kind).order_by(schema.event.c.id)
    return await world.db.read(lambda conn: [row.data for row in conn.execute(query)])


async def suppressed(world: World, channel: str, address: str) -> str | None:
    return await world.db.read(lambda conn: deliveries.suppressed(conn, world.biller.id, channel, address))


class TestForwardOnly:
    async def test_twilios_receipts_in_any_order_and_doubled(self, world: World) -> None:
        invoice_id = await sent(world, Step("sms", 0))
        sid = world.twilio.messages[0].sid
        for status in ("sent", "delivered", "sent", "delivered", "read", "delivered", "undelivered"):
            assert await world.twilio.receipt(sid, status) == 200
        assert await world.states(invoice_id) == [("sms", D.READ)]
        types = await world.event_types(invoice_id)
        assert types == ["invoice.issued", "delivery.sent", "delivery.delivered", "delivery.read"]
        assert await count(world.db, schema.inbox) == 4  # one a status, however often it came

    async def test_a_failure_is_final_and_named_by_the_vendors_code(self, world: World) -> None:
        invoice_id = await sent(world, Step("sms", 0))
        sid = world.twilio.messages[0].sid
        await world.twilio.receipt(sid, "undelivered", 30003)
        await world.twilio.receipt(sid, "delivered")
        assert await world.states(invoice_id) == [("sms", D.FAILED)]
        (failed,) = await world.events_of(invoice_id, "delivery.failed")
        assert failed["code"] == "30003"
        assert await suppressed(world, "sms", PHONE) is None  # a phone that is off comes back

    async def test_a_status_that_nobody_knows_is_kept_and_not_believed(self, world: World) -> None:
        invoice_id = await sent(world, Step("sms", 0))
        assert await world.twilio.receipt(world.twilio.messages[0].sid, "teleported") == 200
        assert await world.states(invoice_id) == [("sms", D.SENT)]
        assert await count(world.db, schema.inbox) == 1

    async def test_a_receipt_from_before_the_send_was_recorded_is_held_and_applied(self, world: World) -> None:
        view = await world.issue(steps=[Step("sms", 600), Step("email", 0)], **EVERYWHERE)
        world.twilio.fault = Fault.LOSE_ANSWER
        statuses: list[int] = []

        async def report(message: Sms) -> None:
            statuses.append(await world.twilio.receipt(message.sid, "delivered"))

        reports: list[asyncio.Task[None]] = []
        world.twilio.messages.on_add(lambda message: reports.append(asyncio.create_task(report(message))))
        sending = asyncio.create_task(messaging.deliver(world.ctx, view.deliveries[0].id, last_try=False))
        await world.twilio.messages.until(1)
        await asyncio.gather(*reports)
        sending.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await sending
        assert statuses == [200]
        assert await world.states(view.invoice.id) == [("sms", D.SENDING)]
        world.twilio.fault = None
        await world.pass_time(seconds=30)
        assert await world.states(view.invoice.id) == [("sms", D.DELIVERED)]
        await world.pass_time(hours=1)
        assert (world.mail.messages, await world.tasks()) == ([], [])

    async def test_a_receipt_for_what_is_not_ours_is_tried_for_days_and_then_shown_as_dead(self, sim: Sim) -> None:
        sms = sim.vendors.channels["sms"]
        await sim.hear("sms", sms.receipt("nobodys", DeliveryStatus.DELIVERED))
        await sim.pass_time(days=10)
        assert [kind for kind, _ in await sim.tasks("dead")] == ["apply-inbox"]


class TestStop:
    async def test_stop_by_sms_silences_that_phone_and_start_lifts_it(self, world: World) -> None:
        await sent(world, Step("sms", 0), reference="C-1")
        assert await world.twilio.reply(PHONE, "Stop") == 200
        assert await suppressed(world, "sms", PHONE) == "stopped"
        silent = await world.issue(steps=[Step("sms", 0), Step("email", 0)], reference="C-1", **EVERYWHERE)
        assert [one.channel for one in silent.deliveries] == ["email"]
        await world.twilio.reply(PHONE, "STOP")
        assert await said(world, STOPPED) == [{"channel": "sms", "payers": ["C-1"], "reason": "stopped"}]
        await world.twilio.reply(PHONE, "start")
        await world.twilio.reply(PHONE, "START")
        assert await said(world, STARTED) == [{"channel": "sms", "payers": ["C-1"]}]
        invoice_id = await sent(world, Step("sms", 0))
        assert await world.states(invoice_id) == [("sms", D.SENT)]
        assert await said(world, MESSAGE) == []

    async def test_a_mailbox_that_does_not_exist(self, world: World) -> None:
        invoice_id = await sent(world, Step("email", 600), Step("sms", 0), reference="C-1")
        (mail,) = world.mail.messages
        assert await world.mail.bounce(mail, "5.1.1") == 204
        assert await world.mail.bounce(mail, "5.1.1") == 204
        await world.drain()
        assert await world.states(invoice_id) == [("email", D.FAILED), ("sms", D.SENT)]
        (failed,) = await world.events_of(invoice_id, "delivery.failed")
        assert failed["code"] == "5.1.1"
        assert await suppressed(world, "email", EMAIL) == "unreachable"
        assert await said(world, STOPPED) == [{"channel": "email", "payers": ["C-1"], "reason": "unreachable"}]

    async def test_a_mailbox_that_is_full_or_slow_is_written_to_again(self, world: World) -> None:
        invoice_id = await sent(world, Step("email", 0))
        (mail,) = world.mail.messages
        await world.mail.bounce(mail, "4.4.1", action="delayed")
        assert await world.states(invoice_id) == [("email", D.SENT)]
        await world.mail.bounce(mail, "5.2.2")
        assert await world.states(invoice_id) == [("email", D.FAILED)]
        assert await suppressed(world, "email", EMAIL) is None

    @pytest.mark.parametrize("hidden", [False, True])
    async def test_a_complaint_silences_the_address_of_the_message(self, world: World, hidden: bool) -> None:
        invoice_id = await sent(world, Step("email", 0), reference="C-1")
        (mail,) = world.mail.messages
        for _ in range(2):
            assert await world.mail.pipe(world.mail.complaint(mail, hidden=hidden)) == 204
        assert await suppressed(world, "email", EMAIL) == "stopped"
        assert await said(world, STOPPED) == [{"channel": "email", "payers": ["C-1"], "reason": "stopped"}]
        assert await world.states(invoice_id) == [("email", D.SENT)]
        again = await world.issue(steps=[Step("email", 0), Step("sms", 0)], reference="C-1", **EVERYWHERE)
        assert [one.channel for one in again.deliveries] == ["sms"]

    async def test_a_complaint_about_a_delivery_that_is_not_there_stops_nobody(self, world: World) -> None:
        await sent(world, Step("email", 0))
        (mail,) = world.mail.messages
        other = world.ctx.directory.channel_called("acme.sms")
        assert other is not None
        await world.db.write(lambda conn: conn.execute(schema.delivery.update().values(account_id=other.id)))
        assert await world.mail.complain(mail) == 204
        assert await suppressed(world, "email", EMAIL) is None

    async def test_a_blocked_bot_takes_the_next_channel_and_an_unblock_lifts_it(self, world: World) -> None:
        world.telegram.join(CHAT).started = True
        world.telegram.api.people[CHAT].blocked = True  # and the update about it was lost
        invoice_id = await sent(world, Step("telegram", 60), Step("sms", 0))
        assert await world.states(invoice_id) == [("telegram", D.FAILED), ("sms", D.SENT)]
        assert await suppressed(world, "telegram", str(CHAT)) == "unreachable"
        assert await world.telegram.unblock(CHAT) == 204
        assert await suppressed(world, "telegram", str(CHAT)) is None
        assert await world.telegram.block(CHAT) == 204
        assert await suppressed(world, "telegram", str(CHAT)) == "stopped"
        await world.telegram.unblock(CHAT)
        again = await sent(world, Step("telegram", 60))
        assert await world.states(again) == [("telegram", D.SENT)]


class TestMachinesAndStrangers:
    async def test_an_absence_is_kept_and_told_to_nobody(self, world: World) -> None:
        invoice_id = await sent(world, Step("email", 0))
        (mail,) = world.mail.messages
        assert await world.mail.be_away(mail) == 204
        assert await count(world.db, schema.inbox) == 1
        assert (await said(world, MESSAGE), await world.states(invoice_id)) == ([], [("email", D.SENT)])

    async def test_whoever_writes_in_a_payers_name_is_not_the_payer(self, world: World) -> None:
        await sent(world, Step("email", 0), reference="C-1")
        (mail,) = world.mail.messages
        assert await world.mail.reply(replace(mail, message_id="<1@x.ro>"), "am platit") == 204
        assert await said(world, MESSAGE) == []
        assert await world.mail.reply(mail, "am platit") == 204
        assert [one["text"] for one in await said(world, MESSAGE)] == ["am platit"]

    async def test_an_answer_with_a_photograph_is_taken(self, world: World) -> None:
        await sent(world, Step("email", 0))
        (mail,) = world.mail.messages
        answer = message_from_bytes(world.mail.answer(mail, "iată dovada"), policy=policy.SMTP)
        assert isinstance(answer, EmailMessage)
        answer.add_attachment(b"\xff" * 600_000, maintype="image", subtype="jpeg", filename="dovada.jpg")
        assert await world.mail.pipe(answer.as_bytes()) == 204
        assert [one["text"] for one in await said(world, MESSAGE)] == ["iată dovada"]
        (kept,) = await world.db.read(lambda conn: conn.execute(sa.select(schema.inbox.c.body)).all())
        assert len(kept.body) == receipts.MOST_KEPT


class TestWords:
    async def test_what_a_known_payer_writes_is_an_event(self, world: World) -> None:
        world.telegram.join(CHAT).started = True
        await sent(world, Step("sms", 0), Step("email", 0), Step("telegram", 0), reference="C-1")
        await world.twilio.reply(PHONE, "am plătit ieri")
        await world.mail.reply(world.mail.messages[0], "când e scadența?")
        await world.telegram.write(CHAT, "mulțumesc")
        assert [
            {name: one[name] for name in ("channel", "payers", "text", "intent")} for one in await said(world, MESSAGE)
        ] == [
            {"channel": "sms", "payers": ["C-1"], "text": "am plătit ieri", "intent": "already_paid"},
            {"channel": "email", "payers": ["C-1"], "text": "când e scadența?", "intent": "list"},
            {"channel": "telegram", "payers": ["C-1"], "text": "mulțumesc", "intent": "thanks"},
        ]

    async def test_everybody_at_that_address_is_named(self, world: World) -> None:
        for reference in ("C-1", "C-2"):
            await sent(world, Step("sms", 0), reference=reference)
        await world.twilio.reply(PHONE, "cine sunteți?")
        (word,) = await said(world, MESSAGE)
        assert sorted(word["payers"]) == ["C-1", "C-2"]

    async def test_a_stranger_leaves_no_words(self, world: World) -> None:
        await sent(world, Step("sms", 0))
        assert await world.twilio.reply("+40733000000", "win a prize") == 200
        world.telegram.join(7)
        assert await world.telegram.write(7, "hello") == 204
        assert await world.telegram.start_chat(7, "not-a-token-of-ours") == 204
        assert await said(world, MESSAGE) == []

    async def test_a_long_word_is_cut(self, sim: Sim) -> None:
        await sim.issue(reference="C-1", **EVERYWHERE)
        sms = sim.vendors.channels["sms"]
        await sim.hear("sms", sms.word(PHONE, "a" * 10_000, event_id="w1"))
        await sim.hear("sms", sms.word(PHONE, "", event_id="w2", button="later"))
        query = schema.event.select().where(schema.event.c.type == MESSAGE).order_by(schema.event.c.id)
        long, pressed = await sim.db.read(lambda conn: [row.data for row in conn.execute(query)])
        assert len(long["text"]) == 4096
        assert (pressed["button"], pressed["text"]) == ("later", "")


async def test_what_is_not_proven_is_refused_and_nothing_of_it_is_kept(world: World) -> None:
    invoice_id = await sent(world, Step("sms", 0), Step("email", 0))
    world.twilio.auth_token, world.mail.inbound_secret, world.telegram.api.webhook_secret = "x", "x", "x"
    world.telegram.join(CHAT)
    assert await world.twilio.receipt(world.twilio.messages[0].sid, "undelivered") == 401
    assert await world.mail.bounce(world.mail.messages[0]) == 401
    assert await world.telegram.block(CHAT) == 401
    assert await world.states(invoice_id) == [("sms", D.SENT), ("email", D.SENT)]
    assert (await count(world.db, schema.inbox), await count(world.db, schema.suppression)) == (0, 0)

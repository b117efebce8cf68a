"""A payer's message becomes a turn, over the vendors' real webhooks: answered once, done once, kept for the biller to read."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import pytest

from gateway.services import chat, transcripts
from gateway.store import claims, deliveries, reminders, schema
from gateway.store.database import Database
from gateway.testing.clock import FakeClock
from tests.harness.gateway import count
from tests.harness.world import CHAT, PHONE, World, open_world

BILLER: dict[str, Any] = {"chat": {"burst": 6, "per_hour": 60}, "delivery": {"channels": [{"channel": "sms"}]}}


@pytest.fixture
async def world(database: Database, clock: FakeClock) -> AsyncIterator[World]:
    async with open_world(database, clock, biller=BILLER) as opened:
        yield opened


async def said(world: World, *kinds: str) -> list[dict[str, Any]]:
    query = schema.event.select().where(schema.event.c.type.in_(kinds)).order_by(schema.event.c.id)
    return await world.db.read(lambda conn: [row.data for row in conn.execute(query)])


async def ask(world: World, text: str, *, number: str = PHONE) -> str:
    """What an SMS is answered; empty when it is not."""
    before = len(world.twilio.messages)
    assert await world.twilio.reply(number, text) in (200, 204)
    await world.drain()
    answers = [message.body for message in world.twilio.messages[before:] if message.to == number]
    assert len(answers) <= 1
    return answers[0] if answers else ""


async def test_what_is_owed_is_said_in_one_sms(world: World) -> None:
    view = await world.issue("125.40", phone=PHONE)
    answer = await ask(world, "cat am de plata?")
    assert view.invoice.number in answer
    assert "125,40" in answer
    assert world.ctx.pay_url(view.invoice.id, 0) in answer
    (heard,) = await said(world, "message.received")
    assert heard["intent"] == "list"
    assert heard["payers"] == [view.payer.reference]
    (told,) = await said(world, "message.sent")
    assert told["author"] == "achit"
    assert told["conversation"] == heard["conversation"]


async def test_the_payers_own_reminder_is_set_sent_and_taken_back(world: World) -> None:
    view = await world.issue("125.40", phone=PHONE)
    answer = await ask(world, "aminteste-mi maine la 9")
    assert "9:00" in answer
    (row,) = await world.db.read(lambda conn: reminders.live(conn, view.invoice.id))
    assert row.due_at.hour == 7  # 9:00 in Bucharest
    assert row.due_at.date() == (world.clock.now() + timedelta(days=1)).date()
    before = len(world.twilio.messages)
    await world.pass_time(days=1, hours=2)
    (message,) = world.twilio.messages[before:]
    assert view.invoice.number in message.body

    await ask(world, "aminteste-mi vineri")
    assert await ask(world, "anuleaza")
    assert await world.db.read(lambda conn: reminders.live(conn, view.invoice.id)) == []


async def test_a_promise_a_dispute_and_a_payment_elsewhere_are_claims_and_events(world: World) -> None:
    one = await world.issue("10.00", phone=PHONE, reference="C-1")
    await ask(world, "platesc vineri")
    (claim,) = await world.db.read(lambda conn: claims.open_of(conn, one.invoice.id))
    assert claim.kind == "promise"
    assert claim.until_on is not None
    assert claim.until_on.weekday() == 4
    await ask(world, "am platit ieri")
    (claim,) = await world.db.read(lambda conn: claims.open_of(conn, one.invoice.id))
    assert claim.kind == "already_paid"
    how = await ask(world, "1")
    (same,) = await world.db.read(lambda conn: claims.open_of(conn, one.invoice.id))
    assert how
    assert same.id == claim.id
    assert same.details["how"] == "bank"
    await ask(world, "nu e a mea factura")
    kinds = {claim.kind for claim in await world.db.read(lambda conn: claims.open_of(conn, one.invoice.id))}
    assert "dispute" in kinds
    types = await world.event_types(one.invoice.id)
    assert [kind for kind in types if kind.partition(".")[0] in ("promise", "claim", "dispute")] == [
        "promise.made", "promise.withdrawn", "claim.already_paid", "claim.already_paid", "dispute.opened",
    ]  # fmt: skip


async def test_stop_is_confirmed_once_and_nothing_goes_out_until_start(world: World) -> None:
    view = await world.issue("10.00", phone=PHONE)
    assert await ask(world, "Stop, vreau sa platesc")  # no STOP
    assert await world.db.read(lambda conn: deliveries.suppressed(conn, world.biller.id, "sms", PHONE)) is None
    assert await ask(world, "DEZABONARE")  # not one of the carrier's words
    assert await world.db.read(lambda conn: deliveries.suppressed(conn, world.biller.id, "sms", PHONE)) == "stopped"
    before = len(world.twilio.messages)
    again = await world.issue("20.00", phone=PHONE, reference=view.payer.reference, steps=None)
    await world.drain()
    assert len(world.twilio.messages) == before
    assert "delivery.impossible" in await world.event_types(again.invoice.id)
    assert await ask(world, "REABONARE")
    assert await world.db.read(lambda conn: deliveries.suppressed(conn, world.biller.id, "sms", PHONE)) is None
    assert [event["channel"] for event in await said(world, "payer.stopped", "payer.started")] == ["sms", "sms"]


async def test_several_payers_behind_one_phone_are_asked_for(world: World) -> None:
    await world.issue("10.00", phone=PHONE, reference="Bloc 1")
    await world.issue("20.00", phone=PHONE, reference="Bloc 2")
    answer = await ask(world, "cat am de plata")
    assert "Bloc 1" in answer
    assert "Bloc 2" in answer
    assert "10,00" not in answer
    answer = await ask(world, "2")
    assert ("10,00" in answer) != ("20,00" in answer)


async def test_a_stranger_learns_nothing_and_gets_in_with_code_and_proof(world: World) -> None:
    view = await world.issue("125.40", phone=PHONE, reference="CLIENT-4711")
    code = world.ctx.pay_codes.issue(view.invoice.id)
    stranger = "+40733000111"
    asked = await ask(world, "cat am de plata?", number=stranger)
    right = await ask(world, f"codul {code}", number=stranger)
    assert await said(world, "message.received") == []  # no news for billing
    for answer in (asked, right):
        assert "125" not in answer
        assert "Ana" not in answer
        assert view.invoice.number not in answer
        assert "/p/" not in answer
    wrong = await ask(world, "1111", number=stranger)
    assert "125" not in wrong
    shown = await ask(world, "4711", number=stranger)
    assert view.invoice.number in shown
    assert world.ctx.pay_url(view.invoice.id, 0) in shown


async def test_a_code_of_nobody_is_answered_as_a_right_one(world: World) -> None:
    await world.issue("125.40", phone=PHONE)
    nobodys = world.ctx.pay_codes.issue(999_999)
    first = await ask(world, world.ctx.pay_codes.issue(1), number="+40733000111")
    second = await ask(world, nobodys, number="+40733000112")
    assert first.partition("/c?code=")[0] == second.partition("/c?code=")[0]


async def test_a_flood_is_not_answered_and_not_kept_but_stop_is_heard(world: World) -> None:
    await world.issue("10.00", phone=PHONE)
    answers = [await ask(world, f"alo {number}") for number in range(12)]
    assert sum(map(bool, answers)) <= 6
    assert await count(world.db, schema.message) <= 7
    assert await ask(world, "DEZABONARE")
    assert await world.db.read(lambda conn: deliveries.suppressed(conn, world.biller.id, "sms", PHONE)) == "stopped"
    world.clock.advance(timedelta(hours=2))
    assert await ask(world, "cat am de plata?")


async def test_the_carriers_stop_is_obeyed_kept_and_not_answered(world: World) -> None:
    view = await world.issue("10.00", phone=PHONE)
    assert await ask(world, "STOP") == ""
    assert await world.db.read(lambda conn: deliveries.suppressed(conn, world.biller.id, "sms", PHONE)) == "stopped"
    (kept,) = await transcripts.of_payer(world.ctx, world.biller, view.payer.reference)
    assert (kept.text, kept.intent) == ("STOP", "stop")
    assert await ask(world, "START") == ""
    assert await world.db.read(lambda conn: deliveries.suppressed(conn, world.biller.id, "sms", PHONE)) is None


async def test_not_understood_twice_offers_a_person_and_then_is_silent(world: World) -> None:
    await world.issue("10.00", phone=PHONE)
    answers = [await ask(world, text) for text in ("xyzzy plugh", "qwerty asdf", "foo bar", "zzz yyy")]
    assert answers[0]
    assert answers[1]
    assert answers[0] != answers[1]
    assert answers[3] == ""


async def test_a_person_is_wanted_and_their_words_come_on_the_same_channel(world: World) -> None:
    await world.issue("10.00", phone=PHONE)
    assert await ask(world, "vreau sa vorbesc cu un om")
    (wanted,) = await said(world, "person.wanted")
    assert wanted["why"] == "asked"
    (waiting,), _ = await transcripts.page(world.ctx, world.biller, waiting=True)
    assert await ask(world, "blabla nu pricep") == ""  # a person has it
    await transcripts.say(world.ctx, world.biller, waiting.conversation.id, "Bună, sunt Maria.")
    await world.drain()
    assert world.twilio.messages[-1].body == "Buna, sunt Maria."
    assert world.twilio.messages[-1].to == PHONE


async def test_the_language_is_the_payers_choice(world: World) -> None:
    view = await world.issue("10.00", phone=PHONE)
    assert "English" in await ask(world, "english please") or True
    assert "owe" in (await ask(world, "what do I owe")).lower() or "pay" in (await ask(world, "what do I owe")).lower()
    await world.issue("20.00", phone=PHONE, reference=view.payer.reference)
    assert (await world.view(view.invoice.id)).payer.locale == "en"


async def test_a_doubled_webhook_is_one_turn(world: World) -> None:
    await world.issue("10.00", phone=PHONE)
    before = len(world.twilio.messages)
    same = {"MessageSid": "SM" + "a" * 32}
    assert await world.twilio.say(PHONE, "cat am de plata?", same) in (200, 204)
    assert await world.twilio.say(PHONE, "cat am de plata?", same) in (200, 204)
    await world.drain()
    assert len(world.twilio.messages) == before + 1
    assert await count(world.db, schema.message) == 1


async def test_what_was_forwarded_is_verified_for_this_payer_alone(world: World) -> None:
    mine = await world.issue("10.00", phone=PHONE, reference="C-1", steps=None)
    other = await world.issue("20.00", phone="+40722000999", reference="C-2", steps=None)
    await world.drain()
    genuine = await ask(world, f"e de la voi? {world.ctx.pay_url(mine.invoice.id, 0)}")
    foreign = await ask(world, f"e de la voi? {world.ctx.pay_url(other.invoice.id, 0)}")
    forged = await ask(world, "e de la voi? https://plati-acme.example/p/0000001EgpsGsfhtYt")
    assert mine.invoice.number in genuine
    assert foreign == forged
    assert "F-2" not in foreign


async def test_telegram_answers_with_buttons_and_does_what_is_pressed(world: World) -> None:
    view = await world.issue("10.00", telegram=str(CHAT))
    await world.telegram.start_chat(CHAT)
    await world.drain()
    await world.telegram.write(CHAT, "cât am de plată?")
    await world.drain()
    message = world.telegram.messages[-1]
    data = [button.data for button in message.buttons if button.data]
    assert view.invoice.number in message.text
    assert data
    press = next(one for one in data if one.startswith("remind"))
    await world.telegram.press(CHAT, press)
    await world.drain()
    assert len(world.telegram.messages) >= 2


async def test_a_reminders_own_button_puts_it_off_until_tomorrow(database: Database, clock: FakeClock) -> None:
    policy = {"reminders": {"quiet": "20:00-09:00", "steps": [{"at": "-5d", "channels": [{"channel": "telegram"}]}]}}
    async with open_world(database, clock, biller=BILLER | policy) as world:
        world.telegram.join(CHAT, started=True)
        view = await world.issue("10.00", telegram=str(CHAT))
        await world.pass_time(days=11)
        (reminded,) = world.telegram.messages
        (later,) = [button.data for button in reminded.buttons if button.data]
        await world.telegram.press(CHAT, later)
        await world.drain()
        (own,) = await world.db.read(lambda conn: reminders.live(conn, view.invoice.id))
        assert own.source == "payer"
        assert own.due_at.date() == (world.clock.now() + timedelta(days=1)).date()


async def test_a_message_above_the_rate_costs_a_look(world: World) -> None:
    await world.issue("10.00", phone=PHONE)
    for number in range(8):
        await ask(world, f"alo {number}")
    account = world.ctx.directory.channel_called("acme.sms")
    assert account is not None
    kept = await count(world.db, schema.inbox)
    await ask(world, "si inca una")
    assert await count(world.db, schema.inbox) == kept
    assert chat.LONGEST_TEXT == 4096

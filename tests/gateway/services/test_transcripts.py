"""What was said with a payer: both sides in one order, by conversation and by payer; a person's words; forgetting in time."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest

from gateway.domain.deliveries import DeliveryState, MessageKind, Step
from gateway.ports.channel import DeliveryStatus
from gateway.services import transcripts
from gateway.services.errors import Conflict, NotFound
from gateway.store import conversations, deliveries, schema
from gateway.store.conversations import Conversation
from tests.harness.gateway import Sim, count
from tests.harness.world import PHONE


async def write(
    sim: Sim, text: str, at: datetime, *, address: str = PHONE, payer_id: int | None = None
) -> Conversation:
    """A payer's message is in a conversation."""
    account = sim.ctx.directory.channel_called("acme.sms")
    assert account is not None
    row: dict[str, Any] = {"biller_id": sim.biller.id, "external_id": text, "text": text, "payer_id": payer_id}

    def body(conn: Any) -> Conversation:
        found = conversations.at(conn, sim.biller.id, account.id, address, at)
        conversations.write(conn, row | {"conversation_id": found.id, "occurred_at": at, "created_at": at})
        conversations.change(conn, found.id, at, last_in_at=at, payer_id=payer_id)
        return found

    return await sim.db.write(body)


async def test_both_sides_stand_in_one_order(sim: Sim) -> None:
    view = await sim.issue(steps=[Step("sms", 0)], phone=PHONE)
    await sim.drain()
    sim.clock.advance(timedelta(minutes=5))
    talk = await write(sim, "cat am de plata?", sim.clock.now(), payer_id=view.payer.id)
    sim.clock.advance(timedelta(minutes=5))
    delivery, new = await transcripts.say(sim.ctx, sim.biller, talk.id, "125,40 lei. O zi bună!")
    await sim.drain()

    said = await transcripts.of_payer(sim.ctx, sim.biller, view.payer.reference)
    assert new
    assert [(one.author, one.kind, one.status) for one in said] == [
        ("biller", "reply", "sent"),
        ("payer", "message", "received"),
        ("achit", "invoice_issued", "sent"),
    ]
    assert [one.text for one in said][:2] == ["125,40 lei. O zi buna!", "cat am de plata?"]  # as it was sent
    assert view.invoice.number in said[2].text
    assert [one.author for one in await transcripts.of_conversation(sim.ctx, sim.biller, talk.id)] == [
        "biller",
        "payer",
    ]
    assert sim.vendors.channels["sms"].sent[-1].text == "125,40 lei. O zi buna!"
    assert delivery.kind is MessageKind.REPLY


async def test_pages_lose_nothing_that_shares_an_instant(sim: Sim) -> None:
    at = sim.clock.now()
    for number in range(7):
        talk = await write(sim, f"m{number}", at + timedelta(minutes=number // 3))
    seen: list[str] = []
    before = None
    for _ in range(10):
        found = await transcripts.of_conversation(sim.ctx, sim.biller, talk.id, before=before, limit=2)
        seen += [one.text for one in found]
        if len(found) < 2:
            break
        before = found[-1].at
    assert seen == ["m6", "m5", "m4", "m3", "m2", "m1", "m0"]


async def test_words_are_sent_once_for_one_key(sim: Sim) -> None:
    talk = await write(sim, "alo", sim.clock.now())
    first, new = await transcripts.say(sim.ctx, sim.biller, talk.id, "Bună!", key="k")
    again, repeated = await transcripts.say(sim.ctx, sim.biller, talk.id, "Bună!", key="k")
    assert (new, repeated, again.id) == (True, False, first.id)
    with pytest.raises(Conflict) as refused:
        await transcripts.say(sim.ctx, sim.biller, talk.id, "Altceva", key="k")
    assert refused.value.differs == ["text"]
    await sim.drain()
    assert [message.text for message in sim.vendors.channels["sms"].sent] == ["Buna!"]


async def test_a_person_has_it_for_three_days(sim: Sim) -> None:
    talk = await write(sim, "alo", sim.clock.now())

    async def waiting() -> list[int]:
        found, _ = await transcripts.page(sim.ctx, sim.biller, waiting=True)
        return [one.conversation.id for one in found]

    assert await waiting() == []
    await transcripts.say(sim.ctx, sim.biller, talk.id, "Bună!")
    assert await waiting() == [talk.id]
    sim.clock.advance(timedelta(hours=73))
    assert await waiting() == []
    assert [one.conversation.id for one in (await transcripts.page(sim.ctx, sim.biller))[0]] == [talk.id]


async def test_nobody_is_written_to_who_stopped_it(sim: Sim) -> None:
    talk = await write(sim, "alo", sim.clock.now())
    await sim.db.write(
        lambda conn: deliveries.suppress(conn, sim.biller.id, "sms", PHONE, deliveries.STOPPED, sim.clock.now())
    )
    with pytest.raises(Conflict, match="stopped"):
        await transcripts.say(sim.ctx, sim.biller, talk.id, "Bună!")
    with pytest.raises(NotFound):
        await transcripts.say(sim.ctx, sim.biller, talk.id + 1, "Bună!")


async def test_a_reply_is_reported_with_its_words_and_its_conversation(sim: Sim) -> None:
    talk = await write(sim, "alo", sim.clock.now())
    await transcripts.say(sim.ctx, sim.biller, talk.id, "Bună!")
    await sim.drain()
    sms = sim.vendors.channels["sms"]
    assert await sim.hear("sms", sms.receipt("m1", DeliveryStatus.DELIVERED)) == 1

    query = schema.event.select().order_by(schema.event.c.id)
    events = await sim.db.read(lambda conn: [(row.type, row.data) for row in conn.execute(query)])
    assert [kind for kind, _ in events] == ["message.sent", "delivery.delivered"]
    assert events[0][1]["text"] == "Bună!"
    assert events[0][1]["author"] == "biller"
    assert events[1][1]["conversation"] == events[0][1]["conversation"]


async def test_what_is_older_than_the_policy_is_forgotten_and_that_it_was_sent_is_not(sim: Sim) -> None:
    await sim.db.write(lambda conn: transcripts.forget_in_time(conn, sim.ctx, sim.clock.now()))
    view = await sim.issue(steps=[Step("sms", 0)], phone=PHONE)
    await sim.drain()
    talk = await write(sim, "vechi", sim.clock.now(), payer_id=view.payer.id)
    await transcripts.say(sim.ctx, sim.biller, talk.id, "Bună!")
    await sim.pass_time(days=200)
    await write(sim, "nou", sim.clock.now(), payer_id=view.payer.id)
    await sim.pass_time(days=202)

    said = await transcripts.of_payer(sim.ctx, sim.biller, view.payer.reference)
    assert [(one.author, one.text) for one in said] == [("payer", "nou"), ("achit", ""), ("achit", "")]
    assert {one.status for one in said[1:]} == {DeliveryState.SENT}
    assert await count(sim.db, schema.message) == 1

"""An account that cannot hear, as one whose sender is a name: what goes out by it invites no answer, and a word is not answered."""

from __future__ import annotations

import re
from typing import Any

import pytest

from gateway.domain.deliveries import Step
from gateway.domain.reminders import Tone
from gateway.rendering import KINDS, Renderer
from gateway.rendering.answer_samples import longest_answers
from gateway.rendering.samples import longest_messages, sample_message
from gateway.services import wishes
from gateway.store import conversations, deliveries, events
from gateway.store.database import Database
from gateway.testing.clock import FakeClock
from tests.harness.gateway import Sim, open_sim
from tests.harness.world import PHONE

INVITING = re.compile(r"r[aă]spunde|\bscrie|reply|answer|write|STOP|\b(da|yes)\b", re.IGNORECASE)


def channels(*, one_way: bool) -> dict[str, Any]:
    chat = {"address": "chat", "one_way": one_way}
    return {"sms": {"address": "phone", "one_way": one_way}, "telegram": chat}


async def said(sim: Sim, text: str) -> list[str]:
    """What is answered to a word that came by SMS."""
    vendor = sim.vendors.channels["sms"]
    before = len(vendor.sent)
    await sim.hear("sms", vendor.word(PHONE, text, event_id=text))
    await sim.drain()
    return [message.text for message in vendor.sent[before:]]


@pytest.mark.parametrize("one_way", [True, False])
async def test_a_word_is_kept_and_done_and_not_answered(database: Database, clock: FakeClock, one_way: bool) -> None:
    async with open_sim(database, clock, channels=channels(one_way=one_way)) as sim:
        await sim.issue(phone=PHONE, reference="C-1")
        accounts = {account.short: account.replies for account in sim.ctx.directory.channels_of(sim.biller.id)}
        assert accounts == {"sms": not one_way, "telegram": not one_way}
        for text in ("cât am de plată?", "nu e a mea", "amintește-mi"):
            assert bool(await said(sim, text)) is not one_way
        types = [event.type for event in await sim.db.read(lambda conn: events.after(conn, sim.biller.id, 0, 100))]
        assert types.count("message.received") == 3
        assert "dispute.opened" in types
        account = next(one for one in sim.ctx.directory.channels_of(sim.biller.id) if one.short == "sms")
        conversation = await sim.db.read(lambda conn: conversations.peek(conn, account.id, PHONE))
        assert conversation is not None
        assert bool(conversation.state["asked"]) is not one_way  # nobody waits for an answer to what was not asked
        await said(sim, "STOP")
        why = await sim.db.read(lambda conn: deliveries.suppressed(conn, sim.biller.id, "sms", PHONE))
        assert why == "stopped"


@pytest.mark.parametrize("one_way", [True, False])
async def test_a_reminder_has_no_button_that_answers(database: Database, clock: FakeClock, one_way: bool) -> None:
    async with open_sim(database, clock, channels=channels(one_way=one_way)) as sim:
        view = await sim.issue(telegram="7")
        await wishes.add(sim.ctx, sim.biller, view.invoice.id, clock.now(), [Step("telegram", 0)], Tone.FRIENDLY)
        await sim.drain()
        (message,) = sim.vendors.channels["telegram"].sent
        assert [bool(button.url) for button in message.buttons] == ([True] if one_way else [True, False])


@pytest.mark.parametrize("locale", ["ro", "en"])
def test_no_message_by_sms_invites_an_answer_by_itself(locale: str) -> None:
    """Answers in a conversation do, and they are for accounts that hear."""
    renderer = Renderer()
    (answer, *_) = longest_answers("remind_set")
    assert INVITING.search(renderer.answer(answer, sms=True, locale=locale).text)
    for kind in (kind for kind in KINDS if kind != "reply"):
        for context in (sample_message(kind), *longest_messages(kind)):
            text = renderer.render(kind, context, channel="sms", locale=locale).text
            assert INVITING.search(re.sub(r"[0-9][0-9.,]*", "", text)) is None, text

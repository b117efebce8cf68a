"""Phrases that are tried: what a real turn does, undone again; one that is live stays. On both engines."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from gateway.domain.deliveries import Step
from gateway.services import transcripts, trying
from gateway.services.errors import Invalid, NotFound
from gateway.services.trying import Tried
from gateway.store import outbox
from gateway.store import reminders as reminders_store
from tests.harness.gateway import Sim
from tests.harness.world import PHONE


async def owing(sim: Sim) -> str:
    """A payer with an invoice, whose messages have gone; gives their reference."""
    view = await sim.issue(steps=[Step("sms", 0)], phone=PHONE)
    await sim.drain()
    return view.payer.reference


async def tried(
    sim: Sim, reference: str, texts: Sequence[str], *, channel: str | None = None, live: bool = False
) -> Tried:
    return await trying.take(sim.ctx, sim.biller, reference, channel, texts, live=live)


async def test_a_dry_run_leaves_nothing(sim: Sim) -> None:
    reference = await owing(sim)
    tasks = await sim.db.read(outbox.counts)
    listed = await tried(sim, reference, ["ce am de plată?"])
    reminded = await tried(sim, reference, ["amintește-mi", "vineri la 9"])

    assert (listed.channel, listed.address, listed.intent) == ("sms", PHONE, "list")
    assert [fact.type for fact in reminded.facts] == ["reminder.planned"], "the first line is answered by the second"
    assert reminded.answer is not None
    assert "9:00" in reminded.answer
    assert await sim.db.read(outbox.counts) == tasks
    assert (await transcripts.page(sim.ctx, sim.biller))[0] == [], "there is no conversation"


async def test_many_lines_are_no_flood(sim: Sim) -> None:
    reference = await owing(sim)
    assert (await tried(sim, reference, ["ce am de plată?"] * 20)).intent == "list"


async def test_live_is_real_and_answered(sim: Sim) -> None:
    reference = await owing(sim)
    sent = len(sim.vendors.channels["sms"].sent)
    promised = await tried(sim, reference, ["never taken", "plătesc vineri"], live=True)
    await sim.drain()

    assert [fact.type for fact in promised.facts] == ["promise.made"]
    assert [message.text for message in sim.vendors.channels["sms"].sent[sent:]] == [promised.answer]
    said = await transcripts.of_payer(sim.ctx, sim.biller, reference)
    assert [one.text for one in said if one.author == "payer"] == ["plătesc vineri"]


async def test_a_button_and_silence(sim: Sim) -> None:
    reference = await owing(sim)
    assert "payer.stopped" in [fact.type for fact in (await tried(sim, reference, [">stop"])).facts]
    assert (await tried(sim, reference, ["mulțumesc"])).answer
    assert (await tried(sim, reference, ["mulțumesc", "mulțumesc"])).answer is None


async def test_a_language_is_spoken_on_every_channel(sim: Sim) -> None:
    """Chosen by SMS, and heard in the chat that had another one before."""
    view = await sim.issue(steps=[Step("sms", 0)], phone=PHONE, telegram="402123456789")
    await tried(sim, view.payer.reference, ["ce am de plată?"], channel="telegram", live=True)
    await tried(sim, view.payer.reference, ["English"], channel="sms", live=True)
    listed = await tried(sim, view.payer.reference, ["ce am de plată?"], channel="telegram")
    assert listed.answer is not None
    assert listed.answer.startswith("You owe")
    assert [button["data"] for button in listed.buttons if button["data"]]


async def test_a_payers_reminder_is_told_in_utc(sim: Sim) -> None:
    """A wish is an hour of the payer's; events speak UTC."""
    view = await sim.issue(steps=[Step("sms", 0)], phone=PHONE)
    [planned] = (await tried(sim, view.payer.reference, ["amintește-mi mâine la 9"], live=True)).facts
    [row] = await sim.db.read(lambda conn: reminders_store.waiting(conn, view.payer.id))
    assert planned.data["at"] == f"{row.due_at:%Y-%m-%dT07:00:00.000}Z"


@pytest.mark.parametrize(
    ("reference", "channel", "error", "said"),
    [
        ("nobody", None, NotFound, "there is no payer nobody"),
        (None, "fax", Invalid, "there is no channel fax"),
        (None, "email", Invalid, "has no address on email"),
    ],
)
async def test_what_there_is_not(
    sim: Sim, reference: str | None, channel: str | None, error: type[Exception], said: str
) -> None:
    known = await owing(sim)
    with pytest.raises(error, match=said):
        await tried(sim, reference or known, ["x"], channel=channel)

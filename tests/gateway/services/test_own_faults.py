"""A send that our own code spoils: tried again, then ended as what it is, with the next channel and a dead task for a person."""

from __future__ import annotations

from typing import Any

import pytest
from structlog.testing import capture_logs

from gateway.domain.deliveries import DeliveryState, Step
from gateway.ports.errors import OutcomeUnknown
from gateway.services import composing, messaging, plans
from gateway.worker.kinds import KINDS
from tests.harness.gateway import Sim
from tests.harness.world import EMAIL, PHONE

D = DeliveryState
TRIES = len(KINDS[plans.DELIVER].pauses_s) + 1
BOTH = {"phone": PHONE, "email": EMAIL}
LATE = [Step("sms", 86_400), Step("email", 0)]  # so late that the tries end first
FAILED, UNKNOWN, SENT = "delivery.failed", "delivery.unknown", "delivery.sent"


def spoil_composing(monkeypatch: pytest.MonkeyPatch, times: int) -> None:
    """The next `times` SMS cannot be composed."""
    good, left = composing.compose, [None] * times

    def compose(ctx: Any, account: Any, subject: Any) -> Any:
        if subject.delivery.channel == "sms" and left:
            left.pop()
            raise ZeroDivisionError("a hole in the template")
        return good(ctx, account, subject)

    monkeypatch.setattr(composing, "compose", compose)


async def test_after_the_vendor_was_called_it_is_unknown_and_the_next_channel_is_taken(sim: Sim) -> None:
    sms = sim.vendors.channels["sms"]
    sms.faults = [ZeroDivisionError()] * TRIES  # type: ignore[list-item]
    view = await sim.issue(steps=LATE, **BOTH)
    with capture_logs() as lines:
        await sim.pass_time(hours=23)
    assert sms.calls.count("send") == TRIES
    assert await sim.states(view.invoice.id) == [("sms", D.UNKNOWN), ("email", D.SENT)]
    assert await sim.event_types(view.invoice.id) == ["invoice.issued", UNKNOWN, SENT]
    assert (await sim.events_of(view.invoice.id, UNKNOWN))[0]["code"] == "fault"
    assert (await sim.tasks("dead"), await sim.tasks()) == ([(plans.DELIVER, view.deliveries[0].id)], [])
    assert [line["event"] for line in lines] == ["task.failed"] * TRIES + ["task.dead"]


@pytest.mark.parametrize("channel", ["sms", "email"])  # composed inside the transaction, and after it
async def test_before_the_vendor_was_called_it_has_failed(
    sim: Sim, monkeypatch: pytest.MonkeyPatch, channel: str
) -> None:
    vendor = sim.vendors.channels[channel]
    good = composing.compose

    def compose(ctx: Any, account: Any, subject: Any) -> Any:
        if subject.delivery.channel == channel:
            raise ZeroDivisionError("a hole in the template")
        return good(ctx, account, subject)

    monkeypatch.setattr(composing, "compose", compose)
    other = "email" if channel == "sms" else "sms"
    view = await sim.issue(steps=[Step(channel, 86_400), Step(other, 0)], **BOTH)
    await sim.pass_time(hours=23)
    assert vendor.calls == []
    assert await sim.states(view.invoice.id) == [(channel, D.FAILED), (other, D.SENT)]
    assert (await sim.events_of(view.invoice.id, FAILED))[0]["code"] == "fault"
    assert await sim.tasks("dead") == [(plans.DELIVER, view.deliveries[0].id)]


async def test_a_fault_that_goes_away_leaves_no_trace(sim: Sim, monkeypatch: pytest.MonkeyPatch) -> None:
    spoil_composing(monkeypatch, 2)
    sim.vendors.channels["sms"].faults = [ZeroDivisionError()]  # type: ignore[list-item]
    view = await sim.issue(steps=LATE, **BOTH)
    await sim.pass_time(hours=1)
    assert await sim.states(view.invoice.id) == [("sms", D.SENT)]
    assert await sim.event_types(view.invoice.id) == ["invoice.issued", SENT]
    assert await sim.tasks("dead") == []


@pytest.mark.parametrize("called", [True, False])
async def test_the_next_channel_is_waited_for_no_longer_than_a_silent_vendors(
    sim: Sim, monkeypatch: pytest.MonkeyPatch, called: bool
) -> None:
    if called:
        sim.vendors.channels["sms"].faults = [ZeroDivisionError()] * TRIES  # type: ignore[list-item]
    else:
        spoil_composing(monkeypatch, TRIES)
    view = await sim.issue(steps=[Step("sms", 600), Step("email", 0)], **BOTH)
    await sim.pass_time(seconds=599)
    assert len(await sim.deliveries(view.invoice.id)) == 1
    await sim.pass_time(seconds=1)
    assert (await sim.states(view.invoice.id))[1] == ("email", D.SENT)
    await sim.pass_time(days=1)
    assert len(await sim.deliveries(view.invoice.id)) == 2


async def test_one_that_was_unknown_before_says_so_once(sim: Sim, monkeypatch: pytest.MonkeyPatch) -> None:
    sms = sim.vendors.channels["sms"]
    sms.faults = [OutcomeUnknown("time-out")]
    view = await sim.issue(steps=LATE, **BOTH)
    await sim.drain()
    spoil_composing(monkeypatch, TRIES)
    await sim.pass_time(hours=23)
    assert await sim.states(view.invoice.id) == [("sms", D.UNKNOWN), ("email", D.SENT)]
    assert await sim.event_types(view.invoice.id) == ["invoice.issued", UNKNOWN, SENT]


async def test_what_is_paid_meanwhile_is_not_asked_for_elsewhere(sim: Sim) -> None:
    sim.vendors.channels["sms"].faults = [ZeroDivisionError()] * TRIES  # type: ignore[list-item]
    view = await sim.issue(steps=LATE, **BOTH)
    await sim.drain()
    await sim.off_platform(view.invoice.id, "125.40")
    await sim.pass_time(hours=23)
    assert await sim.states(view.invoice.id) == [("sms", D.REVOKED)]  # the vendor was asked, and has nothing of it


async def test_a_task_whose_end_fails_too_is_dead_all_the_same(sim: Sim, monkeypatch: pytest.MonkeyPatch) -> None:
    sim.vendors.channels["sms"].faults = [ZeroDivisionError()] * TRIES  # type: ignore[list-item]
    view = await sim.issue(steps=LATE, **BOTH)

    def broken(*_: Any, **__: Any) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(messaging, "_unknown", broken)
    await sim.pass_time(hours=23)
    assert await sim.tasks("dead") == [(plans.DELIVER, view.deliveries[0].id)]
    assert await sim.states(view.invoice.id) == [("sms", D.SENDING)]

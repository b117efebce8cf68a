"""A payer comes back and picks the same method again: the session is asked for first, and handed out only if somebody is there."""

from __future__ import annotations

import pytest

from gateway.domain.payments import AttemptStatus
from gateway.ports.errors import Rejected, RetryLater
from gateway.ports.provider import PaymentStatus
from gateway.services import routing
from gateway.services.errors import Conflict
from gateway.services.routing import browser_of
from gateway.store.database import Database
from gateway.testing.clock import FakeClock
from tests.gateway.services.routed import click, down, open_shop

A = AttemptStatus


async def test_nobody_is_there_and_the_next_account_serves_the_same_click(database: Database, clock: FakeClock) -> None:
    async with open_shop(database, clock) as sim:
        view, cheap = await sim.issue(), sim.vendors.banks["cheap"]
        assert await click(sim, view) == "cheap"
        cheap.fetch_fault = RetryLater("refused the connection")
        down(cheap)
        assert await click(sim, view) == "dear"

        attempts = (await sim.view(view.invoice.id)).attempts
        assert [attempt.status for attempt in attempts] == [A.PENDING, A.PENDING], "the first may still be paid"
        first, second = await sim.events_of(view.invoice.id, "payment.routed")
        assert (first["account"], second["account"]) == ("cheap", "dear")
        assert {"account": "cheap", "because": ["tried"]}.items() <= second["options"][-1].items()
        explained = await routing.explain(sim.ctx, sim.biller, view.invoice.id, browser_of(None))
        [known] = [one for one in explained.accounts if one.name == "cheap"]
        assert (known.window.opened, known.window.failed) == (1, 1)
        assert await click(sim, view) == "dear", "its own session now, and no third one"
        assert len((await sim.view(view.invoice.id)).attempts) == 2


@pytest.mark.parametrize("answer", [RetryLater("busy", after_s=5.0), Rejected("not_yet")])
async def test_who_answers_is_there(database: Database, clock: FakeClock, answer: RetryLater | Rejected) -> None:
    async with open_shop(database, clock) as sim:
        view, cheap = await sim.issue(), sim.vendors.banks["cheap"]
        assert await click(sim, view) == "cheap"
        cheap.fetch_fault = answer
        assert await click(sim, view) == "cheap"
        assert len((await sim.view(view.invoice.id)).attempts) == 1


async def test_who_has_paid_is_not_sent_to_pay_again(database: Database, clock: FakeClock) -> None:
    async with open_shop(database, clock) as sim:
        view, cheap = await sim.issue(), sim.vendors.banks["cheap"]
        await click(sim, view)
        [payment_id] = cheap.payments
        cheap.change(payment_id, PaymentStatus.PAID)  # and the webhook is lost
        with pytest.raises(Conflict):
            await click(sim, view)
        assert (await sim.view(view.invoice.id)).invoice.outstanding.minor == 0
        assert cheap.calls.count("create") == 1


async def test_a_session_that_is_over_is_not_handed_out(database: Database, clock: FakeClock) -> None:
    async with open_shop(database, clock) as sim:
        view, cheap = await sim.issue(), sim.vendors.banks["cheap"]
        await click(sim, view)
        [first] = cheap.payments
        cheap.change(first, PaymentStatus.FAILED, received=0)
        assert await click(sim, view) == "cheap"
        assert [one.external_id for one in (await sim.view(view.invoice.id)).attempts] == list(cheap.payments)
        assert len(cheap.payments) == 2

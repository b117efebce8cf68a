"""Refunds through the real adapter of the sandbox bank and its webhooks over the wire, and the two sides' books in the end."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from gateway.demo.bank import CreateFault, Outcome
from gateway.domain.ids import ATTEMPT, show
from gateway.services import refunds
from gateway.services.refunds import Wanted
from gateway.store.database import Database
from gateway.testing.clock import FakeClock
from tests.harness.world import World, open_world

pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)  # the money machine is on both


@pytest.fixture
async def auto(database: Database, clock: FakeClock) -> AsyncIterator[World]:
    """A biller who has second payments given back at once."""
    async with open_world(database, clock, biller={"payments": {"refund_duplicates": "auto"}}) as opened:
        yield opened


async def books_meet(world: World, invoice_id: int) -> tuple[int, int]:
    """What the invoice says was paid and given back, once each attempt has been seen to say what the bank says."""
    view = await world.view(invoice_id)
    for attempt in view.attempts:
        there = world.bank.ledger.payments[attempt.external_id or ""]
        ours = (attempt.received_minor, attempt.reversed_minor, attempt.refunded_minor)
        assert ours == (there.received_minor, there.reversed_minor, there.refunded_minor)
    return view.invoice.paid_minor, view.invoice.refunded_minor


@pytest.mark.parametrize("fault", [None, CreateFault.CUT_MADE, CreateFault.CUT_NOT_MADE, CreateFault.RATE_LIMITED])
async def test_paid_twice_goes_back_once(auto: World, fault: CreateFault | None) -> None:
    view = await auto.issue("100.00")
    payment_id = await auto.open_payment(view.invoice.id)
    if fault is not None:
        auto.bank.fail_next_refund(fault)
    await auto.bank.choose(payment_id, Outcome.PAID_TWICE)
    await auto.pass_time(minutes=20)
    assert await books_meet(auto, view.invoice.id) == (10_000, 10_000)
    (row,) = (await auto.view(view.invoice.id)).refunds
    assert (row.state, row.reason, len(auto.bank.refunds.made)) == ("done", "duplicate", 1)


async def test_what_the_bank_gave_back_at_its_desk_and_took_back_again(world: World) -> None:
    view = await world.issue("100.00")
    payment_id = await world.open_payment(view.invoice.id)
    await world.bank.choose(payment_id, Outcome.PAID)
    desk = await world.bank.refund(payment_id, 3_000)
    await world.pass_time(minutes=1)
    assert await books_meet(world, view.invoice.id) == (10_000, 3_000)
    await world.bank.fail_refund(desk.id)
    await world.pass_time(minutes=1)
    assert await books_meet(world, view.invoice.id) == (10_000, 0)
    assert (await world.event_types(view.invoice.id)).count("refund.failed") == 1


async def test_one_that_waits_at_the_bank_and_fails(world: World) -> None:
    view = await world.issue("100.00")
    payment_id = await world.open_payment(view.invoice.id)
    await world.bank.choose(payment_id, Outcome.PAID)
    world.bank.refunds_wait = True
    (attempt,) = (await world.view(view.invoice.id)).attempts
    made, _ = await refunds.request(world.ctx, world.biller, show(ATTEMPT, attempt.id), Wanted(reopen=True), "k-1")
    await world.pass_time(minutes=1)
    assert (await refunds.get(world.ctx, world.biller, made.id)).state == "pending"
    (there,) = world.bank.refunds.made.values()
    world.bank.settle_refund(there.id)
    await world.pass_time(hours=1)
    assert await books_meet(world, view.invoice.id) == (0, 10_000)
    await world.bank.fail_refund(there.id)
    await world.pass_time(minutes=1)
    assert await books_meet(world, view.invoice.id) == (10_000, 0)
    assert (await refunds.get(world.ctx, world.biller, made.id)).code == "account_closed"

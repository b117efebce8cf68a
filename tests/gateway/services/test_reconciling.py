"""The mop-up: what the provider lists of a day is compared with what is known, and what nobody follows is followed again."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import date, timedelta

import pytest

from gateway.domain.invoices import InvoiceStatus
from gateway.domain.payments import AttemptStatus
from gateway.ports.errors import RetryLater
from gateway.ports.provider import PaymentRequest, PaymentStatus
from gateway.ports.values import Money
from gateway.services import reconciling
from gateway.services.attempts import POLL
from gateway.services.directory import ProviderAccount
from gateway.services.errors import Conflict
from gateway.store import outbox
from gateway.store.database import Database
from gateway.store.reconciliations import Compared
from gateway.testing.clock import FakeClock
from tests.harness.gateway import Sim, open_sim

S = PaymentStatus


@pytest.fixture
async def sim(database: Database, clock: FakeClock) -> AsyncIterator[Sim]:
    async with open_sim(database, clock, bank={"lists_payments": True}) as opened:
        yield opened


def account_of(sim: Sim) -> ProviderAccount:
    account = sim.ctx.directory.provider_called("acme.sim")
    assert account is not None
    return account


def today(sim: Sim) -> date:
    return sim.biller.today(sim.clock.now())


async def unheard(sim: Sim, amount: str = "100.00") -> int:
    """An invoice that was paid while nobody told us and nobody asks any more."""
    view = await sim.issue(amount)
    payment = await sim.open_payment(view.invoice.id)
    sim.bank.change(payment, S.PAID)
    attempt = (await sim.view(view.invoice.id)).attempts[0]
    await sim.db.write(lambda conn: outbox.drop(conn, POLL, attempt.id))
    return view.invoice.id


async def compared(sim: Sim, day: date, *, anew: bool = False) -> Compared:
    return await reconciling.reconcile(sim.ctx, account_of(sim), day, anew=anew)


def figures(row: Compared) -> tuple[int, int, list[str], list[int]]:
    return row.listed, row.repaired, row.strange, row.missing


async def test_what_was_never_told_is_found_once_and_goes_through_the_door(sim: Sim) -> None:
    invoice_id, day = await unheard(sim), today(sim)
    sim.clock.advance(timedelta(hours=27))
    assert figures(await compared(sim, day)) == (1, 1, [], [])
    view = await sim.view(invoice_id)
    assert view.invoice.status is InvoiceStatus.PAID
    assert [line.source for line in view.lines] == ["reconcile"]
    assert figures(await compared(sim, day, anew=True)) == (1, 0, [], [])
    assert len((await sim.view(invoice_id)).lines) == 1


async def test_what_nobody_here_made_is_named_and_not_booked(sim: Sim) -> None:
    now = sim.clock.now()
    asked = PaymentRequest("k", Money(500, "RON"), "OTHER", "x", "https://x", "https://x", now, "ro", "card")
    stranger = sim.bank.change(sim.bank.open(asked).id, S.PAID)
    day = today(sim)
    sim.clock.advance(timedelta(hours=27))
    assert figures(await compared(sim, day)) == (1, 0, [stranger.id], [])


async def test_what_the_provider_does_not_know_is_named(sim: Sim) -> None:
    view = await sim.issue("100.00")
    payment = await sim.open_payment(view.invoice.id)
    await sim.tell(sim.bank.change(payment, S.PAID))
    other = await sim.issue("50.00")
    await sim.tell(sim.bank.change(await sim.open_payment(other.invoice.id), S.PAID))
    day = today(sim)
    sim.clock.advance(timedelta(hours=27))
    del sim.bank.payments[payment]
    attempt = (await sim.view(view.invoice.id)).attempts[0]
    assert figures(await compared(sim, day)) == (1, 0, [], [attempt.id])


async def test_a_misfit_is_told_once_however_often_it_is_compared(sim: Sim) -> None:
    invoice_id, day = await unheard(sim), today(sim)
    (payment_id,) = sim.bank.payments
    sim.bank.change(payment_id, S.PAID, received=0)
    sim.clock.advance(timedelta(hours=27))
    for _ in range(3):
        await compared(sim, day, anew=True)
    assert (await sim.event_types(invoice_id)).count("payment.mismatch") == 1


async def test_a_day_that_is_not_over_is_refused(sim: Sim) -> None:
    with pytest.raises(Conflict, match="is not over"):
        await compared(sim, today(sim))


async def test_a_provider_that_lists_nothing_is_said_to(database: Database, clock: FakeClock) -> None:
    async with open_sim(database, clock) as sim:
        with pytest.raises(Conflict, match="does not list"):
            await compared(sim, today(sim) - timedelta(days=1))


async def test_it_stops_in_time_and_goes_on_where_it_was(sim: Sim, monkeypatch: pytest.MonkeyPatch) -> None:
    await unheard(sim)
    day = today(sim)
    sim.clock.advance(timedelta(hours=27))
    first = await reconciling.reconcile(sim.ctx, account_of(sim), day, at_most=timedelta())
    assert (first.done_at, first.listed) == (None, 0)
    sim.bank.fetch_fault = RetryLater("down")
    with pytest.raises(RetryLater):
        await compared(sim, day)
    sim.bank.fetch_fault = None
    assert (await compared(sim, day)).done_at is not None


async def test_the_worker_goes_through_each_day_that_is_over_by_itself(sim: Sim) -> None:
    invoice_id = await unheard(sim)
    await sim.db.write(lambda conn: reconciling.follow_in_time(conn, sim.ctx, sim.clock.now()))
    first = today(sim)
    for _ in range(10):
        await sim.pass_time(hours=6)
    assert (await sim.view(invoice_id)).invoice.status is InvoiceStatus.PAID
    rows = await sim.db.read(lambda conn: reconciling.store.listing(conn, [account_of(sim).id], 10))
    assert [row.of_day for row in rows] == [first + timedelta(days=1), first, first - timedelta(days=1)]
    assert all(row.done_at for row in rows)


async def test_days_missed_in_an_outage_are_caught_up_with(sim: Sim) -> None:
    await sim.db.write(lambda conn: reconciling.follow_in_time(conn, sim.ctx, sim.clock.now()))
    await sim.pass_time(hours=30)
    sim.bank.fetch_fault = RetryLater("down")
    invoice_id = await unheard(sim)
    await sim.pass_time(days=3)
    sim.bank.fetch_fault = None
    await sim.pass_time(hours=6)
    assert (await sim.view(invoice_id)).invoice.status is InvoiceStatus.PAID
    rows = await sim.db.read(lambda conn: reconciling.store.listing(conn, [account_of(sim).id], 10))
    days = [row.of_day for row in rows]
    assert days == [days[0] - timedelta(days=back) for back in range(len(days))]


async def test_an_attempt_that_nobody_follows_is_followed_again(database: Database, clock: FakeClock) -> None:
    async with open_sim(database, clock) as sim:
        invoice_id = await unheard(sim)
        await sim.db.write(lambda conn: reconciling.follow_in_time(conn, sim.ctx, sim.clock.now()))
        await sim.pass_time(hours=7)
        view = await sim.view(invoice_id)
        assert (view.invoice.status, view.attempts[0].status) == (InvoiceStatus.PAID, AttemptStatus.PAID)
        assert [line.source for line in view.lines if line.delta_minor] == ["poll"]


async def test_what_is_over_or_older_than_sixty_days_is_left_alone(database: Database, clock: FakeClock) -> None:
    async with open_sim(database, clock) as sim:
        view = await sim.issue("100.00")
        await sim.open_payment(view.invoice.id)
        await sim.pass_time(days=61)
        assert await sim.tasks() == []
        await sim.db.write(lambda conn: reconciling.follow_in_time(conn, sim.ctx, sim.clock.now()))
        asked = len(sim.bank.calls)
        await sim.pass_time(hours=13)
        assert len(sim.bank.calls) == asked

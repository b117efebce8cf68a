"""Accounts in trouble rest, and one payer finds out when that is over; shared between processes through the database."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
from collections.abc import AsyncIterator

import pytest

from gateway.domain.routing import Browser, Health, Trouble
from gateway.ports.errors import OutcomeUnknown
from gateway.ports.provider import PaymentStatus
from gateway.services import routing
from gateway.store import routes
from gateway.store.database import Database, open_database
from gateway.store.schema import account_minute
from gateway.testing.clock import FakeClock
from tests.gateway.services.routed import click, clicks, down, open_shop, pay, up
from tests.harness.gateway import Sim, count


@pytest.fixture
async def two(database: Database, database_url: str, clock: FakeClock) -> AsyncIterator[tuple[Sim, Sim]]:
    """Two processes over one database; on SQLite, which one process alone has open, two contexts."""
    async with contextlib.AsyncExitStack() as stack:
        other = database
        if database.dialect == "postgresql":
            other = await open_database(database_url)
            stack.push_async_callback(other.aclose)
        first = await stack.enter_async_context(open_shop(database, clock))
        second = await stack.enter_async_context(open_shop(other, clock))
        second._numbers = 1_000  # of its invoices
        for bank in second.vendors.banks.values():
            bank._numbers = itertools.count(1_001)
        yield first, second


async def standing(sim: Sim, account: str = "cheap") -> tuple[Health, Trouble | None]:
    view = await sim.issue()
    found = await routing.explain(sim.ctx, sim.biller, view.invoice.id, Browser.PLAIN)
    (known,) = [one for one in found.accounts if one.name == account]
    return known.standing.health, known.standing.trouble


def all_down(sim: Sim, *names: str) -> None:
    for name in names:
        down(sim.vendors.banks[name])


async def test_an_account_that_opens_nothing_is_left_alone_by_every_process(two: tuple[Sim, Sim]) -> None:
    first, second = two
    for sim in two:
        all_down(sim, "cheap")
    assert await clicks(first, 2) == ["dear", "dear"]
    assert await standing(second) == (Health.WELL, None)
    assert await clicks(second, 1) == ["dear"]  # the third failure
    for sim in two:
        assert await standing(sim) == (Health.DOWN, Trouble.FAILURES)
        sim.vendors.banks["cheap"].calls.clear()
        assert await clicks(sim, 2) == ["dear", "dear"]
        assert sim.vendors.banks["cheap"].calls == []


async def test_one_payer_of_all_processes_tries_it_after_its_rest(two: tuple[Sim, Sim], clock: FakeClock) -> None:
    first, second = two
    all_down(first, "cheap")
    await clicks(first, 3)
    clock.advance(seconds=60)
    assert await standing(second) == (Health.PROBE, Trouble.FAILURES)
    up(first.vendors.banks["cheap"])
    asked, answer = asyncio.Event(), asyncio.Event()

    async def hold(payment: object) -> None:
        asked.set()
        await answer.wait()

    first.vendors.banks["cheap"].before_answer = hold
    probe = asyncio.create_task(click(first, await first.issue()))
    await asked.wait()
    assert await standing(second) == (Health.DOWN, Trouble.FAILURES)
    assert await clicks(second, 2) == ["dear", "dear"]
    answer.set()
    assert await probe == "cheap"
    assert await standing(second) == (Health.WELL, None)
    assert await clicks(second, 1) == ["cheap"]


async def test_only_one_gets_the_probe_when_many_come_at_once(two: tuple[Sim, Sim], clock: FakeClock) -> None:
    for sim in two:
        all_down(sim, "cheap")
    await clicks(two[0], 3)
    clock.advance(seconds=60)
    for sim in two:
        sim.vendors.banks["cheap"].calls.clear()
    views = [(sim, await sim.issue()) for sim in two for _ in range(4)]
    served = await asyncio.gather(*(click(sim, view) for sim, view in views))
    assert served == ["dear"] * 8
    assert sum(len(sim.vendors.banks["cheap"].calls) for sim in two) == 1


async def test_a_probe_that_fails_rests_it_twice_as_long(database: Database, clock: FakeClock) -> None:
    async with open_shop(database, clock) as sim:
        all_down(sim, "cheap")
        await clicks(sim, 3)
        for rest_s in (60, 120, 240):
            clock.advance(seconds=rest_s - 1)
            assert (await standing(sim))[0] is Health.DOWN
            clock.advance(seconds=1)
            assert (await standing(sim))[0] is Health.PROBE
            assert await clicks(sim, 1) == ["dear"]
        assert (await standing(sim))[0] is Health.DOWN


async def test_a_probe_that_nobody_ends_is_taken_again(database: Database, clock: FakeClock) -> None:
    async with open_shop(database, clock) as sim:
        all_down(sim, "cheap")
        await clicks(sim, 3)
        clock.advance(seconds=60)
        down(sim.vendors.banks["cheap"], fault=KeyboardInterrupt())  # type: ignore[arg-type]
        with pytest.raises(KeyboardInterrupt):
            await clicks(sim, 1)
        assert (await standing(sim))[0] is Health.DOWN
        clock.advance(seconds=60)
        up(sim.vendors.banks["cheap"])
        assert await clicks(sim, 1) == ["cheap"]
        assert (await standing(sim))[0] is Health.WELL


async def test_an_unhealthy_method_is_hidden_while_another_is_well_and_shown_with_words_when_none_is(
    database: Database, clock: FakeClock
) -> None:
    async with open_shop(database, clock) as sim:
        view = await sim.issue()
        all_down(sim, "dear")
        assert await clicks(sim, 3, "wallet") == ["Unavailable"] * 3
        decision = await routing.shown(sim.ctx, sim.biller, view.invoice, None)
        assert [(route.method, route.troubled) for route in decision.shown] == [("card", False), ("bank", False)]
        sim.vendors.banks["dear"].calls.clear()
        assert await clicks(sim, 1, "wallet") == ["Unavailable"]
        assert sim.vendors.banks["dear"].calls == []

        all_down(sim, "cheap", "sim")
        await clicks(sim, 3)
        decision = await routing.shown(sim.ctx, sim.biller, view.invoice, None)
        assert [route.method for route in decision.shown if route.troubled] == ["card", "bank", "wallet"]
        up(sim.vendors.banks["sim"])
        assert await click(sim, view) == "sim"  # nothing is well: all are tried, and the one that answers is well again
        decision = await routing.shown(sim.ctx, sim.biller, view.invoice, None)
        assert [(route.method, route.troubled) for route in decision.shown] == [("card", False)]


async def test_failures_are_forgotten_after_the_window_and_outweighed_by_what_goes_well(
    database: Database, clock: FakeClock
) -> None:
    async with open_shop(database, clock) as sim:
        all_down(sim, "cheap")
        await clicks(sim, 2)
        clock.advance(seconds=600)
        await clicks(sim, 2)
        assert (await standing(sim))[0] is Health.WELL
        up(sim.vendors.banks["cheap"])
        assert await clicks(sim, 4) == ["cheap"] * 4
        all_down(sim, "cheap")
        await clicks(sim, 1)  # the third of seven: less than half
        assert (await standing(sim))[0] is Health.WELL


async def test_one_payer_alone_brings_no_account_down(database: Database, clock: FakeClock) -> None:
    policy = {"health": {"failures": 2, "failure_share": "1%", "declines": 2, "decline_share": "1%"}}
    async with open_shop(database, clock, routing=policy) as sim:
        view, other = await sim.issue(), await sim.issue()
        bank = sim.vendors.banks["cheap"]
        all_down(sim, "cheap")
        assert [await click(sim, view, "bank") for _ in range(4)] == ["Unavailable"] * 4
        assert await standing(sim) == (Health.WELL, None)
        up(bank)
        for number in (1, 2, 3):
            assert await click(sim, other) == "cheap"
            await sim.tell(bank.change(f"x{number}", PaymentStatus.FAILED, received=0), "cheap")
        assert await standing(sim) == (Health.WELL, None)
        all_down(sim, "cheap")
        assert await clicks(sim, 1) == ["dear"]
        assert await standing(sim) == (Health.DOWN, Trouble.FAILURES)


async def test_silence_counts_as_a_failure(database: Database, clock: FakeClock) -> None:
    async with open_shop(database, clock) as sim:
        down(sim.vendors.banks["cheap"], fault=OutcomeUnknown("cut off"))
        assert await clicks(sim, 3) == ["Unavailable"] * 3
        assert await standing(sim) == (Health.DOWN, Trouble.FAILURES)
        assert await clicks(sim, 1) == ["dear"]


async def test_an_account_on_which_nothing_is_confirmed_rests_until_one_is(
    database: Database, clock: FakeClock
) -> None:
    policy = {"health": {"declines": 3, "decline_share": "100%"}}
    async with open_shop(database, clock, routing=policy) as sim:
        bank = sim.vendors.banks["cheap"]
        for number in (1, 2, 3):
            assert await standing(sim) == (Health.WELL, None)
            assert await clicks(sim, 1) == ["cheap"]
            await sim.tell(bank.change(f"x{number}", PaymentStatus.FAILED, received=0), "cheap")
        assert await standing(sim) == (Health.DOWN, Trouble.DECLINES)
        clock.advance(seconds=60)
        view = await sim.issue()
        assert await click(sim, view) == "cheap"  # that it opens says nothing: it is tried when it has confirmed
        assert await standing(sim) == (Health.DOWN, Trouble.DECLINES)
        await pay(sim, view)
        assert await standing(sim) == (Health.WELL, None)


async def test_a_slow_account_rests_until_it_is_fast(database: Database, clock: FakeClock) -> None:
    async with open_shop(database, clock) as sim:
        bank = sim.vendors.banks["cheap"]

        async def slowly(payment: object) -> None:
            clock.advance(seconds=12)

        bank.before_answer = slowly
        assert await clicks(sim, 3) == ["cheap"] * 3
        assert await standing(sim) == (Health.DOWN, Trouble.SLOW)
        clock.advance(seconds=60)
        assert await clicks(sim, 1) == ["cheap"]
        assert await standing(sim) == (Health.DOWN, Trouble.SLOW)
        bank.before_answer = None
        clock.advance(seconds=120)
        assert await clicks(sim, 1) == ["cheap"]
        assert await standing(sim) == (Health.WELL, None)


async def test_counters_of_yesterday_are_dropped(database: Database, clock: FakeClock) -> None:
    async with open_shop(database, clock) as sim:
        account = sim.ctx.directory.provider_called("acme.cheap")
        assert account is not None
        for _ in range(3):
            await clicks(sim, 2)
            clock.advance(seconds=60)
        assert await count(sim.db, account_minute) == 3
        window = await sim.db.read(lambda conn: routes.window(conn, account.id, 120, clock.now()))
        assert window.opened == 2
        clock.advance(seconds=86_400)
        await clicks(sim, 1)
        assert await count(sim.db, account_minute) == 1

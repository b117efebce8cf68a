"""What payments cost, as it is kept and summed, and what another policy would have made of them."""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest

from gateway.config.routing import RoutingPolicy, Terms
from gateway.config.shapes import Place, read_section
from gateway.ports.provider import PaymentStatus, PaymentUpdate
from gateway.ports.values import Money
from gateway.services import payments as door
from gateway.services import route_reports
from gateway.services.errors import Invalid
from gateway.services.invoices import View
from gateway.services.shapes import invoice_json
from gateway.store.database import Database
from gateway.testing.clock import FakeClock
from tests.gateway.services.routed import click, down, open_shop, pay, up
from tests.harness.gateway import Sim

DAY = date(2026, 11, 23)


def policy(**tables: Any) -> RoutingPolicy:
    return read_section(RoutingPolicy, tables, Place(Path(), {}), "routing.")


async def paid(sim: Sim, amount: str, method: str = "card") -> View:
    view = await sim.issue(amount)
    await click(sim, view, method)
    await pay(sim, view)
    return await sim.view(view.invoice.id)


async def news(sim: Sim, view: View, **more: Any) -> None:
    """The provider says something of the invoice's payment."""
    (attempt,) = view.attempts
    update = PaymentUpdate(
        more.pop("event_id", "e1"),
        attempt.external_id or "",
        PaymentStatus.PAID,
        sim.clock.now(),
        received=more.pop("received", attempt.amount),
        **more,
    )
    now = sim.clock.now()
    await sim.db.write(lambda conn: door.apply_update(conn, sim.ctx.directory, attempt.id, update, door.POLL, now))


async def fee_of(sim: Sim, view: View) -> tuple[str | None, str | None]:
    shown = invoice_json(sim.ctx, sim.biller, await sim.view(view.invoice.id), sim.clock.now())
    (payment,) = shown["payments"]
    return payment["fee"] and payment["fee"]["value"], payment["fee_source"]


async def test_a_word_of_the_provider_takes_the_place_of_an_estimate(database: Database, clock: FakeClock) -> None:
    async with open_shop(database, clock) as sim:
        view = await sim.issue("100.00")
        await click(sim, view)
        view = await sim.view(view.invoice.id)
        assert await fee_of(sim, view) == (None, None)
        await news(sim, view, received=Money(4_000, "RON"))
        assert await fee_of(sim, view) == ("0.50", "estimate")
        await news(sim, view, fee=Money(7, "EUR"))  # in another currency than the payment's
        assert await fee_of(sim, view) == ("0.50", "estimate")
        before = (await sim.view(view.invoice.id)).sequence
        await news(sim, view, fee=Money(63, "RON"))  # nothing else is new
        assert await fee_of(sim, view) == ("0.63", "provider")
        assert (await sim.view(view.invoice.id)).sequence == before
        await news(sim, view, received=Money(12_000, "RON"))
        assert await fee_of(sim, view) == ("0.63", "provider")


async def test_no_table_no_estimate(database: Database, clock: FakeClock) -> None:
    async with open_shop(database, clock, routing={"pin": {"accounts": ["sim"]}}, sim={"fee": None}) as sim:
        view = await paid(sim, "100.00")
        assert await fee_of(sim, view) == (None, None)
        told = await route_reports.report(sim.ctx, sim.biller, DAY, DAY)
        assert told["totals"][0]["without_a_fee"] == 1


async def test_the_report_sums_by_account_and_says_what_fixed_prices_saved(
    database: Database, clock: FakeClock
) -> None:
    async with open_shop(database, clock) as sim:
        await paid(sim, "125.40", "bank")
        view = await paid(sim, "200.00")
        await news(sim, view, event_id="e2", fee=Money(55, "RON"))
        down(sim.vendors.banks["cheap"])
        await paid(sim, "100.00")
        up(sim.vendors.banks["cheap"])
        await click(sim, await sim.issue())  # not paid
        clock.advance(timedelta(days=1))
        await paid(sim, "77.00")
        told = await route_reports.report(sim.ctx, sim.biller, DAY, DAY)
        ron = {"currency": "RON"}
        assert told["accounts"] == [
            {
                "account": account,
                "method": method,
                "payments": 1,
                "received": {"value": received} | ron,
                "fees": {"value": fees} | ron,
                "of_which_estimated": {"value": estimated} | ron,
                "without_a_fee": 0,
            }
            for account, method, received, fees, estimated in (
                ("cheap", "bank", "125.40", "0.50", "0.50"),
                ("cheap", "card", "200.00", "0.55", "0.00"),
                ("dear", "card", "100.00", "1.20", "1.20"),
            )
        ]
        (total,) = told["totals"]
        assert (total["payments"], total["fees"]["value"], total["of_which_estimated"]["value"]) == (3, "2.25", "1.70")
        # By `dear`, the cheapest percentage: 1.50 for 125.40 and 2.40 for 200.00, where 0.50 and 0.55 were paid.
        assert total["saved_by_fixed_prices"] == {
            "payments": 2,
            "amount": {"value": "2.85"} | ron,
            "against": ["dear"],
        }
        with pytest.raises(Invalid):
            await route_reports.report(sim.ctx, sim.biller, DAY, DAY - timedelta(days=1))


async def test_another_policy_is_replayed_and_what_is_estimated_is_said(database: Database, clock: FakeClock) -> None:
    async with open_shop(database, clock) as sim:
        await paid(sim, "100.00")
        await paid(sim, "200.00")
        down(sim.vendors.banks["cheap"])
        await paid(sim, "300.00")  # by `dear`, for 3.60
        await click(sim, await sim.issue("300.00"))  # and one there that comes to nothing
        up(sim.vendors.banks["cheap"])
        same = await route_reports.simulate(sim.ctx, sim.biller, policy(), {}, DAY, DAY)
        assert same["payments"] == 4
        assert same["estimated"] == {
            "outcomes": 2,  # that `cheap` was down is not replayed
            "lost": 0,
            "fees_known": 0,
            "fees_compared": 3,
            "fees_not_compared": 0,
        }
        (total,) = same["totals"]
        assert (total["was"]["success"], total["then"]["success"]) == ("75.0%", "100.0%")
        assert (total["was"]["cost"]["value"], total["then"]["cost"]["value"]) == ("4.60", "1.50")
        assert total["cost_difference"]["value"] == "-3.10"

        hidden = policy(hide={"accounts": ["cheap"]})
        elsewhere = await route_reports.simulate(sim.ctx, sim.biller, hidden, {}, DAY, DAY)
        (total,) = elsewhere["totals"]
        assert (elsewhere["estimated"]["outcomes"], total["then"]["success"]) == (2, "50.0%")  # as `dear` did: 1 of 2
        assert total["then"]["cost"]["value"] == "7.20"  # 1.20 + 2.40 + 3.60
        by_account = {one["account"]: one for one in elsewhere["accounts"]}
        assert (by_account["cheap"]["then"]["payments"], by_account["dear"]["then"]["payments"]) == (0, 4)

        cheaper = {"dear": Terms.model_validate({"fee": {"percent": "0.1"}})}
        priced = await route_reports.simulate(sim.ctx, sim.biller, policy(cost_of_day="0"), cheaper, DAY, DAY)
        assert priced["totals"][0]["then"]["cost"]["value"] == "3.90"  # 0.10 + 0.20, and the 3.60 that it really was

        none = policy(hide={"methods": ["card", "bank", "wallet"]})
        lost = await route_reports.simulate(sim.ctx, sim.biller, none, {}, DAY, DAY)
        assert (lost["estimated"]["lost"], lost["totals"][0]["then"]["success"]) == (4, None)
        assert lost["estimated"]["fees_not_compared"] == 3

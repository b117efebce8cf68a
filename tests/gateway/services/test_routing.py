"""Which account serves a click, what happens when it does not, and what is kept of it; on each engine."""

from __future__ import annotations

from typing import Any

import pytest

from gateway.domain.payments import AttemptStatus
from gateway.domain.routing import Browser
from gateway.ports.errors import OutcomeUnknown, Rejected
from gateway.ports.provider import PaymentStatus
from gateway.services import routing
from gateway.services.errors import NotFound
from gateway.services.route_shapes import explained_json
from gateway.store.database import Database
from gateway.testing.clock import FakeClock
from tests.gateway.services.routed import TELEGRAM, click, clicks, down, open_shop, pay, up
from tests.harness.gateway import Sim
from tests.harness.pushing import endpoint
from tests.harness.receiver import receiving

A = AttemptStatus


async def tries(sim: Sim, invoice_id: int) -> list[tuple[str, AttemptStatus, str | None]]:
    found = []
    for attempt in (await sim.view(invoice_id)).attempts:
        account = sim.ctx.directory.provider(attempt.account_id)
        assert account is not None
        found.append((account.candidate.name, attempt.status, attempt.reason))
    return found


async def shown(sim: Sim, invoice_id: int, agent: str | None = None) -> list[str]:
    invoice = (await sim.view(invoice_id)).invoice
    return [route.method for route in (await routing.shown(sim.ctx, sim.biller, invoice, agent)).shown]


async def test_the_cheapest_account_serves_and_the_page_lists_methods_by_cost(
    database: Database, clock: FakeClock
) -> None:
    async with open_shop(database, clock) as sim:
        large, small = await sim.issue("125.40"), await sim.issue("10.00")
        assert [await click(sim, view) for view in (large, small)] == ["cheap", "dear"]  # 0.50 < 1.50, and 0.50 > 0.30
        assert await shown(sim, large.invoice.id) == ["card", "bank", "wallet"]
        assert await shown(sim, large.invoice.id, TELEGRAM) == ["bank", "card"]
        with pytest.raises(NotFound):
            await click(sim, large, "wallet", agent=TELEGRAM)
        assert await click(sim, large, "wallet") == "dear"


async def test_the_next_account_serves_within_the_same_click(database: Database, clock: FakeClock) -> None:
    async with open_shop(database, clock) as sim:
        view = await sim.issue()
        down(sim.vendors.banks["cheap"])
        down(sim.vendors.banks["dear"], fault=Rejected("account_closed"))
        assert await click(sim, view) == "sim"
        assert await tries(sim, view.invoice.id) == [
            ("cheap", A.FAILED, "unavailable"),
            ("dear", A.FAILED, "account_closed"),
            ("sim", A.PENDING, None),
        ]
        routed = await sim.events_of(view.invoice.id, "payment.routed")
        assert [(event["account"], event["because"]) for event in routed] == [
            ("cheap", "cheaper"),
            ("dear", "cheaper"),
            ("sim", "only"),
        ]
        assert routed[2]["options"][1:] == [
            {"account": name, "because": ["tried"], "cost": cost} for name, cost in _costs(routed[0])[:2]
        ]
        failed = await sim.events_of(view.invoice.id, "payment.failed")
        assert [event["reason"] for event in failed] == ["unavailable", "account_closed"]


def _costs(event: dict[str, Any]) -> list[tuple[str, Any]]:
    return [(option["account"], option["cost"]) for option in event["options"]]


async def test_when_all_fail_it_is_said_and_each_try_is_kept(database: Database, clock: FakeClock) -> None:
    async with open_shop(database, clock) as sim:
        view = await sim.issue()
        for bank in sim.vendors.banks.values():
            down(bank)
        assert await click(sim, view) == "Unavailable"
        assert [status for _, status, _ in await tries(sim, view.invoice.id)] == [A.FAILED] * 3
        up(*sim.vendors.banks.values())
        assert await click(sim, view) == "cheap"


async def test_no_further_account_is_asked_when_the_payer_has_waited_long(database: Database, clock: FakeClock) -> None:
    async with open_shop(database, clock) as sim:
        view = await sim.issue()

        async def slowly(verb: str) -> None:
            clock.advance(seconds=25)
            raise Rejected("busy")

        sim.vendors.banks["cheap"].on_call = slowly
        assert await click(sim, view) == "Unavailable"
        assert len(await tries(sim, view.invoice.id)) == 1


async def test_an_unknown_outcome_is_not_failed_over_before_it_is_known(database: Database, clock: FakeClock) -> None:
    async with open_shop(database, clock) as sim:
        view = await sim.issue()
        cheap = sim.vendors.banks["cheap"]
        down(cheap, fault=OutcomeUnknown("cut off"))
        assert await click(sim, view) == "Unavailable"
        assert await tries(sim, view.invoice.id) == [("cheap", A.UNKNOWN, None)]
        assert await click(sim, view) == "StillAsked"
        assert sim.vendors.banks["dear"].calls == sim.vendors.banks["sim"].calls == []
        assert await click(sim, view, "wallet") == "dear"  # another method is the payer's own choice
        found = await routing.explain(sim.ctx, sim.biller, view.invoice.id, Browser.PLAIN)
        assert found.asked == ["card"]
        up(cheap)
        await sim.pass_time(seconds=30)  # the bank says that it never made it
        assert (await tries(sim, view.invoice.id))[0] == ("cheap", A.FAILED, "not_created")
        assert await click(sim, view) == "cheap"


async def test_a_call_that_nobody_ended_counts_as_unknown_after_a_minute(database: Database, clock: FakeClock) -> None:
    """The process died while the provider was asked."""
    async with open_shop(database, clock) as sim:
        view = await sim.issue()
        down(sim.vendors.banks["cheap"], fault=KeyboardInterrupt())  # type: ignore[arg-type]
        with pytest.raises(KeyboardInterrupt):
            await click(sim, view)
        down(sim.vendors.banks["cheap"], fault=Rejected("busy"))
        assert await click(sim, view) == "dear"  # a second click of somebody in a hurry is served
        other = await sim.issue()
        down(sim.vendors.banks["cheap"], fault=KeyboardInterrupt())  # type: ignore[arg-type]
        with pytest.raises(KeyboardInterrupt):
            await click(sim, other)
        clock.advance(seconds=60)
        assert await click(sim, other) == "StillAsked"


async def test_an_open_session_is_taken_up_again_unless_its_account_is_down(
    database: Database, clock: FakeClock
) -> None:
    async with open_shop(database, clock) as sim:
        view = await sim.issue()
        cheap = sim.vendors.banks["cheap"]
        assert await click(sim, view) == await click(sim, view) == "cheap"
        assert cheap.calls == ["create", "fetch"]
        down(cheap)
        assert await clicks(sim, 3) == ["dear"] * 3
        assert await click(sim, view) == "dear"


async def test_weights_split_a_method_and_pins_and_caps_hold(database: Database, clock: FakeClock) -> None:
    policy = {
        "weights": {"card": {"dear": 50, "sim": 50}},
        "pin": {"methods": ["wallet"]},
        "caps": [{"account": "dear", "amount": "300.00", "currency": "RON", "per": "day"}],
    }
    async with open_shop(database, clock, routing=policy) as sim:
        views = [await sim.issue("100.00") for _ in range(12)]
        served = [await click(sim, view) for view in views]
        assert set(served) == {"dear", "sim"}
        assert [await click(sim, view) for view in views] == served
        assert (await shown(sim, views[0].invoice.id))[0] == "wallet"
        for view in [view for view, account in zip(views, served, strict=True) if account == "dear"][:3]:
            await pay(sim, view)
        assert await clicks(sim, 6) == ["sim"] * 6
        assert await shown(sim, views[-1].invoice.id) == ["bank", "card"]  # the wallet was that account's alone
        clock.advance(seconds=86_400)
        assert "dear" in await clicks(sim, 12)


async def test_a_cap_of_a_share_lets_the_others_catch_up(database: Database, clock: FakeClock) -> None:
    policy = {"caps": [{"account": "cheap", "share": "40%"}]}
    async with open_shop(database, clock, routing=policy) as sim:
        served = []
        for _ in range(6):
            view = await sim.issue("100.00")
            served.append(await click(sim, view))
            await pay(sim, view)
        assert served == ["cheap", "dear", "dear", "cheap", "dear", "cheap"]


async def test_fees_are_kept_estimated_or_known(database: Database, clock: FakeClock) -> None:
    async with open_shop(database, clock) as sim:
        view = await sim.issue("125.40")
        down(sim.vendors.banks["cheap"])
        await click(sim, view)
        assert (await sim.view(view.invoice.id)).attempts[-1].fee is None
        await pay(sim, view)
        (attempt,) = [one for one in (await sim.view(view.invoice.id)).attempts if one.received_minor]
        assert (attempt.fee_minor, attempt.fee_known) == (150, False)  # 1.2 % of 125.40 is 1.5048
        assert attempt.status is A.PAID


async def test_explaining_says_the_same_as_the_click(database: Database, clock: FakeClock) -> None:
    async with open_shop(database, clock, routing={"hide": {"accounts": ["dear"]}}) as sim:
        view = await sim.issue("125.40")
        told = explained_json(await routing.explain(sim.ctx, sim.biller, view.invoice.id, Browser.PLAIN))
        card, bank, wallet = told["methods"]
        assert [(one["method"], one["shown"]) for one in (card, bank, wallet)] == [
            ("card", True),
            ("bank", True),
            ("wallet", False),
        ]
        assert [reason["code"] for reason in wallet["because"]] == ["hidden"]
        assert [(one["account"], one["because"][0]["code"]) for one in card["options"]] == [
            ("cheap", "cheaper"),
            ("sim", "dearer"),
            ("dear", "hidden"),
        ]
        dear = card["options"][2]["cost"]
        assert (dear["fee"]["value"], dear["waiting"], dear["total"]) == ("1.50", "0.05016", "1.55016")
        assert await click(sim, view) == card["options"][0]["account"]
        (event,) = await sim.events_of(view.invoice.id, "payment.routed")
        assert event["cost"] == card["options"][0]["cost"]
        assert event["methods"] == ["card", "bank"]


async def test_only_who_names_it_is_pushed_the_decision(database: Database, clock: FakeClock) -> None:
    async with open_shop(database, clock) as sim, receiving(clock) as all_types, receiving(clock) as named:
        await endpoint(sim, all_types)
        await endpoint(sim, named, types=["payment.routed"])
        await click(sim, await sim.issue())
        await sim.drain()
        assert all_types.types == ["invoice.issued", "payment.started"]
        assert named.types == ["payment.routed"]
        assert named.got[0].event["data"]["account"] == "cheap"


async def test_a_decline_is_no_reason_to_be_routed_elsewhere(database: Database, clock: FakeClock) -> None:
    async with open_shop(database, clock) as sim:
        view = await sim.issue()
        await click(sim, view)
        bank = sim.vendors.banks["cheap"]
        await sim.tell(bank.change("x1", PaymentStatus.FAILED, received=0), "cheap")
        assert await click(sim, view) == "cheap"

"""The days ahead: what is foreseen is what then happens, and what is held or left out is said with its reason."""

from __future__ import annotations

from datetime import date
from functools import partial
from typing import Any

import pytest

from gateway.domain.ids import DELIVERY, read
from gateway.domain.reminders import FOREVER
from gateway.ports.provider import PaymentStatus
from gateway.services import claims, forecast, wishes
from gateway.services.forecast import Foreseen
from gateway.store import deliveries, invoices
from gateway.store.database import Database
from gateway.testing.clock import FakeClock
from tests.harness.gateway import Sim
from tests.harness.reminding import ON_SQLITE, STEPS, WHO, ZONE, local, opens, says, until

Open = Any
SMS = {"sms": "0.35"}


@pytest.fixture
def opened(database: Database, clock: FakeClock) -> Open:
    return partial(opens, database, clock)


async def ahead(sim: Sim, days: int = 60) -> list[Foreseen]:
    found, more = await forecast.ahead(sim.ctx, sim.biller, days, 1_000)
    assert more == 0
    return found


def short(one: Foreseen) -> tuple[str, str, str, str | None]:
    at = "open" if one.at >= FOREVER else f"{one.at.astimezone(ZONE):%m-%d %H:%M}"
    return at, "+".join(one.numbers), one.channel or one.status, one.reason


async def test_what_is_foreseen_happens(opened: Open) -> None:
    """A payer with three invoices and another, over two months with closed days, a cap, and a channel that is too dear."""
    steps = [
        *STEPS[:2],
        {"at": "+1d", "channels": ["sms", "email"]},
        *STEPS[2:],
        {"at": "+20d", "when": {"tags": ["vip"]}},
    ]
    async with opened(steps=steps, cost=SMS, cost_share=5, per_week=2) as sim:
        for amount in ("125.40", "20.00", "5.00"):
            await sim.issue(amount, **WHO)
        await sim.issue("6.00", **WHO | {"reference": "C-2", "tags": ["vip"]})
        await until(sim, "2026-12-07T08:00")
        foreseen = [one for one in await ahead(sim) if one.status == "send"]
        await sim.pass_time(days=60)
        happened = [
            (message.to, f"{delivery.sent_at:%m-%d %H:%M}", delivery.channel) for delivery, message in await _sent(sim)
        ]
        assert [(one.address, f"{one.at:%m-%d %H:%M}", one.channel) for one in foreseen] == happened
        assert len(happened) == 7


async def _sent(sim: Sim) -> list[tuple[Any, Any]]:
    """Each delivery with its message, as they went."""
    messages = {m.reference: m for vendor in sim.vendors.channels.values() for m in vendor.sent}
    found = []
    for reference, message in messages.items():
        number = read(DELIVERY, reference.partition("-")[2]) or 0
        delivery = await sim.db.read(lambda conn, number=number: deliveries.get(conn, number))  # type: ignore[misc]
        found.append((delivery, message))
    return sorted(found, key=lambda pair: (pair[0].sent_at, pair[0].payer_id))


@ON_SQLITE
async def test_why_something_is_held_or_left_out(opened: Open) -> None:
    steps = [{"at": "-3d", "channels": ["sms"]}, {"at": "+1d", "when": {"min_amount": "100.00"}, "channels": ["sms"]}]
    async with opened(steps=steps, cost=SMS, cost_share=1) as sim:
        await sim.issue("125.40", **WHO)
        for place, amount in enumerate(("10.00", "60.00", "60.00", "60.00", "60.00"), 2):
            await sim.issue(amount, **WHO | {"reference": f"C-{place}"})
        await says(sim, claims.dispute, [1], "other")
        await sim.ctx.db.write(
            lambda conn: claims.promise(conn, sim.biller, _payer(conn, 3), [3], date(2026, 12, 9), sim.clock.now())
        )
        await sim.ctx.db.write(
            lambda conn: wishes.set_own(
                conn, sim.biller, _payer(conn, 4), [4], local("2026-12-06T10:00"), sim.clock.now()
            )
        )
        payment = await sim.open_payment(5)
        await sim.tell(sim.bank.change(payment, PaymentStatus.ACCEPTED, received=0))
        assert [short(one) for one in await ahead(sim)] == [
            ("12-06 10:00", "F-4", "sms", None),
            ("12-07 09:00", "F-2", "skipped", "cost"),
            ("12-07 09:00", "F-4", "sms", "own_reminder"),
            ("12-07 09:00", "F-6", "sms", "weekend"),
            ("12-10 09:00", "F-3", "sms", "promise"),
            ("open", "F-1", "held", "dispute"),
            ("open", "F-5", "held", "money_under_way"),
        ]


def _payer(conn: Any, payer_id: int) -> Any:
    return invoices.get_payer(conn, payer_id)


@ON_SQLITE
async def test_it_looks_as_far_as_asked_and_at_as_many_as_asked(opened: Open) -> None:
    async with opened() as sim:
        for place in range(3):
            await sim.issue(**WHO | {"reference": f"C-{place}"})
        assert await ahead(sim, 7) == []
        assert [short(one)[0] for one in await ahead(sim, 14)] == ["12-07 09:00"] * 3
        found, more = await forecast.ahead(sim.ctx, sim.biller, 20, 2)
        assert (len({one.payer.reference for one in found}), more) == (2, 1)
        before = await sim.tasks()
        await ahead(sim)
        assert await sim.tasks() == before  # it changes nothing

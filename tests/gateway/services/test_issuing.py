"""Issuing an invoice: whoever posts the same twice, at once or later, gets one invoice; what differs is named."""

from __future__ import annotations

import asyncio
import contextlib
from typing import Any

import pytest

from gateway.domain.deliveries import Step
from gateway.ports.values import Money
from gateway.services import invoices
from gateway.services.errors import Conflict, Invalid, NotFound
from gateway.services.invoices import View
from gateway.store.database import Database, open_database
from gateway.store.schema import delivery, event, idempotency, invoice, payer
from gateway.testing.clock import FakeClock
from tests.harness.databases import Databases
from tests.harness.gateway import Sim, apply_biller, count, draft_of, identity, open_sim
from tests.harness.postgres import Cluster


async def _issue(
    sim: Sim, number: str, amount: str = "10.00", *, key: str | None = None, **payer: Any
) -> tuple[View, bool]:
    steps = [Step("sms", 0)]
    who = {"reference": "C-1", "phone": "+40722123456"} | payer
    return await invoices.issue(sim.ctx, sim.biller, draft_of(number, amount, steps=steps, payer=who), key=key)


async def test_the_same_many_times_at_once_is_one_invoice(sim: Sim) -> None:
    given = await asyncio.gather(*(_issue(sim, "F-1") for _ in range(20)))
    assert {view.invoice.id for view, _ in given} == {given[0][0].invoice.id}
    assert [new for _, new in given].count(True) == 1
    counts = [await count(sim.db, table) for table in (invoice, payer, delivery, event)]
    assert counts == [1, 1, 1, 1]


async def test_one_key_for_two_invoices_at_once_makes_one_of_them(sim: Sim) -> None:
    """The slower of the two finds the faster one's, and is told what differs."""
    given = await asyncio.gather(*(_issue(sim, f"F-{n}", key="k1") for n in range(6)), return_exceptions=True)
    (made,) = [one for one in given if not isinstance(one, BaseException)]
    refused = [one for one in given if isinstance(one, BaseException)]
    assert made[1]
    assert all(isinstance(one, Conflict) and one.differs == ["number"] for one in refused), refused
    assert [await count(sim.db, table) for table in (invoice, idempotency, event)] == [1, 1, 1]


async def test_payers_are_known_by_their_reference_and_the_newest_contact_points_count(sim: Sim) -> None:
    given = await asyncio.gather(*(_issue(sim, f"F-{n}", name=f"Ana {n}") for n in range(10)))
    assert len({view.invoice.payer_id for view, _ in given}) == 1
    assert await count(sim.db, payer) == 1
    await _issue(sim, "F-99", phone="+40733000000")
    view = await invoices.by_number(sim.ctx, sim.biller, "F-99")
    assert view.payer.phone == "+40733000000"


async def test_two_billers_may_use_the_same_number_and_key(database: Database, clock: FakeClock) -> None:
    async with open_sim(database, clock) as sim:
        zeta = await apply_biller(sim.ctx, sim.vendors, {"biller": identity("zeta"), **sim.vendors.tables})  # type: ignore[arg-type]
        first, _ = await invoices.issue(sim.ctx, sim.biller, draft_of("F-1", "1.00"), key="k")
        second, new = await invoices.issue(sim.ctx, zeta, draft_of("F-1", "2.00"), key="k")
        assert new
        assert first.invoice.id != second.invoice.id
        with pytest.raises(NotFound):
            await invoices.get(sim.ctx, zeta, first.invoice.id)
        with pytest.raises(NotFound):
            await invoices.void(sim.ctx, zeta, first.invoice.id)


async def test_amount_and_payment_at_once_end_in_one_truth(sim: Sim) -> None:
    """Whichever comes first, the sums and the state agree, and nothing is settled twice."""
    view, _ = await _issue(sim, "F-1", "100.00")
    invoice_id = view.invoice.id

    async def change() -> None:
        await invoices.change(sim.ctx, sim.biller, invoice_id, amount=Money(5_000, "RON"))

    paid = [sim.off_platform(invoice_id, amount, f"R-{amount}") for amount in ("50.00", "20.00")]
    await asyncio.gather(change(), *paid, return_exceptions=True)
    after = await sim.view(invoice_id)
    assert after.invoice.paid_minor == 7_000
    types = await sim.event_types(invoice_id)
    assert types.count("invoice.paid") == (after.invoice.status == "paid")
    assert sum(refund.amount_minor for refund in after.refunds) == max(0, 7_000 - after.invoice.amount_minor)


async def test_void_and_payment_at_once_end_in_one_truth(sim: Sim) -> None:
    for number in range(5):
        view, _ = await _issue(sim, f"F-{number}", "100.00", reference=f"C-{number}")
        invoice_id = view.invoice.id
        voided, _ = await asyncio.gather(
            invoices.void(sim.ctx, sim.biller, invoice_id),
            sim.off_platform(invoice_id, "100.00"),
            return_exceptions=True,
        )
        after = await sim.view(invoice_id)
        assert after.invoice.paid_minor == 10_000
        if isinstance(voided, Conflict):
            assert (after.invoice.status, [*after.refunds]) == ("paid", [])
        else:
            assert (after.invoice.status, [refund.reason for refund in after.refunds]) == ("void", ["void"])


async def test_what_cannot_be_issued_leaves_nothing(sim: Sim) -> None:
    with pytest.raises(Invalid) as error:
        await invoices.issue(sim.ctx, sim.biller, draft_of("F-1", "1.00", steps=[Step("sms", 0), Step("pigeon", 0)]))
    assert error.value.path == "deliver[1].channel"
    assert [await count(sim.db, table) for table in (invoice, payer, event)] == [0, 0, 0]


async def test_two_processes_issue_and_each_sees_the_others(
    postgres: Cluster, databases: Databases, clock: FakeClock
) -> None:
    url = await databases.make("postgres")
    async with contextlib.AsyncExitStack() as stack:
        stack.push_async_callback(databases.drop, url)
        opened = [await open_database(url) for _ in range(2)]
        for database in opened:
            stack.push_async_callback(database.aclose)
        one, two = [await stack.enter_async_context(open_sim(database, clock)) for database in opened]
        assert one.ctx.installation == two.ctx.installation
        given = await asyncio.gather(*(_issue(sim, "F-1") for sim in (one, two) * 5))
        assert [new for _, new in given].count(True) == 1
        await _issue(two, "F-2")
        assert (await invoices.by_number(one.ctx, one.biller, "F-2")).invoice.number == "F-2"

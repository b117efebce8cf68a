"""Confirmation: the provider's signed webhook, through the one door, on disk, and then 200; a push endpoint waits for each event."""

from __future__ import annotations

import itertools

from benchmarks import child, http_load
from benchmarks.legs.standing import HOOK, PRODUCT, bank, confirmations, expect, first_invoice
from benchmarks.rounds import Plan, Result, Sample, compare, measured
from benchmarks.setting import NOBODY
from benchmarks.sinks import http_sink

AT_ONCE = 64
WHAT = "signed webhook -> committed -> 200, 64 at once"
AIM = "0.50 of the floor"


async def run(plan: Plan) -> Result:
    number = plan.times(3_000)
    total = number * (2 * plan.rounds + 1)
    async with (
        http_sink(bank).listening() as at_bank,
        child.running(
            PRODUCT,
            folder=plan.room("product"),
            bank_url=f"http://127.0.0.1:{at_bank.port}",
            push=[{"url": f"{NOBODY}/achit"}],
        ) as product,
        child.running("benchmarks.floors.confirmation", folder=plan.room("floor"), number=total) as floor,
    ):
        await first_invoice(product)
        await product.ask("clone", of="FIRST-0", name="P", number=total, payments=True)

        async def of(under_test: child.Child, path: str, fresh: itertools.count[int]) -> Sample:
            requests = confirmations("P", itertools.islice(fresh, number), path)
            work = http_load.closed_loop(under_test.port, requests, at_once=AT_ONCE, expect={200, 204})
            return await measured(under_test, number, work)

        of_floor, of_product = itertools.count(1), itertools.count(1)
        found = await compare(plan.rounds, lambda: of(floor, "/hook", of_floor), lambda: of(product, HOOK, of_product))
        rows = await product.ask("count")
    for table in ("inbox", "payment_update"):
        expect(rows[table], total, f"rows of {table}")
    return found.result("confirmation", WHAT, AIM, found.judged >= 0.5)

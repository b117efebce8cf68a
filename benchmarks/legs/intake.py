"""Intake: invoices posted with a key, each with one delivery queued, 64 at once; then at half that rate, for its latency."""

from __future__ import annotations

import itertools

from benchmarks import child, http_load, setting
from benchmarks.floors.intake import KEY
from benchmarks.legs.standing import PRODUCT, expect, ids_of
from benchmarks.rounds import Plan, Result, Sample, compare, measured, percentile

AT_ONCE = 64
WHAT = "POST /v1/invoices, authenticated, one delivery queued, 64 at once"
AIM = "0.50 of the floor; p99 10 ms at half load"


async def run(plan: Plan) -> Result:
    number, names = plan.times(3_000), itertools.count()
    posted: set[str] = set()
    async with (
        child.running(PRODUCT, folder=plan.room("product")) as product,
        child.running("benchmarks.floors.intake", folder=plan.room("floor")) as floor,
    ):

        async def of_product() -> Sample:
            requests = setting.posts(product.ready["key"], f"P{next(names)}", number)
            bodies: list[bytes] = []

            async def post() -> None:
                bodies.extend(await http_load.closed_loop(product.port, requests, at_once=AT_ONCE, expect={201}))

            sample = await measured(product, number, post())
            posted.update(ids_of(bodies))
            return sample

        async def of_floor() -> Sample:
            requests = setting.posts(KEY, f"F{next(names)}", number)
            work = http_load.closed_loop(floor.port, requests, at_once=AT_ONCE, expect={201})
            return await measured(floor, number, work)

        found = await compare(plan.rounds, of_floor, of_product)
        wanted = number * 2 * plan.rounds + number
        rate = found.product.rate / 2
        half = setting.posts(product.ready["key"], "H", max(10, round(rate * 5 * plan.scale)))
        answered = await http_load.open_loop(product.port, half, per_second=rate, at_once=AT_ONCE, expect={201})
        rows = await product.ask("count")
    expect(len(posted), wanted, "invoices answered")
    for table in ("invoice", "delivery", "task"):
        expect(rows[table], wanted + len(answered), f"rows of {table}")
    p99_ms = percentile([one.ms for one in answered], 99)
    return found.result(
        "intake",
        WHAT,
        AIM,
        found.judged >= 0.5 and p99_ms <= 10,
        half_load_p50_ms=percentile([one.ms for one in answered], 50),
        half_load_p99_ms=p99_ms,
    )

"""The outbox alone: tasks that do nothing, claimed, worked on and acknowledged."""

from __future__ import annotations

import itertools

from benchmarks import child
from benchmarks.legs.standing import PRODUCT, expect
from benchmarks.rounds import Plan, Result, Sample, compare, measured

WHAT = "outbox tasks that do nothing: claimed, worked on, acknowledged"
AIM = "0.40 of the floor"


async def run(plan: Plan) -> Result:
    number = plan.times(20_000)
    async with (
        child.running(PRODUCT, folder=plan.room("product")) as product,
        child.running("benchmarks.floors.drain", folder=plan.room("floor")) as floor,
    ):

        async def of(under_test: child.Child, keys: itertools.count[int]) -> Sample:
            await under_test.ask("add_tasks", number=number, first=next(keys))
            sample = await measured(under_test, number, under_test.ask("drain", number=number))
            await under_test.ask("rest")
            return sample

        of_floor, of_product = itertools.count(0, number), itertools.count(0, number)
        found = await compare(plan.rounds, lambda: of(floor, of_floor), lambda: of(product, of_product))
        rows = await product.ask("count")
    expect(rows["task"], 0, "tasks left")
    return found.result("drain", WHAT, AIM, found.judged >= 0.4)

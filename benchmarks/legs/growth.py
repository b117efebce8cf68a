"""Growth: what posting an invoice and claiming a task cost with 1,000,000 invoices and tasks stored, against 10,000."""

from __future__ import annotations

import itertools
from statistics import median

from benchmarks import child, http_load, setting
from benchmarks.legs.standing import PRODUCT, first_invoice
from benchmarks.rounds import Plan, Result, Sample, Spread, measured

FEW, MANY = 10_000, 1_000_000
WHAT = "CPU of intake and of claims, 1,000,000 stored against 10,000"
AIM = "1.20 times at most"


async def run(plan: Plan) -> Result:
    number, tasks = plan.times(3_000), plan.times(10_000)
    names, keys = itertools.count(), itertools.count(0, tasks)
    async with (
        child.running(PRODUCT, folder=plan.room("few")) as few,
        child.running(PRODUCT, folder=plan.room("many")) as many,
    ):
        for product, stored in ((few, plan.times(FEW)), (many, plan.times(MANY))):
            await first_invoice(product, attempt=False)
            await product.ask("clone", of="FIRST-0", name="S", number=stored, payments=False)
            await product.ask("add_tasks", kind="later", number=stored, first=0, in_days=30)

        async def intake(product: child.Child) -> Sample:
            requests = setting.posts(product.ready["key"], f"P{next(names)}", number, deliver=False)
            work = http_load.closed_loop(product.port, requests, at_once=64, expect={201})
            return await measured(product, number, work)

        async def claims(product: child.Child) -> Sample:
            await product.ask("add_tasks", number=tasks, first=next(keys))
            sample = await measured(product, tasks, product.ask("drain", number=tasks))
            await product.ask("rest")
            return sample

        values: dict[str, float] = {}
        worst = 0.0
        for name, cost in (("intake", intake), ("claim", claims)):
            await cost(few)
            await cost(many)
            each = [(await cost(few), await cost(many), await cost(many), await cost(few)) for _ in range(plan.rounds)]
            ratio = Spread.of((b.cpu_us + c.cpu_us) / (a.cpu_us + d.cpu_us) for a, b, c, d in each)
            values |= {f"{name}_times": ratio.median, f"{name}_least": ratio.least, f"{name}_most": ratio.most}
            values[f"{name}_few_us"] = median(one.cpu_us for a, _, _, d in each for one in (a, d))
            values[f"{name}_many_us"] = median(one.cpu_us for _, b, c, _ in each for one in (b, c))
            worst = max(worst, ratio.median)
    return Result("growth", WHAT, AIM, worst <= 1.2, values=values, rounds=plan.rounds)

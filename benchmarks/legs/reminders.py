"""Reminders: the ladders of 100,000 open invoices brought to a new policy, and the days ahead foreseen."""

from __future__ import annotations

from statistics import median

from benchmarks import child, setting
from benchmarks.legs.standing import PRODUCT, expect, first_invoice
from benchmarks.rounds import Plan, Result, Sample, measured

STORED = 100_000
WHAT = "the next reminder of 100,000 open invoices planned, and a part of the days ahead foreseen"
AIM = "100,000 planned in 60 s of CPU"


async def run(plan: Plan) -> Result:
    stored, looked_at = plan.times(STORED), plan.times(2_000)
    async with child.running(PRODUCT, folder=plan.room("product")) as product:
        await first_invoice(product, attempt=False)
        await product.ask("clone", of="FIRST-0", name="S", number=stored, payments=False)
        planned: list[Sample] = []
        foreseen: list[Sample] = []
        for _ in range(plan.rounds):
            await product.ask("apply", reminders=setting.ladder(3))
            planned.append(await measured(product, stored + 1, product.ask("replan")))
            foreseen.append(await measured(product, looked_at, product.ask("foresee", days=7, number=looked_at)))
            await product.ask("apply", reminders=setting.ladder(0))
            await product.ask("replan")
        rows = await product.ask("count")
        await product.ask("apply", reminders=setting.ladder(3))
        await product.ask("replan")
        messages = (await product.ask("foresee", days=30, number=10))["messages"]
    expect(rows["reminder"], (stored + 1) * plan.rounds, "reminders planned")
    expect(messages >= 10, True, "messages foreseen")
    cpu_us = median(sample.cpu_us for sample in planned)
    values = {
        "planned_a_second": median(sample.rate for sample in planned),
        "planned_cpu_us": cpu_us,
        "cpu_s_for_100000": cpu_us / 10,
        "foreseen_payers_a_second": median(sample.rate for sample in foreseen),
        "foreseen_cpu_us": median(sample.cpu_us for sample in foreseen),
    }
    return Result("reminders", WHAT, AIM, cpu_us / 10 <= 60, values=values, rounds=plan.rounds)

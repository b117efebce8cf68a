"""From the provider's webhook to the biller's endpoint: how long until a confirmed payment is pushed, at 100 a second."""

from __future__ import annotations

import json

from benchmarks import child, http_load
from benchmarks.legs.standing import HOOK, PRODUCT, bank, confirmations, expect, first_invoice
from benchmarks.machine import Watch
from benchmarks.rounds import Plan, Result, percentile
from benchmarks.sinks import http_sink

PER_SECOND = 100
WARM_UP = 50  # first the endpoint passes by the events of all that is stored
WHAT = "webhook sent -> status push at the receiver, 100/s, open loop"
AIM = "p50 10 ms; p99 50 ms"


async def run(plan: Plan) -> Result:
    number = plan.times(1_000)
    async with (
        http_sink(bank).listening() as at_bank,
        http_sink(keep=True).listening() as receiver,
        child.running(
            PRODUCT,
            folder=plan.room("product"),
            bank_url=f"http://127.0.0.1:{at_bank.port}",
            push=[{"url": f"http://127.0.0.1:{receiver.port}/achit", "events": ["invoice.paid"]}],
        ) as product,
    ):
        await first_invoice(product)
        await product.ask("clone", of="FIRST-0", name="P", number=WARM_UP + number, payments=True)
        arrivals = receiver.fresh()
        await product.ask("work")
        warm_up = confirmations("P", range(1, WARM_UP + 1), HOOK)
        await http_load.open_loop(product.port, warm_up, per_second=PER_SECOND, at_once=32, expect={200, 204})
        await arrivals.reached(WARM_UP)
        requests = confirmations("P", range(WARM_UP + 1, WARM_UP + number + 1), HOOK)
        watch = Watch(product.pid)
        answered = await http_load.open_loop(
            product.port, requests, per_second=PER_SECOND, at_once=32, expect={200, 204}
        )
        await arrivals.reached(WARM_UP + number)
        spent = watch.stop()
        await product.ask("rest")
    due_at = {f"P-{n}": one.due_at for n, one in enumerate(answered, WARM_UP + 1)}
    took_ms = {
        name: (at - due_at[name]) * 1000
        for at, body in arrivals.seen
        if (name := json.loads(body)["invoice"]["number"]) in due_at
    }
    expect(len(took_ms), number, "invoices pushed")
    p50_ms, p99_ms = percentile([*took_ms.values()], 50), percentile([*took_ms.values()], 99)
    values = {"p50_ms": p50_ms, "p99_ms": p99_ms, "cpu_us": spent.cpu_s / number * 1e6, "foreign": spent.foreign}
    return Result("turnaround", WHAT, AIM, p50_ms <= 10 and p99_ms <= 50, values=values)

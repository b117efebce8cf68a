"""Choosing a method: from the payer's click to the redirect, with the vendor's answer at once, so that the time is our own."""

from __future__ import annotations

import json

from benchmarks import child, http_load, setting
from benchmarks.legs.standing import PRODUCT, bank, expect, start
from benchmarks.machine import Watch
from benchmarks.rounds import Plan, Result, percentile
from benchmarks.sinks import http_sink

PER_SECOND = 50
WHAT = "method chosen -> payment opened -> redirect, 50/s, open loop"
AIM = "p50 15 ms; p99 50 ms"


async def run(plan: Plan) -> Result:
    number = plan.times(500)
    async with (
        http_sink(bank).listening() as at_bank,
        child.running(PRODUCT, folder=plan.room("product"), bank_url=f"http://127.0.0.1:{at_bank.port}") as product,
    ):
        posted = setting.posts(product.ready["key"], "S", number, deliver=False)
        bodies = await http_load.closed_loop(product.port, posted, at_once=16, expect={201})
        clicks = [start(json.loads(body)["pay_url"]) for body in bodies]
        watch = Watch(product.pid)
        answered = await http_load.open_loop(product.port, clicks, per_second=PER_SECOND, at_once=32, expect={303})
        spent = watch.stop()
        expect(at_bank.arrivals.count, number, "payments opened")
    took_ms = [one.ms for one in answered]
    p50_ms, p99_ms = percentile(took_ms, 50), percentile(took_ms, 99)
    values = {"p50_ms": p50_ms, "p99_ms": p99_ms, "cpu_us": spent.cpu_s / number * 1e6, "foreign": spent.foreign}
    return Result("starting", WHAT, AIM, p50_ms <= 15 and p99_ms <= 50, values=values)

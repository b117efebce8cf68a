"""Webhooks of each vendor: proven as that vendor signs, through the one door, on disk, and then answered; beside the sandbox's, in one run.

The sandbox's is the `confirmation` leg's, so what a vendor's proof costs is the difference. Revolut's names an order and no money: the
order and its disputes are asked for, at a sink that answers at once.
"""

from __future__ import annotations

import contextlib
import itertools
from collections.abc import Iterable
from statistics import median

from benchmarks import child, http_load
from benchmarks.legs.standing import PRODUCT, expect, first_invoice
from benchmarks.machine import NOISY_CORES
from benchmarks.rounds import Plan, Result, Sample, measured, percentile
from benchmarks.sinks import http_sink
from benchmarks.vendors import VENDORS

AT_ONCE, PER_SECOND = 64, 100
OF_SANDBOX = {"stripe": 0.9, "euplatesc": 0.8, "netopia": 0.75, "revolut": 0.45}
P99_MS = 50
WHAT = "webhook of each vendor -> proven -> committed -> 200, 64 at once; ms at 100/s, open loop"
AIM = f"of the sandbox's: {', '.join(f'{name} {share}' for name, share in OF_SANDBOX.items())}; p99 {P99_MS} ms"
ANSWERED = {200, 204}


async def run(plan: Plan) -> Result:
    number, steady = plan.times(1_000), plan.times(300)
    total = number * (plan.rounds + 1) + steady
    async with contextlib.AsyncExitStack() as stack:
        products = {name: await _begun(plan, stack, name, total) for name in VENDORS}
        fresh = {name: itertools.count(1) for name in VENDORS}

        def told(name: str, number: int) -> Iterable[bytes]:
            """So many new webhooks, signed before they are needed."""
            return [VENDORS[name].webhook(f"P-{n}") for n in itertools.islice(fresh[name], number)]

        async def of(name: str) -> Sample:
            under_test, requests = products[name], iter(told(name, number))
            work = http_load.closed_loop(under_test.port, requests, at_once=AT_ONCE, expect=ANSWERED)
            return await measured(under_test, number, work)

        rounds = [{name: await of(name) for name in VENDORS} for _ in range(plan.rounds + 1)][1:]
        took_ms = {}
        for name, product in products.items():
            answered = await http_load.open_loop(
                product.port, told(name, steady), per_second=PER_SECOND, at_once=32, expect=ANSWERED
            )
            took_ms[name] = [one.ms for one in answered]
            rows = await product.ask("count")
            for counted in ("inbox", "payment_update"):
                expect(rows[counted], total, f"rows of {counted} after {name}'s webhooks")
    return _result(rounds, took_ms)


async def _begun(plan: Plan, stack: contextlib.AsyncExitStack, name: str, total: int) -> child.Child:
    """A product whose payers all pay through this vendor, and have begun to."""
    vendor = VENDORS[name]
    sink = await stack.enter_async_context(http_sink(vendor.answer).listening())
    provider = vendor.account(f"http://127.0.0.1:{sink.port}")
    product = await stack.enter_async_context(child.running(PRODUCT, folder=plan.room(name), provider=provider))
    await first_invoice(product, method=vendor.method, expected=vendor.started)
    await product.ask("clone", of="FIRST-0", name="P", number=total, payments=True)
    return product


def _result(rounds: list[dict[str, Sample]], took_ms: dict[str, list[float]]) -> Result:
    noisy = sum(max(sample.spent.foreign for sample in one.values()) > NOISY_CORES for one in rounds)
    values, met = {}, True
    for name in VENDORS:
        values[f"{name}_per_second"] = median(one[name].rate for one in rounds)
        values[f"{name}_cpu_us"] = median(one[name].cpu_us for one in rounds)
        values[f"{name}_p50_ms"], values[f"{name}_p99_ms"] = (percentile(took_ms[name], of) for of in (50, 99))
        met &= values[f"{name}_p99_ms"] <= P99_MS
    for name, share in OF_SANDBOX.items():
        rate = median(one[name].rate / one["sandbox"].rate for one in rounds)
        cpu = median(one["sandbox"].cpu_us / max(0.001, one[name].cpu_us) for one in rounds)
        values[f"{name}_of_sandbox"] = judged = cpu if noisy else rate
        met &= judged >= share
    return Result("webhooks", WHAT, AIM, met, values=values, rounds=len(rounds), noisy=noisy)

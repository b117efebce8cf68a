"""The pay page: not cached anywhere, each time another of 100,000 stored invoices."""

from __future__ import annotations

import random

from benchmarks import child, http_load, setting
from benchmarks.floors.page import token
from benchmarks.legs.standing import PRODUCT, expect, first_invoice
from benchmarks.rounds import Plan, Result, Sample, compare, measured

STORED = 100_000
AT_ONCE = 32
WHAT = "GET /p/{token}, 100,000 invoices stored, each another"
AIM = "0.70 of the floor"


async def run(plan: Plan) -> Result:
    number, stored = plan.times(2_000), plan.times(STORED)
    chance, links = random.Random(1), setting.links()
    async with (
        child.running(PRODUCT, folder=plan.room("product")) as product,
        child.running(
            "benchmarks.floors.page", folder=plan.room("floor"), number=stored, details=setting.invoice("S-1")
        ) as floor,
    ):
        await first_invoice(product, attempt=False)
        first = (await product.ask("clone", of="FIRST-0", name="S", number=stored, payments=False))["first"]
        sizes: dict[str, int] = {}

        async def shown(side: str, under_test: child.Child, paths: list[str]) -> None:
            requests = (http_load.get(f"/p/{path}") for path in paths)
            bodies = await http_load.closed_loop(under_test.port, requests, at_once=AT_ONCE, expect={200})
            expect(len(bodies), number, "pages")
            sizes[side] = len(bodies[-1])

        async def of_product() -> Sample:
            paths = [links.issue(first + chance.randrange(stored), 0) for _ in range(number)]
            return await measured(product, number, shown("product", product, paths))

        async def of_floor() -> Sample:
            paths = [token(1 + chance.randrange(stored)) for _ in range(number)]
            return await measured(floor, number, shown("floor", floor, paths))

        found = await compare(plan.rounds, of_floor, of_product)
    bytes_of = {f"{side}_bytes": float(size) for side, size in sizes.items()}
    return found.result("page", WHAT, AIM, found.judged >= 0.7, **bytes_of)

"""Dates: payers' phrases read in a second, beside one regular expression that knows one form."""

from __future__ import annotations

from benchmarks import child
from benchmarks.legs.standing import expect
from benchmarks.rounds import Plan, Result, Sample, compare, measured

PHRASES = (
    "vineri la 9", "adu-mi aminte maine dimineata", "platesc pe 15", "15 decembrie", "15.12.2026",
    "peste doua saptamani", "la sfarsitul lunii", "saptamana viitoare joi la 18:30", "dupa salariu",
    "remind me next friday at 9am", "nu am bani acum", "cat am de plata la factura 1234?",
)  # fmt: skip
FOUND = {"form": 1, "grammar": 10}  # of these, as many have a date or a question in them
WHAT = "a phrase -> its date, a question, or neither"
AIM = "10,000 phrases a second"


async def run(plan: Plan) -> Result:
    number = plan.times(20_000)
    number -= number % len(PHRASES) or 0
    number = max(number, len(PHRASES))
    module = "benchmarks.floors.dates"
    async with (
        child.running(module, reader="form", phrases=PHRASES) as floor,
        child.running(module, reader="grammar", phrases=PHRASES) as product,
    ):

        async def by(side: child.Child, reader: str) -> Sample:
            async def work() -> None:
                answer = await side.ask("read", number=number)
                expect(answer["found"], number // len(PHRASES) * FOUND[reader], "phrases with a date")

            return await measured(side, number, work())

        found = await compare(plan.rounds, lambda: by(floor, "form"), lambda: by(product, "grammar"))
    per_second = 1e6 / max(0.001, found.product.cpu_us) if found.noisy else found.product.rate
    return found.result("dates", WHAT, AIM, per_second >= 10_000)

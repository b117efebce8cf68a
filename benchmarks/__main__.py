"""`python -m benchmarks`: runs the legs and prints a table, or JSON.

Exits with 0 whether the aims are met or not, for a machine may be small or busy; with 1 when a leg could not be measured.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
import tempfile
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import asdict
from pathlib import Path

from benchmarks import machine, report
from benchmarks.legs import (
    chat,
    confirmation,
    dates,
    drain,
    email,
    growth,
    intake,
    journey,
    page,
    polls,
    push,
    reminders,
    starting,
    turnaround,
)
from benchmarks.rounds import Plan, Result

LEGS: dict[str, Callable[[Plan], Awaitable[Result]]] = {
    "intake": intake.run,
    "confirmation": confirmation.run,
    "turnaround": turnaround.run,
    "page": page.run,
    "email": email.run,
    "push": push.run,
    "drain": drain.run,
    "journey": journey.run,
    "growth": growth.run,
    "dates": dates.run,
    "chat": chat.run,
    "reminders": reminders.run,
    "starting": starting.run,
    "polls": polls.run,
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Measures what the command line asks for."""
    parser = argparse.ArgumentParser(
        prog="achit bench", description="What Achit does on this machine, each leg beside its floor."
    )
    parser.add_argument(
        "--leg", action="append", choices=LEGS, metavar="NAME", help=f"only this one; of {', '.join(LEGS)}"
    )
    parser.add_argument("--rounds", type=int, default=5, help="floor, product, product, floor; so many times (5)")
    parser.add_argument("--quick", action="store_true", help="one round with a tenth of the operations")
    parser.add_argument("--json", action="store_true", help="one JSON object instead of a table")
    told = parser.parse_args(arguments)
    rounds, scale = (1, 0.1) if told.quick else (told.rounds, 1.0)
    machine.pin(machine.cores()[1])
    results: list[Result] = []
    failed = 0
    if not told.json:
        print(report.heading(machine.description()))
    for name in told.leg or LEGS:
        try:
            result = asyncio.run(run(name, rounds, scale))
        except Exception as error:
            failed += 1
            print(f"{name}: not measured: {type(error).__name__}: {error}", file=sys.stderr)
            continue
        results.append(result)
        if not told.json:
            print(report.line(result), flush=True)
    if told.json:
        print(json.dumps({"machine": machine.description(), "legs": [asdict(result) for result in results]}, indent=2))
    elif "journey" in (told.leg or LEGS):
        print(report.sum_of_floors(results))
    return 1 if failed else 0


async def run(name: str, rounds: int, scale: float) -> Result:
    """One leg, in a folder that is gone afterwards."""
    with tempfile.TemporaryDirectory(prefix="achit-bench-") as folder:
        return await LEGS[name](Plan(rounds, scale, Path(folder)))


if __name__ == "__main__":
    sys.exit(main())

"""The table that people read: one line a leg, and under it what the leg found beside."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from benchmarks.rounds import Result, Side, Spread

_IN_JOURNEY = ("intake", "email", "page", "confirmation", "push")
_COLUMNS = f"{'leg':<13} {'floor /s':>9} {'us':>7} {'product /s':>11} {'us':>7} {'ratio':>20} {'of CPU':>20}  aim"


def heading(machine: Mapping[str, str | int]) -> str:
    """What it was measured on, and the columns."""
    return "\n".join([", ".join(f"{name} {value}" for name, value in machine.items()), "", _COLUMNS, "-" * 120])


def line(result: Result) -> str:
    """One leg."""
    verdict = {True: "met", False: "missed", None: "-"}[result.met]
    first = (
        f"{result.leg:<13} {_side(result.floor, 9)} {_side(result.product, 11)} "
        f"{_spread(result.ratio):>20} {_spread(result.cpu_ratio):>20}  {result.aim}: {verdict}"
    )
    beside = [f"{name} {value:,.2f}" for name, value in result.values.items()]
    if result.noisy:
        beside.append(f"{result.noisy} of {result.rounds} rounds noisy: trust the CPU")
    return first + (f"\n{'':<13} {', '.join(beside)}" if beside else "")


def sum_of_floors(results: Sequence[Result]) -> str:
    """What the journey's steps cost at the floor, where all of them were measured in this run."""
    cost = {result.leg: result.floor.cpu_us for result in results if result.floor is not None}
    if not all(leg in cost for leg in _IN_JOURNEY):
        return "sum of the floors: not all legs of the journey were measured"
    return f"sum of the floors: {sum(cost[leg] for leg in _IN_JOURNEY) / 1000:.2f} CPU s per 1,000 invoices"


def _side(side: Side | None, width: int) -> str:
    return f"{'-':>{width}} {'-':>7}" if side is None else f"{side.rate:>{width},.0f} {side.cpu_us:>7,.1f}"


def _spread(spread: Spread | None) -> str:
    return "-" if spread is None else f"{spread.median:.2f} ({spread.least:.2f}..{spread.most:.2f})"

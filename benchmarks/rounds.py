"""Rounds of floor, product, product, floor; medians of what each round gave, for machines are never quiet.

A round in which others kept more than 0.3 of a core busy is marked noisy: then the CPU of an operation is the number to trust,
for it moves far less than the rate.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks.child import Child
from benchmarks.machine import NOISY_CORES, Spent, Watch


@dataclass(frozen=True, slots=True)
class Plan:
    """How much is done: `rounds` of each comparison, every number of operations times `scale`, files in `folder`."""

    rounds: int
    scale: float
    folder: Path

    def times(self, usual: int) -> int:
        """A number of operations, at this scale."""
        return max(4, round(usual * self.scale))

    def room(self, name: str) -> str:
        """A fresh folder for one process."""
        folder = self.folder / name
        folder.mkdir(parents=True)
        return str(folder)


@dataclass(frozen=True, slots=True)
class Sample:
    """So many operations and what they cost."""

    operations: int
    spent: Spent

    @property
    def rate(self) -> float:
        return self.operations / self.spent.seconds

    @property
    def cpu_us(self) -> float:
        return self.spent.cpu_s / self.operations * 1e6


async def measured(child: Child, operations: int, work: Awaitable[Any]) -> Sample:
    """What `operations`, which `work` is, cost the child."""
    watch = Watch(child.pid)
    await work
    return Sample(operations, watch.stop())


@dataclass(frozen=True, slots=True)
class Spread:
    """Median, least and most."""

    median: float
    least: float
    most: float

    @classmethod
    def of(cls, values: Iterable[float]) -> Spread:
        known = sorted(values)
        return cls(median(known), known[0], known[-1])


@dataclass(frozen=True, slots=True)
class Side:
    """The floor or the product over all rounds: operations a second, and CPU microseconds an operation."""

    rate: float
    cpu_us: float

    @classmethod
    def of(cls, samples: Sequence[Sample]) -> Side:
        return cls(median(sample.rate for sample in samples), median(sample.cpu_us for sample in samples))


@dataclass(frozen=True, slots=True)
class Result:
    """What a leg found. `ratio` is of the rates, `cpu_ratio` of the CPU an operation costs: floor's over product's.

    `values` are what the leg measures beside; `met` is None where there is no aim, or nothing to judge it by.
    """

    leg: str
    what: str
    aim: str
    met: bool | None
    product: Side | None = None
    floor: Side | None = None
    ratio: Spread | None = None
    cpu_ratio: Spread | None = None
    values: dict[str, float] = field(default_factory=dict)
    rounds: int = 0
    noisy: int = 0


@dataclass(frozen=True, slots=True)
class Comparison:
    """Rounds of floor and product."""

    floor: Side
    product: Side
    ratio: Spread
    cpu_ratio: Spread
    rounds: int
    noisy: int

    @property
    def judged(self) -> float:
        """The ratio that an aim is held to: of the rates, or of the CPU when the machine was not quiet."""
        return self.cpu_ratio.median if self.noisy else self.ratio.median

    def result(self, leg: str, what: str, aim: str, met: bool | None, **values: float) -> Result:
        return Result(
            leg, what, aim, met, self.product, self.floor, self.ratio, self.cpu_ratio, values, self.rounds, self.noisy
        )


Measuring = Callable[[], Awaitable[Sample]]


async def compare(rounds: int, floor: Measuring, product: Measuring) -> Comparison:
    """Measures both, each round floor, product, product, floor; a round of each before is not counted."""
    await floor()
    await product()
    each: list[tuple[Sample, Sample, Sample, Sample]] = [
        (await floor(), await product(), await product(), await floor()) for _ in range(rounds)
    ]
    floors = [sample for one in each for sample in (one[0], one[3])]
    products = [sample for one in each for sample in (one[1], one[2])]
    return Comparison(
        floor=Side.of(floors),
        product=Side.of(products),
        ratio=Spread.of((b.rate + c.rate) / (a.rate + d.rate) for a, b, c, d in each),
        cpu_ratio=Spread.of((a.cpu_us + d.cpu_us) / max(0.001, b.cpu_us + c.cpu_us) for a, b, c, d in each),
        rounds=rounds,
        noisy=sum(max(sample.spent.foreign for sample in one) > NOISY_CORES for one in each),
    )


def percentile(values: Sequence[float], per_cent: float) -> float:
    """The value that `per_cent` of them are not above."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * per_cent / 100))]

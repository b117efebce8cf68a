"""Every leg once, with so few operations that nothing is measured: that it runs, and that what it counts is right."""

from __future__ import annotations

import json

import pytest

from benchmarks import __main__ as command
from benchmarks import http_load, report
from benchmarks.machine import Spent
from benchmarks.rounds import Result, Sample, Spread, compare, percentile
from benchmarks.sinks import Counted, http_sink

ALWAYS = {"intake", "page", "journey", "dates", "chat"}
COMPARED = {"intake", "confirmation", "page", "email", "push", "drain", "dates"}


# The journey goes the way of every leg; the others start the same product again, and are for `make soak`.
@pytest.mark.parametrize(
    "name",
    [pytest.param(leg, marks=() if leg in ALWAYS else pytest.mark.soak) for leg in command.LEGS],
)
async def test_a_leg_counts_right(name: str) -> None:
    """A leg raises WrongAnswer when product, sinks and database do not agree on the number of operations."""
    result = await command.run(name, rounds=1, scale=0.004)

    assert result.leg == name
    assert (result.floor is not None) == (result.product is not None) == (name in COMPARED)
    if result.floor is not None and result.product is not None:
        assert result.floor.rate > 0
        assert result.product.rate > 0
    assert name in report.line(result)


async def test_an_answer_that_is_not_expected_ends_the_measuring() -> None:
    async with http_sink().listening() as sink:
        with pytest.raises(http_load.WrongAnswer):
            await http_load.closed_loop(sink.port, [http_load.get("/")], at_once=1, expect={200})
        with pytest.raises(http_load.WrongAnswer):
            await http_load.open_loop(sink.port, [http_load.get("/")], per_second=100, at_once=1, expect={200})


async def test_both_loops_answer_every_request_once() -> None:
    async with http_sink(keep=True).listening() as sink:
        requests = [http_load.post(f"/{n}", str(n).encode()) for n in range(50)]
        bodies = await http_load.closed_loop(sink.port, requests, at_once=4, expect={204})
        answered = await http_load.open_loop(sink.port, requests, per_second=10_000, at_once=2, expect={204})

        assert len(bodies) == len(answered) == 50
        assert sorted(int(body) for _, body in sink.arrivals.seen) == sorted([*range(50), *range(50)])
        assert [one.due_at for one in answered] == sorted(one.due_at for one in answered)


async def test_a_count_that_is_not_reached_is_said() -> None:
    arrivals = Counted()
    arrivals.add(b"")
    await arrivals.reached(1)
    with pytest.raises(TimeoutError):
        await arrivals.reached(2, within_s=0.01)


def sample(rate: float, cpu_us: float, foreign: float = 0.0) -> Sample:
    return Sample(1000, Spent(1000 / rate, cpu_us * 1000 / 1e6, foreign))


@pytest.mark.parametrize(("foreign", "noisy", "judged"), [(0.0, 0, 0.5), (0.9, 2, 0.25)])
async def test_rounds_are_floor_product_product_floor(foreign: float, noisy: int, judged: float) -> None:
    order: list[str] = []

    async def floor() -> Sample:
        order.append("floor")
        return sample(8000, 100, foreign)

    async def product() -> Sample:
        order.append("product")
        return sample(4000, 400)

    found = await compare(2, floor, product)

    assert order == ["floor", "product"] + ["floor", "product", "product", "floor"] * 2
    assert (found.ratio.median, found.cpu_ratio.median) == pytest.approx((0.5, 0.25))
    assert (found.rounds, found.noisy, found.judged) == (2, noisy, pytest.approx(judged))


def test_percentiles_and_spreads() -> None:
    assert [percentile([*range(1, 101)], of) for of in (50, 99, 100)] == [51, 100, 100]
    assert Spread.of([3.0, 1.0, 2.0]) == Spread(2.0, 1.0, 3.0)


def test_json_says_what_was_measured(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    async def leg(name: str, rounds: int, scale: float) -> Result:
        if name == "push":
            raise RuntimeError("no receiver")
        return Result(name, "what", "aim", True, values={"p50_ms": 1.5})

    monkeypatch.setattr(command, "run", leg)
    monkeypatch.setattr("benchmarks.machine.pin", lambda core: None)

    assert command.main(["--json", "--leg", "drain"]) == 0
    said = json.loads(capsys.readouterr().out)
    assert [(each["leg"], each["values"]) for each in said["legs"]] == [("drain", {"p50_ms": 1.5})]
    assert said["machine"]["cores"] >= 1

    assert command.main(["--json", "--leg", "push"]) == 1
    assert "push: not measured: RuntimeError: no receiver" in capsys.readouterr().err

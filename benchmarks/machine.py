"""The machine as Linux tells it: which cores, how much CPU a process took, and what others took meanwhile."""

from __future__ import annotations

import os
import platform
import sqlite3
import time
from dataclasses import dataclass
from pathlib import Path

_TICKS_PER_S = os.sysconf("SC_CLK_TCK")
NOISY_CORES = 0.30  # of others' work; a round with more is marked


_CORES = tuple(sorted(os.sched_getaffinity(0)))  # before anybody is pinned


def cores() -> tuple[int, int]:
    """The core of the process under test, and that of load and sinks; the same one where there is only one."""
    return _CORES[0], _CORES[-1]


def pin(core: int) -> None:
    os.sched_setaffinity(0, {core})


def cpu_s(pid: int) -> float:
    """User and system seconds of a process so far, all its threads."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS_PER_S


def rss_mb(pid: int) -> float:
    """Resident memory of a process now."""
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


def _busy_s() -> float:
    user, nice, system, _, _, *interrupts = map(int, Path("/proc/stat").read_text().split("\n")[0].split()[1:8])
    return (user + nice + system + sum(interrupts[:2])) / _TICKS_PER_S


@dataclass(frozen=True, slots=True)
class Spent:
    """What passed between two looks at the clocks. `cpu_s` is one tick, the least that can be seen, or more;

    `foreign` is the cores that work which is not ours kept busy.
    """

    seconds: float
    cpu_s: float
    foreign: float


class Watch:
    """Started when made; `stop` tells what passed. `pid` is the process under test."""

    def __init__(self, pid: int) -> None:
        self._pid = pid
        self._cpu, self._own, self._busy, self._at = self._read()

    def stop(self) -> Spent:
        cpu, own, busy, at = self._read()
        seconds, of_product = at - self._at, cpu - self._cpu
        others = (busy - self._busy) - of_product - (own - self._own)
        return Spent(seconds, max(1 / _TICKS_PER_S, of_product), max(0.0, others / seconds))

    def _read(self) -> tuple[float, float, float, float]:
        own = os.times()
        return cpu_s(self._pid), own.user + own.system, _busy_s(), time.perf_counter()


def description() -> dict[str, str | int]:
    """What the numbers depend on."""
    model = next(
        (line.partition(":")[2].strip() for line in _lines("/proc/cpuinfo") if line.startswith("model name")), "unknown"
    )
    return {
        "cpu": model,
        "cores": len(_CORES),
        "kernel": platform.release(),
        "python": platform.python_version(),
        "sqlite": sqlite3.sqlite_version,
    }


def _lines(path: str) -> list[str]:
    try:
        return Path(path).read_text().splitlines()
    except OSError:
        return []

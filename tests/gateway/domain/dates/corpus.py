"""The corpora: a file of lines `base instant, locale, phrase, expected`, between tabs.

The base is local, in Europe/Bucharest. Expected: `-` no date; `?` a question; `? 2026-12-15` a question with exactly these proposals;
`2026-11-27` that day, and no hour was said; `2026-11-27T09:00` that minute.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

from gateway.domain.dates import Reading, read

HERE = Path(__file__).parent
ZONE = ZoneInfo("Europe/Bucharest")


@dataclass(frozen=True)
class Case:
    base: str
    locale: str
    phrase: str
    expected: str

    def read(self) -> Reading:
        return read(self.phrase, at=datetime.fromisoformat(self.base).replace(tzinfo=ZONE), zone=ZONE, locale=self.locale)

    def found(self) -> str:
        """What was read, written as `expected` is: with the proposals only where those are expected."""
        reading = self.read()
        if reading.question is not None:
            if self.expected == "?":
                return "?"
            proposals = reading.question.proposals
            return " ".join(["?", *(_written(at, reading.question.date_only) for at in proposals)])
        if reading.at is None:
            return "-"
        if self.expected[-6:-5] == "+":
            return reading.at.isoformat(timespec="minutes")
        return _written(reading.at, reading.date_only)


def _written(at: datetime, date_only: bool) -> str:
    return at.strftime("%Y-%m-%d" if date_only else "%Y-%m-%dT%H:%M")


def cases(name: str) -> Iterator[Case]:
    for line in (HERE / name).read_text(encoding="utf-8").splitlines():
        if line and not line.startswith("#"):
            yield Case(*line.split("\t"))

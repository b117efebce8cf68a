"""What a biller's `[reminders]` table says, as values."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from decimal import Decimal
from enum import StrEnum

from gateway.domain.deliveries import Step
from gateway.domain.reminders.hours import Calendar, Quiet
from gateway.ports.values import Money

FOREVER = datetime(9000, 1, 1, tzinfo=UTC)
"""The instant of what waits for somebody's word and not for a time."""


class Tone(StrEnum):
    FRIENDLY = "friendly"
    FIRM = "firm"
    FINAL = "final"


def gravest(tones: Iterable[Tone]) -> Tone:
    """The tone of a message that carries several reminders."""
    return max(tones, key=list(Tone).index)


def when_of(due_on: date, today: date) -> str:
    """What a text says of the due date: `before`, `today` or `after`."""
    return "before" if today < due_on else "today" if today == due_on else "after"


@dataclass(frozen=True, slots=True)
class Condition:
    """Whom a step is for. All that is set must hold; amounts are of what is still owed, in the invoice's own currency."""

    least: Decimal | None = None
    most: Decimal | None = None
    currency: str | None = None
    languages: Sequence[str] = ()
    tags: Sequence[str] = ()
    without_tags: Sequence[str] = ()

    def holds(self, owed: Money, locale: str, tags: Iterable[str]) -> bool:
        language, has = locale.partition("-")[0], set(tags)
        return (
            (self.least is None or owed.decimal >= self.least)
            and (self.most is None or owed.decimal <= self.most)
            and (self.currency is None or owed.currency == self.currency)
            and (not self.languages or language in self.languages)
            and (not self.tags or bool(has & set(self.tags)))
            and not has & set(self.without_tags)
        )


ALWAYS = Condition()


@dataclass(frozen=True, slots=True)
class Rung:
    """A step of the ladder: so many days after the due date (before it, below zero). No `channels`: the biller's plan.

    `hour` None is the policy's.
    """

    days: int
    tone: Tone = Tone.FRIENDLY
    channels: Sequence[Step] = ()
    hour: int | None = None
    condition: Condition = ALWAYS

    @property
    def name(self) -> str:
        return f"{self.days:+d}d" if self.days else "0"


@dataclass(frozen=True, slots=True)
class Policy:
    """All that decides about reminders. `rungs` are in order; none: no reminder comes by policy.

    `share` is the percentage of the debt that a message may cost, `hold_out` that of the payers left unreminded. `broken` is
    what follows a broken promise, `promised` whether a kept one is thanked for.
    """

    rungs: Sequence[Rung] = ()
    hour: int = 9
    quiet: Quiet | None = None
    calendar: Calendar = field(default_factory=Calendar)
    per_day: int = 1
    per_week: int = 3
    costs: Mapping[str, Decimal] = field(default_factory=dict)
    cost_currency: str = "RON"
    share: int = 100
    hold_out: int = 0
    dispute_holds: bool = True
    already_paid_days: int = 5
    broken: Rung | None = None
    grace_s: int = 86_400
    thanks: bool = True

    def called(self, name: str) -> Rung | None:
        """The step of this name."""
        return next((rung for rung in self.rungs if rung.name == name), None)

    def cost(self, channel: str) -> Decimal:
        return self.costs.get(channel, Decimal(0))


@dataclass(frozen=True, slots=True)
class Pause:
    """The ladder rests until an instant (FOREVER: until somebody says so), because of `reason`."""

    until: datetime
    reason: str

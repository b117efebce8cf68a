"""What is told to the grammar, and what it answers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, time
from enum import StrEnum
from types import MappingProxyType

PARTS: Mapping[str, time] = MappingProxyType(
    {"morning": time(9), "noon": time(12), "afternoon": time(15), "evening": time(19), "night": time(22)}
)


@dataclass(frozen=True, slots=True)
class Calendar:
    """What the biller sets. `latest` is the last instant that may be asked for; `parts` are the hours of the parts of a day."""

    country: str = "RO"
    pay_day: int | None = None  # day of the month; in a shorter month its last day
    default_time: time = time(9)
    parts: Mapping[str, time] = field(default_factory=lambda: PARTS)
    latest: datetime | None = None


class QuestionKind(StrEnum):
    """Why there is no answer yet."""

    PASSED = "passed"  # `about` has passed
    NO_SUCH_DAY = "no_such_day"  # 31 November: `about` is written out, for it is no date
    TOO_LATE = "too_late"  # past Calendar.latest, which is the proposal
    WHICH = "which"  # it can be read in several ways: the proposals
    WHICH_DAY = "which_day"  # a stretch of time or an order was said, not a day
    PAY_DAY = "pay_day"  # nobody has said when the payer is paid
    MISMATCH = "mismatch"  # Friday the 5th, and the 5th is a Saturday
    CONFIRM = "confirm"  # it is likely the proposal, and not sure


@dataclass(frozen=True, slots=True)
class Question:
    """What has to be asked. `proposals` lie in the future, soonest first, at most three; there may be none.

    `about` is the day that has passed; `said` (day, month) is the day that does not exist. `asked_on` is the payer's day.
    """

    kind: QuestionKind
    asked_on: date
    proposals: tuple[datetime, ...] = ()
    date_only: bool = True
    about: date | None = None
    said: tuple[int, int] | None = None


@dataclass(frozen=True, slots=True)
class Reading:
    """What a text says of a date.

    One of `at` (aware, in the payer's zone, later than now) and `question` is there, or neither: then there is no date in it.
    `date_only`: no hour was said, and `at` is at the calendar's. `until` is the last day, where a stretch was said ("next week"); `at` is its start.
    `start` and `end` bound the part of the text that was read.
    """

    at: datetime | None = None
    question: Question | None = None
    date_only: bool = False
    until: date | None = None
    start: int = 0
    end: int = 0


NOTHING = Reading()

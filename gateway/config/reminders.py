"""The `[reminders]` table of a biller's file: the ladder, quiet hours, caps, costs."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import time
from decimal import Decimal
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Field, PlainSerializer, field_validator, model_validator

from gateway.config.shapes import AS_TUPLE, Duration, Section, Wait
from gateway.domain.contacts import normalise_locale
from gateway.domain.deliveries import Step
from gateway.domain.reminders import Calendar, Condition, Policy, Quiet, Rung, Tone
from gateway.ports.values import decimals
from gateway.settings import Fault, did_you_mean

_AT = re.compile(r"0|[+-]([1-9][0-9]{0,2})d", re.ASCII)
_CLOCK = re.compile(r"([01][0-9]|2[0-3]):([0-5][0-9])", re.ASCII)
_SUM = re.compile(r"(0|[1-9][0-9]{0,12})(\.[0-9]{1,6})?", re.ASCII)


def _days(written: object) -> object:
    if isinstance(written, int) and not isinstance(written, bool):
        return written
    if not isinstance(written, str) or not _AT.fullmatch(written):
        raise ValueError('is written as "-3d", "0" or "+10d": days from the due date')
    return int(written.removesuffix("d"))


def _sum(written: object) -> Decimal:
    if isinstance(written, Decimal):
        return written
    if not isinstance(written, str) or not _SUM.fullmatch(written):
        raise ValueError('is an amount in a string, such as "0.35"')
    return Decimal(written)


def _quiet(written: str) -> str:
    begins, _, ends = written.partition("-")
    if written and (begins == ends or not (_CLOCK.fullmatch(begins) and _CLOCK.fullmatch(ends))):
        raise ValueError('is written as "20:00-09:00"; "" for none')
    return written


def _currency(code: str) -> str:
    decimals(code)
    return code


def _channel(written: object) -> object:
    return {"channel": written} if isinstance(written, str) else written


Days = Annotated[
    int,
    BeforeValidator(_days),
    PlainSerializer(lambda days: f"{days:+d}d" if days else "0", return_type=str),
    Field(description="Days from the due date: `-3d`, `0`, `+10d`."),
]
Sum = Annotated[Decimal, BeforeValidator(_sum), PlainSerializer(str, return_type=str)]
QuietHours = Annotated[str, AfterValidator(_quiet)]
Currency = Annotated[str, AfterValidator(_currency)]
Locales = Annotated[tuple[Annotated[str, AfterValidator(normalise_locale)], ...], AS_TUPLE]
Words = Annotated[tuple[Annotated[str, Field(min_length=1, max_length=40)], ...], AS_TUPLE]
Hour = Annotated[int, Field(ge=0, le=23)]


class ReminderChannel(Section):
    """One channel of a step, as in `delivery.channels`; `until = "read"` waits for the reading, on a channel that reports it."""

    channel: str
    wait_s: Wait = Field(default=600, alias="wait")
    until: Literal["delivered", "read"] = "delivered"

    @property
    def step(self) -> Step:
        return Step(self.channel, self.wait_s, "read" if self.until == "read" else None)


Channels = Annotated[tuple[Annotated[ReminderChannel, BeforeValidator(_channel)], ...], AS_TUPLE]


class ReminderCondition(Section):
    """Whom a step is for; all that is set must hold. Amounts are of what is still owed, in the invoice's own currency."""

    min_amount: Sum | None = None
    max_amount: Sum | None = None
    currency: Currency | None = None
    languages: Locales = ()
    tags: Words = Field(default=(), description="Payers with one of these.")
    without_tags: Words = Field(default=(), description="Payers with none of these.")

    @property
    def rule(self) -> Condition:
        languages = tuple(locale.partition("-")[0] for locale in self.languages)
        return Condition(
            self.min_amount, self.max_amount, self.currency, languages, self.tags, self.without_tags
        )  # fmt: skip


class ReminderStep(Section):
    """A step of the ladder. Without `channels` it goes as `delivery.channels` says; `hour` is that of the payer's day."""

    days: Days = Field(alias="at")
    tone: Tone = Field(default=Tone.FRIENDLY, strict=False)
    channels: Channels = ()
    hour: Hour | None = None
    when: ReminderCondition = ReminderCondition()

    @property
    def rung(self) -> Rung:
        steps = tuple(channel.step for channel in self.channels)
        return Rung(self.days, self.tone, steps, self.hour, self.when.rule)


class BrokenPromise(Section):
    """The one message that follows a promise that was not kept."""

    tone: Tone = Field(default=Tone.FIRM, strict=False)
    channels: Channels = ()


class ReminderPolicy(Section):
    """When payers are reminded. Without `steps` nobody is reminded by policy; what payers ask for and you set by API still goes."""

    steps: Annotated[tuple[ReminderStep, ...], AS_TUPLE] = ()
    hour: Hour = Field(default=9, description="Of the payer's day, for steps without their own.")
    quiet: QuietHours = Field(default="20:00-09:00", description='In the payer\'s zone; `""` for none.')
    working_days: bool = Field(default=True, description="Not on Saturdays and Sundays.")
    holidays: bool = Field(default=True, description="Not on public holidays of the biller's `country`.")
    per_day: int = Field(
        default=1, ge=1, le=50, description="Reminders a payer gets in a day at the most, of all kinds."
    )
    per_week: int = Field(default=3, ge=1, le=200, description="The same for any seven days.")
    cost: dict[str, Sum] = Field(default_factory=dict, description='What a message costs, by channel: `sms = "0.35"`.')
    cost_currency: Currency = "RON"
    cost_share: int = Field(
        default=100,
        ge=1,
        le=100,
        description="Percent of the debt that a message may cost; a dearer channel is left out.",
    )
    hold_out: int = Field(default=0, ge=0, le=90, description="Percent of the payers left unreminded, to compare with.")
    dispute: Literal["hold", "ignore"] = Field(default="hold", description="What a dispute does to the ladder.")
    already_paid_s: Duration = Field(
        default=5 * 86_400,
        alias="already_paid",
        description="How long a payment that the payer speaks of is waited for.",
    )
    broken_promise: Annotated[BrokenPromise | None, BeforeValidator(lambda written: written or None)] = Field(
        default=BrokenPromise(), description="What follows a broken promise, where there are steps; `false`: nothing."
    )
    thanks: bool = Field(default=True, description="A kept promise is thanked for, also without `delivery.receipt`.")
    grace_s: Wait = Field(
        default=86_400, alias="grace", description="A step so soon after the invoice was issued is left out."
    )

    @field_validator("already_paid_s")
    @classmethod
    def _whole_days(cls, seconds: int) -> int:
        if seconds % 86_400 or seconds > 90 * 86_400:
            raise ValueError('is in whole days, "90d" at most')
        return seconds

    @model_validator(mode="after")
    def _ascending(self) -> ReminderPolicy:
        days = [step.days for step in self.steps]
        if days != sorted(set(days)):
            raise ValueError("steps: stand in the order of their days, each day once")
        return self

    def rules(self, country: str) -> Policy:
        """The same as the domain takes it."""
        broken = self.broken_promise
        return Policy(
            rungs=tuple(step.rung for step in self.steps),
            hour=self.hour,
            quiet=Quiet(*map(time.fromisoformat, self.quiet.split("-"))) if self.quiet else None,
            calendar=Calendar(country, self.working_days, self.holidays),
            per_day=self.per_day,
            per_week=self.per_week,
            costs=self.cost,
            cost_currency=self.cost_currency,
            share=self.cost_share,
            hold_out=self.hold_out,
            dispute_holds=self.dispute == "hold",
            already_paid_days=self.already_paid_s // 86_400,
            broken=None if broken is None else Rung(0, broken.tone, tuple(channel.step for channel in broken.channels)),
            grace_s=self.grace_s,
            thanks=self.thanks,
        )


def reminder_faults(values: Mapping[str, Any], reads: Mapping[str, bool], file: str) -> Iterator[Fault]:
    """Channels that the file does not have, and readings that a channel does not report. `reads` are those it has."""
    match values:
        case {"reminders": dict(table)}:
            for place, written in _named(table):
                name, until = (
                    (written, None) if isinstance(written, str) else (written.get("channel"), written.get("until"))
                )
                if isinstance(name, str) and name not in reads:
                    yield Fault(f"{file}: {place}", f"there is no [channels.{name}]{did_you_mean(name, reads)}")
                elif until == "read" and not reads.get(str(name), True):
                    yield Fault(f"{file}: {place}.until", f"{name} does not report when a message is read")


def _named(table: Mapping[str, Any]) -> Iterator[tuple[str, str | dict[str, Any]]]:
    """The channels that the table names, with their places."""
    cost, steps = table.get("cost"), table.get("steps")
    for name in cost if isinstance(cost, dict) else ():
        yield f"reminders.cost.{name}", name
    lists = [(f"reminders.steps[{n}]", step) for n, step in enumerate(steps)] if isinstance(steps, list) else []
    for at, within in [*lists, ("reminders.broken_promise", table.get("broken_promise"))]:
        channels = within.get("channels") if isinstance(within, dict) else None
        for n, written in enumerate(channels if isinstance(channels, list) else ()):
            if isinstance(written, str | dict):
                yield f"{at}.channels[{n}]", written

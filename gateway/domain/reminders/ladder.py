"""The ladder of one invoice: which step comes next, and when; who is left out of it; what is too dear."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

from gateway.domain.reminders.hours import Hold, at_hour, free_at
from gateway.domain.reminders.policy import Policy, Rung
from gateway.ports.values import Money


@dataclass(frozen=True, slots=True)
class Owed:
    """What the ladder needs to know of an invoice and of its payer."""

    due_on: date
    amount: Money  # what is still owed
    locale: str
    zone: ZoneInfo
    tags: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class Next:
    """The step to come and its instant; `overtaken` are those whose time had come before it and that it stands for."""

    rung: Rung
    at: datetime
    overtaken: Sequence[Rung] = ()


def instant_of(policy: Policy, rung: Rung, due_on: date, zone: ZoneInfo) -> datetime:
    """When a step is due, before anything holds it."""
    hour = policy.hour if rung.hour is None else rung.hour
    return at_hour(due_on + timedelta(days=rung.days), hour, zone)


def first_rung(policy: Policy, owed: Owed, begins: datetime, *, past: int | None = None) -> Next | None:
    """Where the ladder begins: the first step from `begins` on that is for this payer, of those after day `past`."""
    for rung in policy.rungs:
        if past is not None and rung.days <= past:
            continue
        at = instant_of(policy, rung, owed.due_on, owed.zone)
        if at >= begins and rung.condition.holds(owed.amount, owed.locale, owed.tags):
            return Next(rung, at)
    return None


def next_rung(policy: Policy, owed: Owed, past: int, now: datetime) -> Next | None:
    """The step after day `past`. Of several whose time has come meanwhile the last is sent, and stands for the others."""
    due: list[Rung] = []
    for rung in policy.rungs:
        if rung.days <= past or not rung.condition.holds(owed.amount, owed.locale, owed.tags):
            continue
        at = instant_of(policy, rung, owed.due_on, owed.zone)
        if at <= now:
            due.append(rung)
        elif not due:
            return Next(rung, at)
    return Next(due[-1], now, due[:-1]) if due else None


def hold(policy: Policy, at: datetime, zone: ZoneInfo, sent_on: Sequence[date] = ()) -> Hold:
    """When a message of the biller's may go that is due `at`; `sent_on` are the days of the payer's last reminders."""
    return free_at(
        at,
        zone,
        quiet=policy.quiet,
        calendar=policy.calendar,
        hour=policy.hour,
        caps=(policy.per_day, policy.per_week),
        sent_on=sent_on,
    )


def held_out(policy: Policy, payer_id: int) -> bool:
    """Whether a payer belongs to the share that is left unreminded; the same payer always does, or never."""
    if not policy.hold_out:
        return False
    return int.from_bytes(hashlib.sha256(f"hold-out {payer_id}".encode()).digest()[:4], "big") % 100 < policy.hold_out


def too_dear(policy: Policy, channel: str, owed: Sequence[Money]) -> bool:
    """Whether a message costs more than its share of the debts that it is about. Debts in other currencies cannot be compared."""
    cost = policy.cost(channel)
    if not cost or any(each.currency != policy.cost_currency for each in owed):
        return False
    return cost * 100 > sum((each.decimal for each in owed), Decimal(0)) * policy.share

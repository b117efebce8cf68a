"""One reminder of one invoice: where it comes from, its states, and why it waits or does not go out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from typing import Any

from gateway.domain.deliveries import Step
from gateway.domain.reminders.policy import Tone


class Source(StrEnum):
    POLICY = "policy"
    PAYER = "payer"  # their own wish, which outranks the policy
    BILLER = "biller"


class ReminderState(StrEnum):
    PLANNED = "planned"
    HELD = "held"  # it waits for `due_at`, and `reason` says for what
    QUEUED = "queued"  # a delivery carries it
    SENT = "sent"
    SKIPPED = "skipped"  # left out for good
    REVOKED = "revoked"  # no longer true, or no longer wanted


WAITING = (ReminderState.PLANNED, ReminderState.HELD)
LIVE = (*WAITING, ReminderState.QUEUED)


class Reason(StrEnum):
    """Why a reminder is held, skipped or revoked."""

    QUIET_HOURS = "quiet_hours"
    WEEKEND = "weekend"
    HOLIDAY = "holiday"
    CAP_DAY = "cap_day"
    CAP_WEEK = "cap_week"
    OWN_REMINDER = "own_reminder"
    PROMISE = "promise"
    PLAN = "plan"
    ALREADY_PAID = "already_paid"
    DISPUTE = "dispute"
    PAYING = "paying"  # the payer is at the provider now
    MONEY_UNDER_WAY = "money_under_way"  # the bank has accepted the payment
    PROVIDER_SILENT = "provider_silent"  # nobody could say whether it is paid
    COST = "cost"
    CONDITION = "condition"
    HOLD_OUT = "hold_out"
    OVERTAKEN = "overtaken"  # a later step's time has come
    UNREACHABLE = "unreachable"  # no channel can reach the payer
    UNDELIVERED = "undelivered"  # every channel failed
    SETTLED = "settled"
    VOID = "void"
    CHANGED = "changed"  # another due date
    POLICY_CHANGED = "policy_changed"
    REPLACED = "replaced"
    CANCELLED = "cancelled"
    STOPPED = "stopped"


@dataclass(frozen=True, slots=True)
class Reminder:
    """A row of the reminder table. `step` is the policy's ("+3d"), counted from `due_on`; `channels` empty: the policy's."""

    id: int
    biller_id: int
    payer_id: int
    invoice_id: int
    source: Source
    step: str
    due_on: date | None
    tone: Tone
    state: ReminderState
    reason: str | None
    channels: list[dict[str, Any]]
    due_at: datetime
    delivery_id: int | None
    created_at: datetime
    updated_at: datetime

    @property
    def steps(self) -> Sequence[Step]:
        return [Step.of(step) for step in self.channels]

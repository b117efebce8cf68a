"""Reminders as values: the biller's policy, the ladder of an invoice, and when a payer may be written to.

Pure: no I/O, no clock, no SQL. `gateway.services.reminders` keeps the rows and hands messages over.
"""

from gateway.domain.reminders.hours import DAY, Calendar, Hold, Quiet, at_hour, end_of_day, local_instant
from gateway.domain.reminders.ladder import Next, Owed, first_rung, held_out, hold, instant_of, next_rung, too_dear
from gateway.domain.reminders.policy import FOREVER, Condition, Pause, Policy, Rung, Tone, gravest, when_of
from gateway.domain.reminders.rows import LIVE, WAITING, Reason, Reminder, ReminderState, Source

LATER_BUTTON = "remind:{invoices}:tomorrow"
"""What the button "Remind me tomorrow" brings back; `invoices` are public ids, joined by commas. 64 bytes at most."""

__all__ = [
    "DAY",
    "FOREVER",
    "LATER_BUTTON",
    "LIVE",
    "WAITING",
    "Calendar",
    "Condition",
    "Hold",
    "Next",
    "Owed",
    "Pause",
    "Policy",
    "Quiet",
    "Reason",
    "Reminder",
    "ReminderState",
    "Rung",
    "Source",
    "Tone",
    "at_hour",
    "end_of_day",
    "first_rung",
    "gravest",
    "held_out",
    "hold",
    "instant_of",
    "local_instant",
    "next_rung",
    "too_dear",
    "when_of",
]

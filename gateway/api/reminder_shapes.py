"""What the biller API takes and gives about reminders and disputes; as strict as the other models."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from pydantic import Field

from gateway.api.answers import Answer
from gateway.api.fields import Instant, many_lines
from gateway.api.models import DeliveryStep, Request
from gateway.api.queries import Limit, PageCursor
from gateway.domain.reminders import Reason, ReminderState, Source, Tone


class NewReminder(Request):
    """One reminder of an open invoice, at an instant. It keeps your quiet hours, working days and caps, and is held if need be."""

    at: Annotated[Instant, Field(description="An instant that is past means now.", examples=["2026-12-10T08:00:00Z"])]
    channels: Annotated[
        list[DeliveryStep] | None,
        Field(min_length=1, max_length=10, description="In order. Absent or null: your policy."),
    ] = None
    tone: Annotated[Tone, Field(strict=False)] = Tone.FRIENDLY


class DisputeClosing(Request):
    note: Annotated[str, many_lines(500), Field(description="For the timeline.")] = ""


class ReminderQuery(Request):
    """In the order in which they were set."""

    due_before: Annotated[Instant | None, Field(description="Due before this instant.")] = None
    invoice: Annotated[str | None, Field(pattern="^inv_[0-9A-Za-z]{7,10}$", description="Of this invoice alone.")] = (
        None
    )
    status: Annotated[
        ReminderState | None,
        Field(strict=False, description="In this state. Absent: those that wait, `planned` or `held`."),
    ] = None
    limit: Limit = 50
    cursor: PageCursor | None = None


class CancelQuery(Request):
    reminder: Annotated[
        str | None, Field(pattern="^rem_[0-9A-Za-z]{7,10}$", description="This one alone; absent: all that you set.")
    ] = None


class ReminderShown(Answer):
    """A reminder. Several of one payer go out in one message."""

    id: Annotated[str, Field(pattern="^rem_[0-9A-Za-z]{7,10}$")]
    invoice: Annotated[str, Field(pattern="^inv_[0-9A-Za-z]{7,10}$")]
    number: Annotated[str, Field(description="The invoice's.")]
    payer: Annotated[str, Field(description="The payer's `reference`.")]
    source: Annotated[Source, Field(description="Your policy, the payer's own wish, or you.")]
    step: Annotated[str | None, Field(description="The policy's step, such as `+3d`; `promise` after a broken one.")]
    tone: Tone
    status: ReminderState
    reason: Annotated[Reason | None, Field(description="Why it is held, was skipped or revoked.")]
    channels: Annotated[list[str], Field(description="In order; empty: your delivery policy.")]
    due_at: Annotated[datetime | None, Field(description="Null: it waits until a dispute is closed.")]
    delivery: Annotated[str | None, Field(description="The message that carries it.")]
    created_at: datetime
    updated_at: datetime


class ReminderPage(Answer):
    """`next_cursor` is null on the last page."""

    items: list[ReminderShown]
    next_cursor: str | None


class Cancelled(Answer):
    count: Annotated[int, Field(ge=0, description="How many reminders will not be sent.")]

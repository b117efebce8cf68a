"""What the biller API takes in a query: one model an operation, as strict as those of the bodies."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BeforeValidator, Field

from gateway.api import cursor
from gateway.api.fields import Day, Instant, refuse
from gateway.api.models import Number, Reference, Request
from gateway.domain.invoices import InvoiceStatus

LARGEST_SEQUENCE = 10**18 - 1


def _whole(text: Any) -> Any:
    """A query's numbers come as text, and only as digits."""
    if not (isinstance(text, str) and text.isascii() and text.isdigit() and len(text) <= 18):
        raise refuse("not_a_number", "a whole number in digits")
    return int(text)


Limit = Annotated[int, Field(ge=1, le=200, description="At most this many in one answer."), BeforeValidator(_whole)]
Sequence = Annotated[int, Field(ge=0, le=LARGEST_SEQUENCE), BeforeValidator(_whole)]
PageCursor = Annotated[str, Field(pattern=cursor.PATTERN, description="`next_cursor` of the answer before.")]


class InvoiceQuery(Request):
    """Newest first. All filters must hold."""

    status: Annotated[InvoiceStatus | None, Field(strict=False, description="In this state now.")] = None
    number: Annotated[Number | None, Field(description="Exactly this number.")] = None
    payer: Annotated[Reference | None, Field(description="The payer's `reference`.")] = None
    due_before: Annotated[Day | None, Field(description="Due on this day or before.")] = None
    due_after: Annotated[Day | None, Field(description="Due on this day or later.")] = None
    created_after: Annotated[Instant | None, Field(description="Issued here at or after this instant.")] = None
    created_before: Annotated[Instant | None, Field(description="Issued here before this instant.")] = None
    limit: Limit = 50
    cursor: PageCursor | None = None


class EventQuery(Request):
    """In the order of `sequence`, without gaps."""

    after: Annotated[Sequence, Field(description="The last `sequence` you have; 0 for the beginning.")] = 0
    limit: Limit = 100


class TimelineQuery(Request):
    """In the order of `invoice_sequence`, without gaps."""

    after: Annotated[Sequence, Field(description="The last `invoice_sequence` you have; 0 for the beginning.")] = 0
    limit: Limit = 100


class StreamQuery(Request):
    after: Annotated[
        Sequence | None,
        Field(description="Begin after this `sequence`. `Last-Event-ID` comes first; without either, it begins now."),
    ] = None


class PageQuery(Request):
    limit: Limit = 50
    cursor: PageCursor | None = None


class ReplayQuery(Request):
    since: Annotated[Instant, Field(description="Push again every event that occurred at or after this instant.")]


def _yes_or_no(text: Any) -> Any:
    if text not in ("true", "false"):
        raise refuse("not_yes_or_no", "true or false")
    return text == "true"


class ConversationQuery(Request):
    payer: Annotated[Reference | None, Field(description="The payer's `reference`: those in which they wrote.")] = None
    waiting: Annotated[
        bool, BeforeValidator(_yes_or_no), Field(description="Only those in which a person is wanted now.")
    ] = False
    limit: Limit = 50
    cursor: PageCursor | None = None


Before = Annotated[
    Instant | None, Field(description="Only what was said before this: `next_before` of the answer before.")
]


class TranscriptQuery(Request):
    """Newest first. A page is a little longer where several lines have the instant at which it ends."""

    before: Before = None
    limit: Limit = 50


class PayerTranscriptQuery(TranscriptQuery):
    payer: Annotated[Reference, Field(description="The payer's `reference`.")]

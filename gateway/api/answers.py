"""What the biller API answers, as schemas. They document; `shapes` builds the bodies by hand, and the tests hold it to these."""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from gateway.domain.deliveries import DeliveryState, MessageKind
from gateway.domain.events import EventType
from gateway.domain.invoices import IconState, InvoiceStatus
from gateway.domain.payments import AttemptStatus
from gateway.domain.refunds import By, RefundReason, RefundState


class Answer(BaseModel):
    """Receivers ignore fields that they do not know: more may come."""

    model_config = ConfigDict(strict=True, extra="forbid")


InvoiceId = Annotated[str, Field(pattern="^inv_[0-9A-Za-z]{7,10}$", examples=["inv_000004C"])]


class Sum(Answer):
    """A decimal string with the decimals of its currency, and an ISO 4217 code."""

    value: Annotated[str, Field(pattern=r"^-?(0|[1-9][0-9]{0,15})(\.[0-9]{2,3})?$", examples=["123.45"])]
    currency: Annotated[str, Field(pattern="^[A-Z]{3}$", examples=["RON"])]


class LineShown(Answer):
    description: str
    quantity: str
    unit: str
    unit_price: str | None
    amount: str | None


class PayerShown(Answer):
    """As this invoice named them, each contact point in its one spelling."""

    reference: str
    name: str
    email: str | None
    phone: Annotated[str | None, Field(description="E.164.")]
    telegram: str | None
    whatsapp: str | None
    locale: str | None
    time_zone: str | None
    tags: list[str]


class Pictures(Answer):
    svg: Annotated[str, Field(json_schema_extra={"format": "uri"})]
    png: Annotated[str, Field(json_schema_extra={"format": "uri"})]


class Snippets(Answer):
    """HTML for your own portal or app; every value in it is escaped."""

    pay_button: str
    status_icon: str


class DeliveryShown(Answer):
    """One message to the payer over one channel."""

    id: Annotated[str, Field(pattern="^dlv_[0-9A-Za-z]{7,10}$")]
    kind: MessageKind
    channel: str
    address: str
    status: DeliveryState
    code: Annotated[str | None, Field(description="The vendor's reason of a failure.")]
    segments: Annotated[int, Field(description="Parts of an SMS that were billed; 0 for other channels.")]
    due_at: datetime
    sent_at: datetime | None
    created_at: datetime
    updated_at: datetime


class DeliveryList(Answer):
    items: list[DeliveryShown]


class PaymentShown(Answer):
    """One try to pay through a provider (`pay_`), or money received elsewhere (`upd_`)."""

    id: Annotated[str, Field(pattern="^(pay|upd)_[0-9A-Za-z]{7,10}$")]
    status: AttemptStatus
    source: Annotated[str, Field(description="Your account, or where money was received elsewhere.")]
    method: str | None
    amount: Annotated[Sum, Field(description="What was asked.")]
    received: Annotated[Sum, Field(description="What came in, less what was taken back.")]
    fee: Annotated[Sum | None, Field(description="What the provider keeps; null where nobody knows.")]
    fee_source: Annotated[
        Literal["provider", "estimate"] | None, Field(description="The provider's own word, or your table of fees.")
    ]
    refunded: Annotated[Sum, Field(description="What was given back of it.")]
    reference: str | None
    received_on: date | None
    reason: Annotated[str | None, Field(description="Why it was declined.")]
    note: str | None
    created_at: datetime
    updated_at: datetime


class RefundShown(Answer):
    """Money that goes back to the payer. `due` and `failed` wait for you; of `closed` nothing is left: it went back another way."""

    id: Annotated[str, Field(pattern="^rfd_[0-9A-Za-z]{7,10}$")]
    payment: Annotated[str, Field(pattern="^(pay|upd)_[0-9A-Za-z]{7,10}$", description="What it gives back of.")]
    state: RefundState
    reason: RefundReason
    amount: Sum
    waived: Annotated[Sum, Field(description="What of it is not owed again once it is done.")]
    by: Annotated[
        By | None,
        Field(description="Who gave it back: the provider for us, its desk for somebody else, or a person of yours."),
    ]
    reference: Annotated[str | None, Field(description="Yours, of money given back another way.")]
    code: Annotated[str | None, Field(description="Why it failed.")]
    created_at: datetime
    updated_at: datetime
    done_at: datetime | None


class Invoice(Answer):
    """An invoice with all that hangs on it. The same shape is in every event."""

    id: InvoiceId
    number: str
    status: InvoiceStatus
    icon: Annotated[IconState, Field(description="What the status icon shows now.")]
    amount: Sum
    paid: Annotated[
        Sum,
        Field(
            description="What counts for the debt: what came in, less what was taken back, less what was given "
            "back and is not `waived`."
        ),
    ]
    refunded: Annotated[Sum, Field(description="All that was given back.")]
    outstanding: Sum
    issued_on: date
    due_on: date
    description: str
    lines: list[LineShown]
    document_url: str | None
    payer: PayerShown
    metadata: dict[str, str]
    pay_url: Annotated[str, Field(json_schema_extra={"format": "uri"})]
    pay_code: Annotated[
        str,
        Field(
            pattern="^[0-9A-HJKMNP-TV-Z]{5}-[0-9A-HJKMNP-TV-Z]{5}$",
            description="Print it on the invoice. Who types it at `/c` or to your number, with a proof, gets the link.",
            examples=["HJ41Y-Q026X"],
        ),
    ]
    payment_reference: Annotated[
        str, Field(pattern="^RF[0-9]{3,20}$", description="ISO 11649: for a bank transfer.", examples=["RF541234"])
    ]
    icon_url: Pictures
    qr_url: Pictures
    html: Snippets
    deliveries: list[DeliveryShown]
    payments: list[PaymentShown]
    refunds: list[RefundShown]
    sequence: Annotated[int, Field(ge=0, description="Rises with every event of this invoice.")]
    created_at: datetime
    updated_at: datetime
    settled_at: datetime | None


class InvoicePage(Answer):
    """`next_cursor` is null on the last page."""

    items: list[Invoice]
    next_cursor: str | None


class Event(Answer):
    """A fact, committed with the change that it reports."""

    id: Annotated[str, Field(pattern="^evt_[0-9A-Za-z]{7,10}$", examples=["evt_000004C"])]
    type: Annotated[
        str, Field(description="One of the types listed; more may come.", examples=[EventType.INVOICE_PAID.value])
    ]
    sequence: Annotated[int, Field(ge=1, description="Numbers your events without gaps.")]
    invoice_sequence: Annotated[int | None, Field(ge=1, description="Numbers the invoice's events without gaps.")]
    occurred_at: datetime
    data: Annotated[dict[str, Any], Field(description="What the type adds.")]
    invoice: Annotated[Invoice | None, Field(description="As it is when the event is sent, not as it was.")]


class EventPage(Answer):
    """`next_after` is the `after` of the next call; it is what was asked when there is nothing new."""

    items: list[Event]
    next_after: int


class TimelinePage(Answer):
    """`next_after` is the `after` of the next call: an `invoice_sequence`."""

    items: list[Event]
    next_after: int


class PushEndpoint(Answer):
    id: Annotated[str, Field(pattern="^pep_[0-9A-Za-z]{7,10}$")]
    url: str
    events: list[str]
    enabled: bool
    disabled_reason: str | None
    sequence: Annotated[int, Field(ge=0, description="Every event up to this `sequence` is done with here.")]
    created_at: datetime
    updated_at: datetime


class PushEndpointWithSecret(PushEndpoint):
    secret: Annotated[str, Field(description="Verifies the signatures. Shown this once.", examples=["whsec_…"])]


class PushEndpointList(Answer):
    items: list[PushEndpoint]


class PushTry(Answer):
    """One call to your endpoint. `code` is its HTTP status, absent when there was no answer."""

    at: datetime
    code: int | None
    ms: int
    error: str | None


class Push(Answer):
    """One event on its way to one endpoint, with every try."""

    id: Annotated[str, Field(pattern="^psh_[0-9A-Za-z]{7,10}$")]
    endpoint: str
    event: str
    event_type: str
    sequence: int
    state: Literal["waiting", "delivered", "dead"]
    tries: int
    next_at: datetime | None
    delivered_at: datetime | None
    created_at: datetime
    log: list[PushTry]


class PushPage(Answer):
    items: list[Push]
    next_cursor: str | None


class Conversation(Answer):
    """One address on one channel. `payers` are the references of those whom you know there; none for a stranger."""

    id: Annotated[str, Field(pattern="^cnv_[0-9A-Za-z]{7,10}$", examples=["cnv_000004C"])]
    channel: str | None
    address: str
    payers: list[str]
    locale: str | None
    person_wanted: Annotated[
        bool, Field(description="The payer asked for a person, or was not understood, or you wrote.")
    ]
    person_wanted_at: datetime | None
    last_message_at: Annotated[datetime | None, Field(description="When the payer wrote last.")]
    created_at: datetime


class ConversationPage(Answer):
    items: list[Conversation]
    next_cursor: str | None


class SaidShown(Answer):
    """One message, in or out. Its `text` is empty once your policy no longer keeps it."""

    id: Annotated[str, Field(pattern="^(msg|dlv)_[0-9A-Za-z]{7,10}$")]
    author: Annotated[str, Field(description="`payer`, `achit`, or `biller`: a person of yours.")]
    conversation: str | None
    invoice: str | None
    channel: Annotated[str | None, Field(description="Of a message that was sent.")]
    kind: str
    status: str
    intent: Annotated[str | None, Field(description="How the payer's message was understood.")]
    text: str
    at: datetime


class Transcript(Answer):
    """`next_before` is the `before` of the next call; null when there is nothing earlier."""

    items: list[SaidShown]
    next_before: datetime | None


class ReplayedPush(Answer):
    id: str
    event: str
    state: Literal["waiting", "delivered", "dead"]


class Replayed(Answer):
    count: Annotated[int, Field(ge=0, description="How many events will be pushed again.")]


class FaultShown(Answer):
    path: Annotated[str, Field(description="In the body, or a parameter's name; empty for the body as a whole.")]
    code: Annotated[str, Field(description="Stable, for programs.")]
    message: str


class Problem(BaseModel):
    """RFC 9457. `type` is stable and leads to an explanation."""

    model_config = ConfigDict(strict=True, extra="allow")

    type: Annotated[str, Field(json_schema_extra={"format": "uri-reference"}, examples=["/problems/invalid-body"])]
    title: str
    status: Annotated[int, Field(ge=400, le=599)]
    detail: str | None = None
    errors: list[FaultShown] | None = None
    correlation_id: Annotated[
        str | None, Field(description="Of a fault of ours: the operator finds it in the log.")
    ] = None

"""What the biller API takes: one strict model a request. The same models validate at run time and make the OpenAPI document.

Unknown fields are refused by name. A model knows nothing of a biller: its region, channels and policies are for the services.
"""

from __future__ import annotations

from datetime import date
from decimal import ROUND_HALF_UP, Decimal
from typing import Annotated, Any, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationInfo, field_validator, model_validator

from gateway.api.fields import (
    ChannelName,
    Chat,
    Currency,
    Day,
    Email,
    Instant,
    LineAmount,
    Locale,
    Phone,
    Quantity,
    Source,
    TimeZone,
    Url,
    Wait,
    many_lines,
    one_line,
    printable,
    refuse,
    wait_s,
)
from gateway.domain.deliveries import Step
from gateway.domain.events import EventType
from gateway.ports.values import CURRENCIES, MAX_MINOR, Money, decimals

LEDGER_SOURCES = frozenset({"webhook", "poll"})  # what providers say; a biller's word has another name


Number = Annotated[str, printable(64)]
Reference = Annotated[str, printable(128)]


class Request(BaseModel):
    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)


def _amount_schema(schema: dict[str, Any]) -> None:
    """Says in JSON Schema which decimals go with which currency, so that the document is as strict as the code."""
    positive = {
        0: r"^[1-9][0-9]{0,14}$",
        2: r"^([1-9][0-9]{0,12}\.[0-9]{2}|0\.([0-9][1-9]|[1-9]0))$",
        3: r"^([1-9][0-9]{0,11}\.[0-9]{3}|0\.([0-9]{2}[1-9]|[0-9][1-9]0|[1-9]00))$",
    }
    schema["anyOf"] = [
        {
            "title": f"{places} decimals" if places else "no decimals",
            "properties": {
                "currency": {"enum": sorted(code for code in CURRENCIES if decimals(code) == places)},
                "value": {"pattern": pattern},
            },
        }
        for places, pattern in positive.items()
    ]


class Amount(Request):
    """A sum above zero: a decimal string with exactly the decimals of its ISO 4217 currency."""

    model_config = ConfigDict(json_schema_extra=_amount_schema)

    currency: Currency
    value: Annotated[str, Field(max_length=17, examples=["123.45"])]

    @field_validator("value")
    @classmethod
    def _fits_the_currency(cls, value: str, info: ValidationInfo) -> str:
        if (currency := info.data.get("currency")) is None:
            return value  # refused already, by its own path
        try:
            money = Money.parse(value, currency)
        except ValueError as error:
            raise refuse("not_an_amount", str(error)) from None
        if money.minor == 0:
            raise refuse("not_an_amount", "an amount is above zero")
        return value

    @property
    def money(self) -> Money:
        return Money.parse(self.value, self.currency)


class Line(Request):
    """A row of the invoice. `quantity`, `unit_price` and `amount` are decimal strings; below zero for a discount."""

    description: Annotated[str, one_line(300)]
    quantity: Quantity = "1"
    unit: Annotated[str, one_line(20), Field(examples=["kWh"])] = ""
    unit_price: Annotated[Quantity | None, Field(description="In the invoice's currency, up to 6 decimals.")] = None
    amount: Annotated[
        LineAmount | None,
        Field(description="With the decimals of the invoice's currency. Default: quantity times unit price, rounded."),
    ] = None

    def total(self, currency: str) -> Money | None:
        """The row's amount; None when nothing says it. Raises ValueError on decimals that are not the currency's."""
        if self.amount is not None:
            minor = Money.parse(self.amount.removeprefix("-"), currency).minor
            return Money(-minor if self.amount[0] == "-" else minor, currency)
        if self.unit_price is None:
            return None
        exact = Decimal(self.quantity) * Decimal(self.unit_price)
        minor = int(exact.scaleb(decimals(currency)).quantize(Decimal(1), ROUND_HALF_UP))
        if abs(minor) > MAX_MINOR:
            raise ValueError("the amount is too large")
        return Money(minor, currency)

    def normal(self, currency: str) -> dict[str, Any]:
        """The row as it is kept, with its total written out."""
        total = self.total(currency)
        return {
            "description": self.description,
            "quantity": self.quantity,
            "unit": self.unit,
            "unit_price": self.unit_price,
            "amount_minor": None if total is None else total.minor,
        }


class Payer(Request):
    """Who owes. Known by `reference`: a later invoice with the same reference updates what is stored."""

    reference: Annotated[Reference, Field(examples=["C-1042"])]
    name: Annotated[str, printable(200), Field(examples=["Ana Pop"])]
    email: Annotated[Email | None, Field(examples=["ana.pop@example.ro"])] = None
    phone: Phone | None = None
    telegram: Annotated[Chat | None, Field(description="Chat id; usually bound by a link instead.")] = None
    whatsapp: Annotated[
        Phone | None, Field(description="Written to on WhatsApp; a `phone` is not, unless the account says so.")
    ] = None
    locale: Annotated[Locale | None, Field(description="Default: the biller's.")] = None
    time_zone: Annotated[TimeZone | None, Field(description="Default: the biller's.")] = None
    tags: Annotated[
        list[Annotated[str, printable(40)]],
        Field(max_length=20, description="Yours; steps of your reminder policy may ask."),
    ] = []


class DeliveryStep(Request):
    """One channel of the plan; after `wait` without a receipt, or at once on a failure, the next step follows."""

    channel: Annotated[ChannelName, Field(examples=["sms"])]
    wait: Annotated[
        Wait | None,
        Field(description="`90s`, `30m`, `2h`, `1d`; `0s` sends the next at once. Default: 10m.", examples=["30m"]),
    ] = None

    @property
    def wait_s(self) -> int | None:
        return None if self.wait is None else wait_s(self.wait)


Steps = Annotated[
    list[DeliveryStep] | None,
    Field(
        max_length=10, description="Channels in order. Absent or null: the biller's policy. Empty: no message at all."
    ),
]
DeliverAt = Annotated[Instant | None, Field(description="Not before this instant. Default: now.")]
Metadata = Annotated[
    dict[Annotated[str, printable(40)], Annotated[str, one_line(500)]],
    Field(max_length=50, description="Yours, given back as it came.", examples=[{"contract": "2026/118"}]),
]


class NewInvoice(Request):
    """An invoice to be paid. Its pay link works from the moment of the answer."""

    number: Annotated[Number, Field(description="Yours; unique for you.", examples=["2026-000123"])]
    amount: Amount
    issued_on: Day
    due_on: Day
    payer: Payer
    description: Annotated[str, many_lines(2000)] = ""
    lines: Annotated[list[Line], Field(max_length=500)] = []
    document_url: Annotated[Url | None, Field(description="The invoice itself, as a page or a PDF.")] = None
    metadata: Metadata = {}
    deliver: Steps = None
    deliver_at: DeliverAt = None

    @field_validator("lines")
    @classmethod
    def _in_the_currency(cls, lines: list[Line], info: ValidationInfo) -> list[Line]:
        if (amount := info.data.get("amount")) is not None:
            for place, line in enumerate(lines):
                try:
                    line.total(amount.currency)
                except ValueError as error:
                    raise refuse("not_an_amount", str(error), at=(place, "amount")) from None
        return lines

    @field_validator("due_on")
    @classmethod
    def _not_before_issued(cls, due_on: date, info: ValidationInfo) -> date:
        if (issued_on := info.data.get("issued_on")) is not None and due_on < issued_on:
            raise refuse("due_before_issued", "an invoice is not due before it is issued")
        return due_on


def _something(schema: dict[str, Any]) -> None:
    schema["anyOf"] = [
        {"title": field, "required": [field], "properties": {field: {"not": {"type": "null"}}}}
        for field in schema["properties"]
    ]


class InvoiceChange(Request):
    """What can still change while an invoice is open. At least one of the two."""

    model_config = ConfigDict(json_schema_extra=_something)

    amount: Amount | None = None
    due_on: Day | None = None

    @model_validator(mode="after")
    def _changes_something(self) -> Self:
        if self.amount is None and self.due_on is None:
            raise refuse("nothing_to_change", "give amount, due_on or both")
        return self


class Voiding(Request):
    reason: Annotated[str, one_line(200), Field(description="For the timeline.")] = ""


class NewDelivery(Request):
    """One more message about an open invoice, now or later."""

    deliver: Steps = None
    deliver_at: DeliverAt = None

    @field_validator("deliver")
    @classmethod
    def _at_least_one(cls, steps: list[DeliveryStep] | None) -> list[DeliveryStep] | None:
        if steps == []:
            raise refuse("too_short", "name at least one channel, or leave it to your policy")
        return steps


class OffPlatformPayment(Request):
    """Money that came another way: the cash desk, a direct transfer. The same `reference` again changes nothing."""

    amount: Amount
    received_on: Day
    source: Annotated[
        Source,
        Field(
            examples=["cash_desk"],
            description="Where it came in; `webhook` and `poll` are taken. `bank_transfer`, `transfer`, `bank`, `statement` and "
            "`bank_statement` are what a payer transferred: such money ends the transfer that the pay page told them of.",
        ),
    ]
    reference: Annotated[Reference, Field(examples=["receipt 88213"])]
    note: Annotated[str, one_line(500)] = ""

    @field_validator("source")
    @classmethod
    def _not_a_providers(cls, source: str) -> str:
        if source in LEDGER_SOURCES:
            raise refuse("source_taken", "this name is for what providers say")
        return source


EventTypes = Annotated[
    list[EventType],
    Field(max_length=len(EventType), strict=False, description="Only these types. Empty: all, also those to come."),
]


class NewPushEndpoint(Request):
    """Where to push events, signed by Standard Webhooks."""

    url: Annotated[Url, Field(examples=["https://erp.example.ro/achit"])]
    events: EventTypes = []
    enabled: bool = True


class PushEndpointChange(Request):
    model_config = ConfigDict(json_schema_extra=_something)

    url: Url | None = None
    events: EventTypes | None = None
    enabled: Annotated[bool | None, Field(description="True also revives an endpoint that a 410 disabled.")] = None

    @model_validator(mode="after")
    def _changes_something(self) -> Self:
        if self.url is None and self.events is None and self.enabled is None:
            raise refuse("nothing_to_change", "give url, events or enabled")
        return self


DEFAULT_WAIT_S = 600


def steps_of(steps: list[DeliveryStep] | None) -> list[Step] | None:
    """The plan as the services take it; None leaves it to the biller's policy."""
    if steps is None:
        return None
    return [Step(step.channel, DEFAULT_WAIT_S if step.wait_s is None else step.wait_s) for step in steps]


class NewMessage(Request):
    """A person's words to the payer, sent as they are."""

    text: Annotated[str, many_lines(1000), Field(min_length=1, examples=["Am verificat: plata a ajuns. Mulțumim!"])]

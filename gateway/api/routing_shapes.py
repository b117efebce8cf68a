"""What the biller API takes and gives about routing; as strict as the other models."""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated

from pydantic import Field

from gateway.api.answers import Answer, InvoiceId, Sum
from gateway.api.fields import Day
from gateway.api.models import Request
from gateway.domain.routing import Browser, Health, Trouble, Why

_AGENT = r"^[ -~]{0,500}$"
_EXACT = r"^(0|[1-9][0-9]{0,20})(\.[0-9]{1,12})?$"


class RoutingQuery(Request):
    browser: Annotated[
        str | None,
        Field(pattern=_AGENT, description="A `User-Agent`, to see what its page shows. Absent: a browser of its own."),
    ] = None


class ReportQuery(Request):
    first: Annotated[Day, Field(alias="from", description="The first day, of yours.")]
    last: Annotated[Day, Field(alias="to", description="The last day.")]


class ReasonShown(Answer):
    code: Why
    text: Annotated[str, Field(description="The same as a sentence.")]


class CostShown(Answer):
    """What a payment of this invoice would cost you. `total` is fee and waiting; null where the fee is not known."""

    fee: Sum | None
    days_to_cash: int
    waiting: Annotated[str, Field(pattern=_EXACT, description="What the days are worth to you, exactly.")]
    total: Annotated[str | None, Field(pattern=_EXACT)]
    currency: str


class OptionShown(Answer):
    """One account for a method. `because`: why it is left out, or why it is at its place."""

    account: str
    used: Annotated[bool, Field(description="False: it is left out.")]
    health: Health
    cost: CostShown
    because: list[ReasonShown]


class RouteShown(Answer):
    """One method, with its accounts in the order in which they serve it."""

    method: str
    shown: bool
    troubled: Annotated[
        bool, Field(description="Shown although nothing that serves it is well: nothing else is either.")
    ]
    because: list[ReasonShown]
    options: list[OptionShown]


class AccountHealth(Answer):
    """How an account is, and its last minutes, by which it is judged."""

    account: str
    health: Health
    trouble: Trouble | None
    retry_at: Annotated[datetime | None, Field(description="From then on one payer tries it.")]
    opened: int
    failed: int
    confirmed: int
    declined: int
    mean_ms: int


class Routing(Answer):
    """`methods` are in the order of the page, those that are not shown last."""

    invoice: InvoiceId
    number: str
    payable: bool
    amount: Sum
    browser: Browser
    methods: list[RouteShown]
    accounts: list[AccountHealth]
    unanswered: Annotated[
        list[str], Field(description="Methods whose last try has no answer yet; they are not tried again before.")
    ]


class FeesShown(Answer):
    payments: int
    received: Sum
    fees: Sum
    of_which_estimated: Annotated[Sum, Field(description="By your table of fees; the rest is the providers' own word.")]
    without_a_fee: Annotated[int, Field(description="Payments of which nobody knows the fee.")]


class AccountFees(FeesShown):
    account: str
    method: str


class Saving(Answer):
    payments: int
    amount: Sum
    against: Annotated[list[str], Field(description="The accounts that would have been the cheapest.")]


class TotalFees(FeesShown):
    saved_by_fixed_prices: Saving


class Report(Answer):
    biller: str
    first_on: date
    last_on: date
    accounts: list[AccountFees]
    totals: Annotated[list[TotalFees], Field(description="One a currency.")]

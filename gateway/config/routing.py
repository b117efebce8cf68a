"""How payments are routed: what a provider account costs and takes, and the `[routing]` table of a biller's file."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from typing import Annotated, Literal

import phonenumbers
from pydantic import AfterValidator, BeforeValidator, Field, PlainSerializer, model_validator

from gateway.config.reminders import Currency, Sum
from gateway.config.shapes import AS_TUPLE, Duration, Section
from gateway.domain.routing import Cap, Fee, Policy, Thresholds
from gateway.ports.values import decimals
from gateway.settings import Fault, did_you_mean

_PERCENT = re.compile(r"(0|[1-9][0-9]?|100)(\.[0-9]{1,4})?%?", re.ASCII)
_SHARE = re.compile(r"([1-9][0-9]?|100)%", re.ASCII)


def _percent(written: object) -> Decimal:
    if isinstance(written, Decimal):
        return written
    if not isinstance(written, str) or not _PERCENT.fullmatch(written) or (value := _number(written)) > 100:
        raise ValueError('is a percentage in a string, such as "1.2" or "0.02%", with four decimals at the most')
    return value


def _number(written: str) -> Decimal:
    return Decimal(written.removesuffix("%"))


def _region(code: str) -> str:
    if code not in phonenumbers.SUPPORTED_REGIONS:
        raise ValueError('is not a country code such as "RO"')
    return code


def _share(written: object) -> int:
    if not isinstance(written, str) or not _SHARE.fullmatch(written):
        raise ValueError('is a share of the whole, "1%" to "100%"')
    return int(written.removesuffix("%"))


Percent = Annotated[Decimal, BeforeValidator(_percent), PlainSerializer(str, return_type=str)]
Share = Annotated[int, BeforeValidator(_share), PlainSerializer(lambda share: f"{share}%", return_type=str)]
Names = Annotated[tuple[str, ...], AS_TUPLE]
Region = Annotated[str, AfterValidator(_region)]


def _sums(written: dict[str, Decimal]) -> dict[str, Decimal]:
    for currency, value in written.items():
        if value != round(value, decimals(currency)):
            raise ValueError(f"{currency} has {decimals(currency)} decimals")
    return written


Sums = Annotated[dict[Currency, Sum], AfterValidator(_sums)]


class FeeTable(Section):
    """What the provider takes of a payment. Sums are in the payment's own currency; the fee is rounded half up, once."""

    fixed: Sum = Field(default=Decimal(0), description="Of each payment.")
    percent: Percent = Field(default=Decimal(0), description="Of the amount, beside `fixed`.")
    min: Sum | None = Field(default=None, description="The fee at the least.")
    max: Sum | None = Field(default=None, description="The fee at the most.")

    @model_validator(mode="after")
    def _least_first(self) -> FeeTable:
        if self.min is not None and self.max is not None and self.min > self.max:
            raise ValueError("min: is above max")
        return self

    @property
    def fee(self) -> Fee:
        return Fee(self.fixed, self.percent, self.min, self.max)


class Terms(Section):
    """What a provider account costs and which payments it takes; in its own table, beside the adapter's settings."""

    fee: FeeTable | None = Field(
        default=None, description="For payments in any currency. None: its cost is not known, and it stands last."
    )
    fees: dict[Currency, FeeTable] = Field(
        default_factory=dict, description='By currency, where they differ: `fees = { EUR = { fixed = "0.25" } }`.'
    )
    days_to_cash: int = Field(default=0, ge=0, le=90, description="Days until the money is on your account.")
    min_amount: Sums = Field(
        default_factory=dict, description='By currency: `{ RON = "5.00" }`; less is not sent there.'
    )
    max_amount: Sums = Field(default_factory=dict, description="By currency; more is not sent there.")
    countries: Annotated[tuple[Region, ...], AS_TUPLE] = Field(
        default=(), description="Of billers (`biller.country`) that it serves; none: all."
    )

    def limits(self) -> tuple[Mapping[str, int], Mapping[str, int]]:
        """The least and the most that it takes, in minor units by currency."""
        least, most = (
            {currency: int(value.scaleb(decimals(currency))) for currency, value in sums.items()}
            for sums in (self.min_amount, self.max_amount)
        )
        return least, most

    @model_validator(mode="after")
    def _least_first(self) -> Terms:
        for currency, least in self.min_amount.items():
            if least > self.max_amount.get(currency, least):
                raise ValueError(f"min_amount.{currency}: is above max_amount.{currency}")
        return self


TERMS = frozenset(Terms.model_fields)


class Chosen(Section):
    """Methods and accounts, each by its name."""

    methods: Names = ()
    accounts: Names = ()


class RoutingCap(Section):
    """No more through one account than `amount` (with its `currency`), or than a `share` of all, in a day or month of yours."""

    account: str
    per: Literal["day", "month"] = "month"
    amount: Sum | None = Field(default=None, description="What came, with this payment, is this at the most.")
    currency: Currency | None = Field(default=None, description="Of `amount`.")
    share: Share | None = Field(default=None, description="Once it has had more of what came, it rests: `40%`.")

    @model_validator(mode="after")
    def _one_of_both(self) -> RoutingCap:
        if (self.amount is None) == (self.share is None):
            raise ValueError("amount: a cap has an amount or a share, and not both")
        if (self.amount is None) != (self.currency is None):
            raise ValueError("currency: goes with amount")
        return self

    @property
    def rule(self) -> Cap:
        if self.amount is None or self.currency is None:
            return Cap(self.account, self.per, share=self.share)
        return Cap(self.account, self.per, self.currency, int(self.amount.scaleb(decimals(self.currency))))


class HealthPolicy(Section):
    """From where on an account is left out for a while: at so many, and at such a share, within the window."""

    window_s: Duration = Field(
        default=600, alias="window", ge=60, description="What is looked back at, to the minute.", le=3_600
    )
    failures: int = Field(default=5, ge=1, le=1_000, description="Payments that could not be opened.")
    failure_share: Share = Field(default=50, description="Of all that were to be opened.")
    declines: int = Field(default=20, ge=1, le=10_000, description="Payments that were declined.")
    decline_share: Share = Field(default=90, description="Of all that were decided.")
    slow_s: Duration = Field(
        default=10, alias="slow", description="To open a payment, on average over as many as `failures`.", le=60
    )
    rest_s: Duration = Field(
        default=60,
        alias="rest",
        description="How long it is left out before one payer tries it; doubled each time.",
        le=3_600,
    )

    @property
    def rule(self) -> Thresholds:
        return Thresholds(
            self.window_s,
            self.failures,
            self.failure_share,
            self.declines,
            self.decline_share,
            self.slow_s * 1_000,
            self.rest_s,
        )


class RoutingPolicy(Section):
    """Which methods payers see, in which order, and which account serves each: by what they cost you, unless you say otherwise.

    `weights` splits a method between accounts: `card = { stripe = 70, netopia = 30 }`, in percent.
    """

    cost_of_day: Percent = Field(
        default=Decimal("0.02"), description="What waiting a day for the money costs you, of the amount."
    )
    in_app: Literal["bank_first", "cost"] = Field(
        default="bank_first",
        description="The order in the browsers of Telegram, WhatsApp, Facebook and Instagram; wallets are never shown there.",
    )
    pin: Chosen = Field(default=Chosen(), description="First, in this order.")
    hide: Chosen = Field(default=Chosen(), description="Never.")
    weights: dict[str, dict[str, int]] = Field(default_factory=dict, description="Percent, by method and account.")
    caps: Annotated[tuple[RoutingCap, ...], AS_TUPLE] = ()
    health: HealthPolicy = HealthPolicy()

    def rules(self) -> Policy:
        """The same as the domain takes it."""
        return Policy(
            cost_of_day=self.cost_of_day,
            pinned_methods=self.pin.methods,
            pinned_accounts=self.pin.accounts,
            hidden_methods=self.hide.methods,
            hidden_accounts=self.hide.accounts,
            weights=self.weights,
            caps=tuple(cap.rule for cap in self.caps),
            bank_first_in_app=self.in_app == "bank_first",
            health=self.health.rule,
        )


Served = Mapping[str, Sequence[str] | None]


def routing_faults(policy: RoutingPolicy, served: Served, file: str) -> Iterator[Fault]:
    """Names that the file does not have, and splits that are not whole.

    `served` are the methods of each account; None where its own table has faults, so that nobody can tell.
    """
    where = f"{file}: routing"
    for table, chosen in (("pin", policy.pin), ("hide", policy.hide)):
        for index, name in enumerate(chosen.methods):
            yield from _method(f"{where}.{table}.methods[{index}]", name, served)
        for index, name in enumerate(chosen.accounts):
            yield from _account(f"{where}.{table}.accounts[{index}]", name, served)
    for index, cap in enumerate(policy.caps):
        yield from _account(f"{where}.caps[{index}].account", cap.account, served)
    for method, weights in policy.weights.items():
        at = f"{where}.weights.{method}"
        yield from _method(at, method, served)
        for name, weight in weights.items():
            yield from _account(f"{at}.{name}", name, served)
            if method not in (served.get(name) or (method,)):
                yield Fault(f"{at}.{name}", f"{name} does not offer {method}")
            if weight < 0:
                yield Fault(f"{at}.{name}", "is a percentage, from 0 to 100")
        if (whole := sum(weights.values())) != 100:
            yield Fault(at, f"the parts are {whole} in all, and not 100")


def _account(place: str, name: str, served: Served) -> Iterator[Fault]:
    if name not in served:
        yield Fault(place, f"there is no [providers.{name}]{did_you_mean(name, served)}")


def _method(place: str, name: str, served: Served) -> Iterator[Fault]:
    known = {method for methods in served.values() for method in methods or ()}
    if name not in known and None not in served.values():
        yield Fault(place, f"no account offers {name!r}{did_you_mean(name, known)}")

"""What routing decides about, and what it decides."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from enum import StrEnum
from typing import Literal

from gateway.domain.routing.browsers import Browser
from gateway.domain.routing.fees import Cost, Fee
from gateway.domain.routing.health import Health, Thresholds, Trouble
from gateway.ports.values import Money

Per = Literal["day", "month"]


class Why(StrEnum):
    """A reason. The first group leaves an account or a method out, the second puts it where it is."""

    HIDDEN = "hidden"  # by the biller's policy
    CURRENCY = "currency"
    COUNTRY = "country"
    BELOW_MINIMUM = "below_minimum"
    ABOVE_MAXIMUM = "above_maximum"
    CAPPED = "capped"
    CHOICE = "choice"  # it does not have the bank that the payer picked, or none at all
    IN_APP = "in_app"  # a wallet, which does not work in this browser
    TRIED = "tried"  # it has just failed, within this click
    UNHEALTHY = "unhealthy"  # and another one is well

    ONLY = "only"
    WELL = "well"
    PINNED = "pinned"
    BANK_IN_APP = "bank_in_app"
    DRAWN = "drawn"
    PRICED = "priced"  # its cost is known, the next one's is not
    CHEAPER = "cheaper"
    SOONER = "sooner"
    EARLIER = "earlier"  # in the biller's file

    AFTER_WELL = "after_well"
    AFTER_PINNED = "after_pinned"
    AFTER_BANK_IN_APP = "after_bank_in_app"
    AFTER_DRAWN = "after_drawn"
    UNPRICED = "unpriced"
    DEARER = "dearer"
    SLOWER = "slower"
    LATER = "later"


@dataclass(frozen=True, slots=True)
class Candidate:
    """A provider account as routing sees it. Limits are in minor units by currency.

    `wallets` are methods that need a browser of their own.
    """

    id: int
    name: str
    methods: Sequence[str]
    currencies: frozenset[str] | None = None
    wallets: frozenset[str] = frozenset()
    fee: Fee | None = None
    fees: Mapping[str, Fee] = field(default_factory=dict)
    days_to_cash: int = 0
    min_amount: Mapping[str, int] = field(default_factory=dict)
    max_amount: Mapping[str, int] = field(default_factory=dict)
    countries: Sequence[str] = ()

    def fee_of(self, amount: Money) -> Money | None:
        """What the vendor takes of a payment of `amount`, by the biller's own table; None: the table does not say."""
        table = self.fees.get(amount.currency, self.fee)
        return None if table is None else table.of(amount)

    def fixed_price(self, currency: str) -> bool:
        """Whether it costs the same for any amount."""
        table = self.fees.get(currency, self.fee)
        return table is not None and not table.percent


@dataclass(frozen=True, slots=True)
class Cap:
    """No more than an amount, or than a share (percent) of what all accounts received, in a day or a month of the biller's."""

    account: str
    per: Per
    currency: str = ""
    amount_minor: int | None = None
    share: int | None = None


@dataclass(frozen=True, slots=True)
class Policy:
    """The biller's wishes. `cost_of_day` is percent of the amount; weights are by method and account, and sum to 100."""

    cost_of_day: Decimal = Decimal("0.02")
    pinned_methods: Sequence[str] = ()
    pinned_accounts: Sequence[str] = ()
    hidden_methods: Sequence[str] = ()
    hidden_accounts: Sequence[str] = ()
    weights: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    caps: Sequence[Cap] = ()
    bank_first_in_app: bool = True
    health: Thresholds = field(default_factory=Thresholds)


@dataclass(frozen=True, slots=True)
class Standing:
    """How an account stands now; `trouble` says what is or was wrong with it."""

    health: Health = Health.WELL
    trouble: Trouble | None = None


@dataclass(frozen=True, slots=True)
class Used:
    """What came in the invoice's currency, in minor units by account name, since the day and the month of the biller's began."""

    day: Mapping[str, int] = field(default_factory=dict)
    month: Mapping[str, int] = field(default_factory=dict)

    def of(self, per: Per) -> Mapping[str, int]:
        return self.day if per == "day" else self.month


@dataclass(frozen=True, slots=True)
class Situation:
    """All that a decision is made of. `candidates` stand as in the biller's file; `key` is what draws are made by (the invoice).

    `standings` are by account id, of those that are not well; `tried` are accounts that failed within this click; `unable` are accounts
    and methods that have nothing to pick, or not what was picked.
    """

    amount: Money
    country: str
    key: str
    candidates: Sequence[Candidate]
    policy: Policy = Policy()
    browser: Browser = Browser.PLAIN
    standings: Mapping[int, Standing] = field(default_factory=dict)
    used: Used = Used()
    tried: frozenset[int] = frozenset()
    unable: frozenset[tuple[int, str]] = frozenset()


@dataclass(frozen=True, slots=True)
class Option:
    """One account for one method: what it would cost, how it stands, why it is left out (`excluded`), or why it is where it is."""

    account_id: int
    account: str
    cost: Cost
    standing: Standing
    excluded: Sequence[Why] = ()
    because: Why | None = None

    @property
    def usable(self) -> bool:
        return not self.excluded

    @property
    def fit(self) -> bool:
        """Usable, and not known to be down."""
        return self.usable and self.standing.health is not Health.DOWN


@dataclass(frozen=True, slots=True)
class Route:
    """One method: shown or not and why, and its accounts in the order in which they serve it, those left out last.

    `troubled`: it is shown although nothing that serves it is well, because nothing else is.
    """

    method: str
    shown: bool
    because: Sequence[Why]
    options: Sequence[Option]
    troubled: bool = False

    @property
    def serving(self) -> Option | None:
        """Who serves it; None when it is not shown."""
        return self.options[0] if self.shown else None


@dataclass(frozen=True, slots=True)
class Decision:
    """Every method of the biller's, those shown first, in the order in which they are shown."""

    routes: Sequence[Route]

    @property
    def shown(self) -> Sequence[Route]:
        return [route for route in self.routes if route.shown]

    def route(self, method: str) -> Route | None:
        return next((route for route in self.routes if route.method == method), None)

    def choose(self, method: str) -> Option | None:
        """The account that serves a payer who picks `method` now; None when it is not shown."""
        route = self.route(method)
        return route.serving if route else None

    @property
    def needs_own_browser(self) -> bool:
        """Nothing is shown, and in another browser something would be."""
        return not self.shown and any(Why.IN_APP in route.because for route in self.routes)

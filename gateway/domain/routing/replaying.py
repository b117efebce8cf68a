"""Past payments under another policy: what they would have cost, and how many would have come through.

Where the same account would have served a payment, its outcome and fee are what they were; elsewhere both are estimated, the outcome
by how the other account did in the same time. Every account is taken as well, and every browser as a plain one.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from fractions import Fraction

from gateway.domain.routing.deciding import decide
from gateway.domain.routing.values import Candidate, Option, Policy, Situation, Used
from gateway.ports.values import Money


@dataclass(frozen=True, slots=True)
class Tried:
    """One payment that was opened at a provider. `fee` is what is kept of it, and `known` whether the provider said so."""

    invoice_id: int
    account: str
    method: str
    amount: Money
    paid: bool
    fee: Money | None
    known: bool
    on: date


@dataclass(slots=True)
class Side:
    """One side of the comparison: payments served, how many of them were paid, and what those cost, in minor units."""

    served: int = 0
    paid: Fraction = Fraction(0)
    cost_minor: int = 0


@dataclass(slots=True)
class Compared:
    """What an account, or all of them, had in one currency, and would have had. Costs are of payments whose fee is known on both sides."""

    was: Side = field(default_factory=Side)
    then: Side = field(default_factory=Side)


@dataclass(slots=True)
class Replayed:
    """`moved` payments would have been served elsewhere (their outcome is estimated), `lost` by nobody.

    `priced` paid payments are in the costs, `unpriced` are not; `known` of the fees that were paid are the provider's own word.
    """

    totals: dict[str, Compared] = field(default_factory=lambda: defaultdict(Compared))
    accounts: dict[tuple[str, str], Compared] = field(default_factory=lambda: defaultdict(Compared))
    payments: int = 0
    moved: int = 0
    lost: int = 0
    priced: int = 0
    unpriced: int = 0
    known: int = 0


def replay(tries: Sequence[Tried], candidates: Sequence[Candidate], policy: Policy, country: str) -> Replayed:
    """Serves past payments, in their order, under `policy` and the terms of `candidates`; caps count what would have come."""
    result, rates = Replayed(), _Rates(tries)
    came: dict[tuple[str, str], dict[date, int]] = defaultdict(lambda: defaultdict(int))
    for one in tries:
        used = _used(came, one) if policy.caps else Used()
        seen = Situation(one.amount, country, str(one.invoice_id), candidates, policy, used=used)
        option, method = _served(seen, one)
        result.payments += 1
        account = option.account if option else None
        same = (account, method) == (one.account, one.method)
        outcome = Fraction(0) if account is None else Fraction(one.paid) if same else rates.of(account, method)
        result.moved += account is not None and not same
        result.lost += account is None
        fee_then = one.fee if same and one.fee is not None else option.cost.fee if option else None
        _count(result, one, account, outcome, fee_then)
        if one.paid and account is not None:
            came[account, one.amount.currency][one.on] += one.amount.minor
    return result


def _served(seen: Situation, one: Tried) -> tuple[Option | None, str]:
    """Who serves a payer of that method; of a method that is not shown, they take the first that is."""
    decision = decide(seen)
    option = decision.choose(one.method)
    if option is not None or not decision.shown:
        return option, one.method
    first = decision.shown[0]
    return first.serving, first.method


def _count(result: Replayed, one: Tried, account: str | None, outcome: Fraction, fee_then: Money | None) -> None:
    currency = one.amount.currency
    was = (result.totals[currency].was, result.accounts[one.account, currency].was)
    then = (result.totals[currency].then, result.accounts[account, currency].then) if account is not None else ()
    for side in was:
        side.served += 1
        side.paid += one.paid
    for side in then:
        side.served += 1
        side.paid += outcome
    if not one.paid:
        return
    if one.fee is None or fee_then is None or account is None:
        result.unpriced += 1
        return
    result.priced += 1
    result.known += one.known
    for side in was:
        side.cost_minor += one.fee.minor
    for side in then:
        side.cost_minor += fee_then.minor


def _used(came: Mapping[tuple[str, str], Mapping[date, int]], one: Tried) -> Used:
    """What would have come by then, on that day and in that month."""
    day: dict[str, int] = {}
    month: dict[str, int] = {}
    for (account, currency), by_day in came.items():
        if currency == one.amount.currency:
            day[account] = by_day.get(one.on, 0)
            month[account] = sum(
                minor for on, minor in by_day.items() if (on.year, on.month) == (one.on.year, one.on.month)
            )
    return Used(day, month)


class _Rates:
    """How often payments came through: of an account's method, else of the account, else of all."""

    def __init__(self, tries: Sequence[Tried]) -> None:
        self._counted: dict[tuple[str, ...], list[int]] = defaultdict(lambda: [0, 0])
        for one in tries:
            for key in ((one.account, one.method), (one.account,), ()):
                self._counted[key][0] += one.paid
                self._counted[key][1] += 1

    def of(self, account: str, method: str) -> Fraction:
        key = next(key for key in ((account, method), (account,), ()) if key in self._counted)
        paid, tried = self._counted[key]
        return Fraction(paid, tried)

"""What payments cost: what was paid in fees, what bank transfers saved, and what another policy would have made of it."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime, time, timedelta
from fractions import Fraction
from typing import Any

from gateway.config.routing import RoutingPolicy, Terms
from gateway.domain.routing import Candidate
from gateway.domain.routing.replaying import Compared, Replayed, Side, Tried, replay
from gateway.ports.values import Money
from gateway.services import routing
from gateway.services.context import Context
from gateway.services.directory import Biller, candidate_of
from gateway.services.errors import Invalid
from gateway.services.shapes import sum_of
from gateway.store import route_history
from gateway.store.route_history import Past

Json = dict[str, Any]
_ALL = ""


@dataclass(slots=True)
class _Fees:
    """What a group of paid payments cost, in minor units."""

    payments: int = 0
    received: int = 0
    known: int = 0
    estimated: int = 0
    unpriced: int = 0  # payments of which nobody knows the fee

    def add(self, one: Past) -> None:
        self.payments += 1
        self.received += one.received_minor - one.reversed_minor
        if one.fee_minor is None:
            self.unpriced += 1
        elif one.fee_known:
            self.known += one.fee_minor
        else:
            self.estimated += one.fee_minor

    def json(self, currency: str) -> Json:
        return {
            "payments": self.payments,
            "received": sum_of(self.received, currency),
            "fees": sum_of(self.known + self.estimated, currency),
            "of_which_estimated": sum_of(self.estimated, currency),
            "without_a_fee": self.unpriced,
        }


@dataclass(slots=True)
class _Saved:
    """What payments at a fixed price cost less than they would have at a percentage."""

    payments: int = 0
    minor: int = 0
    against: set[str] = field(default_factory=set)

    def json(self, currency: str) -> Json:
        return {
            "payments": self.payments,
            "amount": sum_of(self.minor, currency),
            "against": sorted(self.against),
        }


async def report(ctx: Context, biller: Biller, first: date, last: date) -> Json:
    """What was paid in fees for the payments begun on these days of the biller's, by account, method and currency.

    The saving compares each payment at a fixed price with the cheapest of the biller's accounts that take a percentage, by their
    fees as they are now. Raises Invalid when the days are the wrong way round.
    """
    since, until = _span(biller, first, last)
    groups: dict[tuple[str, str, str], _Fees] = defaultdict(_Fees)
    saved: dict[str, _Saved] = defaultdict(_Saved)
    candidates = [account.candidate for account in ctx.directory.providers_of(biller.id)]
    by_id = {one.id: one for one in candidates}
    names = _Names(ctx)
    found = await ctx.db.read(
        lambda conn: [one for one in route_history.past(conn, biller.id, since, until) if one.received_minor]
    )
    for one in found:
        for key in ((names[one.account_id], one.method, one.currency), (_ALL, _ALL, one.currency)):
            groups[key].add(one)
        account = by_id.get(one.account_id)
        if account is not None and account.fixed_price(one.currency) and one.fee_minor is not None:
            _save(saved[one.currency], one.fee_minor, Money(one.received_minor, one.currency), candidates)
    return {
        "biller": biller.slug,
        "first_on": first.isoformat(),
        "last_on": last.isoformat(),
        "accounts": [
            {"account": account, "method": method} | fees.json(currency)
            for (account, method, currency), fees in sorted(groups.items())
            if account != _ALL
        ],
        "totals": [
            fees.json(currency) | {"saved_by_fixed_prices": saved[currency].json(currency)}
            for (account, _, currency), fees in sorted(groups.items())
            if account == _ALL
        ],
    }


def _save(saved: _Saved, fee_minor: int, amount: Money, candidates: Sequence[Candidate]) -> None:
    dear = [
        (fee.minor, one.name)
        for one in candidates
        if not one.fixed_price(amount.currency)
        and (one.currencies is None or amount.currency in one.currencies)
        and (fee := one.fee_of(amount)) is not None
    ]
    if dear:
        cheapest, name = min(dear)
        saved.payments += 1
        saved.minor += cheapest - fee_minor
        saved.against.add(name)


async def simulate(
    ctx: Context, biller: Biller, policy: RoutingPolicy, terms: Mapping[str, Terms], first: date, last: date
) -> Json:
    """What the payments begun on these days would have cost under another policy, and how many would have come through.

    `terms` are of accounts by name; those that are not named keep their own. Raises Invalid when the days are the wrong way round.
    """
    since, until = _span(biller, first, last)
    accounts = ctx.directory.providers_of(biller.id)
    names = _Names(ctx)

    def tried(one: Past) -> Tried:
        fee = None if one.fee_minor is None else Money(one.fee_minor, one.currency)
        amount, on = Money(one.amount_minor, one.currency), one.created_at.astimezone(biller.zone).date()
        paid, account = bool(one.received_minor), names[one.account_id]
        return Tried(one.invoice_id, account, one.method, amount, paid, fee, one.fee_known, on)

    tries = await ctx.db.read(
        lambda conn: [
            tried(one)
            for one in route_history.past(conn, biller.id, since, until)
            if ctx.directory.provider(one.account_id) is not None  # what is paid inside a chat is not routed
        ]
    )
    currencies = {one.amount.currency for one in tries}
    candidates = [
        replace(
            candidate_of(one.row, one.plugin, terms.get(one.candidate.name)),
            currencies=routing.candidate(one, *currencies).currencies,
        )
        for one in accounts
    ]
    country = biller.settings.biller.country
    result = await asyncio.to_thread(replay, tries, candidates, policy.rules(), country)
    return _replayed_json(biller, result) | {"first_on": first.isoformat(), "last_on": last.isoformat()}


def _replayed_json(biller: Biller, result: Replayed) -> Json:
    return {
        "biller": biller.slug,
        "payments": result.payments,
        "estimated": {
            "outcomes": result.moved,
            "lost": result.lost,
            "fees_known": result.known,
            "fees_compared": result.priced,
            "fees_not_compared": result.unpriced,
        },
        "totals": [_compared(both, currency) for currency, both in sorted(result.totals.items())],
        "accounts": [
            {"account": account} | _compared(both, currency)
            for (account, currency), both in sorted(result.accounts.items())
        ],
    }


def _compared(both: Compared, currency: str) -> Json:
    return {
        "was": _side(both.was, currency),
        "then": _side(both.then, currency),
        "cost_difference": sum_of(both.then.cost_minor - both.was.cost_minor, currency),
    }


def _side(side: Side, currency: str) -> Json:
    return {
        "payments": side.served,
        "paid": _tenths(side.paid),
        "success": None if not side.served else f"{_tenths(100 * side.paid / side.served)}%",
        "cost": sum_of(side.cost_minor, currency),
    }


def _tenths(value: Fraction) -> str:
    """With one decimal, half up."""
    tenths = (value * 10 + Fraction(1, 2)) // 1
    return f"{tenths // 10}.{tenths % 10}"


def _span(biller: Biller, first: date, last: date) -> tuple[datetime, datetime]:
    """The instants from which and before which days of the biller's are."""
    if last < first:
        raise Invalid("is before the first day", path="to")
    begin, end = (datetime.combine(day, time(), tzinfo=biller.zone) for day in (first, last + timedelta(days=1)))
    return begin, end


class _Names(dict[int, str]):
    """Accounts by id, as the biller's file calls them, those that are switched off too."""

    def __init__(self, ctx: Context) -> None:
        super().__init__()
        self._directory = ctx.directory

    def __missing__(self, account_id: int) -> str:
        provider, channel = self._directory.provider(account_id), self._directory.channel(account_id)
        self[account_id] = provider.candidate.name if provider else channel.short if channel else str(account_id)
        return self[account_id]

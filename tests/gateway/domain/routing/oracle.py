"""The slow way to the same answers: fractions, and every pair compared."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction

from gateway.domain.routing import Candidate, Fee
from gateway.ports.values import Money, decimals


def fee_minor(fee: Fee, amount: Money) -> int:
    """Half up, after minimum and maximum."""
    unit = Fraction(10) ** decimals(amount.currency)
    whole = Fraction(fee.fixed) * unit + Fraction(amount.minor) * Fraction(fee.percent) / 100
    if fee.least is not None and whole < Fraction(fee.least) * unit:
        whole = Fraction(fee.least) * unit
    if fee.most is not None and whole > Fraction(fee.most) * unit:
        whole = Fraction(fee.most) * unit
    return int((whole + Fraction(1, 2)) // 1)


def before(one: Candidate, other: Candidate, places: dict[int, int], amount: Money, cost_of_day: Decimal) -> bool:
    """Whether one account costs less than another, or the same and comes sooner, or stands before it."""

    def total(candidate: Candidate) -> tuple[int, Fraction]:
        table = candidate.fees.get(amount.currency, candidate.fee)
        waiting = Fraction(amount.minor) * candidate.days_to_cash * Fraction(cost_of_day) / 100
        return (1, waiting) if table is None else (0, fee_minor(table, amount) + waiting)

    if total(one) != total(other):
        return total(one) < total(other)
    if one.days_to_cash != other.days_to_cash:
        return one.days_to_cash < other.days_to_cash
    return places[one.id] < places[other.id]

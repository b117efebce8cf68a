"""What a payment costs the biller: the vendor's fee, and the value of the days until the money is there.

Exact whole numbers throughout: sums are counted in millionths of a minor unit. A fee is rounded once, half up, to the minor unit,
after its minimum and its maximum, as a vendor bills it; the value of days is billed by nobody and stays exact.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from gateway.ports.values import Money, decimals

PPM = 1_000_000
_PERCENT_PLACES, _SUM_PLACES = 4, 6
_NONE = Decimal(0)


@dataclass(frozen=True, slots=True)
class Fee:
    """A vendor's price: `fixed` plus `percent` of the amount, `least` at the least and `most` at the most.

    Sums are in whole units of the payment's own currency, with six decimals at the most; percentages have four.
    """

    fixed: Decimal = _NONE
    percent: Decimal = _NONE
    least: Decimal | None = None
    most: Decimal | None = None

    def of(self, amount: Money) -> Money:
        """The fee of one payment of `amount`."""
        currency = amount.currency
        millionths = _millionths(self.fixed, currency) + amount.minor * per_million(self.percent)
        if self.least is not None:
            millionths = max(millionths, _millionths(self.least, currency))
        if self.most is not None:
            millionths = min(millionths, _millionths(self.most, currency))
        return Money((millionths + PPM // 2) // PPM, currency)


def per_million(percent: Decimal) -> int:
    """A percentage as millionths of the whole. Raises ValueError on more than four decimals."""
    return _whole(percent, _PERCENT_PLACES, "a percentage has four decimals at the most")


def _millionths(value: Decimal, currency: str) -> int:
    """A sum in millionths of the minor unit."""
    whole: int = _whole(value, _SUM_PLACES, "a sum has six decimals at the most") * 10 ** decimals(currency)
    return whole


def _whole(value: Decimal, places: int, fault: str) -> int:
    scaled = value.scaleb(places)
    if scaled != (whole := int(scaled)):
        raise ValueError(fault)
    return whole


def day_value(amount: Money, days: int, cost_of_day: Decimal) -> int:
    """What waiting so many days for `amount` is worth, in millionths of a minor unit; `cost_of_day` is percent."""
    return amount.minor * days * per_million(cost_of_day)


@dataclass(frozen=True, slots=True)
class Cost:
    """What a payment through one account would cost. `fee` None: the biller has not said, and nothing is guessed."""

    fee: Money | None
    days: int
    waiting: int  # of the days, in millionths of a minor unit

    @property
    def total(self) -> int:
        """In millionths of a minor unit."""
        return (self.fee.minor if self.fee else 0) * PPM + self.waiting

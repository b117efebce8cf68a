"""What a payer says of an invoice: a promise, a payment that is not seen yet, a dispute, a plan. One open claim of a kind an invoice."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from typing import Any


class ClaimKind(StrEnum):
    PROMISE = "promise"
    ALREADY_PAID = "already_paid"
    DISPUTE = "dispute"
    PLAN = "plan"


class ClaimState(StrEnum):
    OPEN = "open"
    KEPT = "kept"
    BROKEN = "broken"
    WITHDRAWN = "withdrawn"
    CLOSED = "closed"


DATED = (ClaimKind.PROMISE, ClaimKind.PLAN, ClaimKind.ALREADY_PAID)  # what a day decides


@dataclass(frozen=True, slots=True)
class Claim:
    """A row of the claim table. `until_on`: a promise's day, the day of a plan's next part, the last day a payment is waited for.

    `details` always has `paid_before`, what had been paid when it was made.
    """

    id: int
    biller_id: int
    payer_id: int
    invoice_id: int
    kind: ClaimKind
    state: ClaimState
    until_on: date | None
    details: dict[str, Any]
    created_at: datetime
    updated_at: datetime

    def parts(self) -> Iterator[tuple[date, int]]:
        """A plan's days, and what is to be paid by the end of each since the plan was made, in minor units."""
        total = 0
        for part in self.details["parts"]:
            total += part["minor"]
            yield date.fromisoformat(part["on"]), total


def part_missed(claim: Claim, paid_minor: int) -> tuple[date, int] | None:
    """The first part of a plan that is not covered by what came since; None when all are."""
    came = paid_minor - claim.details["paid_before"]
    return next(((on, due) for on, due in claim.parts() if came < due), None)

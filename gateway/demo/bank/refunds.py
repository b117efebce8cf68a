"""The bank's refunds: money of one payment that goes back to its payer, in parts or in one.

Pure, like the ledger whose payments they change. A refund is done at once, unless the bank is told to let it wait.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum

from gateway.demo.bank.ledger import Ledger, News, Refused

GIVEN_BACK, CAME_BACK = "payment.refunded", "payment.refund_failed"


class RefundState(StrEnum):
    """The bank's words for a refund."""

    PENDING = "pending"
    DONE = "done"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class RefundTerms:
    """What the biller's gateway asked for, in minor units of the payment's currency."""

    payment_id: str
    amount_minor: int
    currency: str
    reference: str
    reason: str


@dataclass(frozen=True, slots=True)
class Refund:
    """A refund at one moment; `failure` is why it failed."""

    id: str
    terms: RefundTerms
    idempotency_key: str | None
    created_at: datetime
    updated_at: datetime
    state: RefundState
    failure: str | None = None


@dataclass(slots=True)
class Refunds:
    """All refunds of this bank. Every method is one indivisible change; `now` is passed in."""

    ledger: Ledger
    made: dict[str, Refund] = field(default_factory=dict)
    _keys: dict[str, str] = field(default_factory=dict)

    def create(
        self, terms: RefundTerms, idempotency_key: str | None, now: datetime, *, waits: bool = False
    ) -> tuple[Refund, bool, list[News]]:
        """The refund and whether it is new. The same key again gives the first one; with other terms it is refused."""
        if idempotency_key is not None and idempotency_key in self._keys:
            first = self.made[self._keys[idempotency_key]]
            if first.terms != terms:
                raise Refused("idempotency_key_reused")
            return first, False, []
        payment = self.ledger.get(terms.payment_id, now)
        if terms.currency != payment.terms.currency:
            raise Refused("invalid_currency")
        left = payment.received_minor - payment.reversed_minor - payment.refunded_minor
        if terms.amount_minor > left:
            raise Refused("more_than_is_left" if left else "nothing_to_refund")
        state = RefundState.PENDING if waits else RefundState.DONE
        refund = Refund("rfd_" + secrets.token_hex(8), terms, idempotency_key, now, now, state)
        self.made[refund.id] = refund
        if idempotency_key is not None:
            self._keys[idempotency_key] = refund.id
        return refund, True, [self.ledger.give_back(payment.id, terms.amount_minor, GIVEN_BACK, now)]

    def get(self, refund_id: str) -> Refund:
        refund = self.made.get(refund_id)
        if refund is None:
            raise Refused("no_such_refund")
        return refund

    def find(self, reference: str) -> list[Refund]:
        """Every refund with this reference, oldest first."""
        return self._where(lambda refund: refund.terms.reference == reference)

    def of(self, payment_id: str) -> list[Refund]:
        """Every refund of this payment, oldest first."""
        return self._where(lambda refund: refund.terms.payment_id == payment_id)

    def settle(self, refund_id: str, now: datetime) -> Refund:
        """One that waits is done. Anything else stays as it is."""
        refund = self.get(refund_id)
        if refund.state is RefundState.PENDING:
            refund = self.made[refund_id] = replace(refund, state=RefundState.DONE, updated_at=now)
        return refund

    def fail(self, refund_id: str, failure: str, now: datetime) -> tuple[Refund, list[News]]:
        """One that waits, or was done, has failed: the money is with the biller again. Twice changes nothing more."""
        refund = self.get(refund_id)
        if refund.state is RefundState.FAILED:
            return refund, []
        failed = replace(refund, state=RefundState.FAILED, failure=failure, updated_at=now)
        self.made[refund_id] = failed
        news = self.ledger.give_back(refund.terms.payment_id, -refund.terms.amount_minor, CAME_BACK, now)
        return failed, [news]

    def _where(self, wanted: Callable[[Refund], bool]) -> list[Refund]:
        return [refund for refund in self.made.values() if wanted(refund)]

"""The bank's own books: payments, and what each outcome does to them, now and later.

Pure: no I/O and no clock. An outcome is a row of `PLANS`; what it does is posted by the server as webhooks.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum


class State(StrEnum):
    """The bank's words for a payment, as its API and webhooks say them."""

    OPEN = "open"
    PROCESSING = "processing"
    PARTLY_PAID = "partly_paid"
    PAID = "paid"
    DECLINED = "declined"
    CANCELLED = "cancelled"
    EXPIRED = "expired"
    REVERSED = "reversed"


class Outcome(StrEnum):
    """What can be made to happen to a payment. `WEBHOOK_EARLY` concerns the next one: this one was already answered."""

    PAID = "paid"
    DECLINED = "declined"
    ABANDONED = "abandoned"
    SLOW = "slow"
    PAID_LATE = "paid_late"
    PAID_TWICE = "paid_twice"
    PARTIAL = "partial"
    WEBHOOK_LOST = "webhook_lost"
    WEBHOOK_DOUBLED = "webhook_doubled"
    WEBHOOK_EARLY = "webhook_early"
    REVERSED = "reversed"


class Sum(StrEnum):
    """How much of the asked amount has come after a step, over the whole payment."""

    SAME = "same"
    PART = "part"
    ALL = "all"


@dataclass(frozen=True, slots=True)
class Step:
    """One change of a payment and how often its webhook is posted."""

    state: State
    received: Sum = Sum.SAME
    copies: int = 1
    again: bool = False  # on a second payment that the bank takes for the same reference
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class Plan:
    """`now` happens at the choice; `later` waits for a release, which a timer brings too when it is `timed`."""

    now: tuple[Step, ...] = ()
    later: tuple[Step, ...] = ()
    timed: bool = True


PAYS = Step(State.PAID, Sum.ALL)
PLANS: Mapping[Outcome, Plan] = {
    Outcome.PAID: Plan((PAYS,)),
    Outcome.DECLINED: Plan((Step(State.DECLINED, reason="insufficient_funds"),)),
    Outcome.ABANDONED: Plan(),
    Outcome.SLOW: Plan((Step(State.PROCESSING),), later=(PAYS,)),
    Outcome.PAID_LATE: Plan((Step(State.EXPIRED),), later=(PAYS,)),
    Outcome.PAID_TWICE: Plan((PAYS, replace(PAYS, again=True))),
    Outcome.PARTIAL: Plan((Step(State.PARTLY_PAID, Sum.PART),), later=(PAYS,), timed=False),
    Outcome.WEBHOOK_LOST: Plan((replace(PAYS, copies=0),)),
    Outcome.WEBHOOK_DOUBLED: Plan((replace(PAYS, copies=2),)),
    Outcome.WEBHOOK_EARLY: Plan((Step(State.CANCELLED),)),
    Outcome.REVERSED: Plan((PAYS,), later=(Step(State.REVERSED),)),
}
OFFERED: Mapping[State, tuple[Outcome, ...]] = {
    State.OPEN: tuple(Outcome),
    State.PARTLY_PAID: (Outcome.PAID, Outcome.WEBHOOK_LOST, Outcome.WEBHOOK_DOUBLED),
    State.EXPIRED: (Outcome.PAID_LATE,),
    State.PAID: (Outcome.PAID_TWICE, Outcome.REVERSED),
}


class Refused(Exception):
    """The bank does not do that; `code` is what its API answers."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


@dataclass(frozen=True, slots=True)
class Terms:
    """What the biller's gateway asked for. `amount_minor` is in minor units of `currency`."""

    amount_minor: int
    currency: str
    reference: str
    description: str
    return_url: str
    webhook_url: str
    expires_at: datetime
    method: str
    locale: str


@dataclass(frozen=True, slots=True)
class Fee:
    """What the bank keeps of money that came: a fixed part, and a part in hundredths of a percent, rounded half up."""

    fixed_minor: int = 0
    basis_points: int = 0

    def of(self, received_minor: int) -> int:
        return self.fixed_minor + (received_minor * self.basis_points + 5_000) // 10_000 if received_minor else 0


@dataclass(frozen=True, slots=True)
class Payment:
    """A payment at one moment. `version` counts its changes; `later` is what a release would do."""

    id: str
    terms: Terms
    idempotency_key: str | None
    created_at: datetime
    updated_at: datetime
    state: State = State.OPEN
    received_minor: int = 0
    reversed_minor: int = 0
    refunded_minor: int = 0
    fee_minor: int = 0
    reason: str | None = None
    version: int = 1
    later: tuple[Step, ...] = ()


@dataclass(frozen=True, slots=True)
class News:
    """One event that the bank owes its client: `payment` as it was then, posted `copies` times.

    `type` is its name on the wire; None: the payment's state gives it.
    """

    id: str
    payment: Payment
    copies: int
    type: str | None = None


@dataclass(slots=True)
class Ledger:
    """All payments of this bank. Every method is one indivisible change; `now` is passed in. `fees` go by the method."""

    fees: Mapping[str, Fee] = field(default_factory=dict)
    payments: dict[str, Payment] = field(default_factory=dict)
    _keys: dict[str, tuple[str, Terms]] = field(default_factory=dict)

    def create(self, terms: Terms, idempotency_key: str | None, now: datetime) -> tuple[Payment, bool]:
        """The payment and whether it is new. The same key again gives the first one; with other terms it is refused."""
        if idempotency_key is not None and idempotency_key in self._keys:
            payment_id, first = self._keys[idempotency_key]
            if first != terms:
                raise Refused("idempotency_key_reused")
            return self.get(payment_id, now), False
        if terms.expires_at <= now:
            raise Refused("expires_at_in_the_past")
        payment = self._open(terms, idempotency_key, now)
        if idempotency_key is not None:
            self._keys[idempotency_key] = (payment.id, terms)
        return payment, True

    def get(self, payment_id: str, now: datetime) -> Payment:
        """The payment; one that is open past its time is expired, without a webhook: that is what polls are for."""
        payment = self.payments.get(payment_id)
        if payment is None:
            raise Refused("no_such_payment")
        if payment.state is State.OPEN and payment.terms.expires_at <= now:
            payment = self._step(payment, Step(State.EXPIRED), now)
        return payment

    def find(self, reference: str, now: datetime) -> list[Payment]:
        """Every payment with this reference, oldest first."""
        return [self.get(each.id, now) for each in list(self.payments.values()) if each.terms.reference == reference]

    def touched(self, since: datetime, until: datetime, now: datetime) -> list[Payment]:
        """The payments that were opened before `until` and have changed since, oldest first."""
        alive = [self.get(each.id, now) for each in list(self.payments.values()) if each.created_at < until]
        return [each for each in alive if each.updated_at >= since]

    def give_back(self, payment_id: str, amount_minor: int, type: str, now: datetime) -> News:
        """So much more of it has gone back to the payer; less, when it is negative. The caller knows that it is there."""
        payment = self.get(payment_id, now)
        after = replace(
            payment,
            refunded_minor=payment.refunded_minor + amount_minor,
            updated_at=now,
            version=payment.version + 1,
        )
        self.payments[payment_id] = after
        return News(f"evt_{after.id}_{after.version}", after, 1, type)

    def cancel(self, payment_id: str, now: datetime) -> tuple[Payment, list[News]]:
        """Closes an open payment; one that is closed stays as it is, one that was paid or is under way is refused."""
        payment = self.get(payment_id, now)
        if payment.state in (State.PROCESSING, State.PAID, State.REVERSED):
            raise Refused("already_" + payment.state)
        if payment.state not in (State.OPEN, State.PARTLY_PAID):
            return payment, []
        news = self._run(payment, (Step(State.CANCELLED),), now)
        return self.payments[payment_id], news

    def choose(
        self, payment_id: str, outcome: Outcome, now: datetime, part_minor: int | None = None
    ) -> tuple[Payment, list[News]]:
        """Lets `outcome` happen. What is so already is not repeated, so that a paid payment is reversed at once."""
        payment = self.get(payment_id, now)
        if outcome not in OFFERED.get(payment.state, ()):
            raise Refused(f"not_possible_when_{payment.state}")
        if part_minor is None:
            part_minor = max(1, payment.terms.amount_minor * 6 // 10)
        if outcome is Outcome.PARTIAL and not 0 < part_minor < payment.terms.amount_minor:
            raise Refused("not_a_part")
        plan = PLANS[outcome]
        steps = tuple(step for step in plan.now if step.again or step.state is not payment.state)
        already = bool(plan.now) and not steps
        news = self._run(payment, plan.later if already else steps, now, part_minor)
        payment = self.payments[payment_id]
        if not already:
            payment = self.payments[payment_id] = replace(payment, later=plan.later)
        return payment, news

    def release(self, payment_id: str, now: datetime) -> tuple[Payment, list[News]]:
        """Lets what was put off happen. Nothing when nothing was, or when it has happened."""
        payment = self.get(payment_id, now)
        news = self._run(payment, payment.later, now)
        return self.payments[payment_id], news

    def confirm(self, payment_id: str, now: datetime) -> list[News]:
        """Pays without anybody's choice, for a webhook that overtakes the answer to create."""
        return self._run(self.get(payment_id, now), (PAYS,), now)

    def _open(self, terms: Terms, idempotency_key: str | None, now: datetime) -> Payment:
        payment = Payment("sbx_" + secrets.token_hex(8), terms, idempotency_key, created_at=now, updated_at=now)
        self.payments[payment.id] = payment
        return payment

    def _run(self, payment: Payment, steps: tuple[Step, ...], now: datetime, part_minor: int = 0) -> list[News]:
        news = []
        for step in steps:
            subject = self._open(payment.terms, None, now) if step.again else self.payments[payment.id]
            after = self._step(subject, step, now, part_minor)
            news.append(News(f"evt_{after.id}_{after.version}", after, step.copies))
        return news

    def _step(self, payment: Payment, step: Step, now: datetime, part_minor: int = 0) -> Payment:
        received = {
            Sum.SAME: payment.received_minor,
            Sum.PART: part_minor,
            Sum.ALL: payment.terms.amount_minor,
        }[step.received]
        after = replace(
            payment,
            state=step.state,
            received_minor=received,
            reversed_minor=received - payment.refunded_minor if step.state is State.REVERSED else 0,
            fee_minor=self.fees.get(payment.terms.method, Fee()).of(received),
            reason=step.reason,
            updated_at=now,
            version=payment.version + 1,
            later=(),
        )
        self.payments[payment.id] = after
        return after

"""Provider: moves money. An adapter opens a payment, asks for its state, and turns a vendor's webhook into updates."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Generic, Protocol, TypeVar

from gateway.ports.http import HttpClient
from gateway.ports.values import Limits, Money, WebhookRequest

S = TypeVar("S")


class PaymentStatus(StrEnum):
    """What a provider says of one payment. A status an adapter does not know is PENDING, never PAID."""

    PENDING = "pending"
    ACCEPTED = "accepted"  # the bank has taken the order; the money is not there yet
    PAID = "paid"
    FAILED = "failed"
    EXPIRED = "expired"
    CANCELLED = "cancelled"
    REVERSED = "reversed"  # chargeback, returned debit


@dataclass(frozen=True, slots=True)
class PaymentRequest:
    """One try to pay. `idempotency_key` is the same on every try to create it.

    `reference` is unique to the try within the account; the payer may see it on a bank statement.
    """

    idempotency_key: str
    amount: Money
    reference: str
    description: str
    return_url: str
    webhook_url: str
    expires_at: datetime
    locale: str
    method: str
    payer_email: str | None = None


@dataclass(frozen=True, slots=True)
class PaymentSession:
    """The vendor opened a payment: send the payer to `redirect_url`."""

    external_id: str
    redirect_url: str
    expires_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class PaymentUpdate:
    """One observation about money. `received` and `reversed` are the provider's own figures, **cumulative** over the payment.

    `event_id` is the vendor's (the same when it repeats itself); for a poll, something that changes when the answer does.
    `reason` is a short code of a refusal, for the payer's page. `reference` is our `PaymentRequest.reference` where the vendor
    echoes it: with it the core knows an update that comes before `create_payment` returned, and a second payment of one try.
    """

    event_id: str
    external_id: str
    status: PaymentStatus
    occurred_at: datetime
    received: Money | None = None
    reversed: Money | None = None
    reason: str | None = None
    reference: str | None = None


class Provider(Protocol):
    async def create_payment(self, request: PaymentRequest) -> PaymentSession:
        """Opens a payment. Raises RetryLater, Rejected or OutcomeUnknown (a time-out is never a failure)."""
        ...

    async def fetch_payment(self, external_id: str) -> PaymentUpdate:
        """Asks for the state now. Raises RetryLater or Rejected (the vendor knows no such payment)."""
        ...

    async def parse_webhook(self, request: WebhookRequest) -> Sequence[PaymentUpdate]:
        """Verifies, then reads; asks the vendor where the webhook is not signed. Raises InvalidSignature, MalformedWebhook."""
        ...


class Cancels(Protocol):
    async def cancel_payment(self, external_id: str) -> None:
        """Closes an open payment so that it can no longer be paid. Already closed counts as done."""
        ...


class FindsPayments(Protocol):
    async def find_payment(self, request: PaymentRequest) -> PaymentSession | None:
        """Looks up a payment whose creation had an unknown outcome. None: the vendor never made it."""
        ...


@dataclass(frozen=True, slots=True)
class Method:
    """A way to pay as the payer knows it: `bank`, `card`. The label comes from the locale catalogue: `method.<name>`."""

    name: str


@dataclass(frozen=True, slots=True)
class ProviderPlugin(Generic[S]):
    """What an adapter file declares in its last line; `create` is checked against `settings` by mypy in that file.

    `currencies` None means any. `idempotent` says that creating again with the same key gives the first payment.
    """

    name: str
    settings: type[S]
    create: Callable[[S, HttpClient], Provider]
    methods: Sequence[Method]
    currencies: frozenset[str] | None = None
    idempotent: bool = False
    cancels: bool = False
    finds_payments: bool = False
    limits: Limits = field(default_factory=Limits)
    acknowledge: tuple[bytes, str] = (b"", "text/plain")

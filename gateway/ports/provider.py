"""Provider: moves money. An adapter opens a payment, asks for its state, and turns a vendor's webhook into updates."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
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

    `reference` is unique to the try within the account; the payer may see it on a bank statement. `creditor_reference` is the
    invoice's (ISO 11649), the same for all its tries. `choice` is the code of one of `Chooses.choices`. `payer_address` (IP) and
    `payer_agent` are of the browser that pressed the button; None when no payer is there, as in a later look-up. `asked_at` is when
    the try began, the same in a later look-up, for vendors that count from it; None: not known.
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
    creditor_reference: str = ""
    choice: str | None = None
    payer_address: str | None = None
    payer_agent: str | None = None
    asked_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Transfer:
    """What a payer types into their own bank, for a payment that no vendor opens."""

    iban: str
    name: str
    reference: str
    bic: str = ""
    bank: str = ""


@dataclass(frozen=True, slots=True)
class PaymentSession:
    """The vendor opened a payment: send the payer to `redirect_url`.

    With a `form` the payer's browser posts these fields there instead. With a `transfer` there is nowhere to go (`redirect_url` is
    empty): the page shows what to type.
    """

    external_id: str
    redirect_url: str
    expires_at: datetime | None = None
    form: Mapping[str, str] | None = None
    transfer: Transfer | None = None


@dataclass(frozen=True, slots=True)
class PaymentUpdate:
    """One observation about money. `received`, `reversed` and `refunded` are the provider's own figures, **cumulative** over the payment.

    `reversed` was taken back from the biller (chargeback, returned debit) and reopens the debt; `refunded` was given back by the
    biller, here or at the vendor, and does not. `fee` is what the vendor keeps, where it says so; None: not known.

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
    refunded: Money | None = None
    fee: Money | None = None


class RefundStatus(StrEnum):
    """What a provider says of one refund. A status an adapter does not know is PENDING, never DONE."""

    PENDING = "pending"
    DONE = "done"
    FAILED = "failed"  # also later, of one that was done: the money came back to the biller


@dataclass(frozen=True, slots=True)
class RefundRequest:
    """Money to give back of one payment. `idempotency_key` is the same on every try; `reference` is unique to the refund.

    `paid` is all that the payment received, `reason` a code: duplicate, overpaid, void, requested, fraud. `refunded` is what was given
    back of it before this refund, the same on every try: a vendor that takes no key tells by its own sum whether this one is among it.
    """

    idempotency_key: str
    external_id: str
    amount: Money
    paid: Money
    reference: str
    reason: str
    refunded: Money | None = None


@dataclass(frozen=True, slots=True)
class RefundUpdate:
    """One observation about a refund; `external_id` is the vendor's id of the refund. `reason` is why it failed."""

    external_id: str
    status: RefundStatus
    amount: Money
    occurred_at: datetime
    reason: str | None = None


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


class Refunds(Protocol):
    async def refund_payment(self, request: RefundRequest) -> RefundUpdate:
        """Gives money back. The same request again gives the first refund, or Rejected, never a second one.

        Raises RetryLater, Rejected (`already_refunded`, `not_refundable` ...) or OutcomeUnknown.
        """
        ...

    async def fetch_refund(self, request: RefundRequest, external_id: str | None) -> RefundUpdate | None:
        """How a refund goes; without an `external_id` (an unknown outcome) it is looked up. None: the vendor never made it.

        Raises RetryLater, and NotSupported where the vendor lists no refunds.
        """
        ...


class ListsPayments(Protocol):
    async def list_payments(self, since: datetime, until: datetime) -> Sequence[PaymentUpdate]:
        """All payments of the account that the vendor touched in the span, each as `fetch_payment` would say it. Raises RetryLater."""
        ...


class Completes(Protocol):
    async def complete_payment(self, external_id: str, answer: Mapping[str, str]) -> None:
        """Finishes what the payer began at the vendor, with the parameters they came back with (an authorisation code).

        Proves nothing by itself: the payment is asked for afterwards. Twice is fine. Raises RetryLater, Rejected.
        """
        ...


class Takes(Protocol):
    def takes(self, currency: str) -> bool:
        """Whether this account can be paid in the currency, where that hangs on its settings and not on the vendor alone."""
        ...


@dataclass(frozen=True, slots=True)
class Choice:
    """One of several ways through one method, as the payer knows it: their bank. `name` is a proper name, never translated."""

    code: str
    name: str
    currencies: frozenset[str] | None = None


class Chooses(Protocol):
    def choices(self, method: str) -> Sequence[Choice]:
        """What the payer picks one of before a payment is opened; empty: nothing to pick."""
        ...


@dataclass(frozen=True, slots=True)
class Method:
    """A way to pay as the payer knows it: `bank`, `card`. The label comes from the locale catalogue: `method.<name>`.

    `hosted` False: a wallet's button, which works in no browser inside an app, though the provider's other methods may.
    """

    name: str
    hosted: bool = True


@dataclass(frozen=True, slots=True)
class ProviderPlugin(Generic[S]):
    """What an adapter file declares in its last line; `create` is checked against `settings` by mypy in that file.

    `currencies` None means any. `idempotent` says that creating again with the same key gives the first payment. `silent`: nobody can
    be asked and nobody calls; a bank statement or the biller's word confirms. `hosted`: the vendor's page is a plain redirect
    that works in any browser, in-app ones too; a wallet is not. `acknowledge` is the answer to a webhook that was taken; `refuse`, where
    the vendor reads one, to a webhook that should come again and to one that should not, in the same media type.
    """

    name: str
    settings: type[S]
    create: Callable[[S, HttpClient], Provider]
    methods: Sequence[Method]
    currencies: frozenset[str] | None = None
    idempotent: bool = False
    cancels: bool = False
    finds_payments: bool = False
    refunds: bool = False
    lists_payments: bool = False
    completes: bool = False
    chooses: bool = False
    takes: bool = False
    silent: bool = False
    hosted: bool = True
    limits: Limits = field(default_factory=Limits)
    acknowledge: tuple[bytes, str] = (b"", "text/plain")
    refuse: tuple[bytes, bytes] | None = None

"""Simulated vendors in memory: a bank and channels whose every answer, delay and repetition the test decides.

They fulfil the ports as adapters do, prove their webhooks by a secret, and keep their own books to be compared with ours.
"""

from __future__ import annotations

import itertools
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

import orjson

from gateway.ports.channel import (
    ChannelPlugin,
)
from gateway.ports.errors import AdapterError, InvalidSignature, Rejected
from gateway.ports.provider import (
    Method,
    PaymentRequest,
    PaymentSession,
    PaymentStatus,
    PaymentUpdate,
    ProviderPlugin,
)
from gateway.ports.values import Money, WebhookRequest
from tests.harness.vendor_channels import FAST, PROOF, Settings, SimChannel


@dataclass(frozen=True, slots=True)
class Payment:
    """One payment in the bank's books; `version` grows with each change, so that each has an event of its own."""

    id: str
    request: PaymentRequest
    status: PaymentStatus = PaymentStatus.PENDING
    received: int = 0
    reversed: int = 0
    version: int = 1

    @property
    def net(self) -> int:
        return self.received - self.reversed

    def update(self, event_id: str, at: datetime, *, named: bool = True) -> PaymentUpdate:
        currency = self.request.amount.currency
        return PaymentUpdate(
            event_id,
            self.id,
            self.status,
            at,
            Money(self.received, currency),
            Money(self.reversed, currency),
            reference=self.request.reference if named else None,
        )


class SimBank:
    """The bank's books, and what its next calls meet. `before_answer` runs after a payment is made, before the answer."""

    def __init__(self, now: Callable[[], datetime]) -> None:
        self.now = now
        self.payments: dict[str, Payment] = {}
        self.named = True  # webhooks carry our reference
        self.create_fault: AdapterError | None = None
        self.made_all_the_same = False  # under `create_fault`
        self.fetch_fault: AdapterError | None = None
        self.cancel_fault: AdapterError | None = None
        self.before_answer: Callable[[Payment], Awaitable[object]] | None = None
        self.calls: list[str] = []
        self.fetched: list[Payment] = []  # what was answered to each fetch
        self.touched: dict[str, datetime] = {}  # when each was changed last
        self.on_call: Callable[[str], Awaitable[object]] | None = None
        self._numbers: Iterator[int] = itertools.count(1)

    def plugin(self, name: str = "sim", **abilities: bool) -> ProviderPlugin[Settings]:
        able = {"idempotent": True, "cancels": True, "finds_payments": True} | abilities
        methods = (Method("bank"), Method("card"), Method("wallet", hosted=False))[: 2 if name == "sim" else 3]
        return ProviderPlugin(
            name, Settings, lambda settings, http: _Provider(self, settings), methods, None, **able, limits=FAST
        )

    async def called(self, verb: str) -> None:
        self.calls.append(verb)
        if self.on_call is not None:
            await self.on_call(verb)

    def open(self, request: PaymentRequest) -> Payment:
        payment = Payment(f"x{next(self._numbers)}", request)
        self.payments[payment.id] = payment
        self.touched[payment.id] = self.now()
        return payment

    def change(
        self, payment_id: str, status: PaymentStatus, *, received: int | None = None, taken_back: int = 0
    ) -> Payment:
        """Something happens at the bank; `received` None means all that was asked."""
        old = self.payments[payment_id]
        received = old.request.amount.minor if received is None else received
        new = replace(old, status=status, received=received, reversed=taken_back, version=old.version + 1)
        self.payments[payment_id] = new
        self.touched[payment_id] = self.now()
        return new

    def news(self, payment: Payment, *, proof: str = PROOF) -> WebhookRequest:
        """The webhook that reports a payment as it was when this copy of it was made."""
        said = payment.update(f"evt_{payment.id}_{payment.version}", self.now(), named=self.named)
        body = {
            "event_id": said.event_id,
            "external_id": said.external_id,
            "status": said.status,
            "received": payment.received,
            "reversed": payment.reversed,
            "currency": payment.request.amount.currency,
            "reference": said.reference,
        }
        return WebhookRequest(
            orjson.dumps(body), {"x-signature": proof, "cookie": "c"}, "https://x.example", self.now()
        )

    def of(self, reference: str) -> list[Payment]:
        return [payment for payment in self.payments.values() if payment.request.reference == reference]


class _Provider:
    def __init__(self, bank: SimBank, settings: Settings) -> None:
        self._bank = bank
        self._settings = settings

    async def create_payment(self, request: PaymentRequest) -> PaymentSession:
        bank = self._bank
        await bank.called("create")
        known = [p for p in bank.payments.values() if p.request.idempotency_key == request.idempotency_key]
        if known and known[0].request != request:
            raise Rejected("idempotency_key_reused")
        fault, bank.create_fault = bank.create_fault, None
        if fault is not None and not bank.made_all_the_same:
            raise fault
        payment = known[0] if known else bank.open(request)
        if bank.before_answer is not None:
            await bank.before_answer(payment)
        if fault is not None:
            raise fault
        return _session(payment)

    async def fetch_payment(self, external_id: str) -> PaymentUpdate:
        bank = self._bank
        await bank.called("fetch")
        if bank.fetch_fault is not None:
            raise bank.fetch_fault
        if external_id not in bank.payments:
            raise Rejected("no_such_payment")
        payment = bank.payments[external_id]
        bank.fetched.append(payment)
        return payment.update(f"poll_{external_id}_{payment.version}", bank.now())

    async def list_payments(self, since: datetime, until: datetime) -> Sequence[PaymentUpdate]:
        bank = self._bank
        await bank.called("list")
        if bank.fetch_fault is not None:
            raise bank.fetch_fault
        listed = [payment for payment in bank.payments.values() if since <= bank.touched[payment.id] < until]
        bank.fetched += listed
        return [one.update(f"list_{one.id}_{one.version}", bank.touched[one.id]) for one in listed]

    async def cancel_payment(self, external_id: str) -> None:
        bank = self._bank
        await bank.called("cancel")
        fault, bank.cancel_fault = bank.cancel_fault, None
        if fault is not None:
            raise fault
        payment = bank.payments[external_id]
        if payment.status in (PaymentStatus.PAID, PaymentStatus.ACCEPTED, PaymentStatus.REVERSED):
            raise Rejected("too_late")
        if payment.status is PaymentStatus.PENDING:
            bank.change(external_id, PaymentStatus.CANCELLED, received=payment.received)

    async def find_payment(self, request: PaymentRequest) -> PaymentSession | None:
        bank = self._bank
        await bank.called("find")
        if bank.fetch_fault is not None:
            raise bank.fetch_fault
        made = [p for p in bank.of(request.reference) if p.request.idempotency_key == request.idempotency_key]
        return _session(made[0]) if made else None

    async def parse_webhook(self, request: WebhookRequest) -> Sequence[PaymentUpdate]:
        if request.headers.get("x-signature") != self._settings.secret.reveal():
            raise InvalidSignature
        said = orjson.loads(request.body)
        currency = said["currency"]
        return (
            PaymentUpdate(
                said["event_id"],
                said["external_id"],
                PaymentStatus(said["status"]),
                request.received_at,
                Money(said["received"], currency),
                Money(said["reversed"], currency),
                reference=said["reference"],
            ),
        )


def _session(payment: Payment) -> PaymentSession:
    return PaymentSession(payment.id, f"https://bank.example/{payment.id}", payment.request.expires_at)


class Vendors:
    """A registry of simulated adapters: the provider `sim`, more of `banks` (which have a wallet too), and the channels."""

    def __init__(
        self,
        now: Callable[[], datetime],
        *,
        bank: Mapping[str, bool] | None = None,
        channels: Mapping[str, Any] | None = None,
        banks: Sequence[str] = (),
    ) -> None:
        self.bank = SimBank(now)
        self.banks = {"sim": self.bank} | {name: SimBank(now) for name in banks}
        self._providers = {name: one.plugin(name, **(bank or {})) for name, one in self.banks.items()}
        self.channels: dict[str, SimChannel] = {}
        self._plugins: dict[str, ChannelPlugin[Any]] = {}
        wanted = channels or {
            "sms": {"address": "phone", "receipts": True, "finds_sent": True},
            "email": {"address": "email"},
            "telegram": {"address": "chat", "edits": True, "opens_chats": True},
        }
        for name, abilities in wanted.items():
            self.channels[name] = SimChannel(now)
            self._plugins[name] = self.channels[name].plugin(name, **abilities)

    def channel(self, name: str) -> ChannelPlugin[Any]:
        if name not in self._plugins:
            raise LookupError(f"no channel adapter {name!r}")
        return self._plugins[name]

    def provider(self, name: str) -> ProviderPlugin[Any]:
        if name not in self._providers:
            raise LookupError(f"no provider adapter {name!r}")
        return self._providers[name]

    @property
    def tables(self) -> dict[str, Any]:
        """The accounts as a biller's file has them."""
        secret = {"secret": {"env": "PROOF"}}
        return {"channels": dict.fromkeys(self.channels, secret), "providers": dict.fromkeys(self.banks, secret)}

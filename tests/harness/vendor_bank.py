"""The simulated bank of `vendors`: its books, its answers as the test decides them, and money that it gives back."""

from __future__ import annotations

import itertools
from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

import orjson

from gateway.ports.errors import AdapterError, InvalidSignature, NotSupported, Rejected
from gateway.ports.provider import (
    Method,
    PaymentRequest,
    PaymentSession,
    PaymentStatus,
    PaymentUpdate,
    ProviderPlugin,
    RefundRequest,
    RefundStatus,
    RefundUpdate,
)
from gateway.ports.values import Money, WebhookRequest
from tests.harness.vendor_channels import FAST, PROOF, Settings


@dataclass(frozen=True, slots=True)
class Returned:
    """One refund in the bank's books; `request` is None for one that was made at its desk."""

    id: str
    payment_id: str
    amount: int
    request: RefundRequest | None
    status: RefundStatus

    @property
    def given(self) -> bool:
        return self.status is not RefundStatus.FAILED


@dataclass(frozen=True, slots=True)
class Payment:
    """One payment in the bank's books; `version` grows with each change, so that each has an event of its own."""

    id: str
    request: PaymentRequest
    status: PaymentStatus = PaymentStatus.PENDING
    received: int = 0
    reversed: int = 0
    refunded: int = 0
    version: int = 1

    @property
    def net(self) -> int:
        return self.received - self.reversed - self.refunded

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
            refunded=Money(self.refunded, currency),
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
        self.refund_fault: AdapterError | None = None
        self.refund_status = RefundStatus.DONE  # of the next refunds
        self.given_all_the_same = False  # under `refund_fault`
        self.lists_refunds = True
        self.returned: dict[str, Returned] = {}
        self.calls: list[str] = []
        self.fetched: list[Payment] = []  # what was answered to each fetch
        self.touched: dict[str, datetime] = {}  # when each was changed last
        self.on_call: Callable[[str], Awaitable[object]] | None = None
        self._numbers: Iterator[int] = itertools.count(1)

    def plugin(self, name: str = "sim", **abilities: bool) -> ProviderPlugin[Settings]:
        able = {"idempotent": True, "cancels": True, "finds_payments": True, "refunds": True} | abilities
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

    def give_back(self, payment_id: str, amount: int, request: RefundRequest | None = None) -> Returned:
        """Money goes back: at our request, or at the bank's desk."""
        status = self.refund_status if request else RefundStatus.DONE
        made = Returned(f"b{len(self.returned) + 1}", payment_id, amount, request, status)
        self.returned[made.id] = made
        self._count(payment_id)
        return made

    def turn(self, returned_id: str, status: RefundStatus) -> Payment:
        """A refund goes on at the bank: done, or failed, perhaps after it was done."""
        self.returned[returned_id] = replace(self.returned[returned_id], status=status)
        return self._count(self.returned[returned_id].payment_id)

    def _count(self, payment_id: str) -> Payment:
        """The payment's sum of what was given back; a pending refund counts, as it does at most vendors."""
        old = self.payments[payment_id]
        given = sum(one.amount for one in self.returned.values() if one.payment_id == payment_id and one.given)
        self.payments[payment_id] = replace(old, refunded=given, version=old.version + 1)
        self.touched[payment_id] = self.now()
        return self.payments[payment_id]

    def news(self, payment: Payment, *, proof: str = PROOF) -> WebhookRequest:
        """The webhook that reports a payment as it was when this copy of it was made."""
        said = payment.update(f"evt_{payment.id}_{payment.version}", self.now(), named=self.named)
        body = {
            "event_id": said.event_id,
            "external_id": said.external_id,
            "status": said.status,
            "received": payment.received,
            "reversed": payment.reversed,
            "refunded": payment.refunded,
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

    async def refund_payment(self, request: RefundRequest) -> RefundUpdate:
        bank = self._bank
        await bank.called("refund")
        fault, bank.refund_fault = bank.refund_fault, None
        if fault is not None and not bank.given_all_the_same:
            raise fault
        known = [one for one in bank.returned.values() if one.request and _key(one.request) == _key(request)]
        if known and known[0].request != request:
            raise Rejected("idempotency_key_reused")
        payment = bank.payments[request.external_id]
        if not known and payment.received - payment.reversed - payment.refunded < request.amount.minor:
            raise Rejected("already_refunded")
        made = known[0] if known else bank.give_back(payment.id, request.amount.minor, request)
        if fault is not None:
            raise fault
        return self._returned(made)

    async def fetch_refund(self, request: RefundRequest, external_id: str | None) -> RefundUpdate | None:
        bank = self._bank
        await bank.called("fetch_refund")
        if bank.fetch_fault is not None:
            raise bank.fetch_fault
        if not bank.lists_refunds:
            raise NotSupported
        for one in bank.returned.values():
            if one.id == external_id or (external_id is None and one.request and _key(one.request) == _key(request)):
                return self._returned(one)
        return None

    def _returned(self, one: Returned) -> RefundUpdate:
        currency = self._bank.payments[one.payment_id].request.amount.currency
        reason = None if one.given else "account_closed"
        return RefundUpdate(one.id, one.status, Money(one.amount, currency), self._bank.now(), reason)

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
                refunded=Money(said["refunded"], currency),
            ),
        )


def _key(request: RefundRequest) -> str:
    return request.idempotency_key


def _session(payment: Payment) -> PaymentSession:
    return PaymentSession(payment.id, f"https://bank.example/{payment.id}", payment.request.expires_at)

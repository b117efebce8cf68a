"""Providers that each break one promise about money that goes back."""

from __future__ import annotations

import logging
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from typing import ClassVar
from weakref import WeakKeyDictionary

from gateway.ports.errors import Rejected, RetryLater
from gateway.ports.http import HttpClient
from gateway.ports.provider import PaymentStatus, PaymentUpdate, RefundRequest, RefundStatus, RefundUpdate
from gateway.ports.values import Money
from providers.sandbox import SandboxProvider, Settings
from tests.providers.broken import AltersUpdates, FourHundreds

log = logging.getLogger("broken")


class RefundsInTwoDecimals(SandboxProvider):
    async def refund_payment(self, request: RefundRequest) -> RefundUpdate:
        amount = Money(int(Decimal(request.amount.value) * 100), request.amount.currency)
        return await super().refund_payment(replace(request, amount=amount))


class RemembersRefunds(AltersUpdates):
    """Knows, for as long as its client lives, what it has given back itself: the last amount, by payment."""

    refunds: ClassVar[WeakKeyDictionary[HttpClient, dict[str, Money]]] = WeakKeyDictionary()

    @property
    def mine(self) -> dict[str, Money]:
        return self.refunds.setdefault(self._http, {})

    async def refund_payment(self, request: RefundRequest) -> RefundUpdate:
        refund = await super().refund_payment(request)
        self.mine[request.external_id] = request.amount
        return refund


class TakesAFullRefundForAReversal(RemembersRefunds):
    def alter(self, update: PaymentUpdate) -> PaymentUpdate:
        if update.external_id in self.mine and update.refunded == update.received:
            return replace(update, status=PaymentStatus.REVERSED, reversed=update.received)
        return update


class ForgetsTheVendorsDesk(RemembersRefunds):
    def alter(self, update: PaymentUpdate) -> PaymentUpdate:
        return update if update.external_id in self.mine else replace(update, refunded=None)


class SaysTheLastRefund(RemembersRefunds):
    def alter(self, update: PaymentUpdate) -> PaymentUpdate:
        if not (update.refunded and update.refunded.minor):
            return update
        return replace(update, refunded=self.mine.get(update.external_id, update.refunded))


class CapsWhatIsAsked(SandboxProvider):
    async def refund_payment(self, request: RefundRequest) -> RefundUpdate:
        amount = min(request.amount, request.paid, key=lambda money: money.minor)
        return await super().refund_payment(replace(request, amount=amount))


class RefundsWithANewKeyForEachTry(SandboxProvider):
    seen: ClassVar[WeakKeyDictionary[HttpClient, list[str]]] = WeakKeyDictionary()

    async def refund_payment(self, request: RefundRequest) -> RefundUpdate:
        keys = self.seen.setdefault(self._http, [])
        keys.append(request.idempotency_key)
        again = "+" * (keys.count(request.idempotency_key) - 1)
        return await super().refund_payment(replace(request, idempotency_key=request.idempotency_key + again))


class LosesRefunds(SandboxProvider):
    async def fetch_refund(self, request: RefundRequest, external_id: str | None) -> RefundUpdate | None:
        return await super().fetch_refund(request, external_id) if external_id else None


class FindsAnyRefund(SandboxProvider):
    async def fetch_refund(self, request: RefundRequest, external_id: str | None) -> RefundUpdate | None:
        found = await super().fetch_refund(request, external_id)
        hoped_for = RefundUpdate("rfd_1", RefundStatus.PENDING, request.amount, datetime(2026, 11, 23, tzinfo=UTC))
        return found or hoped_for


class ForgetsHowLongARefundWaits(SandboxProvider):
    async def refund_payment(self, request: RefundRequest) -> RefundUpdate:
        try:
            return await super().refund_payment(request)
        except RetryLater:
            raise RetryLater from None


class TakesACrashForARefusedRefund(SandboxProvider):
    def __init__(self, settings: Settings, http: HttpClient) -> None:
        super().__init__(settings, FourHundreds(http, "/refunds"))


class RetriesARefusedRefund(SandboxProvider):
    async def refund_payment(self, request: RefundRequest) -> RefundUpdate:
        try:
            return await super().refund_payment(request)
        except Rejected as error:
            if error.code == "account_not_enabled":
                raise RetryLater from None
            raise


class SaysThatItIsDone(SandboxProvider):
    async def fetch_refund(self, request: RefundRequest, external_id: str | None) -> RefundUpdate | None:
        refund = await super().fetch_refund(request, external_id)
        return refund and replace(refund, status=RefundStatus.DONE, reason=None)


class LogsItsKeyWhenItRefunds(SandboxProvider):
    async def refund_payment(self, request: RefundRequest) -> RefundUpdate:
        log.debug("refund with %s", self._settings.api_key.reveal())
        return await super().refund_payment(request)

"""Providers that each break one promise about what is heard, when, and of which payment."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import ClassVar
from weakref import WeakKeyDictionary

import orjson

from gateway.ports.errors import Rejected
from gateway.ports.http import HttpClient
from gateway.ports.provider import (
    Choice,
    PaymentRequest,
    PaymentSession,
    PaymentStatus,
    PaymentUpdate,
    RefundRequest,
    RefundUpdate,
)
from gateway.ports.values import Money, WebhookRequest
from providers.sandbox import SandboxProvider, Settings

S = PaymentStatus


class RemembersWhatItOpened(SandboxProvider):
    """Knows, for as long as its client lives, which payments it has opened, and what for."""

    opened: ClassVar[WeakKeyDictionary[HttpClient, dict[str, PaymentRequest]]] = WeakKeyDictionary()

    @property
    def mine(self) -> dict[str, PaymentRequest]:
        return self.opened.setdefault(self._http, {})

    async def create_payment(self, request: PaymentRequest) -> PaymentSession:
        session = await super().create_payment(request)
        self.mine[session.external_id] = request
        return session


class OffersOneBankTwice(SandboxProvider):
    banks: Sequence[Choice] = (Choice("one", "First Bank"), Choice("two", "First Bank"))

    def choices(self, method: str) -> Sequence[Choice]:
        return self.banks

    async def create_payment(self, request: PaymentRequest) -> PaymentSession:
        if request.choice not in {bank.code for bank in self.banks}:
            raise Rejected("no_such_choice")
        return await super().create_payment(request)


class TakesAnyChoice(SandboxProvider):
    def choices(self, method: str) -> Sequence[Choice]:
        return (Choice("one", "First Bank"), Choice("two", "Second Bank"))


class TakesAReturnForPayment(RemembersWhatItOpened):
    back: ClassVar[WeakKeyDictionary[HttpClient, set[str]]] = WeakKeyDictionary()

    async def complete_payment(self, external_id: str, answer: Mapping[str, str]) -> None:
        if answer.get("status") == "paid":
            self.back.setdefault(self._http, set()).add(external_id)

    async def fetch_payment(self, external_id: str) -> PaymentUpdate:
        update = await super().fetch_payment(external_id)
        if external_id not in self.back.get(self._http, ()):
            return update
        return replace(update, status=S.PAID, received=self.mine[external_id].amount)


class KnowsOnlyWhatItOpened(RemembersWhatItOpened):
    async def parse_webhook(self, request: WebhookRequest) -> Sequence[PaymentUpdate]:
        return [update for update in await super().parse_webhook(request) if update.external_id in self.mine]


class AddsUpWhatItHears(SandboxProvider):
    def __init__(self, settings: Settings, http: HttpClient) -> None:
        super().__init__(settings, http)
        self.told: dict[str, PaymentUpdate] = {}

    async def parse_webhook(self, request: WebhookRequest) -> Sequence[PaymentUpdate]:
        return [self.added(update) for update in await super().parse_webhook(request)]

    def added(self, update: PaymentUpdate) -> PaymentUpdate:
        if update.event_id not in self.told:
            for earlier in self.told.values():
                if update.received and earlier.received:
                    update = replace(update, received=update.received + earlier.received)
            self.told[update.event_id] = update
        return self.told[update.event_id]


class MatchesByTheAmount(RemembersWhatItOpened):
    async def parse_webhook(self, request: WebhookRequest) -> Sequence[PaymentUpdate]:
        return [self.matched(update) for update in await super().parse_webhook(request)]

    def matched(self, update: PaymentUpdate) -> PaymentUpdate:
        for external_id, request in self.mine.items():
            if update.external_id not in self.mine and update.received == request.amount:
                return replace(update, external_id=external_id, reference=request.reference)
        return update


class SaysWhatWasAsked(SandboxProvider):
    async def parse_webhook(self, request: WebhookRequest) -> Sequence[PaymentUpdate]:
        updates = await super().parse_webhook(request)
        asked = orjson.loads(request.body).get("payment", {}).get("amount")
        return [
            replace(update, received=Money(asked, update.received.currency))
            if update.status is S.PAID and update.received and type(asked) is int and asked > 0
            else update
            for update in updates
        ]


class KnowsOneCurrency(RemembersWhatItOpened):
    async def parse_webhook(self, request: WebhookRequest) -> Sequence[PaymentUpdate]:
        return [self.known(update) for update in await super().parse_webhook(request)]

    def known(self, update: PaymentUpdate) -> PaymentUpdate:
        asked = self.mine.get(update.external_id)
        if asked is None or update.received is None:
            return update
        return replace(update, received=Money(update.received.minor, asked.amount.currency))


class WaitsToBeTold(SandboxProvider):
    """Believes in money when it has heard of it otherwise: by a webhook, a list, a refund, or when it tried to cancel."""

    told: ClassVar[WeakKeyDictionary[HttpClient, set[str]]] = WeakKeyDictionary()

    def hears(self, *external_ids: str) -> None:
        self.told.setdefault(self._http, set()).update(external_ids)

    async def fetch_payment(self, external_id: str) -> PaymentUpdate:
        update = await super().fetch_payment(external_id)
        heard = self.told.get(self._http, ())
        believed = external_id in heard or "*" in heard or (update.refunded and update.refunded.minor)
        return update if believed or update.status is not S.PAID else replace(update, status=S.PENDING)

    async def parse_webhook(self, request: WebhookRequest) -> Sequence[PaymentUpdate]:
        updates = await super().parse_webhook(request)
        self.hears(*(update.external_id for update in updates))
        return updates

    async def list_payments(self, since: datetime, until: datetime) -> Sequence[PaymentUpdate]:
        self.hears("*")
        return await super().list_payments(since, until)

    async def cancel_payment(self, external_id: str) -> None:
        self.hears("*")
        await super().cancel_payment(external_id)

    async def refund_payment(self, request: RefundRequest) -> RefundUpdate:
        self.hears(request.external_id)
        return await super().refund_payment(request)


class ListsWithoutSums(SandboxProvider):
    async def list_payments(self, since: datetime, until: datetime) -> Sequence[PaymentUpdate]:
        return [replace(update, received=None) for update in await super().list_payments(since, until)]


class ListsTheWholeBook(SandboxProvider):
    async def list_payments(self, since: datetime, until: datetime) -> Sequence[PaymentUpdate]:
        return await super().list_payments(since, until + timedelta(days=7))


class ClosesTheFirst(RemembersWhatItOpened):
    async def cancel_payment(self, external_id: str) -> None:
        await super().cancel_payment(next(iter(self.mine)))

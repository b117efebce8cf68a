"""Providers that each break one promise of ProviderContract, in a way that a hurried author might."""

from __future__ import annotations

import hashlib
import logging
import uuid
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, ClassVar
from weakref import WeakKeyDictionary

import orjson

from gateway.ports.errors import InvalidSignature, MalformedWebhook, OutcomeUnknown, Rejected, RetryLater
from gateway.ports.http import HttpClient, HttpResponse
from gateway.ports.provider import PaymentRequest, PaymentSession, PaymentStatus, PaymentUpdate
from gateway.ports.values import Money, WebhookRequest
from providers.sandbox import STATUSES, SandboxProvider, Settings
from tests.providers.sandbox_bench import STRANGER

S = PaymentStatus
log = logging.getLogger("broken")


class AltersUpdates(SandboxProvider):
    """Says the same wrong thing in push, poll and list."""

    def alter(self, update: PaymentUpdate) -> PaymentUpdate:
        raise NotImplementedError

    async def fetch_payment(self, external_id: str) -> PaymentUpdate:
        return self.alter(await super().fetch_payment(external_id))

    async def parse_webhook(self, request: WebhookRequest) -> Sequence[PaymentUpdate]:
        return [self.alter(update) for update in await super().parse_webhook(request)]

    async def list_payments(self, since: datetime, until: datetime) -> Sequence[PaymentUpdate]:
        return [self.alter(update) for update in await super().list_payments(since, until)]


class SendsThePayerNowhere(SandboxProvider):
    async def create_payment(self, request: PaymentRequest) -> PaymentSession:
        return replace(await super().create_payment(request), redirect_url="/bank")


class TakesANewKeyForEachTry(SandboxProvider):
    seen: ClassVar[WeakKeyDictionary[HttpClient, list[str]]] = WeakKeyDictionary()

    async def create_payment(self, request: PaymentRequest) -> PaymentSession:
        keys = self.seen.setdefault(self._http, [])
        keys.append(request.idempotency_key)
        again = "+" * (keys.count(request.idempotency_key) - 1)
        return await super().create_payment(replace(request, idempotency_key=request.idempotency_key + again))


class HidesTheKey(SandboxProvider):
    def hidden(self, request: PaymentRequest) -> PaymentRequest:
        return replace(request, idempotency_key=hashlib.sha256(request.idempotency_key.encode()).hexdigest())

    async def create_payment(self, request: PaymentRequest) -> PaymentSession:
        return await super().create_payment(self.hidden(request))

    async def find_payment(self, request: PaymentRequest) -> PaymentSession | None:
        return await super().find_payment(self.hidden(request))


class TakesSilenceForFailure(SandboxProvider):
    async def create_payment(self, request: PaymentRequest) -> PaymentSession:
        try:
            return await super().create_payment(request)
        except OutcomeUnknown as error:
            if "no answer" in str(error):
                raise RetryLater from None
            raise


class FindsNothing(SandboxProvider):
    async def find_payment(self, request: PaymentRequest) -> PaymentSession | None:
        return None


class FindsAnyPayment(SandboxProvider):
    last: ClassVar[WeakKeyDictionary[HttpClient, PaymentSession]] = WeakKeyDictionary()

    async def create_payment(self, request: PaymentRequest) -> PaymentSession:
        self.last[self._http] = await super().create_payment(request)
        return self.last[self._http]

    async def find_payment(self, request: PaymentRequest) -> PaymentSession | None:
        return await super().find_payment(request) or self.last.get(self._http)


class ForgetsHowLongToWait(SandboxProvider):
    async def create_payment(self, request: PaymentRequest) -> PaymentSession:
        try:
            return await super().create_payment(request)
        except RetryLater:
            raise RetryLater from None


class GivesUpOnAnOutage(SandboxProvider):
    async def create_payment(self, request: PaymentRequest) -> PaymentSession:
        try:
            return await super().create_payment(request)
        except RetryLater as error:
            if "503" in str(error):
                raise Rejected("unavailable") from None
            raise


class FourHundreds:
    """A client that takes the vendor's own crash for our mistake, when a URL ends like this."""

    def __init__(self, http: HttpClient, ending: str) -> None:
        self._http = http
        self._ending = ending

    async def request(self, method: str, url: str, **rest: Any) -> HttpResponse:
        response = await self._http.request(method, url, **rest)
        crashed = response.status == 500 and url.endswith(self._ending)
        return replace(response, status=400) if crashed else response


class TakesACrashForARefusal(SandboxProvider):
    def __init__(self, settings: Settings, http: HttpClient) -> None:
        super().__init__(settings, FourHundreds(http, "/payments"))


class RetriesARefusal(SandboxProvider):
    async def create_payment(self, request: PaymentRequest) -> PaymentSession:
        try:
            return await super().create_payment(request)
        except Rejected:
            raise RetryLater from None


class DoubtsWhatNeverLeft(SandboxProvider):
    async def create_payment(self, request: PaymentRequest) -> PaymentSession:
        try:
            return await super().create_payment(request)
        except RetryLater as error:
            if "no connection" in str(error):
                raise OutcomeUnknown from None
            raise


class KnowsTwoDecimalsOnly(SandboxProvider):
    async def create_payment(self, request: PaymentRequest) -> PaymentSession:
        amount = Money(int(Decimal(request.amount.value) * 100), request.amount.currency)
        return await super().create_payment(replace(request, amount=amount))


class GivesAnotherReference(AltersUpdates):
    def alter(self, update: PaymentUpdate) -> PaymentUpdate:
        return replace(update, reference=update.external_id)


class BelievesTheUnsigned(SandboxProvider):
    async def parse_webhook(self, request: WebhookRequest) -> Sequence[PaymentUpdate]:
        try:
            return await super().parse_webhook(request)
        except InvalidSignature:
            if "x-sandbox-signature" in request.headers:
                raise
            return ()


class BelievesAStranger(SandboxProvider):
    def __init__(self, settings: Settings, http: HttpClient) -> None:
        super().__init__(replace(settings, webhook_secret_old=settings.webhook_secret_old or STRANGER), http)


class RemembersSignatures(SandboxProvider):
    def __init__(self, settings: Settings, http: HttpClient) -> None:
        super().__init__(settings, http)
        self.good: dict[str, Sequence[PaymentUpdate]] = {}

    async def parse_webhook(self, request: WebhookRequest) -> Sequence[PaymentUpdate]:
        signature = request.headers.get("x-sandbox-signature", "")
        if signature not in self.good:
            self.good[signature] = await super().parse_webhook(request)
        return self.good[signature]


class ShrugsAtHalfABody(SandboxProvider):
    async def parse_webhook(self, request: WebhookRequest) -> Sequence[PaymentUpdate]:
        try:
            return await super().parse_webhook(request)
        except InvalidSignature:
            if request.body.endswith(b"}"):
                raise
            return ()


class NeverLooksAtTheTime(SandboxProvider):
    async def parse_webhook(self, request: WebhookRequest) -> Sequence[PaymentUpdate]:
        unix = int(request.headers.get("x-sandbox-signature", "t=0")[2:].partition(",")[0])
        return await super().parse_webhook(replace(request, received_at=datetime.fromtimestamp(unix, UTC)))


class SwallowsRepeats(SandboxProvider):
    def __init__(self, settings: Settings, http: HttpClient) -> None:
        super().__init__(settings, http)
        self.seen: set[str] = set()

    async def parse_webhook(self, request: WebhookRequest) -> Sequence[PaymentUpdate]:
        updates = await super().parse_webhook(request)
        signature = request.headers["x-sandbox-signature"]
        repeated = signature in self.seen
        self.seen.add(signature)
        return () if repeated else updates


class NamesEventsByTheSignature(SandboxProvider):
    async def parse_webhook(self, request: WebhookRequest) -> Sequence[PaymentUpdate]:
        signature = request.headers.get("x-sandbox-signature")
        return [replace(each, event_id=f"{each.event_id}{signature}") for each in await super().parse_webhook(request)]


class NamesEventsByThePayment(SandboxProvider):
    async def parse_webhook(self, request: WebhookRequest) -> Sequence[PaymentUpdate]:
        return [replace(each, event_id=each.external_id) for each in await super().parse_webhook(request)]


class TakesTheUnknownForPaid(SandboxProvider):
    async def parse_webhook(self, request: WebhookRequest) -> Sequence[PaymentUpdate]:
        updates = await super().parse_webhook(request)
        known = orjson.loads(request.body).get("payment", {}).get("status") in STATUSES
        return updates if known else [replace(each, status=S.PAID) for each in updates]


class TakesAnUnknownEventForFailure(SandboxProvider):
    async def parse_webhook(self, request: WebhookRequest) -> Sequence[PaymentUpdate]:
        return await super().parse_webhook(request) or [PaymentUpdate("e", "p", S.FAILED, request.received_at)]


class ShrugsAtNonsense(SandboxProvider):
    async def parse_webhook(self, request: WebhookRequest) -> Sequence[PaymentUpdate]:
        try:
            return await super().parse_webhook(request)
        except MalformedWebhook:
            return ()


class TrustsTheShape(SandboxProvider):
    async def parse_webhook(self, request: WebhookRequest) -> Sequence[PaymentUpdate]:
        updates = await super().parse_webhook(request)
        log.debug("paid by %s", orjson.loads(request.body)["payment"]["method"].lower())
        return updates


class ForgetsTheOldSecret(SandboxProvider):
    def __init__(self, settings: Settings, http: HttpClient) -> None:
        super().__init__(replace(settings, webhook_secret_old=None), http)


class PollsWithoutReasons(SandboxProvider):
    async def fetch_payment(self, external_id: str) -> PaymentUpdate:
        return replace(await super().fetch_payment(external_id), reason=None)


class MakesEachPollNews(SandboxProvider):
    async def fetch_payment(self, external_id: str) -> PaymentUpdate:
        return replace(await super().fetch_payment(external_id), event_id=uuid.uuid4().hex)


class MakesEachPollOld(SandboxProvider):
    async def fetch_payment(self, external_id: str) -> PaymentUpdate:
        return replace(await super().fetch_payment(external_id), event_id=external_id)


class WaitsForTheUnknownPayment(SandboxProvider):
    async def fetch_payment(self, external_id: str) -> PaymentUpdate:
        try:
            return await super().fetch_payment(external_id)
        except Rejected:
            raise RetryLater from None


class HidesWhy(AltersUpdates):
    def alter(self, update: PaymentUpdate) -> PaymentUpdate:
        return replace(update, reason=None)


class ClosesByTheClock(AltersUpdates):
    def alter(self, update: PaymentUpdate) -> PaymentUpdate:
        return replace(update, status=S.CANCELLED) if update.status is S.EXPIRED else update


class CountsWholePaymentsOnly(AltersUpdates):
    def alter(self, update: PaymentUpdate) -> PaymentUpdate:
        return update if update.status is S.PAID else replace(update, received=None)


class KeepsWhatWasTakenBack(AltersUpdates):
    def alter(self, update: PaymentUpdate) -> PaymentUpdate:
        return replace(update, status=S.PAID) if update.status is S.REVERSED else update


class OnlySaysItCancels(SandboxProvider):
    async def cancel_payment(self, external_id: str) -> None:
        if (await self.fetch_payment(external_id)).status is S.PAID:
            raise Rejected("already_paid")


class CancelsWhatWasPaid(SandboxProvider):
    async def cancel_payment(self, external_id: str) -> None:
        try:
            await super().cancel_payment(external_id)
        except Rejected:
            return


class LogsItsKey(SandboxProvider):
    async def create_payment(self, request: PaymentRequest) -> PaymentSession:
        log.debug("create with %s", self._settings.api_key.reveal())
        return await super().create_payment(request)


class LogsWhoPays(SandboxProvider):
    async def create_payment(self, request: PaymentRequest) -> PaymentSession:
        log.debug("create %r", request)
        return await super().create_payment(request)


class QuotesTheSignature(SandboxProvider):
    async def parse_webhook(self, request: WebhookRequest) -> Sequence[PaymentUpdate]:
        log.debug("webhook %s", dict(request.headers))
        return await super().parse_webhook(request)


class QuotesTheBody(SandboxProvider):
    async def parse_webhook(self, request: WebhookRequest) -> Sequence[PaymentUpdate]:
        try:
            return await super().parse_webhook(request)
        except MalformedWebhook:
            raise MalformedWebhook(request.body.decode(errors="replace")) from None


@dataclass
class ShowsItself(SandboxProvider):
    secret: str

    def __init__(self, settings: Settings, http: HttpClient) -> None:
        super().__init__(settings, http)
        self.secret = settings.webhook_secret.reveal()

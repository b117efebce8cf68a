"""Stripe: cards (and what else the account offers) on Stripe's hosted page, a Checkout Session a try.

It must never see a card number, take an event's word for a payment that is not its own, or round money.
Facts: docs.stripe.com/api (version 2026-10-28.endive), /webhooks, /payments/checkout (read 2026-11-26).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from urllib.parse import quote

from gateway.ports import verify
from gateway.ports.errors import MalformedWebhook, Rejected, RetryLater
from gateway.ports.http import HttpClient
from gateway.ports.provider import (
    Method,
    PaymentRequest,
    PaymentSession,
    PaymentUpdate,
    ProviderPlugin,
    RefundRequest,
    RefundUpdate,
)
from gateway.ports.reading import parsed, text
from gateway.ports.values import Limits, Money, Secret, WebhookRequest
from providers.stripe.amounts import CURRENCIES, units
from providers.stripe.calls import Calls
from providers.stripe.reading import OTHER_EVENTS, SESSION_EVENTS, Dispute, Event, Session, refund_of
from providers.stripe.shapes import MARK, REFUND_MARK, marked, moment

# What Stripe takes for `expires_at` is 30 minutes to 24 hours from its own clock when the call arrives.
SHORTEST, LONGEST = timedelta(minutes=32), timedelta(hours=23, minutes=58)
SESSION_LIFE = timedelta(hours=24)
WHOLE = "payment_intent.latest_charge.balance_transaction"
_LOCALES = """bg cs da de el en en-GB es es-419 et fi fil fr fr-CA hr hu id it ja ko lt lv ms mt nb nl pl pt pt-BR ro ru sk sl sv th
tr vi zh zh-HK zh-TW"""
LOCALES = frozenset(_LOCALES.split())
REFUND_REASONS: Mapping[str, str] = {
    "duplicate": "duplicate",
    "fraud": "fraudulent",
    "requested": "requested_by_customer",
}
REFUSALS: Mapping[str, str] = {
    "charge_already_refunded": "already_refunded",
    "charge_disputed": "not_refundable",
    "charge_not_refundable": "not_refundable",
}
MISSING, NO_MONEY = "resource_missing", "not_refundable"


@dataclass(frozen=True, slots=True)
class Settings:
    """One Stripe account."""

    secret_key: Secret = field(metadata={"doc": "secret key sk_…, or a restricted key rk_…"})
    webhook_secret: Secret = field(metadata={"doc": "signing secret of the webhook endpoint, whsec_…"})
    webhook_secret_old: Secret | None = field(
        default=None, metadata={"doc": "the signing secret being replaced, still accepted while it is set"}
    )
    account: str | None = field(
        default=None, metadata={"doc": "Connect: the account acct_… that is acted for, with the platform's keys"}
    )
    allowed_payment_method_types: tuple[str, ...] = field(
        default=("card",), metadata={"doc": "what its page offers of what the Dashboard has; empty: all"}
    )
    api_url: str = field(default="https://api.stripe.com", metadata={"doc": "base URL of the API"})
    timeout_s: float = field(default=15.0, metadata={"doc": "seconds to wait for an answer"})


class StripeProvider:
    """Fulfils Provider, Cancels, Refunds and ListsPayments."""

    def __init__(self, settings: Settings, http: HttpClient) -> None:
        self._settings = settings
        self._calls = Calls(http, settings.api_url, settings.secret_key, settings.account, settings.timeout_s)

    async def create_payment(self, request: PaymentRequest) -> PaymentSession:
        """Opens a Checkout Session; the same idempotency key gives the first one again, for 24 hours at least."""
        return await self._calls.post("checkout/sessions", self._terms(request), _opened, key=request.idempotency_key)

    async def fetch_payment(self, external_id: str) -> PaymentUpdate:
        """The state now, of the session, its payment intent, the charge and its disputes."""
        return await self._told(await self._session(external_id))

    async def cancel_payment(self, external_id: str) -> None:
        """Expires an open session. Rejected (`already_paid`, `already_processing`) when it was completed."""
        try:
            await self._calls.post(f"checkout/sessions/{_quoted(external_id)}/expire", {}, Session.read)
        except Rejected:
            session = await self._session(external_id)
            if session.status == "complete":
                raise Rejected("already_paid" if session.paid else "already_processing") from None
            if session.status != "expired":
                raise

    async def parse_webhook(self, request: WebhookRequest) -> Sequence[PaymentUpdate]:
        """Nothing for an event of another type, account or shop. An event that does not say all has the payment asked for.

        Raises RetryLater when Stripe had to be asked and did not answer; it calls again then.
        """
        secrets = (self._settings.webhook_secret, self._settings.webhook_secret_old)
        verify.timed_header(request.headers.get("stripe-signature"), secrets, request.body, request.received_at)
        try:
            event = Event.read(parsed(request.body))
            named = event.names() if event.account in (None, self._settings.account) else None
            session = event.session()
            if named is not None and session is not None and session.tells_all:
                return (session.update(event_id=event.id, occurred_at=event.created_at),)
        except ValueError:
            raise MalformedWebhook from None
        return await self._asked(named, event) if named is not None else ()

    async def refund_payment(self, request: RefundRequest) -> RefundUpdate:
        """Gives money back; first looks whether it was, for Stripe may forget an idempotency key after a day."""
        intent_id = await self._intent_id(request.external_id)
        made = await self._refund(intent_id, request.reference)
        if made is not None:
            return made
        form = {
            "payment_intent": intent_id,
            "amount": _units(request.amount),
            "metadata": {REFUND_MARK: request.reference},
        }
        if request.reason in REFUND_REASONS:
            form["reason"] = REFUND_REASONS[request.reason]
        try:
            return await self._calls.post("refunds", form, refund_of, key=request.idempotency_key)
        except Rejected as error:
            if error.code not in REFUSALS:
                raise
            raise Rejected(REFUSALS[error.code]) from None

    async def fetch_refund(self, request: RefundRequest, external_id: str | None) -> RefundUpdate | None:
        """How a refund goes, by its id or else by our reference among the refunds of its payment."""
        try:
            if external_id is not None:
                return await self._calls.get(f"refunds/{_quoted(external_id)}", {}, refund_of)
            return await self._refund(await self._intent_id(request.external_id), request.reference)
        except Rejected as error:
            if error.code in (MISSING, NO_MONEY):
                return None
            raise RetryLater(str(error)) from None

    async def list_payments(self, since: datetime, until: datetime) -> Sequence[PaymentUpdate]:
        """Sessions opened in the span, and those that Stripe has an event of in it; it keeps events for 30 days."""
        span = {"gte": int(since.timestamp()), "lt": int(until.timestamp())}
        types = [*SESSION_EVENTS, *OTHER_EVENTS]
        told = await self._calls.pages("events", {"types": types, "created": span}, _named_by)
        touched = {named for named in told if named is not None}
        opened = {
            **span,
            "gte": int((since - SESSION_LIFE).timestamp()),
        }  # one call for a hundred, instead of one for each
        query = {"created": opened, "expand": [f"data.{WHOLE}"]}
        listed = await self._calls.pages("checkout/sessions", query, Session.read)
        found = [each for each in listed if each.created_at >= since or touched & {each.id, each.intent_id}]
        for named in sorted(touched - {part for each in listed for part in (each.id, each.intent_id)}):
            found += await self._named(named)
        return [await self._told(each) for each in {each.id: each for each in found}.values() if each.reference]

    def _terms(self, request: PaymentRequest) -> Mapping[str, object]:
        """The form that opens a session; the same for the same request, or Stripe would refuse its idempotency key."""
        mark = {MARK: request.reference}
        price = {"currency": request.amount.currency.lower(), "unit_amount": _units(request.amount)}
        product = {"product_data": {"name": request.description or request.reference}}
        terms = {
            "mode": "payment",
            "client_reference_id": request.reference,
            "success_url": request.return_url,
            "cancel_url": request.return_url,
            "expires_at": int(_expiry(request).timestamp()),
            "locale": _locale(request.locale),
            "line_items": [{"quantity": 1, "price_data": price | product}],
            "metadata": mark,
            "payment_intent_data": {"metadata": mark, "description": request.description or request.reference},
            "allowed_payment_method_types": self._settings.allowed_payment_method_types,  # since 2026-09-30
        }
        return terms | ({"customer_email": request.payer_email} if request.payer_email else {})

    async def _session(self, external_id: str) -> Session:
        query = {"expand": [WHOLE]}
        return await self._calls.get(f"checkout/sessions/{_quoted(external_id)}", query, Session.read)

    async def _named(self, named: str) -> list[Session]:
        """The session of this id, or the one that this payment intent belongs to; empty when there is none."""
        if named.startswith("pi_"):
            query = {"payment_intent": named, "expand": [f"data.{WHOLE}"]}
            return await self._calls.pages("checkout/sessions", query, Session.read)
        try:
            return [await self._session(named)]
        except Rejected as error:
            if error.code != MISSING:
                raise
            return []

    async def _told(self, session: Session, event: Event | None = None) -> PaymentUpdate:
        disputes: Sequence[Dispute] = ()
        if session.disputed:
            disputes = await self._calls.pages("disputes", {"payment_intent": session.intent_id}, Dispute.read)
        try:
            if event is None:
                return session.update(disputes)
            return session.update(disputes, event_id=event.id, occurred_at=event.created_at)
        except ValueError:
            raise RetryLater("Stripe's answer cannot be read") from None

    async def _asked(self, named: str, event: Event) -> Sequence[PaymentUpdate]:
        """What has become of the payment that an event names."""
        try:
            return [await self._told(each, event) for each in await self._named(named) if each.reference]
        except Rejected as error:  # such as a key that was revoked: Stripe sends the event again
            raise RetryLater(str(error)) from None

    async def _intent_id(self, external_id: str) -> str:
        session = await self._calls.get(f"checkout/sessions/{_quoted(external_id)}", {}, Session.read)
        if session.intent_id is None:
            raise Rejected(NO_MONEY)
        return session.intent_id

    async def _refund(self, intent_id: str, reference: str) -> RefundUpdate | None:
        made = await self._calls.pages(
            "refunds", {"payment_intent": intent_id}, lambda raw, at: (marked(raw, REFUND_MARK), refund_of(raw, at))
        )
        return next((refund for mark, refund in made if mark == reference), None)


def _opened(raw: Mapping[str, object], _: datetime | None) -> PaymentSession:
    return PaymentSession(text(raw, "id"), text(raw, "url"), moment(raw, "expires_at"))


def _named_by(raw: Mapping[str, object], at: datetime | None) -> str | None:
    return Event.read(raw, at).names()


def _expiry(request: PaymentRequest) -> datetime:
    """When the session ends: as asked, within what Stripe takes."""
    if request.asked_at is None:
        return request.expires_at
    return min(max(request.expires_at, request.asked_at + SHORTEST), request.asked_at + LONGEST)


def _locale(locale: str) -> str:
    language = locale.partition("-")[0]
    return next((each for each in (locale, language) if each in LOCALES), "auto")


def _units(money: Money) -> int:
    try:
        return units(money)
    except ValueError as error:
        raise Rejected("amount_not_chargeable", str(error)) from None


def _quoted(external_id: str) -> str:
    return quote(external_id, safe="")


PROVIDER = ProviderPlugin(
    "stripe",
    Settings,
    StripeProvider,
    methods=(Method("card"),),
    currencies=CURRENCIES,
    idempotent=True,
    cancels=True,
    refunds=True,
    lists_payments=True,
    tells_fee=True,
    limits=Limits(per_second=25.0, concurrency=10),
)

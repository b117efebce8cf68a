"""Revolut: card and Revolut Pay on Revolut's own checkout page, by the Merchant API 2026-04-20.

A webhook names an order and says nothing of money, so the order is always asked for. Creating an order is not idempotent: one
whose answer was lost is looked up by our reference and never made again.
"""

from __future__ import annotations

import asyncio
import ipaddress
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

from gateway.ports import verify
from gateway.ports.errors import InvalidSignature, MalformedWebhook, OutcomeUnknown, Rejected, RetryLater
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
from gateway.ports.values import Secret, WebhookRequest
from providers.revolut.client import PAGE, PATHS, Client, Refusal, at
from providers.revolut.orders import PAID_BY_PAYER, REFUND, Dispute, Order, refund_of, update_of

_OF_ORDERS = "COMPLETED AUTHORISED CANCELLED FAILED"
_OF_PAYMENTS = "AUTHENTICATION_CHALLENGED AUTHENTICATED AUTHORISATION_STARTED DECLINED FAILED"
_OF_DISPUTES = "ACTION_REQUIRED UNDER_REVIEW WON LOST"
ORDER_EVENTS = frozenset(f"ORDER_{what}" for what in _OF_ORDERS.split()) | frozenset(
    f"ORDER_PAYMENT_{what}" for what in _OF_PAYMENTS.split()
)
DISPUTE_EVENTS = frozenset(f"DISPUTE_{what}" for what in _OF_DISPUTES.split())
SHORTEST, LONGEST = timedelta(minutes=1), timedelta(hours=720)  # what `expire_pending_after` may be
PAID_WITHIN = timedelta(days=8)  # of being made: an attempt is open for a day at most, and a bank may take a week
DISPUTED_FOR = timedelta(days=400)  # from a dispute's beginning to its end, arbitration included
AT_ONCE = 8  # orders that are asked for at a time


@dataclass(frozen=True, slots=True)
class Settings:
    """One merchant account at Revolut Business."""

    api_key: Secret = field(metadata={"doc": "the secret key of the Merchant API, `sk_...`"})
    webhook_secret: Secret = field(metadata={"doc": "the webhook's `signing_secret`, `wsk_...`"})
    webhook_secret_old: Secret | None = field(
        default=None, metadata={"doc": "the signing secret being replaced, still accepted while it is set"}
    )
    api_url: str = field(
        default="https://merchant.revolut.com",
        metadata={"doc": "where the API is; for tests `https://sandbox-merchant.revolut.com`"},
    )


class RevolutProvider:
    """Fulfils Provider, Cancels, FindsPayments, Refunds and ListsPayments.

    `page` is how many of a list are asked for at once.
    """

    def __init__(self, settings: Settings, http: HttpClient, *, page: int = PAGE) -> None:
        self._settings = settings
        self._api = Client(settings.api_url, settings.api_key, http, page=page)

    async def create_payment(self, request: PaymentRequest) -> PaymentSession:
        """Makes an order that fails by itself when it is not paid in time: after a minute at least, after 30 days at most.

        Without `asked_at` there is nothing to count from, and the order stays open.
        """
        body: dict[str, Any] = {
            "amount": request.amount.minor,
            "currency": request.amount.currency,
            "description": request.description,
            "capture_mode": "automatic",
            "merchant_order_data": {"reference": request.reference},
        }
        life = None
        if request.asked_at is not None:
            asked_for = timedelta(seconds=int((request.expires_at - request.asked_at).total_seconds()))
            life = min(max(asked_for, SHORTEST), LONGEST)
            body["expire_pending_after"] = duration(life)
        if public(request.return_url):
            body["redirect_url"] = request.return_url
        response = await self._api.post(PATHS[Order], body)
        try:
            order = Order.read(parsed(response.body))
            if order.checkout_url is None:
                raise ValueError("no checkout_url")
        except ValueError:
            raise OutcomeUnknown("the answer to create cannot be read") from None
        return PaymentSession(order.id, order.checkout_url, order.created_at + life if life else None)

    async def fetch_payment(self, external_id: str) -> PaymentUpdate:
        """The state now; of a completed order also its disputes, where the environment has them."""
        return await self._update(await self._api.order(external_id))

    async def find_payment(self, request: PaymentRequest) -> PaymentSession | None:
        """The oldest order with our reference; one that has no page any more leads back to us."""
        made = [order for order in await self._api.named(request.reference) if order.kind in PAID_BY_PAYER]
        return PaymentSession(made[0].id, made[0].checkout_url or request.return_url) if made else None

    async def cancel_payment(self, external_id: str) -> None:
        """Cancels an order that is not paid. Rejected when money has come or is on its way."""
        try:
            await self._api.post(at(external_id, "cancel"))
        except Rejected:
            if not (await self._api.order(external_id)).closed:
                raise

    async def refund_payment(self, request: RefundRequest) -> RefundUpdate:
        """Refunds all or a part of a completed order. A key that was used gives its refund, where Revolut shows it."""
        body = {
            "amount": request.amount.minor,
            "currency": request.amount.currency,
            "merchant_order_data": {"reference": request.reference},
            "metadata": {"reason": request.reason},
        }
        try:
            response = await self._api.post(at(request.external_id, "refund"), body, key=request.idempotency_key)
            return refund_of(Order.read(parsed(response.body)))
        except ValueError:
            raise OutcomeUnknown("the answer to refund cannot be read") from None
        except Refusal as refusal:
            if refusal.status != 409:
                raise
        try:
            made = await self.fetch_refund(request, None)
        except RetryLater as error:
            raise OutcomeUnknown(str(error)) from None
        if made is None:
            raise OutcomeUnknown("the key is in use, and its refund is not shown yet")
        return made

    async def fetch_refund(self, request: RefundRequest, external_id: str | None) -> RefundUpdate | None:
        """The refund's own order; without its id the one with our reference."""
        try:
            if external_id is not None:
                return refund_of(await self._api.order(external_id))
            named = await self._api.named(request.reference)
        except Refusal as refusal:
            if refusal.status == 404:
                return None
            raise RetryLater(refusal.code) from None
        made = [order for order in named if (order.kind, order.refund_of) == (REFUND, request.external_id)]
        return refund_of(made[0]) if made else None

    async def list_payments(self, since: datetime, until: datetime) -> Sequence[PaymentUpdate]:
        """Orders that were changed, refunded or disputed in the span; each is asked for, as a list does not say all.

        Revolut lists by the time of making, so more is read than is given. One that has changed again since is in the later span.
        """
        try:
            orders = await self._api.made_in(Order, since - PAID_WITHIN, until)
        except Refusal as refusal:
            raise RetryLater(refusal.code) from None
        try:
            disputes = await self._api.made_in(Dispute, since - DISPUTED_FOR, until)
        except Refusal:  # there are none but in production
            disputes = []
        touched = {order.id for order in orders if order.kind in PAID_BY_PAYER and since <= order.updated_at < until}
        touched |= {
            order.refund_of or "" for order in orders if order.kind == REFUND and since <= order.updated_at < until
        }
        touched |= {dispute.order_id for dispute in disputes if since <= dispute.updated_at < until}
        wanted, listed = sorted(touched - {""}), []
        for first in range(0, len(wanted), AT_ONCE):
            listed += await asyncio.gather(*map(self._known, wanted[first : first + AT_ONCE]))
        return [update for update in listed if update is not None]

    async def _known(self, order_id: str) -> PaymentUpdate | None:
        """An order as it is now; None when it is none of ours, as a dispute may be about what was not ordered here."""
        try:
            return await self.fetch_payment(order_id)
        except Refusal:
            return None

    async def parse_webhook(self, request: WebhookRequest) -> Sequence[PaymentUpdate]:
        """The order that a proven webhook speaks of, as it is now; nothing for payouts, subscriptions and what is new.

        Its `event_id` is what the webhook says with what the order says: a webhook that is repeated after more has happened is news.
        Raises RetryLater when Revolut does not answer: it calls again. MalformedWebhook when it does not know what it named.
        """
        written = request.headers.get("revolut-request-timestamp")
        if written is None:
            raise InvalidSignature("no time of signing")
        parts = [part.strip().partition("=") for part in request.headers.get("revolut-signature", "").split(",")]
        given = [value for scheme, _, value in parts if scheme == "v1"]
        secrets = (self._settings.webhook_secret, self._settings.webhook_secret_old)
        verify.signed(given, secrets, "v1.", written, ".", request.body)
        verify.recent(written, request.received_at, per_second=1_000)
        try:
            event = parsed(request.body)
            kind = text(event, "event")
            name = "order_id" if kind in ORDER_EVENTS else "dispute_id" if kind in DISPUTE_EVENTS else None
            subject = text(event, name) if name else ""
        except ValueError:
            raise MalformedWebhook from None
        if name is None:
            return ()
        try:
            dispute = await self._api.dispute(subject) if name == "dispute_id" else None
            order = await self._api.order(dispute.order_id if dispute else subject)
            if order.kind == REFUND and order.refund_of is not None:
                order = await self._api.order(order.refund_of)
            if order.kind not in PAID_BY_PAYER:
                return ()
            update = await self._update(order, dispute)
        except Refusal as refusal:
            if refusal.status in (400, 404):
                raise MalformedWebhook("Revolut does not know what it named") from None
            raise RetryLater(refusal.code) from None
        return (replace(update, event_id=f"{kind}:{subject}:{update.event_id}"),)

    async def _update(self, order: Order, dispute: Dispute | None = None) -> PaymentUpdate:
        disputes = await self._disputes(order)
        if dispute is not None:
            disputes = [*(each for each in disputes or () if each.id != dispute.id), dispute]
        try:
            return update_of(order, disputes)
        except ValueError:
            raise RetryLater("the order's disputes cannot be read") from None

    async def _disputes(self, order: Order) -> Sequence[Dispute] | None:
        """Those about an order; None where nobody says: Revolut's sandbox has none, and a payment need not wait for them."""
        if order.state != "completed":
            return ()
        query = [("payment_id", payment.id) for payment in order.payments]
        try:
            return await self._api.some(Dispute, query) if query else None
        except (Refusal, RetryLater):
            return None


def duration(span: timedelta) -> str:
    """Whole seconds as ISO 8601 has them: `PT1H30M`."""
    minutes, seconds = divmod(int(span.total_seconds()), 60)
    hours, minutes = divmod(minutes, 60)
    parts = ((hours, "H"), (minutes, "M"), (seconds, "S"))
    return "PT" + ("".join(f"{number}{unit}" for number, unit in parts if number) or "0S")


def public(url: str) -> bool:
    """Whether Revolut takes it to send the payer back to: it refuses this machine's name and bare addresses."""
    host = urlsplit(url).hostname or "localhost"
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return host != "localhost" and len(url) <= 2_000
    return False


PROVIDER = ProviderPlugin(
    "revolut",
    Settings,
    RevolutProvider,
    methods=(Method("revolut"), Method("card")),
    cancels=True,
    finds_payments=True,
    refunds=True,
    lists_payments=True,
    tells_fee=True,
)

"""EuPlătesc: a signed form to its page, a signed reply to the silent URL, `check_status` as the poll, refunds.

The card is typed on EuPlătesc's page and never comes here. Opening a payment calls nobody: the same try gives the same form,
and the vendor hears of it from the payer's browser. Later notices (`cart_id`, `sec_status`) are not signed: they are a reason
to ask, and nothing in them is believed.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from hashlib import sha256

from gateway.ports import verify
from gateway.ports.errors import (
    InvalidSignature,
    MalformedWebhook,
    NotSupported,
    Rejected,
    RetryLater,
)
from gateway.ports.http import HttpClient
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
from gateway.ports.values import Money, Secret, WebhookRequest
from providers.euplatesc import wire
from providers.euplatesc.service import Service
from providers.euplatesc.wire import Card

S = PaymentStatus
CAPTURED = "error_304"
_LANGUAGES = frozenset({"ro", "en", "fr", "de", "it", "es", "hu"})


@dataclass(frozen=True, slots=True)
class Settings:
    """One merchant account at EuPlătesc."""

    merchant_id: str = field(metadata={"doc": "the MID, from the panel under Integration parameters"})
    secret_key: Secret = field(metadata={"doc": "the KEY beside it, in hex"})
    secret_key_old: Secret | None = field(
        default=None, metadata={"doc": "the key being replaced, still accepted while it is set"}
    )
    user_key: Secret | None = field(
        default=None, metadata={"doc": "the UKEY of a user who may refund; refunds need it"}
    )
    user_api_key: Secret | None = field(default=None, metadata={"doc": "the UAPI key of that user, in hex"})
    sec_status: bool = field(
        default=False, metadata={"doc": "whether the account has the fraud check: then approved counts when it agrees"}
    )
    page_url: str = field(
        default="https://secure.euplatesc.ro/tdsprocess/tranzactd.php", metadata={"doc": "where the form is posted"}
    )
    api_url: str = field(
        default="https://manager.euplatesc.ro/v3/index.php?action=ws", metadata={"doc": "where its web service listens"}
    )

    def __post_init__(self) -> None:
        for name in ("secret_key", "secret_key_old", "user_api_key"):
            key = getattr(self, name)
            try:
                if key is not None and not bytes.fromhex(key.reveal()):
                    raise ValueError
            except ValueError:
                raise ValueError(f"{name}: digits in hex, two for a byte") from None
        if bool(self.user_key) != bool(self.user_api_key):
            raise ValueError("user_key: goes with user_api_key")


class EuPlatescProvider:
    """Fulfils Provider and Refunds."""

    def __init__(self, settings: Settings, http: HttpClient, *, now: Callable[[], datetime] | None = None) -> None:
        self._settings = settings
        self._now = now or (lambda: datetime.now(UTC))
        self._service = Service(settings.api_url, settings.merchant_id, settings.secret_key, http, self._now)

    async def create_payment(self, request: PaymentRequest) -> PaymentSession:
        """The form that the payer's browser posts; nobody is called. The same request gives the same form."""
        external_id = wire.invoice_id(request)
        nonce = verify.hmac_hex_sha256(self._settings.secret_key, "nonce ", request.idempotency_key)[:32]
        values = (
            request.amount.value,
            request.amount.currency,
            external_id,
            wire.description_of(request.description),
            self._settings.merchant_id,
            wire.stamp(request.asked_at or request.expires_at),
            nonce,
        )
        form = dict(zip(wire.ORDER, values, strict=True))
        form["fp_hash"] = wire.mac(wire.unhex(self._settings.secret_key), values)
        form |= {f"ExtraData[{name}]": request.return_url for name in ("successurl", "failedurl", "backtosite")}
        form |= {"ExtraData[silenturl]": request.webhook_url}
        form |= {"ExtraData[ep_method]": "get", "ExtraData[backtosite_method]": "get"}
        form["lang"] = request.locale[:2] if request.locale[:2] in _LANGUAGES else "ro"
        if request.payer_email:
            form["email"] = request.payer_email
        return PaymentSession(external_id, self._settings.page_url, form=form)

    async def fetch_payment(self, external_id: str) -> PaymentUpdate:
        """What all tries under this id come to. One that no browser has posted yet is PENDING."""
        if wire.asked_in(external_id) is None:
            raise Rejected("unknown_payment")
        cards = await self._service.cards({"invoice_id": external_id})
        return self._sum_up(external_id, [card for card in cards if card.invoice_id == external_id])

    async def refund_payment(self, request: RefundRequest) -> RefundUpdate:
        """Gives back all or a part. What the vendor has given back so far says whether this refund is among it.

        A part is NotSupported where nobody says how much that should be (`RefundRequest.refunded`). Money that is not captured yet
        is released: `reversal`, or `partial_capture` of the rest.
        """
        ukey, uapi = self._settings.user_key, self._settings.user_api_key
        if ukey is None or uapi is None:
            raise NotSupported("a refund needs user_key and user_api_key")
        if request.refunded is None and request.amount != request.paid:
            raise NotSupported("a part needs to be told what was given back before it")
        cards, given = await self._paid(request)
        before = request.refunded.minor if request.refunded else 0
        after = before + request.amount.minor
        card = max(cards, key=lambda each: each.left)
        whole = sum(each.amount.minor for each in cards)
        if card.amount.currency != request.amount.currency or not before < after <= whole:
            raise Rejected("invalid_amount")
        if given == after and request.refunded is not None:
            return self._refund(card, request, after, RefundStatus.DONE)
        if given != before:
            raise Rejected("already_refunded")
        if request.amount.minor > card.left:
            raise Rejected("invalid_amount")
        await self._give(card, request, ukey, uapi)
        return self._refund(card, request, after, RefundStatus.DONE)

    async def fetch_refund(self, request: RefundRequest, external_id: str | None) -> RefundUpdate | None:
        """By what the vendor has given back in all. NotSupported where nobody says what that was before this refund."""
        if request.refunded is None and request.amount != request.paid:
            raise NotSupported("the vendor lists no refunds")
        try:
            cards, given = await self._paid(request)
        except Rejected as error:
            raise RetryLater(f"the vendor does not say: {error.code}") from None
        after = (request.refunded.minor if request.refunded else 0) + request.amount.minor
        if given < after and external_id is None:
            return None
        status = RefundStatus.DONE if given >= after else RefundStatus.PENDING
        return self._refund(cards[0], request, after, status)

    async def parse_webhook(self, request: WebhookRequest) -> Sequence[PaymentUpdate]:
        """One update for a signed reply about a payment of ours; for a notice without a signature, what the vendor says."""
        try:
            fields = wire.fields_of(request.body)
        except ValueError:
            raise InvalidSignature("not a form") from None
        if fields.keys() >= wire.HINT and not fields.keys() & wire.PROVEN:
            return await self._asked_about(fields)
        self._proven(fields)
        try:
            card = Card.read(fields)
            if not fields.get("amount") or card.at is None:
                raise ValueError("no amount")
        except ValueError:
            raise MalformedWebhook from None
        if wire.asked_in(card.invoice_id) is None:
            return ()  # of another shop with the same account
        return (self._sum_up(card.invoice_id, [card]),)

    def _proven(self, fields: Mapping[str, str]) -> None:
        names = (*wire.REPLY, "sec_status") if "sec_status" in fields else wire.REPLY
        values = [fields.get(name, "") for name in names]
        keys = (self._settings.secret_key, self._settings.secret_key_old)
        given = fields.get("fp_hash", "").upper() or None
        verify.same(given, *(wire.mac(wire.unhex(key), values) for key in keys if key))
        if fields.get("merch_id", self._settings.merchant_id) != self._settings.merchant_id:
            raise InvalidSignature("signed for another merchant")

    async def _asked_about(self, fields: Mapping[str, str]) -> Sequence[PaymentUpdate]:
        if fields["mid"] != self._settings.merchant_id or not 0 < len(fields["cart_id"]) <= 64:
            raise InvalidSignature("about another merchant")
        try:
            cards = await self._service.cards({"epid": fields["cart_id"]})
            ours = sorted({card.invoice_id for card in cards if wire.asked_in(card.invoice_id)})
            return [await self.fetch_payment(external_id) for external_id in ours]
        except Rejected as error:
            raise RetryLater(f"the vendor does not say: {error.code}") from None

    def _sum_up(self, external_id: str, cards: Sequence[Card]) -> PaymentUpdate:
        """Paid counts, however many tries were not; else the last try speaks. Each approved try is money of its own."""
        checked = self._settings.sec_status
        paid = [card for card in cards if card.said(checked=checked) is S.PAID]
        last = max(cards, key=lambda card: card.at or datetime.min.replace(tzinfo=UTC), default=None)
        status = S.PAID if paid else last.said(checked=checked) if last else S.PENDING
        received = wire.total([card.amount for card in paid])
        refunded = wire.total([card.refunded for card in paid if card.refunded])
        told = (external_id, status, received, refunded, sorted(card.ep_id for card in cards), last and last.message)
        return PaymentUpdate(
            event_id=sha256(repr(told).encode()).hexdigest(),
            external_id=external_id,
            status=status,
            occurred_at=(last.at if last else None) or self._now(),
            received=received,
            reason=last.reason if last and status is S.FAILED else None,
            refunded=refunded,
        )

    async def _paid(self, request: RefundRequest) -> tuple[Sequence[Card], int]:
        """The approved tries of a payment, and how much the vendor has given back of them in all."""
        cards = await self._service.cards({"invoice_id": request.external_id})
        paid = [card for card in cards if card.invoice_id == request.external_id and card.said(checked=False) is S.PAID]
        if not paid:
            raise Rejected("not_refundable")
        return paid, sum(card.refunded.minor for card in paid if card.refunded)

    async def _give(self, card: Card, request: RefundRequest, ukey: Secret, uapi: Secret) -> None:
        """Gives back what is captured; what is not is released: `reversal`, or `partial_capture` of the rest."""
        give = {"method": "refund", "ukey": ukey.reveal(), "amount": request.amount.value, "reason": request.reference}
        release = {"method": "reversal", "ukey": ukey.reveal()}
        rest = card.left - request.amount.minor
        if rest:
            release |= {"method": "partial_capture", "amount": Money(rest, request.amount.currency).value}
        try:
            await self._service.call((give if card.captured else release) | {"epid": card.ep_id}, uapi, submits=True)
        except Rejected as error:
            if card.captured or error.code != CAPTURED:
                raise
            await self._service.call(give | {"epid": card.ep_id}, uapi, submits=True)  # captured meanwhile

    def _refund(self, card: Card, request: RefundRequest, after: int, status: RefundStatus) -> RefundUpdate:
        return RefundUpdate(f"{request.external_id}:{after}", status, request.amount, card.at or self._now())


PROVIDER = ProviderPlugin(
    "euplatesc",
    Settings,
    EuPlatescProvider,
    methods=(Method("card"),),
    currencies=frozenset({"RON", "EUR", "USD"}),
    idempotent=True,
    refunds=True,
    acknowledge=(b"OK", "text/plain"),
)

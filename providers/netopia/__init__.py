"""NETOPIA Payments, API v2: its hosted page, IPNs signed by JWT, `operation/status` as the poll, `operation/credit`.

The card is typed on NETOPIA's page and never comes here. There is no idempotency key: `orderID`, our reference, is unique to
a try, and after an unknown outcome the vendor is asked for it. A payment's external id is `<ntpID>:<orderID>`, for the status
call wants both.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, urlsplit

import orjson

from gateway.ports.errors import MalformedWebhook, NotSupported, OutcomeUnknown, Rejected, RetryLater
from gateway.ports.http import HttpClient, HttpResponse
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
from providers.netopia.proof import proven, public_key
from providers.netopia.wire import APPROVED, CODES, CREDITED, HOME, PAGE, Block, answered_at, code_of, parse

UNKNOWN = "unknown_payment"
COUNTRY, COUNTRY_NAME = 642, "Romania"
NOT_KNOWN = "-"  # a name, a city: wanted by the vendor, and not known here
_EMAIL = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s]+")
_LANGUAGES = frozenset({"ro", "en"})


@dataclass(frozen=True, slots=True)
class Settings:
    """One point of sale at NETOPIA."""

    api_url: str = field(
        metadata={"doc": "the API of your environment, such as https://secure.netopia-payments.com; see the page"}
    )
    api_key: Secret = field(metadata={"doc": "the API key, from the dashboard under Profile, Security"})
    pos_signature: str = field(metadata={"doc": "the signature of the point of sale, XXXX-XXXX-XXXX-XXXX-XXXX"})
    public_key: str = field(metadata={"doc": "NETOPIA's public key or certificate (PEM) that its IPNs are signed with"})
    email: str = field(metadata={"doc": "your own address, given as the payer's where theirs is not known"})
    public_key_old: str | None = field(
        default=None, metadata={"doc": "the key being replaced, still accepted while it is set"}
    )

    def __post_init__(self) -> None:
        for name in ("public_key", "public_key_old"):
            pem = getattr(self, name)
            try:
                if pem is not None:
                    public_key(pem)
            except ValueError:
                raise ValueError(f"{name}: a PEM public key or certificate, of RSA") from None
        if not _EMAIL.fullmatch(self.email):
            raise ValueError("email: an address, such as plati@example.ro")


class NetopiaProvider:
    """Fulfils Provider, FindsPayments and Refunds."""

    def __init__(self, settings: Settings, http: HttpClient) -> None:
        self._settings = settings
        self._http = http
        self._keys = [public_key(pem) for pem in (settings.public_key, settings.public_key_old) if pem]

    async def create_payment(self, request: PaymentRequest) -> PaymentSession:
        """Opens a page for a new `orderID`. One that was used is refused (`order_closed`), never paid twice."""
        response = await self._post("payment/card/start", self._start(request), submits=True)
        try:
            raw = parse(response.body)
            code = code_of(raw)
            if code and code != PAGE and code not in APPROVED:
                raise Rejected(CODES.get(code, f"error_{code}"))
            return _session(Block.read(raw), request)
        except ValueError:
            raise OutcomeUnknown("the answer to start cannot be read") from None

    async def fetch_payment(self, external_id: str) -> PaymentUpdate:
        """The state now, with what was asked for where the vendor repeats it."""
        return (await self._status(external_id))[1]

    async def find_payment(self, request: PaymentRequest) -> PaymentSession | None:
        """The payment of this `orderID`. Rejected (`page_lost`) when it is open and its page's address is not told:
        nobody was sent there, and another try needs another `orderID`.
        """
        try:
            block, _ = await self._status(f":{request.reference}")
        except Rejected as error:
            if error.code == UNKNOWN:
                return None
            raise RetryLater("the vendor does not say what became of it") from None
        if block.page is None and block.said is PaymentStatus.PENDING:
            raise Rejected("page_lost")
        return PaymentSession(_external_id(block, request.reference), block.page or request.return_url)

    async def refund_payment(self, request: RefundRequest) -> RefundUpdate:
        """Gives back all of a payment, once. A part is NotSupported: the vendor takes no key, tells two credits apart by
        nothing, and its IPN of a credit names the whole.
        """
        block, _ = await self._status(request.external_id)
        if block.status == CREDITED:
            raise Rejected("already_refunded")
        if block.said is not PaymentStatus.PAID or block.whole is None:
            raise Rejected("not_refundable")
        if request.amount.currency != block.whole.currency or not 0 < request.amount.minor <= block.whole.minor:
            raise Rejected("invalid_amount")
        if request.amount != block.whole:
            raise NotSupported("a part is given back at the vendor's desk")
        body = {"ntpID": block.ntp_id, "amount": _number(request.amount), "split": []}
        response = await self._post("operation/credit", body, submits=True)
        try:
            raw = parse(response.body)
            code = code_of(raw)
            if code not in APPROVED:
                raise Rejected(CODES.get(code, f"error_{code}"))
            made = Block.read(raw)
            at = made.happened_at or answered_at(response)
        except ValueError:
            raise OutcomeUnknown("the answer to credit cannot be read") from None
        if made.status != CREDITED or made.amount is None or made.amount.minor != request.amount.minor:
            raise OutcomeUnknown("approved, and not credited")  # seen in the sandbox: ask what is true
        return RefundUpdate(f"credit:{block.ntp_id}", RefundStatus.DONE, request.amount, at)

    async def fetch_refund(self, request: RefundRequest, external_id: str | None) -> RefundUpdate | None:
        """By the payment's own status: there is one credit at most. One that was made and is not seen (yet) is PENDING."""
        try:
            block, update = await self._status(request.external_id)
        except Rejected as error:
            raise RetryLater(f"the vendor does not say: {error.code}") from None
        credited = block.status == CREDITED
        if not credited and external_id is None:
            return None
        status = RefundStatus.DONE if credited else RefundStatus.PENDING
        return RefundUpdate(f"credit:{block.ntp_id}", status, request.amount, update.occurred_at)

    async def parse_webhook(self, request: WebhookRequest) -> Sequence[PaymentUpdate]:
        """One update. An IPN that names another currency than we asked in, or a credit (it names the whole payment's
        amount, whatever was credited), is asked about first.
        """
        proven(request, self._keys, self._settings.pos_signature)
        try:
            block = Block.read(parse(request.body))
            if not block.order_id:
                raise ValueError("no orderID")
            external_id = _external_id(block, block.order_id)
            update = block.update("ipn:", external_id, block.happened_at or request.received_at)
        except ValueError:
            raise MalformedWebhook from None
        asked_in = parse_qs(urlsplit(request.url).query).get("currency", [HOME])[0]
        if block.status != CREDITED and (update.received is None or update.received.currency == asked_in):
            return (update,)
        try:
            return ((await self._status(external_id))[1],)
        except Rejected as error:
            raise RetryLater(f"the vendor does not say: {error.code}") from None

    def _start(self, request: PaymentRequest) -> Mapping[str, Any]:
        payer = {
            "email": request.payer_email or self._settings.email,
            "phone": "",
            **dict.fromkeys(("firstName", "lastName", "city", "state"), NOT_KNOWN),
            "country": COUNTRY,
            "countryName": COUNTRY_NAME,
            "postalCode": "",
            "details": "",
        }
        amount, currency = _number(request.amount), request.amount.currency
        line = {
            "name": request.description,
            "code": request.reference,
            "category": "invoice",
            "price": amount,
            "vat": 0,
        }
        browser = {"IP_ADDRESS": request.payer_address, "BROWSER_USER_AGENT": request.payer_agent}
        asked_at = request.asked_at or request.expires_at
        return {
            "config": {
                "emailTemplate": "",
                "emailSubject": "",
                "cancelUrl": request.return_url,
                "notifyUrl": request.webhook_url + ("" if currency == HOME else f"?currency={currency}"),
                "redirectUrl": request.return_url,
                "language": request.locale[:2] if request.locale[:2] in _LANGUAGES else "ro",
            },
            "payment": {
                "options": {"installments": 0, "bonus": 0},
                "instrument": None,
                "data": {name: value for name, value in browser.items() if value},
            },
            "order": {
                "ntpID": "",
                "posSignature": self._settings.pos_signature,
                "dateTime": asked_at.isoformat(timespec="seconds"),
                "description": request.description,
                "orderID": request.reference,
                "amount": amount,
                "currency": currency,
                "billing": payer,
                "shipping": payer,
                "products": [line],
                "installments": {"selected": 0, "available": [0]},
                "data": {},
            },
        }

    async def _status(self, external_id: str) -> tuple[Block, PaymentUpdate]:
        """Raises RetryLater, or Rejected (`unknown_payment`)."""
        ntp_id, _, order_id = external_id.partition(":")
        body = {"posID": self._settings.pos_signature, "ntpID": ntp_id, "orderID": order_id}
        response = await self._post("operation/status", body, submits=False)
        try:
            raw = parse(response.body)
            if not raw.get("payment") and code_of(raw) not in APPROVED | {""}:
                raise Rejected(UNKNOWN)
            block = Block.read(raw)
            if ntp_id not in ("", block.ntp_id) or block.order_id not in ("", order_id):
                raise ValueError("another payment")
            known = external_id if ntp_id else _external_id(block, order_id)
            return block, block.update("poll:", known, block.happened_at or answered_at(response))
        except ValueError:
            raise RetryLater("the answer to status cannot be read") from None

    async def _post(self, path: str, body: Mapping[str, Any], *, submits: bool) -> HttpResponse:
        headers = {"authorization": self._settings.api_key.reveal(), "content-type": "application/json"}
        url = f"{self._settings.api_url.rstrip('/')}/{path}"
        response = await self._http.request("POST", url, headers=headers, body=orjson.dumps(body), submits=submits)
        if 200 <= response.status < 300:
            return response
        if response.status >= 500:
            raise OutcomeUnknown if submits else RetryLater
        raise Rejected(_refusal(response))


def _session(block: Block, request: PaymentRequest) -> PaymentSession:
    if block.page is None:
        raise ValueError("no page")
    return PaymentSession(_external_id(block, request.reference), block.page)


def _external_id(block: Block, order_id: str) -> str:
    return f"{block.ntp_id}:{order_id}"


def _number(amount: Money) -> orjson.Fragment:
    """The amount as a JSON number, digit by digit."""
    return orjson.Fragment(amount.value)


def _refusal(response: HttpResponse) -> str:
    if response.status == 404:
        return UNKNOWN
    try:
        code = code_of(parse(response.body))
    except ValueError:
        code = ""
    return CODES.get(code, f"error_{code}") if code else f"http_{response.status}"


def _answer(kind: int) -> bytes:
    return orjson.dumps({"errorType": kind, "errorCode": "", "errorMessage": ""})


PROVIDER = ProviderPlugin(
    "netopia",
    Settings,
    NetopiaProvider,
    methods=(Method("card"),),
    currencies=frozenset({"RON", "EUR", "USD"}),
    finds_payments=True,
    refunds=True,
    acknowledge=(_answer(0), "application/json"),
    refuse=(_answer(1), _answer(2)),
)

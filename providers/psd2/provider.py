"""Payment initiation at the payer's own bank (PSD2, Berlin Group NextGenPSD2 1.3.11), by redirect or OAuth, with profiles by bank.

The payer authorises at their bank and nowhere else: a bank that would have us ask for its password is refused. The return proves
nothing; the bank is asked. A notification is a hint, and the bank is asked too.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from urllib.parse import parse_qs, quote, urlsplit

import orjson

from gateway.ports.errors import MalformedWebhook, OutcomeUnknown, Rejected, RetryLater
from gateway.ports.http import HttpClient, HttpResponse
from gateway.ports.provider import Choice, PaymentRequest, PaymentSession, PaymentStatus, PaymentUpdate
from gateway.ports.values import WebhookRequest
from providers.psd2 import oauth
from providers.psd2.banks import BANKS, JSON, Bank, OAuth
from providers.psd2.client import Client, request_id
from providers.psd2.oauth import Token
from providers.psd2.settings import Settings
from providers.psd2.status import Status
from providers.psd2.wire import SERVICE, Opened, Order, code_of, order_body, read_json, refusal
from providers.psd2.words import EXPIRED, LATER, NO_MORE, START_AUTHORISATION

_ABOUT = "about"


class Psd2Provider:
    """Fulfils Provider, Cancels, Completes, Chooses and Takes."""

    def __init__(self, settings: Settings, http: HttpClient, now: Callable[[], datetime] | None = None) -> None:
        self._settings = settings
        self._client = Client(settings, http, now or (lambda: datetime.now(UTC)))
        self._status = Status(self._client, accepted_is_paid=settings.accepted_is_paid)

    def choices(self, method: str) -> Sequence[Choice]:
        """The banks on offer, each with the currencies in which the biller has an account and it takes payments."""
        found = []
        for bank in (BANKS[code] for code in self._settings.banks):
            currencies = frozenset(c for c in self._settings.ibans if bank.product(c) is not None)
            if currencies:
                found.append(Choice(bank.code, bank.name, currencies))
        return found

    def takes(self, currency: str) -> bool:
        """Whether one of the banks takes a payment in it to an account of the biller's."""
        return any(choice.currencies and currency in choice.currencies for choice in self.choices(""))

    async def create_payment(self, request: PaymentRequest) -> PaymentSession:
        """Opens a payment at the bank of `request.choice`; where only one is on offer it need not be said."""
        bank = self._bank(request.choice)
        product = bank.product(request.amount.currency)
        if product is None:
            raise Rejected("currency_not_supported")
        headers = self._of_payer(bank, request)
        about = Order(bank, product, request.amount, "-").about
        path = f"/{bank.version}/{SERVICE}/{product}"
        body = order_body(bank, self._settings, request, self._client.now())
        headers["TPP-Notification-URI"] = f"{request.webhook_url}?{_ABOUT}={quote(about, safe='')}"
        headers["TPP-Notification-Content-Preferred"] = "SCA,PROCESS,LAST"
        id_ = request_id("create", request.idempotency_key)
        response = await self._client.call(bank, "POST", path, body=body, headers=headers, id_=id_)
        opened = self._opened(bank, response)
        if opened.status in NO_MORE:
            raise refusal(opened.status)
        if not opened.payment:
            raise OutcomeUnknown("the bank's answer names no payment")
        order = Order(bank, product, request.amount, opened.payment)
        return PaymentSession(order.external_id, await self._where(order, opened, request, headers))

    async def fetch_payment(self, external_id: str) -> PaymentUpdate:
        """The state now. A bank that shows a payment only to who completed it, and has not been told, is PENDING."""
        update, _ = await self._status.of(Order.read(external_id), None)
        return update

    async def fetch_completed(self, external_id: str, kept: str) -> tuple[PaymentUpdate, str]:
        """The state now, seen with the token that the payer's return gave; it is renewed where the bank lets it be."""
        order, token = Order.read(external_id), Token.kept(kept)
        if not token.holds(self._client.now().timestamp()) and token.refresh is not None and order.bank.oauth:
            fields = {"grant_type": "refresh_token", "refresh_token": token.refresh.reveal()}
            try:
                token = await self._client.token(order.bank, await self._token_endpoint(order.bank, ""), fields, token)
            except Rejected:
                pass  # the bank gives no more of them: it is asked without, and says what it says
        update, _ = await self._status.of(order, token)
        return update, token.keep()

    async def complete_payment(
        self, external_id: str, request: PaymentRequest, answer: Mapping[str, str]
    ) -> str | None:
        """Takes the code that the payer came back with to the bank; gives the token to keep, where there is one."""
        order = Order.read(external_id)
        if "error" in answer:
            raise Rejected("cancelled" if answer["error"] == "access_denied" else "authentication_failed")
        if "confirmationCode" in answer:
            await self._confirm(order, answer["confirmationCode"])
        if order.bank.oauth is None or "code" not in answer:
            return None
        fields = {
            "grant_type": "authorization_code",
            "code": answer["code"],
            "redirect_uri": _return_of(order.bank, request),
            "code_verifier": self._proof(request),
        }
        token = await self._client.token(order.bank, await self._token_endpoint(order.bank, ""), fields)
        return token.keep()

    async def cancel_payment(self, external_id: str) -> None:
        """Closes a payment that nobody has authorised. Rejected where it is too late, or the bank would ask the payer for it."""
        order = Order.read(external_id)
        id_ = request_id("cancel", external_id)
        response = await self._client.call(order.bank, "DELETE", order.path, id_=id_)
        if response.status == 204 or code_of(response) == EXPIRED:
            return
        if response.status >= 500:
            raise OutcomeUnknown("the bank broke")
        if response.status == 202:
            raise Rejected("cancellation_needs_the_payer")
        update, _ = await self._status.of(order, None)
        if update.status not in (PaymentStatus.CANCELLED, PaymentStatus.FAILED, PaymentStatus.EXPIRED):
            raise refusal(code_of(response))

    async def parse_webhook(self, request: WebhookRequest) -> Sequence[PaymentUpdate]:
        """A hint, which anybody could send: it names a payment, and the bank is asked. Nothing for one that the bank does not know.

        The amount in the address is part of the id, so that a false one finds no attempt.
        """
        about = parse_qs(urlsplit(request.url).query).get(_ABOUT, [""])[0]
        try:
            payment = read_json(request.body).get("paymentId")
            if not isinstance(payment, str) or not payment:
                raise ValueError("no payment")
            order = Order.read(f"{about}/{quote(payment, safe='')}")
        except (ValueError, Rejected):
            raise MalformedWebhook from None
        try:
            update, _ = await self._status.of(order, None, at=request.received_at)
        except Rejected:
            return ()
        return (update,)

    def _bank(self, choice: str | None) -> Bank:
        offered = self._settings.banks
        code = offered[0] if choice is None and len(offered) == 1 else choice
        if code not in offered:
            raise Rejected("bank_not_offered")
        return BANKS[code]

    def _of_payer(self, bank: Bank, request: PaymentRequest) -> dict[str, str]:
        address = request.payer_address or self._settings.fallback_address
        if address is None:
            raise Rejected("payer_address_missing")
        back = _return_of(bank, request)
        if bank.oauth is None and request.state:
            back += f"?state={quote(request.state, safe='')}"
        headers = {
            "PSU-IP-Address": address,
            "PSU-Accept-Language": request.locale,
            "TPP-Redirect-Preferred": "true",
            "TPP-Redirect-URI": back,
            "TPP-Nok-Redirect-URI": back,
        }
        if request.payer_agent and request.payer_agent.isascii() and request.payer_agent.isprintable():
            headers["PSU-User-Agent"] = request.payer_agent[:250]
        return headers

    def _opened(self, bank: Bank, response: HttpResponse) -> Opened:
        """The answer to a call that opens something. Raises what its refusal means."""
        if response.status in (200, 201):
            try:
                return Opened.read(response, self._settings.base_url(bank.code))
            except ValueError:
                raise OutcomeUnknown("the bank's answer cannot be read") from None
        code = code_of(response)
        if response.status >= 500 or response.status == 408:
            raise OutcomeUnknown(f"the bank answered {response.status}")
        raise RetryLater(code.lower()) if code in LATER else refusal(code)

    async def _where(self, order: Order, opened: Opened, request: PaymentRequest, headers: Mapping[str, str]) -> str:
        """Where the payer authorises. Raises Rejected where that is not at the bank's own page."""
        links, bank = opened.links, order.bank
        if "scaRedirect" not in links and "scaOAuth" not in links:
            start = next((name for name in START_AUTHORISATION if name in links), None)
            if start is None:
                raise Rejected("no_redirect")
            id_ = request_id("authorise", request.idempotency_key)
            path = f"{order.path}/authorisations"
            content = {"body": b"{}", "content_type": JSON}
            response = await self._client.call(bank, "POST", path, headers=headers, id_=id_, **content)  # type: ignore[arg-type]
            links = self._opened(bank, response).links
        if "scaRedirect" in links:
            return links["scaRedirect"]
        if "scaOAuth" not in links or bank.oauth is None:
            raise Rejected("no_redirect")
        endpoint = await self._authorise_endpoint(bank, bank.oauth, links["scaOAuth"])
        return oauth.authorise_url(
            endpoint,
            client_id=self._settings.client_ids[bank.code],
            scope=bank.oauth.scope.format(payment=order.payment),
            state=request.state,
            redirect_uri=_return_of(bank, request),
            proof=self._proof(request),
        )

    async def _authorise_endpoint(self, bank: Bank, how: OAuth, metadata: str) -> str:
        if how.authorise:
            return self._settings.base_url(bank.code) + how.authorise
        return await self._metadata(bank, metadata, "authorization_endpoint")

    async def _token_endpoint(self, bank: Bank, metadata: str) -> str:
        if bank.oauth is not None and bank.oauth.token:
            return bank.oauth.token
        where = metadata or self._settings.base_url(bank.code) + "/.well-known/oauth-authorization-server"
        return await self._metadata(bank, where, "token_endpoint")

    async def _metadata(self, bank: Bank, url: str, name: str) -> str:
        """One of the addresses that a bank's metadata name (RFC 8414). Raises RetryLater."""
        response = await self._client.call(bank, "GET", url)
        try:
            found = read_json(response.body).get(name) if response.status == 200 else None
        except ValueError:
            found = None
        if not isinstance(found, str) or not found.startswith(("https://", "http://")):
            raise RetryLater(f"the bank does not say its {name}")
        return found

    def _proof(self, request: PaymentRequest) -> str:
        if self._settings.pkce_secret is None:
            raise Rejected("pkce_secret_missing")
        return oauth.verifier(self._settings.pkce_secret, request.idempotency_key)

    async def _confirm(self, order: Order, code: str) -> None:
        """Gives the bank the code that the payer came back with, for the authorisation that waits for it."""
        authorisation = await self._status.unconfirmed(order)
        if authorisation is None:
            raise Rejected("nothing_to_confirm")
        path = f"{order.path}/authorisations/{quote(authorisation, safe='')}"
        body = orjson.dumps({"confirmationCode": code})
        id_ = request_id("confirm", f"{order.external_id}:{code}")
        response = await self._client.call(order.bank, "PUT", path, body=body, content_type=JSON, id_=id_)
        if response.status != 200:
            self._opened(order.bank, response)


def _return_of(bank: Bank, request: PaymentRequest) -> str:
    """Where the payer comes back to: the payment's own page, or the one address that the bank was told beforehand."""
    return request.callback_url if bank.oauth and bank.oauth.registered and request.callback_url else request.return_url

"""How a payment goes at its bank: its status, its amount where the bank shows one, and how its authorisation went."""

from __future__ import annotations

from datetime import datetime
from urllib.parse import quote

from gateway.ports.errors import Rejected, RetryLater
from gateway.ports.http import HttpResponse
from gateway.ports.provider import PaymentStatus, PaymentUpdate
from gateway.ports.values import Money
from providers.psd2.client import Client
from providers.psd2.oauth import Token
from providers.psd2.wire import Order, amount_of, answered_at, code_of, read_json, status_of
from providers.psd2.words import EXPIRED, REASONS, SCA_FAILED, STATUSES, UNAUTHORISED, UNCONFIRMED, UNKNOWN_PAYMENT

_UNSEEN = ("TOKEN_", "CONSENT_", "HTTP_401")  # the bank shows this payment to who completed it alone
_MOST = 5  # authorisations that are looked at


class Status:
    """Asks for payments, with the payer's token where there is one."""

    def __init__(self, client: Client, *, accepted_is_paid: bool) -> None:
        self._client = client
        self._accepted_is_paid = accepted_is_paid

    async def of(
        self, order: Order, token: Token | None, *, at: datetime | None = None
    ) -> tuple[PaymentUpdate, Token | None]:
        """The state now, as told `at` that time (else by the bank's clock). Raises Rejected (no such payment), RetryLater."""
        held = token.access if token else None
        response = await self._client.call(order.bank, "GET", f"{order.path}/status", token=held)
        if response.status != 200:
            return self._not_shown(order, response, at), token
        try:
            word = status_of(response)
        except ValueError:
            raise RetryLater("the bank's status cannot be read") from None
        status, reason, received = STATUSES.get(word, PaymentStatus.PENDING), REASONS.get(word), None
        if word in UNAUTHORISED and order.bank.authorisations and await self._authorisation_failed(order, token):
            word, status, reason = SCA_FAILED, PaymentStatus.FAILED, "authentication_failed"
        if status is PaymentStatus.ACCEPTED and self._accepted_is_paid:
            status = PaymentStatus.PAID
        if status is PaymentStatus.PAID:
            received = await self._amount(order, token)
        return self._update(order, response, word, status, reason, received, at), token

    def _not_shown(self, order: Order, response: HttpResponse, at: datetime | None) -> PaymentUpdate:
        """What an answer without a status means. Raises Rejected where the bank knows no such payment, else RetryLater."""
        code = code_of(response)
        if code == EXPIRED:
            return self._update(order, response, code, PaymentStatus.EXPIRED, REASONS[code], None, at)
        if response.status == 401 and order.bank.oauth is not None and code.startswith(_UNSEEN):
            return self._update(order, response, "unseen", PaymentStatus.PENDING, None, None, at)
        if response.status == 404 or (response.status in (400, 403) and code in UNKNOWN_PAYMENT):
            raise Rejected("unknown_payment")
        raise RetryLater(code.lower())

    def _update(
        self,
        order: Order,
        response: HttpResponse,
        word: str,
        status: PaymentStatus,
        reason: str | None,
        received: Money | None,
        at: datetime | None,
    ) -> PaymentUpdate:
        """Without our reference, though banks echo it: a hint with a false amount must not find an attempt by it."""
        event_id = f"{order.external_id}:{word}" + (f":{received.minor}" if received else "")
        told_at = at or answered_at(response, self._client.now())
        return PaymentUpdate(event_id, order.external_id, status, told_at, received, reason=reason)

    async def _amount(self, order: Order, token: Token | None) -> Money:
        """What the bank's details say, where it shows them; else what the payer authorised."""
        if order.bank.details:
            held = token.access if token else None
            response = await self._client.call(order.bank, "GET", order.path, token=held)
            said = amount_of(response) if response.status == 200 else None
            if said is not None:
                return said
        return order.amount

    async def unconfirmed(self, order: Order) -> str | None:
        """The authorisation that waits for the code of the payer's return; where none says so, the only one."""
        ids = await self._authorisations(order, None)
        for each in ids:
            if await self._sca(order, each, None) == UNCONFIRMED:
                return each
        return ids[0] if len(ids) == 1 else None

    async def _authorisation_failed(self, order: Order, token: Token | None) -> bool:
        """Whether every try of the payer to authorise has failed; a bank that does not say is taken to wait."""
        ids = await self._authorisations(order, token)
        for each in ids:
            if await self._sca(order, each, token) != SCA_FAILED:
                return False
        return bool(ids)

    async def _sca(self, order: Order, authorisation: str, token: Token | None) -> object:
        path = f"{order.path}/authorisations/{quote(authorisation, safe='')}"
        response = await self._client.call(order.bank, "GET", path, token=token.access if token else None)
        try:
            return read_json(response.body).get("scaStatus") if response.status == 200 else None
        except ValueError:
            return None

    async def _authorisations(self, order: Order, token: Token | None) -> list[str]:
        held = token.access if token else None
        response = await self._client.call(order.bank, "GET", f"{order.path}/authorisations", token=held)
        try:
            ids = read_json(response.body).get("authorisationIds") if response.status == 200 else []
        except ValueError:
            return []
        return [each for each in ids[:_MOST] if isinstance(each, str)] if isinstance(ids, list) else []

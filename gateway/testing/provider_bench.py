"""What a provider brings to `ProviderContract`: the adapter, a stand-in of its vendor, and the vendor's pen.

A bench is made afresh for each case. It must not soften what the vendor does: a contract is only as true as its bench.
"""

from __future__ import annotations

import dataclasses
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

import aiohttp

from gateway.ports.errors import NotSupported
from gateway.ports.http import HttpClient, HttpResponse
from gateway.ports.provider import PaymentSession, Provider, ProviderPlugin
from gateway.ports.values import Money, Secret, WebhookRequest
from gateway.testing.clock import FakeClock


class Fault(StrEnum):
    """What the next create or refund call meets at the vendor; what is made is a payment or a refund."""

    RATE_LIMITED = "rate_limited"  # 429, with the vendor's wish in `retry_after_s`
    UNAVAILABLE = "unavailable"  # 503
    SERVER_ERROR = "server_error"  # 500
    REFUSED = "refused"  # the vendor's own refusal, for good
    HANGS = "hangs"  # it is made and no answer comes
    CUT_MADE = "cut_made"  # it is made, and the connection breaks instead of an answer
    CUT_NOT_MADE = "cut_not_made"  # the connection breaks and nothing was made


class Happening(StrEnum):
    """What becomes of a payment at the vendor."""

    PAID = "paid"  # all of it, or the rest of it
    PART = "part"  # less than was asked
    DECLINED = "declined"
    EXPIRED = "expired"
    LATE = "late"  # the money, after EXPIRED
    REVERSED = "reversed"  # the money is taken back, after PAID
    REFUNDED = "refunded"  # the biller gives all of it back at the vendor's own desk, after PAID


class Key(StrEnum):
    """Who signs a webhook."""

    PRESENT = "present"
    OLD = "old"  # the one being replaced
    BOTH = "both"  # as vendors do while it is being replaced
    STRANGER = "stranger"


@dataclass(frozen=True, slots=True)
class Sent:
    """A request as it went to the vendor."""

    method: str
    url: str
    headers: Mapping[str, str]
    body: bytes


class Wire:
    """An HttpClient that writes down what passes and, when `patience_s` is set, waits no longer than that."""

    def __init__(self, http: HttpClient) -> None:
        self._http = http
        self.sent: list[Sent] = []
        self.patience_s: float | None = None

    async def request(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        body: bytes | None = None,
        submits: bool,
        timeout_s: float = 15.0,
    ) -> HttpResponse:
        self.sent.append(Sent(method, url, dict(headers or {}), body or b""))
        timeout_s = timeout_s if self.patience_s is None else min(timeout_s, self.patience_s)
        return await self._http.request(method, url, headers=headers, body=body, submits=submits, timeout_s=timeout_s)


class ProviderBench(ABC):
    """The things that only a provider's own tests can know. What the vendor does not have raises NotSupported: the case is skipped.

    `settings` accept webhooks by `Key.PRESENT` alone, `rotating` (None when the vendor has no such thing) by `Key.OLD`
    too. `timed` says that a signature covers the time of signing, `signed` that there is a signature at all.
    """

    plugin: ProviderPlugin[Any]
    settings: Any
    rotating: Any = None
    signed = True
    timed = True
    retry_after_s: float | None = None
    wire: Wire
    clock: FakeClock

    def provider(self, settings: Any = None) -> Any:
        """The adapter under test, with `settings` or the usual ones. It fulfils what its plugin declares."""
        provider: Provider = self.plugin.create(settings or self.settings, self.wire)
        return provider

    @abstractmethod
    def arm(self, fault: Fault) -> None:
        """The next create call meets `fault`. Raises NotSupported where creating a payment calls nobody."""

    @abstractmethod
    async def vanish(self) -> None:
        """The vendor stops listening: connections are refused."""

    @abstractmethod
    def made(self, reference: str) -> int:
        """How many payments the vendor has made for `reference`."""

    async def arrive(self, session: PaymentSession) -> None:
        """The payer's browser does what the page tells it: posts the form, if there is one, and the vendor takes it."""
        if session.form is None:
            return
        async with (
            aiohttp.ClientSession() as browser,
            browser.post(session.redirect_url, data=dict(session.form), allow_redirects=False) as answer,
        ):
            assert answer.status < 400, f"the vendor refuses the form: {answer.status} {await answer.text()}"

    @abstractmethod
    async def happen(self, external_id: str, happening: Happening) -> None:
        """Lets it happen at the vendor. Raises NotSupported where the vendor knows no such thing."""

    @abstractmethod
    def webhook_body(
        self,
        external_id: str,
        *,
        status: str | None = None,
        event_type: str | None = None,
        amount: Money | None = None,
    ) -> bytes:
        """What the vendor posts about the payment as it is now, or with a status or an event type of this name.

        With an `amount` it says that this was paid. Raises NotSupported where the vendor's webhooks say no such thing, or there are none.
        """

    def of_another(self, body: bytes, external_id: str, reference: str) -> bytes:
        """The same webhook about a payment that the account never made: neither this id nor our reference is in it."""
        for ours in (external_id, reference):
            body = body.replace(ours.encode(), ours[:-1].encode() + (b"0" if ours[-1] != "0" else b"1"))
        return body

    def arm_refund(self, fault: Fault) -> None:
        """The next refund call meets `fault`."""
        raise NotSupported("the vendor gives nothing back")

    def refunded(self, external_id: str) -> int:
        """How much of the payment the vendor has given back, in minor units; what is on its way counts."""
        raise NotSupported("the vendor gives nothing back")

    async def fail_refund(self, external_id: str) -> None:
        """The vendor finds that the payment's last refund, which it had taken, cannot be done."""
        raise NotSupported("a refund does not fail later")

    @abstractmethod
    def sign(self, body: bytes, signed_at: datetime, key: Key = Key.PRESENT) -> WebhookRequest:
        """`body` as the vendor's webhook, signed at that time and received now. Raises NotSupported where there are none."""

    def unsigned(self, body: bytes) -> WebhookRequest:
        """`body` as anybody could post it."""
        headers = {"content-type": "application/json"}
        try:
            return dataclasses.replace(self.sign(body, self.clock.now()), headers=headers)
        except NotSupported:
            return WebhookRequest(body, headers, "http://127.0.0.1:9/hooks/providers/acme.pay", self.clock.now())

    def secrets(self) -> tuple[str, ...]:
        """Every secret in the settings, in the clear."""
        values = [getattr(self.rotating or self.settings, each.name) for each in dataclasses.fields(self.settings)]
        return tuple(value.reveal() for value in values if isinstance(value, Secret))

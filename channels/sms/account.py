"""One Twilio account and what its two faces, SMS and WhatsApp, have in common: its SDK on our HTTP client, its webhooks.

Twilio has no idempotency key, so a send with an unknown outcome is looked up before it is sent again.
Facts: twilio.com/docs Messages resource, error codes (read 2026-11-23).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from twilio.base.values import unset
from twilio.rest import Client

from channels.sms.signature import verified_form
from channels.sms.transport import UNREACHABLE, Transport, vendor_errors
from gateway.ports.channel import ChannelEvent, DeliveryStatus, DeliveryUpdate, InboundMessage, Message, SendResult
from gateway.ports.errors import MalformedWebhook
from gateway.ports.gsm7 import segments
from gateway.ports.http import HttpClient
from gateway.ports.values import Secret, WebhookRequest

_STATUSES = {
    **dict.fromkeys(["accepted", "scheduled", "queued", "sending", "sent", "partially_delivered"], DeliveryStatus.SENT),
    **dict.fromkeys(["failed", "undelivered", "canceled"], DeliveryStatus.FAILED),
    "delivered": DeliveryStatus.DELIVERED,
    "read": DeliveryStatus.READ,
}
_CLOCKS_APART = timedelta(seconds=5)


@dataclass(frozen=True, slots=True)
class Account:
    """The settings that every face has. Raises ValueError that names the field at fault."""

    account_sid: str = field(metadata={"doc": "Account SID, AC…"})
    auth_token: Secret = field(metadata={"doc": "Auth token; proves Twilio's webhooks, also when sending by API key."})
    auth_token_secondary: Secret | None = field(
        default=None, metadata={"doc": "Secondary auth token, accepted while the tokens are being changed."}
    )
    from_number: str | None = field(
        default=None, metadata={"doc": "Sender: a number in E.164; for SMS also a name (one-way)."}
    )
    messaging_service_sid: str | None = field(default=None, metadata={"doc": "Or a Messaging Service, MG…"})
    api_key_sid: str | None = field(default=None, metadata={"doc": "API key to send with, SK…"})
    api_key_secret: Secret | None = field(default=None, metadata={"doc": "Its secret."})
    api_url: str = field(default="https://api.twilio.com", metadata={"doc": "Base URL of the API."})
    timeout_s: float = field(default=15.0, metadata={"doc": "Seconds to wait for an answer."})

    def __post_init__(self) -> None:
        if bool(self.from_number) == bool(self.messaging_service_sid):
            raise ValueError("from_number: give it, or messaging_service_sid, and not both")
        if bool(self.api_key_sid) != bool(self.api_key_secret):
            raise ValueError("api_key_sid: goes with api_key_secret")

    @property
    def login(self) -> tuple[str, str]:
        """User name and password of the API."""
        if self.api_key_sid and self.api_key_secret:
            return self.api_key_sid, self.api_key_secret.reveal()
        return self.account_sid, self.auth_token.reveal()


class TwilioChannel:
    """One account; `scheme` stands before each address on the wire. A face adds what it sends and how it reads words."""

    scheme = ""

    def __init__(self, settings: Account, http: HttpClient) -> None:
        self._account = settings
        user, password = settings.login
        self._client = Client(  # type: ignore[no-untyped-call]
            user,
            password,
            account_sid=settings.account_sid,
            http_client=Transport(http, settings.timeout_s),
            environment={"": ""},  # keeps TWILIO_EDGE and TWILIO_REGION of the process out; an empty one would not
        )
        self._client.api.base_url = settings.api_url.rstrip("/")

    async def aclose(self) -> None:
        """Holds no connection of its own."""

    async def parse_webhook(self, request: WebhookRequest) -> Sequence[ChannelEvent]:
        """A status callback becomes a DeliveryUpdate, a reply an InboundMessage. Twilio repeats both, in any order."""
        form = verified_form(request, (self._account.auth_token, self._account.auth_token_secondary))
        sid, status, code = form.get("MessageSid"), form.get("MessageStatus"), form.get("ErrorCode") or None
        if sid and status:
            known = _STATUSES.get(status, DeliveryStatus.UNKNOWN)
            unreachable = known is DeliveryStatus.FAILED and code in UNREACHABLE
            return [DeliveryUpdate(f"{sid}:{status}", sid, known, request.received_at, code, unreachable)]
        sender = form.get("From", "").removeprefix(self.scheme)
        if not sid or not sender or "Body" not in form:
            raise MalformedWebhook("neither a receipt nor a message")
        return [self._said(form, sid, sender, request.received_at)]

    def _said(self, form: Mapping[str, str], sid: str, sender: str, at: datetime) -> InboundMessage:
        raise NotImplementedError

    async def _create(self, message: Message, text: str, **content: Any) -> SendResult:
        """Hands over `content`, which reads as `text`."""
        settings = self._account
        with vendor_errors(submits=True):
            sent = await self._client.messages.create_async(
                to=self.scheme + message.to,
                from_=self.scheme + settings.from_number if settings.from_number else unset,
                messaging_service_sid=settings.messaging_service_sid or unset,
                status_callback=message.receipt_url or unset,
                **content,
            )
            return _result(sent.sid, sent.num_segments, text)

    async def _find(self, message: Message, text: str, since: datetime) -> SendResult | None:
        """Looks for this text among the last 100 messages to that number; RetryLater when Twilio cannot say.

        Not filtered by `DateSent`: a message that still waits in Twilio's queue has none, and would be sent twice.
        """
        earliest = since - _CLOCKS_APART
        with vendor_errors(submits=False):
            to = self.scheme + message.to
            for found in await self._client.messages.list_async(to=to, limit=100, page_size=100):
                since_then = found.date_created is not None and found.date_created >= earliest
                if since_then and found.body == text and str(found.direction) != "inbound":
                    return _result(found.sid, found.num_segments, text)
        return None


def _result(sid: str | None, counted: str | None, text: str) -> SendResult:
    if not sid:
        raise ValueError("an answer without a SID")
    # A Messaging Service counts only after it has chosen a sender, and says "0" until then.
    return SendResult(sid, segments=int(counted or 0) or segments(text))

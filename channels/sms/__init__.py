"""SMS by Twilio: its SDK on our HTTP client; signed receipts and replies in.

Twilio has no idempotency key, so a send with an unknown outcome is looked up (`find_sent`) before it is sent again.
It must not shorten links, cut a text, or read an opt-out that Twilio does not act upon.
Facts: twilio.com/docs Messages resource, error codes, Advanced Opt-Out (read 2026-11-23).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from twilio.base.values import unset
from twilio.rest import Client

from channels.sms.signature import verified_form
from channels.sms.transport import UNREACHABLE, Transport, vendor_errors
from gateway.ports.channel import (
    ChannelEvent,
    ChannelPlugin,
    DeliveryStatus,
    DeliveryUpdate,
    InboundMessage,
    Message,
    SendResult,
)
from gateway.ports.errors import MalformedWebhook, Rejected
from gateway.ports.gsm7 import segments, transliterated
from gateway.ports.http import HttpClient
from gateway.ports.values import Limits, Secret, WebhookRequest

LIMITS = Limits(text=1600, per_second=10.0, concurrency=10)
_STATUSES = {
    **dict.fromkeys(["accepted", "scheduled", "queued", "sending", "sent", "partially_delivered"], DeliveryStatus.SENT),
    **dict.fromkeys(["failed", "undelivered", "canceled"], DeliveryStatus.FAILED),
    "delivered": DeliveryStatus.DELIVERED,
    "read": DeliveryStatus.READ,
}
# Twilio itself stops and starts on these when they are the whole message, also without Advanced Opt-Out.
_STOP = frozenset(["STOP", "STOPALL", "UNSUBSCRIBE", "CANCEL", "END", "QUIT", "REVOKE", "OPTOUT"])
_START = frozenset(["START", "YES", "UNSTOP"])
_E164 = re.compile(r"\+[1-9][0-9]{6,14}", re.ASCII)
_CLOCKS_APART = timedelta(seconds=5)


@dataclass(frozen=True, slots=True)
class Settings:
    """One biller's Twilio account. Raises ValueError that names the field at fault."""

    account_sid: str = field(metadata={"doc": "Account SID, AC…"})
    auth_token: Secret = field(metadata={"doc": "Auth token; proves Twilio's webhooks, also when sending by API key."})
    auth_token_secondary: Secret | None = field(
        default=None, metadata={"doc": "Secondary auth token, accepted while the tokens are being changed."}
    )
    from_number: str | None = field(default=None, metadata={"doc": "Sender: a number in E.164, or a name (one-way)."})
    messaging_service_sid: str | None = field(default=None, metadata={"doc": "Or a Messaging Service, MG…"})
    api_key_sid: str | None = field(default=None, metadata={"doc": "API key to send with, SK…"})
    api_key_secret: Secret | None = field(default=None, metadata={"doc": "Its secret."})
    transliterate: bool = field(
        default=True, metadata={"doc": "Write ă as a where that keeps a text in the cheap alphabet (GSM-7)."}
    )
    api_url: str = field(default="https://api.twilio.com", metadata={"doc": "Base URL of the API."})
    timeout_s: float = field(default=15.0, metadata={"doc": "Seconds to wait for an answer."})

    def __post_init__(self) -> None:
        if bool(self.from_number) == bool(self.messaging_service_sid):
            raise ValueError("from_number: give it, or messaging_service_sid, and not both")
        if bool(self.api_key_sid) != bool(self.api_key_secret):
            raise ValueError("api_key_sid: goes with api_key_secret")


class SmsChannel:
    """One Twilio account."""

    def __init__(self, settings: Settings, http: HttpClient) -> None:
        self._settings = settings
        key = settings.api_key_secret
        self._client = Client(  # type: ignore[no-untyped-call]
            settings.api_key_sid if key else settings.account_sid,
            (key or settings.auth_token).reveal(),
            account_sid=settings.account_sid,
            http_client=Transport(http, settings.timeout_s),
            environment={"": ""},  # keeps TWILIO_EDGE and TWILIO_REGION of the process out; an empty one would not
        )
        self._client.api.base_url = settings.api_url.rstrip("/")

    async def send(self, message: Message) -> SendResult:
        """Returns Twilio's SID and the number of segments. Buttons are not sent: the text holds the link."""
        text = self._text(message)
        if len(text) > LIMITS.text:
            raise Rejected("text_too_long")
        if _E164.fullmatch(message.to) is None:
            raise Rejected("21211", "not a number in E.164", unreachable=True)
        settings = self._settings
        with vendor_errors(submits=True):
            sent = await self._client.messages.create_async(
                to=message.to,
                body=text,
                from_=settings.from_number or unset,
                messaging_service_sid=settings.messaging_service_sid or unset,
                status_callback=message.receipt_url or unset,
            )
            return _result(sent.sid, sent.num_segments, text)

    async def find_sent(self, message: Message, since: datetime) -> SendResult | None:
        """Looks for this text among the last 100 messages to that number; RetryLater when Twilio cannot say.

        Not filtered by `DateSent`: a message that still waits in Twilio's queue has none, and would be sent twice.
        """
        text, earliest = self._text(message), since - _CLOCKS_APART
        with vendor_errors(submits=False):
            for found in await self._client.messages.list_async(to=message.to, limit=100, page_size=100):
                since_then = found.date_created is not None and found.date_created >= earliest
                if since_then and found.body == text and str(found.direction) != "inbound":
                    return _result(found.sid, found.num_segments, text)
        return None

    async def parse_webhook(self, request: WebhookRequest) -> Sequence[ChannelEvent]:
        """A status callback becomes a DeliveryUpdate, a reply an InboundMessage. Twilio repeats both, in any order."""
        form = verified_form(request, (self._settings.auth_token, self._settings.auth_token_secondary))
        sid, status, code = form.get("MessageSid"), form.get("MessageStatus"), form.get("ErrorCode") or None
        if sid and status:
            known = _STATUSES.get(status, DeliveryStatus.UNKNOWN)
            unreachable = known is DeliveryStatus.FAILED and code in UNREACHABLE
            return [DeliveryUpdate(f"{sid}:{status}", sid, known, request.received_at, code, unreachable)]
        if not sid or not form.get("From") or "Body" not in form:
            raise MalformedWebhook("neither a receipt nor a message")
        word, verdict = form["Body"].strip().upper(), form.get("OptOutType", "").upper()
        return [
            InboundMessage(
                event_id=sid,
                external_id=sid,
                address=form["From"],
                text=form["Body"],
                occurred_at=request.received_at,
                stop=verdict == "STOP" or (not verdict and word in _STOP),
                start=verdict == "START" or (not verdict and word in _START),
            )
        ]

    async def aclose(self) -> None:
        """Holds no connection of its own."""

    def _text(self, message: Message) -> str:
        return transliterated(message.text) if self._settings.transliterate else message.text


def _result(sid: str | None, counted: str | None, text: str) -> SendResult:
    if not sid:
        raise ValueError("an answer without a SID")
    # A Messaging Service counts only after it has chosen a sender, and says "0" until then.
    return SendResult(sid, segments=int(counted or 0) or segments(text))


CHANNEL = ChannelPlugin(
    "sms",
    Settings,
    SmsChannel,
    address="phone",
    limits=LIMITS,
    finds_sent=True,
    replies=True,
    receipts=True,
    acknowledge=(b"<Response/>", "text/xml"),
)

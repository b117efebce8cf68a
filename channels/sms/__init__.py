"""SMS by Twilio: texts out, signed receipts and replies in. `channels.sms.whatsapp` is the same account's other face.

It must not shorten links, cut a text, or read an opt-out that Twilio does not act upon.
Facts: twilio.com/docs Messages resource, Advanced Opt-Out (read 2026-11-23).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from channels.sms.account import Account, TwilioChannel
from gateway.ports.channel import ChannelPlugin, InboundMessage, Message, SendResult
from gateway.ports.errors import Rejected
from gateway.ports.gsm7 import transliterated
from gateway.ports.http import HttpClient
from gateway.ports.values import Limits

LIMITS = Limits(text=1600, per_second=10.0, concurrency=10)
# Twilio itself stops and starts on these when they are the whole message, also without Advanced Opt-Out.
_STOP = frozenset(["STOP", "STOPALL", "UNSUBSCRIBE", "CANCEL", "END", "QUIT", "REVOKE", "OPTOUT"])
_START = frozenset(["START", "YES", "UNSTOP"])
_E164 = re.compile(r"\+[1-9][0-9]{6,14}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Settings(Account):
    """One biller's Twilio account. Raises ValueError that names the field at fault."""

    transliterate: bool = field(
        default=True, metadata={"doc": "Write ă as a where that keeps a text in the cheap alphabet (GSM-7)."}
    )


class SmsChannel(TwilioChannel):
    """One Twilio account."""

    def __init__(self, settings: Settings, http: HttpClient) -> None:
        super().__init__(settings, http)
        self._settings = settings

    @property
    def one_way(self) -> bool:
        """A sender that is a name takes no answers; numbers, short ones too, and Messaging Services do."""
        return any(letter.isalpha() for letter in self._settings.from_number or "")

    async def send(self, message: Message) -> SendResult:
        """Returns Twilio's SID and the number of segments. Buttons are not sent: the text holds the link."""
        text = self._text(message)
        if len(text) > LIMITS.text:
            raise Rejected("text_too_long")
        if _E164.fullmatch(message.to) is None:
            raise Rejected("21211", "not a number in E.164", unreachable=True)
        return await self._create(message, text, body=text)

    async def find_sent(self, message: Message, since: datetime) -> SendResult | None:
        """Looks for this text among the last 100 messages to that number; RetryLater when Twilio cannot say."""
        return await self._find(message, self._text(message), since)

    def _said(self, form: Mapping[str, str], sid: str, sender: str, at: datetime) -> InboundMessage:
        word, verdict = form["Body"].strip().upper(), form.get("OptOutType", "").upper()
        return InboundMessage(
            event_id=sid,
            external_id=sid,
            address=sender,
            text=form["Body"],
            occurred_at=at,
            stop=verdict == "STOP" or (not verdict and word in _STOP),
            start=verdict == "START" or (not verdict and word in _START),
        )

    def _text(self, message: Message) -> str:
        return transliterated(message.text) if self._settings.transliterate else message.text


CHANNEL = ChannelPlugin(
    "sms",
    Settings,
    SmsChannel,
    address="phone",
    limits=LIMITS,
    finds_sent=True,
    replies=True,
    one_way=True,
    receipts=True,
    acknowledge=(b"<Response/>", "text/xml"),
)

"""WhatsApp through Twilio on its bench: that of SMS, with a WhatsApp sender."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from urllib.parse import urlencode

from channels.sms.whatsapp import CHANNEL, Settings
from gateway.demo.twilio_whatsapp import TwilioWhatsAppStandIn
from gateway.outbound import OutboundClient
from gateway.ports.channel import DeliveryStatus
from gateway.ports.values import Secret
from gateway.testing.channel_bench import Key
from gateway.testing.clock import FakeClock
from tests.channels.sms_bench import STATUSES, TOKENS, SmsBench


class SmsWhatsAppBench(SmsBench):
    plugin = CHANNEL
    twilio: TwilioWhatsAppStandIn
    settings: Settings

    def settings_with(self, **changes: object) -> Settings:  # type: ignore[override]
        usual: dict[str, object] = {
            "account_sid": self.twilio.account_sid,
            "auth_token": Secret(TOKENS[Key.PRESENT]),
            "from_number": self.twilio.number,
            "api_url": self.twilio.url,
            "content_url": self.twilio.url,
            "timeout_s": 10.0,
        }
        return Settings(**{**usual, **changes})  # type: ignore[arg-type]

    def receipt_body(self, external_id: str, status: DeliveryStatus, *, hard: bool = False) -> bytes:
        fields = {
            "MessageSid": external_id,
            "MessageStatus": STATUSES.get(status, status.value),
            "To": f"whatsapp:{self.address}",
            "ChannelPrefix": "whatsapp",
        }
        if status is DeliveryStatus.FAILED:
            fields["ErrorCode"] = "63024" if hard else "63016"
        return urlencode(fields).encode()

    def reply_body(self, external_id: str, text: str) -> bytes:
        return self.said_body(text)

    def said_body(self, text: str, **more: str) -> bytes:
        fields = {
            "MessageSid": f"SM{text.encode().hex():0>32}"[:34],
            "From": f"whatsapp:{self.address}",
            "To": f"whatsapp:{self.twilio.number}",
            "Body": text,
            "NumMedia": "0",
            "ProfileName": "Ana",
            "WaId": self.address.removeprefix("+"),
            **more,
        }
        return urlencode(fields).encode()


@contextlib.asynccontextmanager
async def open_bench() -> AsyncIterator[SmsWhatsAppBench]:
    clock = FakeClock()
    twilio = TwilioWhatsAppStandIn(auth_token=TOKENS[Key.PRESENT], receipts=False, now=clock.now)
    twilio.retry_after_s = 7
    async with twilio, OutboundClient(clock) as http:
        await twilio.reply("+40712345678", "bună")
        bench = SmsWhatsAppBench(http, clock, twilio)
        yield bench
        await bench.aclose()

"""The SMS channel on its bench: the demo's Twilio, whose calls back are signed by Twilio's own code."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from datetime import datetime
from urllib.parse import parse_qsl, urlencode

from twilio.request_validator import RequestValidator

from channels.sms import CHANNEL, Settings
from gateway.demo import standin
from gateway.demo.twilio import TwilioStandIn
from gateway.outbound import OutboundClient
from gateway.ports.channel import DeliveryStatus
from gateway.ports.http import HttpClient
from gateway.ports.values import Secret, WebhookRequest
from gateway.testing.channel_bench import ChannelBench, Fault, Key
from gateway.testing.clock import FakeClock

HOOK = "https://pay.example.ro/hooks/channels/acme.sms"
TOKENS = {Key.PRESENT: "token-of-the-present", Key.OLD: "token-of-the-past", Key.STRANGER: "token-of-a-stranger"}
_FAULTS = {
    Fault.RATE_LIMITED: standin.Fault.THROTTLED,
    Fault.UNAVAILABLE: standin.Fault.UNAVAILABLE,
    Fault.SERVER_ERROR: standin.Fault.BROKEN,
    Fault.HANGS_TAKEN: standin.Fault.LOSE_ANSWER,
    Fault.HANGS_NOT_TAKEN: standin.Fault.HANG,
}
STATUSES = {DeliveryStatus.FAILED: "undelivered", DeliveryStatus.UNKNOWN: "teleported"}


class SmsBench(ChannelBench):
    plugin = CHANNEL
    address = "+40712345678"
    retry_after_s = 7.0
    nonsense = (b"foo=bar", b"MessageSid=", b"MessageSid=SM1", b"MessageStatus=sent", b"null", b"{}", b"\x00" * 100)

    def __init__(self, http: HttpClient, clock: FakeClock, twilio: TwilioStandIn) -> None:
        super().__init__()
        self.http = http
        self.clock = clock
        self.twilio = twilio
        self.settings = self.settings_with()
        self.rotating = self.settings_with(auth_token_secondary=Secret(TOKENS[Key.OLD]))

    def settings_with(self, **changes: object) -> Settings:
        usual: dict[str, object] = {
            "account_sid": self.twilio.account_sid,
            "auth_token": Secret(TOKENS[Key.PRESENT]),
            "from_number": self.twilio.number,
            "api_url": self.twilio.url,
            "timeout_s": 10.0,
        }
        return Settings(**{**usual, **changes})  # type: ignore[arg-type]

    def now(self) -> datetime:
        return self.clock.now()

    def arm(self, fault: Fault | None) -> None:
        self.twilio.fault = _FAULTS.get(fault) if fault else None
        self.twilio.unsubscribed = {self.address} if fault is Fault.UNREACHABLE else set()
        if fault is Fault.REFUSED:
            self.twilio.number = "+40399999999"  # no longer the account's

    async def vanish(self) -> None:
        await self.twilio.aclose()

    def taken(self) -> Sequence[str]:
        return [message.body for message in self.twilio.messages]

    def external_ids(self) -> Sequence[str]:
        return [message.sid for message in self.twilio.messages]

    def receipt_body(self, external_id: str, status: DeliveryStatus, *, hard: bool = False) -> bytes:
        fields = {"MessageSid": external_id, "MessageStatus": STATUSES.get(status, status.value), "To": self.address}
        if status is DeliveryStatus.FAILED:
            fields["ErrorCode"] = "30005" if hard else "30003"
        return urlencode(fields).encode()

    def reply_body(self, external_id: str, text: str) -> bytes:
        sid = f"SM{text.encode().hex():0>32}"
        fields = {"MessageSid": sid, "SmsStatus": "received", "From": self.address, "Body": text, "ApiVersion": "2010"}
        return urlencode(fields).encode()

    def sign(self, body: bytes, key: Key = Key.PRESENT) -> WebhookRequest:
        fields: Mapping[str, str] = dict(parse_qsl(body.decode(), keep_blank_values=True))
        proof = RequestValidator(TOKENS[key]).compute_signature(HOOK, fields)
        unsigned = self.unsigned(body)
        return WebhookRequest(body, {**unsigned.headers, "x-twilio-signature": proof}, HOOK, unsigned.received_at)

    def unsigned(self, body: bytes) -> WebhookRequest:
        return WebhookRequest(body, {"content-type": "application/x-www-form-urlencoded"}, HOOK, self.clock.now())

    def wrong_shapes(self, body: bytes) -> Iterator[bytes]:
        fields = dict(parse_qsl(body.decode(), keep_blank_values=True))
        for name in fields:
            yield urlencode({other: value for other, value in fields.items() if other != name}).encode()
            for value in ("", "x", "\x00", "😀" * 2000, "-1"):
                yield urlencode({**fields, name: value}).encode()


@contextlib.asynccontextmanager
async def open_bench() -> AsyncIterator[SmsBench]:
    clock = FakeClock()
    twilio = TwilioStandIn(auth_token=TOKENS[Key.PRESENT], receipts=False, now=clock.now)
    twilio.retry_after_s = 7
    async with twilio, OutboundClient(clock) as http:
        bench = SmsBench(http, clock, twilio)
        yield bench
        await bench.aclose()

"""The WhatsApp channel on its bench: the demo's Cloud API."""

from __future__ import annotations

import contextlib
import hashlib
import hmac
import json
from collections.abc import AsyncIterator, Iterator, Sequence
from datetime import datetime
from typing import Any

from channels.whatsapp import CHANNEL, Settings
from gateway.demo import standin
from gateway.demo.whatsapp import WhatsAppStandIn
from gateway.outbound import OutboundClient
from gateway.ports.channel import DeliveryStatus
from gateway.ports.http import HttpClient
from gateway.ports.values import Secret, WebhookRequest
from gateway.testing.channel_bench import ChannelBench, Fault, Key
from gateway.testing.clock import FakeClock
from gateway.testing.mutations import mutated

HOOK = "https://pay.example.ro/hooks/channels/acme.whatsapp"
PAYER = "+40712345678"
_SECRETS = {Key.PRESENT: "secret-of-the-present", Key.OLD: "secret-of-the-past", Key.STRANGER: "secret-of-a-stranger"}
_FAULTS = {
    Fault.RATE_LIMITED: standin.Fault.THROTTLED,
    Fault.UNAVAILABLE: standin.Fault.UNAVAILABLE,
    Fault.SERVER_ERROR: standin.Fault.BROKEN,
    Fault.HANGS_TAKEN: standin.Fault.LOSE_ANSWER,
    Fault.HANGS_NOT_TAKEN: standin.Fault.HANG,
}
_STATUSES = {DeliveryStatus.UNKNOWN: "teleported"}


class WhatsAppBench(ChannelBench):
    plugin = CHANNEL
    address = PAYER
    retry_after_s = 7.0
    nonsense = (
        *(b"null", b"[]", b'"x"', b"{}", b"\xff\xfe{}", b'{"entry":', b"[" * 100_000, b"1" * 10_000),
        *(b'{"entry":null}', b'{"entry":[1]}', b'{"entry":[{"changes":[1]}]}', b'{"entry":{"changes":[]}}'),
    )

    def __init__(self, http: HttpClient, clock: FakeClock, meta: WhatsAppStandIn) -> None:
        super().__init__()
        self.http = http
        self.clock = clock
        self.meta = meta
        self.settings = self.settings_with()
        self.rotating = self.settings_with(app_secret_previous=Secret(_SECRETS[Key.OLD]))

    def settings_with(self, **changes: object) -> Settings:
        usual: dict[str, object] = {
            "phone_number_id": self.meta.phone_number_id,
            "business_account_id": self.meta.business_account_id,
            "phone_number": self.meta.number,
            "access_token": Secret(self.meta.token),
            "app_secret": Secret(_SECRETS[Key.PRESENT]),
            "verify_token": Secret(self.meta.verify_token),
            "api_url": self.meta.api_url,
            "timeout_s": 10.0,
        }
        return Settings(**{**usual, **changes})  # type: ignore[arg-type]

    def now(self) -> datetime:
        return self.clock.now()

    def arm(self, fault: Fault | None) -> None:
        self.meta.fault = _FAULTS.get(fault) if fault else None
        self.meta.api.absent = {PAYER} if fault is Fault.UNREACHABLE else set()
        if fault is Fault.REFUSED:
            self.meta.token = "revoked"

    async def vanish(self) -> None:
        await self.meta.aclose()

    def taken(self) -> Sequence[str]:
        return [message.text for message in self.meta.messages]

    def external_ids(self) -> Sequence[str]:
        return [message.wamid for message in self.meta.messages]

    def references(self) -> Sequence[str]:
        return [str(message.reference) for message in self.meta.messages]

    def receipt_body(self, external_id: str, status: DeliveryStatus, *, hard: bool = False) -> bytes:
        said: dict[str, Any] = {
            "id": external_id,
            "status": _STATUSES.get(status, status.value),
            "timestamp": "1795424400",
            "recipient_id": PAYER.removeprefix("+"),
            "biz_opaque_callback_data": "dlv_7f3a",
        }
        if status is DeliveryStatus.FAILED:
            said["errors"] = [{"code": 131026 if hard else 131049, "title": "x"}]
        return self.body({"statuses": [said]})

    def reply_body(self, external_id: str, text: str) -> bytes:
        message = said({"type": "text", "text": {"body": text}}, wamid=f"wamid.{text.encode().hex()}")
        return self.body({"contacts": [], "messages": [message]})

    def body(self, *values: dict[str, Any]) -> bytes:
        return json.dumps(self.meta.document(*values)).encode()

    def sign(self, body: bytes, key: Key = Key.PRESENT) -> WebhookRequest:
        proof = "sha256=" + hmac.new(_SECRETS[key].encode(), body, hashlib.sha256).hexdigest()
        unsigned = self.unsigned(body)
        return WebhookRequest(body, {**unsigned.headers, "x-hub-signature-256": proof}, HOOK, unsigned.received_at)

    def unsigned(self, body: bytes) -> WebhookRequest:
        return WebhookRequest(body, {"content-type": "application/json"}, HOOK, self.clock.now())

    def wrong_shapes(self, body: bytes) -> Iterator[bytes]:
        yield from mutated(body)


def said(content: dict[str, Any], *, wamid: str = "wamid.X", sender: str = PAYER) -> dict[str, Any]:
    """A message as Meta's webhooks have it."""
    return {"from": sender.removeprefix("+"), "id": wamid, "timestamp": "1795424400", **content}


@contextlib.asynccontextmanager
async def open_bench() -> AsyncIterator[WhatsAppBench]:
    clock = FakeClock()
    meta = WhatsAppStandIn(app_secret=_SECRETS[Key.PRESENT], receipts=False, retry_s=(), now=clock.now)
    meta.retry_after_s = 7
    async with meta, OutboundClient(clock) as http:
        await meta.write(PAYER, "bună")
        bench = WhatsAppBench(http, clock, meta)
        yield bench
        await bench.aclose()

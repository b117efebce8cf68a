"""Simulated vendors in memory: a bank and channels whose every answer, delay and repetition the test decides.

They fulfil the ports as adapters do, prove their webhooks by a secret, and keep their own books to be compared with ours.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import datetime
from typing import Any

import orjson

from gateway.ports.channel import (
    ChannelEvent,
    ChannelPlugin,
    DeliveryStatus,
    DeliveryUpdate,
    InboundMessage,
    Message,
    SendResult,
)
from gateway.ports.errors import AdapterError, InvalidSignature
from gateway.ports.provider import ProviderPlugin
from gateway.ports.values import WebhookRequest
from gateway.registry import Registry
from tests.harness.vendors_bank import FAST as FAST
from tests.harness.vendors_bank import PROOF as PROOF
from tests.harness.vendors_bank import Payment as Payment
from tests.harness.vendors_bank import Settings, SimBank


class SimChannel:
    """One channel's vendor: takes messages to addresses, reports receipts, may be asked what it took."""

    def __init__(self, now: Callable[[], datetime]) -> None:
        self.now = now
        self.sent: list[Message] = []
        self.edits: list[tuple[str, Message]] = []
        self.faults: list[AdapterError | None] = []  # one for each of the next sends
        self.taken_all_the_same = False  # under a fault
        self.edit_fault: AdapterError | None = None
        self.calls: list[str] = []
        self.on_call: Callable[[str], Awaitable[object]] | None = None
        self.on_send: Callable[[Message], object] | None = None
        self.before_answer: Callable[[Message], Awaitable[object]] | None = None

    async def called(self, verb: str) -> None:
        self.calls.append(verb)
        if self.on_call is not None:
            await self.on_call(verb)

    def plugin(self, name: str, address: str, **more: Any) -> ChannelPlugin[Settings]:
        return ChannelPlugin(
            name,
            Settings,
            lambda settings, http: _Channel(self, settings),
            address,
            **({"limits": FAST, "replies": True} | more),
        )

    def receipt(self, external_id: str, status: DeliveryStatus, *, event_id: str = "", **more: Any) -> WebhookRequest:
        body = {
            "receipt": {
                "event_id": event_id or f"{external_id}:{status}",
                "external_id": external_id,
                "status": status,
                **more,
            }
        }
        return WebhookRequest(orjson.dumps(body), {"x-signature": PROOF}, "https://x.example", self.now())

    def word(self, address: str, text: str, *, event_id: str, **more: Any) -> WebhookRequest:
        body = {"word": {"event_id": event_id, "external_id": event_id, "address": address, "text": text, **more}}
        return WebhookRequest(orjson.dumps(body), {"x-signature": PROOF}, "https://x.example", self.now())


class _Channel:
    one_way = True  # where the plugin says that there are such accounts

    def __init__(self, vendor: SimChannel, settings: Settings) -> None:
        self._vendor = vendor
        self._settings = settings

    async def send(self, message: Message) -> SendResult:
        vendor = self._vendor
        if vendor.on_send is not None:
            vendor.on_send(message)
        await vendor.called("send")
        fault = vendor.faults.pop(0) if vendor.faults else None
        if fault is not None and not vendor.taken_all_the_same:
            raise fault
        vendor.sent.append(message)
        external_id = f"m{len(vendor.sent)}"
        if vendor.before_answer is not None:
            await vendor.before_answer(message)
        if fault is not None:
            raise fault
        return SendResult(external_id)

    async def find_sent(self, message: Message, since: datetime) -> SendResult | None:
        await self._vendor.called("find_sent")
        for number, taken in enumerate(self._vendor.sent, 1):
            if taken.reference == message.reference:
                return SendResult(f"m{number}")
        return None

    async def edit(self, external_id: str, message: Message) -> None:
        await self._vendor.called("edit")
        fault, self._vendor.edit_fault = self._vendor.edit_fault, None
        if fault is not None:
            raise fault
        self._vendor.edits.append((external_id, message))

    def start_url(self, token: str) -> str | None:
        return f"https://chat.example/?start={token}"

    async def parse_webhook(self, request: WebhookRequest) -> Sequence[ChannelEvent]:
        if request.headers.get("x-signature") != self._settings.secret.reveal():
            raise InvalidSignature
        match orjson.loads(request.body):
            case {"receipt": said}:
                status = DeliveryStatus(said.pop("status"))
                return (DeliveryUpdate(**said, status=status, occurred_at=request.received_at),)
            case {"word": said}:
                return (InboundMessage(**said, occurred_at=request.received_at),)
            case _:
                return ()


class Vendors:
    """A registry of simulated adapters: the provider `sim`, more of `banks` (which have a wallet too), and the channels."""

    def __init__(
        self,
        now: Callable[[], datetime],
        *,
        bank: Mapping[str, bool] | None = None,
        channels: Mapping[str, Any] | None = None,
        banks: Sequence[str] = (),
    ) -> None:
        self.bank = SimBank(now)
        self.banks = {"sim": self.bank} | {name: SimBank(now) for name in banks}
        self._providers = {name: one.plugin(name, **(bank or {})) for name, one in self.banks.items()}
        self.channels: dict[str, SimChannel] = {}
        self._plugins: dict[str, ChannelPlugin[Any]] = {}
        wanted = channels or {
            "sms": {"address": "phone", "receipts": True, "finds_sent": True},
            "email": {"address": "email"},
            "telegram": {"address": "chat", "edits": True, "opens_chats": True},
        }
        for name, abilities in wanted.items():
            self.channels[name] = SimChannel(now)
            self._plugins[name] = self.channels[name].plugin(name, **abilities)

    def channel(self, name: str) -> ChannelPlugin[Any]:
        if name not in self._plugins:
            raise LookupError(f"no channel adapter {name!r}")
        return self._plugins[name]

    def provider(self, name: str) -> ProviderPlugin[Any]:
        return self._providers.get(name) or Registry().provider(name)

    @property
    def tables(self) -> dict[str, Any]:
        """The accounts as a biller's file has them."""
        secret = {"secret": {"env": "PROOF"}}
        return {"channels": dict.fromkeys(self.channels, secret), "providers": dict.fromkeys(self.banks, secret)}

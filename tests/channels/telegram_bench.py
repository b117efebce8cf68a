"""The Telegram channel on its bench: the demo's Bot API."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Iterator, Sequence
from datetime import datetime
from typing import Any

from channels.telegram import CHANNEL, Settings
from gateway.demo import standin
from gateway.demo.telegram import PROVIDER_TOKEN, TelegramStandIn
from gateway.outbound import OutboundClient
from gateway.ports.http import HttpClient
from gateway.ports.values import Money, Secret, WebhookRequest
from gateway.testing.channel_bench import Fault, Key
from gateway.testing.channel_native import NativeBench
from gateway.testing.clock import FakeClock
from gateway.testing.mutations import mutated

HOOK = "https://pay.example.ro/hooks/channels/acme.telegram"
PAYER = 402123456789
_SECRETS = {Key.PRESENT: "secret-of-the-present", Key.OLD: "secret-of-the-past", Key.STRANGER: "secret-of-a-stranger"}
_FAULTS = {
    Fault.RATE_LIMITED: standin.Fault.THROTTLED,
    Fault.UNAVAILABLE: standin.Fault.UNAVAILABLE,
    Fault.SERVER_ERROR: standin.Fault.BROKEN,
    Fault.HANGS_TAKEN: standin.Fault.LOSE_ANSWER,
    Fault.HANGS_NOT_TAKEN: standin.Fault.HANG,
}


class TelegramBench(NativeBench):
    plugin = CHANNEL
    address = str(PAYER)
    signs_body = False
    retry_after_s = 3.0
    nonsense = (
        *(b"null", b"[]", b'"x"', b"{}", b"\xff\xfe{}", b'{"update_id":', b"[" * 100_000, b"1" * 10_000),
        *(b'{"update_id":null}', b'{"update_id":"x"}', b'{"update_id":1,"message":5}', b'{"update_id":1e999}'),
    )

    def __init__(self, http: HttpClient, clock: FakeClock, telegram: TelegramStandIn) -> None:
        super().__init__()
        self.http = http
        self.clock = clock
        self.telegram = telegram
        self.waiting: dict[str, asyncio.Future[str]] = {}
        self.settings = self.settings_with()
        self.paying = self.settings_with(provider_token=Secret(PROVIDER_TOKEN))
        self.rotating = self.settings_with(webhook_secret_previous=Secret(_SECRETS[Key.OLD]))

    def settings_with(self, **changes: object) -> Settings:
        usual: dict[str, object] = {
            "bot_token": Secret(self.telegram.token),
            "webhook_secret": Secret(_SECRETS[Key.PRESENT]),
            "bot_username": self.telegram.username,
            "api_url": self.telegram.url,
            "timeout_s": 10.0,
        }
        return Settings(**{**usual, **changes})  # type: ignore[arg-type]

    def now(self) -> datetime:
        return self.clock.now()

    def arm(self, fault: Fault | None) -> None:
        self.telegram.fault = _FAULTS.get(fault) if fault else None
        self.telegram.api.people[PAYER].blocked = fault is Fault.UNREACHABLE
        if fault is Fault.REFUSED:
            self.telegram.token = "1:revoked"

    async def vanish(self) -> None:
        await self.telegram.aclose()

    def taken(self) -> Sequence[str]:
        return [message.text for message in self.telegram.messages]

    def external_ids(self) -> Sequence[str]:
        return [f"{message.chat_id}:{message.message_id}" for message in self.telegram.messages]

    def reads(self, external_id: str) -> str:
        chat, _, number = external_id.partition(":")
        return self.telegram.api.people[int(chat)].messages[int(number)].text

    def reply_body(self, external_id: str, text: str) -> bytes:
        person = self.telegram.api.people[PAYER]
        message = {"message_id": 77, "date": 1_795_424_400, "chat": person.chat(), "from": person.user(), "text": text}
        return update(sum(text.encode()), message=message)

    def sign(self, body: bytes, key: Key = Key.PRESENT) -> WebhookRequest:
        unsigned = self.unsigned(body)
        headers = {**unsigned.headers, "x-telegram-bot-api-secret-token": _SECRETS[key]}
        return WebhookRequest(body, headers, HOOK, unsigned.received_at)

    def unsigned(self, body: bytes) -> WebhookRequest:
        return WebhookRequest(body, {"content-type": "application/json"}, HOOK, self.clock.now())

    def pay_buttons(self) -> list[str]:
        messages = self.telegram.messages
        return ["".join(button.text for button in message.buttons if button.pay) for message in messages]

    def checkout_body(self, query_id: str, payload: str, amount: Money) -> bytes:
        sums = {"currency": amount.currency, "total_amount": amount.minor, "invoice_payload": payload}
        person = self.telegram.api.people[PAYER]
        return update(int(query_id), pre_checkout_query={"id": query_id, "from": person.user(), **sums})

    def payment_body(self, payload: str, amount: Money, *, number: int = 1) -> bytes:
        person = self.telegram.api.people[PAYER]
        paid = {"currency": amount.currency, "total_amount": amount.minor, "invoice_payload": payload}
        paid |= {"telegram_payment_charge_id": f"_tg{number}", "provider_payment_charge_id": f"ch_{number}"}
        message = {"message_id": 78, "date": 1_795_424_400, "chat": person.chat(), "from": person.user()}
        return update(9000 + number, message=message | {"successful_payment": paid})

    def waits(self, query_id: str) -> None:
        self.waiting[query_id] = self.telegram.api.checkouts[query_id] = asyncio.get_running_loop().create_future()

    def heard(self, query_id: str) -> str | None:
        waiting = self.waiting[query_id]
        return waiting.result() if waiting.done() else None

    def wrong_shapes(self, body: bytes) -> Iterator[bytes]:
        yield from mutated(body)


def update(update_id: int, **content: Any) -> bytes:
    return json.dumps({"update_id": update_id, **content}).encode()


@contextlib.asynccontextmanager
async def open_bench() -> AsyncIterator[TelegramBench]:
    clock = FakeClock()
    telegram = TelegramStandIn(retry_s=(), now=clock.now)
    async with telegram, OutboundClient(clock) as http:
        await telegram.start_chat(PAYER)
        bench = TelegramBench(http, clock, telegram)
        yield bench
        await bench.aclose()

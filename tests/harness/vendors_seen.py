"""The stand-ins around one biller, each of which also writes down what a test wants to hold against the gateway's books."""

from __future__ import annotations

import asyncio
import hashlib
from collections import Counter
from collections.abc import AsyncIterator, Iterable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import orjson
from aiohttp import web

from gateway.clock import SystemClock
from gateway.demo.bank import Bank
from gateway.demo.erp import PATH, Erp
from gateway.demo.mail import MailStandIn
from gateway.demo.telegram import TelegramStandIn
from gateway.demo.twilio import TwilioStandIn
from gateway.ports.values import Secret
from tests.harness.processes import push_secret

SECRETS = {
    "SMS_TOKEN": "twilio-4f1e5a0b9c7d",
    "BOT_TOKEN": "110201543:AAHdqTcvCH1vGWJxfSeofSAs0K5PALDsaw",
    "BOT_SECRET": "bot-secret-93ac61",
    "MAIL_SECRET": "mail-secret-b7720e",
    "BANK_KEY": "bank-key-5d81c2f7",
    "BANK_SECRET": "bank-secret-0c4b9e",
}


class Gate:
    """Holds back the answers of a vendor. `reached`: somebody waits for one."""

    def __init__(self) -> None:
        self.reached = asyncio.Event()
        self._open = asyncio.Event()
        self._open.set()

    def hold(self) -> None:
        self.reached.clear()
        self._open.clear()

    def release(self) -> None:
        self._open.set()

    async def passed(self) -> None:
        self.reached.set()
        await self._open.wait()


class SlowBank(Bank):
    """Opens payments through a gate."""

    def __init__(self, **known: Any) -> None:
        super().__init__(**known)
        self.gate = Gate()

    async def _create(self, request: web.Request) -> web.StreamResponse:
        await self.gate.passed()
        return await super()._create(request)


class SeenTwilio(TwilioStandIn):
    """Writes down which receipts were answered with 2xx, by the id that the inbox knows them by; takes SMS through a gate."""

    def __init__(self, **known: Any) -> None:
        super().__init__(**known)
        self.taken: set[str] = set()
        self.gate = Gate()

    async def _create(self, request: web.Request) -> web.StreamResponse:
        await self.gate.passed()
        return await super()._create(request)

    async def receipt(self, sid: str, status: str, error_code: int | None = None) -> int:
        answered = await super().receipt(sid, status, error_code)
        if 200 <= answered < 300:
            self.taken.add(f"{sid}:{status}")
        return answered


@dataclass(slots=True)
class Seen:
    """One `webhook-id`: the sequence of its event, and a digest of each body that came with it."""

    sequence: int
    facts: tuple[Any, ...]
    bodies: Counter[str] = field(default_factory=Counter)


class SeenErp(Erp):
    """Writes down every body that came under every `webhook-id`, and the sequences in the order of their first arrival."""

    def __init__(self, secrets: Iterable[Secret]) -> None:
        super().__init__(list(secrets))
        self.seen: dict[str, Seen] = {}
        self.order: list[int] = []

    def routes(self) -> Iterable[web.RouteDef]:
        return (web.post(PATH, self._keep),)

    async def _keep(self, request: web.Request) -> web.Response:
        body, message_id = await request.read(), request.headers["webhook-id"]
        event = orjson.loads(body)
        facts = (event["id"], event["type"], event["occurred_at"], (event.get("invoice") or {}).get("id"))
        if message_id not in self.seen:
            self.seen[message_id] = Seen(event["sequence"], facts)
            self.order.append(event["sequence"])
        seen = self.seen[message_id]
        assert (seen.sequence, seen.facts) == (event["sequence"], facts)
        seen.bodies[hashlib.sha256(body).hexdigest()] += 1
        return await self._receive(request)


@dataclass(slots=True)
class Vendors:
    """Everybody whom the gateway talks to; `secrets` is what its environment must hold."""

    bank: SlowBank
    twilio: SeenTwilio
    telegram: TelegramStandIn
    mail: MailStandIn
    erp: SeenErp
    secrets: dict[str, str]
    webhooks_taken: set[str] = field(default_factory=set)  # of the bank, answered with 2xx

    def note_webhooks(self) -> None:
        """The bank remembers its last thousand postings: to be called before it forgets."""
        for posting in self.bank.postings:
            if posting.status is not None and 200 <= posting.status < 300:
                self.webhooks_taken.add(posting.event_id)

    def join(self, chat_id: int) -> None:
        """Somebody who has started the bot's chat."""
        self.telegram.join(chat_id).started = True

    def messages(self) -> Counter[tuple[str, str]]:
        """How many messages came to each address of each channel."""
        return Counter(
            [
                *(("sms", sms.to) for sms in self.twilio.messages),
                *(("email", mail.recipient) for mail in self.mail.messages),
                *(("telegram", str(message.chat_id)) for message in self.telegram.messages),
            ]
        )

    def biller(self) -> str:
        """The biller's file."""
        return f"""
[biller]
slug = "acme"
legal_name = "Acme Energie SRL"
display_name = "Acme"
[delivery]
channels = [{{ channel = "telegram", wait = "0s" }}, {{ channel = "sms", wait = "0s" }}, {{ channel = "email" }}]
[payments]
poll = ["2s", "10s", "1m", "10m"]
[channels.sms]
account_sid = "{self.twilio.account_sid}"
auth_token = {{ env = "SMS_TOKEN" }}
from_number = "{self.twilio.number}"
api_url = "{self.twilio.url}"
[channels.telegram]
bot_token = {{ env = "BOT_TOKEN" }}
webhook_secret = {{ env = "BOT_SECRET" }}
bot_username = "{self.telegram.username}"
api_url = "{self.telegram.url}"
[channels.email]
host = "127.0.0.1"
port = {self.mail.port}
security = "none"
from_address = "facturi@acme.example"
return_path_domain = "bounces.acme.example"
inbound_secret = {{ env = "MAIL_SECRET" }}
[providers.bank]
adapter = "sandbox"
api_url = "{self.bank.url}"
api_key = {{ env = "BANK_KEY" }}
webhook_secret = {{ env = "BANK_SECRET" }}
[[push]]
url = "{self.erp.push_url}"
secret = {{ env = "PUSH_SECRET" }}
"""


@asynccontextmanager
async def vendors_at(gateway_url: str) -> AsyncIterator[Vendors]:
    """The stand-ins, on free ports; they call the gateway at its public URL."""
    known = SECRETS | {"PUSH_SECRET": push_secret()}
    hooks = f"{gateway_url}/hooks/channels/acme"
    bank = SlowBank(
        api_key=Secret(known["BANK_KEY"]),
        webhook_secrets=[Secret(known["BANK_SECRET"])],
        clock=SystemClock(),
        settle_after_s=None,
    )
    twilio = SeenTwilio(auth_token=known["SMS_TOKEN"], inbound_url=f"{hooks}.sms")
    telegram = TelegramStandIn(token=known["BOT_TOKEN"], retry_s=())
    mail = MailStandIn(inbound_url=f"{hooks}.email", inbound_secret=known["MAIL_SECRET"])
    erp = SeenErp([Secret(known["PUSH_SECRET"])])
    async with AsyncExitStack() as stack:
        for stand_in in (bank, twilio, telegram, mail, erp):
            await stack.enter_async_context(stand_in)  # type: ignore[arg-type]
        telegram.api.webhook_url, telegram.api.webhook_secret = f"{hooks}.telegram", known["BOT_SECRET"]
        yield Vendors(bank, twilio, telegram, mail, erp, known)

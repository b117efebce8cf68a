"""The email channel on its bench: a real SMTP server (aiosmtpd), and bounces as a mail server writes them."""

from __future__ import annotations

import contextlib
import hashlib
import hmac
import logging
from collections.abc import AsyncIterator, Iterator, Sequence
from datetime import datetime

from channels.email import CHANNEL, Settings
from gateway.demo.mail import MailFault, MailStandIn
from gateway.outbound import OutboundClient
from gateway.ports.channel import DeliveryStatus
from gateway.ports.errors import NotSupported
from gateway.ports.http import HttpClient
from gateway.ports.values import Secret, WebhookRequest
from gateway.testing.channel_bench import ChannelBench, Fault, Key
from gateway.testing.clock import FakeClock

HOOK = "https://pay.example.ro/hooks/channels/acme.email"
_SECRETS = {Key.PRESENT: "secret-of-the-present", Key.OLD: "secret-of-the-past", Key.STRANGER: "secret-of-a-stranger"}
_PASSWORD = "password-of-smtp"
_FAULTS = {
    Fault.RATE_LIMITED: MailFault("mail", "452 4.3.1 Too many messages"),
    Fault.UNAVAILABLE: MailFault("connect", "421 4.3.2 Going down"),
    Fault.SERVER_ERROR: MailFault("dot", "451 4.3.0 Internal error"),
    Fault.REFUSED: MailFault("dot", "554 5.7.1 <ana.popescu@example.ro> Message looks like spam"),
    Fault.UNREACHABLE: MailFault("rcpt", "550 5.1.1 <ana.popescu@example.ro> User unknown"),
    Fault.HANGS_TAKEN: MailFault("dot", None, taken=True),
    Fault.HANGS_NOT_TAKEN: MailFault("dot", None),
}
_ACTIONS = {
    DeliveryStatus.DELIVERED: ("delivered", "2.0.0"),
    DeliveryStatus.SENT: ("delayed", "4.4.1"),
    DeliveryStatus.FAILED: ("failed", "5.2.2"),
    DeliveryStatus.UNKNOWN: ("teleported", "9.9.9"),
}


class EmailBench(ChannelBench):
    plugin = CHANNEL
    address = "ana.popescu@example.ro"
    nonsense = (b"\n", b"\r\n\r\nno headers at all", b"null", b"{}", b"\x00\x01\x02", b"[" * 10_000)

    def __init__(self, http: HttpClient, clock: FakeClock, mail: MailStandIn) -> None:
        super().__init__()
        self.http = http
        self.clock = clock
        self.mail = mail
        self.settings = self.settings_with()
        self.rotating = self.settings_with(inbound_secret_previous=Secret(_SECRETS[Key.OLD]))

    def settings_with(self, **changes: object) -> Settings:
        usual: dict[str, object] = {
            "host": self.mail.host,
            "port": self.mail.port,
            "security": "none",
            "username": "achit",
            "password": Secret(_PASSWORD),
            "from_address": "facturi@acme.example",
            "return_path_domain": "bounces.acme.example",
            "inbound_secret": Secret(_SECRETS[Key.PRESENT]),
            "timeout_s": 10.0,
        }
        return Settings(**{**usual, **changes})  # type: ignore[arg-type]

    def now(self) -> datetime:
        return self.clock.now()

    def arm(self, fault: Fault | None) -> None:
        self.mail.fault = _FAULTS[fault] if fault else None

    async def vanish(self) -> None:
        await self.mail.aclose()

    def taken(self) -> Sequence[str]:
        return [message.text.removesuffix("\n") for message in self.mail.messages]

    def external_ids(self) -> Sequence[str]:
        return [message.message_id for message in self.mail.messages]

    def references(self) -> Sequence[str]:
        return self.external_ids()

    def receipt_body(self, external_id: str, status: DeliveryStatus, *, hard: bool = False) -> bytes:
        if status not in _ACTIONS:
            raise NotSupported("a mail server does not know")
        action, code = _ACTIONS[status]
        mail = next(mail for mail in self.mail.messages if mail.message_id == external_id)
        return self.mail.report(mail, status="5.1.1" if hard else code, action=action)

    def reply_body(self, external_id: str, text: str) -> bytes:
        mail = next(mail for mail in self.mail.messages if mail.message_id == external_id)
        return self.mail.answer(mail, text)

    def sign(self, body: bytes, key: Key = Key.PRESENT) -> WebhookRequest:
        proof = "sha256=" + hmac.new(_SECRETS[key].encode(), body, hashlib.sha256).hexdigest()
        unsigned = self.unsigned(body)
        return WebhookRequest(body, {**unsigned.headers, "x-achit-signature": proof}, HOOK, unsigned.received_at)

    def unsigned(self, body: bytes) -> WebhookRequest:
        return WebhookRequest(body, {"content-type": "message/rfc822"}, HOOK, self.clock.now())

    def wrong_shapes(self, body: bytes) -> Iterator[bytes]:
        lines = body.split(b"\r\n")
        for number, line in enumerate(lines):
            name = line.partition(b":")[0]
            garbled = name + b": \xff\x00=?x?B?!?="
            for changed in ((), (b"",), (name + b":",), (garbled,), (b"\x80" * 2000,), (line, line)):
                yield b"\r\n".join((*lines[:number], *changed, *lines[number + 1 :]))


@contextlib.asynccontextmanager
async def open_bench() -> AsyncIterator[EmailBench]:
    clock = FakeClock()
    mail = MailStandIn(credentials=("achit", _PASSWORD), now=clock.now)
    server_log = logging.getLogger("mail.log")  # the stand-in's side of the wire, which may know what it was sent
    server_log.disabled = True
    try:
        async with mail, OutboundClient(clock) as http:
            bench = EmailBench(http, clock, mail)
            yield bench
            await bench.aclose()
    finally:
        server_log.disabled = False

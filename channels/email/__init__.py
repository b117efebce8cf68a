"""Email over SMTP: one message a send; bounces, complaints and replies in through the biller's own mail server.

It keeps connections open and never waits for a bounce: what the server took is sent, news of failure comes by webhook.
It must not follow links, send to more than one address, or believe a bounce or a reply that does not carry our token.

Inbound: the mail server hands over each raw message (bounces and replies alike), by `POST /hooks/channels/<account>` with
`x-achit-signature: sha256=<hex HMAC-SHA256 of the body, keyed with inbound_secret>`, by LMTP, or by `achit email receive`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from functools import partial

from channels.email.compose import compose, mailbox
from channels.email.inbound import read_mail
from channels.email.settings import Settings
from channels.email.signing import signed
from channels.email.smtp import Envelope, SmtpPool
from channels.email.tokens import REFERENCE, Tokens
from gateway.ports import verify
from gateway.ports.channel import ChannelEvent, ChannelPlugin, Message, SendResult
from gateway.ports.errors import NotSupported, Rejected
from gateway.ports.http import HttpClient
from gateway.ports.values import Limits, WebhookRequest

# A mail server that is pressed too hard says so itself (4xx), and is left alone for a while.
LIMITS = Limits(text=100_000, per_second=1_000.0, concurrency=10)
PROOF = "x-achit-signature"
_READ_AT_ONCE = 32_768  # a longer mail is read in a thread


class EmailChannel:
    """Sends over a pool of SMTP connections; `now` gives the Date header."""

    def __init__(self, settings: Settings, http: HttpClient, *, now: Callable[[], datetime] | None = None) -> None:
        self._settings = settings
        self._pool = SmtpPool(
            host=settings.host,
            port=settings.port,
            security=settings.security,
            username=settings.username,
            password=settings.password,
            local_hostname=settings.from_domain,
            ca_file=settings.ca_file,
            size=settings.connections,
            timeout_s=settings.timeout_s,
        )
        self._tokens = Tokens(settings.inbound_secrets)
        self._now = now or (lambda: datetime.now(UTC))

    async def send(self, message: Message) -> SendResult:
        """Returns when the server took it; the id is the Message-ID, the same on every try of one `reference`.

        A time-out after the final dot is OutcomeUnknown (RFC 1047), 4xx and a lost connection before it RetryLater.
        """
        if len(message.text) > LIMITS.text or len(message.html) > 4 * LIMITS.text:
            raise Rejected("text_too_long")
        if REFERENCE.fullmatch(message.reference) is None:
            raise Rejected("reference", "letters, digits, - and _, at most 31")
        settings = self._settings
        try:
            to = mailbox(message.to, "to")
        except ValueError:
            raise Rejected("5.1.3", "not an email address", unreachable=True) from None
        token = self._tokens.issue(message.reference, to)
        message_id = f"<{token}@{settings.from_domain}>"
        raw = compose(
            message,
            to=to,
            from_name=message.sender_name or settings.from_name,
            from_address=settings.from_address,
            message_id=message_id,
            reply_to=settings.reply_address(token),
            at=self._now(),
        )
        if settings.dkim_key and settings.dkim_selector:
            by = settings.dkim_domain or settings.from_domain
            raw = await asyncio.to_thread(signed, raw, settings.dkim_key, settings.dkim_selector, by)
        domain = settings.return_path_domain
        sender = f"bounce+{token}@{domain}" if domain else settings.from_address
        await self._pool.deliver(Envelope(sender, to, envelope_id=token, content=raw))
        return SendResult(message_id)

    async def parse_webhook(self, request: WebhookRequest) -> Sequence[ChannelEvent]:
        """Reads one raw message: a bounce is a DeliveryUpdate, a complaint and all that people and machines write an InboundMessage."""
        scheme, _, signature = request.headers.get(PROOF, "").partition("=")
        verify.signed([signature] if scheme == "sha256" else [], self._settings.inbound_secrets, request.body)
        own = self._settings
        read = partial(read_mail, request, self._tokens, own.from_domain, own.from_address)
        return await asyncio.to_thread(read) if len(request.body) > _READ_AT_ONCE else read()

    def expects(self, recipient: str) -> bool:
        return self._settings.expects(recipient)

    def proof(self, mail: bytes) -> Mapping[str, str]:
        if not self._settings.inbound_secret:
            raise NotSupported("inbound_secret is not set: no inbound mail is taken")
        return {PROOF: "sha256=" + verify.hmac_hex_sha256(self._settings.inbound_secret, mail)}

    async def aclose(self) -> None:
        await self._pool.aclose()


CHANNEL = ChannelPlugin(
    "email",
    Settings,
    EmailChannel,
    address="email",
    limits=LIMITS,
    replies=True,
    takes_mail=True,
    webhook_bytes=16 * 1024 * 1024,  # a payer's answer may have a photograph attached
)

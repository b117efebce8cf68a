"""Email over SMTP: one message a send, bounces and replies in through a signed pipe from the biller's own mail server.

It keeps connections open and never waits for a bounce: what the server took is sent, news of failure comes by webhook.
It must not follow links, send to more than one address, or believe a bounce or a reply that does not carry our token.

Inbound: the mail server pipes each raw message (bounces and replies alike) to `POST /hooks/channels/<account>` with
`x-achit-signature: sha256=<hex HMAC-SHA256 of the body, keyed with inbound_secret>`.
"""

from __future__ import annotations

import asyncio
import hmac
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Literal

import dkim
from dkim.crypto import UnparsableKeyError, parse_pem_private_key

from channels.email.compose import DKIM_HEADERS, compose, mailbox
from channels.email.inbound import read_mail
from channels.email.smtp import Envelope, SmtpPool
from gateway.ports import verify
from gateway.ports.channel import ChannelEvent, ChannelPlugin, Message, SendResult
from gateway.ports.errors import Rejected
from gateway.ports.http import HttpClient
from gateway.ports.values import Limits, Secret, WebhookRequest

# A mail server that is pressed too hard says so itself (4xx), and is left alone for a while.
LIMITS = Limits(text=100_000, per_second=1_000.0, concurrency=10)
_REFERENCE = re.compile(r"[A-Za-z0-9_-]{1,40}")  # 64 octets of local part hold "bounce+", it and the proof


@dataclass(frozen=True, slots=True)
class Settings:
    """One biller's way out by SMTP. Raises ValueError that names the field at fault."""

    host: str = field(metadata={"doc": "SMTP server."})
    from_address: str = field(metadata={"doc": "Address that payers see and answer to."})
    port: int = field(default=587, metadata={"doc": "587 for starttls, 465 for tls, 25 for a relay on the same host."})
    security: Literal["starttls", "tls", "none"] = field(
        default="starttls", metadata={"doc": "starttls is required when chosen, never skipped."}
    )
    username: str | None = field(default=None, metadata={"doc": "Login name, when the server wants one."})
    password: Secret | None = field(default=None, metadata={"doc": "Login password."})
    from_name: str = field(default="", metadata={"doc": "Name beside the address, when the message brings none."})
    return_path_domain: str | None = field(
        default=None,
        metadata={"doc": "Domain whose `bounce+<token>` addresses are piped back; else from_address."},
    )
    inbound_secret: Secret | None = field(
        default=None, metadata={"doc": "Signs inbound mail and our tokens; unset means that no inbound mail is taken."}
    )
    inbound_secret_previous: Secret | None = field(
        default=None, metadata={"doc": "Still accepted while the secret is being changed."}
    )
    dkim_domain: str | None = field(default=None, metadata={"doc": "DKIM `d=`; the domain of from_address when unset."})
    dkim_selector: str | None = field(default=None, metadata={"doc": "DKIM `s=`; needed with dkim_key."})
    dkim_key: Secret | None = field(default=None, metadata={"doc": "PEM of the RSA key (2048 bits) that signs."})
    ca_file: str | None = field(default=None, metadata={"doc": "PEM file of a private certificate authority."})
    connections: int = field(default=10, metadata={"doc": "Connections kept open, and messages in flight, at most."})
    timeout_s: float = field(default=30.0, metadata={"doc": "Seconds to wait for each answer of the server."})

    def __post_init__(self) -> None:
        mailbox(self.from_address, "from_address")
        if self.return_path_domain:
            mailbox(f"bounce@{self.return_path_domain}", "return_path_domain")
        if self.dkim_key and not self.dkim_selector:
            raise ValueError("dkim_selector: needed with dkim_key")
        if self.dkim_key and not _readable(self.dkim_key):
            raise ValueError("dkim_key: not the PEM of an RSA private key")
        if self.password and not self.username:
            raise ValueError("username: needed with password")
        if self.connections < 1:
            raise ValueError("connections: at least 1")

    @property
    def from_domain(self) -> str:
        return self.from_address.rpartition("@")[2]

    @property
    def inbound_secrets(self) -> tuple[Secret, ...]:
        """The newest first; a signature by any of them holds."""
        return tuple(secret for secret in (self.inbound_secret, self.inbound_secret_previous) if secret)


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
        self._now = now or (lambda: datetime.now(UTC))

    async def send(self, message: Message) -> SendResult:
        """Returns when the server took it; the id is the Message-ID, the same on every try of one `reference`.

        A time-out after the final dot is OutcomeUnknown (RFC 1047), 4xx and a lost connection before it RetryLater.
        """
        if len(message.text) > LIMITS.text or len(message.html) > 4 * LIMITS.text:
            raise Rejected("text_too_long")
        if _REFERENCE.fullmatch(message.reference) is None:
            raise Rejected("reference", "letters, digits, - and _, at most 40")
        settings = self._settings
        token = _token(message.reference, settings.inbound_secret)
        try:
            to = mailbox(message.to, "to")
        except ValueError:
            raise Rejected("5.1.3", "not an email address", unreachable=True) from None
        message_id = f"<{token}@{settings.from_domain}>"
        raw = compose(
            message,
            to=to,
            from_name=message.sender_name or settings.from_name,
            from_address=settings.from_address,
            message_id=message_id,
            at=self._now(),
        )
        if settings.dkim_key:
            raw = await asyncio.to_thread(_signed, raw, settings)  # 7 ms of pure Python
        domain = settings.return_path_domain
        sender = f"bounce+{token}@{domain}" if domain else settings.from_address
        await self._pool.deliver(Envelope(sender, to, envelope_id=token, content=raw))
        return SendResult(message_id)

    async def parse_webhook(self, request: WebhookRequest) -> Sequence[ChannelEvent]:
        """Reads one raw message: a bounce becomes a DeliveryUpdate, a reply to a message of ours an InboundMessage."""
        scheme, _, signature = request.headers.get("x-achit-signature", "").partition("=")
        verify.signed([signature] if scheme == "sha256" else [], self._settings.inbound_secrets, request.body)
        return read_mail(request, self._own_token, self._settings.from_domain)

    async def aclose(self) -> None:
        await self._pool.aclose()

    def _own_token(self, token: str) -> bool:
        reference = token.rpartition(".")[0]
        own = [_token(reference, secret).encode() for secret in self._settings.inbound_secrets]
        return any(hmac.compare_digest(token.encode(), known) for known in own)


def _token(reference: str, secret: Secret | None) -> str:
    """What stands in Message-ID, return path and ENVID: the reference, and proof that we wrote it.

    Without the proof anybody who guesses a reference could forge a bounce and silence an address.
    """
    return f"{reference}.{verify.hmac_hex_sha256(secret, 'email token:', reference)[:16]}" if secret else reference


def _pem(key: Secret) -> bytes:
    return key.reveal().replace("\r\n", "\n").strip().encode()


def _readable(key: Secret) -> bool:
    try:
        parse_pem_private_key(_pem(key))  # type: ignore[no-untyped-call]
    except (UnparsableKeyError, ValueError, LookupError, TypeError):
        return False
    return True


def _signed(raw: bytes, settings: Settings) -> bytes:
    assert settings.dkim_key is not None
    assert settings.dkim_selector is not None
    head = raw[: raw.index(b"\r\n\r\n")].lower()
    present = [name for name in DKIM_HEADERS if b"\r\n" + name + b":" in b"\r\n" + head]
    signature = dkim.sign(
        raw,
        settings.dkim_selector.encode(),
        (settings.dkim_domain or settings.from_domain).encode(),
        _pem(settings.dkim_key),
        canonicalize=(b"relaxed", b"relaxed"),
        include_headers=present,
    )
    return bytes(signature) + raw


CHANNEL = ChannelPlugin(
    "email",
    Settings,
    EmailChannel,
    address="email",
    limits=LIMITS,
    replies=True,
)

"""A stand-in for the mail world: an SMTP server on aiosmtpd that keeps what it takes, bounces, and carries replies.

It checks that a message is one that other servers would take. Bounces and replies are piped to the gateway as by a
biller's own mail server: the raw message by POST, with an HMAC over it.
"""
# ruff: noqa: N802 - aiosmtpd finds its hooks by such names

from __future__ import annotations

import asyncio
import hashlib
import hmac
import ssl
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from email import policy
from email.parser import BytesParser
from typing import Any, Self, cast

import aiohttp
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session

from gateway.demo.letters import Letters, Mail
from gateway.demo.standin import Arrivals

_DSN_PARAMETERS = ("RET=", "ENVID=", "NOTIFY=", "ORCPT=")


@dataclass(frozen=True, slots=True)
class MailFault:
    """What the server does at `stage` ("connect", "mail", "rcpt" or "dot") until it is set back to None.

    `answer` is an SMTP line such as "451 4.7.1 Come back later"; None is silence. `taken` keeps the message anyway;
    `once` makes it pass with the first command that it meets.
    """

    stage: str
    answer: str | None
    taken: bool = False
    once: bool = False


class MailStandIn(Letters):
    """An SMTP server on 127.0.0.1. With `tls` it speaks TLS at once when `implicit`, else offers STARTTLS."""

    def __init__(
        self,
        *,
        tls: ssl.SSLContext | None = None,
        implicit: bool = False,
        credentials: tuple[str, str] | None = None,
        inbound_url: str | None = None,
        inbound_secret: str = "",
        now: Callable[[], datetime] | None = None,
    ) -> None:
        self.now = now or (lambda: datetime.now(UTC))
        self.messages: Arrivals[Mail] = Arrivals()
        self.fault: MailFault | None = None
        self.inbound_url = inbound_url
        self.inbound_secret = inbound_secret
        self.host = "127.0.0.1"
        self.port = 0
        self.connections = 0  # that were ever made
        self.smtputf8 = self.pipelining = True
        self.stalled = asyncio.Event()  # somebody waits in vain for an answer
        self.idle = asyncio.Event()  # nobody is connected
        self._tls = tls
        self._implicit = implicit
        self._credentials = credentials
        self._closing = asyncio.Event()
        self._server: asyncio.Server | None = None
        self.open_transports: set[asyncio.BaseTransport] = set()
        self._client: aiohttp.ClientSession | None = None

    @property
    def url(self) -> str:
        return f"smtp://{self.host}:{self.port}"

    async def start(self, port: int = 0) -> Self:
        """Listens on 127.0.0.1; port 0 takes a free one."""
        loop = asyncio.get_running_loop()
        context = self._tls if self._implicit else None
        self._server = await loop.create_server(self._connection, self.host, port, ssl=context)
        self.port = self._server.sockets[0].getsockname()[1]
        self._client = aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=15))
        return self

    async def aclose(self) -> None:
        self._closing.set()
        if self._client is not None:
            await self._client.close()
        if self._server is not None:
            self._server.close()
            self.drop_connections()
            await asyncio.sleep(0)

    async def __aenter__(self) -> Self:
        return await self.start()

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()

    def drop_connections(self) -> None:
        """Closes every open connection without a word, as a server that restarts."""
        for transport in tuple(self.open_transports):
            cast(asyncio.Transport, transport).abort()

    async def answer_at(self, stage: str) -> str | None:
        """What the fault makes of `stage`: a line, None when all is well; silence lasts until `aclose`."""
        fault = self.fault
        if fault is None or fault.stage != stage:
            return None
        if fault.once:
            self.fault = None
        if fault.answer is None:
            self.stalled.set()
            await self._closing.wait()
            return "421 4.3.2 Going down"
        return fault.answer

    async def bounce(self, mail: Mail, status: str = "5.1.1", action: str = "failed") -> int:
        """Pipes in the delivery report that a mail server would send to the return path of `mail`."""
        return await self.pipe(self.report(mail, status, action))

    async def reply(self, mail: Mail, text: str) -> int:
        """The payer answers `mail`."""
        return await self.pipe(self.answer(mail, text))

    async def complain(self, mail: Mail) -> int:
        """The payer presses "this is spam", and their provider reports it."""
        return await self.pipe(self.complaint(mail))

    async def be_away(self, mail: Mail, text: str = "Sunt plecat din birou până luni.") -> int:
        """The payer's mailbox answers by itself."""
        return await self.pipe(self.out_of_office(mail, text))

    async def pipe(self, raw: bytes) -> int:
        """Posts a raw message as the biller's mail server does; the status of the answer, 0 when there is none."""
        if self.inbound_url is None or self._client is None:
            return 0
        headers = {"Content-Type": "message/rfc822", "X-Achit-Signature": self.sign(raw)}
        try:
            async with self._client.post(self.inbound_url, data=raw, headers=headers) as response:
                await response.read()
                return response.status
        except (aiohttp.ClientError, TimeoutError):
            return 0

    def sign(self, raw: bytes) -> str:
        return "sha256=" + hmac.new(self.inbound_secret.encode(), raw, hashlib.sha256).hexdigest()

    def _connection(self) -> _Connection:
        self.connections += 1
        return _Connection(self, None if self._implicit else self._tls, self._credentials)


class _Handler:
    """The hooks that aiosmtpd calls by name, for every connection."""

    def __init__(self, stand_in: MailStandIn, credentials: tuple[str, str] | None) -> None:
        self._stand_in = stand_in
        self._credentials = credentials

    async def handle_EHLO(
        self, server: SMTP, session: Session, envelope: Envelope, hostname: str, responses: list[str]
    ) -> list[str]:
        session.host_name = hostname
        return [*responses[:-1], "250-DSN", *["250-PIPELINING"] * self._stand_in.pipelining, responses[-1]]

    async def handle_MAIL(
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        if self._credentials is not None and not session.authenticated:
            return "530 5.7.0 Authentication required"
        if (answer := await self._stand_in.answer_at("mail")) is not None:
            return answer
        envelope.mail_from = address
        return "250 2.1.0 OK"

    async def handle_RCPT(
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        if (answer := await self._stand_in.answer_at("rcpt")) is not None:
            return answer
        envelope.rcpt_tos.append(address)
        return "250 2.1.5 OK"

    async def handle_DATA(self, server: _Connection, session: Session, envelope: Envelope) -> str:
        content = cast(bytes, envelope.original_content)
        if (problem := _unfit(content)) is not None:
            return f"550 5.6.0 {problem}"
        fault = self._stand_in.fault
        if fault is None or fault.stage != "dot" or fault.taken:
            for recipient in envelope.rcpt_tos:
                mail = _read(envelope.mail_from or "", recipient, server, session, content)
                self._stand_in.messages.add(mail)
        return await self._stand_in.answer_at("dot") or "250 2.0.0 Taken"


class _Connection(SMTP):
    """aiosmtpd's protocol and RFC 3461's parameters, which it does not know."""

    def __init__(self, stand_in: MailStandIn, tls: ssl.SSLContext | None, credentials: tuple[str, str] | None) -> None:
        def authenticate(server: SMTP, session: Session, envelope: Envelope, mechanism: str, given: Any) -> AuthResult:
            known = isinstance(given, LoginPassword) and (given.login.decode(), given.password.decode()) == credentials
            return AuthResult(success=known, handled=False, auth_data=given)

        super().__init__(
            _Handler(stand_in, credentials),
            hostname="mx.demo.test",
            ident="Achit demo",
            enable_SMTPUTF8=stand_in.smtputf8,
            tls_context=tls,
            require_starttls=tls is not None,
            auth_require_tls=False,
            authenticator=authenticate,
            loop=asyncio.get_running_loop(),
        )
        self._stand_in = stand_in
        self.envelope_id = ""
        self.over_tls = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        fault = self._stand_in.fault
        if fault is not None and fault.stage == "connect":
            if fault.answer is not None:
                cast(asyncio.Transport, transport).write(f"{fault.answer}\r\n".encode())
            transport.close()
            return
        self._stand_in.open_transports.add(transport)
        self._stand_in.idle.clear()
        self.over_tls = transport.get_extra_info("sslcontext") is not None  # STARTTLS makes the connection anew
        super().connection_made(transport)

    def connection_lost(self, error: Exception | None) -> None:
        if self.transport is None:  # was refused before it began
            return
        self._stand_in.open_transports.discard(self.transport)
        if not self._stand_in.open_transports:
            self._stand_in.idle.set()
        super().connection_lost(error)

    async def smtp_MAIL(self, arg: str | None) -> None:
        kept, asked = _without_dsn(arg)
        self.envelope_id = asked.get("ENVID", "")
        await super().smtp_MAIL(kept)

    async def smtp_RCPT(self, arg: str | None) -> None:
        await super().smtp_RCPT(_without_dsn(arg)[0])


def _without_dsn(arg: str | None) -> tuple[str | None, dict[str, str]]:
    if arg is None:
        return None, {}
    words = arg.split(" ")
    asked = [word for word in words if word.upper().startswith(_DSN_PARAMETERS)]
    kept = " ".join(word for word in words if word not in asked)
    return kept, {name.upper(): value for name, _, value in (word.partition("=") for word in asked)}


def _unfit(content: bytes) -> str | None:
    """Why another server would refuse or change this message; None when it is fit."""
    head, _, body = content.partition(b"\r\n\r\n")
    names = [line.partition(b":")[0].lower() for line in head.split(b"\r\n") if line[:1] not in (b" ", b"\t")]
    checks = (
        (
            any(names.count(name) != 1 for name in (b"from", b"to", b"date", b"message-id")),
            "a header missing or twice",
        ),
        (names.count(b"subject") > 1, "two subjects"),
        (any(len(line) > 998 for line in content.split(b"\r\n")), "a line is too long"),
        (b"\n" in content.replace(b"\r\n", b"") or b"\r" in content.replace(b"\r\n", b""), "bare CR or LF"),
        (not body.isascii(), "8-bit text without BODY=8BITMIME"),
    )
    return next((reason for wrong, reason in checks if wrong), None)


def _read(sender: str, recipient: str, server: _Connection, session: Session, content: bytes) -> Mail:
    parsed = BytesParser(policy=policy.default).parsebytes(content)
    bodies = {kind: parsed.get_body((kind,)) for kind in ("plain", "html")}
    text, html = (str(part.get_content()).replace("\r\n", "\n") if part is not None else "" for part in bodies.values())
    login = session.auth_data
    return Mail(
        sender=sender,
        recipient=recipient,
        envelope_id=server.envelope_id,
        content=content,
        from_header=str(parsed["From"]),
        subject=str(parsed["Subject"] or ""),
        message_id=str(parsed["Message-ID"]).strip(),
        text=text,
        html=html,
        unsubscribe_url=str(parsed["List-Unsubscribe"] or "").strip("<>"),
        over_tls=server.over_tls,
        login=login.login.decode() if isinstance(login, LoginPassword) else "",
        reply_to=str(parsed["Reply-To"] or ""),
    )

"""The LMTP listener (RFC 2033): the mail server of this host hands over bounces and replies; each recipient is answered for itself.

250 is said only when the message is stored. It knows no address of its own: an account says what it expects. It must not relay,
or answer a payer.
"""
# ruff: noqa: N802 - aiosmtpd finds its hooks by such names

from __future__ import annotations

import asyncio
import contextlib
import logging
from typing import cast

import structlog
from aiosmtpd.lmtp import LMTP
from aiosmtpd.smtp import Envelope, Session

from gateway.services import mail
from gateway.services.context import Context
from gateway.services.errors import ServiceError
from gateway.store.database import StoreUnavailable

log = structlog.get_logger()
_IDLE_S = 120.0
TAKEN, NOBODY, LATER = "250 2.0.0 Stored", "550 5.1.1 No such address here", "451 4.3.0 Not stored, try again"
TOO_LONG, GOING_DOWN = "552 5.3.4 Message too long", "421 4.3.2 Going down"


class LmtpListener:
    """Takes mail until `end`."""

    def __init__(self, ctx: Context, message_bytes: int) -> None:
        self.ctx = ctx
        self.message_bytes = message_bytes
        self.ending = False
        self.open: set[_Connection] = set()
        self.fewer = asyncio.Event()
        self._server: asyncio.Server | None = None

    async def start(self, host: str, port: int) -> str:
        """Listens; gives the address that it really has."""
        quiet = logging.getLogger("mail.log")  # aiosmtpd tells it addresses, and at DEBUG whole messages
        quiet.setLevel(max(quiet.level, logging.WARNING))
        self._server = await asyncio.get_running_loop().create_server(lambda: _Connection(self), host, port)
        bound = self._server.sockets[0].getsockname()
        return f"[{bound[0]}]:{bound[1]}" if ":" in bound[0] else f"{bound[0]}:{bound[1]}"

    async def end(self, patience_s: float) -> None:
        """Takes no new connection, lets go of the idle ones, and gives messages under way time to be stored and answered."""
        self.ending = True
        if self._server is not None:
            self._server.close()
        for connection in tuple(self.open):
            connection.leave()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(patience_s):
                while self.open:
                    self.fewer.clear()
                    await self.fewer.wait()

    async def aclose(self) -> None:
        """Drops what is still open: what was not answered comes again."""
        if self._server is not None:
            self._server.close()
        for connection in tuple(self.open):
            connection.drop()

    async def handle_RCPT(
        self, server: LMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        if mail.account_for(self.ctx, address) is None:
            return NOBODY
        envelope.rcpt_tos.append(address)
        return "250 2.1.5 OK"

    async def handle_DATA(self, server: LMTP, session: Session, envelope: Envelope) -> str:
        raw = cast(bytes, envelope.original_content)
        return "\r\n".join([await self._take(raw, envelope.mail_from or "", to) for to in envelope.rcpt_tos])

    async def _take(self, raw: bytes, sender: str, recipient: str) -> str:
        account = mail.account_for(self.ctx, recipient)
        if account is None:
            return NOBODY
        try:
            new = await mail.take(self.ctx, account, raw, sender=sender, recipient=recipient)
        except (StoreUnavailable, ServiceError) as error:
            log.warning("mail.postponed", account=account.row.name, reason=str(error))
            return LATER
        except Exception as error:
            log.error("mail.failed", account=account.row.name, reason=type(error).__name__)
            return LATER
        log.debug("mail.taken", account=account.row.name, new=new)
        return TAKEN


class _Connection(LMTP):
    """aiosmtpd's LMTP, with an answer for each recipient whatever the answer is, and an end that cuts no message."""

    line_length_limit = 1_048_576  # programs write longer lines than RFC 5322 allows, and nobody is helped by a bounce

    def __init__(self, listener: LmtpListener) -> None:
        super().__init__(
            listener,
            data_size_limit=listener.message_bytes,
            enable_SMTPUTF8=True,
            hostname="localhost",
            ident="Achit LMTP",
            timeout=_IDLE_S,
            loop=asyncio.get_running_loop(),
        )
        self._listener = listener
        self._receiving = 0  # recipients of the message under way

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._listener.open.add(self)
        super().connection_made(transport)

    def connection_lost(self, error: Exception | None) -> None:
        self._listener.open.discard(self)
        self._listener.fewer.set()
        super().connection_lost(error)

    def leave(self) -> None:
        """Goes at once when no message is under way, else when it is answered."""
        if not self._receiving and self.transport is not None:
            cast(asyncio.Transport, self.transport).write(f"{GOING_DOWN}\r\n".encode())
            self.transport.close()

    def drop(self) -> None:
        if self.transport is not None:
            cast(asyncio.Transport, self.transport).abort()

    async def push(self, status: str | bytes) -> None:
        text = status if isinstance(status, str) else status.decode("utf-8", "replace")
        if text.startswith("354"):
            assert self.envelope is not None
            self._receiving = len(self.envelope.rcpt_tos)
            await super().push(text)
            return
        if self._receiving:
            if text.startswith("552"):
                text = TOO_LONG
            lines = text.split("\r\n")
            text = "\r\n".join(lines if len(lines) == self._receiving else lines[:1] * self._receiving)
        answered, self._receiving = self._receiving, 0
        await super().push(text)
        if answered and self._listener.ending:
            self.leave()

"""SMTP connections that stay open, each used by one message at a time. Knows nothing of what a message says.

A message goes out in two steps, to know on which side of the final dot a connection broke: before it nothing was handed
over, after it the outcome is unknown (RFC 1047).
"""

from __future__ import annotations

import asyncio
import contextlib
import re
import ssl
from dataclasses import dataclass

from aiosmtplib import SMTP, SMTPException, SMTPResponseException, SMTPServerDisconnected, SMTPTimeoutError

from channels.email.conversation import Conversation
from gateway.ports.errors import AdapterError, OutcomeUnknown, Rejected, RetryLater
from gateway.ports.values import Secret

_ENHANCED = re.compile(r"\s*([245]\.\d{1,3}\.\d{1,3})\b")
_ADDRESS = re.compile(r"\S+@\S+")
# RFC 3463: the recipient's address is wrong, has moved or takes no mail. 5.1.7 and 5.1.8 speak of the sender.
UNREACHABLE = frozenset({"5.1.0", "5.1.1", "5.1.2", "5.1.3", "5.1.4", "5.1.6", "5.1.10", "5.2.1"})


@dataclass(frozen=True, slots=True)
class Envelope:
    """Who it is from and to, and the ready bytes with CRLF line ends. `envelope_id` comes back in a bounce."""

    sender: str
    recipient: str
    envelope_id: str
    content: bytes


class SmtpPool:
    """At most `size` connections to one server; a dead one is replaced without anyone noticing."""

    def __init__(
        self,
        *,
        host: str,
        port: int,
        security: str,
        username: str | None,
        password: Secret | None,
        local_hostname: str,
        ca_file: str | None,
        size: int,
        timeout_s: float,
    ) -> None:
        self._address = (host, port)
        self._security = security
        self._login = (username, password)
        self._local_hostname = local_hostname
        self._tls = None if security == "none" else ssl.create_default_context(cafile=ca_file)
        self._timeout_s = timeout_s
        self._slots = asyncio.Semaphore(size)
        self._idle: list[Conversation] = []
        self._closed = False

    async def deliver(self, envelope: Envelope) -> None:
        """Hands over one message. Raises RetryLater, Rejected or OutcomeUnknown."""
        async with self._slots:
            line, reused = self._take(), True
            if line is None:
                line, reused = await self._connect(), False
            try:
                try:
                    await self._begin(line, envelope)
                except (SMTPServerDisconnected, SMTPResponseException) as error:
                    if not reused or getattr(error, "code", 421) != 421:
                        raise
                    line.close()  # the server had let go of an idle connection: nothing was said on it yet
                    line = await self._connect()
                    await self._begin(line, envelope)
                await self._hand_over(line, envelope)
            except SMTPResponseException as error:
                await _reset(line)
                raise _refusal(error.code, error.message) from None
            except AdapterError:
                line.close()
                raise
            except (SMTPException, OSError):
                line.close()
                raise RetryLater("the mail server was lost before it took the message") from None
            except BaseException:
                line.close()
                raise
            finally:
                if line.is_open and not self._closed:
                    self._idle.append(line)
                else:
                    line.close()

    async def aclose(self) -> None:
        self._closed = True
        while self._idle:
            line = self._idle.pop()
            with contextlib.suppress(SMTPException, OSError):
                async with asyncio.timeout(1.0):
                    await line.ask(b"QUIT\r\n")
            line.close()

    def _take(self) -> Conversation | None:
        while self._idle:
            line = self._idle.pop()
            if line.is_open:
                return line
            line.close()
        return None

    async def _connect(self) -> Conversation:
        host, port = self._address
        username, password = self._login
        client = SMTP(
            hostname=host,
            port=port,
            username=username,
            password=password.reveal() if password else None,
            local_hostname=self._local_hostname,
            timeout=self._timeout_s,
            use_tls=self._security == "tls",
            start_tls=self._security == "starttls",
            tls_context=self._tls,
        )
        try:
            await client.connect()
            if client.is_ehlo_or_helo_needed:
                await client.ehlo()
        except SMTPResponseException as error:
            raise _refusal(error.code, error.message) from None
        except OSError:
            raise RetryLater("the mail server cannot be reached") from None
        except SMTPException:
            raise Rejected("not_supported", "the mail server lacks STARTTLS or our way to log in") from None
        return Conversation(client, self._timeout_s)

    async def _begin(self, line: Conversation, envelope: Envelope) -> None:
        sender, recipient = f"MAIL FROM:<{envelope.sender}>", f"RCPT TO:<{envelope.recipient}>"
        if "size" in line.extensions:
            sender += f" SIZE={len(envelope.content)}"
        if "dsn" in line.extensions:
            sender += f" RET=HDRS ENVID={envelope.envelope_id}"
            recipient += " NOTIFY=FAILURE,DELAY"
        if not (sender + recipient).isascii():
            if "smtputf8" not in line.extensions:
                raise Rejected("5.6.7", "the mail server takes no address with such letters")
            sender += " SMTPUTF8"
        code = await line.ask(f"{sender}\r\n".encode(), f"{recipient}\r\n".encode(), b"DATA\r\n")
        if code != 354:
            raise SMTPResponseException(code, "no answer to DATA")

    async def _hand_over(self, line: Conversation, envelope: Envelope) -> None:
        line.write(envelope.content.replace(b"\r\n.", b"\r\n..") + b".\r\n")
        try:
            code, text = await line.answer()
        except (SMTPServerDisconnected, SMTPTimeoutError, OSError):
            raise OutcomeUnknown("the mail server did not answer after the final dot") from None
        if code != 250:
            raise SMTPResponseException(code, text)


async def _reset(line: Conversation) -> None:
    """Ends a refused message so that the connection can carry the next one."""
    try:
        await line.ask(b"RSET\r\n")
    except (SMTPException, OSError):
        line.close()


def _refusal(code: int, text: str) -> AdapterError:
    """4xx: later. 5xx: for good, with the enhanced code (RFC 3463) when there is one. Masks addresses."""
    enhanced = _ENHANCED.match(text)
    said = _ADDRESS.sub("***", text[enhanced.end() if enhanced else 0 :]).strip().replace("\n", " ")[:200]
    name = enhanced[1] if enhanced else str(code)
    if 400 <= code < 500:
        return RetryLater(f"{name}: {said}")
    return Rejected(name, said, unreachable=name in UNREACHABLE)

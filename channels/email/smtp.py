"""SMTP connections that stay open, each used by one message at a time. Knows nothing of what a message says.

DATA is done in two steps instead of by the library's one, to know on which side of the final dot a connection broke:
before it nothing was handed over, after it the outcome is unknown (RFC 1047).
"""

from __future__ import annotations

import asyncio
import re
import ssl
from dataclasses import dataclass

from aiosmtplib import (
    SMTP,
    SMTPDataError,
    SMTPException,
    SMTPResponseException,
    SMTPServerDisconnected,
    SMTPTimeoutError,
)

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
        self._idle: list[SMTP] = []
        self._closed = False

    async def deliver(self, envelope: Envelope) -> None:
        """Hands over one message. Raises RetryLater, Rejected or OutcomeUnknown."""
        async with self._slots:
            client, reused = self._take(), True
            if client is None:
                client, reused = await self._connect(), False
            try:
                try:
                    await self._open(client, envelope)
                except (SMTPServerDisconnected, SMTPResponseException) as error:
                    if not reused or getattr(error, "code", 421) != 421:
                        raise
                    client.close()  # the server had let go of an idle connection: nothing was said on it yet
                    client = await self._connect()
                    await self._open(client, envelope)
                await self._hand_over(client, envelope)
            except SMTPResponseException as error:
                await _reset(client)
                raise _refusal(error.code, error.message) from None
            except AdapterError:
                client.close()
                raise
            except (SMTPException, OSError):
                client.close()
                raise RetryLater("the mail server was lost before it took the message") from None
            except BaseException:
                client.close()
                raise
            finally:
                if client.is_connected and not self._closed:
                    self._idle.append(client)
                else:
                    client.close()

    async def aclose(self) -> None:
        self._closed = True
        while self._idle:
            client = self._idle.pop()
            try:
                await client.quit(timeout=1.0)
            except (SMTPException, OSError):
                client.close()

    def _take(self) -> SMTP | None:
        while self._idle:
            client = self._idle.pop()
            if client.is_connected:
                return client
            client.close()
        return None

    async def _connect(self) -> SMTP:
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
        return client

    async def _open(self, client: SMTP, envelope: Envelope) -> None:
        mail, rcpt = [], []
        if client.supports_extension("size"):
            mail.append(f"SIZE={len(envelope.content)}")
        if client.supports_extension("dsn"):
            mail += ["RET=HDRS", f"ENVID={envelope.envelope_id}"]
            rcpt.append("NOTIFY=FAILURE,DELAY")
        encoding = "ascii"
        if not envelope.recipient.isascii():
            if not client.supports_extension("smtputf8"):
                raise Rejected("5.6.7", "the mail server takes no address with such letters")
            mail.append("SMTPUTF8")
            encoding = "utf-8"
        await client.mail(envelope.sender, options=mail, encoding=encoding)
        await client.rcpt(envelope.recipient, options=rcpt, encoding=encoding)

    async def _hand_over(self, client: SMTP, envelope: Envelope) -> None:
        go_on = await client.execute_command(b"DATA")
        if go_on.code != 354:
            raise SMTPDataError(go_on.code, go_on.message)
        content = envelope.content.replace(b"\r\n.", b"\r\n..")
        assert client.protocol is not None
        client.protocol.write(content + b".\r\n")
        try:
            answer = await client.protocol.read_response(timeout=self._timeout_s)
        except (SMTPServerDisconnected, SMTPTimeoutError, OSError):
            raise OutcomeUnknown("the mail server did not answer after the final dot") from None
        if answer.code != 250:
            raise SMTPDataError(answer.code, answer.message)


async def _reset(client: SMTP) -> None:
    """Ends a refused message so that the connection can carry the next one."""
    try:
        await client.rset()
    except (SMTPException, OSError):
        client.close()


def _refusal(code: int, text: str) -> AdapterError:
    """4xx: later. 5xx: for good, with the enhanced code (RFC 3463) when there is one. Masks addresses."""
    enhanced = _ENHANCED.match(text)
    said = _ADDRESS.sub("***", text[enhanced.end() if enhanced else 0 :]).strip().replace("\n", " ")[:200]
    name = enhanced[1] if enhanced else str(code)
    if 400 <= code < 500:
        return RetryLater(f"{name}: {said}")
    return Rejected(name, said, unreachable=name in UNREACHABLE)

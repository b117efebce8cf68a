"""One SMTP connection, taken over from aiosmtplib once it is open, under TLS and logged in; from then on it is pipelined.

The library waits for the answer to each of the three commands that begin a message; here they leave together where the server
says PIPELINING (RFC 2920). It knows nothing of what a message says, nor of what a refusal means.
"""

from __future__ import annotations

import asyncio
from collections import deque

from aiosmtplib import SMTP, SMTPResponseException, SMTPServerDisconnected, SMTPTimeoutError

_LONGEST_LINE = 8_192
_MOST_LINES = 100  # of one answer


class Conversation(asyncio.Protocol):
    """Commands out, answers in, in their order. `extensions` are those of the server's EHLO, in lower case."""

    def __init__(self, client: SMTP, timeout_s: float) -> None:
        """Takes over a connected client, which must not be used afterwards."""
        assert isinstance(client.transport, asyncio.Transport)
        assert client.protocol is not None
        self.extensions = frozenset(client.esmtp_extensions)
        self._transport = client.transport
        self._library = client.protocol
        self._timeout_s = timeout_s
        self._received = b""
        self._lines: list[str] = []
        self._answers: deque[tuple[int, str]] = deque()
        self._heard = asyncio.Event()
        self._lost = False
        self._transport.set_protocol(self)

    @property
    def is_open(self) -> bool:
        return not self._lost and not self._transport.is_closing()

    def close(self) -> None:
        self._transport.close()

    async def ask(self, *commands: bytes) -> int:
        """Sends commands, each with its line end, and gives the last answer's code, which is below 400.

        Raises the first refusal, as SMTPResponseException, when all commands that were sent are answered; SMTPServerDisconnected
        and SMTPTimeoutError when one is not.
        """
        code = 0
        together = "pipelining" in self.extensions
        for batch in [commands] if together else [(command,) for command in commands]:
            self.write(b"".join(batch))
            refusal: SMTPResponseException | None = None
            for _ in batch:
                try:
                    code, text = await self.answer()
                except SMTPServerDisconnected:
                    raise refusal or SMTPServerDisconnected("connection lost") from None
                if code >= 400 and refusal is None:
                    refusal = SMTPResponseException(code, text)
            if refusal is not None and code == 354:  # it waits for a message that has nowhere to go (RFC 2920, 3.1)
                self.write(b".\r\n")
                await self.answer()
            if refusal is not None:
                raise refusal
        return code

    def write(self, data: bytes) -> None:
        if not self.is_open:
            raise SMTPServerDisconnected("connection lost")
        self._transport.write(data)

    async def answer(self) -> tuple[int, str]:
        """The next answer: its code and its text, which may have several lines."""
        if not self._answers and not self._lost:
            self._heard.clear()
            try:
                async with asyncio.timeout(self._timeout_s):
                    await self._heard.wait()
            except TimeoutError:
                raise SMTPTimeoutError("no answer in time") from None
        if not self._answers:
            raise SMTPServerDisconnected("connection lost")
        return self._answers.popleft()

    def data_received(self, data: bytes) -> None:
        *lines, self._received = (self._received + data).split(b"\n")
        for line in lines:
            self._lines.append(line[4:].decode("utf-8", "surrogateescape").strip())
            if not line[:3].isdigit() or len(self._lines) > _MOST_LINES:
                self._transport.abort()
                return
            if line[3:4] != b"-":
                self._answers.append((int(line[:3]), "\n".join(self._lines)))
                self._lines = []
                self._heard.set()
        if len(self._received) > _LONGEST_LINE:
            self._transport.abort()

    def connection_lost(self, error: Exception | None) -> None:
        self._lost = True
        self._heard.set()
        self._library.connection_lost(error)

"""Where the product's calls end: an HTTP sink and an SMTP sink, as cheap as they can be, in the process of the load."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Callable
from typing import Self

_END = b"\r\n\r\n"
_NO_CONTENT = b"HTTP/1.1 204 No Content\r\n\r\n"
Answering = Callable[[bytes, bytes], bytes]
Arrived = Callable[[bytes], None]


def no_content(head: bytes, body: bytes) -> bytes:
    return _NO_CONTENT


def ok_json(body: bytes) -> bytes:
    return b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n" % len(body) + body


class Counted:
    """Counts arrivals; `reached` waits for a number of them. `seen` has time (of the loop's clock) and body of each, if kept."""

    def __init__(self, *, keep: bool = False) -> None:
        self.count = 0
        self.seen: list[tuple[float, bytes]] = []
        self._keep = keep
        self._goal: tuple[int, asyncio.Future[None]] | None = None

    def add(self, body: bytes) -> None:
        self.count += 1
        if self._keep:
            self.seen.append((time.monotonic(), body))
        if self._goal is not None and self.count >= self._goal[0]:
            goal, self._goal = self._goal, None
            if not goal[1].done():
                goal[1].set_result(None)

    async def reached(self, count: int, within_s: float = 60.0) -> None:
        """Returns when `count` have come in all. Raises TimeoutError."""
        if self.count < count:
            self._goal = count, asyncio.get_running_loop().create_future()
            async with asyncio.timeout(within_s):
                await self._goal[1]


class _Http(asyncio.Protocol):
    def __init__(self, arrived: Arrived, answering: Answering) -> None:
        self._arrived = arrived
        self._answering = answering
        self._received = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._received += data
        while (end := self._received.find(_END)) >= 0:
            head = self._received[:end]
            at = head.lower().find(b"content-length:")
            length = int(head[at + 15 :].split(b"\r\n", 1)[0]) if at >= 0 else 0
            whole = end + len(_END) + length
            if len(self._received) < whole:
                return
            body, self._received = self._received[end + len(_END) : whole], self._received[whole:]
            self._transport.write(self._answering(head, body))
            self._arrived(body)


class _Smtp(asyncio.Protocol):
    """Takes whatever is offered, with pipelining."""

    def __init__(self, arrived: Arrived) -> None:
        self._arrived = arrived
        self._received = b""
        self._in_data = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        transport.write(b"220 sink ESMTP\r\n")

    def data_received(self, data: bytes) -> None:
        self._received += data
        answers = []
        while True:
            end = self._received.find(b"\r\n.\r\n" if self._in_data else b"\r\n")
            if end < 0:
                break
            if self._in_data:
                mail, self._received, self._in_data = self._received[:end], self._received[end + 5 :], False
                answers.append(b"250 2.0.0 taken\r\n")
                self._arrived(mail)
                continue
            verb, self._received = self._received[:4].upper(), self._received[end + 2 :]
            self._in_data = verb == b"DATA"
            answers.append(_SMTP_ANSWERS.get(verb, b"250 2.0.0 fine\r\n"))
        if answers:
            self._transport.write(b"".join(answers))


_SMTP_ANSWERS = {
    b"EHLO": b"250-sink\r\n250-PIPELINING\r\n250-SIZE 50000000\r\n250 8BITMIME\r\n",
    b"DATA": b"354 go on\r\n",
    b"QUIT": b"221 2.0.0 bye\r\n",
}


class Sink:
    """A listening sink. `arrivals` is replaced to count from zero again."""

    def __init__(self, make: Callable[[Arrived], asyncio.Protocol], *, keep: bool = False) -> None:
        self._make = make
        self._keep = keep
        self.port = 0
        self.arrivals = Counted(keep=keep)

    def add(self, body: bytes) -> None:
        self.arrivals.add(body)

    def fresh(self) -> Counted:
        self.arrivals = Counted(keep=self._keep)
        return self.arrivals

    @contextlib.asynccontextmanager
    async def listening(self) -> AsyncIterator[Self]:
        server = await asyncio.get_running_loop().create_server(lambda: self._make(self.add), "127.0.0.1", 0)
        self.port = server.sockets[0].getsockname()[1]
        try:
            yield self
        finally:
            server.close()


def http_sink(answering: Answering = no_content, *, keep: bool = False) -> Sink:
    return Sink(lambda arrived: _Http(arrived, answering), keep=keep)


def smtp_sink(*, keep: bool = False) -> Sink:
    return Sink(_Smtp, keep=keep)

"""HTTP load on raw sockets: keep-alive connections and requests that are bytes already, so that the load costs little itself.

A closed loop finds the rate that a server can bear; only an open loop, whose requests do not wait for answers, finds honest latencies.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections import deque
from collections.abc import AsyncIterator, Collection, Iterable, Iterator
from dataclasses import dataclass

_END = b"\r\n\r\n"
_LENGTH = b"content-length:"


class WrongAnswer(Exception):
    """An answer that the leg did not expect: its numbers would mean nothing."""


class Connection(asyncio.Protocol):
    """One connection, one request at a time."""

    def __init__(self) -> None:
        self._transport: asyncio.Transport | None = None
        self._answer: asyncio.Future[tuple[int, bytes]] | None = None
        self._received = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._received = received = self._received + data if self._received else data
        head = received.find(_END)
        if head < 0:
            return
        whole = head + len(_END) + _content_length(received, head)
        if len(received) >= whole and self._answer is not None:
            self._received = received[whole:]
            self._answer.set_result((int(received[9:12]), received[head + len(_END) : whole]))

    def connection_lost(self, error: Exception | None) -> None:
        if self._answer is not None and not self._answer.done():
            self._answer.set_exception(WrongAnswer("the connection was closed before the answer"))

    def ask(self, request: bytes) -> asyncio.Future[tuple[int, bytes]]:
        """Sends a request; the future gives status and body."""
        assert self._transport is not None
        self._answer = asyncio.get_running_loop().create_future()
        self._transport.write(request)
        return self._answer

    def close(self) -> None:
        if self._transport is not None:
            self._transport.close()


def _content_length(received: bytes, head: int) -> int:
    headers = received[:head].lower()
    at = headers.find(_LENGTH)
    return int(headers[at + len(_LENGTH) :].split(b"\r\n", 1)[0]) if at >= 0 else 0


@contextlib.asynccontextmanager
async def connections(port: int, number: int) -> AsyncIterator[list[Connection]]:
    loop = asyncio.get_running_loop()
    made = [(await loop.create_connection(Connection, "127.0.0.1", port))[1] for _ in range(number)]
    try:
        yield made
    finally:
        for connection in made:
            connection.close()


def post(path: str, body: bytes, headers: str = "", *, media_type: str = "application/json") -> bytes:
    """A POST as bytes; `headers` are whole lines, each with its CRLF."""
    return (
        f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\n{headers}Content-Type: {media_type}\r\n"
        f"Content-Length: {len(body)}\r\n\r\n"
    ).encode() + body


def get(path: str) -> bytes:
    return f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nAccept: text/html\r\nAccept-Language: ro\r\n\r\n".encode()


async def closed_loop(
    port: int, requests: Iterable[bytes], *, at_once: int, expect: Collection[int], deadline_s: float = 60.0
) -> list[bytes]:
    """Sends all requests, `at_once` at a time, and gives the bodies of the answers. Stops early, without fault, at the deadline."""
    source: Iterator[bytes] = iter(requests)
    bodies: list[bytes] = []
    ends_at = time.perf_counter() + deadline_s

    async def one(connection: Connection) -> None:
        for request in source:
            status, body = await connection.ask(request)
            if status not in expect:
                raise WrongAnswer(f"{status}: {body[:300]!r}")
            bodies.append(body)
            if time.perf_counter() > ends_at:
                return

    async with connections(port, at_once) as opened:
        await asyncio.gather(*map(one, opened))
    return bodies


@dataclass(frozen=True, slots=True)
class Answered:
    """One request of an open loop: when it was due, by the loop's clock, and the ms from then to its answer."""

    due_at: float
    ms: float


async def open_loop(
    port: int, requests: Iterable[bytes], *, per_second: float, at_once: int, expect: Collection[int]
) -> list[Answered]:
    """Sends a request every 1/`per_second` s, whatever becomes of those before; gives what became of each, in their order.

    When all `at_once` connections are busy a request waits for one, and that wait counts.
    """
    loop = asyncio.get_running_loop()
    answered: dict[int, Answered] = {}
    waiting: deque[tuple[int, float, bytes]] = deque()
    under_way: set[asyncio.Task[None]] = set()

    async with connections(port, at_once) as opened:
        idle = list(opened)

        async def one(connection: Connection, number: int, due_at: float, request: bytes) -> None:
            while True:
                status, body = await connection.ask(request)
                answered[number] = Answered(due_at, (loop.time() - due_at) * 1000)
                if status not in expect:
                    raise WrongAnswer(f"{status}: {body[:300]!r}")
                if not waiting:
                    idle.append(connection)
                    return
                number, due_at, request = waiting.popleft()

        due_at = loop.time()
        for number, request in enumerate(requests):
            due_at += 1 / per_second
            if (pause := due_at - loop.time()) > 0:
                await asyncio.sleep(pause)
            if idle:
                task = asyncio.create_task(one(idle.pop(), number, due_at, request))
                under_way.add(task)
                task.add_done_callback(under_way.discard)
            else:
                waiting.append((number, due_at, request))
        await asyncio.gather(*under_way)
    return [answered[number] for number in sorted(answered)]

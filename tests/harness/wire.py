"""Small real servers on the loopback for tests of HTTP out: one handler, raw bytes, TLS; a name server that lies."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable

import trustme
from aiohttp import web
from aiohttp.abc import AbstractResolver, ResolveResult
from aiohttp.test_utils import BaseTestServer, TestServer

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
Serve = Callable[[Handler], Awaitable[BaseTestServer]]


_HELD: list[socket.socket] = []


def dead_port() -> int:
    """A loopback port that refuses connections for as long as the tests run: it is taken, and nobody listens there."""
    held = socket.socket()
    held.bind(("127.0.0.1", 0))
    _HELD.append(held)
    return int(held.getsockname()[1])


@contextlib.asynccontextmanager
async def servers() -> AsyncIterator[Serve]:
    """A function that starts a server with one handler for every path; all end with the block."""
    async with contextlib.AsyncExitStack() as stack:

        async def start(handler: Handler) -> BaseTestServer:
            app = web.Application(client_max_size=64 * 1024 * 1024)
            app.router.add_route("*", "/{path:.*}", handler)
            return await stack.enter_async_context(TestServer(app))

        yield start


@contextlib.asynccontextmanager
async def wire(answer: bytes | None, *, close: bool = True) -> AsyncIterator[str]:
    """A server that reads one request and writes exactly these bytes; None closes at once, `close=False` then hangs."""
    over = asyncio.Event()
    served: list[asyncio.Task[None] | None] = []

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        served.append(asyncio.current_task())
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
            await reader.readuntil(b"\r\n\r\n")
            writer.write(answer or b"")
            await writer.drain()
            if not close:
                await over.wait()
        with contextlib.suppress(ConnectionError):
            writer.close()
            await writer.wait_closed()

    server = await asyncio.start_server(handle, "127.0.0.1", 0)
    try:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    finally:
        over.set()
        server.close()
        await asyncio.gather(*filter(None, served))


@contextlib.asynccontextmanager
async def serve_tls(name: str, *, speaks_to: trustme.CA | None = None) -> AsyncIterator[tuple[int, ssl.SSLContext]]:
    """An HTTPS server for this name that answers `https`, or the name on the certificate of who calls, which `speaks_to` issued: its
    port, and the only context that trusts it.
    """
    authority = trustme.CA()
    serving, trusting = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER), ssl.create_default_context()
    authority.issue_cert(name).configure_cert(serving)
    authority.configure_trust(trusting)

    if speaks_to is not None:
        speaks_to.configure_trust(serving)
        serving.verify_mode = ssl.CERT_REQUIRED

    async def handler(request: web.Request) -> web.Response:
        shown = request.transport.get_extra_info("peercert") if request.transport else None
        return web.Response(text=shown["subjectAltName"][0][1] if shown else request.scheme)

    app = web.Application()
    app.router.add_post("/", handler)
    runner = web.AppRunner(app)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0, ssl_context=serving).start()
        yield runner.addresses[0][1], trusting
    finally:
        await runner.cleanup()


class Names(AbstractResolver):
    """A name server under test: each question takes the next answer, the last one stays."""

    def __init__(self, *answers: list[str] | OSError) -> None:
        self.answers = list(answers)
        self.asked: list[str] = []

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        self.asked.append(host)
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, OSError):
            raise answer
        return [
            ResolveResult(
                hostname=host,
                host=address,
                port=port,
                family=socket.AF_INET6 if ":" in address else socket.AF_INET,
                proto=0,
                flags=socket.AI_NUMERICHOST,
            )
            for address in answer
        ]

    async def close(self) -> None:
        pass

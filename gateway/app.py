"""The only place that joins concrete parts: configuration in, a running gateway out."""

from __future__ import annotations

import asyncio
import contextlib
import os
import random
import secrets
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial

import structlog
from aiohttp import web

from gateway import control
from gateway.api.application import operations_application, public_application
from gateway.api.health import Metrics
from gateway.clock import Clock, SystemClock
from gateway.config import Config
from gateway.config.server import Listen
from gateway.domain.paycodes import PayCodes
from gateway.guard import AddressPolicy
from gateway.lmtp import LmtpListener
from gateway.outbound import OutboundClient, PushClient
from gateway.registry import Registry
from gateway.rendering import Renderer
from gateway.services import reconciling, transcripts
from gateway.services.context import Context
from gateway.services.directory import Directory
from gateway.signing import LinkSigner, TokenSigner
from gateway.store import billers as billers_store
from gateway.store import outbox
from gateway.store.database import Database, open_database
from gateway.vault import Vault, derive, parse_key
from gateway.worker import Worker

log = structlog.get_logger()
DRAIN_S = 15.0
Ends = list[Callable[[], Awaitable[None]]]


@asynccontextmanager
async def open_context(
    config: Config,
    *,
    clock: Clock | None = None,
    registry: Registry | None = None,
    chance: Callable[[], float] = random.random,
    public_url: str | None = None,
    migrate: bool = True,
    database: Database | None = None,
    renderer: Renderer | None = None,
) -> AsyncIterator[Context]:
    """Opens everything that the services need, and closes it again. `database` is one that is open already, and stays so."""
    clock = clock or SystemClock()
    masters = {key.id: parse_key(key.secret) for key in config.secrets.keys}
    ring = list(masters.values())
    vault = Vault({name: derive(key, "vault") for name, key in masters.items()}, config.secrets.keys[0].id)
    async with contextlib.AsyncExitStack() as stack:
        db = database
        if db is None:
            db = await open_database(config.database.url.reveal())
            stack.push_async_callback(db.aclose)
        if migrate:
            await db.migrate()
        http = await stack.enter_async_context(OutboundClient(clock))
        push_client = await stack.enter_async_context(PushClient(AddressPolicy(config.push.allow_networks)))
        directory = Directory(registry or Registry(), http, vault)
        stack.push_async_callback(directory.aclose)
        installation = await db.write(
            lambda conn: billers_store.remember_once(conn, "installation", secrets.token_hex(4))
        )
        ctx = Context(
            db=db,
            clock=clock,
            vault=vault,
            links=LinkSigner([derive(key, "links") for key in ring]),
            unsubscribes=TokenSigner([derive(key, "tokens") for key in ring], "unsubscribe"),
            starts=TokenSigner([derive(key, "tokens") for key in ring], "start"),
            checkouts=TokenSigner([derive(key, "tokens") for key in ring], "checkout"),
            pay_codes=PayCodes([derive(key, "pay codes") for key in ring]),
            renderer=renderer or make_renderer(config),
            directory=directory,
            push_client=push_client,
            public_url=(public_url or config.server.public_url).rstrip("/"),
            installation=installation,
            random=chance,
        )
        await directory.refresh(db)
        watching = asyncio.create_task(directory.watch(db), name="directory-watch")
        try:
            yield ctx
        finally:
            watching.cancel()
            await asyncio.gather(watching, return_exceptions=True)


def make_renderer(config: Config) -> Renderer:
    """Our templates, and over them each biller's own: a folder of its name in `templates_dir`. Raises BadTemplates."""
    root = config.templates_dir
    folders = [folder for folder in sorted(root.iterdir()) if folder.is_dir()] if root else []
    return Renderer(None, {folder.name: folder for folder in folders})


def worker_name() -> str:
    """Tells this start of this process from every other."""
    return f"{socket.gethostname()}-{os.getpid()}-{secrets.token_hex(3)}"


@dataclass(slots=True)
class Running:
    """A gateway that is up. `url` is where its public listener really is, `lmtp` where it takes mail, if it does."""

    ctx: Context
    url: str
    operations_url: str
    worker: Worker | None
    lmtp: str = ""


@asynccontextmanager
async def running(
    config: Config,
    *,
    roles: Sequence[str] = ("web", "worker"),
    clock: Clock | None = None,
    registry: Registry | None = None,
    public_url: str | None = None,
    sockets: tuple[socket.socket, socket.socket] | None = None,
) -> AsyncIterator[Running]:
    """Runs a gateway while the context is open: listeners, workers, or both.

    On the way out it stops taking connections and tasks, lets requests and tasks under way end at the same time, and gives back
    what is left.
    """
    async with (
        open_context(config, clock=clock, registry=registry, public_url=public_url) as ctx,
        contextlib.AsyncExitStack() as stack,
    ):
        ctx.directory.warm()
        metrics, ends = Metrics(), Ends()
        url = operations_url = lmtp = ""
        if "web" in roles:
            public = public_application(ctx, config, metrics)
            url = await _listen(stack, ends, public, config, config.server.listen, sockets and sockets[0])
            if config.lmtp.enabled:
                mail = LmtpListener(ctx, config.lmtp.message_bytes)
                lmtp = await mail.start(config.lmtp.listen.host, config.lmtp.listen.port)
                stack.push_async_callback(mail.aclose)
                ends.append(partial(mail.end, DRAIN_S))
        worker = Worker(ctx, worker_name()) if "worker" in roles else None
        operations = operations_application(ctx, metrics)
        at = config.server.operations_listen
        operations_url = await _listen(stack, ends, operations, config, at, sockets and sockets[1])
        if (control_socket := control.socket_beside(config.database.url.reveal())) is not None:
            await stack.enter_async_context(control.listening(ctx, control_socket))
        if worker is not None:
            await ctx.db.write(lambda conn: transcripts.forget_in_time(conn, ctx, ctx.clock.now()))
            await ctx.db.write(lambda conn: reconciling.follow_in_time(conn, ctx, ctx.clock.now()))
            if ctx.db.dialect == "sqlite":  # nobody else has the file, so whoever held a task was killed
                await ctx.db.write(lambda conn: outbox.release_orphans(conn, ctx.clock.now()))
            work = asyncio.create_task(worker.run(), name="worker")
            ends.append(partial(_stop_worker, worker, work))
        stack.push_async_callback(_all_at_once, ends)
        yield Running(ctx, url, operations_url, worker, lmtp)


async def _all_at_once(ends: Ends) -> None:
    await asyncio.gather(*(end() for end in ends))


async def _stop_worker(worker: Worker, work: asyncio.Task[None]) -> None:
    worker.stop()
    await work


async def _listen(
    stack: contextlib.AsyncExitStack,
    ends: Ends,
    app: web.Application,
    config: Config,
    at: Listen,
    bound: socket.socket | None,
) -> str:
    drain = Drain()
    app.middlewares.insert(0, drain.middleware)
    runner = web.AppRunner(
        app,
        access_log=None,
        shutdown_timeout=DRAIN_S,
        handle_signals=False,
        keepalive_timeout=config.limits.idle_timeout_s,  # aiohttp counts it from the start: a slow head ends by it too
    )
    await runner.setup()
    stack.push_async_callback(runner.cleanup)
    site: web.BaseSite = (
        web.SockSite(runner, bound) if bound is not None else web.TCPSite(runner, at.host, at.port, backlog=1024)
    )
    await site.start()
    ends.append(partial(drain.end, runner, site))
    host, port = runner.addresses[0][:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


class Drain:
    """Counts the requests under way, so that the end can wait for them with their connections open.

    aiohttp's own end drops what a client still sends (RequestHandler.data_received), and with it a request whose body is on
    its way.
    """

    def __init__(self) -> None:
        self._under_way = 0
        self._ending = False
        self._fewer = asyncio.Event()

    @property
    def middleware(self) -> Callable[..., Awaitable[web.StreamResponse]]:
        @web.middleware
        async def counted(
            request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
        ) -> web.StreamResponse:
            self._under_way += 1
            try:
                response = await handler(request)
                if self._ending and not response.prepared:
                    response.force_close()
                return response
            finally:
                self._under_way -= 1
                self._fewer.set()

        return counted

    async def end(self, runner: web.AppRunner, site: web.BaseSite) -> None:
        """Takes no new connection, ends the streams, and gives the requests under way DRAIN_S to be received and answered."""
        self._ending = True
        await site.stop()
        await runner.shutdown()
        if self._under_way:
            log.info("draining", requests=self._under_way)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(DRAIN_S):
                while self._under_way:
                    self._fewer.clear()
                    await self._fewer.wait()

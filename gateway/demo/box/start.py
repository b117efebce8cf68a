"""Starts the box: everything on free ports of 127.0.0.1, a database that is deleted at the end, and the page.

The gateway is handed in as a function: the box is a floor below the one that joins it.
"""

from __future__ import annotations

import asyncio
import random
import socket
import tempfile
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from datetime import date, datetime
from pathlib import Path
from typing import Protocol, Self
from zoneinfo import ZoneInfo

import aiohttp
import sqlalchemy as sa
from aiohttp import web

from gateway.clock import Clock
from gateway.config import Config, default_config
from gateway.config.biller import biller_from
from gateway.config.server import Push
from gateway.config.shapes import Place
from gateway.demo.box.asking import Site
from gateway.demo.box.billers import BILLERS, DemoBiller, tables
from gateway.demo.box.clock import BoxClock, Jumps
from gateway.demo.box.desk import Desk
from gateway.demo.box.drafts import ANA, Drafting
from gateway.demo.box.feed import Feed
from gateway.demo.box.history import write_history
from gateway.demo.box.houses import House
from gateway.demo.box.pages import Pages
from gateway.demo.box.telling import Teller
from gateway.demo.box.vendors import Vendors, vendors_of
from gateway.domain import ids
from gateway.domain.keys import Scope
from gateway.domain.reminders import FOREVER
from gateway.registry import Registry
from gateway.services import keys, reconciling, setup, templates
from gateway.services.context import Context
from gateway.services.directory import Biller
from gateway.store import invoices, payments, reminders
from gateway.store.payments import Line
from gateway.store.reconciliations import Compared

HOST = "127.0.0.1"
_TIME_ZONE = ZoneInfo("Europe/Bucharest")


class Gateway(Protocol):
    """What `gateway.app.running` gives."""

    @property
    def ctx(self) -> Context: ...

    @property
    def url(self) -> str: ...


class Run(Protocol):
    """`gateway.app.running`: a gateway that is up while the context is open, listening on `sockets`."""

    def __call__(
        self, config: Config, *, clock: Clock, public_url: str, sockets: tuple[socket.socket, socket.socket]
    ) -> AbstractAsyncContextManager[Gateway]: ...


class Box:
    """The running box. `port` is the page's, 0 for a free one; without `history` its list begins empty.

    Use it as a context; entering it again after its end is not meant.
    """

    def __init__(
        self,
        run: Run,
        *,
        port: int = 0,
        history: bool = True,
        clock: BoxClock | None = None,
        chance: random.Random | None = None,
    ) -> None:
        self.feed = Feed()
        self.houses: dict[str, House] = {}
        self.url = ""
        self.gateway_url = ""
        self.folder = Path()
        self.clock = clock or BoxClock()
        self._run = run
        self._port = port
        self._history = history
        self._chance = chance or random.Random()
        self._stack = AsyncExitStack()

    def today(self) -> date:
        """The day where the billers are."""
        return self.clock.now().astimezone(_TIME_ZONE).date()

    async def next_reminder(self) -> datetime | None:
        """When Ana's next reminder is due at any biller; None when none is planned."""

        def body(conn: sa.Connection) -> list[datetime | None]:
            known = [self._ctx.directory.biller_called(slug) for slug in self.houses]
            payers = [
                invoices.payer_called(conn, biller.id, house.biller.contract)
                for biller, house in zip(known, self.houses.values(), strict=True)
                if biller
            ]
            return [reminders.next_due(conn, payer.id) for payer in payers if payer]

        found = await self._ctx.db.read(body)
        return min((at for at in found if at is not None and at < FOREVER), default=None)

    async def ledger(self, invoice: str) -> list[Line]:
        """The gateway's own ledger of an invoice of that id: every line that moved money, or was refused to."""
        number = ids.read(ids.INVOICE, invoice)
        return [] if number is None else await self._ctx.db.read(lambda conn: payments.lines(conn, number))

    async def compared(self, slug: str, account: str, day: date) -> Compared:
        """A day of an account, anew, against what its provider lists: what `achit reconcile provider` does. Raises as `reconcile`."""
        known = self._ctx.directory.provider_called(f"{slug}.{account}")
        if known is None:
            raise LookupError(f"{slug} has no account {account}")
        return await reconciling.reconcile(self._ctx, known, day, anew=True)

    async def __aenter__(self) -> Self:
        async with AsyncExitStack() as stack:
            await self._start(stack)
            self._stack = stack.pop_all()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._stack.aclose()

    async def _start(self, stack: AsyncExitStack) -> None:
        self.folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="achit-demo-")))
        public, operations, page = (stack.enter_context(_listening(port)) for port in (0, 0, self._port))
        self.gateway_url, self.url = _url(public), _url(page)
        vendors = {
            biller.slug: await stack.enter_async_context(vendors_of(biller, self.gateway_url, self.clock))
            for biller in BILLERS
        }
        gateway = await stack.enter_async_context(
            self._run(_config(self.folder), clock=self.clock, public_url=self.gateway_url, sockets=(public, operations))
        )
        self._ctx = gateway.ctx
        self.jumps = Jumps(self.clock, gateway.ctx, [each.settled for each in vendors.values()])
        session = await stack.enter_async_context(aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=15)))
        for biller in BILLERS:
            key = await self._settle_in(gateway.ctx, biller, vendors[biller.slug])
            self.houses[biller.slug] = House(
                biller,
                vendors[biller.slug],
                Desk(session, self.gateway_url, key),
                Drafting(biller, self._chance),
                Teller(self.feed, biller.slug, vendors[biller.slug]),
            )
        if self._history:
            for house in self.houses.values():
                await write_history(house.biller, house.desk, house.drafting, self.today())
        await stack.enter_async_context(self._followed())
        await stack.enter_async_context(self._served(page))

    async def _settle_in(self, ctx: Context, biller: DemoBiller, vendors: Vendors) -> str:
        """What an operator does for a new biller: apply the file, make a key, point the bot's webhook. Gives the key."""
        pay_site = f"{self.gateway_url.partition('://')[2]}/c"
        values = tables(biller, vendors.addresses(self.url, pay_site))
        config = biller_from(values, Registry(), where=Place(Path(), vendors.secrets), file=f"{biller.slug}.toml")
        applied = await setup.apply(ctx, config)
        vendors.erp.trust(applied.secrets[vendors.erp.push_url])
        known = ctx.directory.biller_called(biller.slug)
        if known is None:
            raise RuntimeError(f"{biller.slug} is not there after it was applied")
        if failed := await setup.register_webhooks(ctx, known):
            raise RuntimeError(f"a webhook was not registered: {failed}")
        for account in ctx.directory.channels_of(known.id):
            account.make()  # now rather than at the first message, which somebody waits for
        await _approve_templates(ctx, known, vendors)
        await vendors.whatsapp.subscribe(f"{self.gateway_url}/hooks/channels/{biller.slug}.whatsapp")
        vendors.telegram.join(ANA.chat_id, ANA.name.partition(" ")[0], started=True)
        return await keys.create(ctx, known, "the demo box", [Scope.READ, Scope.WRITE])

    @asynccontextmanager
    async def _followed(self) -> AsyncIterator[None]:
        tasks = [asyncio.create_task(house.teller.follow(house.desk)) for house in self.houses.values()]
        try:
            yield
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    @asynccontextmanager
    async def _served(self, listening: socket.socket) -> AsyncIterator[None]:
        site = Site(
            houses=self.houses,
            feed=self.feed,
            url=self.url,
            gateway_url=self.gateway_url,
            clock=self.clock,
            jumps=self.jumps,
            today=self.today,
            next_reminder=self.next_reminder,
        )
        pages = Pages(site)
        runner = web.AppRunner(pages.application(), access_log=None, shutdown_timeout=1.0)
        await runner.setup()
        try:
            await web.SockSite(runner, listening).start()
            yield
        finally:
            self.feed.close()
            await runner.cleanup()


async def _approve_templates(ctx: Context, biller: Biller, vendors: Vendors) -> None:
    """WhatsApp takes only texts that it has approved, until the payer writes. Raises RuntimeError when it takes one not."""
    for account in templates.accounts(ctx, biller, "whatsapp"):
        kept = await templates.sync(ctx, biller, account, dry_run=False)
        if refused := [one.refused for one in kept if one.refused]:
            raise RuntimeError(f"WhatsApp does not take the texts of {biller.slug}: {refused}")


def _listening(port: int) -> socket.socket:
    """Raises OSError when the port is taken."""
    listening = socket.socket()
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind((HOST, port))
    except OSError:
        listening.close()
        raise
    return listening


def _url(listening: socket.socket) -> str:
    return f"http://{HOST}:{listening.getsockname()[1]}"


def _config(folder: Path) -> Config:
    config = default_config(folder, listen=f"{HOST}:0", operations_listen=f"{HOST}:0")
    loopback = Push.model_validate({"allow_networks": ["127.0.0.0/8"]})
    return config.model_copy(update={"push": loopback})

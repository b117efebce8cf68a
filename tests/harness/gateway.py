"""A whole gateway under a clock that stands still, over a real database and vendors that are simulated in memory.

Nothing happens by itself: `drain` does what is due, `clock.advance` lets time pass, webhooks are handed in.
"""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from functools import cache
from ipaddress import ip_network
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from gateway.app import open_context
from gateway.config.biller import biller_from
from gateway.config.server import Config
from gateway.config.shapes import Place, read_section
from gateway.demo.telegram import PROVIDER_TOKEN
from gateway.domain.deliveries import Delivery, DeliveryState, Step
from gateway.domain.events import QUIET
from gateway.domain.invoices import InvoiceStatus
from gateway.ports.values import Money, Secret, WebhookRequest
from gateway.registry import Registry
from gateway.rendering import Renderer
from gateway.services import attempts, invoices, receipts, setup, webhooks
from gateway.services.context import Context
from gateway.services.directory import Biller
from gateway.services.invoices import Draft, View
from gateway.services.payments import OffPlatform, record_off_platform
from gateway.store import events, outbox
from gateway.store.database import Database
from gateway.store.events import Event
from gateway.testing.clock import FakeClock
from gateway.worker import Worker
from tests.harness.vendors import PROOF, Payment, SimBank, Vendors

RON = "RON"
_KEY = Secret("A" * 43 + "=")
PUSH_SECRET = Secret("whsec_" + "c2VjcmV0" * 5)
ENVIRONMENT = {
    "KEY": _KEY.reveal(),
    "PUSH": PUSH_SECRET.reveal(),
    "TWILIO": "twilio-token",
    "BOT": "110201543:AAHdqTcvCH1vGWJxfSeofSAs0K5PALDsaw",
    "BOT_SECRET": "bot-secret",
    "BOT_PROVIDER": PROVIDER_TOKEN,
    "MAIL": "mail-secret",
    "BANK_KEY": "key_demo",
    "BANK": "whsec_demo",
    "PROOF": PROOF,
}


def env(name: str) -> dict[str, str]:
    return {"env": name}


@dataclass(slots=True)
class House:
    """What every world has: a context over a real database, a worker, a biller."""

    ctx: Context
    clock: FakeClock
    worker: Worker
    biller: Biller
    _numbers: int = field(default=0)

    @property
    def db(self) -> Database:
        return self.ctx.db

    async def issue(
        self,
        amount: str = "125.40",
        *,
        number: str | None = None,
        steps: Sequence[Step] | None = (),
        deliver_at_s: float | None = None,
        key: str | None = None,
        **payer: Any,
    ) -> View:
        """A new invoice, without messages unless `steps` says so (None: the biller's policy)."""
        self._numbers += 1
        deliver_at = None if deliver_at_s is None else self.clock.now() + timedelta(seconds=deliver_at_s)
        draft = draft_of(number or f"F-{self._numbers}", amount, steps=steps, payer=payer, deliver_at=deliver_at)
        view, new = await invoices.issue(self.ctx, self.biller, draft, key=key)
        assert new
        return view

    async def drain(self) -> int:
        """Does all that is due, and what waits only for a channel's rate: for that, time moves by two seconds at most."""
        done = await self.worker.drain()
        for _ in range(20):
            if not await self.db.read(lambda conn: outbox.any_due(conn, self.clock.now())):
                break
            self.clock.advance(seconds=0.1)
            done += await self.worker.drain()
        return done

    async def pass_time(self, **by: float) -> None:
        """Lets time pass, doing each task when it comes due."""
        end = self.clock.now() + timedelta(**by)
        await self.drain()
        while True:
            due_at = await self.db.read(lambda conn: outbox.next_due(conn))
            if due_at is None or due_at > end:
                break
            self.clock.move_to(max(due_at, self.clock.now() + timedelta(milliseconds=1)))
            await self.drain()
        self.clock.move_to(max(end, self.clock.now()))

    async def view(self, invoice_id: int) -> View:
        return await invoices.get(self.ctx, self.biller, invoice_id)

    async def status(self, invoice_id: int) -> InvoiceStatus:
        return (await self.view(invoice_id)).invoice.status

    async def paid(self, invoice_id: int) -> int:
        return (await self.view(invoice_id)).invoice.paid_minor

    async def event_types(self, invoice_id: int | None = None) -> list[str]:
        """The types of an invoice's events, or of the biller's, in order; without those that nobody is pushed unasked."""
        if invoice_id is not None:
            found: Sequence[Event] = await invoices.timeline(self.ctx, self.biller, invoice_id)
        else:
            found = await self.db.read(lambda conn: events.after(conn, self.biller.id, 0, 10_000))
        return [event.type for event in found if event.type not in QUIET]

    async def events_of(self, invoice_id: int, *types: str) -> list[dict[str, Any]]:
        """The data of an invoice's events of these types."""
        found = await invoices.timeline(self.ctx, self.biller, invoice_id)
        return [event.data for event in found if event.type in types]

    async def deliveries(self, invoice_id: int) -> list[Delivery]:
        return list((await self.view(invoice_id)).deliveries)

    async def states(self, invoice_id: int) -> list[tuple[str, DeliveryState]]:
        return [(delivery.channel, delivery.state) for delivery in await self.deliveries(invoice_id)]

    async def tasks(self, state: str = outbox.DUE) -> list[tuple[str, int]]:
        """(kind, key) of every task in `state`, by the time it is due."""
        listed = await self.db.read(lambda conn: outbox.listing(conn, state))
        return [(task.kind, task.key) for task in listed]

    async def off_platform(self, invoice_id: int, amount: str, reference: str = "R-1", source: str = "cash") -> None:
        money = OffPlatform(Money.parse(amount, RON), self.clock.now().date(), source, reference)
        await record_off_platform(self.ctx, self.biller, invoice_id, money)

    async def start(self, invoice_id: int, method: str = "bank") -> str:
        """Starts a payment as the pay page does; gives the URL that the payer is sent to."""
        view = await self.view(invoice_id)
        attempt = await attempts.start(self.ctx, view.invoice, method, locale="ro")
        return attempt.redirect_url or ""


def draft_of(
    number: str,
    amount: str,
    *,
    steps: Sequence[Step] | None = (),
    payer: Mapping[str, Any] | None = None,
    deliver_at: Any = None,
    currency: str = RON,
) -> Draft:
    """An invoice as the edge hands it over."""
    columns: dict[str, Any] = {
        "reference": f"C-{number}",
        "name": "Ana Popescu",
        "email": None,
        "phone": None,
        "telegram": None,
        "whatsapp": None,
        "locale": "ro",
        "time_zone": "Europe/Bucharest",
    }
    columns |= payer or {}
    money = Money.parse(amount, currency)
    details = {
        "number": number,
        "amount": {"value": money.value, "currency": money.currency},
        "description": "Energie",
        "lines": [],
        "document_url": None,
        "metadata": {},
        "payer": columns,
    }
    return Draft(number, money, date(2026, 11, 20), date(2026, 12, 8), columns, details, steps, deliver_at)


def server_config(public_url: str) -> Config:
    values = {
        "server": {"public_url": public_url},
        "database": {"url": "sqlite:///unused.db"},
        "secrets": {"keys": [{"id": "k1", "env": "KEY"}]},
    }
    config = read_section(Config, values, Place(Path(), ENVIRONMENT), "achit.toml: ")
    push = config.push.model_copy(update={"allow_networks": (ip_network("127.0.0.0/8"),)})
    return config.model_copy(update={"push": push})


async def apply_biller(ctx: Context, registry: Registry, values: Mapping[str, Any]) -> Biller:
    """Applies a biller's file, given as tables."""
    config = biller_from(values, registry, where=Place(Path(), ENVIRONMENT), file="acme.toml")
    await setup.apply(ctx, config)
    biller = ctx.directory.biller_called(config.slug)
    assert biller is not None
    return biller


@cache
def renderer() -> Renderer:
    """Our templates, compiled once a test process."""
    return Renderer()


def identity(slug: str = "acme") -> dict[str, str]:
    return {"slug": slug, "legal_name": "Acme Energie SRL", "display_name": "Acme"}


@dataclass(slots=True)
class Sim(House):
    """A house whose vendors are simulated in memory; webhooks are handed to the services as the edge does."""

    vendors: Vendors = field(init=False)

    @property
    def bank(self) -> SimBank:
        return self.vendors.bank

    async def open_payment(self, invoice_id: int, method: str = "bank") -> str:
        return (await self.start(invoice_id, method)).rpartition("/")[2]

    async def tell(self, payment: Payment, bank: str = "sim") -> int:
        """A bank's webhook about a payment arrives; gives how many events were new."""
        account = self.ctx.directory.provider_called(f"acme.{bank}")
        assert account is not None
        return await webhooks.receive_webhook(self.ctx, account, self.vendors.banks[bank].news(payment))

    async def hear(self, channel: str, request: WebhookRequest) -> int:
        """A channel's webhook arrives."""
        account = self.ctx.directory.channel_called(f"acme.{channel}")
        assert account is not None
        return await receipts.receive_webhook(self.ctx, account, request)

    def other_worker(self, name: str) -> Worker:
        return Worker(self.ctx, name)


@contextlib.asynccontextmanager
async def open_sim(
    database: Database, clock: FakeClock, *, biller: Mapping[str, Any] | None = None, **vendors: Any
) -> AsyncIterator[Sim]:
    """A gateway over simulated vendors, without any listener. `vendors` are the abilities of `Vendors`."""
    made = Vendors(clock.now, **vendors)
    config = server_config("https://pay.example")
    async with open_context(
        config,
        clock=clock,
        registry=made,  # type: ignore[arg-type]
        chance=lambda: 0.5,
        migrate=False,
        database=database,
        renderer=renderer(),
    ) as ctx:
        values = {"biller": identity(), **made.tables, **(biller or {})}
        sim = Sim(ctx, clock, Worker(ctx, "test"), await apply_biller(ctx, made, values))  # type: ignore[arg-type]
        sim.vendors = made
        yield sim


async def count(db: Database, table: sa.Table, *where: sa.ColumnElement[bool]) -> int:
    """How many rows a table has."""
    query = sa.select(sa.func.count()).select_from(table).where(*where)
    return int(await db.read(lambda conn: conn.execute(query).scalar_one()))

"""One biller with an account at every vendor, all on one page: the whole gateway, and a strict stand-in of each vendor over HTTP."""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

import aiohttp

from gateway.outbound import OutboundClient
from gateway.ports.values import Secret, WebhookRequest
from gateway.services.invoices import View
from gateway.store.database import Database
from gateway.store.schema import inbox
from gateway.testing.clock import FakeClock
from gateway.testing.provider_bench import ProviderBench
from providers.psd2 import PROVIDER as PSD2
from providers.psd2.banks import BANKS
from providers.psd2.wire import Order
from tests.fakes.psd2 import XS2A
from tests.harness.gateway import count
from tests.harness.payer import Payer, Shown
from tests.harness.world import World, open_world
from tests.providers import euplatesc_bench, netopia_bench, psd2_bench, revolut_bench, sandbox_bench, stripe_bench

Bench = Any  # a ProviderBench, and what only one vendor's has
PLAIN = dataclasses.replace(
    psd2_bench.STRICT, code="plain", name="Banca Simplă", signing=None, certificate="", dated=False
)
TRANSFER = {
    "adapter": "bank_transfer",
    "name": "Acme Energie SRL",
    "ibans": ["RON RO49AAAA1B31007593840000", "EUR RO09BCYP0000001234567890"],
}


@dataclass(frozen=True, slots=True)
class Vendor:
    """An adapter as one row: how its bench is opened, which button is its, and what its vendor expects and shows.

    `acknowledged` and `refused` are the answers to a webhook that the vendor expects (None: whatever refuses). `hook` is where the vendor
    was told to call, None where that is set at its desk. `closed`: whether it shows a payment as closed, None where it cannot close one.
    `hands_over`: the payer's browser posts a form to it. `choice`: what is picked of the method. `returns`: what the payer's browser
    brings back from where it was sent. `settle`: later the vendor books what it keeps.
    `gives_parts`: it gives back parts of a payment, where it gives back at all.
    """

    name: str
    method: str
    open: Callable[..., AbstractAsyncContextManager[Bench]]
    acknowledged: tuple[int, bytes] = (204, b"")
    refused: bytes | None = None
    hook: Callable[[Bench, str], str] | None = None
    closed: Callable[[Bench, str], bool] | None = None
    hands_over: bool = False
    gives_parts: bool = True
    choice: str = ""
    returns: Callable[[Bench, str], Mapping[str, str]] | None = None
    settle: Callable[[Bench, str], object] = lambda bench, external_id: None

    @property
    def button(self) -> str:
        return f"{self.method}:{self.choice}" if self.choice else self.method


VENDORS = (
    Vendor(
        "sandbox",
        "wallet",
        sandbox_bench.open_bench,
        hook=lambda bench, external_id: bench.bank.payment(external_id).terms.webhook_url,
        closed=lambda bench, external_id: bench.bank.payment(external_id).state == "cancelled",
    ),
    Vendor(
        "stripe",
        "card",
        stripe_bench.open_bench,
        closed=lambda bench, external_id: bench.stripe.ledger.things[external_id]["status"] == "expired",
        settle=lambda bench, external_id: bench.stripe.ledger.book_fee(external_id),
    ),
    Vendor(
        "netopia",
        "card",
        netopia_bench.open_bench,
        acknowledged=(200, b'{"errorType":0,"errorCode":"","errorMessage":""}'),
        refused=b'{"errorType":2,"errorCode":"","errorMessage":""}',
        hook=lambda bench, external_id: _started(bench, external_id)["config"]["notifyUrl"],
        gives_parts=False,
    ),
    Vendor(
        "euplatesc",
        "card",
        euplatesc_bench.open_bench,
        acknowledged=(200, b"OK"),
        hook=lambda bench, external_id: bench.vendor.visits[external_id].form["ExtraData[silenturl]"],
        hands_over=True,
    ),
    Vendor(
        "revolut",
        "revolut",
        revolut_bench.open_bench,
        settle=lambda bench, external_id: _captured(bench, external_id),
        closed=lambda bench, external_id: bench.account.order(external_id)["state"] == "cancelled",
    ),
    Vendor(
        "psd2",
        "bank",
        lambda clock: _banks(clock),
        hook=lambda bench, external_id: _ordered(bench, external_id).headers["TPP-Notification-URI"],
        closed=lambda bench, external_id: _ordered(bench, external_id).status == "CANC",
        choice="bt",
        returns=lambda bench, url: bench.xs2a.come_back(url),
    ),
)


@contextlib.asynccontextmanager
async def _banks(clock: FakeClock) -> AsyncIterator[Bench]:
    """Two banks to pick from; the bench is of the one where the payer authorises by OAuth."""
    with psd2_bench.known(PLAIN):
        async with (
            XS2A(BANKS["bt"], clock, how="oauth") as bt,
            XS2A(PLAIN, clock) as plain,
            OutboundClient(clock) as http,
        ):
            urls = {"bt": bt.url, PLAIN.code: plain.url}
            yield psd2_bench.Psd2Bench(bt, http, PSD2, banks=tuple(urls), base_urls=urls)


def _ordered(bench: Bench, external_id: str) -> Any:
    return bench.xs2a.payments[Order.read(external_id).payment]


def _captured(bench: Bench, external_id: str) -> None:
    fees = [{"type": "acquiring", "amount": 198, "currency": bench.account.order(external_id)["currency"]}]
    bench.account.order(external_id)["payments"][-1]["fees"] = fees


def _started(bench: Bench, external_id: str) -> Any:
    return bench.vendor.payments[external_id.partition(":")[0]].start


@dataclass
class Shop:
    """The gateway, the benches of its vendors by name, and a payer."""

    world: World
    benches: Mapping[str, Bench]
    payer: Payer
    session: aiohttp.ClientSession = field(repr=False)

    def url(self, view: View) -> str:
        """The pay link."""
        return self.world.url + self.world.ctx.pay_path(view.invoice.id, view.invoice.link_version)

    async def begin(self, view: View, vendor: Vendor, *, comes_back: bool = True) -> str:
        """The payer opens the page, presses the vendor's button and arrives there; gives the vendor's id of the payment.

        Where they authorise before they pay, they have done so unless they left: `comes_back`.
        """
        page = await self.payer.open(self.url(view))
        sent = await self.payer.press(page, "method", vendor.button)
        if vendor.hands_over:
            assert sent.status == 200
            there = await self.payer.press(sent)
            assert (there.url, there.status) == (self.benches[vendor.name].settings.page_url, 200), there.text
        attempt = (await self.world.view(view.invoice.id)).attempts[-1]
        account = self.world.ctx.directory.provider(attempt.account_id)
        assert account is not None
        assert account.row.name == f"acme.{vendor.name}"
        assert attempt.external_id is not None
        assert vendor.hands_over or (sent.status, sent.location) == (303, attempt.redirect_url)
        if vendor.returns is not None and comes_back:
            brought = urlencode(vendor.returns(self.benches[vendor.name], sent.location or ""))
            back = await self.payer.follow(await self.payer.open(f"{self.world.url}/return?{brought}"))
            assert (await self.payer.press(back)).status == 303
        return attempt.external_id

    async def call(self, vendor: Vendor, external_id: str, webhook: WebhookRequest) -> tuple[int, bytes]:
        """The vendor calls where it was told to; the answer as it reads it."""
        url = f"{self.world.url}/hooks/providers/acme.{vendor.name}"
        if vendor.hook is not None:
            told = vendor.hook(self.benches[vendor.name], external_id)
            assert told.partition("?")[0] == url
            url = told
        async with self.session.post(url, data=webhook.body, headers=dict(webhook.headers)) as answer:
            return answer.status, await answer.read()

    async def kept(self) -> int:
        """How many webhooks the inbox holds."""
        return await count(self.world.db, inbox)

    async def facts(self, view: View) -> tuple[Any, ...]:
        """All that a webhook could change."""
        now = await self.world.view(view.invoice.id)
        tries = [(each.status, each.received_minor, each.reversed_minor) for each in now.attempts]
        events = await self.world.event_types(view.invoice.id)
        return now.invoice.status, now.invoice.paid_minor, tries, events, await self.kept()


@contextlib.asynccontextmanager
async def open_shop(database: Database, clock: FakeClock, first: str = "") -> AsyncIterator[Shop]:
    """Every account on one page; that of `first` stands first in the biller's file, and so serves the methods that it shares."""
    async with contextlib.AsyncExitStack() as stack:
        benches = {one.name: await stack.enter_async_context(one.open(clock=clock)) for one in VENDORS}
        environment: dict[str, str] = {}
        accounts: dict[str, Any] = {
            one.name: table(benches[one.name], one.name, environment) | {"methods": [one.method]} for one in VENDORS
        }
        accounts["transfer"] = TRANSFER
        ordered = {name: accounts[name] for name in sorted(accounts, key=lambda name: name != first)}
        biller = {"providers": ordered}
        opened = open_world(database, clock, pushes=True, biller=biller, environment=environment)
        world = await stack.enter_async_context(opened)
        session = await stack.enter_async_context(aiohttp.ClientSession())
        yield Shop(world, benches, Payer(session), session)


def table(bench: ProviderBench, name: str, environment: dict[str, str]) -> dict[str, Any]:
    """The account's table in the biller's file; its secrets go into `environment`."""

    def written(value: Any, path: str) -> Any:
        if isinstance(value, Secret):
            environment[path] = value.reveal()
            return {"env": path}
        if isinstance(value, Mapping):
            return {key: written(inner, f"{path}_{key}") for key, inner in value.items()}
        return list(value) if isinstance(value, tuple) else value

    values = {each.name: getattr(bench.settings, each.name) for each in dataclasses.fields(bench.settings)}
    return {key: written(value, f"{name}_{key}".upper()) for key, value in values.items() if value is not None}


__all__ = ["TRANSFER", "VENDORS", "Shop", "Shown", "Vendor", "open_shop"]

"""Invoices paid through Revolut: the real gateway and adapter, a real database, and a stand-in of the Merchant API."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

import orjson
import pytest

from gateway.app import open_context
from gateway.domain.invoices import InvoiceStatus
from gateway.domain.payments import AttemptStatus
from gateway.registry import Registry
from gateway.services import webhooks
from gateway.services.errors import Unavailable
from gateway.store import payments
from gateway.store.database import Database, open_database
from gateway.testing.provider_bench import Fault
from gateway.worker import Worker
from tests.harness.databases import Databases
from tests.harness.gateway import ENVIRONMENT, House, apply_biller, env, identity, renderer, server_config
from tests.providers.revolut_bench import API_KEY, PRESENT, RevolutBench, open_bench

A, IS = AttemptStatus, InvoiceStatus


@dataclass(slots=True)
class Shop(House):
    """A biller with one account at Revolut."""

    bench: RevolutBench = field(init=False)

    async def hear(self, body: bytes) -> int:
        account = self.ctx.directory.provider_called("acme.revolut")
        assert account is not None
        return await webhooks.receive_webhook(self.ctx, account, self.bench.sign(body, self.clock.now()))

    async def attempts(self, invoice_id: int) -> list[tuple[AttemptStatus, str | None]]:
        rows = await self.db.read(lambda conn: payments.of_invoice(conn, invoice_id))
        return [(row.status, row.reason) for row in sorted(rows, key=lambda row: row.id)]

    def orders(self) -> list[dict[str, Any]]:
        return list(self.bench.account.orders.values())


@pytest.fixture
async def embedded(databases: Databases) -> AsyncIterator[Database]:
    """The engine makes no difference to an adapter; what does is asked of both elsewhere."""
    url = await databases.make("sqlite")
    database = await open_database(url)
    yield database
    await database.aclose()
    await databases.drop(url)


@pytest.fixture
async def shop(embedded: Database, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Shop]:
    monkeypatch.setitem(ENVIRONMENT, "REVOLUT", API_KEY.reveal())
    monkeypatch.setitem(ENVIRONMENT, "REVOLUT_HOOK", PRESENT.reveal())
    async with open_bench() as bench:
        registry = Registry()
        async with open_context(
            server_config("https://pay.example"),
            clock=bench.clock,
            registry=registry,
            chance=lambda: 0.5,
            migrate=False,
            database=embedded,
            renderer=renderer(),
        ) as ctx:
            account = {"api_url": bench.revolut.url, "api_key": env("REVOLUT"), "webhook_secret": env("REVOLUT_HOOK")}
            made = await apply_biller(ctx, registry, {"biller": identity(), "providers": {"revolut": account}})
            shop = Shop(ctx, bench.clock, Worker(ctx, "test"), made)
            shop.bench = bench
            yield shop


async def test_declined_once_and_then_paid_on_the_same_page(shop: Shop) -> None:
    view = await shop.issue("125.40")
    page = await shop.start(view.invoice.id, "card")
    (order,) = shop.orders()
    assert page == order["checkout_url"]
    assert (order["amount"], order["redirect_url"][:20]) == (12_540, "https://pay.example/")

    shop.bench.account.try_to_pay(order["id"], "declined", reason="insufficient_funds")
    assert await shop.hear(shop.bench.account.event("ORDER_PAYMENT_DECLINED", order["id"])) == 1
    assert await shop.attempts(view.invoice.id) == [(A.FAILED, "insufficient_funds")]

    shop.clock.advance(seconds=30)
    shop.bench.account.pay(order["id"])
    body = shop.bench.account.event("ORDER_COMPLETED", order["id"])
    assert [await shop.hear(body), await shop.hear(body)] == [1, 0]
    assert await shop.status(view.invoice.id) is IS.PAID
    assert [status for status, _ in await shop.attempts(view.invoice.id)] == [A.PAID]


async def test_what_the_webhook_did_not_tell_a_poll_finds(shop: Shop) -> None:
    view = await shop.issue("125.40")
    await shop.start(view.invoice.id, "revolut")
    shop.bench.account.pay(shop.orders()[0]["id"])
    await shop.pass_time(seconds=30)

    assert await shop.status(view.invoice.id) is IS.PAID


@pytest.mark.parametrize(("fault", "status"), [(Fault.CUT_MADE, A.PENDING), (Fault.CUT_NOT_MADE, A.FAILED)])
async def test_an_order_whose_answer_was_lost_is_looked_up(shop: Shop, fault: Fault, status: AttemptStatus) -> None:
    view = await shop.issue("125.40")
    shop.bench.arm(fault)
    with pytest.raises(Unavailable):
        await shop.start(view.invoice.id, "card")
    await shop.pass_time(seconds=15)

    assert [one for one, _ in await shop.attempts(view.invoice.id)] == [status]
    assert len(shop.orders()) == (1 if fault is Fault.CUT_MADE else 0)


async def test_settlement_cancels_the_other_order(shop: Shop) -> None:
    view = await shop.issue("125.40")
    for method in ("card", "revolut"):
        await shop.start(view.invoice.id, method)
    first, second = shop.orders()
    shop.bench.account.pay(second["id"])
    await shop.hear(shop.bench.account.event("ORDER_COMPLETED", second["id"]))
    await shop.drain()

    assert [order["state"] for order in (first, second)] == ["cancelled", "completed"]
    assert [status for status, _ in await shop.attempts(view.invoice.id)] == [A.CANCELLED, A.PAID]


async def test_a_lost_dispute_opens_the_debt_again(shop: Shop) -> None:
    view = await shop.issue("125.40")
    await shop.start(view.invoice.id, "card")
    (order,) = shop.orders()
    shop.bench.account.pay(order["id"])
    await shop.hear(shop.bench.account.event("ORDER_COMPLETED", order["id"]))
    dispute_id = shop.bench.account.dispute(order["id"], "under_review")
    await shop.hear(orjson.dumps({"event": "DISPUTE_UNDER_REVIEW", "dispute_id": dispute_id}))
    assert await shop.status(view.invoice.id) is IS.PAID

    shop.bench.account.dispute(order["id"], "lost", of=dispute_id)
    await shop.hear(orjson.dumps({"event": "DISPUTE_LOST", "dispute_id": dispute_id}))
    assert await shop.status(view.invoice.id) is not IS.PAID
    assert [status for status, _ in await shop.attempts(view.invoice.id)] == [A.REVERSED]


async def test_an_order_that_nobody_pays_runs_out_with_the_attempt(shop: Shop) -> None:
    view = await shop.issue("125.40")
    await shop.start(view.invoice.id, "card")
    await shop.pass_time(minutes=31)

    assert shop.bench.account.order(shop.orders()[0]["id"])["state"] == "failed"
    assert [status for status, _ in await shop.attempts(view.invoice.id)] == [A.EXPIRED]

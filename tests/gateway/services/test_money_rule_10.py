"""The rule of money 10: no transaction is open while a vendor is called. Looked at from outside, by a connection of nobody's."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Callable, Coroutine
from pathlib import Path
from typing import Any

import asyncpg
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from gateway.domain.deliveries import DeliveryState, Step
from gateway.domain.payments import AttemptStatus
from gateway.ports.errors import OutcomeUnknown
from gateway.ports.provider import PaymentStatus
from gateway.services import polling, push_endpoints
from gateway.store.database import Database
from gateway.worker import Worker
from tests.harness.gateway import Sim
from tests.harness.rows import keys, put, waits

A, S = AttemptStatus, PaymentStatus
Probe = Callable[[], Coroutine[Any, Any, list[str]]]


@pytest.fixture
async def open_transactions(database_url: str) -> AsyncIterator[Probe]:
    """What transactions of the gateway are open now, as a connection of nobody's sees it."""
    if database_url.startswith("sqlite"):
        outsider = sqlite3.connect(Path(database_url.removeprefix("sqlite:///")), timeout=0, isolation_level=None)

        async def probe() -> list[str]:
            """A checkpoint that resets the log is busy while anybody reads, and cannot begin while anybody writes."""
            try:
                busy, _, _ = outsider.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
            except sqlite3.OperationalError as error:
                return [str(error)]
            return ["a reader or a writer"] if busy else []

        yield probe
        outsider.close()
        return
    connection = await asyncpg.connect(database_url)

    async def ask() -> list[str]:
        rows = await connection.fetch(
            "SELECT query FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid() "
            "AND xact_start IS NOT NULL AND backend_type = 'client backend'"
        )
        return [row["query"] for row in rows]

    yield ask
    await connection.close()


async def test_the_probe_sees_a_transaction(database: Database, open_transactions: Probe) -> None:
    loop = asyncio.get_running_loop()
    assert await open_transactions() == []

    def writing(conn: Any) -> list[str]:
        put("a")(conn)
        return waits(conn, open_transactions(), loop)

    def reading(conn: Any) -> list[str]:
        keys(conn)
        return waits(conn, open_transactions(), loop)

    assert await database.write(writing) != []
    assert await database.read(reading) != []
    assert await open_transactions() == []


async def test_rule_10_no_transaction_is_open_while_a_vendor_is_called(sim: Sim, open_transactions: Probe) -> None:
    """Every kind of call to every kind of vendor, from first message to the push that reports a closed session."""
    called: set[str] = set()
    found: list[str] = []
    sim.worker = Worker(sim.ctx, "one at a time", capacity=1)  # another task's transaction may well be open

    async def look(verb: str) -> None:
        called.add(verb)
        found.extend(f"{verb}: {transaction}" for transaction in await open_transactions())

    sim.bank.on_call = look
    for channel in sim.vendors.channels.values():
        channel.on_call = look

    async def take_push(request: web.Request) -> web.Response:
        await look("push")
        return web.Response(status=204)

    app = web.Application()
    app.router.add_post("/erp", take_push)
    async with TestServer(app) as server:
        await push_endpoints.add_endpoint(sim.ctx, sim.biller, str(server.make_url("/erp")))
        sms, telegram = sim.vendors.channels["sms"], sim.vendors.channels["telegram"]
        sms.faults = [OutcomeUnknown("no answer")]
        steps = [Step("telegram", 0), Step("sms", 0)]
        view = await sim.issue(steps=steps, phone="+40722123456", telegram="7")
        await sim.pass_time(minutes=1)
        assert await sim.states(view.invoice.id) == [("telegram", DeliveryState.SENT), ("sms", DeliveryState.SENT)]
        sim.bank.create_fault, sim.bank.made_all_the_same = OutcomeUnknown("cut off"), True
        with pytest.raises(Exception, match="did not answer"):
            await sim.start(view.invoice.id)
        await sim.pass_time(minutes=2)
        by_card = await sim.open_payment(view.invoice.id, "card")
        await sim.tell(sim.bank.change(by_card, S.PAID))
        await sim.pass_time(minutes=1)
        assert len(telegram.edits) == 1
    assert found == []
    assert called == {"send", "find_sent", "edit", "create", "find", "fetch", "cancel", "push"}
    assert [attempt.status for attempt in (await sim.view(view.invoice.id)).attempts] == [A.CANCELLED, A.PAID]
    assert await polling.poll(sim.ctx, 1) is not None

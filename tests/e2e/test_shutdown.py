"""SIGTERM in the middle of everything: what is under way ends well, what cannot end is given back, and nothing is cut."""

from __future__ import annotations

import asyncio
import random
import signal
from pathlib import Path

import aiohttp
import pytest
import sqlalchemy as sa

from gateway.app import DRAIN_S
from gateway.demo.standin import Fault
from gateway.store.schema import delivery, task
from tests.harness.books import Books, hold_up, unsettled
from tests.harness.journeys import Journey, Load
from tests.harness.processes import Installation
from tests.harness.vendors_seen import vendors_at

pytestmark = pytest.mark.timeout(180)  # a process is waited for, and other tests may have the processors

LEASED = sa.select(task.c.kind).where(task.c.lease_by.is_not(None))
DELIVERIES = sa.select(delivery.c.channel, delivery.c.state, delivery.c.resends).order_by(delivery.c.id)


async def leased(books: Books) -> list[str]:
    return await books.read(lambda conn: list(conn.execute(LEASED).scalars()))


async def deliveries(books: Books) -> list[tuple[str, str, int]]:
    return await books.read(lambda conn: [tuple(row) for row in conn.execute(DELIVERIES)])


async def start_payment(session: aiohttp.ClientSession, journey: Journey) -> tuple[int, str]:
    """What the page's button does: the answer's status and where it leads."""
    form = {"method": "bank"}
    async with session.post(f"{journey.pay_url}/attempts", data=form, allow_redirects=False) as answer:
        return answer.status, answer.headers.get("Location", "")


async def test_what_is_under_way_ends_well(tmp_path: Path) -> None:
    installation = Installation(tmp_path, f"sqlite:///{tmp_path / 'achit.db'}")
    books, load = Books(installation.database_url), Load(random.Random(0))
    first, second = Journey(1, ("telegram",), ()), Journey(2, ("sms",), ())
    load.journeys += [first, second]
    async with vendors_at(installation.url) as vendors:
        installation.write(vendors.biller(), vendors.secrets)
        key = await installation.prepare()
        headers = {"Authorization": f"Bearer {key}"}
        async with installation.serving() as server, aiohttp.ClientSession(headers=headers) as session:
            assert await first.go(session, installation.url, vendors)
            await books.until(unsettled(vendors), 20)

            vendors.twilio.gate.hold()
            vendors.bank.gate.hold()
            assert await second.go(session, installation.url, vendors)
            asking = asyncio.create_task(start_payment(session, first))
            await vendors.twilio.gate.reached.wait()
            await vendors.bank.gate.reached.wait()
            async with (
                session.get(f"{installation.url}/v1/events/stream") as events,
                session.get(f"{first.pay_url}/live") as page,
                session.get(f"{installation.url}/v1/invoices") as idle,
            ):
                assert (events.status, page.status, idle.status) == (200, 200, 200)
                await idle.read()
                told_at = asyncio.get_running_loop().time()
                server.tell(signal.SIGTERM)
                await server.until("stopping")
                for stream in (events, page):  # they end as a stream ends, and do not break off
                    async with asyncio.timeout(20):
                        await stream.read()
                vendors.twilio.gate.release()
                vendors.bank.gate.release()
                status, location = await asking
            assert (status, location.startswith(vendors.bank.url)) == (303, True)
            assert await server.ended() == 0
            assert asyncio.get_running_loop().time() - told_at < DRAIN_S
            assert server.complaints == []
            with pytest.raises(aiohttp.ClientConnectorError):
                await start_payment(session, first)
        assert await leased(books) == []
        assert (await deliveries(books))[-1] == ("sms", "sent", 0)
        async with installation.serving() as server:
            await books.until(unsettled(vendors), 30)
            assert await server.stop() == 0
        counted = await hold_up(books, load, vendors, kills=0)
    assert set(counted.values()) == {0}


async def test_a_vendor_that_is_silent_is_not_waited_for_and_is_asked_the_next_time(tmp_path: Path) -> None:
    installation = Installation(tmp_path, f"sqlite:///{tmp_path / 'achit.db'}")
    books = Books(installation.database_url)
    journey = Journey(1, ("sms",), ())
    async with vendors_at(installation.url) as vendors:
        installation.write(vendors.biller(), vendors.secrets)
        key = await installation.prepare()
        vendors.twilio.fault = Fault.LOSE_ANSWER
        headers = {"Authorization": f"Bearer {key}"}
        async with installation.serving() as server, aiohttp.ClientSession(headers=headers) as session:
            assert await journey.go(session, installation.url, vendors)
            await vendors.twilio.messages.until(1)
            assert "deliver" in await leased(books)
            told_at = asyncio.get_running_loop().time()
            assert await server.stop() == 0
            assert asyncio.get_running_loop().time() - told_at < DRAIN_S
            assert server.complaints == []
        assert await leased(books) == []
        assert await deliveries(books) == [("sms", "sending", 0)]
        vendors.twilio.fault = None
        async with installation.serving() as server:
            await books.until(unsettled(vendors), 30)
            assert await server.stop() == 0
        [(_, state, resends)] = await deliveries(books)
        assert (state in ("sent", "delivered"), resends) == (True, 0)  # a receipt that meets nobody is not sent again
        assert len(vendors.twilio.messages) == 1


async def test_on_postgres_the_other_worker_goes_on_at_once(tmp_path: Path, postgres_url: str) -> None:
    """A worker that is stopped gives back what it holds, so that nobody waits for its leases."""
    installation = Installation(tmp_path, postgres_url)
    books = Books(installation.database_url)
    async with vendors_at(installation.url) as vendors:
        installation.write(vendors.biller(), vendors.secrets)
        key = await installation.prepare()
        headers = {"Authorization": f"Bearer {key}"}
        journeys = [Journey(number, ("sms",), ()) for number in range(1, 31)]  # more than the vendor takes in a second
        async with (
            installation.serving("serve", "--role", "web") as web,
            installation.serving("worker") as leaving,
            aiohttp.ClientSession(headers=headers) as session,
        ):
            assert all(await asyncio.gather(*(each.go(session, installation.url, vendors) for each in journeys)))
            await vendors.twilio.messages.until(5)
            assert await leaving.stop() == 0
            assert await leased(books) == []
            assert len(vendors.twilio.messages) < len(journeys)
            async with installation.serving("worker") as staying:
                await books.until(unsettled(vendors), 30)
                assert await staying.stop() == 0
            assert await web.stop() == 0
        assert {(state, resends) for _, state, resends in await deliveries(books)} == {("delivered", 0)}
        assert len(vendors.twilio.messages) == len(journeys)

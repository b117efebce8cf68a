"""The event log: no gap per invoice, none per biller, and no reader that follows it ever misses one."""

from __future__ import annotations

import asyncio
import random
from collections import defaultdict

import pytest
import sqlalchemy as sa

from gateway.domain.events import EventType, NewEvent
from gateway.store import events, outbox, signals
from gateway.store.database import Database, open_database
from gateway.store.events import Event
from gateway.store.schema import push_endpoint
from gateway.testing.clock import START
from tests.harness.rows import Body, seed, waits

FACT = NewEvent(EventType.INVOICE_CHANGED, {"n": 1})


def _append(biller_id: int, invoice_id: int | None, *facts: NewEvent) -> Body[None]:
    return lambda conn: events.append(conn, biller_id, invoice_id, facts or (FACT,), START)


async def test_numbers_count_the_billers_and_the_invoices_own(database: Database) -> None:
    biller_id, (one, two) = await database.write(seed(2))
    for invoice_id in (one, two, None, one):
        await database.write(_append(biller_id, invoice_id, FACT, FACT))
    found = await database.read(lambda conn: events.after(conn, biller_id, 0, 100))
    assert [event.biller_seq for event in found] == list(range(1, 9))
    assert [(event.invoice_id, event.invoice_seq) for event in found] == [
        *((one, 1), (one, 2), (two, 1), (two, 2), (None, None), (None, None), (one, 3), (one, 4)),
    ]
    assert await database.read(lambda conn: events.last_seq(conn, biller_id)) == 8
    assert await database.read(lambda conn: events.last_invoice_seq(conn, one)) == 4
    assert [event.data for event in found] == [{"n": 1}] * 8


async def test_each_biller_counts_for_itself(database: Database) -> None:
    (acme, (one,)), (zeta, (other,)) = await database.write(seed(1)), await database.write(seed(1, slug="zeta"))
    for biller_id, invoice_id in ((acme, one), (zeta, other), (acme, one)):
        await database.write(_append(biller_id, invoice_id))
    assert [e.biller_seq for e in await database.read(lambda conn: events.after(conn, acme, 0, 9))] == [1, 2]
    assert [e.biller_seq for e in await database.read(lambda conn: events.after(conn, zeta, 0, 9))] == [1]


async def test_an_event_of_a_change_that_failed_leaves_no_gap(database: Database) -> None:
    biller_id, (invoice_id,) = await database.write(seed(1))

    def failing(conn: sa.Connection) -> None:
        events.append(conn, biller_id, invoice_id, [FACT], START)
        raise ValueError("undone")

    await database.write(_append(biller_id, invoice_id))
    with pytest.raises(ValueError, match="undone"):
        await database.write(failing)
    await database.write(_append(biller_id, invoice_id))
    found = await database.read(lambda conn: events.of_invoice(conn, invoice_id))
    assert [(event.biller_seq, event.invoice_seq) for event in found] == [(1, 1), (2, 2)]


async def test_a_page_goes_on_where_the_last_one_ended(database: Database) -> None:
    biller_id, (invoice_id,) = await database.write(seed(1))
    for type_ in (EventType.INVOICE_ISSUED, EventType.PAYMENT_STARTED, EventType.INVOICE_PAID) * 4:
        await database.write(_append(biller_id, invoice_id, NewEvent(type_)))
    found: list[Event] = []
    while page := await database.read(lambda conn: events.after(conn, biller_id, len(found), 5)):  # noqa: B023
        assert len(page) <= 5
        found += page
    assert [event.biller_seq for event in found] == list(range(1, 13))
    paid = await database.read(lambda conn: events.after(conn, biller_id, 3, 100, types=["invoice.paid"]))
    assert [event.biller_seq for event in paid] == [6, 9, 12]
    later = await database.read(lambda conn: events.of_invoice(conn, invoice_id, 10))
    assert [event.invoice_seq for event in later] == [11, 12]
    assert await database.read(lambda conn: events.get(conn, found[0].id)) == found[0]


async def test_an_event_wakes_the_pumps_of_its_billers_endpoints_and_no_others(database: Database) -> None:
    (acme, (one,)), (zeta, _) = await database.write(seed(1)), await database.write(seed(1, slug="zeta"))

    def endpoints(conn: sa.Connection) -> list[int]:
        rows = ((acme, True), (acme, False), (zeta, True), (acme, True))
        row = {"url": "https://erp.example", "secrets": b"", "events": [], "created_at": START, "updated_at": START}
        insert = push_endpoint.insert().returning(push_endpoint.c.id)
        return [
            conn.execute(insert.values(row | {"biller_id": biller_id, "enabled": enabled})).scalar_one()
            for biller_id, enabled in rows
        ]

    first, _, _, last = await database.write(endpoints)
    with database.signals.listen(f"biller:{acme}", f"invoice:{one}", f"biller:{zeta}", signals.TASK) as listener:
        await database.write(_append(acme, one))
        heard: set[str] = set()
        while len(heard) < 3:
            heard |= await listener.wait()
    assert heard == {f"biller:{acme}", f"invoice:{one}", signals.TASK}
    tasks = await database.read(lambda conn: outbox.listing(conn, outbox.DUE))
    assert {(task.kind, task.key) for task in tasks} == {(events.PUSH, first), (events.PUSH, last)}


async def _follow(database: Database, biller_id: int, total: int) -> list[Event]:
    """What a reader collects that asks `after=` its last number whenever it is told that something happened."""
    found: list[Event] = []
    with database.signals.listen(f"biller:{biller_id}") as listener:
        while len(found) < total:
            last = found[-1].biller_seq if found else 0
            page = await database.read(lambda conn, last=last: events.after(conn, biller_id, last, 7))  # type: ignore[misc]
            if not page:
                await asyncio.wait_for(listener.wait(), 30)
            found += page
    return found


@pytest.mark.parametrize("chance", [1, 2, 3])
async def test_a_reader_that_follows_misses_nothing_while_many_write(
    database: Database, database_url: str, chance: int
) -> None:
    """Writers whose transactions overlap in a random order and end in another, some of them undone; two readers follow."""
    biller_id, invoice_ids = await database.write(seed(5))
    dice = random.Random(chance)
    loop = asyncio.get_running_loop()
    postgres = database.dialect == "postgresql"
    other = await open_database(database_url) if postgres else database

    async def turns(count: int) -> None:
        for _ in range(count):
            await asyncio.sleep(0)

    async def write(number: int) -> int:
        invoice_id = dice.choice([*invoice_ids, None])
        before, after, size, fails = dice.randrange(4), dice.randrange(12), dice.randrange(1, 4), dice.random() < 0.15

        def body(conn: sa.Connection) -> int:
            if postgres:
                waits(conn, turns(before), loop)
            events.append(conn, biller_id, invoice_id, [FACT] * size, START)
            if postgres:
                waits(conn, turns(after), loop)
            if fails:
                raise ValueError("undone")
            return size

        try:
            return await (other if number % 2 else database).write(body)
        except ValueError:
            return 0

    async def write_all() -> int:
        return sum(await asyncio.gather(*(write(number) for number in range(60))))

    written = asyncio.create_task(write_all())
    await asyncio.sleep(0)
    early = asyncio.create_task(_follow(database, biller_id, 30))
    total = await written
    assert [event.biller_seq for event in await early][:30] == list(range(1, 31))
    found = await _follow(other, biller_id, total)
    if postgres:
        await other.aclose()

    assert [event.biller_seq for event in found] == list(range(1, total + 1))
    numbers: dict[int | None, list[int | None]] = defaultdict(list)
    for event in found:
        numbers[event.invoice_id].append(event.invoice_seq)
    numbers.pop(None, None)
    assert numbers.keys() <= set(invoice_ids)
    assert all(count == list(range(1, len(count) + 1)) for count in numbers.values())

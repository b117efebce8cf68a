"""The inbox: each webhook event is kept raw, once; what comes too early is held."""

from __future__ import annotations

import asyncio

import pytest
import sqlalchemy as sa

from gateway.store import inbox as store
from gateway.store.database import Database
from gateway.store.inbox import Raw
from gateway.store.schema import inbox
from gateway.testing.clock import START
from tests.harness.rows import Body

RAW = Raw({"x-signature": "t=1,v1=ab"}, b'{"id": 1}\xff')


def _keep(event_id: str, account: str = "acme.pay") -> Body[int | None]:
    return lambda conn: store.keep(conn, account, event_id, RAW, START)


async def test_an_event_is_kept_raw(database: Database) -> None:
    inbox_id = await database.write(_keep("evt_1"))
    (row,) = await database.read(lambda conn: conn.execute(sa.select(inbox)).all())
    assert (row.id, row.account, row.event_id, row.state) == (inbox_id, "acme.pay", "evt_1", store.APPLIED)
    assert (row.headers, row.body, row.received_at) == (RAW.headers, RAW.body, START)


async def test_a_repeated_event_is_known(database: Database) -> None:
    assert await database.write(_keep("evt_1")) is not None
    assert await database.write(_keep("evt_1")) is None
    assert await database.write(_keep("evt_2")) is not None
    assert await database.write(_keep("evt_1", "zeta.pay")) is not None


async def test_an_event_that_comes_many_times_at_once_is_new_once(database: Database) -> None:
    given = await asyncio.gather(*(database.write(_keep("evt_1")) for _ in range(20)))
    assert len([inbox_id for inbox_id in given if inbox_id is not None]) == 1


async def test_an_event_whose_change_failed_is_new_the_next_time(database: Database) -> None:
    def failing(conn: sa.Connection) -> None:
        assert _keep("evt_1")(conn) is not None
        raise ValueError("undone")

    with pytest.raises(ValueError, match="undone"):
        await database.write(failing)
    assert await database.write(_keep("evt_1")) is not None


async def test_an_early_event_is_held_until_it_is_applied(database: Database) -> None:
    early, other = [await database.write(_keep(event_id)) for event_id in ("evt_1", "evt_2")]
    assert early is not None
    assert other is not None
    said = {"external_id": "x1", "received": [100, "RON"], "reason": None}
    await database.write(lambda conn: store.hold(conn, early, said))
    held = await database.read(lambda conn: store.held(conn, early))
    assert held is not None
    assert (held.account, held.event_id, held.parsed, held.received_at) == ("acme.pay", "evt_1", said, START)
    for account, external_id, found in (("acme.pay", "x1", [early]), ("acme.pay", "x2", []), ("zeta.pay", "x1", [])):
        about = await database.read(lambda conn, of=(account, external_id): store.held_about(conn, *of))
        assert about == found
    assert await database.read(lambda conn: store.held(conn, other)) is None

    await database.write(lambda conn: store.applied(conn, early))
    assert await database.read(lambda conn: store.held(conn, early)) is None
    assert await database.write(_keep("evt_1")) is None


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
async def test_what_is_held_is_found_without_a_look_at_what_was_applied(database: Database) -> None:
    text = "EXPLAIN QUERY PLAN SELECT id FROM inbox WHERE account = ? AND state = 'held'"
    plan = await database.read(lambda conn: conn.exec_driver_sql(text, ("acme.pay",)).all())
    assert "ix_inbox_held" in str(plan)

"""What routing remembers of accounts: sums that grow from any process, and rests that one of many moves."""

from __future__ import annotations

import asyncio
from datetime import date, timedelta

import pytest
import sqlalchemy as sa

from gateway.domain.routing import Trouble, Window
from gateway.store import billers, routes
from gateway.store.database import Database
from gateway.testing.clock import START

TODAY = date(2026, 11, 23)


@pytest.fixture
async def account_id(database: Database) -> int:
    def body(conn: sa.Connection) -> int:
        biller_id = billers.upsert_biller(conn, "acme", {}, START)
        row = {"biller_id": biller_id, "kind": "provider", "name": "acme.x", "adapter": "x", "settings": b""}
        return billers.upsert_account(conn, row | {"options": {}, "enabled": True, "updated_at": START})

    return await database.write(body)


async def test_counts_of_many_add_up(database: Database, account_id: int) -> None:
    await asyncio.gather(
        *(
            database.write(lambda conn, of=of: routes.count(conn, account_id, START, of=of, latency_ms=10))  # type: ignore[misc]
            for of in ("opened", "opened", "failed", "confirmed", "declined") * 4
        )
    )
    seen = await database.read(lambda conn: routes.window(conn, account_id, 60, START))
    assert seen == Window(8, 4, 4, 4, 200)
    later = START + timedelta(seconds=60)
    assert await database.read(lambda conn: routes.window(conn, account_id, 60, later)) == Window()


async def test_of_all_who_saw_the_same_rest_one_moves_it(database: Database, account_id: int) -> None:
    def begin(conn: sa.Connection) -> list[bool]:
        return [routes.begin_rest(conn, account_id, Trouble.SLOW, START, START) for _ in range(2)]

    assert await database.write(begin) == [True, False]
    rest = (await database.read(lambda conn: routes.rests(conn, [account_id])))[account_id]
    later = START + timedelta(seconds=60)
    moved = await asyncio.gather(
        *(database.write(lambda conn: routes.move_rest(conn, rest, later, tries=2)) for _ in range(5))
    )
    assert sorted(moved) == [False] * 4 + [True]

    def end(conn: sa.Connection) -> list[int]:
        routes.end_rest(conn, account_id, of=Trouble.DECLINES)
        left = len(routes.rests(conn, [account_id]))
        routes.end_rest(conn, account_id)
        return [left, len(routes.rests(conn, [account_id]))]

    assert await database.write(end) == [1, 0]


async def test_what_came_is_summed_by_day_and_month(database: Database, account_id: int) -> None:
    def body(conn: sa.Connection) -> list[tuple[int, int]]:
        for day, minor in ((TODAY, 500), (TODAY, -200), (date(2026, 11, 1), 40), (date(2026, 10, 31), 7)):
            routes.receive(conn, account_id, day, "RON", minor)
        routes.receive(conn, account_id, TODAY, "EUR", 9)
        return [routes.received(conn, [account_id], currency, TODAY)[account_id] for currency in ("RON", "EUR")]

    assert await database.write(body) == [(300, 340), (9, 9)]

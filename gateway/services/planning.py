"""Bringing every ladder of a biller to a policy that has changed: `achit apply` asks for it, a task does it, bit by bit."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import orjson
import sqlalchemy as sa

from gateway.config.reminders import ReminderPolicy
from gateway.domain.reminders import Reason
from gateway.services import ladder
from gateway.services.context import Context
from gateway.services.directory import Biller
from gateway.store import billers, invoices, outbox
from gateway.store import reminders as store

BATCH = 200  # invoices in a transaction
BATCHES = 20  # transactions in one go
NOT_READ_YET = timedelta(seconds=1)


def as_kept(policy: ReminderPolicy) -> dict[str, Any]:
    """The policy as the biller's row has it."""
    kept: dict[str, Any] = orjson.loads(policy.model_dump_json(by_alias=True))
    return kept


def ask(conn: sa.Connection, biller_id: int, now: datetime) -> None:
    """Has all of a biller's ladders brought to the policy that this transaction writes."""
    store.replan_from(conn, biller_id, 0)
    outbox.poke(conn, ladder.REPLAN, biller_id, "", now, now)


async def replan_all(ctx: Context, biller_id: int) -> datetime | None:
    """Goes on with a biller's invoices that can be paid; gives when to come again, None when all are done.

    A process that has not read the new policy yet leaves it to the next second.
    """
    for _ in range(BATCHES):
        now = ctx.clock.now()
        biller = ctx.directory.biller(biller_id)
        more = await ctx.db.write(lambda conn, biller=biller, now=now: _batch(conn, biller, now))  # type: ignore[misc]
        if more is None:
            return now + NOT_READ_YET
        if not more:
            return None
    return ctx.clock.now()


def _batch(conn: sa.Connection, biller: Biller, now: datetime) -> bool | None:
    """The next invoices. True: there may be more; None: the policy in memory is not the one that is kept."""
    row = billers.by_slug(conn, biller.slug)
    if row is None or row.config.get("reminders") != as_kept(biller.settings.reminders):
        return None
    last = store.replanned_to(conn, biller.id)
    found = store.owing_after(conn, biller.id, last, BATCH)
    for invoice in found:
        payer = invoices.get_payer(conn, invoice.payer_id)
        ladder.replan(conn, biller, invoice, payer, now, Reason.POLICY_CHANGED)
    store.replan_from(conn, biller.id, found[-1].id if found else 0)
    return bool(found)

"""Reading the event log: pages for those who pull, and a stream for those who follow. It changes nothing."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass

import sqlalchemy as sa

from gateway.services.context import Context
from gateway.services.directory import Biller
from gateway.services.invoices import View, view
from gateway.store import events, invoices
from gateway.store.events import Event

BATCH = 100


@dataclass(frozen=True, slots=True)
class Page:
    """Events in order, and what is shown of the invoices they are about, by id."""

    events: Sequence[Event]
    views: dict[int, View]


async def after(ctx: Context, biller: Biller, sequence: int, limit: int = BATCH) -> Page:
    """The biller's next events after `sequence`, without gaps, with their invoices as they are now."""

    def body(conn: sa.Connection) -> Page:
        found = events.after(conn, biller.id, sequence, limit)
        return Page(found, _views(conn, found))

    return await ctx.db.read(body)


def _views(conn: sa.Connection, found: Sequence[Event]) -> dict[int, View]:
    wanted = {event.invoice_id for event in found if event.invoice_id is not None}
    rows = [invoices.get(conn, invoice_id) for invoice_id in sorted(wanted)]
    return {row.id: view(conn, row) for row in rows if row is not None}


async def newest(ctx: Context, biller: Biller) -> int:
    """The sequence of the biller's newest event; 0 when there is none."""
    return await ctx.db.read(lambda conn: events.last_seq(conn, biller.id))


async def follow(ctx: Context, biller: Biller, sequence: int, *, idle_s: float) -> AsyncGenerator[Page | None]:
    """Pages of events after `sequence` as they are committed, for as long as somebody listens.

    Gives None when nothing happened for `idle_s` seconds. No event is skipped: the signal only wakes, the log is read.
    """
    with ctx.db.signals.listen(f"biller:{biller.id}") as listener:
        while True:
            page = await after(ctx, biller, sequence)
            if page.events:
                sequence = page.events[-1].biller_seq
                yield page
                continue
            try:
                async with asyncio.timeout(idle_s):
                    await listener.wait()
            except TimeoutError:
                yield None

"""What tests of reminders have in common: a ladder, a payer that every channel reaches, and the payer's clock."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractAsyncContextManager
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from gateway.services import invoices
from gateway.store import invoices as invoices_store
from gateway.store import reminders as store
from gateway.store.database import Database
from gateway.testing.clock import FakeClock
from tests.harness.gateway import Sim, open_sim

ZONE = ZoneInfo("Europe/Bucharest")
ON_SQLITE = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)  # where engines cannot differ
WHO = {"reference": "C-1", "phone": "+40722123456", "email": "ana@example.ro", "telegram": "5"}
STEPS = [
    {"at": "-3d", "channels": ["sms"]},
    {"at": "0", "channels": ["telegram"]},
    {"at": "+3d", "tone": "firm", "channels": ["sms"]},
    {"at": "+10d", "tone": "final", "channels": ["email"]},
]
READS = {
    "sms": {"address": "phone", "receipts": True, "finds_sent": True},
    "email": {"address": "email"},
    "telegram": {"address": "chat", "receipts": True, "reads": True},
}


def opens(
    database: Database, clock: FakeClock, channels: Mapping[str, Any] | None = None, **table: Any
) -> AbstractAsyncContextManager[Sim]:
    """A gateway over simulated vendors whose biller has this `[reminders]` table, and sends no receipts."""
    biller = {"reminders": {"steps": STEPS} | table, "delivery": {"channels": [{"channel": "sms"}], "receipt": False}}
    return open_sim(database, clock, biller=biller, channels=channels)


def local(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=ZONE).astimezone(UTC)


async def until(sim: Sim, text: str) -> None:
    await sim.pass_time(seconds=(local(text) - sim.clock.now()).total_seconds())


async def rows(sim: Sim, invoice_id: int) -> list[tuple[str, str, str | None]]:
    """(step, state, reason) of the invoice's reminders, by when they were due."""
    found = await sim.db.read(lambda conn: store.of_invoice(conn, invoice_id))
    return [(row.step or row.source.value, row.state.value, row.reason) for row in found]


async def told(sim: Sim, invoice_id: int, kind: str) -> list[tuple[str, str]]:
    """(step, the payer's clock) of the invoice's events of a kind."""
    found = await invoices.timeline(sim.ctx, sim.biller, invoice_id)
    return [
        (event.data["step"], f"{event.occurred_at.astimezone(ZONE):%m-%d %H:%M}")
        for event in found
        if event.type == f"reminder.{kind}"
    ]


def sent(sim: Sim) -> dict[str, int]:
    return {name: len(vendor.sent) for name, vendor in sim.vendors.channels.items() if vendor.sent}


async def says(sim: Sim, act: Callable[..., Any], *arguments: Any, **named: Any) -> Any:
    """The first payer says something: `act(conn, biller, payer, ..., now)`."""
    now = sim.clock.now()
    body = lambda conn: act(conn, sim.biller, invoices_store.get_payer(conn, 1), *arguments, now, **named)  # noqa: E731
    said = await sim.db.write(body)
    await sim.drain()
    return said

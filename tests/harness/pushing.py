"""What tests of push endpoints say often."""

from __future__ import annotations

from typing import Any

from gateway.services import push_endpoints
from gateway.services.push_endpoints import EndpointRow, PushRow
from tests.harness.gateway import PUSH_SECRET, Sim
from tests.harness.receiver import Receiver


async def endpoint(sim: Sim, receiver: Receiver, **more: Any) -> EndpointRow:
    row, _ = await push_endpoints.add_endpoint(sim.ctx, sim.biller, receiver.url, secret=PUSH_SECRET, **more)
    return row


async def log(sim: Sim, row: EndpointRow) -> list[PushRow]:
    """Oldest first."""
    found, _ = await push_endpoints.log(sim.ctx, sim.biller, row.id, limit=100)
    return [push for push, _, _ in reversed(found)]


async def issue(sim: Sim, times: int) -> None:
    for _ in range(times):
        await sim.issue()
    await sim.drain()

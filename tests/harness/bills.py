"""Bills in a payer's Telegram chat, in a world whose bot has a payment provider."""

from __future__ import annotations

from typing import Any

from gateway.demo.telegram import ChatMessage
from gateway.domain.deliveries import Step
from gateway.domain.payments import Attempt, AttemptStatus
from gateway.ports.values import Money
from gateway.services import invoices
from tests.harness.gateway import RON
from tests.harness.world import CHAT, World

HERE = [Step("telegram", 0)]


async def billed(world: World, amount: str = "125.40", **payer: Any) -> int:
    """An invoice whose bill is in the payer's chat."""
    view = await world.issue(amount, steps=HERE, **{"telegram": str(CHAT), **payer})
    await world.drain()
    return view.invoice.id


async def attempts(world: World, invoice_id: int) -> list[Attempt]:
    return list((await world.view(invoice_id)).attempts)


async def states(world: World, invoice_id: int) -> list[AttemptStatus]:
    return [attempt.status for attempt in await attempts(world, invoice_id)]


def bills(world: World) -> list[ChatMessage]:
    return [message for message in world.telegram.messages if message.bill is not None]


async def charge(world: World, payload: str, minor: int = 12540) -> int:
    """Money that Telegram reports, whatever was asked before."""
    return await world.telegram.charge(CHAT, payload, RON, minor)


async def change(world: World, invoice_id: int, amount: str) -> None:
    await invoices.change(world.ctx, world.biller, invoice_id, amount=Money.parse(amount, RON))

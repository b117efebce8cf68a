"""A biller with three accounts at three banks of their own: `cheap`, `dear` and `sim`, in the order of their cost."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Mapping
from typing import Any

from gateway.ports.errors import AdapterError, RetryLater
from gateway.ports.provider import PaymentStatus
from gateway.services import attempts
from gateway.services.errors import Unavailable
from gateway.services.invoices import View
from gateway.store.database import Database
from gateway.testing.clock import FakeClock
from tests.harness.gateway import Sim, env, open_sim
from tests.harness.vendors import SimBank

ANDROID = "Mozilla/5.0 (Linux; Android 14; Pixel 8 Build/UQ1A; wv) AppleWebKit/537.36 (KHTML, like Gecko) Version/4.0 Chrome/131.0"
TELEGRAM = f"{ANDROID} Mobile Safari/537.36 Telegram-Android/11.4.2 (Google Pixel 8; Android 14; SDK 34; HIGH)"
FEES: Mapping[str, Any] = {
    "cheap": {"fee": {"fixed": "0.50"}, "methods": ["card", "bank"]},
    "dear": {"fee": {"percent": "1.2", "min": "0.30"}, "methods": ["card", "wallet"], "days_to_cash": 2},
    "sim": {"fee": {"percent": "2", "fixed": "0.25"}, "methods": ["card"]},
}
QUICK = {"failures": 3, "window": "10m", "rest": "1m"}


def providers(**changes: Mapping[str, Any]) -> dict[str, Any]:
    """The accounts' tables, with changes by account."""
    return {name: {"secret": env("PROOF")} | terms | changes.get(name, {}) for name, terms in FEES.items()}


@contextlib.asynccontextmanager
async def open_shop(
    database: Database,
    clock: FakeClock,
    *,
    routing: Mapping[str, Any] | None = None,
    abilities: Mapping[str, bool] | None = None,
    **accounts: Mapping[str, Any],
) -> AsyncIterator[Sim]:
    biller = {"routing": {"health": QUICK} | dict(routing or {}), "providers": providers(**accounts)}
    async with open_sim(database, clock, biller=biller, banks=("cheap", "dear"), bank=abilities) as sim:
        yield sim


def down(bank: SimBank, *, fault: AdapterError | None = None) -> None:
    """The bank opens no payment until `up`."""

    async def refuse(verb: str) -> None:
        if verb == "create":
            raise fault or RetryLater("away")

    bank.on_call = refuse


def up(*banks: SimBank) -> None:
    for bank in banks:
        bank.on_call = None


async def click(sim: Sim, view: View, method: str = "card", *, agent: str | None = None) -> str:
    """A payer picks a method; gives the account that served them, or what was said instead."""
    try:
        attempt = await attempts.start(
            sim.ctx, view.invoice, method, locale="ro", visitor=attempts.Visitor(agent=agent)
        )
    except Unavailable as refused:
        return type(refused).__name__
    account = sim.ctx.directory.provider(attempt.account_id)
    assert account is not None
    return account.candidate.name


async def clicks(sim: Sim, number: int, method: str = "card") -> list[str]:
    """So many payers, each with an invoice of their own."""
    return [await click(sim, await sim.issue(), method) for _ in range(number)]


async def pay(sim: Sim, view: View, *, received: int | None = None) -> None:
    """The payer pays the invoice's newest attempt, and its bank says so."""
    attempt = (await sim.view(view.invoice.id)).attempts[-1]
    account = sim.ctx.directory.provider(attempt.account_id)
    assert account is not None
    assert attempt.external_id is not None
    name = account.candidate.name
    payment = sim.vendors.banks[name].change(attempt.external_id, PaymentStatus.PAID, received=received)
    await sim.tell(payment, name)

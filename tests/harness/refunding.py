"""Refunds of simulated payments: an invoice that is paid, a refund that is asked for, and what the books say of both."""

from __future__ import annotations

from typing import Any

from gateway.domain.ids import ATTEMPT, show
from gateway.domain.refunds import Refund
from gateway.ports.provider import PaymentStatus
from gateway.ports.values import Money
from gateway.services import refunds
from gateway.services.refunds import Wanted
from tests.harness.gateway import Sim

S = PaymentStatus


async def paid(sim: Sim, amount: str = "100.00") -> tuple[int, str, str]:
    """A paid invoice: its id, the payment's id here, and the bank's."""
    view = await sim.issue(amount)
    bank_id = await sim.open_payment(view.invoice.id)
    await sim.tell(sim.bank.change(bank_id, S.PAID))
    (attempt,) = (await sim.view(view.invoice.id)).attempts
    return view.invoice.id, show(ATTEMPT, attempt.id), bank_id


async def ask(sim: Sim, payment: str, minor: int | None = None, *, key: str = "k-1", **more: Any) -> Refund:
    wanted = Wanted(None if minor is None else Money(minor, "RON"), **more)
    made, _ = await refunds.request(sim.ctx, sim.biller, payment, wanted, key)
    return made


async def states(sim: Sim, invoice_id: int) -> list[tuple[str, int]]:
    return [(row.state.value, row.amount_minor) for row in (await sim.view(invoice_id)).refunds]


async def sums(sim: Sim, invoice_id: int) -> tuple[str, int, int, int]:
    """Status, what counts for the debt, what was given back, what is owed."""
    row = (await sim.view(invoice_id)).invoice
    return row.status.value, row.paid_minor, row.refunded_minor, row.outstanding.minor

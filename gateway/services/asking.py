"""The biller has an invoice's message sent once more."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import sqlalchemy as sa

from gateway.domain.deliveries import Delivery, MessageKind, Step
from gateway.services import plans
from gateway.services.context import Context
from gateway.services.directory import Biller
from gateway.services.errors import Conflict, NotFound
from gateway.store import invoices


async def send_again(
    ctx: Context, biller: Biller, invoice_id: int, steps: Sequence[Step] | None, due_at: datetime | None = None
) -> list[Delivery]:
    """Sends the invoice's message once more, now or later, by the biller's policy or these steps.

    Raises NotFound, Conflict when nothing is owed, Invalid on a channel that the biller does not have.
    """
    plans.check(ctx.directory, biller, steps)
    now = ctx.clock.now()
    return await ctx.db.write(lambda conn: begin_again(conn, ctx, biller, invoice_id, steps, due_at, now))


def begin_again(
    conn: sa.Connection,
    ctx: Context,
    biller: Biller,
    invoice_id: int,
    steps: Sequence[Step] | None,
    due_at: datetime | None,
    now: datetime,
) -> list[Delivery]:
    """`send_again` inside the caller's transaction."""
    invoice = invoices.get(conn, invoice_id, biller_id=biller.id, lock=True)
    if invoice is None:
        raise NotFound("there is no such invoice")
    if not invoice.payable:
        raise Conflict(f"the invoice is {invoice.status}; there is nothing to ask for")
    payer = invoices.get_payer(conn, invoice.payer_id)
    plan = plans.policy(biller) if steps is None else steps
    at = max(now, due_at or now)
    return plans.begin(conn, ctx.directory, invoice, payer, MessageKind.INVOICE_ISSUED, plan, at, now)

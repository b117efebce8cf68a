"""Reminders that somebody asked for, the payer in a conversation or the biller over the API; and what ends a pause."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import sqlalchemy as sa

from gateway.domain.deliveries import Step
from gateway.domain.reminders import WAITING, Reason, Reminder, ReminderState, Rung, Source, Tone
from gateway.services import claims, gate, ladder, plans
from gateway.services.context import Context
from gateway.services.directory import Biller
from gateway.services.errors import Conflict, NotFound
from gateway.store import claims as claims_store
from gateway.store import invoices, payments
from gateway.store import reminders as store
from gateway.store.invoices import Payer
from gateway.store.reminders import Listed


def set_own(
    conn: sa.Connection,
    biller: Biller,
    payer: Payer,
    invoice_ids: Sequence[int],
    at: datetime,
    now: datetime,
    *,
    channels: Sequence[str] = (),
) -> list[int]:
    """The payer's own reminder instead of one they had; the ladder rests until it has gone. Gives the reminders' ids.

    It goes at that instant, whatever hour it is. `channels` are those of the biller's by their names; none: the biller's plan.
    """
    made = []
    rung = Rung(0, Tone.FRIENDLY, [Step(name, 3_600) for name in channels])
    for invoice_id in sorted(set(invoice_ids)):
        invoice = invoices.get(conn, invoice_id, biller_id=biller.id, lock=True)
        if invoice is None or invoice.payer_id != payer.id or not invoice.payable:
            continue
        ladder.revoke(conn, _own(conn, invoice_id), Reason.REPLACED, now)
        made.append(ladder.plan(conn, invoice, Source.PAYER, rung, at, now).id)
        ladder.refresh(conn, biller, invoice, payer, now)
    return made


def cancel_own(conn: sa.Connection, biller: Biller, payer: Payer, invoice_ids: Sequence[int], now: datetime) -> int:
    """Takes the payer's own reminders back, and the ladder goes on; gives how many there were."""
    count = 0
    for invoice_id in sorted(set(invoice_ids)):
        invoice = invoices.get(conn, invoice_id, biller_id=biller.id, lock=True)
        own = _own(conn, invoice_id) if invoice is not None and invoice.payer_id == payer.id else []
        if invoice is not None and own:
            ladder.revoke(conn, own, Reason.CANCELLED, now)
            ladder.refresh(conn, biller, invoice, payer, now)
            count += len(own)
    return count


def _own(conn: sa.Connection, invoice_id: int) -> list[Reminder]:
    return [row for row in store.live(conn, invoice_id) if row.source is Source.PAYER]


async def add(
    ctx: Context, biller: Biller, invoice_id: int, at: datetime, steps: Sequence[Step] | None, tone: Tone
) -> Listed:
    """A reminder that the biller sets, with its invoice's number.

    Raises NotFound, Conflict when nothing is owed, Invalid on a channel that they do not have."""
    plans.check(ctx.directory, biller, steps, path="channels")
    now = ctx.clock.now()

    def body(conn: sa.Connection) -> Listed:
        invoice = invoices.get(conn, invoice_id, biller_id=biller.id, lock=True)
        if invoice is None:
            raise NotFound("there is no such invoice")
        if not invoice.payable:
            raise Conflict(f"the invoice is {invoice.status}; there is nothing to remind of")
        row = ladder.plan(conn, invoice, Source.BILLER, Rung(0, tone, steps or ()), max(at, now), now)
        return Listed(row, invoice.number, invoices.get_payer(conn, invoice.payer_id).reference)

    return await ctx.db.write(body)


async def cancel(ctx: Context, biller: Biller, invoice_id: int, reminder_id: int | None = None) -> int:
    """Takes back what the biller set for an invoice: one, or all of it; gives how many there were. Raises NotFound."""
    now = ctx.clock.now()

    def body(conn: sa.Connection) -> int:
        if invoices.get(conn, invoice_id, biller_id=biller.id, lock=True) is None:
            raise NotFound("there is no such invoice")
        set_by_biller = [row for row in store.live(conn, invoice_id) if row.source is Source.BILLER]
        found = [row for row in set_by_biller if reminder_id in (None, row.id)]
        if reminder_id is not None and not found:
            raise NotFound("there is no such reminder to take back")
        ladder.revoke(conn, found, Reason.CANCELLED, now)
        return len(found)

    return await ctx.db.write(body)


async def page(
    ctx: Context,
    biller: Biller,
    *,
    due_before: datetime | None = None,
    invoice_id: int | None = None,
    state: ReminderState | None = None,
    after_id: int | None = None,
    limit: int = 50,
) -> tuple[list[Listed], int | None]:
    """The biller's reminders, those that wait or those in `state`, and the id after which the next page goes on (None: there is none)."""
    states = WAITING if state is None else [state]

    def body(conn: sa.Connection) -> list[Listed]:
        wanted = {"states": states, "due_before": due_before, "invoice_id": invoice_id, "after_id": after_id}
        return store.page(conn, biller.id, **wanted, limit=limit + 1)  # type: ignore[arg-type]

    found = await ctx.db.read(body)
    return found[:limit], found[limit - 1].reminder.id if len(found) > limit else None


async def close_dispute(ctx: Context, biller: Biller, invoice_id: int, note: str = "") -> None:
    """Ends the dispute about an invoice; where there is none, nothing changes. Raises NotFound."""
    now = ctx.clock.now()

    def body(conn: sa.Connection) -> None:
        invoice = invoices.get(conn, invoice_id, biller_id=biller.id, lock=True)
        if invoice is None:
            raise NotFound("there is no such invoice")
        claims.close_dispute(conn, biller, invoice, now, note=note)

    await ctx.db.write(body)


async def decide_claim(ctx: Context, claim_id: int) -> datetime | None:
    """A promised day is over: asks the providers, then says whether the promise was kept; gives when to look again."""
    claim = await ctx.db.read(lambda conn: claims_store.get(conn, claim_id))
    if claim is None:
        return None
    if await gate.ask(ctx, [claim.invoice_id]):
        return ctx.clock.now() + gate.SILENT

    def body(conn: sa.Connection) -> datetime | None:
        current = claims_store.get(conn, claim_id)
        if current is None or current.state is not claims.S.OPEN:
            return None
        now = ctx.clock.now()
        wait = gate.money_wait(payments.of_invoice(conn, current.invoice_id), now)
        if wait is not None:  # the money may have been sent in time
            return wait.until
        return claims.decide(conn, ctx.directory.biller(current.biller_id), current, now)

    return await ctx.db.write(body)

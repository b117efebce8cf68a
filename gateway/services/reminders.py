"""Reminding payers: what is due of one payer goes out as one message, is held, or is left out, and each time it is said why.

Ask the providers → decide (transaction) → `messaging.deliver`, whose own transaction reads the debt once more.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

import sqlalchemy as sa

from gateway.domain.deliveries import Delivery, DeliveryState, MessageKind, Step
from gateway.domain.invoices import Invoice
from gateway.domain.payments import Attempt
from gateway.domain.reminders import (
    DAY,
    FOREVER,
    WAITING,
    Pause,
    Reason,
    Reminder,
    ReminderState,
    Source,
    Tone,
    gravest,
    held_out,
    hold,
    next_rung,
    too_dear,
)
from gateway.services import carrying, gate, ladder, plans
from gateway.services.context import Context
from gateway.services.directory import Biller
from gateway.store import deliveries, invoices, payments
from gateway.store import reminders as store
from gateway.store.invoices import Payer

AGAIN = timedelta(minutes=15)  # when a pause whose day is over has not been decided yet


@dataclass(frozen=True, slots=True)
class Held:
    until: datetime
    reason: str


@dataclass(frozen=True, slots=True)
class Skipped:
    reason: Reason


@dataclass(frozen=True, slots=True)
class Outdated:
    """It is not what the ladder says any more."""

    reason: Reason


Verdict = Held | Skipped | Outdated | None
"""Why a reminder does not go out now; None: it does."""


@dataclass(frozen=True, slots=True)
class Case:
    """A waiting reminder with all that decides about it."""

    row: Reminder
    invoice: Invoice


async def remind(ctx: Context, payer_id: int) -> datetime | None:
    """Sends what is due of a payer's reminders, in one message; gives when the next one is due."""
    now = ctx.clock.now()
    due = await ctx.db.read(lambda conn: [row for row in store.waiting(conn, payer_id) if row.due_at <= now])
    silent = await gate.ask(ctx, sorted({row.invoice_id for row in due})) if due else frozenset()
    return await ctx.db.write(lambda conn: _remind(conn, ctx, payer_id, silent, ctx.clock.now()))


def _remind(
    conn: sa.Connection, ctx: Context, payer_id: int, silent: Collection[int], now: datetime
) -> datetime | None:
    payer = invoices.get_payer(conn, payer_id)
    biller = ctx.directory.biller(payer.biller_id)
    cases = _cases(conn, payer, now)
    sent_on = sent_on_days(conn, payer, now)
    going: list[Case] = []
    for case in cases:
        pause = ladder.pause_of(conn, biller.reminders, case.invoice.id, ladder.zone_of(payer))
        silent_now = case.invoice.id in silent
        verdict = judge(conn, biller, payer, case, pause, sent_on, now, silent=silent_now)
        if verdict is None:
            going.append(case)
        elif case.row.due_at <= now:
            _carry_out(conn, biller, payer, case, verdict, now)
    if going:
        _send(conn, ctx, biller, payer, going, now)
    next_at = store.next_due(conn, payer_id)
    return next_at if next_at is not None and next_at < FOREVER else None


def _cases(conn: sa.Connection, payer: Payer, now: datetime) -> list[Case]:
    """What is due, and with a step of the policy all others that are due on the same day of the payer's: they go in one message."""
    zone = ladder.zone_of(payer)
    waiting = store.waiting(conn, payer.id)
    by_policy = any(row.due_at <= now and row.source is Source.POLICY for row in waiting)
    rows = [
        row
        for row in waiting
        if row.due_at <= now
        or (
            by_policy
            and row.source is Source.POLICY
            and row.state is ReminderState.PLANNED
            and row.due_at.astimezone(zone).date() == now.astimezone(zone).date()
        )
    ]
    locked = {
        invoice_id: invoices.get(conn, invoice_id, lock=True) for invoice_id in sorted({r.invoice_id for r in rows})
    }
    return [Case(row, invoice) for row in rows if (invoice := locked[row.invoice_id]) is not None]


def sent_on_days(conn: sa.Connection, payer: Payer, now: datetime, *, but: int | None = None) -> list[date]:
    """The days of the payer's on which a reminder went out lately."""
    zone = ladder.zone_of(payer)
    return [at.astimezone(zone).date() for at in store.messages(conn, payer.id, now - 8 * DAY, but=but)]


def judge(
    conn: sa.Connection,
    biller: Biller,
    payer: Payer,
    case: Case,
    pause: Pause | None,
    sent_on: Sequence[date],
    now: datetime,
    *,
    silent: bool = False,
) -> Verdict:
    """What becomes of a reminder at this moment. Reads, and writes nothing."""
    row, invoice, policy = case.row, case.invoice, biller.reminders
    if not invoice.payable:
        return Outdated(Reason.SETTLED)
    tried = payments.of_invoice(conn, invoice.id)
    if (wait := gate.money_wait(tried, now, silent=silent)) is not None:
        return Held(wait.until, wait.reason)
    if row.source is Source.PAYER:
        return None
    zone = ladder.zone_of(payer)
    if pause is not None and ladder.pauses(pause, row):
        return Held(max(ladder.resume_at(policy, pause.until, zone), now + AGAIN), pause.reason)
    if row.source is Source.POLICY:
        outdated = _off_the_ladder(biller, payer, case, now)
        if outdated is not None:
            return outdated
    allowed = hold(policy, now, zone, sent_on)
    return Held(allowed.until, allowed.reason) if allowed.reason is not None else None


def _off_the_ladder(biller: Biller, payer: Payer, case: Case, now: datetime) -> Verdict:
    """Whether a step of the policy is still the one that is to come."""
    row, invoice, policy = case.row, case.invoice, biller.reminders
    if held_out(policy, payer.id):
        return Skipped(Reason.HOLD_OUT)
    if row.step == ladder.PROMISE_STEP:
        return None
    rung = policy.called(row.step)
    if rung is None or row.due_on != invoice.due_on:
        return Outdated(Reason.POLICY_CHANGED if rung is None else Reason.CHANGED)
    debt = ladder.owed(invoice, payer)
    if not rung.condition.holds(debt.amount, debt.locale, debt.tags):
        return Skipped(Reason.CONDITION)
    later = next_rung(policy, debt, rung.days, now)
    return Skipped(Reason.OVERTAKEN) if later is not None and later.at <= now else None


def _carry_out(
    conn: sa.Connection, biller: Biller, payer: Payer, case: Case, verdict: Held | Skipped | Outdated, now: datetime
) -> None:
    match verdict:
        case Held(until, reason):
            ladder.hold(conn, case.row, until, reason, now)
        case Skipped(reason):
            if ladder.skip(conn, case.row, reason, now):
                ladder.go_on(conn, biller, case.invoice, payer, case.row, now)
        case Outdated(Reason.SETTLED):
            ladder.settled(conn, case.invoice, now)
        case Outdated(reason):
            ladder.revoke(conn, [case.row], reason, now)
            ladder.replan(conn, biller, case.invoice, payer, now, reason)


def _send(
    conn: sa.Connection, ctx: Context, biller: Biller, payer: Payer, going: Sequence[Case], now: datetime
) -> None:
    """One message about all of them, by the channels of the payer's own reminder, else of the gravest."""
    message = message_of(biller, going)
    made = []
    if message.steps:
        about = {"reminders": [case.row.id for case in going], "tone": message.tone.value}
        only = message.debts[0] if len(message.debts) == 1 else None
        kind = MessageKind.REMINDER
        made = plans.begin(conn, ctx.directory, only, payer, kind, message.steps, now, now, about=about)
    for case in going:
        if made:
            queued = ReminderState.QUEUED
            store.move(conn, case.row.id, WAITING, queued, now, delivery_id=made[0].id)
        elif ladder.skip(conn, case.row, Reason.COST if message.too_dear else Reason.UNREACHABLE, now):
            ladder.go_on(conn, biller, case.invoice, payer, case.row, now)


@dataclass(frozen=True, slots=True)
class OneMessage:
    """What several reminders become: about which debts, in which tone, by which channels. `too_dear`: none can be borne."""

    debts: Sequence[Invoice]
    tone: Tone
    steps: Sequence[Step]
    too_dear: bool


def message_of(biller: Biller, going: Sequence[Case]) -> OneMessage:
    """The channels are those of the payer's own reminder, whatever they cost, else of the gravest."""
    own = [case for case in going if case.row.source is Source.PAYER]
    tone = gravest(case.row.tone for case in going)
    lead = own[0] if own else next(case for case in going if case.row.tone is tone)
    debts = list({case.invoice.id: case.invoice for case in going}.values())
    steps = lead.row.steps or plans.policy(biller)
    bearable = steps if own else bearable_steps(biller, steps, debts)
    return OneMessage(debts, tone, bearable, bool(steps) and not bearable)


def wait(
    conn: sa.Connection, ctx: Context, delivery: Delivery, tried: Sequence[Attempt], now: datetime
) -> datetime | None:
    """Until when a queued message must wait: the payer is paying, or is not to be disturbed at this hour. None: it may go."""
    money = gate.money_wait(tried, now)
    if money is not None:
        return money.until
    return at if (at := _allowed(conn, ctx, delivery, now, [])) > now else None


def _allowed(conn: sa.Connection, ctx: Context, delivery: Delivery, now: datetime, sent_on: Sequence[date]) -> datetime:
    """When a message about reminders may go; one that the payer asked for, at once."""
    if delivery.payer_id is None or any(row.source is Source.PAYER for row in carrying.rows_of(conn, delivery)):
        return now
    zone = ladder.zone_of(invoices.get_payer(conn, delivery.payer_id))
    return hold(ctx.directory.biller(delivery.biller_id).reminders, now, zone, sent_on).until


def next_step(
    conn: sa.Connection,
    ctx: Context,
    delivery: Delivery,
    debts: Sequence[Invoice],
    steps: Sequence[Step],
    now: datetime,
) -> list[Delivery]:
    """The next channel of a reminder message, at an hour that is allowed; what no channel is left for is skipped.

    A message that did not arrive is not counted as one of the day's.
    """
    biller = ctx.directory.biller(delivery.biller_id)
    if debts and steps and delivery.payer_id is not None:
        payer = invoices.get_payer(conn, delivery.payer_id)
        read = delivery.state in (DeliveryState.DELIVERED, DeliveryState.READ)
        sent_on = sent_on_days(conn, payer, now, but=None if read else delivery.id)
        at = _allowed(conn, ctx, delivery, now, sent_on)
        only = debts[0] if len(debts) == 1 else None
        kind, bearable = MessageKind.REMINDER, bearable_steps(biller, steps, debts)
        about = carrying.about(conn, delivery, debts)
        made = plans.begin(conn, ctx.directory, only, payer, kind, bearable, at, now, about=about)
        if made:
            carrying.carry(conn, made[0], now)
            carrying.reconsider(conn, biller, delivery, now)  # of what it says no more
            return made
    current = deliveries.get(conn, delivery.id)
    if current is not None and current.state is DeliveryState.FAILED:
        carrying.undelivered(conn, biller, delivery, now)
    return []


def bearable_steps(biller: Biller, steps: Sequence[Step], debts: Sequence[Invoice]) -> list[Step]:
    """Without the channels whose cost is more than its share of the debts."""
    owed = [invoice.outstanding for invoice in debts]
    return [step for step in steps if not too_dear(biller.reminders, step.channel, owed)]

"""The reminders of an invoice, inside other services' transactions: planned, paused, revoked, gone on with.

Of the policy's steps only the next one of an invoice is a row; a task of the payer's sends what is due (`gateway.services.reminders`).
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import sqlalchemy as sa

from gateway.domain.claims import DATED, ClaimKind
from gateway.domain.deliveries import DeliveryState
from gateway.domain.events import EventType, NewEvent, instant
from gateway.domain.ids import REMINDER, show
from gateway.domain.invoices import Invoice, InvoiceStatus
from gateway.domain.reminders import (
    DAY,
    FOREVER,
    LIVE,
    WAITING,
    Next,
    Owed,
    Pause,
    Policy,
    Reason,
    Reminder,
    ReminderState,
    Rung,
    Source,
    at_hour,
    end_of_day,
    first_rung,
    instant_of,
    next_rung,
)
from gateway.services import plans
from gateway.services.directory import Biller, Directory
from gateway.store import claims, deliveries, events, invoices, outbox
from gateway.store import reminders as store
from gateway.store.invoices import Payer

REMIND, REPLAN = "remind", "replan"
PROMISE_STEP = "promise"  # what follows a broken promise; it stands beside the ladder
R = ReminderState


def zone_of(payer: Payer) -> ZoneInfo:
    return ZoneInfo(payer.time_zone)


def owed(invoice: Invoice, payer: Payer) -> Owed:
    """What the rules need to know."""
    return Owed(invoice.due_on, invoice.outstanding, payer.locale, zone_of(payer), payer.tags)


def tell(conn: sa.Connection, row: Reminder, kind: EventType, now: datetime, **more: Any) -> None:
    """A fact about a reminder."""
    data = {"reminder": show(REMINDER, row.id), "source": row.source.value, "step": row.step, "tone": row.tone.value}
    events.append(conn, row.biller_id, row.invoice_id, [NewEvent(kind, data | more)], now)


def wake(conn: sa.Connection, payer_id: int, due_at: datetime, now: datetime) -> None:
    """Has the payer's reminders looked at then."""
    if due_at < FOREVER:
        outbox.poke(conn, REMIND, payer_id, "", max(due_at, now), now)


def plan(
    conn: sa.Connection,
    invoice: Invoice,
    source: Source,
    rung: Rung,
    due_at: datetime,
    now: datetime,
    *,
    step: str = "",
    state: ReminderState = R.PLANNED,
    reason: Reason | None = None,
) -> Reminder:
    """A new reminder, its event and its task; one that is skipped at once says so."""
    row = store.insert(
        conn,
        {
            "biller_id": invoice.biller_id,
            "payer_id": invoice.payer_id,
            "invoice_id": invoice.id,
            "source": source,
            "step": step,
            "due_on": invoice.due_on if source is Source.POLICY else None,
            "tone": rung.tone,
            "state": state,
            "reason": reason,
            "channels": [one.as_json() for one in rung.channels],
            "due_at": due_at,
            "created_at": now,
            "updated_at": now,
        },
    )
    if state is R.SKIPPED:
        tell(conn, row, EventType.REMINDER_SKIPPED, now, reason=str(reason))
    else:
        tell(conn, row, EventType.REMINDER_PLANNED, now, at=instant(due_at))
        wake(conn, invoice.payer_id, due_at, now)
    return row


def plan_for(conn: sa.Connection, biller: Biller, invoice: Invoice, payer: Payer, now: datetime) -> Reminder | None:
    """The first step of a new invoice's ladder. One that would come within the policy's grace is left out."""
    policy = biller.reminders
    if not policy.rungs:
        return None
    return _begin(conn, invoice, first_rung(policy, owed(invoice, payer), now + timedelta(seconds=policy.grace_s)), now)


def _begin(conn: sa.Connection, invoice: Invoice, found: Next | None, now: datetime) -> Reminder | None:
    if found is None:
        return None
    for rung in found.overtaken:
        _pass_by(conn, invoice, rung, now)
    return plan(conn, invoice, Source.POLICY, found.rung, found.at, now, step=found.rung.name)


def _pass_by(conn: sa.Connection, invoice: Invoice, rung: Rung, now: datetime) -> None:
    """A step that another message stands for is written down as skipped."""
    plan(conn, invoice, Source.POLICY, rung, now, now, step=rung.name, state=R.SKIPPED, reason=Reason.OVERTAKEN)


def go_on(conn: sa.Connection, biller: Biller, invoice: Invoice, payer: Payer, row: Reminder, now: datetime) -> None:
    """The step after one that was sent or skipped; with another due date meanwhile the ladder begins anew."""
    days, policy, debt = place_of(row), biller.reminders, owed(invoice, payer)
    if days is None or not invoice.payable:
        return
    same = row.due_on == invoice.due_on
    found = next_rung(policy, debt, days, now) if same else first_rung(policy, debt, now)
    if _begin(conn, invoice, found, now) is not None:
        refresh(conn, biller, invoice, payer, now)


def place_of(row: Reminder) -> int | None:
    """The place of a policy's step on the ladder, in days from the due date; None of what is no step."""
    return int(row.step.removesuffix("d")) if row.source is Source.POLICY and row.step != PROMISE_STEP else None


def replan(conn: sa.Connection, biller: Biller, invoice: Invoice, payer: Payer, now: datetime, why: Reason) -> None:
    """Brings the ladder to the policy, or to the due date, as it is now. Steps that went by are not made up for."""
    for row in store.live(conn, invoice.id):
        if row.state is R.QUEUED and row.source is Source.POLICY and row.due_on != invoice.due_on:
            _take_from_message(conn, row, now)
    rows = [row for row in store.of_invoice(conn, invoice.id) if place_of(row) is not None]
    policy, debt = biller.reminders, owed(invoice, payer)
    done = [place_of(row) for row in rows if row.state not in (*WAITING, R.REVOKED) and row.due_on == invoice.due_on]
    current = next((row for row in rows if row.state in WAITING), None)
    if any(row.state is R.QUEUED for row in rows) or not invoice.payable:
        return
    begins = now
    if current is not None and current.due_on == invoice.due_on and (rung := policy.called(current.step)):
        begins = min(now, instant_of(policy, rung, invoice.due_on, debt.zone))  # a held step is not lost
    found = first_rung(policy, debt, begins, past=max((days for days in done if days is not None), default=None))
    if current is not None:
        if found is not None and found.rung.name == current.step and current.due_on == invoice.due_on:
            channels = [one.as_json() for one in found.rung.channels]
            due_at = found.at if current.state is R.PLANNED else current.due_at
            also = {"tone": found.rung.tone, "channels": channels, "due_at": due_at}
            store.move(conn, current.id, WAITING, current.state, now, reason=current.reason, **also)
            wake(conn, current.payer_id, due_at, now)
            refresh(conn, biller, invoice, payer, now)
            return
        revoke(conn, [current], why, now)
    if _begin(conn, invoice, found, now) is not None:
        refresh(conn, biller, invoice, payer, now)


def begin_again(conn: sa.Connection, biller: Biller, invoice_id: int, now: datetime) -> None:
    """The invoice is owed again: its ladder goes on with the steps that are still to come."""
    invoice = invoices.get(conn, invoice_id)
    if invoice is not None:
        replan(conn, biller, invoice, invoices.get_payer(conn, invoice.payer_id), now, Reason.CHANGED)


def pause_of(conn: sa.Connection, policy: Policy, invoice_id: int, zone: ZoneInfo) -> Pause | None:
    """What the payer's own words do to the ladder: the longest of all pauses. An open claim counts until it is decided."""
    found = []
    for claim in claims.open_of(conn, invoice_id):
        if claim.kind in DATED and claim.until_on is not None:
            found.append(Pause(end_of_day(claim.until_on, zone), claim.kind.value))
        elif claim.kind is ClaimKind.DISPUTE and policy.dispute_holds:
            found.append(Pause(FOREVER, claim.kind.value))
    for row in store.live(conn, invoice_id):
        if row.source is Source.PAYER:
            after = row.due_at.astimezone(zone).date() + DAY
            found.append(Pause(at_hour(after, policy.hour, zone), Reason.OWN_REMINDER.value))
    return max(found, key=lambda pause: pause.until, default=None)


def resume_at(policy: Policy, until: datetime, zone: ZoneInfo) -> datetime:
    """The first hour of reminders after a pause, whose end may be a midnight."""
    if until >= FOREVER:
        return FOREVER
    day = until.astimezone(zone).date()
    at = at_hour(day, policy.hour, zone)
    return at if at >= until else at_hour(day + DAY, policy.hour, zone)


def refresh(conn: sa.Connection, biller: Biller, invoice: Invoice, payer: Payer, now: datetime) -> None:
    """Holds, or lets go, the invoice's waiting steps after the payer has said something, or it is over."""
    policy, zone = biller.reminders, zone_of(payer)
    pause = pause_of(conn, policy, invoice.id, zone)
    for row in store.live(conn, invoice.id):
        if row.source is Source.PAYER:
            continue
        rung = policy.called(row.step)
        due_at = instant_of(policy, rung, row.due_on, zone) if rung and row.due_on else row.due_at
        due_at = due_at if due_at < FOREVER else now
        held = pause if pause is not None and pauses(pause, row) and pause.until > due_at else None
        if row.state is R.QUEUED and not (held and _take_from_message(conn, row, now)):
            continue
        if held is not None and row.step == PROMISE_STEP:
            revoke(conn, [row], Reason.REPLACED, now)
        elif held is not None:
            hold(conn, row, resume_at(policy, held.until, zone), held.reason, now)
        elif row.state is R.HELD and row.reason in _PAUSES:
            due_at = due_at if due_at > now else resume_at(policy, now, zone)
            if store.move(conn, row.id, WAITING, R.PLANNED, now, due_at=due_at):
                wake(conn, row.payer_id, due_at, now)


def pauses(pause: Pause, row: Reminder) -> bool:
    """Whether a pause is for a reminder: the payer's own wish stands above all, what the biller sets yields to a dispute alone."""
    return row.source is Source.POLICY or (row.source is Source.BILLER and pause.reason == Reason.DISPUTE)


_PAUSES = (*(kind.value for kind in ClaimKind), Reason.OWN_REMINDER)


def broken(conn: sa.Connection, biller: Biller, invoice: Invoice, payer: Payer, now: datetime) -> None:
    """A promise was not kept: one message, which stands for the steps that fell into the pause; then the ladder goes on."""
    policy, debt = biller.reminders, owed(invoice, payer)
    after = policy.broken if policy.rungs else None
    if after is None:
        refresh(conn, biller, invoice, payer, now)
        return
    for row in store.live(conn, invoice.id):
        days, rung = place_of(row), policy.called(row.step)
        if row.state not in WAITING or days is None or rung is None or row.due_on is None:
            continue
        if instant_of(policy, rung, row.due_on, debt.zone) <= now and skip(conn, row, Reason.OVERTAKEN, now):
            found = next_rung(policy, debt, days, now)
            while found is not None and found.at <= now:  # the message stands for these too
                for passed in (*found.overtaken, found.rung):
                    _pass_by(conn, invoice, passed, now)
                found = next_rung(policy, debt, found.rung.days, now)
            _begin(conn, invoice, found, now)
    at = resume_at(policy, now, debt.zone)
    plan(conn, invoice, Source.POLICY, after, at, now, step=PROMISE_STEP)
    refresh(conn, biller, invoice, payer, now)


def hold(conn: sa.Connection, row: Reminder, until: datetime, reason: str, now: datetime) -> None:
    """The reminder waits; said when the reason is a new one."""
    if store.move(conn, row.id, LIVE, R.HELD, now, reason=reason, due_at=until, delivery_id=None):
        if row.reason != reason or row.state is not R.HELD:
            shown = {"until": None if until >= FOREVER else instant(until), "reason": reason}
            tell(conn, row, EventType.REMINDER_HELD, now, **shown)
        wake(conn, row.payer_id, until, now)


def skip(conn: sa.Connection, row: Reminder, reason: str, now: datetime, **more: Any) -> bool:
    """The reminder is left out for good, and that is said."""
    if not store.move(conn, row.id, LIVE, R.SKIPPED, now, reason=reason):
        return False
    tell(conn, row, EventType.REMINDER_SKIPPED, now, reason=reason, **more)
    return True


def revoke(conn: sa.Connection, rows: Iterable[Reminder], reason: str, now: datetime) -> None:
    """The reminders are not wanted any more; a queued message that has nothing left to say is taken back."""
    for row in rows:
        if store.move(conn, row.id, LIVE, R.REVOKED, now, reason=reason):
            tell(conn, row, EventType.REMINDER_REVOKED, now, reason=reason)
            _emptied(conn, row, now)


def _take_from_message(conn: sa.Connection, row: Reminder, now: datetime) -> bool:
    """Takes a queued reminder out of its message, unless that is being sent."""
    message = deliveries.get(conn, row.delivery_id, lock=True) if row.delivery_id else None
    if message is None or message.state is not DeliveryState.QUEUED:
        return False
    if store.move(conn, row.id, [R.QUEUED], R.HELD, now, reason=row.reason, delivery_id=None):
        _emptied(conn, row, now)
    return True


def _emptied(conn: sa.Connection, row: Reminder, now: datetime) -> None:
    """Takes back a queued message that has no reminder left."""
    if row.delivery_id is None or store.carried(conn, row.delivery_id):
        return
    message = deliveries.get(conn, row.delivery_id, lock=True)
    if message is not None:
        plans.take_back(conn, message, now)


def settled(conn: sa.Connection, invoice: Invoice, now: datetime) -> None:
    """Nothing is owed any more, or the invoice is void: none of its reminders goes out."""
    reason = Reason.VOID if invoice.status is InvoiceStatus.VOID else Reason.SETTLED
    revoke(conn, store.live(conn, invoice.id), reason, now)


def stopped(conn: sa.Connection, directory: Directory, payers: Iterable[Payer], now: datetime) -> None:
    """The payers want no more messages on a channel, or cannot be reached there: what no other channel can bring is revoked."""
    for payer in payers:
        if not plans.reachable(conn, directory, payer):
            for invoice in store.owing(conn, payer.id):
                revoke(conn, store.live(conn, invoice.id), Reason.STOPPED, now)

"""What would be sent in the days ahead, by the very rules that send it; and why something is held or left out. Changes nothing."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from decimal import Decimal

import sqlalchemy as sa

from gateway.domain.reminders import FOREVER, Pause, Reason, ReminderState, Source, next_rung
from gateway.services import ladder, plans
from gateway.services import reminders as rules
from gateway.services.context import Context
from gateway.services.directory import Biller, Directory
from gateway.services.reminders import Case, Held, Outdated, Skipped
from gateway.store import deliveries, invoices
from gateway.store import reminders as store
from gateway.store.invoices import Payer

PAYERS = 50  # in one reading
MOST_STEPS = 500  # of one payer's; a ladder is shorter


@dataclass(frozen=True, slots=True)
class Foreseen:
    """A message, or a reminder that is held or skipped. `reason` of a message: why it goes later than it is due."""

    at: datetime  # FOREVER: nobody knows
    payer: Payer
    numbers: Sequence[str]
    steps: Sequence[str]
    tone: str
    status: str  # send, held, skipped
    reason: str | None = None
    channel: str | None = None
    address: str | None = None
    cost: Decimal = Decimal(0)


async def ahead(ctx: Context, biller: Biller, days: int, limit: int) -> tuple[list[Foreseen], int]:
    """What is to come in so many days, of at most `limit` payers, by time; and how many payers more there are."""
    now = ctx.clock.now()
    until = now + timedelta(days=days)
    payers = await ctx.db.read(lambda conn: store.payers_waiting(conn, biller.id, until))
    found: list[Foreseen] = []
    for place in range(0, len(payers[:limit]), PAYERS):
        some = payers[place : min(place + PAYERS, limit)]

        def body(conn: sa.Connection, some: Sequence[int] = some) -> list[Foreseen]:
            return [
                one
                for payer_id in some
                for one in _Ahead(conn, ctx.directory, biller, invoices.get_payer(conn, payer_id), now, until).all()
            ]

        found += await ctx.db.read(body)
    return sorted(found, key=lambda one: (one.at, one.payer.reference)), max(0, len(payers) - limit)


@dataclass
class _Ahead:
    """One payer's days ahead: what is due is judged, sent or put off as the real thing would, on paper."""

    conn: sa.Connection
    directory: Directory
    biller: Biller
    payer: Payer
    now: datetime
    until: datetime
    late: dict[int, str] = field(default_factory=dict)  # by row: why it goes later

    def all(self) -> Iterator[Foreseen]:
        rows = store.waiting(self.conn, self.payer.id)
        debts = {row.invoice_id: invoices.get(self.conn, row.invoice_id) for row in rows}
        cases = [Case(row, debt) for row in rows if (debt := debts[row.invoice_id]) is not None]
        for case in cases:
            if case.row.due_at >= FOREVER:
                yield self._shown([case], FOREVER, "held", case.row.reason)
            elif case.row.state is ReminderState.HELD and case.row.reason:
                self.late[case.row.id] = case.row.reason
        self.waiting = [case for case in cases if case.row.due_at < FOREVER]
        self.sent_on = rules.sent_on_days(self.conn, self.payer, self.now)
        for _ in range(MOST_STEPS):
            at = max(self.now, min((case.row.due_at for case in self.waiting), default=self.until))
            if at >= self.until:
                break
            yield from self._at(at)
        for case in self.waiting:  # what is held until later than we look
            if case.row.id in self.late:
                yield self._shown([case], case.row.due_at, "held", self.late[case.row.id])

    def _at(self, at: datetime) -> Iterator[Foreseen]:
        """What happens at an instant."""
        due = [case for case in self.waiting if case.row.due_at <= at or self._joins(case, at)]
        going = []
        for case in due:
            verdict = rules.judge(self.conn, self.biller, self.payer, case, self._pause(case, at), self.sent_on, at)
            match verdict:
                case None:
                    going.append(case)
                case _ if case.row.due_at > at:
                    pass
                case Held(until, reason):
                    self.waiting.remove(case)
                    if until >= FOREVER or reason == Reason.MONEY_UNDER_WAY:
                        yield self._shown([case], FOREVER, "held", reason)
                    else:
                        self._put_off(case, until, reason)
                case Skipped(reason):
                    yield self._shown([case], at, "skipped", reason)
                    self._go_on(case, at)
                case Outdated():
                    self.waiting.remove(case)
        if going:
            yield self._message(going, at)
            for case in going:
                self._go_on(case, at)

    def _joins(self, case: Case, at: datetime) -> bool:
        """A step of the policy's that is due later on the same day goes with one that is due now."""
        zone, row = ladder.zone_of(self.payer), case.row
        same_day = row.due_at.astimezone(zone).date() == at.astimezone(zone).date()
        by_policy = any(other.row.due_at <= at and other.row.source is Source.POLICY for other in self.waiting)
        return same_day and by_policy and row.source is Source.POLICY and row.state is ReminderState.PLANNED

    def _pause(self, case: Case, at: datetime) -> Pause | None:
        """A pause that is over by then counts no more: what the payer does meanwhile is not foreseen."""
        pause = ladder.pause_of(self.conn, self.biller.reminders, case.invoice.id, ladder.zone_of(self.payer))
        return pause if pause is not None and pause.until > at else None

    def _put_off(self, case: Case, until: datetime, reason: str) -> None:
        row = replace(case.row, due_at=until, state=ReminderState.HELD, reason=reason)
        self.late.setdefault(row.id, reason)
        self.waiting.append(Case(row, case.invoice))

    def _go_on(self, case: Case, at: datetime) -> None:
        """The step after this one takes its place."""
        self.waiting.remove(case)
        self.late.pop(case.row.id, None)
        days = ladder.place_of(case.row)
        found = days is not None and next_rung(
            self.biller.reminders, ladder.owed(case.invoice, self.payer), days, at
        )  # fmt: skip
        if found:
            rung = found.rung
            row = replace(
                case.row,
                step=rung.name,
                tone=rung.tone,
                channels=[one.as_json() for one in rung.channels],
                state=ReminderState.PLANNED,
                reason=None,
                due_at=found.at,
            )
            self.waiting.append(Case(row, case.invoice))

    def _message(self, going: Sequence[Case], at: datetime) -> Foreseen:
        message = rules.message_of(self.biller, going)
        reasons = [self.late[case.row.id] for case in going if case.row.id in self.late]
        for step in message.steps:
            account = next((a for a in self.directory.channels_of(self.biller.id) if a.short == step.channel), None)
            address = account and plans.address_of(self.payer, account.plugin)
            if not account or not address:
                continue
            if not deliveries.suppressed(self.conn, self.biller.id, account.plugin.name, address):
                day: date = at.astimezone(ladder.zone_of(self.payer)).date()
                self.sent_on.append(day)
                shown = self._shown(going, at, "send", next(iter(reasons), None))
                cost = self.biller.reminders.cost(step.channel)
                return replace(shown, channel=step.channel, address=address, cost=cost, tone=message.tone.value)
        return self._shown(going, at, "skipped", Reason.COST if message.too_dear else Reason.UNREACHABLE)

    def _shown(self, cases: Sequence[Case], at: datetime, status: str, reason: str | None) -> Foreseen:
        numbers = list(dict.fromkeys(case.invoice.number for case in cases))
        steps = list(dict.fromkeys(case.row.step or case.row.source.value for case in cases))
        return Foreseen(at, self.payer, numbers, steps, cases[0].row.tone.value, status, reason)

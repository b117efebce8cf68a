"""Reminders under any interleaving of settle, webhook, poll, remind, reply and crash: none after settlement is known, none lost.

The real services over a database in memory; every call to a vendor is a place where anything else may happen first, or where
the process may die. Each interleaving is made from its number, so a failure can be run again alone.
"""

from __future__ import annotations

import contextlib
import random
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from datetime import timedelta
from typing import Any

import pytest

from gateway.domain.ids import DELIVERY, read
from gateway.domain.reminders import FOREVER, LIVE, Reminder, ReminderState, Source
from gateway.ports.channel import Message
from gateway.ports.errors import OutcomeUnknown, Rejected, RetryLater
from gateway.ports.provider import PaymentStatus
from gateway.services import claims, invoices, ladder, plans, wishes
from gateway.services.errors import Conflict, Unavailable
from gateway.services.invoices import View
from gateway.store import claims as claims_store
from gateway.store import deliveries, outbox, reminders
from gateway.store import invoices as invoices_store
from gateway.store.outbox import Task
from gateway.worker import KINDS, LEASE, WORK
from tests.harness.gateway import Sim, open_sim
from tests.harness.memory import HandClock, MemoryDatabase, Pause, Strand
from tests.harness.vendors import Payment

R = ReminderState
STEPS = [
    {"at": "0", "channels": [{"channel": "email", "wait": "2h"}, {"channel": "sms", "wait": "2h"}]},
    {"at": "+3d", "tone": "final", "channels": ["sms"]},
]
TABLES = {
    "reminders": {"steps": STEPS, "per_day": 2, "per_week": 6},
    "delivery": {"channels": [{"channel": "sms"}], "receipt": False},
}
CHANNELS = {"sms": {"address": "phone", "receipts": True, "finds_sent": True}, "email": {"address": "email"}}
ACTIONS = 12
WHO = {"reference": "C-1", "phone": "+40722123456", "email": "a@example.ro"}


class Interleaving:
    """One payer, one or two invoices, and whatever the number makes happen."""

    def __init__(self, sim: Sim, views: Sequence[View], number: int) -> None:
        self.sim, self.clock = sim, sim.clock
        self.ids = [view.invoice.id for view in views]
        self.numbers = {view.invoice.id: view.invoice.number for view in views}
        self.payer_id = views[0].payer.id
        self.random = random.Random(number)
        self.strands: list[tuple[Strand, Task]] = []
        self.news: list[Payment] = []
        self.calm = False  # no more faults, crashes and pauses
        self.after_settlement: list[str] = []
        self.taken: Counter[str] = Counter()
        self.workers = 0
        self.references = 0

    # Vendors.

    async def called(self, verb: str) -> None:
        if verb != "find_sent" and not self.calm:
            await Pause()

    def sending(self, message: Message) -> None:
        """What is known at the moment at which a send begins: no reminder of a settled debt goes out."""
        delivery = self._run(
            lambda conn: deliveries.get(conn, read(DELIVERY, message.reference.partition("-")[2]) or 0)
        )
        if delivery is None or delivery.kind != "reminder":
            return
        assert delivery.about is not None
        rows = self._run(lambda conn: reminders.by_ids(conn, delivery.about["reminders"]))
        for row in rows:
            if message.text.find(self.numbers[row.invoice_id]) >= 0 and not self._invoice(row.invoice_id).payable:
                self.after_settlement.append(message.text)
        if not any(self._invoice(row.invoice_id).payable for row in rows):
            self.after_settlement.append(message.text)

    # What may happen.

    def run(self, *, to_the_end: bool) -> None:
        for vendor in self.sim.vendors.channels.values():
            vendor.sent.clear()
            vendor.faults.clear()
            vendor.taken_all_the_same = False
            vendor.on_call, vendor.on_send = self.called, self.sending
        self.sim.bank.payments.clear()
        self.sim.bank.on_call = self.called
        self.sim.bank.fetch_fault = None
        self.clock.advance(timedelta(days=self.random.choice((14, 15, 15, 15))))
        happenings = [*self._happenings()]
        for _ in range(self.random.randint(4, ACTIONS)):
            self.random.choice(happenings)()
        assert self.after_settlement == []
        self._somebody_will_see_to_all()
        if to_the_end:
            self._in_the_end()

    def _happenings(self) -> Iterator[Callable[[], object]]:
        yield from [self.claim] * 5
        yield from [self.step] * 8
        yield from [self.time] * 5
        yield from [self.crash] * 2
        yield from [self.pay, self.happens_at_the_bank, self.webhook, self.webhook, self.cash]
        yield from [self.own_reminder, self.cancels, self.promises, self.says_paid, self.disputes, self.closes]
        yield from [self.fault, self.silence, self.new_day, self.void]

    def claim(self) -> None:
        self.workers += 1
        now = self.clock.now()
        for task in self._run(lambda conn: outbox.claim(conn, f"w{self.workers}", now, now + LEASE, 1)):
            self.strands.append((Strand(KINDS[task.kind].handle(self.sim.ctx, task, False)), task))
            self._advance(len(self.strands) - 1)

    def step(self) -> None:
        if self.strands:
            self._advance(self.random.randrange(len(self.strands)))

    def crash(self) -> None:
        if self.strands:
            self.strands.pop(self.random.randrange(len(self.strands)))[0].die()

    def time(self) -> None:
        """To what is due next, or a while."""
        due_at = self._run(outbox.next_due)
        some = timedelta(seconds=self.random.choice((1, 70, 3_600, 90_000)))
        now = self.clock.now()
        self.clock.move_to(max(due_at, now) if due_at and self.random.random() < 0.8 else now + some)
        self.strands = [(strand, task) for strand, task in self.strands if self._has_time(strand, task)]

    def _has_time(self, strand: Strand, task: Task) -> bool:
        """A worker cuts off what has not ended before its lease does."""
        if task.due_at - LEASE + WORK > self.clock.now():
            return True
        strand.die()
        return False

    def pay(self) -> None:
        with contextlib.suppress(Conflict, Unavailable):
            self._finish(self.sim.start(self.random.choice(self.ids)))

    def happens_at_the_bank(self) -> None:
        pending = [
            p for p in self.sim.bank.payments.values() if p.status in (PaymentStatus.PENDING, PaymentStatus.ACCEPTED)
        ]
        if pending:
            payment = self.random.choice(pending)
            status = self.random.choice(
                (PaymentStatus.PAID, PaymentStatus.PAID, PaymentStatus.ACCEPTED, PaymentStatus.FAILED)
            )
            received = None if status is PaymentStatus.PAID else 0
            self.news.append(self.sim.bank.change(payment.id, status, received=received))

    def webhook(self) -> None:
        if self.news:
            self._finish(self.sim.tell(self.random.choice(self.news)))

    def cash(self) -> None:
        self.references += 1
        amount = self.random.choice(("100.00", "100.00", "30.00"))
        self._finish(self.sim.off_platform(self.random.choice(self.ids), amount, f"R-{self.references}"))

    def own_reminder(self) -> None:
        at = self.clock.now() + timedelta(hours=self.random.choice((1, 20, 100)))
        self._says(lambda conn, payer: wishes.set_own(conn, self.sim.biller, payer, self.ids, at, self.clock.now()))

    def cancels(self) -> None:
        self._says(lambda conn, payer: wishes.cancel_own(conn, self.sim.biller, payer, self.ids, self.clock.now()))

    def promises(self) -> None:
        now = self.clock.now()
        on = (now + timedelta(days=self.random.choice((0, 1, 4)))).date()
        which = [self.random.choice(self.ids)]
        self._says(lambda conn, payer: claims.promise(conn, self.sim.biller, payer, which, on, now))

    def says_paid(self) -> None:
        which, now = [self.random.choice(self.ids)], self.clock.now()
        self._says(lambda conn, payer: claims.already_paid(conn, self.sim.biller, payer, which, now))

    def disputes(self) -> None:
        which, now = [self.random.choice(self.ids)], self.clock.now()
        self._says(lambda conn, payer: claims.dispute(conn, self.sim.biller, payer, which, "other", now))

    def closes(self) -> None:
        with contextlib.suppress(Conflict):
            self._finish(wishes.close_dispute(self.sim.ctx, self.sim.biller, self.random.choice(self.ids)))

    def fault(self) -> None:
        vendor = self.sim.vendors.channels[self.random.choice(("sms", "email"))]
        vendor.faults.append(self.random.choice((RetryLater("busy"), OutcomeUnknown("cut off"), Rejected("no"))))
        vendor.taken_all_the_same = self.random.random() < 0.5

    def silence(self) -> None:
        """The bank stops answering, or answers again."""
        self.sim.bank.fetch_fault = None if self.sim.bank.fetch_fault else RetryLater("away")

    def new_day(self) -> None:
        day = self.clock.now().date() + timedelta(days=self.random.choice((1, 5, 20)))
        with contextlib.suppress(Conflict):
            self._finish(invoices.change(self.sim.ctx, self.sim.biller, self.random.choice(self.ids), due_on=day))

    def void(self) -> None:
        if self.random.random() < 0.2:
            with contextlib.suppress(Conflict):
                self._finish(invoices.void(self.sim.ctx, self.sim.biller, self.random.choice(self.ids)))

    # How it is carried out.

    def _run(self, body: Callable[..., Any]) -> Any:
        return self.sim.db.run(body)  # type: ignore[attr-defined]

    def _finish(self, work: Any) -> Any:
        calm, self.calm = self.calm, True
        try:
            return Strand(work).finish()
        finally:
            self.calm = calm

    def _says(self, body: Callable[[Any, Any], object]) -> None:
        self._run(lambda conn: body(conn, invoices_store.get_payer(conn, self.payer_id)))

    def _invoice(self, invoice_id: int) -> Any:
        return self._run(lambda conn: invoices_store.get(conn, invoice_id))

    def _advance(self, place: int) -> None:
        strand, task = self.strands[place]
        if not strand.step():
            return
        del self.strands[place]
        now = self.clock.now()
        if strand.error is None:
            if strand.result is None:
                self._run(lambda conn: outbox.done(conn, task, now))
            else:
                self._run(lambda conn: outbox.resume(conn, task, strand.result))
        elif isinstance(strand.error, RetryLater):
            self._run(lambda conn: outbox.again_at(conn, task, now + timedelta(seconds=60), str(strand.error)))
        else:
            raise strand.error

    def _somebody_will_see_to_all(self) -> None:
        """Whatever crashes now: what waits has a task that comes in time, and what is queued is in a message that has one."""
        due = {(task.kind, task.key): task for task in self._run(lambda conn: outbox.listing(conn, outbox.DUE))}
        for invoice_id in self.ids:
            payable = self._invoice(invoice_id).payable
            for row in self._run(lambda conn, invoice_id=invoice_id: reminders.live(conn, invoice_id)):
                assert payable, row
                if row.state is R.QUEUED:
                    assert (plans.DELIVER, row.delivery_id) in due, row
                elif row.due_at < FOREVER:
                    task = due[ladder.REMIND, row.payer_id]
                    assert task.lease_by is not None or task.due_at <= max(row.due_at, self.clock.now()), row
            for claim in self._run(lambda conn, invoice_id=invoice_id: claims_store.open_of(conn, invoice_id)):
                assert claim.until_on is None or (claims.DECIDE, claim.id) in due, claim

    def _in_the_end(self) -> None:
        """The bank and the channels are well again, every webhook comes, and sixty days pass."""
        self.calm = True
        self.sim.bank.fetch_fault = None
        for vendor in self.sim.vendors.channels.values():
            vendor.faults.clear()
        for payment in list(self.sim.bank.payments.values()):
            if payment.status in (PaymentStatus.PENDING, PaymentStatus.ACCEPTED):
                status = self.random.choice((PaymentStatus.PAID, PaymentStatus.FAILED))
                received = None if status is PaymentStatus.PAID else 0
                self.news.append(self.sim.bank.change(payment.id, status, received=received))
        for payment in self.news:
            self._finish(self.sim.tell(payment))
        end = self.clock.now() + timedelta(days=60)
        for _ in range(2_000):
            while self.strands:
                self._advance(0)
            due_at = self._run(outbox.next_due)
            if due_at is None or due_at > end:
                break
            self.clock.move_to(max(due_at, self.clock.now()))
            self.claim()
        else:
            raise AssertionError("it never ends")
        assert self.after_settlement == []
        for invoice_id in self.ids:
            self._nothing_lost(invoice_id)

    def _nothing_lost(self, invoice_id: int) -> None:
        """Every reminder has an end that is told, and the ladder of a debt that stands was climbed to its top."""
        rows: list[Reminder] = self._run(lambda conn: reminders.of_invoice(conn, invoice_id))
        invoice = self._invoice(invoice_id)
        disputed = any(c.kind == "dispute" for c in self._run(lambda conn: claims_store.open_of(conn, invoice_id)))
        waiting = [row for row in rows if row.state in LIVE]
        assert all(row.reason == "dispute" and disputed for row in waiting), waiting
        assert all(row.reason for row in rows if row.state in (R.SKIPPED, R.REVOKED))
        climbed = [row for row in rows if row.source is Source.POLICY and row.step != ladder.PROMISE_STEP]
        if not invoice.payable:
            assert not waiting
        elif not disputed:
            top = [row for row in climbed if row.step == STEPS[-1]["at"] and row.due_on == invoice.due_on]
            assert [row.state for row in top if row.state is not R.REVOKED] in ([R.SENT], [R.SKIPPED]), climbed
        own = [row for row in rows if row.source is Source.PAYER]
        assert all(row.state in (R.SENT, R.REVOKED) or row.reason == "undelivered" for row in own), own
        sent = [row for row in rows if row.state is R.SENT]
        assert len({row.id for row in sent}) == len(sent)


@pytest.fixture
async def sim() -> Any:
    async with open_sim(MemoryDatabase(), HandClock(), biller=TABLES, channels=CHANNELS) as opened:  # type: ignore[arg-type]
        yield opened


def play(sim: Sim, numbers: Sequence[int], *, each: int = 1) -> None:
    """Plays the interleavings of these numbers, every `each`-th to the end of all time."""
    for count in (1, 2):
        sim.clock.reset()  # type: ignore[attr-defined]
        with sim.db.forgotten():  # type: ignore[attr-defined]
            views = [Strand(sim.issue("100.00", **WHO)).finish() for _ in range(count)]
            for number in numbers:
                if (number % 4 == 0) is (count == 2):
                    _play(sim, views, number, to_the_end=number // 4 % each == 0)


def _play(sim: Sim, views: Sequence[View], number: int, *, to_the_end: bool) -> None:
    sim.clock.reset()  # type: ignore[attr-defined]
    try:
        with sim.db.forgotten():  # type: ignore[attr-defined]
            Interleaving(sim, views, number).run(to_the_end=to_the_end)
    except BaseException as error:
        error.add_note(f"interleaving {number}")
        raise


@pytest.mark.parametrize("part", range(4))
async def test_ten_thousand_interleavings(sim: Sim, part: int) -> None:
    play(sim, range(part * 2_500, (part + 1) * 2_500), each=8)


@pytest.mark.soak
@pytest.mark.parametrize("part", range(20))
async def test_half_a_million_interleavings(sim: Sim, part: int) -> None:
    play(sim, range(part * 25_000, (part + 1) * 25_000))

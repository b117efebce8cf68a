"""Money under any interleaving: a machine opens payments, lets the bank and the biller act, and brings the news in any order,
doubled, late or never. After each step the books must hold; in the end they must be the bank's.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from contextlib import AsyncExitStack, suppress
from typing import Any, TypeVar

import hypothesis.strategies as st
import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from gateway.domain.deliveries import Step
from gateway.domain.ids import ATTEMPT, DELIVERY, UPDATE, read, show
from gateway.domain.payments import AttemptStatus
from gateway.domain.refunds import FOR_A_PERSON, Refund, RefundState
from gateway.ports.channel import Message
from gateway.ports.errors import AdapterError, OutcomeUnknown, Rejected, RetryLater
from gateway.ports.provider import PaymentStatus, RefundStatus
from gateway.ports.values import Money
from gateway.services import invoices, refunds
from gateway.services.errors import Conflict, Unavailable
from gateway.services.invoices import View
from gateway.services.refunds import Wanted
from gateway.services.shapes import invoice_json
from gateway.store import events
from gateway.store.database import open_database
from gateway.store.inbox import HELD
from gateway.store.schema import inbox
from gateway.testing.clock import FakeClock
from tests.harness import money
from tests.harness.databases import ENGINES, Databases
from tests.harness.gateway import Sim, count, open_sim
from tests.harness.vendors import Payment

T = TypeVar("T")
A, S = AttemptStatus, PaymentStatus
INVOICES = 2
ASKED = 10_000
WHICH = st.integers(0, INVOICES - 1)
ANY = st.integers(0, 10**6)  # which of those there are, by its remainder


class Books(RuleBasedStateMachine):
    """One biller, two invoices, one bank."""

    def __init__(self, databases: Databases, engine: str) -> None:
        super().__init__()
        self.runner = asyncio.Runner()
        self.databases = databases
        self.engine = engine
        self.stack = AsyncExitStack()
        self.news: list[Payment] = []  # what the bank has to tell; told in any order, any number of times
        self.told: list[Payment] = []
        self.elsewhere = [0] * INVOICES  # money that came another way
        self.references = 0
        self.asked_though_settled: list[str] = []

    @initialize(auto=st.booleans())
    def begin(self, auto: bool) -> None:
        """With a biller who has second payments given back at once, or who does it himself."""
        self.run(self._open(self.engine, "auto" if auto else "manual"))

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        return self.runner.run(work)

    async def _open(self, engine: str, duplicates: str) -> None:
        self.url = await self.databases.make(engine)
        self.stack.push_async_callback(self.databases.drop, self.url)
        database = await open_database(self.url)
        self.stack.push_async_callback(database.aclose)
        self.sim: Sim = await self.stack.enter_async_context(
            open_sim(database, FakeClock(), biller={"payments": {"refund_duplicates": duplicates}})
        )
        self.views: list[View] = []
        steps = [Step("telegram", 0), Step("sms", 600), Step("email", 0)]
        for number in range(INVOICES):
            who = {"phone": f"+4072212345{number}", "telegram": str(number), "email": f"p{number}@example.ro"}
            self.views.append(await self.sim.issue(steps=steps, amount="100.00", **who))
        for channel in self.sim.vendors.channels.values():
            channel.on_send = self._sending

    def _sending(self, message: Message) -> None:
        """No send that asks begins once the debt is settled: what was committed before this step is known."""
        delivery_id = read(DELIVERY, message.reference.partition("-")[2])
        for view in self.views:
            for delivery in view.deliveries:
                asks = delivery.kind not in money.RECEIPTS
                if delivery.id == delivery_id and asks and not view.invoice.payable:
                    self.asked_though_settled.append(message.reference)

    def teardown(self) -> None:
        try:
            self.run(self._in_the_end())
        finally:
            self.run(self.stack.aclose())
            self.runner.close()

    # What payers, banks and billers do.

    def _invoice_id(self, which: int) -> int:
        return self.views[which].invoice.id

    @rule(which=WHICH, method=st.sampled_from(["bank", "card"]))
    def start(self, which: int, method: str) -> None:
        with suppress(Conflict):
            self.run(self.sim.start(self._invoice_id(which), method))

    @rule(which=WHICH, made=st.booleans())
    def start_without_an_answer(self, which: int, made: bool) -> None:
        self.sim.bank.create_fault, self.sim.bank.made_all_the_same = OutcomeUnknown("cut off"), made
        with suppress(Conflict, Unavailable):
            self.run(self.sim.start(self._invoice_id(which), "card"))
        self.sim.bank.create_fault = None

    @rule(which=WHICH, error=st.sampled_from([RetryLater("busy"), Rejected("no")]))
    def start_in_vain(self, which: int, error: RetryLater | Rejected) -> None:
        self.sim.bank.create_fault, self.sim.bank.made_all_the_same = error, False
        with suppress(Conflict, Unavailable):
            self.run(self.sim.start(self._invoice_id(which), "card"))
        self.sim.bank.create_fault = None

    @rule(which=WHICH, named=st.booleans(), twice=st.booleans())
    def start_overtaken_by_its_webhook(self, which: int, named: bool, twice: bool) -> None:
        """The bank pays and tells before it answers; perhaps it takes a second payment for the same try, too."""

        async def overtake(payment: Payment) -> None:
            paid = [payment, self.sim.bank.open(payment.request)] if twice else [payment]
            for one in paid:
                self.news.append(self.sim.bank.change(one.id, S.PAID))
                await self._tell(self.news[-1])

        self.sim.bank.before_answer, self.sim.bank.named = overtake, named or twice
        with suppress(Conflict, Unavailable):
            self.run(self.sim.start(self._invoice_id(which), "bank"))
        self.sim.bank.before_answer, self.sim.bank.named = None, True

    @precondition(lambda self: any(money.HAPPENS[payment.status] for payment in self.sim.bank.payments.values()))
    @rule(which=ANY, what=ANY, told=st.booleans())
    def at_the_bank(self, which: int, what: int, told: bool) -> None:
        lively = [payment for payment in self.sim.bank.payments.values() if money.HAPPENS[payment.status]]
        payment = lively[which % len(lively)]
        status, sum_ = money.HAPPENS[payment.status][what % len(money.HAPPENS[payment.status])]
        asked = payment.request.amount.minor
        received = {"all": asked, "less": asked * 3 // 4, "more": asked + 700, "part": asked // 2}.get(
            sum_, payment.received
        )
        taken_back = received if status is S.REVERSED else received // 3 if "back" in sum_ else payment.reversed
        received, taken_back = max(received, payment.received), max(taken_back, payment.reversed)
        self.news.append(self.sim.bank.change(payment.id, status, received=received, taken_back=taken_back))
        if told:
            self.run(self._tell(self.news[-1]))

    @precondition(lambda self: any(payment.status is S.PAID for payment in self.sim.bank.payments.values()))
    @rule(which=ANY)
    def a_second_payment_of_one_try(self, which: int) -> None:
        paid = [payment for payment in self.sim.bank.payments.values() if payment.status is S.PAID]
        self.news.append(self.sim.bank.change(self.sim.bank.open(paid[which % len(paid)].request).id, S.PAID))

    @precondition(lambda self: self.news)
    @rule(which=ANY, copies=st.integers(1, 3))
    def a_webhook(self, which: int, copies: int) -> None:
        """Any news that the bank ever had, again or for the first time; copies arrive at the same moment."""
        self.run(self._tell(self.news[which % len(self.news)], copies))

    @rule(seconds=st.sampled_from([1, 10, 70, 700, 2_000, 4_000, 100_000]))
    def time_passes(self, seconds: int) -> None:
        self.run(self.sim.pass_time(seconds=seconds))

    @rule(which=WHICH, share=st.sampled_from([1_000, 5_000, 10_000]), again=st.booleans())
    def money_elsewhere(self, which: int, share: int, again: bool) -> None:
        self.references += 1
        for _ in range(1 + again):
            self.run(self.sim.off_platform(self._invoice_id(which), Money(share, "RON").value, f"R-{self.references}"))
        self.elsewhere[which] += share

    @rule(which=WHICH)
    def void(self, which: int) -> None:
        with suppress(Conflict):
            self.run(invoices.void(self.sim.ctx, self.sim.biller, self._invoice_id(which)))

    @rule(which=WHICH, amount=st.sampled_from([4_000, 10_000, 25_000]))
    def another_amount(self, which: int, amount: int) -> None:
        with suppress(Conflict):
            self.run(
                invoices.change(self.sim.ctx, self.sim.biller, self._invoice_id(which), amount=Money(amount, "RON"))
            )

    def _payments(self) -> list[str]:
        """Every payment of which money may go back, by its id outside."""
        attempts = [show(ATTEMPT, a.id) for view in self.views for a in view.attempts if a.received_minor]
        elsewhere = [x.id for view in self.views for x in view.lines if x.attempt_id is None and x.refund_id is None]
        return attempts + [show(UPDATE, line) for line in elsewhere]

    @precondition(lambda self: self._payments())
    @rule(
        which=ANY,
        share=st.sampled_from([None, 100, 3_000, 7_500]),
        reopen=st.booleans(),
        fault=st.sampled_from([None, OutcomeUnknown("cut off"), RetryLater("busy"), Rejected("no")]),
        made=st.booleans(),
        at_once=st.sampled_from([RefundStatus.DONE, RefundStatus.DONE, RefundStatus.PENDING, RefundStatus.FAILED]),
    )
    def a_refund(
        self,
        which: int,
        share: int | None,
        reopen: bool,
        fault: AdapterError | None,
        made: bool,
        at_once: RefundStatus,
    ) -> None:
        """The biller asks for it twice under one key; the bank answers, or does not, or does it and does not say so."""
        bank, among = self.sim.bank, self._payments()
        bank.refund_status = at_once
        bank.refund_fault, bank.given_all_the_same = fault, made and isinstance(fault, OutcomeUnknown)
        wanted = Wanted(None if share is None else Money(share, "RON"), reopen=reopen)
        self.references += 1
        terms = (self.sim.ctx, self.sim.biller, among[which % len(among)], wanted, f"key-{self.references}")
        with suppress(Conflict):
            first, again = [self.run(refunds.request(*terms)) for _ in range(2)]
            assert (first[1], again[1], again[0].id) == (True, False, first[0].id)
        self.run(self.sim.drain())
        bank.refund_fault, bank.refund_status = None, RefundStatus.DONE

    def _waiting(self) -> list[Refund]:
        return [row for view in self.views for row in view.refunds if row.state in FOR_A_PERSON]

    @precondition(lambda self: self._waiting())
    @rule(which=ANY, by_hand=st.booleans())
    def a_person_sees_to_a_refund(self, which: int, by_hand: bool) -> None:
        row = self._waiting()[which % len(self._waiting())]
        terms = (self.sim.ctx, self.sim.biller, row.id)
        with suppress(Conflict):
            self.run(refunds.done(*terms, f"by hand {row.id}") if by_hand else refunds.retry(*terms))

    @precondition(lambda self: any(payment.net > 0 for payment in self.sim.bank.payments.values()))
    @rule(which=ANY, whole=st.booleans(), told=st.booleans())
    def a_refund_at_the_banks_desk(self, which: int, whole: bool, told: bool) -> None:
        among = [payment for payment in self.sim.bank.payments.values() if payment.net > 0]
        payment = among[which % len(among)]
        self.sim.bank.give_back(payment.id, payment.net if whole else (payment.net + 1) // 2)
        self.news.append(self.sim.bank.payments[payment.id])
        if told:
            self.run(self._tell(self.news[-1]))

    def _to_turn(self) -> list[tuple[str, RefundStatus]]:
        """What may become of refunds at the bank. What its desk gave back fails only where nothing else went back."""
        listed = self.sim.bank.returned.values()
        asked = {one.payment_id for one in listed if one.request}
        ends = [(one.id, to) for one in listed if one.status is RefundStatus.PENDING for to in list(RefundStatus)[1:]]
        late = [
            one for one in listed if one.status is RefundStatus.DONE and (one.request or one.payment_id not in asked)
        ]
        return ends + [(one.id, RefundStatus.FAILED) for one in late]

    @precondition(lambda self: self._to_turn())
    @rule(which=ANY, told=st.booleans())
    def a_refund_turns_out(self, which: int, told: bool) -> None:
        returned, status = self._to_turn()[which % len(self._to_turn())]
        self.news.append(self.sim.bank.turn(returned, status))
        if told:
            self.run(self._tell(self.news[-1]))

    async def _tell(self, payment: Payment, copies: int = 1) -> None:
        await asyncio.gather(*(self.sim.tell(payment) for _ in range(copies)))
        self.told.append(payment)

    # What must hold.

    @invariant()
    def the_books_hold(self) -> None:
        self.run(self._look())
        for number, view in enumerate(self.views):
            self._holds(number, view)
        assert self.asked_though_settled == []

    async def _look(self) -> None:
        self.views = [await self.sim.view(view.invoice.id) for view in self.views]
        self.held = await count(self.sim.db, inbox, inbox.c.state == HELD)
        self.log = await self.sim.db.read(lambda conn: events.after(conn, self.sim.biller.id, 0, 100_000))

    def _holds(self, number: int, view: View) -> None:
        money.sums(view, self.elsewhere[number], (*self.told, *self.sim.bank.fetched), held=bool(self.held))
        money.states(view)
        money.facts(view, self.log)

    async def _in_the_end(self) -> None:
        """Every webhook has come at last, the newest first, and every poll: our books are the bank's, and nothing is left undone."""
        for payment in reversed(self.news):
            await self._tell(payment)
        await self.sim.pass_time(hours=30)
        await self._look()
        assert self.held == 0
        for number, view in enumerate(self.views):
            self._holds(number, view)
            money.adds_up(invoice_json(self.sim.ctx, self.sim.biller, view, self.sim.clock.now()))
            references = {attempt.reference.rstrip("+") for attempt in view.attempts}
            at_the_bank = [p for p in self.sim.bank.payments.values() if p.request.reference in references]
            money.is_the_banks(view, at_the_bank)
            known = {attempt.external_id for attempt in view.attempts}
            assert {payment.id for payment in at_the_bank} <= known
            if not view.invoice.payable:
                assert not [p for p in at_the_bank if p.status is S.PENDING and p.received == 0], (
                    "a session is open still"
                )
            assert not [a for a in view.attempts if a.status in (A.CREATED, A.UNKNOWN)]
            assert not [row for row in view.refunds if row.state in (RefundState.CREATED, RefundState.UNKNOWN)]
        assert await self.sim.tasks("dead") == []
        assert self.asked_though_settled == []


EXAMPLES = {"sqlite": 25, "postgres": 6}


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize(
    "times",
    [
        pytest.param(1, marks=pytest.mark.timeout(300)),
        pytest.param(40, marks=[pytest.mark.soak, pytest.mark.timeout(1800)]),
    ],
)
def test_money_under_any_interleaving(
    engine: str, times: int, request: pytest.FixtureRequest, databases: Databases
) -> None:
    if engine == "postgres":
        request.getfixturevalue("postgres")
    profile = settings(
        max_examples=EXAMPLES[engine] * times,
        stateful_step_count=18,
        derandomize=True,
        deadline=None,
        phases=[Phase.generate],  # an example is short enough to be read as it was found
        suppress_health_check=list(HealthCheck),
    )
    machine: Callable[[], Books] = lambda: Books(databases, engine)  # noqa: E731
    run_state_machine_as_test(machine, settings=profile)  # type: ignore[arg-type]

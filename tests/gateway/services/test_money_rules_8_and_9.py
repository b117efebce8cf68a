"""The rules of money, 8 and 9: too little, too much and twice; other sessions; money from elsewhere. Vendors are simulated."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any

import pytest

from gateway.domain.deliveries import Step
from gateway.domain.invoices import InvoiceStatus
from gateway.domain.payments import AttemptStatus
from gateway.ports.errors import OutcomeUnknown, Rejected
from gateway.ports.provider import PaymentStatus
from gateway.ports.values import Money
from gateway.services import invoices
from gateway.services.errors import Conflict, Invalid, NotFound
from gateway.services.payments import OffPlatform, record_off_platform
from gateway.store.database import Database
from gateway.testing.clock import FakeClock
from tests.harness.gateway import Sim, open_sim

A, S, IS = AttemptStatus, PaymentStatus, InvoiceStatus


def _refunds(view: invoices.View) -> list[tuple[int, str, str]]:
    return [(refund.amount_minor, refund.reason, refund.state) for refund in view.refunds]


async def test_rule_08_too_little_is_a_state_and_the_rest_can_be_paid(sim: Sim) -> None:
    view = await sim.issue("100.00")
    first = await sim.open_payment(view.invoice.id)
    await sim.tell(sim.bank.change(first, S.PAID, received=4_000))
    assert await sim.status(view.invoice.id) is IS.PARTLY_PAID
    rest = await sim.open_payment(view.invoice.id)
    assert sim.bank.payments[rest].request.amount.minor == 6_000
    await sim.tell(sim.bank.change(rest, S.PAID))
    assert await sim.status(view.invoice.id) is IS.PAID
    types = [type_ for type_ in await sim.event_types(view.invoice.id) if type_ != "payment.started"]
    assert types == ["invoice.issued", "payment.received", "invoice.partly_paid", "payment.received", "invoice.paid"]
    assert _refunds(await sim.view(view.invoice.id)) == []


async def test_rule_08_too_much_is_kept_and_the_excess_is_due_back(sim: Sim) -> None:
    view = await sim.issue("100.00")
    await sim.tell(sim.bank.change(await sim.open_payment(view.invoice.id), S.PAID, received=13_000))
    paid = await sim.view(view.invoice.id)
    assert (paid.invoice.status, paid.invoice.paid_minor) == (IS.PAID, 13_000)
    assert _refunds(paid) == [(3_000, "overpaid", "due")]
    assert await sim.events_of(view.invoice.id, "invoice.overpaid", "refund.due") == [
        {"payment": "pay_0000001", "source": "webhook", "excess": {"value": "30.00", "currency": "RON"}},
        {
            "payment": "pay_0000001",
            "source": "webhook",
            "refund": "rfd_0000001",
            "amount": {"value": "30.00", "currency": "RON"},
            "reason": "overpaid",
        },
    ]


@pytest.mark.parametrize("over", [S.FAILED, S.CANCELLED])
async def test_rule_08_a_payment_that_comes_to_life_when_nothing_is_owed_is_closed(
    sim: Sim, over: PaymentStatus
) -> None:
    view = await sim.issue("100.00")
    payment = await sim.open_payment(view.invoice.id)
    await sim.tell(sim.bank.change(payment, over, received=0))
    await invoices.void(sim.ctx, sim.biller, view.invoice.id)
    await sim.drain()
    await sim.tell(sim.bank.change(payment, S.ACCEPTED, received=0))
    await sim.drain()
    (attempt,) = (await sim.view(view.invoice.id)).attempts
    assert (attempt.status, attempt.closing_at is not None) == (A.ACCEPTED, True)
    assert "cancel" in sim.bank.calls


async def test_rule_08_two_payments_at_once_are_one_and_a_duplicate(sim: Sim) -> None:
    view = await sim.issue("100.00")
    by_bank, by_card = [await sim.open_payment(view.invoice.id, method) for method in ("bank", "card")]
    paid = [sim.bank.change(payment_id, S.PAID) for payment_id in (by_bank, by_card)]
    await asyncio.gather(*(sim.tell(one) for one in paid))
    twice = await sim.view(view.invoice.id)
    assert (twice.invoice.status, twice.invoice.paid_minor) == (IS.PAID, 20_000)
    assert _refunds(twice) == [(10_000, "duplicate", "due")]
    types = await sim.event_types(view.invoice.id)
    assert (types.count("invoice.paid"), types.count("payment.duplicate"), types.count("payment.received")) == (1, 1, 2)


async def test_rule_08_a_second_payment_that_the_vendor_took_of_one_attempt_is_an_attempt_of_its_own(sim: Sim) -> None:
    view = await sim.issue("100.00")
    first = await sim.open_payment(view.invoice.id)
    second = sim.bank.open(sim.bank.payments[first].request)
    told = [sim.bank.change(payment_id, S.PAID) for payment_id in (first, second.id)]
    await asyncio.gather(*(sim.tell(one) for one in (*told, *told)))
    twice = await sim.view(view.invoice.id)
    assert [attempt.external_id for attempt in twice.attempts] == [first, second.id]
    assert (twice.invoice.paid_minor, _refunds(twice)) == (20_000, [(10_000, "duplicate", "due")])
    await sim.tell(sim.bank.change(second.id, S.REVERSED, taken_back=10_000))
    again = await sim.view(view.invoice.id)
    assert (again.invoice.status, again.invoice.paid_minor) == (IS.PAID, 10_000)
    assert _refunds(again) == [(10_000, "duplicate", "closed")]  # it has gone back, and must not go back again


async def test_rule_08_two_payments_of_one_attempt_that_overtake_its_answer_are_both_counted(sim: Sim) -> None:
    """Both pushes come before the vendor's own answer: each would adopt the attempt."""
    view = await sim.issue("100.00")

    async def overtake(payment: Any) -> None:
        other = sim.bank.open(payment.request)
        told = [sim.bank.change(payment_id, S.PAID) for payment_id in (payment.id, other.id)]
        await asyncio.gather(*(sim.tell(one) for one in told))

    sim.bank.before_answer = overtake
    await sim.start(view.invoice.id)
    await sim.drain()
    assert await sim.paid(view.invoice.id) == 20_000
    assert _refunds(await sim.view(view.invoice.id)) == [(10_000, "duplicate", "due")]


async def test_rule_08_part_of_an_excess_that_was_reversed_is_not_due_any_more(sim: Sim) -> None:
    view = await sim.issue("100.00")
    payment_id = await sim.open_payment(view.invoice.id)
    await sim.tell(sim.bank.change(payment_id, S.PAID, received=15_000))
    await sim.tell(sim.bank.change(payment_id, S.PAID, received=15_000, taken_back=2_000))
    assert _refunds(await sim.view(view.invoice.id)) == [(3_000, "overpaid", "due")]
    await sim.tell(sim.bank.change(payment_id, S.REVERSED, received=15_000, taken_back=15_000))
    reversed_ = await sim.view(view.invoice.id)
    assert (reversed_.invoice.status, reversed_.invoice.paid_minor) == (IS.OPEN, 0)
    assert _refunds(reversed_) == [(3_000, "overpaid", "closed")]


async def test_rule_08_money_on_a_void_invoice_is_kept_and_due_back(sim: Sim) -> None:
    view = await sim.issue("100.00")
    payment_id = await sim.open_payment(view.invoice.id)
    await invoices.void(sim.ctx, sim.biller, view.invoice.id)
    await sim.tell(sim.bank.change(payment_id, S.PAID))
    void = await sim.view(view.invoice.id)
    assert (void.invoice.status, void.invoice.paid_minor, _refunds(void)) == (
        IS.VOID,
        10_000,
        [(10_000, "void", "due")],
    )
    await sim.tell(sim.bank.change(payment_id, S.REVERSED, taken_back=10_000))
    assert _refunds(await sim.view(view.invoice.id)) == [(10_000, "void", "closed")]


async def test_rule_08_a_settled_invoice_closes_its_other_sessions(sim: Sim) -> None:
    view = await sim.issue()
    by_bank, by_card = [await sim.open_payment(view.invoice.id, method) for method in ("bank", "card")]
    await sim.tell(sim.bank.change(by_bank, S.PAID))
    sim.bank.cancel_fault = OutcomeUnknown("cut off")
    await sim.drain()
    assert sim.bank.payments[by_card].status is S.PENDING
    await sim.pass_time(minutes=1)
    assert sim.bank.payments[by_card].status is S.CANCELLED
    assert [attempt.status for attempt in (await sim.view(view.invoice.id)).attempts] == [A.PAID, A.CANCELLED]


async def test_rule_08_a_session_that_opens_while_the_debt_is_settled_is_closed_and_nobody_is_sent_there(
    sim: Sim,
) -> None:
    view = await sim.issue()

    async def settle(_: object) -> None:
        await sim.off_platform(view.invoice.id, "125.40")
        await sim.drain()

    sim.bank.before_answer = settle
    with pytest.raises(Conflict):
        await sim.start(view.invoice.id)
    await sim.drain()
    ((payment_id, payment),) = sim.bank.payments.items()
    assert payment.status is S.CANCELLED
    (attempt,) = (await sim.view(view.invoice.id)).attempts
    assert (attempt.status, attempt.external_id) == (A.CANCELLED, payment_id)


async def test_rule_08_an_unanswered_session_of_a_settled_invoice_is_found_and_closed(sim: Sim) -> None:
    view = await sim.issue()
    sim.bank.create_fault, sim.bank.made_all_the_same = OutcomeUnknown("cut off"), True
    sim.bank.fetch_fault = OutcomeUnknown("away")
    with pytest.raises(Exception, match="did not answer"):
        await sim.start(view.invoice.id)
    await sim.off_platform(view.invoice.id, "125.40")
    await sim.drain()
    sim.bank.fetch_fault = None
    await sim.pass_time(minutes=2)
    assert [payment.status for payment in sim.bank.payments.values()] == [S.CANCELLED]
    assert [attempt.status for attempt in (await sim.view(view.invoice.id)).attempts] == [A.CANCELLED]


@pytest.mark.parametrize("abilities", [{"cancels": False}, {"cancels": True}], ids=["cannot", "refuses to"])
async def test_rule_08_money_through_a_session_that_could_not_be_closed_is_found(
    database: Database, clock: FakeClock, abilities: dict[str, bool]
) -> None:
    async with open_sim(database, clock, bank=abilities) as sim:
        view = await sim.issue("100.00")
        by_bank, by_card = [await sim.open_payment(view.invoice.id, method) for method in ("bank", "card")]
        await sim.tell(sim.bank.change(by_bank, S.PAID))
        sim.bank.cancel_fault = Rejected("not_possible")
        await sim.drain()
        assert [attempt.status for attempt in (await sim.view(view.invoice.id)).attempts] == [A.PAID, A.CANCELLED]
        sim.bank.change(by_card, S.PAID)  # and its webhook is lost
        await sim.pass_time(hours=1)
        assert await sim.paid(view.invoice.id) == 20_000
        assert _refunds(await sim.view(view.invoice.id)) == [(10_000, "duplicate", "due")]


async def test_rule_08_a_changed_amount_closes_the_sessions_at_the_old_one(sim: Sim) -> None:
    view = await sim.issue("100.00")
    old = await sim.open_payment(view.invoice.id)
    await invoices.change(sim.ctx, sim.biller, view.invoice.id, amount=Money(8_000, "RON"))
    new = await sim.open_payment(view.invoice.id)
    assert sim.bank.payments[new].request.amount.minor == 8_000
    await sim.drain()
    assert (sim.bank.payments[old].status, sim.bank.payments[new].status) == (S.CANCELLED, S.PENDING)


async def test_rule_08_what_does_not_fit_is_shown_once_however_often_it_is_asked_about(sim: Sim) -> None:
    view = await sim.issue("100.00")
    payment_id = await sim.open_payment(view.invoice.id)
    asked = sim.bank.payments[payment_id].request
    sim.bank.payments[payment_id] = replace(
        sim.bank.payments[payment_id],
        status=S.PAID,
        received=10_000,
        request=replace(asked, amount=Money(10_000, "EUR")),
    )
    await sim.pass_time(hours=20)
    assert sim.bank.calls.count("fetch") > 5
    assert len(await sim.events_of(view.invoice.id, "payment.mismatch")) == 1
    after = await sim.view(view.invoice.id)
    assert (after.invoice.paid_minor, [line.verdict for line in after.lines]) == (0, ["mismatch"])


async def test_rule_08_an_amount_lowered_to_what_was_paid_settles(sim: Sim) -> None:
    view = await sim.issue("100.00", steps=[Step("sms", 0)], phone="+40722123456", deliver_at_s=3_600)
    await sim.off_platform(view.invoice.id, "60.00")
    await invoices.change(sim.ctx, sim.biller, view.invoice.id, amount=Money(6_000, "RON"))
    assert await sim.status(view.invoice.id) is IS.PAID
    types = await sim.event_types(view.invoice.id)
    assert types[-3:] == ["invoice.changed", "invoice.paid", "delivery.revoked"]


async def test_rule_08_an_open_session_is_taken_up_again_while_it_fits(sim: Sim) -> None:
    view = await sim.issue("100.00")
    first = await sim.open_payment(view.invoice.id)
    assert await sim.open_payment(view.invoice.id) == first
    assert await sim.open_payment(view.invoice.id, "card") != first
    await sim.off_platform(view.invoice.id, "10.00")
    assert await sim.open_payment(view.invoice.id) != first
    await sim.off_platform(view.invoice.id, "90.00", "R-2")
    with pytest.raises(Conflict, match="nothing is owed"):
        await sim.start(view.invoice.id)


async def test_rule_09_money_from_elsewhere_is_an_amount_a_source_and_a_reference(sim: Sim) -> None:
    view = await sim.issue("100.00")
    day = sim.clock.now().date()

    async def book(amount: str, reference: str, **more: Any) -> tuple[Any, bool]:
        money = OffPlatform(
            Money.parse(amount, "RON"), more.get("day", day), more.get("source", "cash desk"), reference, "by Ion"
        )
        return await record_off_platform(sim.ctx, sim.biller, view.invoice.id, money, key=more.get("key"))

    line, new = await book("40.00", "R-1")
    assert (new, line.delta_minor, line.source, line.reference, line.received_on) == (
        True,
        4_000,
        "cash desk",
        "R-1",
        day,
    )
    assert line.note == "by Ion"
    again, new = await book("40.00", "R-1")
    assert (new, again) == (False, line)
    with pytest.raises(Conflict, match="another content") as error:
        await book("50.00", "R-1")
    assert error.value.differs == ["amount"]
    other, new = await book("60.00", "R-1", source="bank transfer")
    assert (new, other.delta_minor) == (True, 6_000)
    assert await sim.status(view.invoice.id) is IS.PAID
    await book("5.00", "R-9")
    paid = await sim.view(view.invoice.id)
    assert (paid.invoice.paid_minor, _refunds(paid)) == (10_500, [(500, "duplicate", "due")])
    received = await sim.events_of(view.invoice.id, "payment.received")
    assert [(data["source"], data["reference"]) for data in received] == [
        ("cash desk", "R-1"),
        ("bank transfer", "R-1"),
        ("cash desk", "R-9"),
    ]


async def test_rule_09_the_same_word_many_times_at_once_is_booked_once(sim: Sim) -> None:
    view = await sim.issue("100.00")
    await asyncio.gather(*(sim.off_platform(view.invoice.id, "40.00") for _ in range(10)))
    assert await sim.paid(view.invoice.id) == 4_000


async def test_rule_09_what_cannot_be_booked_is_refused(sim: Sim) -> None:
    view = await sim.issue("100.00")
    money = OffPlatform(Money(100, "EUR"), sim.clock.now().date(), "cash", "R-1")
    with pytest.raises(Invalid):
        await record_off_platform(sim.ctx, sim.biller, view.invoice.id, money)
    with pytest.raises(NotFound):
        await sim.off_platform(999, "1.00")
    assert await sim.event_types(view.invoice.id) == ["invoice.issued"]

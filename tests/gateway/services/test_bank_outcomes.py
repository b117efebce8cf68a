"""Each button of the demo's bank, through the real adapter, the real webhooks and the real polls: what becomes of the invoice."""

from __future__ import annotations

from dataclasses import dataclass

import aiohttp
import pytest

from gateway.demo.bank import CreateFault, Outcome
from gateway.domain.invoices import InvoiceStatus
from gateway.domain.payments import AttemptStatus
from gateway.services.errors import Unavailable
from tests.harness.world import World

A, IS, O = AttemptStatus, InvoiceStatus, Outcome  # noqa: E741
ASKED = 12_540


@dataclass(frozen=True)
class Case:
    """`at_once`: the invoice after the button. `after`: a day later, all that was put off having happened."""

    outcome: Outcome
    at_once: InvoiceStatus
    after: InvoiceStatus
    paid: int
    attempt: AttemptStatus
    types: tuple[str, ...]
    due_back: int = 0


CASES = (
    Case(O.PAID, IS.PAID, IS.PAID, ASKED, A.PAID, ("payment.received", "invoice.paid")),
    Case(O.DECLINED, IS.OPEN, IS.OPEN, 0, A.FAILED, ("payment.failed",)),
    Case(O.ABANDONED, IS.OPEN, IS.OPEN, 0, A.EXPIRED, ("payment.expired",)),
    Case(O.SLOW, IS.OPEN, IS.PAID, ASKED, A.PAID, ("payment.accepted", "payment.received", "invoice.paid")),
    Case(O.PAID_LATE, IS.OPEN, IS.PAID, ASKED, A.PAID, ("payment.expired", "payment.received", "invoice.paid")),
    Case(
        O.PAID_TWICE,
        IS.PAID,
        IS.PAID,
        2 * ASKED,
        A.PAID,
        ("payment.received", "invoice.paid", "payment.received", "payment.duplicate", "refund.due"),
        due_back=ASKED,
    ),
    Case(
        O.PARTIAL,
        IS.PARTLY_PAID,
        IS.PAID,
        ASKED,
        A.PAID,
        ("payment.received", "invoice.partly_paid", "payment.received", "invoice.paid"),
    ),
    Case(O.WEBHOOK_LOST, IS.OPEN, IS.PAID, ASKED, A.PAID, ("payment.received", "invoice.paid")),
    Case(O.WEBHOOK_DOUBLED, IS.PAID, IS.PAID, ASKED, A.PAID, ("payment.received", "invoice.paid")),
    Case(O.WEBHOOK_EARLY, IS.OPEN, IS.OPEN, 0, A.CANCELLED, ("payment.cancelled",)),
    Case(
        O.REVERSED,
        IS.PAID,
        IS.OPEN,
        0,
        A.REVERSED,
        ("payment.received", "invoice.paid", "payment.reversed", "invoice.reopened"),
    ),
)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.outcome.value)
async def test_each_outcome(world: World, case: Case) -> None:
    view = await world.issue()
    payment_id = await world.open_payment(view.invoice.id)
    await world.bank.choose(payment_id, case.outcome)
    assert await world.status(view.invoice.id) is case.at_once
    assert {posting.status for posting in world.bank.postings} <= {204}
    await world.pass_time(minutes=20)
    await world.bank.release(payment_id)
    await world.pass_time(days=1)
    after = await world.view(view.invoice.id)
    assert (after.invoice.status, after.invoice.paid_minor) == (case.after, case.paid)
    assert after.attempts[0].status is case.attempt
    assert await world.event_types(view.invoice.id) == ["invoice.issued", "payment.started", *case.types]
    assert sum(refund.amount_minor for refund in after.refunds) == case.due_back
    assert {posting.status for posting in world.bank.postings} <= {204}


def test_no_outcome_is_left_out() -> None:
    assert {case.outcome for case in CASES} == set(Outcome)


async def test_a_webhook_that_overtakes_the_banks_own_answer(world: World) -> None:
    view = await world.issue()
    world.bank.fail_next_create(CreateFault.EARLY)
    await world.start(view.invoice.id)
    assert await world.status(view.invoice.id) is IS.PAID
    assert await world.event_types(view.invoice.id) == [
        "invoice.issued",
        "payment.received",
        "invoice.paid",
        "payment.started",
    ]


@pytest.mark.parametrize(
    ("fault", "made"), [(CreateFault.CUT_MADE, 1), (CreateFault.CUT_NOT_MADE, 0)], ids=["made", "not made"]
)
async def test_an_answer_that_was_cut_off_is_looked_up(world: World, fault: CreateFault, made: int) -> None:
    view = await world.issue()
    world.bank.fail_next_create(fault)
    with pytest.raises(Unavailable):
        await world.start(view.invoice.id)
    await world.pass_time(seconds=5)
    assert len(world.bank.ledger.payments) == made
    (attempt,) = (await world.view(view.invoice.id)).attempts
    assert attempt.status is (A.PENDING if made else A.FAILED)
    await world.bank.choose(await world.open_payment(view.invoice.id), O.PAID)
    assert await world.status(view.invoice.id) is IS.PAID
    assert len(world.bank.ledger.payments) == 1


@pytest.mark.parametrize("fault", [CreateFault.RATE_LIMITED, CreateFault.UNAVAILABLE, CreateFault.REFUSED])
async def test_a_bank_that_cannot_serve_is_said_to_be_so_and_may_be_tried_again(
    world: World, fault: CreateFault
) -> None:
    view = await world.issue()
    world.bank.fail_next_create(fault)
    with pytest.raises(Unavailable):
        await world.start(view.invoice.id)
    (attempt,) = (await world.view(view.invoice.id)).attempts
    assert attempt.status is A.FAILED
    await world.bank.choose(await world.open_payment(view.invoice.id), O.PAID)
    assert await world.status(view.invoice.id) is IS.PAID


async def test_a_settled_invoice_has_its_other_session_closed_at_the_bank(world: World) -> None:
    view = await world.issue()
    by_bank, by_card = [await world.open_payment(view.invoice.id, method) for method in ("bank", "card")]
    await world.bank.choose(by_card, O.PAID)
    await world.drain()
    assert world.bank.payment(by_bank).state == "cancelled"
    assert [attempt.status for attempt in (await world.view(view.invoice.id)).attempts] == [A.CANCELLED, A.PAID]


async def test_a_forged_webhook_moves_nothing_and_is_answered_with_401(world: World) -> None:
    view = await world.issue()
    payment_id = await world.open_payment(view.invoice.id)
    body = b'{"id":"evt_1","type":"payment.paid","payment":{"id":"%s"}}' % payment_id.encode()
    headers = {"x-sandbox-signature": f"t={int(world.clock.now().timestamp())},v1={'0' * 64}"}
    async with (
        aiohttp.ClientSession() as stranger,
        stranger.post(f"{world.url}/hooks/providers/acme.sandbox", data=body, headers=headers) as answer,
    ):
        assert answer.status == 401
    assert await world.event_types(view.invoice.id) == ["invoice.issued", "payment.started"]

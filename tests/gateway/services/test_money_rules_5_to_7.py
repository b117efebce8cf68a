"""The rules of money, 5 to 7: what is unknown, what comes early or twice, what is asked for. Vendors are simulated."""

from __future__ import annotations

import asyncio
import itertools
from datetime import timedelta

import pytest

from gateway.domain.invoices import InvoiceStatus
from gateway.domain.payments import AttemptStatus
from gateway.ports.errors import OutcomeUnknown, Rejected, RetryLater
from gateway.ports.provider import PaymentStatus
from gateway.services import polling
from gateway.services.errors import Unavailable
from gateway.store import inbox as inbox_store
from gateway.store import outbox
from gateway.store.database import Database
from gateway.store.schema import inbox, invoice, payment_attempt
from gateway.testing.clock import FakeClock
from tests.harness.gateway import Sim, count, open_sim

A, S, IS = AttemptStatus, PaymentStatus, InvoiceStatus


@pytest.mark.parametrize("made", [True, False])
@pytest.mark.parametrize(
    "abilities",
    [
        {"finds_payments": True, "idempotent": False},
        {"finds_payments": False, "idempotent": True},
        {"finds_payments": False, "idempotent": False},
    ],
    ids=["finds", "idempotent", "neither"],
)
async def test_rule_05_unknown_is_asked_and_never_guessed(
    database: Database, clock: FakeClock, abilities: dict[str, bool], made: bool
) -> None:
    async with open_sim(database, clock, bank=abilities) as sim:
        view = await sim.issue()
        sim.bank.create_fault, sim.bank.made_all_the_same = OutcomeUnknown("cut off"), made
        with pytest.raises(Unavailable):
            await sim.start(view.invoice.id)
        (attempt,) = (await sim.view(view.invoice.id)).attempts
        assert attempt.status is A.UNKNOWN
        assert await sim.event_types(view.invoice.id) == ["invoice.issued", "payment.unknown"]
        sim.bank.fetch_fault = RetryLater("away")
        await sim.pass_time(minutes=1)
        if abilities["finds_payments"]:
            assert (await sim.view(view.invoice.id)).attempts[0].status is A.UNKNOWN
        sim.bank.fetch_fault = None
        await sim.pass_time(hours=2)
        (attempt,) = (await sim.view(view.invoice.id)).attempts
        creations = sim.bank.calls.count("create")
        if abilities["finds_payments"]:
            assert creations == 1
            assert attempt.status is (A.EXPIRED if made else A.FAILED)
        elif abilities["idempotent"]:
            assert creations == 2
            assert len(sim.bank.payments) == 1  # the same key and the same terms: the vendor makes no second one
            assert attempt.status is A.EXPIRED
        else:
            assert creations == 1
            assert (attempt.status, attempt.reason) == (A.FAILED, "no_answer")


async def test_rule_05_money_on_an_unanswered_attempt_is_found(sim: Sim) -> None:
    view = await sim.issue()
    sim.bank.create_fault, sim.bank.made_all_the_same = OutcomeUnknown("cut off"), True
    with pytest.raises(Unavailable):
        await sim.start(view.invoice.id)
    (payment_id,) = sim.bank.payments
    sim.bank.change(payment_id, S.PAID)
    await sim.pass_time(seconds=30)
    assert await sim.status(view.invoice.id) is IS.PAID


async def test_rule_05_a_call_that_is_under_way_is_not_taken_for_a_failure(sim: Sim) -> None:
    """The first polls come while the vendor has not answered yet: they neither ask nor give up."""
    view = await sim.issue()

    async def slow(_: object) -> None:
        await sim.pass_time(seconds=25)

    sim.bank.before_answer = slow
    payment_id = await sim.open_payment(view.invoice.id)
    (attempt,) = (await sim.view(view.invoice.id)).attempts
    assert (attempt.status, sim.bank.calls) == (A.PENDING, ["create"])
    sim.bank.change(payment_id, S.PAID)
    await sim.pass_time(minutes=2)
    assert await sim.status(view.invoice.id) is IS.PAID


async def test_rule_05_a_crash_before_the_answer_was_kept_loses_nothing(sim: Sim) -> None:
    """The process dies after the vendor made the payment: the attempt is found CREATED, and resolved."""
    view = await sim.issue()

    class Killed(BaseException):
        pass

    async def die(_: object) -> None:
        raise Killed

    sim.bank.before_answer = die
    with pytest.raises(Killed):
        await sim.start(view.invoice.id)
    sim.bank.before_answer = None
    (payment_id,) = sim.bank.payments
    sim.bank.change(payment_id, S.PAID)
    await sim.pass_time(minutes=3)
    assert await sim.status(view.invoice.id) is IS.PAID


async def test_rule_06_a_repeated_webhook_changes_nothing(sim: Sim) -> None:
    view = await sim.issue()
    paid = sim.bank.change(await sim.open_payment(view.invoice.id), S.PAID)
    new = await asyncio.gather(*(sim.tell(paid) for _ in range(20)))
    assert sorted(new) == [0] * 19 + [1]
    before = await sim.event_types()
    assert await sim.tell(paid) == 0
    assert await sim.event_types() == before
    assert await sim.paid(view.invoice.id) == 12_540
    assert await count(sim.db, inbox) == 1


async def test_rule_06_a_webhook_is_kept_raw_without_what_is_nobodys_business(sim: Sim) -> None:
    view = await sim.issue()
    paid = sim.bank.change(await sim.open_payment(view.invoice.id), S.PAID)
    await sim.tell(paid)
    (row,) = await sim.db.read(lambda conn: conn.execute(inbox.select()).all())
    assert row.body == sim.bank.news(paid).body
    assert row.headers.keys() == {"x-signature"}


@pytest.mark.parametrize("named", [True, False], ids=["with our reference", "with the vendor's id alone"])
async def test_rule_06_a_webhook_before_the_answer_is_not_lost(sim: Sim, named: bool) -> None:
    """The vendor's push overtakes its own answer to `create_payment`."""
    view = await sim.issue()
    sim.bank.named = named

    async def overtake(payment: object) -> None:
        (payment_id,) = sim.bank.payments
        assert await sim.tell(sim.bank.change(payment_id, S.PAID)) == 1
        assert await sim.status(view.invoice.id) is (IS.PAID if named else IS.OPEN)
        assert (
            await sim.db.read(lambda conn: bool(inbox_store.held_about(conn, "provider:acme.sim", payment_id)))
            is not named
        )

    sim.bank.before_answer = overtake
    await sim.start(view.invoice.id)
    await sim.drain()
    assert await sim.status(view.invoice.id) is IS.PAID
    assert (await sim.event_types(view.invoice.id)).count("payment.received") == 1
    assert (outbox.DUE, await count(sim.db, inbox, inbox.c.state == inbox_store.HELD)) == (outbox.DUE, 0)


async def test_rule_06_a_channel_and_a_provider_of_one_name_do_not_take_each_others_events(
    database: Database, clock: FakeClock
) -> None:
    async with open_sim(database, clock, channels={"sim": {"address": "phone"}}) as sim:
        view = await sim.issue()
        paid = sim.bank.change(await sim.open_payment(view.invoice.id), S.PAID)
        same_id = f"evt_{paid.id}_{paid.version}"
        assert await sim.hear("sim", sim.vendors.channels["sim"].word("+40722000000", "hello", event_id=same_id)) == 1
        assert await sim.tell(paid) == 1
        assert await sim.status(view.invoice.id) is IS.PAID


async def test_rule_06_what_speaks_of_nothing_we_know_is_tried_for_days_and_then_shown_as_dead(sim: Sim) -> None:
    view = await sim.issue()
    payment_id = await sim.open_payment(view.invoice.id)
    paid = sim.bank.change(payment_id, S.PAID)
    await sim.db.write(
        lambda conn: conn.execute(payment_attempt.update().values(external_id="gone", reference="gone")) and None
    )
    assert await sim.tell(paid) == 1
    assert await sim.tell(paid) == 0
    await sim.pass_time(days=2)
    assert ("apply-inbox", 1) in await sim.tasks()
    await sim.pass_time(days=3)
    assert await sim.tasks(outbox.DEAD) == [("apply-inbox", 1)]
    assert await sim.paid(view.invoice.id) == 0

    await sim.db.write(lambda conn: conn.execute(payment_attempt.update().values(external_id=payment_id)) and None)
    (dead,) = await sim.db.read(lambda conn: outbox.listing(conn, outbox.DEAD))
    await sim.db.write(lambda conn: outbox.revive(conn, dead.id, sim.clock.now()))
    await sim.drain()
    assert await sim.status(view.invoice.id) is IS.PAID


async def test_rule_07_a_lost_webhook_is_made_up_for_by_a_poll(sim: Sim) -> None:
    view = await sim.issue()
    sim.bank.change(await sim.open_payment(view.invoice.id), S.PAID)
    await sim.pass_time(seconds=9)
    assert await sim.status(view.invoice.id) is IS.OPEN
    await sim.pass_time(seconds=1)
    assert await sim.status(view.invoice.id) is IS.PAID


async def _polls(sim: Sim, **span: float) -> list[int]:
    """The seconds after its start at which an attempt is asked about."""
    view = await sim.issue()
    start, asked = sim.clock.now(), []

    async def note(verb: str) -> None:
        if verb == "fetch":
            asked.append(round((sim.clock.now() - start).total_seconds()))

    await sim.open_payment(view.invoice.id)
    sim.bank.on_call = note
    await sim.pass_time(**span)
    return asked


async def test_rule_07_the_ladder_that_comes_with_achit(sim: Sim) -> None:
    """Ever slower, and once when the attempt itself runs out of time (after 30 minutes)."""
    asked = await _polls(sim, hours=10)
    assert asked == [10, 20, 40, 70, 130, 430, 1_330, 1_800, 23_400]


async def test_rule_07_the_billers_own_interval_is_kept(database: Database, clock: FakeClock) -> None:
    own = {"payments": {"poll": "1s"}}
    async with open_sim(database, clock, biller=own) as sim:
        asked = await _polls(sim, seconds=20)
        assert len(asked) >= 9
        assert {after - before for before, after in itertools.pairwise(asked)} == {1}


async def test_rule_07_polling_ends_after_sixty_days_and_not_before(sim: Sim) -> None:
    view = await sim.issue()
    await sim.open_payment(view.invoice.id)
    await sim.pass_time(days=59)
    assert [kind for kind, _ in await sim.tasks()] == ["poll"]
    await sim.pass_time(days=3)
    assert await sim.tasks() == []


async def test_rule_07_a_watched_page_brings_its_poll_forward(sim: Sim) -> None:
    view = await sim.issue()
    sim.bank.change(await sim.open_payment(view.invoice.id), S.PAID)
    await polling.watched(sim.ctx, view.invoice.id)
    await sim.pass_time(seconds=2)
    assert await sim.status(view.invoice.id) is IS.PAID


async def test_rule_07_a_vendor_that_is_away_or_forgetful_is_asked_again(sim: Sim) -> None:
    view = await sim.issue()
    payment_id = await sim.open_payment(view.invoice.id)
    sim.bank.fetch_fault = RetryLater("away")
    await sim.pass_time(minutes=10)
    sim.bank.fetch_fault = Rejected("no_such_payment")
    await sim.pass_time(minutes=10)
    assert [kind for kind, _ in await sim.tasks()] == ["poll"]
    sim.bank.fetch_fault = None
    sim.bank.change(payment_id, S.PAID)
    await sim.pass_time(hours=3)
    assert await sim.status(view.invoice.id) is IS.PAID


async def test_rule_07_money_after_a_decline_is_found_though_its_webhook_is_lost(sim: Sim) -> None:
    view = await sim.issue()
    payment_id = await sim.open_payment(view.invoice.id)
    await sim.tell(sim.bank.change(payment_id, S.FAILED, received=0))
    sim.bank.change(payment_id, S.PAID)  # another card on the same page
    await sim.pass_time(hours=1)
    assert await sim.status(view.invoice.id) is IS.PAID


async def test_rule_07_an_attempt_whose_account_is_not_served_here_is_not_forgotten(sim: Sim) -> None:
    view = await sim.issue()
    sim.bank.change(await sim.open_payment(view.invoice.id), S.PAID)
    known = sim.ctx.directory._accounts
    sim.ctx.directory._accounts = {}
    await sim.pass_time(minutes=5)
    sim.ctx.directory._accounts = known
    await sim.pass_time(hours=2)
    assert await sim.status(view.invoice.id) is IS.PAID
    assert await count(sim.db, invoice) == 1
    assert sim.clock.now() > view.invoice.created_at + timedelta(hours=2)

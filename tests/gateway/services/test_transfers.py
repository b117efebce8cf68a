"""Bank transfers: nobody is asked how they go, the payer says that they are made, and money that comes ends them by the one door."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace

import pytest

from gateway.domain.claims import ClaimKind, ClaimState
from gateway.domain.invoices import InvoiceStatus
from gateway.domain.payments import SILENT_FOR, Attempt, AttemptStatus
from gateway.domain.references import reference
from gateway.ports.provider import PaymentStatus
from gateway.ports.values import Money
from gateway.services import gate, invoices, routing, transfers
from gateway.services.invoices import View
from gateway.store import claims
from gateway.store.database import Database
from gateway.testing.clock import FakeClock
from tests.harness.gateway import Sim, draft_of, open_sim

A = AttemptStatus
IBAN = "RO49AAAA1B31007593840000"
ACCOUNTS = {
    "sim": {"secret": {"env": "PROOF"}},
    "iban": {"adapter": "bank_transfer", "name": "Acme Energie SRL", "ibans": [f"RON {IBAN}"]},
}


@pytest.fixture
async def sim(database: Database, clock: FakeClock) -> AsyncIterator[Sim]:
    async with open_sim(database, clock, biller={"providers": ACCOUNTS}) as opened:
        yield opened


async def begun(sim: Sim, amount: str = "125.40") -> int:
    """An invoice whose payer has looked at how to transfer."""
    view = await sim.issue(amount)
    assert await sim.start(view.invoice.id, "transfer") == ""
    return view.invoice.id


async def only(sim: Sim, invoice_id: int) -> Attempt:
    (attempt,) = (await sim.view(invoice_id)).attempts
    return attempt


async def linked(sim: Sim, invoice_id: int) -> View:
    """What the pay link shows."""
    view = await sim.view(invoice_id)
    return await invoices.by_token(sim.ctx, sim.ctx.links.issue(invoice_id, view.invoice.link_version))


async def told(sim: Sim, invoice_id: int) -> None:
    await transfers.claim(sim.ctx, await linked(sim, invoice_id))


class TestBegun:
    async def test_the_attempt_keeps_what_is_typed_and_is_taken_up_again(self, sim: Sim) -> None:
        invoice_id = await begun(sim)
        await sim.start(invoice_id, "transfer")
        attempt = await only(sim, invoice_id)

        assert attempt.transfer is not None
        assert (attempt.transfer.iban, attempt.transfer.reference) == (IBAN, reference(invoice_id))
        assert (attempt.status, attempt.expires_at) == (A.PENDING, attempt.created_at + SILENT_FOR)

    async def test_only_where_there_is_an_account_in_the_currency(self, sim: Sim) -> None:
        invoice = (await sim.issue()).invoice
        for currency, methods in (("RON", ["bank", "card", "transfer"]), ("EUR", ["bank", "card"])):
            decision = await routing.shown(sim.ctx, sim.biller, replace(invoice, currency=currency), None)
            assert [route.method for route in decision.shown] == methods

    async def test_it_is_nowhere_shown_as_being_paid_now(self, sim: Sim) -> None:
        invoice_id = await begun(sim)
        view = await sim.view(invoice_id)

        assert not view.processing

    async def test_nobody_is_asked_and_it_lives_as_long_as_the_debt_may(self, sim: Sim) -> None:
        invoice_id = await begun(sim)
        await sim.pass_time(days=59)
        assert (await only(sim, invoice_id)).status is A.PENDING
        assert (await only(sim, invoice_id)).polls == 0

        await sim.pass_time(days=2)
        assert (await only(sim, invoice_id)).status is A.EXPIRED
        assert sim.bank.calls == []

    async def test_nobody_is_kept_waiting_for_it(self, sim: Sim) -> None:
        """Neither is a reminder held because of it, nor is a provider asked before one."""
        invoice_id = await begun(sim)
        tried, now = (await sim.view(invoice_id)).attempts, sim.clock.now()

        assert gate.money_wait(tried, now) is None
        assert not gate.may_be_paid(tried, now)
        assert await gate.ask(sim.ctx, [invoice_id]) == frozenset()

    async def test_settlement_ends_it(self, sim: Sim) -> None:
        invoice_id = await begun(sim)
        card = await sim.open_payment(invoice_id, "card")
        await sim.tell(sim.bank.change(card, PaymentStatus.PAID))
        await sim.drain()

        assert [one.status for one in (await sim.view(invoice_id)).attempts] == [A.CANCELLED, A.PAID]
        assert "fetch" not in sim.bank.calls


class TestConfirmed:
    async def test_by_the_billers_word_it_ends_paid(self, sim: Sim) -> None:
        invoice_id = await begun(sim)
        await sim.off_platform(invoice_id, "125.40", "OP 17", source="bank_transfer")
        attempt = await only(sim, invoice_id)
        (line,) = (await sim.view(invoice_id)).lines

        assert (attempt.status, attempt.received_minor) == (A.PAID, 125_40)
        assert await sim.status(invoice_id) is InvoiceStatus.PAID
        assert (line.source, line.reference, line.attempt_id) == ("bank_transfer", "OP 17", attempt.id)
        assert line.received_on == sim.clock.now().date()
        (received,) = await sim.events_of(invoice_id, "payment.received")
        assert (received["source"], received["reference"]) == ("bank_transfer", "OP 17")
        assert received["payment"]

    async def test_the_same_word_again_is_no_second_payment(self, sim: Sim) -> None:
        invoice_id = await begun(sim)
        for _ in range(2):
            await sim.off_platform(invoice_id, "125.40", "OP 17", source="statement")

        assert await sim.paid(invoice_id) == 125_40
        assert len((await sim.view(invoice_id)).lines) == 1

    async def test_in_parts_it_stays_open_until_it_is_enough(self, sim: Sim) -> None:
        invoice_id = await begun(sim)
        await sim.off_platform(invoice_id, "100.00", "OP 1", source="statement")
        first = await only(sim, invoice_id)
        await sim.off_platform(invoice_id, "25.40", "OP 2", source="statement")
        second = await only(sim, invoice_id)

        assert [(one.status, one.received_minor) for one in (first, second)] == [(A.PENDING, 100_00), (A.PAID, 125_40)]
        assert await sim.status(invoice_id) is InvoiceStatus.PAID

    async def test_too_much_is_due_back(self, sim: Sim) -> None:
        invoice_id = await begun(sim)
        await sim.off_platform(invoice_id, "130.00", "OP 1", source="bank")
        (refund,) = (await sim.view(invoice_id)).refunds

        assert (refund.reason, refund.amount_minor) == ("overpaid", 4_60)
        assert (await only(sim, invoice_id)).status is A.PAID

    async def test_after_a_card_it_is_a_duplicate_and_still_its_own(self, sim: Sim) -> None:
        invoice_id = await begun(sim)
        card = await sim.open_payment(invoice_id, "card")
        await sim.tell(sim.bank.change(card, PaymentStatus.PAID))
        await sim.drain()
        await sim.off_platform(invoice_id, "125.40", "OP 1", source="statement")
        transfer, _ = (await sim.view(invoice_id)).attempts
        (refund,) = (await sim.view(invoice_id)).refunds

        assert (transfer.status, transfer.received_minor) == (A.PAID, 125_40)
        assert (refund.reason, refund.attempt_id) == ("duplicate", transfer.id)

    async def test_after_its_time_it_still_finds_its_invoice(self, sim: Sim) -> None:
        invoice_id = await begun(sim)
        await sim.pass_time(days=70)
        await sim.off_platform(invoice_id, "125.40", "OP 1", source="statement")

        assert (await only(sim, invoice_id)).status is A.PAID
        (received,) = await sim.events_of(invoice_id, "payment.received")
        assert received["late"] is True

    async def test_cash_is_none_of_its_business(self, sim: Sim) -> None:
        invoice_id = await begun(sim)
        await sim.off_platform(invoice_id, "100.00", "R-1", source="cash_desk")
        await sim.drain()

        assert (await only(sim, invoice_id)).status is A.CANCELLED, "it asked for more than is owed now"
        assert (await only(sim, invoice_id)).received_minor == 0
        assert await sim.paid(invoice_id) == 100_00


class TestSaidByThePayer:
    async def test_the_biller_hears_once_and_reminders_rest(self, sim: Sim) -> None:
        invoice_id = await begun(sim)
        await told(sim, invoice_id)
        await told(sim, invoice_id)
        (said,) = await sim.events_of(invoice_id, "claim.already_paid")
        (claim,) = await sim.db.read(lambda conn: claims.open_of(conn, invoice_id))

        assert (said["how"], said["reference"]) == ("transfer", reference(invoice_id))
        assert (claim.kind, claim.state) == (ClaimKind.ALREADY_PAID, ClaimState.OPEN)
        assert (await only(sim, invoice_id)).status is A.PENDING, "a word is no money"

    async def test_without_a_transfer_there_is_nothing_to_say(self, sim: Sim) -> None:
        view = await sim.issue()
        await told(sim, view.invoice.id)

        assert await sim.events_of(view.invoice.id, "claim.already_paid") == []

    async def test_settlement_closes_it(self, sim: Sim) -> None:
        invoice_id = await begun(sim)
        await told(sim, invoice_id)
        await sim.off_platform(invoice_id, "125.40", "OP 1", source="statement")

        assert await sim.db.read(lambda conn: claims.open_of(conn, invoice_id)) == []


class TestPage:
    async def test_it_says_what_is_still_owed_in_groups(self, sim: Sim) -> None:
        invoice_id = await begun(sim)
        await sim.off_platform(invoice_id, "100.00", "OP 1", source="statement")
        page = transfers.page(sim.ctx, sim.biller, await linked(sim, invoice_id))

        assert page is not None
        assert (page.amount, page.iban) == (Money(25_40, "RON"), "RO49 AAAA 1B31 0075 9384 0000")
        assert page.reference.replace(" ", "") == reference(invoice_id)
        assert page.reference.startswith("RF")
        assert " " in page.reference
        assert (page.qr, page.told) == (False, False), "never for lei"

    async def test_it_is_gone_when_nothing_is_owed(self, sim: Sim) -> None:
        invoice_id = await begun(sim)
        await sim.off_platform(invoice_id, "125.40", "OP 1", source="statement")
        view = await linked(sim, invoice_id)

        assert transfers.page(sim.ctx, sim.biller, view) is None
        assert transfers.qr_svg(view) is None

    async def test_what_the_payer_said_is_on_it_until_when_reminders_rest(self, sim: Sim) -> None:
        invoice_id = await begun(sim)
        await told(sim, invoice_id)
        page = transfers.page(sim.ctx, sim.biller, await linked(sim, invoice_id))

        assert page is not None
        assert page.told
        assert page.rests_until is not None

    async def test_euros_have_a_code(self, database: Database, clock: FakeClock) -> None:
        accounts = ACCOUNTS | {"iban": ACCOUNTS["iban"] | {"ibans": ["EUR DE89370400440532013000"]}}
        async with open_sim(database, clock, biller={"providers": accounts}) as sim:
            view, _ = await invoices.issue(sim.ctx, sim.biller, draft_of("E-1", "10.00", currency="EUR"))
            await sim.start(view.invoice.id, "transfer")
            found = await linked(sim, view.invoice.id)
            page = transfers.page(sim.ctx, sim.biller, found)

            assert page is not None
            assert page.qr
            assert (transfers.qr_svg(found) or "").startswith("<svg")

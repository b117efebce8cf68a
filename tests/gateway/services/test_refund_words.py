"""What payers are told of money that goes back: on the pay page in each state, and in a message once it went. Vendors are simulated."""

from __future__ import annotations

import pytest

from gateway.domain.deliveries import DeliveryState, MessageKind, Step
from gateway.domain.ids import ATTEMPT, show
from gateway.domain.invoices import IconState
from gateway.ports.errors import Rejected
from gateway.ports.provider import PaymentStatus, RefundStatus, RefundUpdate
from gateway.services import contexts, given_back, invoices, refunds
from gateway.store.database import Database
from gateway.testing.clock import FakeClock
from tests.harness.gateway import Sim, open_sim
from tests.harness.refunding import ask, paid

S, Status = PaymentStatus, RefundStatus
pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)  # the money machine is on both
EVERYWHERE = {"phone": "+40722123456", "email": "ana@example.ro"}


async def page(sim: Sim, invoice_id: int) -> tuple[str, IconState]:
    """The notice of the pay page, and its icon."""
    view = await sim.view(invoice_id)
    shown = contexts.pay_page(sim.ctx, sim.biller, view, methods=["bank"])
    for locale in ("ro", "en"):
        html = sim.ctx.renderer.page("invoice", shown, locale)
        assert not shown.notice or sim.ctx.renderer.label("notice", shown.notice, locale) in html
    return str(shown.notice), shown.state


async def test_paid_twice_and_what_happens_now(sim: Sim) -> None:
    invoice_id, _, bank_id = await paid(sim)
    again = sim.bank.open(sim.bank.payments[bank_id].request)
    await sim.tell(sim.bank.change(again.id, S.PAID))
    assert await page(sim, invoice_id) == ("duplicate", IconState.PAID)
    sim.bank.refund_status = RefundStatus.PENDING
    (due,) = (await sim.view(invoice_id)).refunds
    await refunds.retry(sim.ctx, sim.biller, due.id)
    await sim.drain()
    assert await page(sim, invoice_id) == ("duplicate_under_way", IconState.PAID)
    sim.bank.turn("b1", RefundStatus.DONE)
    await sim.pass_time(hours=1)
    assert await page(sim, invoice_id) == ("duplicate_done", IconState.PAID)
    await sim.tell(sim.bank.turn("b1", RefundStatus.FAILED))
    await sim.drain()
    assert await page(sim, invoice_id) == ("duplicate", IconState.PAID)


async def test_money_on_a_void_invoice(sim: Sim) -> None:
    view = await sim.issue("100.00")
    bank_id = await sim.open_payment(view.invoice.id)
    await invoices.void(sim.ctx, sim.biller, view.invoice.id)
    await sim.tell(sim.bank.change(bank_id, S.PAID))
    assert await page(sim, view.invoice.id) == ("paid_void", IconState.VOID)
    (due,) = (await sim.view(view.invoice.id)).refunds
    await refunds.done(sim.ctx, sim.biller, due.id, "OP 1")
    assert await page(sim, view.invoice.id) == ("paid_void_done", IconState.VOID)


@pytest.mark.parametrize(
    ("reopen", "said"),
    [(False, ("refund_done", IconState.PAID)), (True, ("given_back", IconState.OPEN))],
)
async def test_what_the_biller_gives_back(sim: Sim, reopen: bool, said: tuple[str, IconState]) -> None:
    invoice_id, payment, _ = await paid(sim)
    sim.bank.refund_fault = Rejected("no")
    made = await ask(sim, payment, reopen=reopen)
    assert (await page(sim, invoice_id))[0] == "refund_under_way"
    await sim.drain()
    assert (await page(sim, invoice_id))[0] == "refund"
    await refunds.retry(sim.ctx, sim.biller, made.id)
    await sim.drain()
    assert await page(sim, invoice_id) == said


async def test_a_chargeback_is_owed_again_and_said(sim: Sim) -> None:
    invoice_id, _, bank_id = await paid(sim)
    await sim.tell(sim.bank.change(bank_id, S.PAID, taken_back=4_000))
    assert await page(sim, invoice_id) == ("reversed", IconState.PARTLY_PAID)
    await sim.tell(sim.bank.change(bank_id, S.REVERSED, taken_back=10_000))
    assert await page(sim, invoice_id) == ("reversed", IconState.OPEN)


class TestMessage:
    async def refunded(self, sim: Sim, *, reopen: bool = False) -> int:
        view = await sim.issue("100.00", steps=[Step("sms", 0)], **EVERYWHERE)
        await sim.drain()
        await sim.tell(sim.bank.change(await sim.open_payment(view.invoice.id), S.PAID))
        await sim.drain()
        (attempt,) = (await sim.view(view.invoice.id)).attempts
        await ask(sim, show(ATTEMPT, attempt.id), 4_000, reopen=reopen)
        return view.invoice.id

    async def test_the_payer_is_told_where_they_paid(self, sim: Sim) -> None:
        await self.refunded(sim)
        await sim.drain()
        assert sim.vendors.channels["sms"].sent[-1].text == "Acme: ti-am returnat 40,00 lei din factura F-1."

    async def test_and_what_is_owed_again(self, sim: Sim) -> None:
        invoice_id = await self.refunded(sim, reopen=True)
        await sim.drain()
        view = await sim.view(invoice_id)
        told = sim.vendors.channels["sms"].sent[-1].text
        assert told == (
            f"Acme: bani returnati. Rest 40,00 lei la factura F-1: {sim.ctx.pay_url(invoice_id, view.invoice.link_version)}"
        )

    async def test_not_when_it_came_back_before_it_was_said(self, sim: Sim) -> None:
        invoice_id = await self.refunded(sim)
        (row,) = (await sim.view(invoice_id)).refunds
        said = [RefundUpdate("b1", status, row.amount, sim.clock.now()) for status in (Status.DONE, Status.FAILED)]
        for update in said:
            await sim.db.write(
                lambda conn, update=update: given_back.apply_refund(  # type: ignore[misc]
                    conn, sim.ctx.directory, row.id, update, sim.clock.now()
                )
            )
        told = [one for one in await sim.deliveries(invoice_id) if one.kind is MessageKind.PAYMENT_REFUNDED]
        assert [one.state for one in told] == [DeliveryState.REVOKED]
        sent = list(sim.vendors.channels["sms"].sent)
        await sim.drain()
        assert sim.vendors.channels["sms"].sent == sent

    async def test_not_by_a_biller_who_sends_no_receipts(self, database: Database, clock: FakeClock) -> None:
        async with open_sim(database, clock, biller={"delivery": {"receipt": False}}) as sim:
            invoice_id = await self.refunded(sim)
            await sim.drain()
            assert {one.kind for one in await sim.deliveries(invoice_id)} == {MessageKind.INVOICE_ISSUED}

"""The rules of money, 1 to 4: whole numbers, one door, three clocks, states that move forward. Vendors are simulated."""

from __future__ import annotations

import ast
import asyncio
import re

import pytest

from gateway.domain.invoices import InvoiceStatus
from gateway.domain.payments import AttemptStatus, apply
from gateway.ports.provider import PaymentStatus
from gateway.ports.values import MAX_MINOR, Money
from gateway.services import invoices, polling
from gateway.store import payments
from gateway.store.schema import metadata
from tests.harness.gateway import Sim, draft_of
from tests.harness.house import ROOT, money_writes, name_of, python_files

A, S, IS = AttemptStatus, PaymentStatus, InvoiceStatus
MONEY_CODE = (
    "ports/values",
    "domain/payments",
    "domain/invoices",
    "services/payments",
    "store/payments",
    "store/schema/debts",
)


def _floats(tree: ast.AST) -> list[int]:
    """Lines with a float literal, the name `float` or a true division; seconds are told by their name."""
    lines = []
    for node in ast.walk(tree):
        match node:
            case ast.Constant(value=float()) | ast.Name(id="float") | ast.BinOp(op=ast.Div()):
                lines.append(node.lineno)
    return lines


def test_rule_01_no_floats_in_the_code_of_money() -> None:
    """Seconds may be floats; a line that has one must name seconds."""
    for name in MONEY_CODE:
        text = (ROOT / "gateway" / f"{name}.py").read_text()
        lines = [text.splitlines()[line - 1].strip() for line in _floats(ast.parse(text))]
        assert [
            line for line in lines if not re.search(r"_s\b|per_second|next_poll|ladder|\(ms / 1000|_S\b", line)
        ] == []
    assert _floats(ast.parse("x = 1.5")) == _floats(ast.parse("float(x)")) == _floats(ast.parse("a / b")) == [1]


def test_rule_01_money_columns_are_whole_numbers() -> None:
    columns = [
        column for table in metadata.tables.values() for column in table.columns if column.name.endswith("_minor")
    ]
    assert {str(column.type) for column in columns} == {"BIGINT"}
    assert len(columns) >= 7


@pytest.mark.parametrize(("value", "currency"), [("500", "JPY"), ("123.45", "RON"), ("1.250", "KWD")])
async def test_rule_01_amounts_come_back_to_the_last_digit(sim: Sim, value: str, currency: str) -> None:
    view, _ = await invoices.issue(sim.ctx, sim.biller, draft_of("F-1", value, currency=currency))
    payment_id = await sim.open_payment(view.invoice.id)
    assert sim.bank.payments[payment_id].request.amount == Money.parse(value, currency)
    await sim.tell(sim.bank.change(payment_id, S.PAID))
    paid = await sim.view(view.invoice.id)
    assert (paid.invoice.paid.value, paid.invoice.outstanding.minor) == (value, 0)


async def test_rule_01_the_largest_amount_is_exact(sim: Sim) -> None:
    view = await sim.issue(Money(MAX_MINOR, "RON").value)
    payment_id = await sim.open_payment(view.invoice.id)
    await sim.tell(sim.bank.change(payment_id, S.PENDING, received=MAX_MINOR - 1))
    assert (await sim.view(view.invoice.id)).invoice.outstanding.minor == 1


def test_rule_02_one_door_writes_money() -> None:
    """Only the stores of payments and refunds write money, and only the two halves of the door call the one that moves it."""
    writers = {name_of(path) for path in python_files("gateway") if list(money_writes(ast.parse(path.read_text())))}
    assert writers == {"gateway/store/payments.py", "gateway/store/refunds.py"}
    callers = set()
    for path in python_files("gateway", "channels", "providers"):
        for node in ast.walk(ast.parse(path.read_text())):
            match node:
                case ast.Call(
                    func=ast.Attribute(
                        value=ast.Name(id="payments"), attr="write" | "write_credit" | "write_refund" | "record"
                    )
                ):
                    callers.add(name_of(path))
                case ast.ImportFrom(module="gateway.store.payments", names=names) if {n.name for n in names} & {
                    "write",
                    "write_credit",
                    "write_refund",
                    "record",
                }:
                    callers.add(name_of(path))
    assert callers == {"gateway/services/payments.py", "gateway/services/given_back.py"}


async def test_rule_02_one_door_whoever_brings_the_news(sim: Sim) -> None:
    """A webhook, a poll and the biller's word leave the same invoice behind."""
    by_webhook, by_poll, by_word = [(await sim.issue()).invoice.id for _ in range(3)]
    await sim.tell(sim.bank.change(await sim.open_payment(by_webhook), S.PAID))
    sim.bank.change(await sim.open_payment(by_poll), S.PAID)
    await sim.pass_time(seconds=10)
    await sim.off_platform(by_word, "125.40")
    for invoice_id in (by_webhook, by_poll, by_word):
        view = await sim.view(invoice_id)
        assert (view.invoice.status, view.invoice.paid_minor) == (IS.PAID, 12_540)
        assert view.invoice.settled_at is not None
        assert [line.delta_minor for line in view.lines] == [12_540]
        assert (await sim.event_types(invoice_id))[-2:] == ["payment.received", "invoice.paid"]
    sources = [(await sim.view(invoice_id)).lines[0].source for invoice_id in (by_webhook, by_poll, by_word)]
    assert sources == ["webhook", "poll", "cash"]


async def test_rule_03_an_attempt_dies_in_minutes_and_the_debt_lives_on(sim: Sim) -> None:
    view = await sim.issue()
    first = await sim.open_payment(view.invoice.id)
    await sim.pass_time(minutes=40)
    (attempt,) = (await sim.view(view.invoice.id)).attempts
    assert attempt.status is A.EXPIRED
    assert await sim.event_types(view.invoice.id) == ["invoice.issued", "payment.started", "payment.expired"]
    await sim.pass_time(days=400)
    assert await sim.status(view.invoice.id) is IS.OPEN
    token = sim.ctx.links.issue(view.invoice.id, view.invoice.link_version)
    assert (await invoices.by_token(sim.ctx, token)).invoice.payable
    second = await sim.open_payment(view.invoice.id)
    assert second != first


async def test_rule_03_late_money_finds_its_invoice(sim: Sim) -> None:
    by_poll, by_webhook = [(await sim.issue()).invoice.id for _ in range(2)]
    polled, pushed = [await sim.open_payment(invoice_id) for invoice_id in (by_poll, by_webhook)]
    await sim.pass_time(days=20)
    sim.bank.change(polled, S.PAID)
    await sim.pass_time(days=1, hours=3)
    assert await sim.status(by_poll) is IS.PAID
    await sim.pass_time(days=300)
    await sim.tell(sim.bank.change(pushed, S.PAID))
    assert await sim.status(by_webhook) is IS.PAID
    for invoice_id in (by_poll, by_webhook):
        (received,) = await sim.events_of(invoice_id, "payment.received")
        assert received["late"] is True


async def test_rule_04_states_move_by_compare_and_set(sim: Sim) -> None:
    view = await sim.issue()
    payment_id = await sim.open_payment(view.invoice.id)
    (seen,) = (await sim.view(view.invoice.id)).attempts
    await sim.tell(sim.bank.change(payment_id, S.PAID))
    now = sim.clock.now()
    assert not await sim.db.write(lambda conn: payments.move(conn, seen.id, [A.PENDING], A.FAILED, now))
    stale = apply(view.invoice, seen, sim.bank.payments[payment_id].update("e", now))
    assert not await sim.db.write(lambda conn: payments.write(conn, view.invoice, seen, stale, now))
    assert not await sim.db.write(lambda conn: payments.write_credit(conn, view.invoice, stale, now))
    assert await sim.paid(view.invoice.id) == 12_540


async def test_rule_04_many_observations_at_once_are_counted_once_each(sim: Sim) -> None:
    """Parts of one payment in any order, each told by several webhooks and polls at the same time."""
    view = await sim.issue("100.00")
    payment_id = await sim.open_payment(view.invoice.id)
    parts = [sim.bank.change(payment_id, S.PENDING, received=part) for part in (1_000, 4_000, 7_000)]
    parts.append(sim.bank.change(payment_id, S.PAID))
    (attempt,) = (await sim.view(view.invoice.id)).attempts
    told = [sim.tell(part) for part in parts * 3]
    asked = [polling.poll(sim.ctx, attempt.id) for _ in range(4)]
    await asyncio.gather(*told[::-1], *asked)
    view = await sim.view(view.invoice.id)
    assert (view.invoice.status, view.invoice.paid_minor) == (IS.PAID, 10_000)
    assert sum(line.delta_minor for line in view.lines) == 10_000
    types = await sim.event_types(view.invoice.id)
    assert types.count("invoice.paid") == 1
    assert "payment.duplicate" not in types


async def test_rule_04_what_is_over_reopens_by_a_reversal_alone(sim: Sim) -> None:
    view = await sim.issue()
    payment_id = await sim.open_payment(view.invoice.id)
    paid = sim.bank.change(payment_id, S.PAID)
    await sim.tell(paid)
    for status in (S.PENDING, S.FAILED, S.EXPIRED, S.CANCELLED):
        await sim.tell(sim.bank.change(payment_id, status))
        assert await sim.status(view.invoice.id) is IS.PAID
    await sim.tell(sim.bank.change(payment_id, S.REVERSED, taken_back=12_540))
    reopened = await sim.view(view.invoice.id)
    assert (reopened.invoice.status, reopened.invoice.paid_minor, reopened.invoice.settled_at) == (IS.OPEN, 0, None)
    assert (await sim.event_types(view.invoice.id))[-2:] == ["payment.reversed", "invoice.reopened"]
    again = await sim.open_payment(view.invoice.id)
    await sim.tell(sim.bank.change(again, S.PAID))
    assert await sim.status(view.invoice.id) is IS.PAID

"""The sandbox provider's refunds, lists and fees on the wire."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta

import orjson
import pytest

from gateway.demo.bank import Outcome, RefundState
from gateway.demo.bank.wire import PAGE
from gateway.ports.errors import OutcomeUnknown, RetryLater
from gateway.ports.provider import RefundStatus
from gateway.ports.values import Money
from gateway.testing.provider_steps import a_refund, a_request, paid
from providers.sandbox import REFUND_STATUSES
from tests.providers.sandbox_bench import SandboxBench, answered, open_bench

REFUND = {
    "id": "rfd_1",
    "payment": "sbx_1",
    "status": "done",
    "failure": None,
    "amount": 12_345,
    "currency": "RON",
    "reference": "RFD1K7",
    "idempotency_key": "refund-1-k7",
    "updated_at": "2026-11-23T09:00:00.000Z",
}


@pytest.fixture
async def bench() -> AsyncIterator[SandboxBench]:
    async with open_bench() as bench:
        yield bench


def test_every_word_for_a_refund_has_its_row() -> None:
    assert set(REFUND_STATUSES) == set(RefundState)


@pytest.mark.parametrize(("word", "status"), [*REFUND_STATUSES.items(), ("a_status_of_tomorrow", RefundStatus.PENDING)])
async def test_status_of_a_refund(bench: SandboxBench, word: str, status: RefundStatus) -> None:
    told = await answered({**REFUND, "status": word}).fetch_refund(a_refund(bench, "sbx_1"), "rfd_1")

    assert told is not None
    assert told.status is status


async def test_what_a_refund_sends(bench: SandboxBench) -> None:
    session, _ = await paid(bench)
    await bench.provider().refund_payment(a_refund(bench, session.external_id, amount=Money(45, "RON")))
    sent = bench.wire.sent[-1]

    assert (sent.method, sent.url) == ("POST", f"{bench.bank.url}/api/payments/{session.external_id}/refunds")
    assert sent.headers["idempotency-key"] == "refund-1-k7"
    assert orjson.loads(sent.body) == {
        "amount": 45,
        "currency": "RON",
        "reference": "RFD1K7",
        "reason": "requested",
    }


async def test_a_refund_that_waits_is_pending_then_done(bench: SandboxBench) -> None:
    bench.bank.refunds_wait = True
    session, _ = await paid(bench)
    request = a_refund(bench, session.external_id)
    made = await bench.provider().refund_payment(request)
    bench.bank.settle_refund(made.external_id)
    done = await bench.provider().fetch_refund(request, made.external_id)

    assert [made.status, done.status] == [RefundStatus.PENDING, RefundStatus.DONE]
    assert await bench.provider().fetch_refund(request, "rfd_of_nobody") is None


async def test_two_refunds_with_one_reference_are_told_apart_by_their_key(bench: SandboxBench) -> None:
    session, _ = await paid(bench)
    asked = [a_refund(bench, session.external_id, amount=Money(5, "RON"), idempotency_key=key) for key in ("a", "b")]
    made = [await bench.provider().refund_payment(each) for each in asked]

    assert [await bench.provider().fetch_refund(each, None) for each in asked] == made
    assert made[0].external_id != made[1].external_id


@pytest.mark.parametrize(
    "body", [b"", b"[]", {**REFUND, "amount": 1.5}, {**REFUND, "id": ""}, {**REFUND, "failure": 5}]
)
async def test_an_unreadable_refund_is_unknown_and_asked_for_again(bench: SandboxBench, body: object) -> None:
    request = a_refund(bench, "sbx_1")
    with pytest.raises(OutcomeUnknown):
        await answered(body, 201).refund_payment(request)
    with pytest.raises(RetryLater):
        await answered(body).fetch_refund(request, "rfd_1")
    with pytest.raises(RetryLater):
        await answered({"refunds": [body]} if isinstance(body, dict) else body).fetch_refund(
            replace(request, idempotency_key="refund-1-k7"), None
        )


@pytest.mark.parametrize(
    "body", [b"", b"{}", {"payments": {}}, {"payments": [None]}, {"payments": [], "next": 5}, {"payments": [{}]}]
)
async def test_an_unreadable_list_is_not_an_empty_one(bench: SandboxBench, body: object) -> None:
    with pytest.raises(RetryLater):
        await answered(body).list_payments(bench.clock.now(), bench.clock.now())


async def test_a_long_list_is_read_to_its_end(bench: SandboxBench) -> None:
    session, _ = await paid(bench)
    terms = bench.bank.payment(session.external_id).terms
    for number in range(2 * PAGE):
        bench.bank.ledger.create(terms, f"k{number}", bench.clock.now())
    listed = await bench.provider().list_payments(bench.clock.now(), bench.clock.now() + timedelta(seconds=1))

    assert len({update.external_id for update in listed}) == len(listed) == 2 * PAGE + 1
    assert listed[0] == await bench.provider().fetch_payment(session.external_id)


async def test_the_banks_fee_is_known_when_money_came(bench: SandboxBench) -> None:
    session = await bench.provider().create_payment(a_request(bench))
    before = await bench.provider().fetch_payment(session.external_id)
    await bench.bank.choose(session.external_id, Outcome.WEBHOOK_LOST)
    after = await bench.provider().fetch_payment(session.external_id)

    assert (before.fee, after.fee) == (None, Money(50, "RON"))

"""What Stripe says and what it means: each row of the provider's tables, and answers that cannot be read."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime

import pytest

from gateway.ports.errors import RetryLater
from gateway.ports.provider import PaymentStatus, RefundStatus
from gateway.ports.values import Money
from gateway.testing.provider_bench import Happening
from gateway.testing.provider_steps import a_refund, a_request, after
from providers.stripe.reading import DISPUTES, REASONS, REFUNDS, RETURNED, SESSIONS, TAKEN, UNPAID
from tests.providers.stripe_answers import CREATED, INTENT, SESSION, answered
from tests.providers.stripe_bench import StripeBench, open_bench

S = PaymentStatus


@pytest.fixture
async def bench() -> AsyncIterator[StripeBench]:
    async with open_bench() as bench:
        yield bench


@pytest.mark.parametrize(("word", "status"), [*SESSIONS.items(), ("of_tomorrow", S.PENDING)])
async def test_a_session(word: str, status: PaymentStatus) -> None:
    """The answer is older than the session's own end, so that an expired one was closed by somebody."""
    update = await answered({**SESSION, "status": word}).fetch_payment("cs_1")
    later = await answered({**SESSION, "status": word, "expires_at": CREATED}).fetch_payment("cs_1")

    assert update.status is (S.CANCELLED if word == "expired" else status)
    assert later.status is status
    assert (update.received, update.reversed, update.refunded) == (Money(0, "RON"),) * 3


@pytest.mark.parametrize("status", ["complete", "open"])
@pytest.mark.parametrize("payment_status", ["no_payment_required", "of_tomorrow"])
async def test_only_paid_is_paid(status: str, payment_status: str) -> None:
    """Nor does a payment intent that succeeded say so: its session does."""
    intent = {**INTENT, "status": "succeeded", "amount_received": 12_345}
    changed = {"status": status, "payment_status": payment_status, "payment_intent": intent}
    update = await answered({**SESSION, **changed}).fetch_payment("cs_1")

    assert (update.status, update.received) == (S.PENDING, Money(0, "RON"))


@pytest.mark.parametrize(("word", "status"), [*UNPAID.items(), ("of_tomorrow", S.PENDING)])
async def test_a_complete_session_that_is_not_paid(word: str, status: PaymentStatus) -> None:
    session = {**SESSION, "status": "complete", "payment_intent": {**INTENT, "status": word}}

    assert (await answered(session).fetch_payment("cs_1")).status is status


@pytest.mark.parametrize("code", [*REASONS, "lost_card"])
async def test_a_reason(code: str) -> None:
    error = {"type": "card_error", "code": "card_declined", "decline_code": code, "message": "Ana Popescu"}
    update = await answered({**SESSION, "payment_intent": {**INTENT, "last_payment_error": error}}).fetch_payment(
        "cs_1"
    )

    assert (update.status, update.reason) == (S.PENDING, REASONS.get(code, code))


@pytest.mark.parametrize("session", [{"currency": None, "amount_total": None}, {"amount_total": None}])
async def test_a_session_without_an_amount_says_none(session: dict[str, object]) -> None:
    update = await answered({**SESSION, **session}).fetch_payment("cs_1")

    assert (update.received, update.reversed, update.refunded, update.fee) == (None,) * 4


@pytest.mark.parametrize(
    "changed",
    [
        {"payment_status": "paid", "amount_total": None},
        {"amount_total": 1.5},
        {"amount_total": -1},
        {"currency": "xxx"},
        {"metadata": {"achit_reference": 5}},
        {"payment_intent": {**INTENT, "amount_received": None}},
    ],
)
async def test_an_unreadable_answer_is_asked_for_again(changed: dict[str, object]) -> None:
    with pytest.raises(RetryLater):
        await answered({**SESSION, **changed}).fetch_payment("cs_1")


@pytest.mark.parametrize(
    ("word", "status"), [*REFUNDS.items(), ("of_tomorrow", RefundStatus.PENDING), (None, RefundStatus.PENDING)]
)
async def test_a_refund(bench: StripeBench, word: str | None, status: RefundStatus) -> None:
    refund = {"id": "re_1", "amount": 100, "currency": "ron", "created": CREATED, "status": word}
    update = await answered(refund).fetch_refund(a_refund(bench, "cs_1"), "re_1")

    assert update is not None
    assert (update.status, update.amount) == (status, Money(100, "RON"))
    assert update.occurred_at == datetime(2026, 11, 23, 9, 0, tzinfo=UTC)
    assert update.reason == (word if status is RefundStatus.FAILED else None)


@pytest.mark.parametrize(("word", "moved"), [*DISPUTES.items(), ("of_tomorrow", None)])
async def test_a_dispute(bench: StripeBench, word: str, moved: str | None) -> None:
    session = await after(bench, Happening.PAID)
    bench.stripe.ledger.dispute(session.external_id, word)
    update = await bench.provider().fetch_payment(session.external_id)
    paid, nothing = a_request(bench).amount, Money(0, "RON")

    assert (update.status, update.received, update.reversed) == {
        TAKEN: (S.REVERSED, paid, paid),
        RETURNED: (S.PAID, paid + paid, paid),
        None: (S.PAID, paid, nothing),
    }[moved]

"""The sandbox provider's own wire: each row of its tables, what it sends, and answers that cannot be read."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import orjson
import pytest

from gateway.demo.bank import CreateFault, Outcome, State
from gateway.ports.errors import OutcomeUnknown, Rejected, RetryLater
from gateway.ports.provider import PaymentStatus
from gateway.ports.values import Money, Secret
from gateway.testing.provider_steps import a_refund, a_request, paid, parsed
from providers.sandbox import PROVIDER, STATUSES
from tests.providers.sandbox_bench import API_KEY, SandboxBench, answered, open_bench

PAYMENT = {
    "id": "sbx_1",
    "status": "paid",
    "reason": None,
    "received": 12_345,
    "reversed": 0,
    "refunded": 0,
    "fee": 50,
    "currency": "RON",
    "reference": "ACH1K7",
    "idempotency_key": "attempt-1-k7",
    "redirect_url": "http://127.0.0.1:9/bank/sbx_1",
    "updated_at": "2026-11-23T09:00:00.000Z",
    "expires_at": "2026-11-23T09:30:00.000Z",
}


@pytest.fixture
async def bench() -> AsyncIterator[SandboxBench]:
    async with open_bench() as bench:
        yield bench


def test_every_word_of_the_bank_has_its_row() -> None:
    assert set(STATUSES) == set(State)


@pytest.mark.parametrize(("word", "status"), STATUSES.items())
async def test_status(bench: SandboxBench, word: str, status: PaymentStatus) -> None:
    session = await bench.provider().create_payment(a_request(bench))
    (update,) = await parsed(bench, bench.webhook_body(session.external_id, status=word))

    assert update.status is status


async def test_what_create_sends(bench: SandboxBench) -> None:
    await bench.provider(bench.plugin.settings(bench.bank.url + "/", API_KEY, Secret("x"))).create_payment(
        a_request(bench, amount=Money(1_255, "KWD"), method="card", locale="en")
    )
    (sent,) = bench.wire.sent

    assert (sent.method, sent.url) == ("POST", f"{bench.bank.url}/api/payments")
    assert sent.headers["authorization"] == f"Bearer {API_KEY.reveal()}"
    assert sent.headers["idempotency-key"] == "attempt-1-k7"
    assert orjson.loads(sent.body) == {
        "amount": 1_255,
        "currency": "KWD",
        "reference": "ACH1K7",
        "description": "Energie martie, Ana Popescu",
        "return_url": "http://127.0.0.1:9/p/abc/return",
        "webhook_url": "http://127.0.0.1:9/hooks/providers/acme.pay",
        "expires_at": (bench.clock.now() + timedelta(minutes=30)).isoformat(),
        "method": "card",
        "locale": "en",
    }


async def test_the_payers_address_is_not_sent(bench: SandboxBench) -> None:
    await bench.provider().create_payment(a_request(bench))

    assert all(b"ana.popescu" not in sent.body for sent in bench.wire.sent)


async def test_a_session_expires_when_the_bank_says(bench: SandboxBench) -> None:
    session = await bench.provider().create_payment(a_request(bench))

    assert session.expires_at == bench.clock.now() + timedelta(minutes=30)


async def test_an_update_holds_all_that_the_bank_says() -> None:
    update = await answered(PAYMENT).fetch_payment("sbx_1")

    assert update.external_id == "sbx_1"
    assert update.status is PaymentStatus.PAID
    assert (update.received, update.reversed) == (Money(12_345, "RON"), Money(0, "RON"))
    assert (update.refunded, update.fee) == (Money(0, "RON"), Money(50, "RON"))
    assert update.reference == "ACH1K7"
    assert update.reason is None
    assert update.occurred_at == datetime(2026, 11, 23, 9, 0, tzinfo=UTC)


async def test_a_payment_under_way_is_accepted_and_cannot_be_cancelled(bench: SandboxBench) -> None:
    session = await bench.provider().create_payment(a_request(bench))
    await bench.bank.choose(session.external_id, Outcome.SLOW)

    assert (await bench.provider().fetch_payment(session.external_id)).status is PaymentStatus.ACCEPTED
    with pytest.raises(Rejected, match="already_processing"):
        await bench.provider().cancel_payment(session.external_id)


async def test_a_second_payment_of_one_try_names_the_same_reference(bench: SandboxBench) -> None:
    session, _ = await paid(bench)
    await bench.bank.choose(session.external_id, Outcome.PAID_TWICE)
    first, second = bench.bank.ledger.find("ACH1K7", bench.clock.now())
    polls = [await bench.provider().fetch_payment(each.id) for each in (first, second)]
    (push,) = await parsed(bench, bench.webhook_body(second.id))

    assert push.external_id == second.id != session.external_id
    assert [poll.reference for poll in polls] == [push.reference] * 2 == ["ACH1K7"] * 2
    assert polls[0].event_id != polls[1].event_id
    assert await bench.provider().find_payment(a_request(bench)) == session


async def test_two_tries_with_one_reference_are_told_apart_by_their_key(bench: SandboxBench) -> None:
    one = await bench.provider().create_payment(a_request(bench, idempotency_key="one"))
    two = await bench.provider().create_payment(a_request(bench, idempotency_key="two"))

    assert await bench.provider().find_payment(a_request(bench, idempotency_key="one")) == one
    assert await bench.provider().find_payment(a_request(bench, idempotency_key="two")) == two
    assert await bench.provider().find_payment(a_request(bench, idempotency_key="three")) is None


async def test_an_odd_reference_is_found(bench: SandboxBench) -> None:
    asked = a_request(bench, reference="A&B=c d/é#?")
    session = await bench.provider().create_payment(asked)

    assert await bench.provider().find_payment(asked) == session


@pytest.mark.parametrize("body", [b"", b"null", b"[]", b"{}", b"<html>", {**PAYMENT, "id": 5}, {**PAYMENT, "id": ""}])
async def test_an_unreadable_answer_to_create_is_an_unknown_outcome(bench: SandboxBench, body: object) -> None:
    with pytest.raises(OutcomeUnknown):
        await answered(body, 201).create_payment(a_request(bench))


UNREADABLE = [
    b"",
    b"null",
    b"<html>",
    {**PAYMENT, "received": 1.5},
    {**PAYMENT, "received": "1"},
    {**PAYMENT, "received": -1},
    {**PAYMENT, "received": True},
    {**PAYMENT, "currency": "XXX"},
    {**PAYMENT, "updated_at": "2026-11-23T09:00:00"},
    {**PAYMENT, "reason": 5},
]


@pytest.mark.parametrize("body", UNREADABLE)
async def test_an_unreadable_answer_to_fetch_is_asked_for_again(body: object) -> None:
    with pytest.raises(RetryLater):
        await answered(body).fetch_payment("sbx_1")


@pytest.mark.parametrize("body", [b"", b"{}", {"payments": {}}, {"payments": [None]}, {"payments": [[]]}])
async def test_an_unreadable_answer_to_find_is_not_a_no(bench: SandboxBench, body: object) -> None:
    """A None here would let the core make the payment again."""
    with pytest.raises(RetryLater):
        await answered(body).find_payment(a_request(bench))


async def test_an_unreadable_payment_that_was_found_is_not_a_no(bench: SandboxBench) -> None:
    with pytest.raises(RetryLater):
        await answered({"payments": [{**PAYMENT, "id": None}]}).find_payment(a_request(bench))


@pytest.mark.parametrize(
    ("status", "body", "code"),
    [
        (422, {"code": "invalid_amount"}, "invalid_amount"),
        (401, {"code": "unauthorized"}, "unauthorized"),
        (400, b"<html>", "http_400"),
        (404, {"code": "Ana Popescu <ana@example.ro>"}, "http_404"),
        (418, {"code": ["x"]}, "http_418"),
        (302, b"", "http_302"),
    ],
)
async def test_a_refusal_has_a_code_and_nothing_personal(
    bench: SandboxBench, status: int, body: object, code: str
) -> None:
    with pytest.raises(Rejected) as caught:
        await answered(body, status).create_payment(a_request(bench))

    assert caught.value.code == str(caught.value) == code


async def test_a_crash_of_the_bank_is_unknown_for_what_submits_only(bench: SandboxBench) -> None:
    crashed = answered(b"", 500)
    with pytest.raises(OutcomeUnknown):
        await crashed.create_payment(a_request(bench))
    with pytest.raises(OutcomeUnknown):
        await crashed.cancel_payment("sbx_1")
    with pytest.raises(OutcomeUnknown):
        await crashed.refund_payment(a_refund(bench, "sbx_1"))
    span = (bench.clock.now(), bench.clock.now())
    for read in (
        crashed.fetch_payment("sbx_1"),
        crashed.find_payment(a_request(bench)),
        crashed.list_payments(*span),
        crashed.fetch_refund(a_refund(bench, "sbx_1"), None),
        crashed.fetch_refund(a_refund(bench, "sbx_1"), "rfd_1"),
    ):
        with pytest.raises(RetryLater):
            await read


async def test_an_early_webhook_names_our_reference(bench: SandboxBench) -> None:
    """Read before create has returned, it knows our try by its reference, and the session follows with the same id."""
    bench.bank.fail_next_create(CreateFault.EARLY)
    session = await bench.provider().create_payment(a_request(bench))
    (update,) = await parsed(bench, bench.webhook_body(session.external_id))

    assert (update.external_id, update.reference) == (session.external_id, "ACH1K7")
    assert update.status is PaymentStatus.PAID


def test_the_plugin_declares_what_it_can() -> None:
    assert PROVIDER.idempotent
    assert PROVIDER.cancels
    assert PROVIDER.finds_payments
    assert PROVIDER.refunds
    assert PROVIDER.lists_payments
    assert [method.name for method in PROVIDER.methods] == ["bank", "card", "wallet"]
    assert PROVIDER.currencies is None

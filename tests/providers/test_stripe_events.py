"""Stripe's webhooks: what moves money, what is asked for, what is nobody's business, and how a chargeback ends."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import orjson
import pytest

from gateway.domain.invoices import Invoice, InvoiceStatus
from gateway.domain.payments import Attempt, AttemptStatus, apply
from gateway.ports.errors import MalformedWebhook, RetryLater
from gateway.ports.provider import PaymentSession, PaymentStatus, PaymentUpdate
from gateway.ports.values import Money, Secret
from gateway.testing.clock import START
from gateway.testing.provider_bench import Happening, Key
from gateway.testing.provider_steps import after, heard, opened, parsed
from providers.stripe.reading import OTHER_EVENTS, SESSION_EVENTS
from tests.fakes.stripe_ledger import Thing
from tests.providers.stripe_bench import StripeBench, open_bench

S = PaymentStatus
PAID, NOTHING = Money(12_345, "RON"), Money(0, "RON")


@pytest.fixture
async def bench() -> AsyncIterator[StripeBench]:
    async with open_bench() as bench:
        yield bench


async def told(bench: StripeBench, event: Thing) -> list[PaymentUpdate]:
    return list(await parsed(bench, orjson.dumps(event)))


def last(bench: StripeBench, session: PaymentSession, kind: str) -> Thing:
    """The last event of that type about the session."""
    return next(each for each in bench.stripe.ledger.told(session.external_id)[::-1] if each["type"] == kind)


async def test_the_usual_case_needs_no_call(bench: StripeBench) -> None:
    session = await after(bench, Happening.PAID)
    bench.wire.sent.clear()
    (update,) = await told(bench, last(bench, session, "checkout.session.completed"))

    assert (update.status, update.received, update.reversed, update.refunded) == (S.PAID, PAID, NOTHING, NOTHING)
    assert (update.external_id, update.reference) == (session.external_id, "ACH1K7")
    assert update.occurred_at == bench.clock.now()
    assert update.event_id.startswith("evt_")
    assert bench.wire.sent == []


async def test_a_failed_try_is_not_the_end(bench: StripeBench) -> None:
    """A declined card leaves the page open for another; what was asked says why, and the next try pays."""
    session = await opened(bench)
    bench.stripe.ledger.decline(session.external_id, "expired_card")
    declined = await heard(bench, session.external_id)
    bench.stripe.ledger.pay(session.external_id)
    paid = await heard(bench, session.external_id)

    assert (declined.status, declined.reason, declined.received) == (S.PENDING, "expired_card", NOTHING)
    assert declined.external_id == paid.external_id == session.external_id
    assert (paid.status, paid.reason) == (S.PAID, None)


async def test_a_bank_debit_is_accepted_then_paid(bench: StripeBench) -> None:
    session = await opened(bench)
    bench.stripe.ledger.debit(session.external_id)
    accepted = [
        await told(bench, last(bench, session, kind)) for kind in ("payment_intent.processing", SESSION_EVENTS[0])
    ]
    bench.stripe.ledger.pay(session.external_id)
    event = last(bench, session, "checkout.session.async_payment_succeeded")
    event["data"]["object"]["payment_status"] = "unpaid"  # the type alone says it
    (paid,) = await told(bench, event)

    assert [(update.status, update.received) for (update,) in accepted] == [(S.ACCEPTED, NOTHING)] * 2
    assert (paid.status, paid.received) == (S.PAID, PAID)


async def test_a_bank_debit_that_is_returned_is_a_reversal(bench: StripeBench) -> None:
    """Stripe tells of a debit that comes back after it was paid as a dispute that is lost already."""
    session = await after(bench, Happening.PAID)
    bench.stripe.ledger.dispute(session.external_id, "lost")

    assert (await heard(bench, session.external_id)).status is S.REVERSED


async def test_an_end_by_the_clock_and_one_by_hand(bench: StripeBench) -> None:
    one = await opened(bench, idempotency_key="one", reference="ONE")
    await bench.provider().cancel_payment(one.external_id)
    two = await opened(bench, idempotency_key="two", reference="TWO")
    await bench.happen(two.external_id, Happening.EXPIRED)

    assert (await heard(bench, one.external_id)).status is S.CANCELLED
    assert (await heard(bench, two.external_id)).status is S.EXPIRED
    assert (await bench.provider().fetch_payment(two.external_id)).status is S.EXPIRED


class TestDisputes:
    async def test_in_part_and_in_another_currency(self, bench: StripeBench) -> None:
        for number, (changes, reversed_) in enumerate(
            [
                ({"amount": 45}, Money(45, "RON")),
                ({"amount": 12_400}, PAID),  # the rate has moved
                ({"amount": 2_500, "currency": "eur"}, PAID),
            ]
        ):
            session = await after(bench, Happening.PAID, idempotency_key=f"k{number}", reference=f"R{number}")
            bench.stripe.ledger.dispute(session.external_id).update(changes)
            update = await heard(bench, session.external_id)

            assert (update.status, update.received, update.reversed) == (S.REVERSED, PAID, reversed_)

    async def test_an_inquiry_moves_no_money_until_it_becomes_a_dispute(self, bench: StripeBench) -> None:
        session = await after(bench, Happening.PAID)
        bench.stripe.ledger.dispute(session.external_id, "warning_needs_response")
        inquiry = await heard(bench, session.external_id)
        bench.stripe.ledger.close_dispute(session.external_id, "lost")
        lost = await heard(bench, session.external_id)

        assert (inquiry.status, inquiry.reversed) == (S.PAID, NOTHING)
        assert (lost.status, lost.reversed) == (S.REVERSED, PAID)

    @pytest.mark.parametrize("heard_of", [True, False], ids=["told of both", "told of the end alone"])
    async def test_one_that_is_won_ends_the_reversal(self, bench: StripeBench, heard_of: bool) -> None:
        """The money came a second time: the debt that was open again is paid, and nothing is due back."""
        session = await after(bench, Happening.PAID)
        bill, attempt = invoice(), an_attempt(session.external_id)
        bill, attempt = booked(bill, attempt, await heard(bench, session.external_id))
        bench.stripe.ledger.dispute(session.external_id)
        disputed = await heard(bench, session.external_id)
        if heard_of:
            bill, attempt = booked(bill, attempt, disputed)
            assert (bill.status, bill.paid_minor, attempt.status) == (InvoiceStatus.OPEN, 0, AttemptStatus.REVERSED)
        bench.stripe.ledger.close_dispute(session.external_id, "won")
        won = await heard(bench, session.external_id)
        bill, attempt = booked(bill, attempt, won)
        again = apply(bill, attempt, await bench.provider().fetch_payment(session.external_id))

        assert (won.status, won.received, won.reversed) == (S.PAID, PAID + PAID, PAID)
        assert (bill.status, bill.paid_minor) == (InvoiceStatus.PAID, PAID.minor)
        assert (again.delta, again.refund) == (NOTHING, None)

    async def test_a_second_one_after_one_that_was_won(self, bench: StripeBench) -> None:
        session = await after(bench, Happening.PAID)
        bench.stripe.ledger.dispute(session.external_id)
        bench.stripe.ledger.close_dispute(session.external_id, "won")
        bench.stripe.ledger.dispute(session.external_id, "lost")
        update = await heard(bench, session.external_id)

        assert (update.status, update.received, update.reversed) == (S.REVERSED, PAID + PAID, PAID + PAID)


class TestNotOurs:
    async def test_another_shop_on_the_same_account(self, bench: StripeBench) -> None:
        """What it sells is paid through the same endpoint: no update, and no call where the event says whose it is."""
        session = await after(bench, Happening.PAID)
        ledger = bench.stripe.ledger
        for thing in ledger.things.values():
            thing["metadata"] = {"order": "6735"}
        ledger.decline(session.external_id)
        ledger.refund_at_desk(session.external_id, 45)
        bench.wire.sent.clear()
        paid = last(bench, session, "checkout.session.completed")
        paid["data"]["object"]["metadata"] = {}
        for event in (
            paid,
            last(bench, session, "charge.refunded"),
            last(bench, session, "payment_intent.payment_failed"),
        ):
            assert await told(bench, event) == []
        assert bench.wire.sent == []
        assert await told(bench, last(bench, session, "refund.created")) == []
        assert len(bench.wire.sent) == 1, "a refund carries no mark of its payment: that is asked for"

    async def test_a_charge_that_no_session_made(self, bench: StripeBench) -> None:
        dispute = {"id": "du_1", "object": "dispute", "payment_intent": "pi_elsewhere", "metadata": {}}
        for about in (dispute, {**dispute, "payment_intent": None}):
            assert await told(bench, bench.stripe.ledger.event("charge.dispute.created", about)) == []

    async def test_another_account_of_the_platform(self, bench: StripeBench) -> None:
        session = await after(bench, Happening.PAID)
        event = last(bench, session, "checkout.session.completed")
        acme = replace(bench.settings, account="acct_acme")
        for settings, account, ours in (
            (bench.settings, None, True),
            (bench.settings, "acct_other", False),
            (acme, "acct_acme", True),
            (acme, "acct_other", False),
            (acme, None, True),  # an endpoint of the connected account itself
        ):
            body = orjson.dumps(event | ({"account": account} if account else {}))
            updates = await bench.provider(settings).parse_webhook(bench.sign(body, bench.clock.now()))
            assert bool(updates) is ours

    @pytest.mark.parametrize(
        "kind", ["customer.created", "charge.succeeded", "payment_intent.succeeded", "payout.paid"]
    )
    async def test_other_news(self, bench: StripeBench, kind: str) -> None:
        session = await after(bench, Happening.PAID)
        event = last(bench, session, "checkout.session.completed") | {"type": kind}

        assert await told(bench, event) == []


class TestOtherVersions:
    """An endpoint is pinned to the version of the day it was made."""

    @pytest.mark.parametrize("version", ["2020-08-27", "2022-08-01", "2026-10-28.endive", "2027-01-01.fern", None])
    async def test_an_event_of_another_version_is_read(self, bench: StripeBench, version: str | None) -> None:
        session = await after(bench, Happening.PAID)
        event = last(bench, session, "checkout.session.completed") | {"api_version": version}
        about: dict[str, Any] = event["data"]["object"]
        del about["currency_conversion"]
        about |= {"display_items": None, "of_tomorrow": {"data": [{}]}}
        (update,) = await told(bench, event)

        assert (update.status, update.received) == (S.PAID, PAID)

    async def test_one_in_the_payers_own_currency_is_asked_for(self, bench: StripeBench) -> None:
        """Sessions with Adaptive Pricing made before 2025-03-31 name what the payer saw, not what was asked."""
        session = await after(bench, Happening.PAID)
        event = last(bench, session, "checkout.session.completed")
        conversion = {"amount_total": 12_345, "source_currency": "ron", "fx_rate": "0.2"}
        event["data"]["object"] |= {"amount_total": 2_469, "currency": "eur", "currency_conversion": conversion}
        (update,) = await told(bench, event)

        assert (update.status, update.received) == (S.PAID, PAID)
        assert bench.wire.sent[-1].method == "GET"


class TestAsking:
    async def test_an_outage_postpones_the_webhook(self, bench: StripeBench) -> None:
        session = await after(bench, Happening.PAID, Happening.REFUNDED)
        body = bench.webhook_body(session.external_id)
        await bench.vanish()
        with pytest.raises(RetryLater):
            await parsed(bench, body)

    async def test_a_key_that_was_revoked_postpones_it_too(self, bench: StripeBench) -> None:
        """A refusal here is not the payment's fault: Stripe sends the event again for three days."""
        session = await after(bench, Happening.PAID, Happening.REFUNDED)
        revoked = bench.provider(replace(bench.settings, secret_key=Secret("sk_revoked")))
        with pytest.raises(RetryLater):
            await revoked.parse_webhook(bench.sign(bench.webhook_body(session.external_id), bench.clock.now()))

    @pytest.mark.parametrize("about", [{"payment_intent": 5}, {"payment_intent": {}}, {"metadata": 5}])
    async def test_nonsense_is_malformed(self, bench: StripeBench, about: Thing) -> None:
        event = bench.stripe.ledger.event("charge.refunded", {"metadata": {"achit_reference": "A"}, **about})
        with pytest.raises(MalformedWebhook):
            await parsed(bench, orjson.dumps(event), key=Key.PRESENT)

    def test_a_list_of_events_takes_twenty_types(self) -> None:
        assert len({*SESSION_EVENTS, *OTHER_EVENTS}) == len(SESSION_EVENTS) + len(OTHER_EVENTS) <= 20


def invoice() -> Invoice:
    day = date(2026, 11, 20)
    return Invoice(1, 1, 1, "F-1", InvoiceStatus.OPEN, "RON", PAID.minor, 0, day, day, {}, 0, START, START, None)


def an_attempt(external_id: str) -> Attempt:
    return Attempt(
        id=1,
        biller_id=1,
        invoice_id=1,
        account_id=1,
        method="card",
        status=AttemptStatus.PENDING,
        currency="RON",
        amount_minor=PAID.minor,
        received_minor=0,
        reversed_minor=0,
        external_id=external_id,
        reference="ACH1K7",
        locale="ro",
        choice=None,
        redirect_url=None,
        hand_over=None,
        reason=None,
        expires_at=START + timedelta(minutes=30),
        closing_at=None,
        polls=0,
        created_at=START,
        updated_at=START,
    )


def booked(bill: Invoice, attempt: Attempt, update: PaymentUpdate) -> tuple[Invoice, Attempt]:
    """What the core makes of an update."""
    change = apply(bill, attempt, update)
    money = {"received_minor": change.received_minor, "reversed_minor": change.reversed_minor}
    bill = replace(bill, status=change.invoice_status, paid_minor=change.paid_minor)
    return bill, replace(attempt, status=change.status, **money)

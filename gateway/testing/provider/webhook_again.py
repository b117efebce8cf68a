"""Cases of ProviderContract: webhooks come early, twice, in the wrong order, and about payments that are not ours."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest

from gateway.ports.errors import InvalidSignature, MalformedWebhook, NotSupported, OutcomeUnknown
from gateway.ports.provider import PaymentSession, PaymentStatus
from gateway.testing.provider_bench import Fault, Happening, ProviderBench
from gateway.testing.provider_steps import (
    a_request,
    armed,
    opened,
    or_skip,
    paid,
    parsed,
    where_supported,
)


class WebhookAgainCases:
    async def test_replayed_webhook_has_the_same_event_id(self, bench: ProviderBench) -> None:
        request = bench.sign((await paid(bench))[1], bench.clock.now())
        provider = bench.provider()
        first = await provider.parse_webhook(request)

        assert first
        assert await provider.parse_webhook(request) == first

    async def test_webhook_sent_again_has_the_same_event_id(self, bench: ProviderBench) -> None:
        """The vendor signs anew when it repeats itself; both copies may be in work at the same time."""
        body = (await paid(bench))[1]
        first, later = await asyncio.gather(parsed(bench, body), parsed(bench, body, after=timedelta(minutes=2)))

        assert first == later

    async def test_different_news_has_different_event_ids(self, bench: ProviderBench) -> None:
        one = await opened(bench, idempotency_key="one", reference="ONE")
        two = await opened(bench, idempotency_key="two", reference="TWO")
        bodies = []
        with or_skip():
            for session in (one, two):
                await bench.happen(session.external_id, Happening.PAID)
                bodies.append(bench.webhook_body(session.external_id))
        with where_supported():
            await bench.happen(one.external_id, Happening.REVERSED)
            bodies.append(bench.webhook_body(one.external_id))
        event_ids = [(await parsed(bench, body))[0].event_id for body in bodies]

        assert len(set(event_ids)) == len(event_ids)

    async def test_early_webhook_names_its_payment(self, bench: ProviderBench) -> None:
        """It overtakes the answer to create, which may never come: our reference or the vendor's id says which payment it is."""
        armed(bench, Fault.CUT_MADE)
        with pytest.raises(OutcomeUnknown):
            await bench.provider().create_payment(a_request(bench))
        session = await _resolved(bench)
        with or_skip():
            await bench.happen(session.external_id, Happening.PAID)
            body = bench.webhook_body(session.external_id)
        (update,) = await parsed(bench, body)

        assert update.external_id == session.external_id or update.reference == a_request(bench).reference
        assert (update.status, update.received) == (PaymentStatus.PAID, a_request(bench).amount)

    async def test_older_news_after_newer_takes_nothing_back(self, bench: ProviderBench) -> None:
        """Each webhook is read by itself: in any order it says the same, and the poll says what the vendor says now."""
        session = await opened(bench)
        with or_skip():
            try:
                await bench.happen(session.external_id, Happening.PART)
            except NotSupported:
                pass  # older news is that it was opened
            older = bench.webhook_body(session.external_id)
            await bench.happen(session.external_id, Happening.PAID)
            newer = bench.webhook_body(session.external_id)
        readings = []
        for sequence in ((older, newer), (newer, older)):
            provider = bench.provider()
            read = {body: await provider.parse_webhook(bench.sign(body, bench.clock.now())) for body in sequence}
            readings.append((read[older], read[newer]))
        amount = a_request(bench).amount
        before, (now,) = readings[0]
        poll = await bench.provider().fetch_payment(session.external_id)

        assert readings[0] == readings[1]
        assert now.received == poll.received == amount
        assert now.status is poll.status is PaymentStatus.PAID
        assert all(each.received is None or each.received.minor <= amount.minor for each in before)
        assert all(each.event_id != now.event_id or each == now for each in before)

    async def test_webhook_about_another_payment_is_not_ours(self, bench: ProviderBench) -> None:
        """A vendor that signs is taken at its word: it names the other. One that does not is asked, and says nothing of it."""
        session, body = await paid(bench)
        reference = a_request(bench).reference
        foreign = bench.of_another(body, session.external_id, reference)
        assert foreign != body, "the bench must override of_another"
        try:
            updates = await parsed(bench, foreign)
        except (InvalidSignature, MalformedWebhook):
            return
        for update in updates:
            assert bench.signed or update.status is PaymentStatus.PENDING
            assert update.external_id != session.external_id
            assert update.reference != reference


async def _resolved(bench: ProviderBench) -> PaymentSession:
    """The payment whose creation had no answer, as the core would come to know it."""
    provider = bench.provider()
    found: PaymentSession | None = None
    if bench.plugin.finds_payments:
        found = await provider.find_payment(a_request(bench))
    elif bench.plugin.idempotent:
        found = await provider.create_payment(a_request(bench))
    if found is None:
        pytest.skip("what became of it cannot be known")
    return found

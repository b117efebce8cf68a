"""Cases of ProviderContract: how a payment ends, and what may still come after that."""

from __future__ import annotations

import pytest

from gateway.ports.errors import Rejected
from gateway.ports.provider import PaymentStatus
from gateway.testing.provider_bench import Happening, ProviderBench
from gateway.testing.provider_steps import a_request, after, heard, only_if, opened, or_skip, told_after


class LifeCases:
    async def test_declined_is_failed_with_a_reason(self, bench: ProviderBench) -> None:
        update = await told_after(bench, Happening.DECLINED)

        assert update.status is PaymentStatus.FAILED
        assert update.reason

    async def test_expired_then_paid(self, bench: ProviderBench) -> None:
        session = await opened(bench)
        statuses = []
        with or_skip():
            for happening in (Happening.EXPIRED, Happening.LATE):
                await bench.happen(session.external_id, happening)
                update = await heard(bench, session.external_id)
                statuses.append((update.status, update.received))

        assert statuses[0][0] is PaymentStatus.EXPIRED
        assert statuses[1] == (PaymentStatus.PAID, a_request(bench).amount)

    async def test_received_is_cumulative(self, bench: ProviderBench) -> None:
        part = await told_after(bench, Happening.PART)
        await bench.happen(part.external_id, Happening.PAID)
        whole = await bench.provider().fetch_payment(part.external_id)

        assert part.received is not None
        assert 0 < part.received.minor < a_request(bench).amount.minor
        assert whole.received == a_request(bench).amount

    async def test_reversal_is_told(self, bench: ProviderBench) -> None:
        update = await told_after(bench, Happening.PAID, Happening.REVERSED)

        assert update.status is PaymentStatus.REVERSED
        assert update.reversed in (None, a_request(bench).amount)

    async def test_cancel_closes_an_open_payment(self, bench: ProviderBench) -> None:
        only_if(bench.plugin.cancels, "the vendor cannot close a payment")
        session = await opened(bench)
        await bench.provider().cancel_payment(session.external_id)
        await bench.provider().cancel_payment(session.external_id)

        assert (await bench.provider().fetch_payment(session.external_id)).status is PaymentStatus.CANCELLED

    async def test_cancel_does_not_hide_money(self, bench: ProviderBench) -> None:
        only_if(bench.plugin.cancels, "the vendor cannot close a payment")
        session = await after(bench, Happening.PAID)
        with pytest.raises(Rejected):
            await bench.provider().cancel_payment(session.external_id)

        assert (await bench.provider().fetch_payment(session.external_id)).status is PaymentStatus.PAID

    async def test_cancel_on_settlement_closes_the_other_alone(self, bench: ProviderBench) -> None:
        """Two payments of one invoice: the one that settled it stays, the other cannot be paid any more."""
        only_if(bench.plugin.cancels, "the vendor cannot close a payment")
        one = await opened(bench, idempotency_key="one", reference="ONE")
        two = await opened(bench, idempotency_key="two", reference="TWO")
        await bench.happen(one.external_id, Happening.PAID)
        await bench.provider().cancel_payment(two.external_id)

        assert (await bench.provider().fetch_payment(one.external_id)).status is PaymentStatus.PAID
        assert (await bench.provider().fetch_payment(two.external_id)).status is PaymentStatus.CANCELLED

    async def test_coming_back_proves_nothing(self, bench: ProviderBench) -> None:
        """A payer can type anything into the address they come back to."""
        only_if(bench.plugin.completes, "the payer comes back with nothing")
        session = await opened(bench)
        for answer in ({}, {"code": "made-up", "state": "made-up", "status": "paid"}):
            try:
                await bench.provider().complete_payment(session.external_id, answer)
            except Rejected:
                continue

        poll = await bench.provider().fetch_payment(session.external_id)
        assert poll.status is not PaymentStatus.PAID
        assert poll.received is None or poll.received.minor == 0

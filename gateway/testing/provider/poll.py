"""Cases of ProviderContract: the vendor is asked, and says what its webhooks say, or would have said."""

from __future__ import annotations

from datetime import timedelta

import pytest

from gateway.ports.errors import Rejected
from gateway.ports.provider import PaymentStatus
from gateway.testing.provider_bench import Happening, ProviderBench
from gateway.testing.provider_steps import (
    a_request,
    after,
    agree,
    only_if,
    only_if_asked,
    opened,
    or_skip,
    parsed,
    where_supported,
)

_FIRST_PAID = (Happening.REVERSED, Happening.REFUNDED)


class PollCases:
    async def test_poll_agrees_with_push(self, bench: ProviderBench) -> None:
        compared = 0
        for happening in (Happening.PAID, Happening.DECLINED, Happening.EXPIRED, *_FIRST_PAID):
            session = await opened(bench, idempotency_key=happening, reference=f"REF{happening.upper()}")
            with where_supported():
                if happening in _FIRST_PAID:
                    await bench.happen(session.external_id, Happening.PAID)
                await bench.happen(session.external_id, happening)
                (push,) = await parsed(bench, bench.webhook_body(session.external_id))
                poll = await bench.provider().fetch_payment(session.external_id)

                assert agree(poll, push), happening
                compared += 1
        only_if(compared > 0, "the vendor posts nothing that a poll could agree with")

    async def test_poll_alone_finds_what_was_paid(self, bench: ProviderBench) -> None:
        """The webhook is lost: nobody parses one, and the process that created the payment is gone."""
        only_if_asked(bench)
        session = await opened(bench)
        before = await bench.provider().fetch_payment(session.external_id)
        with or_skip():
            await bench.happen(session.external_id, Happening.PAID)
        poll = await bench.provider().fetch_payment(session.external_id)

        assert before.status is PaymentStatus.PENDING
        assert poll.status is PaymentStatus.PAID
        assert poll.external_id == session.external_id
        assert poll.received == a_request(bench).amount
        assert poll.reference in (None, a_request(bench).reference)

    async def test_poll_has_a_new_event_id_only_for_a_new_answer(self, bench: ProviderBench) -> None:
        only_if_asked(bench)
        session = await opened(bench)
        polls = [await bench.provider().fetch_payment(session.external_id) for _ in range(2)]
        bench.clock.advance(seconds=60)
        polls.append(await bench.provider().fetch_payment(session.external_id))
        with or_skip():
            await bench.happen(session.external_id, Happening.PAID)
        later = await bench.provider().fetch_payment(session.external_id)

        assert len({poll.event_id for poll in polls}) == 1
        assert later.event_id != polls[0].event_id

    async def test_unknown_payment_is_rejected(self, bench: ProviderBench) -> None:
        only_if_asked(bench)
        for external_id in ("no-such-payment", "../../x", "a b?c#d"):
            with pytest.raises(Rejected):
                await bench.provider().fetch_payment(external_id)

    async def test_list_agrees_with_poll_and_finds_what_nobody_told(self, bench: ProviderBench) -> None:
        """Opened before the span, paid within it, and no webhook came: the list has it. Other times have nothing of it."""
        only_if(bench.plugin.lists_payments, "the vendor lists no payments")
        began_at = bench.clock.now()
        one = await opened(bench, idempotency_key="one", reference="ONE")
        two = await opened(bench, idempotency_key="two", reference="TWO")
        bench.clock.advance(seconds=300)
        since = bench.clock.now()
        await bench.happen(one.external_id, Happening.PAID)
        three = await after(bench, Happening.PAID, idempotency_key="three", reference="THREE")
        with where_supported():
            await bench.happen(two.external_id, Happening.DECLINED)
        bench.clock.advance(seconds=300)
        listed = {each.external_id: each for each in await bench.provider().list_payments(since, bench.clock.now())}
        elsewhen = await bench.provider().list_payments(began_at - timedelta(days=2), began_at - timedelta(days=1))

        assert {one.external_id, three.external_id} <= listed.keys()
        assert listed.keys() <= {one.external_id, two.external_id, three.external_id}
        for external_id, update in listed.items():
            assert agree(await bench.provider().fetch_payment(external_id), update)
        assert listed[one.external_id].status is PaymentStatus.PAID
        assert elsewhen == [] or elsewhen == ()

"""Cases of ProviderContract: money is given back once, and it is known whether it was."""

from __future__ import annotations

import re

import pytest

from gateway.ports.errors import OutcomeUnknown, Rejected, RetryLater
from gateway.ports.provider import (
    PaymentSession,
    PaymentStatus,
    PaymentUpdate,
    RefundRequest,
    RefundStatus,
    RefundUpdate,
)
from gateway.ports.values import Money
from gateway.testing.provider.create import CODE
from gateway.testing.provider_bench import Fault, Happening, ProviderBench
from gateway.testing.provider_steps import a_refund, a_request, after, amounts, heard, only_if, or_skip

_GIVEN = (RefundStatus.PENDING, RefundStatus.DONE)


class RefundCases:
    async def test_refund_in_full_is_exact_and_no_reversal(self, bench: ProviderBench) -> None:
        """In every kind of currency. A refund does not reopen a debt, so it must never look like money that was taken back."""
        for number, amount in enumerate(amounts(bench)):
            session = await _refundable(bench, number, amount)
            sums = {"amount": amount, "paid": amount, "refunded": Money(0, amount.currency)}
            request = a_refund(bench, session.external_id, idempotency_key=f"r{number}", **sums)
            refund = await bench.provider().refund_payment(request)
            again = await bench.provider().fetch_refund(request, refund.external_id)

            assert refund.external_id
            assert refund.amount == amount
            assert refund.status in _GIVEN
            assert (again.external_id, again.amount) == (refund.external_id, amount)
            assert bench.refunded(session.external_id) == amount.minor
            _given_back(await bench.provider().fetch_payment(session.external_id), amount, amount, refund)

    async def test_refund_at_the_vendors_desk_is_told(self, bench: ProviderBench) -> None:
        session = await after(bench, Happening.PAID, Happening.REFUNDED)
        amount = a_request(bench).amount
        polled = await bench.provider().fetch_payment(session.external_id)

        _given_back(polled, amount, amount)
        assert polled.refunded == amount
        _given_back(await heard(bench, session.external_id), amount, amount)

    async def test_refunds_in_parts_add_up(self, bench: ProviderBench) -> None:
        session = await _refundable(bench)
        paid = a_request(bench).amount
        part = Money(paid.minor // 4, paid.currency)
        for number in (1, 2):
            before = Money(part.minor * (number - 1), part.currency)
            keys = {"idempotency_key": f"r{number}", "reference": f"RFD{number}", "refunded": before}
            request = a_refund(bench, session.external_id, amount=part, **keys)
            with or_skip():
                refund = await bench.provider().refund_payment(request)

            assert refund.amount == part
            assert bench.refunded(session.external_id) == part.minor * number
            sum_so_far = Money(part.minor * number, part.currency)
            _given_back(await bench.provider().fetch_payment(session.external_id), paid, sum_so_far, refund)

    async def test_refund_of_more_than_was_paid_is_rejected(self, bench: ProviderBench) -> None:
        session = await _refundable(bench)
        paid = a_request(bench).amount
        more = a_refund(bench, session.external_id, amount=Money(paid.minor + 1, paid.currency))
        with pytest.raises(Rejected):
            await bench.provider().refund_payment(more)
        assert bench.refunded(session.external_id) == 0

        await bench.provider().refund_payment(a_refund(bench, session.external_id, idempotency_key="all"))
        with pytest.raises(Rejected):
            await bench.provider().refund_payment(
                a_refund(bench, session.external_id, idempotency_key="more", reference="MORE", refunded=paid)
            )
        assert bench.refunded(session.external_id) == paid.minor

    async def test_refund_with_the_same_key_is_one_refund(self, bench: ProviderBench) -> None:
        session = await _refundable(bench)
        request = _a_part(bench, session)
        with or_skip():
            first = await bench.provider().refund_payment(request)
        try:
            assert (await bench.provider().refund_payment(request)).external_id == first.external_id
        except Rejected:
            pass  # the vendor knows that it is a repetition

        assert bench.refunded(session.external_id) == request.amount.minor

    async def test_refund_without_an_answer_is_looked_up(self, bench: ProviderBench) -> None:
        session = await _refundable(bench)
        request = a_refund(bench, session.external_id)
        await _lost(bench, Fault.CUT_MADE, session)
        with or_skip():
            found = await bench.provider().fetch_refund(request, None)

        assert found is not None
        assert found.external_id
        assert found.amount == request.amount
        assert found.status in _GIVEN
        assert bench.refunded(session.external_id) == request.amount.minor

    async def test_refund_that_was_not_made_is_not_found(self, bench: ProviderBench) -> None:
        session = await _refundable(bench)
        await _lost(bench, Fault.CUT_NOT_MADE, session)
        with or_skip():
            assert await bench.provider().fetch_refund(a_refund(bench, session.external_id), None) is None

        assert bench.refunded(session.external_id) == 0

    async def test_refund_meets_a_rate_limit(self, bench: ProviderBench) -> None:
        session = await _refundable(bench)
        _armed(bench, Fault.RATE_LIMITED)
        with pytest.raises(RetryLater) as caught:
            await bench.provider().refund_payment(a_refund(bench, session.external_id))

        assert caught.value.after_s == bench.retry_after_s
        assert bench.refunded(session.external_id) == 0

    async def test_refund_meets_a_server_error(self, bench: ProviderBench) -> None:
        """Never a refusal: the money may have gone."""
        session = await _refundable(bench)
        _armed(bench, Fault.SERVER_ERROR)
        with pytest.raises((RetryLater, OutcomeUnknown)):
            await bench.provider().refund_payment(a_refund(bench, session.external_id))

    async def test_refund_that_is_refused_has_a_code(self, bench: ProviderBench) -> None:
        session = await _refundable(bench)
        _armed(bench, Fault.REFUSED)
        with pytest.raises(Rejected) as caught:
            await bench.provider().refund_payment(a_refund(bench, session.external_id))

        assert re.fullmatch(CODE, caught.value.code)
        assert bench.refunded(session.external_id) == 0

    async def test_refund_that_fails_later_is_told(self, bench: ProviderBench) -> None:
        """The money is the biller's again, and the payment says so."""
        session = await _refundable(bench)
        request = a_refund(bench, session.external_id)
        refund = await bench.provider().refund_payment(request)
        with or_skip():
            await bench.fail_refund(session.external_id)
        failed = await bench.provider().fetch_refund(request, refund.external_id)
        poll = await bench.provider().fetch_payment(session.external_id)

        assert failed.status is RefundStatus.FAILED
        assert failed.reason
        assert bench.refunded(session.external_id) == 0
        assert poll.refunded is None or poll.refunded.minor == 0
        assert poll.status is PaymentStatus.PAID


async def _refundable(bench: ProviderBench, number: int = 0, amount: Money | None = None) -> PaymentSession:
    only_if(bench.plugin.refunds, "the vendor gives nothing back")
    changes = {"idempotency_key": f"key-{number}", "reference": f"REF{number}"}
    return await after(bench, Happening.PAID, **changes, **({"amount": amount} if amount else {}))


def _a_part(bench: ProviderBench, session: PaymentSession) -> RefundRequest:
    """So little that the vendor would do it twice."""
    paid = a_request(bench).amount
    return a_refund(bench, session.external_id, amount=Money(paid.minor // 4, paid.currency))


def _armed(bench: ProviderBench, fault: Fault) -> None:
    with or_skip():
        bench.arm_refund(fault)


async def _lost(bench: ProviderBench, fault: Fault, session: PaymentSession) -> None:
    _armed(bench, fault)
    with pytest.raises(OutcomeUnknown):
        await bench.provider().refund_payment(a_refund(bench, session.external_id))


def _given_back(update: PaymentUpdate, paid: Money, sum_so_far: Money, refund: RefundUpdate | None = None) -> None:
    """Asserts that the payment is still paid, and that what went back is in no figure but its own."""
    assert update.status is PaymentStatus.PAID
    assert update.received == paid
    assert update.reversed is None or update.reversed.minor == 0
    done = refund is None or refund.status is RefundStatus.DONE
    assert update.refunded is None or update.refunded == sum_so_far or not done

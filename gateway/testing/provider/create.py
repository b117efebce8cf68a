"""Cases of ProviderContract: a payment is opened once, whatever happens to the answer."""

from __future__ import annotations

import re

import pytest

from gateway.ports.errors import OutcomeUnknown, Rejected, RetryLater
from gateway.ports.provider import PaymentSession, PaymentStatus
from gateway.testing.provider_bench import Fault, Happening, ProviderBench
from gateway.testing.provider_steps import (
    a_request,
    after,
    amounts,
    armed,
    lost,
    only_if,
    only_if_asked,
    opened,
)

PATIENCE_S = 0.3
CODE = r"[\w.:-]{1,64}"


class CreateCases:
    async def test_create_opens_a_payment_for_each_method(self, bench: ProviderBench) -> None:
        for number, method in enumerate(bench.plugin.methods):
            asked = a_request(bench, method=method.name, idempotency_key=f"key-{number}", reference=f"REF{number}")
            session = await bench.provider().create_payment(asked)

            assert session.external_id
            _hands_over(session)
            await bench.arrive(session)
            if session.transfer is None:
                assert bench.made(asked.reference) == 1
            if not bench.plugin.silent:
                update = await bench.provider().fetch_payment(session.external_id)
                assert update.status is PaymentStatus.PENDING
                assert update.received is None or update.received.minor == 0

    async def test_choices_are_told_apart(self, bench: ProviderBench) -> None:
        """A payer picks one by its name; a code that is none of them opens nothing."""
        only_if(bench.plugin.chooses, "there is nothing to pick")
        for method in bench.plugin.methods:
            choices = bench.provider().choices(method.name)
            assert len({each.code for each in choices}) == len({each.name for each in choices}) == len(choices)
            assert all(each.code and each.name for each in choices)
            if choices:
                with pytest.raises(Rejected):
                    await bench.provider().create_payment(a_request(bench, method=method.name, choice="no-such-choice"))
        assert bench.made(a_request(bench).reference) == 0

    async def test_same_key_gives_the_same_payment(self, bench: ProviderBench) -> None:
        only_if(bench.plugin.idempotent, "creates are not idempotent")
        first = await opened(bench)
        again = await bench.provider().create_payment(a_request(bench))

        assert again.external_id == first.external_id
        assert first.transfer or bench.made(a_request(bench).reference) == 1

    async def test_idempotency_key_is_on_the_wire(self, bench: ProviderBench) -> None:
        only_if(bench.plugin.idempotent, "creates are not idempotent")
        session = await bench.provider().create_payment(a_request(bench, idempotency_key="wire-7f3a"))
        only_if(bool(bench.wire.sent) or not (session.form or session.transfer), "creating a payment calls nobody")

        assert any("wire-7f3a" in sent.headers.values() or b"wire-7f3a" in sent.body for sent in bench.wire.sent)

    async def test_unknown_outcome_can_be_resolved(self, bench: ProviderBench) -> None:
        """Without one of the two a lost answer could only be guessed at."""
        assert bench.plugin.idempotent or bench.plugin.finds_payments

    async def test_create_without_an_answer_is_unknown(self, bench: ProviderBench) -> None:
        bench.wire.patience_s = PATIENCE_S
        armed(bench, Fault.HANGS)
        with pytest.raises(OutcomeUnknown):
            await bench.provider().create_payment(a_request(bench))

    async def test_lost_create_is_found(self, bench: ProviderBench) -> None:
        only_if(bench.plugin.finds_payments, "the vendor cannot be asked")
        session = await lost(bench, Fault.CUT_MADE)

        assert session is not None
        assert (await bench.provider().fetch_payment(session.external_id)).status is PaymentStatus.PENDING
        assert bench.made(a_request(bench).reference) == 1

    async def test_create_that_was_not_made_is_not_found(self, bench: ProviderBench) -> None:
        only_if(bench.plugin.finds_payments, "the vendor cannot be asked")
        await bench.provider().create_payment(a_request(bench, idempotency_key="another", reference="ANOTHER"))

        assert await lost(bench, Fault.CUT_NOT_MADE) is None

    async def test_rate_limit_is_retried_when_the_vendor_says(self, bench: ProviderBench) -> None:
        armed(bench, Fault.RATE_LIMITED)
        with pytest.raises(RetryLater) as caught:
            await bench.provider().create_payment(a_request(bench))

        assert caught.value.after_s == bench.retry_after_s

    async def test_unavailable_vendor_is_retried(self, bench: ProviderBench) -> None:
        armed(bench, Fault.UNAVAILABLE)
        with pytest.raises(RetryLater):
            await bench.provider().create_payment(a_request(bench))

    async def test_server_error_is_never_a_refusal(self, bench: ProviderBench) -> None:
        armed(bench, Fault.SERVER_ERROR)
        with pytest.raises((RetryLater, OutcomeUnknown)):
            await bench.provider().create_payment(a_request(bench))

    async def test_refusal_is_for_good_and_has_a_code(self, bench: ProviderBench) -> None:
        armed(bench, Fault.REFUSED)
        with pytest.raises(Rejected) as caught:
            await bench.provider().create_payment(a_request(bench))

        assert re.fullmatch(CODE, caught.value.code)

    async def test_vendor_out_of_reach_is_retried(self, bench: ProviderBench) -> None:
        only_if_asked(bench)
        session = await opened(bench)
        calls = len(bench.wire.sent)
        await bench.vanish()
        with pytest.raises(RetryLater):
            await bench.provider().fetch_payment(session.external_id)
        if calls:  # creating calls the vendor
            with pytest.raises(RetryLater):
                await bench.provider().create_payment(a_request(bench, idempotency_key="later", reference="LATER"))

    async def test_currencies_of_every_kind_are_exact(self, bench: ProviderBench) -> None:
        only_if_asked(bench)
        for number, amount in enumerate(amounts(bench)):
            changes = {"amount": amount, "idempotency_key": f"key-{number}", "reference": f"REF{number}"}
            session = await after(bench, Happening.PAID, **changes)

            assert (await bench.provider().fetch_payment(session.external_id)).received == amount


def _hands_over(session: PaymentSession) -> None:
    """Asserts that the payer is sent somewhere, in one of three ways."""
    if session.transfer is not None:
        assert session.redirect_url == "", "there is nowhere to go"
        assert session.form is None
        assert session.transfer.iban
        assert session.transfer.name
        assert session.transfer.reference
        return
    assert re.match(r"https?://", session.redirect_url), "a payer can be sent there"
    if session.form is not None:
        assert session.form
        assert all(isinstance(part, str) for field in session.form.items() for part in field)

"""ProviderContract: what the core relies on, asked of every provider in the same words.

A provider's test file subclasses it and gives the fixture `bench`. Passing proves the adapter against its bench, never
against the vendor: how true the bench is, is for its fixtures to show. Needs pytest, hence the extra `testing`.
"""

from __future__ import annotations

import asyncio
import re
from datetime import timedelta

import pytest

from gateway.ports.errors import InvalidSignature, MalformedWebhook, OutcomeUnknown, Rejected, RetryLater
from gateway.ports.provider import PaymentStatus
from gateway.testing.mutations import mutated
from gateway.testing.provider_bench import Fault, Happening, Key, ProviderBench
from gateway.testing.provider_steps import (
    PERSONAL,
    a_request,
    amounts,
    error_text,
    everything_logged,
    lost,
    only_if,
    or_skip,
    paid,
    parsed,
    said,
    told_after,
    well_formed,
    where_supported,
    with_body,
)

PATIENCE_S = 0.3
_NONSENSE = (b"", b"null", b"[]", b'"paid"', b"{}", b"\xff\xfe{}", b'{"id":', b"[" * 100_000, b"0" * 10_000)


class ProviderContract:
    """Each case is a promise in its name. A case that the plugin's declarations exclude is skipped, visibly."""

    async def test_create_opens_a_payment_for_each_method(self, bench: ProviderBench) -> None:
        for number, method in enumerate(bench.plugin.methods):
            asked = a_request(bench, method=method.name, idempotency_key=f"key-{number}", reference=f"REF{number}")
            session = await bench.provider().create_payment(asked)
            update = await bench.provider().fetch_payment(session.external_id)

            assert session.external_id
            assert re.match(r"https?://", session.redirect_url), "a payer can be sent there"
            assert bench.made(asked.reference) == 1
            assert update.status is PaymentStatus.PENDING
            assert update.received is None or update.received.minor == 0

    async def test_same_key_gives_the_same_payment(self, bench: ProviderBench) -> None:
        only_if(bench.plugin.idempotent, "creates are not idempotent")
        first = await bench.provider().create_payment(a_request(bench))
        again = await bench.provider().create_payment(a_request(bench))

        assert again.external_id == first.external_id
        assert bench.made(a_request(bench).reference) == 1

    async def test_idempotency_key_is_on_the_wire(self, bench: ProviderBench) -> None:
        only_if(bench.plugin.idempotent, "creates are not idempotent")
        await bench.provider().create_payment(a_request(bench, idempotency_key="wire-7f3a"))

        assert any("wire-7f3a" in sent.headers.values() or b"wire-7f3a" in sent.body for sent in bench.wire.sent)

    async def test_unknown_outcome_can_be_resolved(self, bench: ProviderBench) -> None:
        """Without one of these a lost answer could only be guessed at."""
        assert bench.plugin.idempotent or bench.plugin.finds_payments or bench.plugin.void_unanswered

    async def test_create_without_an_answer_is_unknown(self, bench: ProviderBench) -> None:
        bench.wire.patience_s = PATIENCE_S
        bench.arm(Fault.HANGS)
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
        bench.arm(Fault.RATE_LIMITED)
        with pytest.raises(RetryLater) as caught:
            await bench.provider().create_payment(a_request(bench))

        assert caught.value.after_s == bench.retry_after_s

    async def test_unavailable_vendor_is_retried(self, bench: ProviderBench) -> None:
        bench.arm(Fault.UNAVAILABLE)
        with pytest.raises(RetryLater):
            await bench.provider().create_payment(a_request(bench))

    async def test_server_error_is_never_a_refusal(self, bench: ProviderBench) -> None:
        bench.arm(Fault.SERVER_ERROR)
        with pytest.raises((RetryLater, OutcomeUnknown)):
            await bench.provider().create_payment(a_request(bench))

    async def test_refusal_is_for_good_and_has_a_code(self, bench: ProviderBench) -> None:
        bench.arm(Fault.REFUSED)
        with pytest.raises(Rejected) as caught:
            await bench.provider().create_payment(a_request(bench))

        assert re.fullmatch(r"[\w.:-]{1,64}", caught.value.code)

    async def test_vendor_out_of_reach_is_retried(self, bench: ProviderBench) -> None:
        await bench.vanish()
        with pytest.raises(RetryLater):
            await bench.provider().create_payment(a_request(bench))
        with pytest.raises(RetryLater):
            await bench.provider().fetch_payment("unreachable")

    async def test_currencies_of_every_kind_are_exact(self, bench: ProviderBench) -> None:
        for number, amount in enumerate(amounts(bench)):
            asked = a_request(bench, amount=amount, idempotency_key=f"key-{number}", reference=f"REF{number}")
            session = await bench.provider().create_payment(asked)
            await bench.happen(session.external_id, Happening.PAID)

            assert (await bench.provider().fetch_payment(session.external_id)).received == amount

    async def test_good_webhook_says_what_was_paid(self, bench: ProviderBench) -> None:
        session, body = await paid(bench)
        (update,) = await parsed(bench, body)

        assert update.status is PaymentStatus.PAID
        assert update.external_id == session.external_id
        assert update.received == a_request(bench).amount
        assert update.reference in (None, a_request(bench).reference)
        well_formed(update)

    async def test_unsigned_webhook_is_refused(self, bench: ProviderBench) -> None:
        only_if(bench.signed, "the vendor does not sign")
        with pytest.raises(InvalidSignature):
            await bench.provider().parse_webhook(bench.unsigned((await paid(bench))[1]))

    async def test_forged_webhook_is_refused(self, bench: ProviderBench) -> None:
        only_if(bench.signed, "the vendor does not sign")
        with pytest.raises(InvalidSignature):
            await parsed(bench, (await paid(bench))[1], key=Key.STRANGER)

    async def test_webhook_changed_by_a_byte_is_refused(self, bench: ProviderBench) -> None:
        only_if(bench.signed, "the vendor does not sign")
        body = (await paid(bench))[1]
        genuine = bench.sign(body, bench.clock.now())
        provider = bench.provider()
        await provider.parse_webhook(genuine)
        for position in range(1, len(body) - 1, 7):
            changed = body[:position] + bytes([body[position] ^ 1]) + body[position + 1 :]
            with pytest.raises(InvalidSignature):
                await provider.parse_webhook(with_body(genuine, changed))

    async def test_truncated_webhook_is_refused(self, bench: ProviderBench) -> None:
        only_if(bench.signed, "the vendor does not sign")
        body = (await paid(bench))[1]
        genuine = bench.sign(body, bench.clock.now())
        for length in (0, 1, len(body) // 2, len(body) - 1):
            with pytest.raises(InvalidSignature):
                await bench.provider().parse_webhook(with_body(genuine, body[:length]))

    async def test_old_webhook_is_refused(self, bench: ProviderBench) -> None:
        only_if(bench.timed, "the vendor does not sign the time")
        body = (await paid(bench))[1]
        with pytest.raises(InvalidSignature):
            await parsed(bench, body, after=-timedelta(hours=1))
        with pytest.raises(InvalidSignature):
            await parsed(bench, body, after=timedelta(hours=1))

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
        one = await bench.provider().create_payment(a_request(bench, idempotency_key="one", reference="ONE"))
        two = await bench.provider().create_payment(a_request(bench, idempotency_key="two", reference="TWO"))
        bodies = []
        await bench.happen(one.external_id, Happening.PAID)
        bodies.append(bench.webhook_body(one.external_id))
        await bench.happen(two.external_id, Happening.PAID)
        bodies.append(bench.webhook_body(two.external_id))
        with where_supported():
            await bench.happen(one.external_id, Happening.REVERSED)
            bodies.append(bench.webhook_body(one.external_id))
        event_ids = [(await parsed(bench, body))[0].event_id for body in bodies]

        assert len(set(event_ids)) == len(event_ids)

    async def test_unknown_status_is_pending(self, bench: ProviderBench) -> None:
        session, _ = await paid(bench)
        body = bench.webhook_body(session.external_id, status="a_status_of_tomorrow")

        assert [update.status for update in await parsed(bench, body)] == [PaymentStatus.PENDING]

    async def test_unknown_event_type_moves_nothing(self, bench: ProviderBench) -> None:
        session = await bench.provider().create_payment(a_request(bench))
        body = bench.webhook_body(session.external_id, event_type="event.of.tomorrow")

        assert {update.status for update in await parsed(bench, body)} <= {PaymentStatus.PENDING}

    async def test_genuine_nonsense_is_malformed(self, bench: ProviderBench) -> None:
        for body in _NONSENSE:
            with pytest.raises(MalformedWebhook):
                await parsed(bench, body)

    async def test_wrong_shapes_never_crash(self, bench: ProviderBench) -> None:
        """Each field in turn is missing or of another kind: read or refused, and what is read is well formed."""
        for body in mutated((await paid(bench))[1]):
            try:
                updates = await parsed(bench, body)
            except MalformedWebhook:
                continue
            for update in updates:
                well_formed(update)

    async def test_both_secrets_hold_during_rotation(self, bench: ProviderBench) -> None:
        only_if(bench.rotating is not None, "the vendor has one secret")
        body = (await paid(bench))[1]
        rotating = bench.provider(bench.rotating)
        for key in (Key.PRESENT, Key.OLD, Key.BOTH):
            assert await rotating.parse_webhook(bench.sign(body, bench.clock.now(), key))
        assert await parsed(bench, body, key=Key.BOTH)
        with pytest.raises(InvalidSignature):
            await parsed(bench, body, key=Key.OLD)

    async def test_poll_agrees_with_push(self, bench: ProviderBench) -> None:
        for happening in (Happening.PAID, Happening.DECLINED, Happening.EXPIRED, Happening.REVERSED):
            asked = a_request(bench, idempotency_key=happening, reference=f"REF{happening.upper()}")
            session = await bench.provider().create_payment(asked)
            with where_supported():
                if happening is Happening.REVERSED:
                    await bench.happen(session.external_id, Happening.PAID)
                await bench.happen(session.external_id, happening)
                (push,) = await parsed(bench, bench.webhook_body(session.external_id))
                poll = await bench.provider().fetch_payment(session.external_id)

                assert said(poll) == said(push)

    async def test_poll_has_a_new_event_id_only_for_a_new_answer(self, bench: ProviderBench) -> None:
        session = await bench.provider().create_payment(a_request(bench))
        polls = [await bench.provider().fetch_payment(session.external_id) for _ in range(2)]
        bench.clock.advance(seconds=60)
        polls.append(await bench.provider().fetch_payment(session.external_id))
        await bench.happen(session.external_id, Happening.PAID)
        after = await bench.provider().fetch_payment(session.external_id)

        assert len({poll.event_id for poll in polls}) == 1
        assert after.event_id != polls[0].event_id

    async def test_unknown_payment_is_rejected(self, bench: ProviderBench) -> None:
        for external_id in ("no-such-payment", "../../x", "a b?c#d"):
            with pytest.raises(Rejected):
                await bench.provider().fetch_payment(external_id)

    async def test_declined_is_failed_with_a_reason(self, bench: ProviderBench) -> None:
        update = await told_after(bench, Happening.DECLINED)

        assert update.status is PaymentStatus.FAILED
        assert update.reason

    async def test_expired_then_paid(self, bench: ProviderBench) -> None:
        session = await bench.provider().create_payment(a_request(bench))
        statuses = []
        with or_skip():
            for happening in (Happening.EXPIRED, Happening.LATE):
                await bench.happen(session.external_id, happening)
                (update,) = await parsed(bench, bench.webhook_body(session.external_id))
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
        session = await bench.provider().create_payment(a_request(bench))
        await bench.provider().cancel_payment(session.external_id)
        await bench.provider().cancel_payment(session.external_id)

        assert (await bench.provider().fetch_payment(session.external_id)).status is PaymentStatus.CANCELLED

    async def test_cancel_does_not_hide_money(self, bench: ProviderBench) -> None:
        only_if(bench.plugin.cancels, "the vendor cannot close a payment")
        session, _ = await paid(bench)
        with pytest.raises(Rejected):
            await bench.provider().cancel_payment(session.external_id)

        assert (await bench.provider().fetch_payment(session.external_id)).status is PaymentStatus.PAID

    async def test_nothing_secret_or_personal_is_said(self, bench: ProviderBench) -> None:
        """Not in a log at DEBUG, not in an error and what led to it, not in a repr."""
        provider = bench.provider(bench.rotating)
        with everything_logged() as words:
            session, body = await paid(bench)
            genuine = bench.sign(body, bench.clock.now())
            await provider.parse_webhook(genuine)
            await provider.fetch_payment(session.external_id)
            for fault in (Fault.REFUSED, Fault.RATE_LIMITED, Fault.SERVER_ERROR, Fault.CUT_MADE):
                bench.arm(fault)
                words.append(await error_text(provider.create_payment(a_request(bench, idempotency_key=fault))))
            for request in (bench.unsigned(body), bench.sign(body, bench.clock.now(), Key.STRANGER)):
                words.append(await error_text(provider.parse_webhook(request)))
            words.append(
                await error_text(provider.parse_webhook(bench.sign(b'{"email":"Ana Popescu', bench.clock.now())))
            )
            words += [repr(provider), str(provider), repr(bench.settings), repr(bench.rotating)]
        text = "\n".join(words)

        proofs = [part for value in genuine.headers.values() for part in re.findall(r"[\w+/-]{24,}", value)]
        for needle in (*bench.secrets(), *PERSONAL, *proofs):
            assert needle not in text, "a secret, a signature or personal data was said"

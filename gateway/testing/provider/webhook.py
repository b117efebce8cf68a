"""Cases of ProviderContract: a webhook is proven before it is read, and what is read is what the vendor said."""

from __future__ import annotations

from datetime import timedelta

import pytest

from gateway.ports.errors import InvalidSignature, MalformedWebhook, NotSupported
from gateway.ports.provider import PaymentStatus
from gateway.ports.values import Money
from gateway.testing.mutations import mutated
from gateway.testing.provider_bench import Happening, Key, ProviderBench
from gateway.testing.provider_steps import (
    a_request,
    after,
    heard,
    only_if,
    opened,
    or_skip,
    paid,
    parsed,
    well_formed,
    with_body,
)

_NONSENSE = (b"", b"null", b"[]", b'"paid"', b"{}", b"\xff\xfe{}", b'{"id":', b"[" * 100_000, b"0" * 10_000)


class WebhookCases:
    async def test_good_webhook_says_what_was_paid(self, bench: ProviderBench) -> None:
        session, body = await paid(bench)
        (update,) = await parsed(bench, body)

        assert update.status is PaymentStatus.PAID
        assert update.external_id == session.external_id
        assert update.received == a_request(bench).amount
        assert update.reference in (None, a_request(bench).reference)

    async def test_unsigned_webhook_is_refused(self, bench: ProviderBench) -> None:
        """Where the vendor posts no webhooks, or nobody can be asked, there is none that could be believed."""
        only_if(bench.signed or bench.plugin.silent, "the vendor does not sign")
        session = await opened(bench)
        try:
            await bench.happen(session.external_id, Happening.PAID)
            body = bench.webhook_body(session.external_id)
        except NotSupported:
            body = b'{"id":"%s","status":"paid"}' % session.external_id.encode()
        with pytest.raises(InvalidSignature):
            await bench.provider().parse_webhook(bench.unsigned(body))

    async def test_forged_webhook_is_refused(self, bench: ProviderBench) -> None:
        """Nor one that is genuine for another biller, whose account has another key."""
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

    async def test_both_secrets_hold_during_rotation(self, bench: ProviderBench) -> None:
        only_if(bench.rotating is not None, "the vendor has one secret")
        body = (await paid(bench))[1]
        rotating = bench.provider(bench.rotating)
        for key in (Key.PRESENT, Key.OLD, Key.BOTH):
            assert await rotating.parse_webhook(bench.sign(body, bench.clock.now(), key))
        assert await parsed(bench, body, key=Key.BOTH)
        with pytest.raises(InvalidSignature):
            await parsed(bench, body, key=Key.OLD)

    async def test_the_vendors_own_amount_is_told(self, bench: ProviderBench) -> None:
        """Less or more than was asked is what came; what was asked is never put in its place."""
        asked = a_request(bench).amount
        session, _ = await paid(bench)
        try:
            for minor in (asked.minor - 1, asked.minor + 1):
                came = Money(minor, asked.currency)
                (update,) = await parsed(bench, bench.webhook_body(session.external_id, amount=came))
                assert update.received == came
        except NotSupported:  # the webhook names no amount: the payment itself says it
            part = await after(bench, Happening.PART, idempotency_key="part", reference="PART")
            received = (await heard(bench, part.external_id)).received
            assert received is not None
            assert 0 < received.minor < asked.minor

    async def test_the_vendors_own_currency_is_told(self, bench: ProviderBench) -> None:
        asked = a_request(bench).amount
        came = Money(asked.minor, "EUR" if asked.currency != "EUR" else "RON")
        session, _ = await paid(bench)
        with or_skip():
            body = bench.webhook_body(session.external_id, amount=came)
        try:
            updates = await parsed(bench, body)
        except MalformedWebhook:
            return  # a currency that the account cannot have
        assert [update.received for update in updates] == [came]

    async def test_unknown_status_is_pending(self, bench: ProviderBench) -> None:
        session, _ = await paid(bench)
        with or_skip():
            body = bench.webhook_body(session.external_id, status="a_status_of_tomorrow")

        assert [update.status for update in await parsed(bench, body)] == [PaymentStatus.PENDING]

    async def test_unknown_event_type_moves_nothing(self, bench: ProviderBench) -> None:
        session = await opened(bench)
        with or_skip():
            body = bench.webhook_body(session.external_id, event_type="event.of.tomorrow")

        assert {update.status for update in await parsed(bench, body)} <= {PaymentStatus.PENDING}

    async def test_genuine_nonsense_is_malformed(self, bench: ProviderBench) -> None:
        await paid(bench)  # skips where there are no webhooks
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

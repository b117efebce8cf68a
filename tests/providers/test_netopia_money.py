"""NETOPIA's money: amounts taken in another currency than asked, and credits."""

from __future__ import annotations

from collections.abc import AsyncIterator
from decimal import Decimal

import orjson
import pytest

from gateway.ports.errors import NotSupported, OutcomeUnknown, Rejected, RetryLater
from gateway.ports.provider import PaymentSession, PaymentStatus, RefundRequest, RefundStatus
from gateway.ports.values import Money, WebhookRequest
from gateway.testing.provider_bench import Fault
from gateway.testing.provider_steps import parsed
from tests.providers.netopia_bench import HOOK, WHOLE, NetopiaBench, answered, open_bench, opened

S = PaymentStatus


@pytest.fixture
async def bench() -> AsyncIterator[NetopiaBench]:
    async with open_bench() as bench:
        yield bench


def a_refund(session: PaymentSession, minor: int = 12_345, currency: str = "RON") -> RefundRequest:
    return RefundRequest("refund-1", session.external_id, Money(minor, currency), WHOLE, "RF-1", "requested")


class TestConversion:
    """An amount asked in EUR and taken in RON: what was asked has come, and it is the vendor who says so."""

    async def started(self, bench: NetopiaBench) -> tuple[PaymentSession, str, WebhookRequest]:
        bench.vendor.settles_in = ("RON", Decimal("4.9765"))
        session, ntp_id = await opened(bench, amount=Money(6_870, "EUR"))
        bench.vendor.pays(ntp_id)
        notify_url = orjson.loads(bench.wire.sent[0].body)["config"]["notifyUrl"]
        request = bench.sign(bench.vendor.ipn(ntp_id), bench.clock.now())
        return session, notify_url, WebhookRequest(request.body, request.headers, notify_url, request.received_at)

    async def test_push_and_poll_say_what_was_asked(self, bench: NetopiaBench) -> None:
        session, notify_url, request = await self.started(bench)
        (push,) = await bench.provider().parse_webhook(request)
        poll = await bench.provider().fetch_payment(session.external_id)

        assert notify_url == f"{HOOK}?currency=EUR"
        assert push.received == poll.received == Money(6_870, "EUR")
        assert push.status is poll.status is S.PAID

    async def test_without_an_echo_the_currencies_differ_and_the_core_sees_it(self, bench: NetopiaBench) -> None:
        session, _, request = await self.started(bench)
        bench.vendor.tells_asked = False
        (push,) = await bench.provider().parse_webhook(request)

        assert push.received == Money(34_188, "RON")
        assert push.received == (await bench.provider().fetch_payment(session.external_id)).received

    async def test_a_vendor_that_does_not_answer_is_heard_again(self, bench: NetopiaBench) -> None:
        _, _, request = await self.started(bench)
        bench.vendor.faults["status"] = Fault.SERVER_ERROR
        with pytest.raises(RetryLater):
            await bench.provider().parse_webhook(request)

    async def test_in_one_currency_nobody_is_asked(self, bench: NetopiaBench) -> None:
        session, ntp_id = await opened(bench)
        bench.vendor.pays(ntp_id)
        calls = len(bench.wire.sent)
        (update,) = await parsed(bench, bench.webhook_body(session.external_id))

        assert update.received == WHOLE
        assert len(bench.wire.sent) == calls


class TestRefunds:
    async def a_paid_one(self, bench: NetopiaBench) -> PaymentSession:
        session, ntp_id = await opened(bench)
        bench.vendor.pays(ntp_id)
        return session

    async def test_all_of_it_is_credited_once(self, bench: NetopiaBench) -> None:
        session = await self.a_paid_one(bench)
        refund = await bench.provider().refund_payment(a_refund(session))
        body = orjson.loads(bench.wire.sent[-1].body)
        after = await bench.provider().fetch_payment(session.external_id)

        assert (refund.status, refund.amount) == (RefundStatus.DONE, WHOLE)
        assert body == {"ntpID": session.external_id.partition(":")[0], "amount": 123.45, "split": []}
        assert b'"amount":123.45' in bench.wire.sent[-2].body
        assert (after.status, after.received, after.refunded) == (S.PAID, WHOLE, WHOLE)
        with pytest.raises(Rejected, match="already_refunded"):
            await bench.provider().refund_payment(a_refund(session))

    async def test_a_part_is_for_the_vendors_desk(self, bench: NetopiaBench) -> None:
        session = await self.a_paid_one(bench)
        with pytest.raises(NotSupported):
            await bench.provider().refund_payment(a_refund(session, 1_000))
        assert bench.refunded(session.external_id) == 0

    async def test_an_ipn_of_a_credit_is_asked_about_for_it_names_the_whole(self, bench: NetopiaBench) -> None:
        session = await self.a_paid_one(bench)
        bench.vendor.credits(session.external_id.partition(":")[0], Money(1_000, "RON"))
        body = bench.webhook_body(session.external_id)
        (update,) = await parsed(bench, body)

        assert orjson.loads(body)["payment"]["amount"] == 123.45
        assert (update.received, update.refunded) == (WHOLE, Money(1_000, "RON"))

    async def test_an_unknown_outcome_is_looked_up(self, bench: NetopiaBench) -> None:
        session = await self.a_paid_one(bench)
        request = a_refund(session)
        assert await bench.provider().fetch_refund(request, None) is None
        bench.arm_refund(Fault.CUT_MADE)
        with pytest.raises(OutcomeUnknown):
            await bench.provider().refund_payment(request)
        found = await bench.provider().fetch_refund(request, None)

        assert found is not None
        assert (found.status, found.amount) == (RefundStatus.DONE, WHOLE)

    async def test_approved_and_not_credited_is_unknown(self, bench: NetopiaBench) -> None:
        """Seen in the sandbox: code 00, with the payment as it was or another amount."""
        paid = {"payment": {"ntpID": "1", "status": 5, "amount": 123.45, "currency": "RON"}, "error": {"code": "00"}}
        other = {"payment": paid["payment"] | {"status": 8, "amount": 1}, "error": {"code": "00"}}
        for answer in (paid, other, {"error": {"code": "00"}}):
            with pytest.raises(OutcomeUnknown):
                await answered(bench, (200, paid), (200, answer)).refund_payment(
                    a_refund(PaymentSession("1:A", "https://x"))
                )

    async def test_one_that_is_not_seen_yet_is_pending(self, bench: NetopiaBench) -> None:
        session = await self.a_paid_one(bench)
        update = await bench.provider().fetch_refund(a_refund(session), "credit:1")

        assert update is not None
        assert update.status is RefundStatus.PENDING

    @pytest.mark.parametrize(
        ("minor", "currency", "code"),
        [(12_346, "RON", "invalid_amount"), (0, "RON", "invalid_amount"), (100, "EUR", "invalid_amount")],
    )
    async def test_another_amount_is_refused(self, bench: NetopiaBench, minor: int, currency: str, code: str) -> None:
        session = await self.a_paid_one(bench)
        with pytest.raises(Rejected, match=code):
            await bench.provider().refund_payment(a_refund(session, minor, currency))

    async def test_what_was_not_paid_is_not_refundable(self, bench: NetopiaBench) -> None:
        session, _ = await opened(bench)
        with pytest.raises(Rejected, match="not_refundable"):
            await bench.provider().refund_payment(a_refund(session))

"""The EuPlătesc adapter's web service: what the status call means, and refunds by the vendor's own sum."""

from __future__ import annotations

import dataclasses
from collections.abc import AsyncIterator
from typing import Any

import orjson
import pytest

from gateway.ports.errors import (
    AdapterError,
    NotSupported,
    OutcomeUnknown,
    Rejected,
    RetryLater,
)
from gateway.ports.http import HttpResponse
from gateway.ports.provider import PaymentSession, PaymentStatus, RefundRequest, RefundStatus
from gateway.ports.values import Money
from gateway.testing.provider_bench import Fault, Happening
from gateway.testing.provider_steps import a_refund, a_request, after, opened
from providers.euplatesc import EuPlatescProvider
from providers.euplatesc.wire import fields_of
from tests.fakes.euplatesc import MID, UAPI, UKEY, mac
from tests.providers.euplatesc_bench import EuPlatescBench, open_bench

S = PaymentStatus
WHOLE = Money(12_345, "RON")
ID = "ACH1K7.12345RON"


@pytest.fixture
async def bench() -> AsyncIterator[EuPlatescBench]:
    async with open_bench() as bench:
        yield bench


def answered(bench: EuPlatescBench, body: object, status: int = 200) -> EuPlatescProvider:
    raw = body if isinstance(body, bytes) else orjson.dumps(body)

    class Answer:
        async def request(self, *_: object, **__: object) -> HttpResponse:
            return HttpResponse(status, {}, raw)

    return EuPlatescProvider(bench.settings, Answer(), now=bench.clock.now)


class TestStatus:
    async def test_before_a_browser_came_it_is_open(self, bench: EuPlatescBench) -> None:
        session = await bench.provider().create_payment(a_request(bench))
        update = await bench.provider().fetch_payment(session.external_id)

        assert (update.status, update.received) == (S.PENDING, None)

    async def test_declined_then_approved_is_paid(self, bench: EuPlatescBench) -> None:
        await opened(bench)
        bench.vendor.card(ID, "2", "Not sufficient funds")
        declined = await bench.provider().fetch_payment(ID)
        bench.clock.advance(seconds=30)
        bench.vendor.card(ID)
        bench.clock.advance(seconds=30)
        bench.vendor.card(ID, "2", "Not sufficient funds")
        update = await bench.provider().fetch_payment(ID)

        assert (declined.status, declined.reason) == (S.FAILED, "insufficient_funds")
        assert (update.status, update.received, update.reason) == (S.PAID, WHOLE, None)

    async def test_paid_twice_is_twice_the_money(self, bench: EuPlatescBench) -> None:
        await opened(bench)
        bench.vendor.card(ID)
        bench.vendor.card(ID)

        assert (await bench.provider().fetch_payment(ID)).received == Money(2 * 12_345, "RON")

    async def test_an_amount_that_the_vendor_names_counts(self, bench: EuPlatescBench) -> None:
        """A discount of its loyalty scheme: less comes than was signed."""
        await opened(bench)
        bench.vendor.card(ID)
        bench.vendor.says_amount = True
        bench.vendor.visits[ID].form["amount"] = "120.00"

        assert (await bench.provider().fetch_payment(ID)).received == Money(12_000, "RON")

    @pytest.mark.parametrize(("captured", "status"), [(False, S.ACCEPTED), (True, S.PAID)])
    async def test_with_a_fraud_check_silence_is_not_a_yes(
        self, bench: EuPlatescBench, captured: bool, status: PaymentStatus
    ) -> None:
        await opened(bench)
        bench.vendor.card(ID, captured=captured)
        provider = bench.provider(dataclasses.replace(bench.settings, sec_status=True))

        assert (await provider.fetch_payment(ID)).status is status
        assert (await bench.provider().fetch_payment(ID)).status is S.PAID

    async def test_a_message_that_says_pending_is_not_money(self, bench: EuPlatescBench) -> None:
        await opened(bench)
        bench.vendor.card(ID, message="Pending payment")
        assert (await bench.provider().fetch_payment(ID)).status is S.PENDING

    @pytest.mark.parametrize("mark", ["1", "yes", "123.45"])
    async def test_a_mark_that_it_was_refunded_is_all_of_it(self, bench: EuPlatescBench, mark: str) -> None:
        row = {"merch_id": MID, "invoice_id": ID, "ep_id": "E", "action": "0", "captured": "1", "refunded": mark}
        update = await answered(bench, {"success": orjson.dumps([row]).decode()}).fetch_payment(ID)
        assert update.refunded == WHOLE

    @pytest.mark.parametrize("row", [{"merch_id": "1"}, {"invoice_id": "13198"}, {"invoice_id": "ACH1K7.1RON"}])
    async def test_rows_of_others_do_not_count(self, bench: EuPlatescBench, row: dict[str, str]) -> None:
        usual = {"merch_id": MID, "invoice_id": ID, "ep_id": "E", "action": "0"}
        update = await answered(bench, {"success": orjson.dumps([usual | row]).decode()}).fetch_payment(ID)
        assert update.status is S.PENDING

    @pytest.mark.parametrize(
        "body",
        [
            b"",
            b"null",
            b"<html>",
            b"[" * 100_000,
            {},
            {"success": "x"},
            {"success": "{}"},
            {"success": "[1]"},
            {"success": [{"merch_id": MID, "invoice_id": ID}]},
            {"success": "[" * 100_000},
            {"error": "internal error", "ecode": "901"},
            {"error": "?", "ecode": "999"},
            {"error": "?"},
            {"error": "?", "ecode": "Ana Popescu"},
        ],
    )
    async def test_an_answer_that_says_nothing_is_asked_for_again(self, bench: EuPlatescBench, body: object) -> None:
        with pytest.raises(RetryLater):
            await answered(bench, body).fetch_payment(ID)

    async def test_a_refusal_has_its_code(self, bench: EuPlatescBench) -> None:
        for body, status, code in (
            ({"error": "Ana Popescu", "ecode": "102"}, 200, "error_102"),
            (b"", 403, "http_403"),
        ):
            with pytest.raises(Rejected) as caught:
                await answered(bench, body, status).fetch_payment(ID)
            assert caught.value.code == str(caught.value) == code


class TestRefunds:
    async def a_paid_one(self, bench: EuPlatescBench) -> PaymentSession:
        return await after(bench, Happening.PAID)

    def a_part(self, bench: EuPlatescBench, minor: int, refunded: Money | None) -> RefundRequest:
        return a_refund(bench, ID, amount=Money(minor, "RON"), refunded=refunded)

    async def test_a_part_that_was_made_is_the_first_one_again(self, bench: EuPlatescBench) -> None:
        await self.a_paid_one(bench)
        request = self.a_part(bench, 1_000, Money(0, "RON"))
        first = await bench.provider().refund_payment(request)
        again = await bench.provider().refund_payment(request)
        second = await bench.provider().refund_payment(self.a_part(bench, 1_000, Money(1_000, "RON")))

        assert again.external_id == first.external_id != second.external_id
        assert bench.refunded(ID) == 2_000
        assert (await bench.provider().fetch_payment(ID)).refunded == Money(2_000, "RON")

    async def test_without_the_sum_before_only_all_of_it(self, bench: EuPlatescBench) -> None:
        await self.a_paid_one(bench)
        with pytest.raises(NotSupported):
            await bench.provider().refund_payment(self.a_part(bench, 1_000, None))
        with pytest.raises(NotSupported):
            await bench.provider().fetch_refund(self.a_part(bench, 1_000, None), None)
        await bench.provider().refund_payment(self.a_part(bench, 12_345, None))
        with pytest.raises(Rejected, match="already_refunded"):
            await bench.provider().refund_payment(self.a_part(bench, 12_345, None))
        assert bench.refunded(ID) == 12_345

    async def test_a_sum_that_is_not_ours_stops_it(self, bench: EuPlatescBench) -> None:
        await self.a_paid_one(bench)
        bench.vendor.visits[ID].cards[0].refunded = 500  # at the vendor's desk
        with pytest.raises(Rejected, match="already_refunded"):
            await bench.provider().refund_payment(self.a_part(bench, 1_000, Money(0, "RON")))
        assert bench.refunded(ID) == 500

    @pytest.mark.parametrize(("minor", "refunded"), [(12_345, 12_345), (1_000, 1_000)])
    async def test_what_is_not_captured_yet_is_released(self, bench: EuPlatescBench, minor: int, refunded: int) -> None:
        await opened(bench)
        card = bench.vendor.card(ID, captured=False)
        await bench.provider().refund_payment(self.a_part(bench, minor, Money(0, "RON")))
        methods = [fields_of(sent.body)["method"] for sent in bench.wire.sent]

        assert methods[-1] == ("reversal" if minor == 12_345 else "partial_capture")
        assert (card.refunded, card.captured) == (refunded, minor != 12_345)

    async def test_captured_meanwhile_is_refunded(self, bench: EuPlatescBench) -> None:
        await opened(bench)
        card = bench.vendor.card(ID, captured=False)
        asked = bench.vendor._row

        def stale(*given: Any) -> dict[str, str]:
            row = asked(*given)
            card.captured = True
            return row

        bench.vendor._row = stale  # type: ignore[method-assign]
        await bench.provider().refund_payment(self.a_part(bench, 1_000, Money(0, "RON")))

        assert [fields_of(sent.body)["method"] for sent in bench.wire.sent][-2:] == ["partial_capture", "refund"]
        assert bench.refunded(ID) == 1_000

    async def test_the_call_is_signed_by_the_users_own_key(self, bench: EuPlatescBench) -> None:
        await self.a_paid_one(bench)
        await bench.provider().refund_payment(self.a_part(bench, 1_000, Money(0, "RON")))
        fields = dict(fields_of(bench.wire.sent[-1].body))
        given_mac = fields.pop("fp_hash")

        assert list(fields) == ["method", "ukey", "amount", "reason", "epid", "timestamp", "nonce"]
        assert (fields["amount"], fields["reason"], fields["ukey"]) == ("10.00", "RFD1K7", UKEY)
        assert given_mac == mac(UAPI, list(fields.values()))

    async def test_one_that_is_not_seen_yet_is_pending(self, bench: EuPlatescBench) -> None:
        await self.a_paid_one(bench)
        request = self.a_part(bench, 1_000, Money(0, "RON"))
        update = await bench.provider().fetch_refund(request, "x")

        assert update is not None
        assert update.status is RefundStatus.PENDING
        assert await bench.provider().fetch_refund(request, None) is None

    async def test_what_was_not_paid_is_not_refundable(self, bench: EuPlatescBench) -> None:
        await opened(bench)
        bench.vendor.card(ID, "2")
        with pytest.raises(Rejected, match="not_refundable"):
            await bench.provider().refund_payment(a_refund(bench, ID))

    async def test_without_keys_there_are_none(self, bench: EuPlatescBench) -> None:
        await self.a_paid_one(bench)
        bare = bench.provider(dataclasses.replace(bench.settings, user_key=None, user_api_key=None))
        with pytest.raises(NotSupported):
            await bare.refund_payment(a_refund(bench, ID))

    async def test_an_answer_that_says_nothing_is_an_unknown_outcome(self, bench: EuPlatescBench) -> None:
        await self.a_paid_one(bench)
        for fault in (Fault.CUT_MADE, Fault.SERVER_ERROR):
            bench.arm_refund(fault)
            with pytest.raises(AdapterError) as caught:
                await bench.provider().refund_payment(self.a_part(bench, 100, Money(bench.refunded(ID), "RON")))
            assert isinstance(caught.value, OutcomeUnknown)

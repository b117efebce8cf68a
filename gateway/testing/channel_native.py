"""NativePaymentsContract: what the core relies on of a channel in whose chats a debt can be paid. Beside `ChannelContract`, on a bench
that also says how the vendor's payments go.
"""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import replace

import pytest

from gateway.ports.channel import Button, Charge
from gateway.ports.errors import MalformedWebhook, OutcomeUnknown, Rejected, RetryLater
from gateway.ports.native import CheckoutQuery
from gateway.ports.provider import PaymentStatus, PaymentUpdate
from gateway.ports.values import Money
from gateway.testing.channel_bench import ChannelBench, Fault
from gateway.testing.channel_steps import a_message, parsed

PAYLOAD, SUM = "0000001abcdefghijk", Money(12_540, "RON")
PAGE = Button("Plătește 125,40 lei", url="https://pay.example.ro/p/abc")
OTHER = Button("Altă metodă", url="https://pay.example.ro/p/abc")


class NativeBench(ChannelBench):
    """`paying` are settings of an account in whose chats can be paid; the usual `settings` are of one where not."""

    paying: object

    @abstractmethod
    def pay_buttons(self) -> list[str]:
        """Of each message that the vendor took, in order: the text of its Pay button, empty when it has none."""

    @abstractmethod
    def checkout_body(self, query_id: str, payload: str, amount: Money) -> bytes:
        """What the vendor posts when the payer presses Pay."""

    @abstractmethod
    def payment_body(self, payload: str, amount: Money, *, number: int = 1) -> bytes:
        """What the vendor posts when it has taken the money; `number` tells payments apart."""

    @abstractmethod
    def waits(self, query_id: str) -> None:
        """From now on the vendor waits for an answer to this query."""

    @abstractmethod
    def heard(self, query_id: str) -> str | None:
        """What the vendor heard: empty for a yes, else the words; None while it waits."""


def a_charge(amount: Money = SUM) -> Charge:
    return Charge(PAYLOAD, amount, "Factura 1042", PAGE.text, (OTHER,))


class NativePaymentsContract:
    """Each case is a promise in its name."""

    async def test_a_charge_has_a_pay_button(self, bench: NativeBench) -> None:
        channel = bench.channel(bench.paying)
        await channel.send(a_message(bench, buttons=(PAGE,), charge=a_charge()))

        assert channel.takes(SUM)
        assert bench.pay_buttons() == [PAGE.text]

    async def test_an_account_that_cannot_be_paid_there_has_none(self, bench: NativeBench) -> None:
        channel = bench.channel()
        await channel.send(a_message(bench, buttons=(PAGE,), charge=a_charge()))

        assert not channel.takes(SUM)
        assert bench.pay_buttons() == [""]

    async def test_what_the_vendor_does_not_take_goes_out_without_one(self, bench: NativeBench) -> None:
        channel, huge = bench.channel(bench.paying), replace(SUM, minor=10**12)
        await channel.send(a_message(bench, buttons=(PAGE,), charge=a_charge(huge)))

        assert not channel.takes(huge)
        assert bench.pay_buttons() == [""]

    async def test_checkout_says_what_is_about_to_be_paid(self, bench: NativeBench) -> None:
        (query,) = await parsed(bench, bench.checkout_body("55", PAYLOAD, SUM))

        assert isinstance(query, CheckoutQuery)
        assert (query.query_id, query.payload, query.amount) == ("55", PAYLOAD, SUM)
        assert query.address == bench.address

    async def test_checkout_is_left_to_the_core_to_answer(self, bench: NativeBench) -> None:
        bench.waits("55")
        await parsed(bench, bench.checkout_body("55", PAYLOAD, SUM))

        assert bench.heard("55") is None

    async def test_the_answer_is_heard(self, bench: NativeBench) -> None:
        for query_id, words in (("55", None), ("56", "Factura este deja plătită.")):
            bench.waits(query_id)
            await bench.channel(bench.paying).answer_checkout(query_id, words)

            assert bench.heard(query_id) == (words or "")

    async def test_an_answer_too_late_is_refused(self, bench: NativeBench) -> None:
        with pytest.raises(Rejected):
            await bench.channel(bench.paying).answer_checkout("57", None)

    async def test_an_answer_that_may_not_have_arrived_is_no_success(self, bench: NativeBench) -> None:
        for fault in (Fault.RATE_LIMITED, Fault.UNAVAILABLE, Fault.SERVER_ERROR):
            bench.waits("58")
            bench.arm(fault)
            with pytest.raises((RetryLater, OutcomeUnknown)):
                await bench.channel(bench.paying).answer_checkout("58", None)

    async def test_money_says_how_much_and_for_what(self, bench: NativeBench) -> None:
        (update,) = await parsed(bench, bench.payment_body(PAYLOAD, SUM))

        assert isinstance(update, PaymentUpdate)
        assert (update.status, update.received, update.reference) == (PaymentStatus.PAID, SUM, PAYLOAD)
        assert update.external_id
        assert update.occurred_at.tzinfo is not None

    async def test_two_payments_are_told_apart_and_one_repeated_is_not(self, bench: NativeBench) -> None:
        bodies = [bench.payment_body(PAYLOAD, SUM, number=number) for number in (1, 1, 2)]
        first, again, other = [(await parsed(bench, body))[0] for body in bodies]

        assert first == again
        assert isinstance(first, PaymentUpdate)
        assert isinstance(other, PaymentUpdate)
        assert first.external_id != other.external_id
        assert first.event_id != other.event_id

    async def test_wrong_shapes_of_money_never_crash(self, bench: NativeBench) -> None:
        """Read or refused; what is read has a whole amount of a currency there is."""
        channel = bench.channel()
        good = (bench.checkout_body("55", PAYLOAD, SUM), bench.payment_body(PAYLOAD, SUM))
        for body in (changed for one in good for changed in bench.wrong_shapes(one)):
            try:
                events = await channel.parse_webhook(bench.sign(body))
            except MalformedWebhook:
                continue
            for event in events:
                assert not isinstance(event, PaymentUpdate) or (event.received and event.external_id)
                assert not isinstance(event, CheckoutQuery) or isinstance(event.payload, str)

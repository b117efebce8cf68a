"""NativePaymentsContract bites: for every case there is an adapter, broken on purpose, that fails it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import count
from typing import Any

import pytest

from channels.telegram import TelegramChannel
from gateway.ports.channel import ChannelEvent, Message, SendResult
from gateway.ports.errors import AdapterError, MalformedWebhook
from gateway.ports.native import CheckoutQuery
from gateway.ports.provider import PaymentUpdate
from gateway.ports.values import Money, WebhookRequest
from gateway.testing.biting import cases
from gateway.testing.channel_native import NativePaymentsContract
from tests.channels.telegram_bench import open_bench


class ForgetsTheCharge(TelegramChannel):
    async def send(self, message: Message) -> SendResult:
        return await super().send(replace(message, charge=None))


class TakesAnything(TelegramChannel):
    def takes(self, amount: Money) -> bool:
        return True


class AnswersByItself(TelegramChannel):
    async def parse_webhook(self, request: WebhookRequest) -> Sequence[ChannelEvent]:
        events = await super().parse_webhook(request)
        for event in events:
            if isinstance(event, CheckoutQuery):
                await self.answer_checkout(event.query_id, None)
        return events


class AgreesAlways(TelegramChannel):
    async def answer_checkout(self, query_id: str, refusal: str | None) -> None:
        await super().answer_checkout(query_id, None)


class ShrugsAtAnswers(TelegramChannel):
    async def answer_checkout(self, query_id: str, refusal: str | None) -> None:
        try:
            await super().answer_checkout(query_id, refusal)
        except AdapterError:
            return


class MixesTheSumUp(TelegramChannel):
    async def parse_webhook(self, request: WebhookRequest) -> Sequence[ChannelEvent]:
        return [changed(event) for event in await super().parse_webhook(request)]


class NumbersPaymentsItself(TelegramChannel):
    numbers = count()

    async def parse_webhook(self, request: WebhookRequest) -> Sequence[ChannelEvent]:
        return [
            replace(event, external_id=str(next(self.numbers))) if isinstance(event, PaymentUpdate) else event
            for event in await super().parse_webhook(request)
        ]


class CrashesOnNonsense(TelegramChannel):
    async def parse_webhook(self, request: WebhookRequest) -> Sequence[ChannelEvent]:
        try:
            return await super().parse_webhook(request)
        except MalformedWebhook:
            raise KeyError("total_amount") from None


def changed(event: ChannelEvent) -> ChannelEvent:
    match event:
        case CheckoutQuery(amount=amount):
            return replace(event, amount=Money(amount.minor * 100, amount.currency))
        case PaymentUpdate(received=Money(minor=minor, currency=currency)):
            return replace(event, received=Money(minor * 100, currency))
        case _:
            return event


BITES: dict[str, type[Any]] = {
    "test_a_charge_has_a_pay_button": ForgetsTheCharge,
    "test_an_account_that_cannot_be_paid_there_has_none": TakesAnything,
    "test_what_the_vendor_does_not_take_goes_out_without_one": TakesAnything,
    "test_checkout_says_what_is_about_to_be_paid": MixesTheSumUp,
    "test_checkout_is_left_to_the_core_to_answer": AnswersByItself,
    "test_the_answer_is_heard": AgreesAlways,
    "test_an_answer_too_late_is_refused": ShrugsAtAnswers,
    "test_an_answer_that_may_not_have_arrived_is_no_success": ShrugsAtAnswers,
    "test_money_says_how_much_and_for_what": MixesTheSumUp,
    "test_two_payments_are_told_apart_and_one_repeated_is_not": NumbersPaymentsItself,
    "test_wrong_shapes_of_money_never_crash": CrashesOnNonsense,
}


def test_every_case_has_somebody_who_fails_it() -> None:
    assert sorted(BITES) == cases(NativePaymentsContract)


@pytest.mark.parametrize(("case", "broken"), BITES.items(), ids=lambda each: getattr(each, "__name__", str(each)))
async def test_broken_channel_fails(case: str, broken: type[Any]) -> None:
    async with open_bench() as bench:
        bench.plugin = replace(bench.plugin, create=broken)
        with pytest.raises((Exception, pytest.fail.Exception)) as failure:
            await getattr(NativePaymentsContract(), case)(bench)

    assert not isinstance(failure.value, pytest.skip.Exception)

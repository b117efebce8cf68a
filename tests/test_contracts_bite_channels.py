"""ChannelContract bites: for every case there is an adapter, broken on purpose, that fails it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import replace
from datetime import UTC, datetime
from itertools import count
from typing import Any

import pytest

from channels.email import EmailChannel
from channels.sms import SmsChannel
from channels.telegram import TelegramChannel
from channels.whatsapp import WhatsAppChannel
from gateway.ports.channel import (
    ChannelEvent,
    DeliveryStatus,
    DeliveryUpdate,
    InboundMessage,
    Message,
    SendResult,
    TemplateStanding,
    TemplateText,
)
from gateway.ports.errors import AdapterError, InvalidSignature, MalformedWebhook, OutcomeUnknown, Rejected, RetryLater
from gateway.ports.values import WebhookRequest
from gateway.testing.biting import cases
from gateway.testing.channel import ChannelContract
from gateway.testing.channel_steps import TEXT
from tests.channels import email_bench, sms_bench, telegram_bench, whatsapp_bench

BENCHES: dict[type[Any], Callable[[], AbstractAsyncContextManager[Any]]] = {
    SmsChannel: sms_bench.open_bench,
    EmailChannel: email_bench.open_bench,
    TelegramChannel: telegram_bench.open_bench,
    WhatsAppChannel: whatsapp_bench.open_bench,
}


class MakesUpTheId(SmsChannel):
    async def send(self, message: Message) -> SendResult:
        await super().send(message)
        return SendResult("made-up")


class MixesMessagesUp(SmsChannel):
    async def send(self, message: Message) -> SendResult:
        self.latest = message
        await asyncio.sleep(0)
        return await super().send(self.latest)


class JoinsLines(SmsChannel):
    async def send(self, message: Message) -> SendResult:
        return await super().send(replace(message, text=" ".join(message.text.split())))


class CutsTheText(SmsChannel):
    async def send(self, message: Message) -> SendResult:
        return await super().send(replace(message, text=message.text[:1500]))


class NewReferenceEachTime(EmailChannel):
    numbers = count()

    async def send(self, message: Message) -> SendResult:
        return await super().send(replace(message, reference=f"dlv_{next(self.numbers)}"))


class ForgetsTheDelay(SmsChannel):
    async def send(self, message: Message) -> SendResult:
        try:
            return await super().send(message)
        except RetryLater:
            raise RetryLater from None


class GivesUpAtOnce(SmsChannel):
    async def send(self, message: Message) -> SendResult:
        try:
            return await super().send(message)
        except (RetryLater, OutcomeUnknown):
            raise Rejected("500") from None


class SendsAgainBlindly(SmsChannel):
    async def send(self, message: Message) -> SendResult:
        try:
            return await super().send(message)
        except OutcomeUnknown:
            raise RetryLater from None


class FindsNothing(SmsChannel):
    async def find_sent(self, message: Message, since: datetime) -> SendResult | None:
        return None


class FindsAnything(SmsChannel):
    async def find_sent(self, message: Message, since: datetime) -> SendResult | None:
        return SendResult("SM1")


class FindsOldOnes(SmsChannel):
    async def find_sent(self, message: Message, since: datetime) -> SendResult | None:
        return await super().find_sent(message, datetime.fromtimestamp(0, UTC))


class NeverSilences(SmsChannel):
    async def send(self, message: Message) -> SendResult:
        try:
            return await super().send(message)
        except Rejected as refusal:
            raise Rejected(refusal.code) from None

    async def parse_webhook(self, request: WebhookRequest) -> Sequence[ChannelEvent]:
        return [changed(event, unreachable=False) for event in await super().parse_webhook(request)]


class AlwaysSilences(SmsChannel):
    async def send(self, message: Message) -> SendResult:
        try:
            return await super().send(message)
        except Rejected as refusal:
            raise Rejected(refusal.code, unreachable=True) from None

    async def parse_webhook(self, request: WebhookRequest) -> Sequence[ChannelEvent]:
        return [changed(event, unreachable=True) for event in await super().parse_webhook(request)]


class SwallowsRefusals(SmsChannel):
    async def send(self, message: Message) -> SendResult:
        try:
            return await super().send(message)
        except Rejected:
            return SendResult("SM1")


class KeepsNoTextWithoutALink(WhatsAppChannel):
    async def register_template(self, text: TemplateText) -> TemplateStanding:
        if not text.button:
            raise Rejected("100")
        return await super().register_template(text)


class EditsNothing(TelegramChannel):
    async def edit(self, external_id: str, message: Message) -> None:
        return


class EqualIsAnError(TelegramChannel):
    async def edit(self, external_id: str, message: Message) -> None:
        if message.text == TEXT:
            raise Rejected("400")
        await super().edit(external_id, message)


class WrongAddress(SmsChannel):
    async def parse_webhook(self, request: WebhookRequest) -> Sequence[ChannelEvent]:
        return [changed(event, address="+40700000000") for event in await super().parse_webhook(request)]


class WrongMessage(SmsChannel):
    async def parse_webhook(self, request: WebhookRequest) -> Sequence[ChannelEvent]:
        return [changed(event, external_id="another") for event in await super().parse_webhook(request)]


class BelievesAnyStatus(SmsChannel):
    async def parse_webhook(self, request: WebhookRequest) -> Sequence[ChannelEvent]:
        return [changed(event, status=DeliveryStatus.DELIVERED) for event in await super().parse_webhook(request)]


class ShrugsAtForgeries(SmsChannel):
    async def parse_webhook(self, request: WebhookRequest) -> Sequence[ChannelEvent]:
        try:
            return await super().parse_webhook(request)
        except InvalidSignature:
            return ()


class KnowsOneSecret(TelegramChannel):
    async def parse_webhook(self, request: WebhookRequest) -> Sequence[ChannelEvent]:
        self._settings = replace(self._settings, webhook_secret_previous=None)
        return await super().parse_webhook(request)


class NumbersEventsItself(SmsChannel):
    numbers = count()

    async def parse_webhook(self, request: WebhookRequest) -> Sequence[ChannelEvent]:
        return [changed(event, event_id=str(next(self.numbers))) for event in await super().parse_webhook(request)]


class OneEventIdPerMessage(SmsChannel):
    async def parse_webhook(self, request: WebhookRequest) -> Sequence[ChannelEvent]:
        return [changed(event, event_id=event.external_id) for event in await super().parse_webhook(request)]


class ShrugsAtNonsense(SmsChannel):
    async def parse_webhook(self, request: WebhookRequest) -> Sequence[ChannelEvent]:
        try:
            return await super().parse_webhook(request)
        except MalformedWebhook:
            return ()


class CrashesOnNonsense(SmsChannel):
    async def parse_webhook(self, request: WebhookRequest) -> Sequence[ChannelEvent]:
        try:
            return await super().parse_webhook(request)
        except MalformedWebhook:
            raise KeyError("MessageSid") from None


class SaysTooMuch(SmsChannel):
    async def send(self, message: Message) -> SendResult:
        try:
            return await super().send(message)
        except AdapterError as error:
            raise RetryLater(f"{message.to}: {error}") from None


class ClosesOnce(SmsChannel):
    closed = 0

    async def aclose(self) -> None:
        self.closed += 1
        if self.closed == 2:
            raise RuntimeError("closed already")


def changed(event: ChannelEvent, **changes: Any) -> ChannelEvent:
    """`event` with those of the changes that it has a field for."""
    kind: type[Any] = DeliveryUpdate if isinstance(event, DeliveryUpdate) else InboundMessage
    return replace(event, **{name: value for name, value in changes.items() if name in kind.__slots__})


BITES = {
    "test_send_hands_over_the_text_and_returns_the_vendors_id": MakesUpTheId,
    "test_many_sends_at_once_are_kept_apart": MixesMessagesUp,
    "test_every_letter_and_line_arrives": JoinsLines,
    "test_text_at_the_limit_arrives_whole": CutsTheText,
    "test_text_over_the_limit_is_refused_and_never_cut": CutsTheText,
    "test_retry_carries_the_same_reference": NewReferenceEachTime,
    "test_rate_limit_is_retried_when_the_vendor_says": ForgetsTheDelay,
    "test_unavailable_vendor_is_retried": GivesUpAtOnce,
    "test_server_error_is_never_a_refusal": GivesUpAtOnce,
    "test_vendor_out_of_reach_is_retried": GivesUpAtOnce,
    "test_send_without_an_answer_is_unknown": SendsAgainBlindly,
    "test_lost_send_is_found": FindsNothing,
    "test_send_that_was_not_taken_is_not_found": FindsAnything,
    "test_an_older_message_is_not_taken_for_a_lost_one": FindsOldOnes,
    "test_refused_address_is_unreachable": NeverSilences,
    "test_refused_message_does_not_silence_the_address": AlwaysSilences,
    "test_nonsense_address_is_refused": SwallowsRefusals,
    "test_edit_replaces_the_text": EditsNothing,
    "test_kept_texts_are_sent_as_the_payer_reads_them": KeepsNoTextWithoutALink,
    "test_edit_to_the_same_is_done": EqualIsAnError,
    "test_edit_of_what_is_not_there_is_refused": EditsNothing,
    "test_reply_says_who_wrote_what": WrongAddress,
    "test_receipt_is_matched_to_its_message": WrongMessage,
    "test_hard_failure_silences_the_address_and_a_soft_one_does_not": NeverSilences,
    "test_unknown_status_is_kept_as_unknown": BelievesAnyStatus,
    "test_unsigned_webhook_is_refused": ShrugsAtForgeries,
    "test_forged_webhook_is_refused": ShrugsAtForgeries,
    "test_proof_changed_by_a_byte_is_refused": ShrugsAtForgeries,
    "test_body_changed_by_a_byte_is_refused": ShrugsAtForgeries,
    "test_truncated_webhook_is_refused": ShrugsAtForgeries,
    "test_both_secrets_hold_during_rotation": KnowsOneSecret,
    "test_repeated_webhook_has_the_same_event_id": NumbersEventsItself,
    "test_different_news_has_different_event_ids": OneEventIdPerMessage,
    "test_genuine_nonsense_is_malformed": ShrugsAtNonsense,
    "test_wrong_shapes_never_crash": CrashesOnNonsense,
    "test_nothing_secret_or_personal_is_said": SaysTooMuch,
    "test_closing_twice_is_fine": ClosesOnce,
}


def test_every_case_has_somebody_who_fails_it() -> None:
    assert sorted(BITES) == cases(ChannelContract)


@pytest.mark.parametrize(("case", "broken"), BITES.items(), ids=lambda each: getattr(each, "__name__", str(each)))
async def test_broken_channel_fails(case: str, broken: type[Any]) -> None:
    async with BENCHES[broken.__mro__[1]]() as bench:
        bench.plugin = replace(bench.plugin, create=broken)
        with pytest.raises((Exception, pytest.fail.Exception)) as failure:
            await getattr(ChannelContract(), case)(bench)

    assert not isinstance(failure.value, pytest.skip.Exception)

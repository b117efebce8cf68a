"""Bills in the chat: what is written on one, which refusals make it a text, how it goes away, what a payer is answered."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from typing import Any

import pytest

from channels.telegram import CHANNEL
from channels.telegram.charges import AMOUNTS
from gateway.demo import standin
from gateway.demo.telegram import PROVIDER_TOKEN, bills
from gateway.ports.channel import Button, Charge, Message
from gateway.ports.errors import OutcomeUnknown, Rejected, RetryLater
from gateway.ports.http import HttpResponse
from gateway.ports.values import Money, Secret, decimals
from gateway.testing.channel_steps import a_message
from tests.channels.telegram_bench import PAYER, TelegramBench, open_bench
from tests.channels.test_telegram import Answers

PAGE = Button("Plătește 125,40 lei", url="https://pay.example.ro/p/abc")
OTHER = Button("Altă metodă", url="https://pay.example.ro/p/abc")


@pytest.fixture
async def bench() -> AsyncIterator[TelegramBench]:
    async with open_bench() as bench:
        yield bench


def with_provider(bench: TelegramBench, **more: Any) -> Any:
    return bench.channel(bench.settings_with(provider_token=Secret(PROVIDER_TOKEN), **more))


def a_bill(bench: TelegramBench, minor: int = 12540, currency: str = "RON", **changes: Any) -> Message:
    about = {"payload": "tok", "title": "Factura 1042", "pay": "Plătește 125,40 lei", "beside": (OTHER,)} | changes
    return a_message(bench, buttons=(PAGE,), charge=Charge(amount=Money(minor, currency), **about))


class TestSend:
    async def test_it_is_written_as_telegram_wants_it(self, bench: TelegramBench) -> None:
        result = await with_provider(bench).send(a_bill(bench))
        (call,) = bench.telegram.calls

        assert call.method == "sendInvoice"
        assert {
            name: call.parameters[name] for name in ("title", "payload", "provider_token", "currency", "prices")
        } == {
            "title": "Factura 1042",
            "payload": "tok",
            "provider_token": PROVIDER_TOKEN,
            "currency": "RON",
            "prices": [{"label": "Factura 1042", "amount": 12540}],
        }
        assert call.parameters["reply_markup"]["inline_keyboard"] == [
            [{"text": "Plătește 125,40 lei", "pay": True}],
            [{"text": "Altă metodă", "url": "https://pay.example.ro/p/abc"}],
        ]
        assert result.external_id == next(iter(bench.external_ids()))

    async def test_title_and_description_are_cut_to_what_telegram_shows(self, bench: TelegramBench) -> None:
        message = a_bill(bench, title="Factura " + "9" * 40)
        await with_provider(bench).send(replace(message, text="ă" * 300))
        (sent,) = bench.telegram.messages

        assert sent.bill is not None
        assert (len(sent.bill.title), sent.bill.title[-1]) == (32, "…")
        assert (len(sent.bill.description), sent.bill.description[-1]) == (255, "…")

    async def test_without_a_provider_it_is_a_text(self, bench: TelegramBench) -> None:
        await bench.channel().send(a_bill(bench))

        assert [call.method for call in bench.telegram.calls] == ["sendMessage"]
        assert [button.text for button in bench.telegram.messages[0].buttons] == [PAGE.text]

    @pytest.mark.parametrize(
        "bill",
        [
            lambda bench: a_bill(bench, 418),
            lambda bench: a_bill(bench, 4_200_000),
            lambda bench: a_bill(bench, 500, "MXN"),
            lambda bench: a_bill(bench, payload="x" * 129),
            lambda bench: a_bill(bench, payload=""),
        ],
        ids=["too little", "too much", "currency", "payload", "no payload"],
    )
    async def test_one_that_telegram_refuses_is_a_text(
        self, bench: TelegramBench, bill: Callable[[TelegramBench], Message]
    ) -> None:
        await with_provider(bench).send(bill(bench))

        assert [call.method for call in bench.telegram.calls] == ["sendInvoice", "sendMessage"]
        assert [message.bill for message in bench.telegram.messages] == [None]
        assert [button.text for button in bench.telegram.messages[0].buttons] == [PAGE.text]

    async def test_who_blocked_the_bot_gets_no_text_instead(self, bench: TelegramBench) -> None:
        bench.telegram.api.people[PAYER].blocked = True
        with pytest.raises(Rejected) as refusal:
            await with_provider(bench).send(a_bill(bench))

        assert refusal.value.unreachable
        assert [call.method for call in bench.telegram.calls] == ["sendInvoice"]

    @pytest.mark.parametrize(
        ("fault", "error"), [(standin.Fault.THROTTLED, RetryLater), (standin.Fault.LOSE_ANSWER, OutcomeUnknown)]
    )
    async def test_no_second_message_when_the_first_may_be_there(
        self, bench: TelegramBench, fault: standin.Fault, error: type[Exception]
    ) -> None:
        bench.telegram.fault = fault
        with pytest.raises(error):
            await bench.channel(bench.settings_with(provider_token=Secret(PROVIDER_TOKEN)), patience_s=0.3).send(
                a_bill(bench)
            )

        assert [call.method for call in bench.telegram.calls if call.method == "sendMessage"] == []

    async def test_it_cannot_ask_for_the_number_too(self, bench: TelegramBench) -> None:
        with pytest.raises(Rejected, match="buttons"):
            await with_provider(bench).send(a_bill(bench, beside=(Button("Numărul meu", contact=True),)))


class TestTakes:
    @pytest.mark.parametrize(
        ("minor", "currency", "taken"),
        [
            (419, "RON", True),
            (4_199_702, "RON", True),
            (418, "RON", False),
            (4_199_703, "RON", False),
            (500, "JPY", True),
            (1_000, "KWD", False),
            (0, "EUR", False),
        ],
    )
    async def test_only_what_telegram_takes(self, bench: TelegramBench, minor: int, currency: str, taken: bool) -> None:
        assert with_provider(bench).takes(Money(minor, currency)) is taken

    async def test_nothing_without_a_provider(self, bench: TelegramBench) -> None:
        assert bench.channel().takes(Money(12540, "RON")) is False

    def test_the_stand_in_takes_no_more_than_we_think(self) -> None:
        assert bills.AMOUNTS.items() <= AMOUNTS.items()
        assert {decimals(currency) for currency in AMOUNTS} == {0, 2}


class TestEdit:
    async def test_a_bill_is_deleted_and_that_again_is_refused(self, bench: TelegramBench) -> None:
        channel = with_provider(bench)
        result = await channel.send(a_bill(bench))
        await channel.edit(result.external_id, a_message(bench, text="Achitat"))

        assert [f"{gone.chat_id}:{gone.message_id}" for gone in bench.telegram.deleted] == [result.external_id]
        with pytest.raises(Rejected):
            await channel.edit(result.external_id, a_message(bench, text="Achitat"))

    async def test_after_48_hours_it_stays(self, bench: TelegramBench) -> None:
        channel = with_provider(bench)
        result = await channel.send(a_bill(bench))
        bench.clock.advance(seconds=48 * 3600)
        with pytest.raises(Rejected):
            await channel.edit(result.external_id, a_message(bench, text="Achitat"))

        assert len(bench.telegram.deleted) == 0


class TestAnswer:
    async def asked(self, bench: TelegramBench) -> asyncio.Future[str]:
        bench.telegram.api.checkouts["55"] = waiting = asyncio.get_running_loop().create_future()
        return waiting

    @pytest.mark.parametrize("words", [None, "Factura este deja plătită."])
    async def test_yes_or_why_not(self, bench: TelegramBench, words: str | None) -> None:
        waiting = await self.asked(bench)
        await bench.channel().answer_checkout("55", words)

        assert waiting.result() == (words or "")

    async def test_too_late(self, bench: TelegramBench) -> None:
        with pytest.raises(Rejected):
            await bench.channel().answer_checkout("56", None)

    @pytest.mark.parametrize(
        ("status", "body", "error"),
        [
            (500, {"ok": False, "error_code": 500, "description": "Internal Server Error"}, OutcomeUnknown),
            (200, "<html>", OutcomeUnknown),
            (401, {"ok": False, "error_code": 401, "description": "Unauthorized"}, Rejected),
        ],
    )
    async def test_what_each_answer_means(
        self, bench: TelegramBench, status: int, body: Any, error: type[Exception]
    ) -> None:
        raw = body if isinstance(body, str) else json.dumps(body)
        channel: Any = CHANNEL.create(bench.settings, Answers(HttpResponse(status, {}, raw.encode())))
        with pytest.raises(error):
            await channel.answer_checkout("55", None)

    async def test_it_does_not_wait_longer_than_telegram(
        self, bench: TelegramBench, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        from channels import telegram

        assert telegram._CHECKOUT_S < 10
        monkeypatch.setattr(telegram, "_CHECKOUT_S", 0.05)
        bench.telegram.fault = standin.Fault.HANG
        with pytest.raises(OutcomeUnknown):
            await bench.channel().answer_checkout("55", None)

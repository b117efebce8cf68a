"""What is special about Telegram: deep links, buttons, blocks, edits, a token in every URL."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import pytest

from channels.telegram import CHANNEL, Settings
from gateway.demo import standin
from gateway.ports.channel import Button
from gateway.ports.errors import OutcomeUnknown, Rejected, RetryLater
from gateway.ports.http import HttpResponse
from gateway.ports.values import Secret
from gateway.testing.channel_steps import a_message, sent
from tests.channels.telegram_bench import PAYER, TelegramBench, open_bench

BUTTONS = (Button("Plătește", url="https://pay.example.ro/p/abc"), Button("Mai târziu", data="later:inv_1"))


class Answers:
    """An HttpClient whose vendor always says the same."""

    def __init__(self, answer: HttpResponse) -> None:
        self.answer = answer

    async def request(self, *_: Any, **__: Any) -> HttpResponse:
        return self.answer


@pytest.fixture
async def bench() -> AsyncIterator[TelegramBench]:
    async with open_bench() as bench:
        yield bench


class TestSend:
    async def test_buttons_are_one_a_row(self, bench: TelegramBench) -> None:
        await bench.channel().send(a_message(bench, buttons=BUTTONS))

        assert [(button.text, button.url, button.data) for button in bench.telegram.messages[0].buttons] == [
            ("Plătește", "https://pay.example.ro/p/abc", None),
            ("Mai târziu", None, "later:inv_1"),
        ]
        (call,) = bench.telegram.calls
        assert [len(row) for row in call.parameters["reply_markup"]["inline_keyboard"]] == [1, 1]

    async def test_text_is_not_formatted(self, bench: TelegramBench) -> None:
        text = "<b>*_[x](y)_* & `z`"
        await bench.channel().send(a_message(bench, text=text))

        assert list(bench.taken()) == [text]
        assert "parse_mode" not in bench.telegram.calls[0].parameters

    async def test_data_over_64_bytes_is_the_vendors_to_refuse(self, bench: TelegramBench) -> None:
        with pytest.raises(Rejected) as refusal:
            await bench.channel().send(a_message(bench, buttons=[Button("x", data="ă" * 33)]))

        assert not refusal.value.unreachable

    @pytest.mark.parametrize(
        ("prepare", "code"),
        [
            (lambda bench: bench.telegram.join(5), "403"),  # has not pressed Start
            (lambda bench: None, "400"),  # chat not found
        ],
    )
    async def test_who_cannot_be_written_to_is_unreachable(self, bench: TelegramBench, prepare: Any, code: str) -> None:
        prepare(bench)
        with pytest.raises(Rejected) as refusal:
            await bench.channel().send(a_message(bench, to="5"))

        assert (refusal.value.code, refusal.value.unreachable) == (code, True)

    async def test_wish_to_wait_is_honoured(self, bench: TelegramBench) -> None:
        bench.telegram.fault = standin.Fault.THROTTLED
        bench.telegram.retry_after_s = 41
        with pytest.raises(RetryLater) as raised:
            await sent(bench)

        assert raised.value.after_s == 41

    @pytest.mark.parametrize(
        ("status", "body", "error"),
        [
            (400, {"ok": False, "error_code": 400, "description": "Bad Request: message text is empty"}, Rejected),
            (401, {"ok": False, "error_code": 401, "description": "Unauthorized"}, Rejected),
            (404, {"ok": False, "error_code": 404, "description": "Not Found"}, Rejected),
            (409, {"ok": False, "error_code": 409, "description": "Conflict: x"}, Rejected),
            (400, {"ok": False, "description": "x", "parameters": {"migrate_to_chat_id": 9}}, Rejected),
            (500, {"ok": False, "error_code": 500, "description": "Internal Server Error"}, OutcomeUnknown),
            (500, "<html>oops</html>", OutcomeUnknown),
            (200, "<html>oops</html>", OutcomeUnknown),
            (200, "[]", OutcomeUnknown),
            (200, {}, OutcomeUnknown),
            (200, {"ok": True, "result": True}, OutcomeUnknown),
            (200, {"ok": True, "result": {"message_id": 1}}, OutcomeUnknown),
        ],
    )
    async def test_what_each_answer_means(
        self, bench: TelegramBench, status: int, body: Any, error: type[Exception]
    ) -> None:
        raw = body if isinstance(body, str) else json.dumps(body)
        channel = CHANNEL.create(bench.settings, Answers(HttpResponse(status, {}, raw.encode())))
        with pytest.raises(error):
            await channel.send(a_message(bench))


class TestContactButton:
    BUTTON = Button("Trimite numărul meu", contact=True)

    async def test_it_is_a_key_that_shares_the_number(self, bench: TelegramBench) -> None:
        await bench.channel().send(a_message(bench, buttons=[self.BUTTON, Button("Nu acum", data="no")]))

        (message,) = bench.telegram.messages
        assert [(key.text, key.contact) for key in message.keys] == [("Trimite numărul meu", True), ("Nu acum", False)]
        assert message.buttons == ()
        markup = bench.telegram.calls[0].parameters["reply_markup"]
        assert (markup["one_time_keyboard"], [len(row) for row in markup["keyboard"]]) == (True, [1, 1])

    async def test_a_page_cannot_stand_beside_it(self, bench: TelegramBench) -> None:
        with pytest.raises(Rejected, match="buttons"):
            await bench.channel().send(a_message(bench, buttons=[self.BUTTON, *BUTTONS]))

        assert not bench.taken()

    async def test_a_message_that_was_sent_does_not_get_one(self, bench: TelegramBench) -> None:
        result = await sent(bench)
        with pytest.raises(Rejected, match="buttons"):
            await bench.channel().edit(result.external_id, a_message(bench, buttons=[self.BUTTON]))


class TestLink:
    async def test_start_link_brings_its_token_back(self, bench: TelegramBench) -> None:
        link = bench.channel().start_url("a-B_9")
        assert link == "https://t.me/achit_demo_bot?start=a-B_9"

    async def test_without_the_bots_name_there_is_no_link(self, bench: TelegramBench) -> None:
        assert bench.channel(bench.settings_with(bot_username="")).start_url("abc") is None


class TestEdit:
    async def test_text_and_buttons_are_replaced(self, bench: TelegramBench) -> None:
        result = await bench.channel().send(a_message(bench, buttons=BUTTONS))
        await bench.channel().edit(result.external_id, a_message(bench, text="Achitat ✓"))

        (edited,) = bench.telegram.edits
        assert (edited.text, list(edited.buttons), edited.edited) == ("Achitat ✓", [], True)
        assert len(bench.telegram.messages) == 1

    async def test_lost_answer_to_an_edit_is_tried_again(self, bench: TelegramBench) -> None:
        """To edit twice is to edit once, so nothing is unknown."""
        result = await sent(bench)
        bench.telegram.fault = standin.Fault.LOSE_ANSWER
        with pytest.raises(RetryLater):
            await bench.channel(patience_s=0.3).edit(result.external_id, a_message(bench, text="Achitat"))
        bench.telegram.fault = None
        await bench.channel().edit(result.external_id, a_message(bench, text="Achitat"))

        assert len(bench.telegram.edits) == 1

    async def test_edit_in_a_blocked_chat_is_refused(self, bench: TelegramBench) -> None:
        result = await sent(bench)
        bench.telegram.api.people[PAYER].blocked = True
        with pytest.raises(Rejected):
            await bench.channel().edit(result.external_id, a_message(bench, text="Achitat"))


def test_settings_name_what_is_wrong() -> None:
    with pytest.raises(ValueError, match="webhook_secret"):
        Settings(bot_token=Secret("1:x"), webhook_secret=Secret("no spaces"))


def test_plugin_is_honest() -> None:
    assert (CHANNEL.name, CHANNEL.address) == ("telegram", "chat")
    assert (CHANNEL.edits, CHANNEL.replies, CHANNEL.receipts, CHANNEL.finds_sent) == (True, True, False, False)
    assert CHANNEL.native_payments
    assert replace(CHANNEL.limits, text=1).per_second < 30, "Telegram's own limit"

"""What each kind of update says: words, buttons, numbers, languages, forwards, checkouts and money."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any

import pytest

from gateway.ports.channel import ChannelEvent, InboundMessage
from gateway.ports.errors import MalformedWebhook
from gateway.ports.native import CheckoutQuery
from gateway.ports.provider import PaymentStatus, PaymentUpdate
from gateway.ports.values import Money
from gateway.testing.channel_steps import parsed
from tests.channels.telegram_bench import PAYER, TelegramBench, open_bench, update

AT = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)
CHAT = {"id": PAYER, "type": "private", "first_name": "Ana"}
USER = {"id": PAYER, "is_bot": False, "first_name": "Ana", "language_code": "ro"}
PHOTO = [{"file_id": "x", "file_unique_id": "y", "width": 1, "height": 1}]
VOICE = {"file_id": "x", "file_unique_id": "y", "duration": 3}
GROUP = {"id": -100, "type": "group", "title": "x"}

CHECKOUT = {"id": "55", "from": USER, "currency": "RON", "total_amount": 12540, "invoice_payload": "tok"}
PAYMENT = {
    "currency": "RON",
    "total_amount": 12540,
    "invoice_payload": "tok",
    "telegram_payment_charge_id": "_tg1",
    "provider_payment_charge_id": "ch_1",
}


@pytest.fixture
async def bench() -> AsyncIterator[TelegramBench]:
    async with open_bench() as bench:
        yield bench


async def the(bench: TelegramBench, **content: Any) -> ChannelEvent:
    (event,) = await parsed(bench, update(1, **content))
    return event


async def one(bench: TelegramBench, body: bytes) -> InboundMessage:
    (event,) = await parsed(bench, body)
    assert isinstance(event, InboundMessage)
    return event


def message(text: str | None = "da", **changes: Any) -> dict[str, Any]:
    return {"message_id": 7, "date": int(AT.timestamp()), "chat": CHAT, "from": USER, "text": text, **changes}


class TestUpdates:
    @pytest.mark.parametrize(
        ("text", "token"),
        [
            ("/start a-B_9", "a-B_9"),
            ("/start@achit_demo_bot a-B_9", "a-B_9"),
            ("/start " + "x" * 64, "x" * 64),
            ("/start " + "x" * 65, None),
            ("/start", None),
            ("/start a b", None),
            ("/started abc", None),
            ("start abc", None),
            ("/start ăbc", None),
        ],
    )
    async def test_deep_link(self, bench: TelegramBench, text: str, token: str | None) -> None:
        event = await one(bench, update(1, message=message(text)))

        assert (event.start_token, event.text, event.address) == (token, text, str(PAYER))

    async def test_message(self, bench: TelegramBench) -> None:
        assert await one(bench, update(42, message=message("Plătesc vineri"))) == InboundMessage(
            event_id="42",
            external_id=f"{PAYER}:7",
            address=str(PAYER),
            text="Plătesc vineri",
            occurred_at=AT,
            locale="ro",
        )

    async def test_button(self, bench: TelegramBench) -> None:
        query = {"id": "9", "from": USER, "chat_instance": "1", "data": "later:inv_1", "message": message()}

        assert await one(bench, update(43, callback_query=query)) == InboundMessage(
            event_id="43",
            external_id=f"{PAYER}:7",
            address=str(PAYER),
            text="",
            occurred_at=bench.clock.now(),
            button="later:inv_1",
            in_reply_to=f"{PAYER}:7",
            locale="ro",
        )

    async def test_button_under_a_message_too_old_to_see(self, bench: TelegramBench) -> None:
        old = {"message_id": 7, "date": 0, "chat": CHAT}
        query = {"id": "9", "from": USER, "chat_instance": "1", "data": "later", "message": old}

        assert (await one(bench, update(43, callback_query=query))).external_id == f"{PAYER}:7"

    @pytest.mark.parametrize(
        "content",
        [
            {"message": message(chat={"id": -100, "type": "group", "title": "x"})},
            {"message": message(text=None, new_chat_title="x")},
            {"edited_message": message()},
            {"channel_post": message(chat={"id": -100, "type": "channel", "title": "x"})},
            {"poll_of_tomorrow": {"x": 1}},
            {},
        ],
    )
    async def test_what_is_of_no_interest(self, bench: TelegramBench, content: dict[str, Any]) -> None:
        assert await parsed(bench, update(1, **content)) == ()

    async def test_caption_counts_as_text(self, bench: TelegramBench) -> None:
        photo = [{"file_id": "x", "file_unique_id": "y", "width": 1, "height": 1}]

        assert (await one(bench, update(1, message=message(text=None, photo=photo, caption="dovada")))).text == "dovada"

    @pytest.mark.parametrize(
        ("more", "text"),
        [({"photo": PHOTO}, ""), ({"voice": VOICE}, ""), ({"photo": PHOTO, "caption": "dovada"}, "dovada")],
    )
    async def test_more_than_text(self, bench: TelegramBench, more: dict[str, Any], text: str) -> None:
        event = await one(bench, update(1, message=message(text=None, **more)))

        assert (event.media, event.text) == (True, text)

    async def test_answer_names_the_message_that_it_answers(self, bench: TelegramBench) -> None:
        about = {"message_id": 6, "date": 0, "chat": CHAT, "text": "Factura 1042"}

        assert (await one(bench, update(1, message=message(reply_to_message=about)))).in_reply_to == f"{PAYER}:6"
        assert (await one(bench, update(1, message=message()))).in_reply_to is None

    @pytest.mark.parametrize(
        "origin",
        [
            {"type": "hidden_user", "date": 0, "sender_user_name": "Acme"},
            {"type": "user", "date": 0, "sender_user": {"id": 5, "is_bot": True, "first_name": "Acme"}},
            {"type": "channel", "date": 0, "chat": {"id": -5, "type": "channel", "title": "x"}, "message_id": 3},
        ],
    )
    async def test_forwarded(self, bench: TelegramBench, origin: dict[str, Any]) -> None:
        event = await one(bench, update(1, message=message("Plătește aici", forward_origin=origin)))

        assert (event.forwarded, event.text) == (True, "Plătește aici")

    @pytest.mark.parametrize(
        ("code", "locale"), [("ro", "ro"), ("en-US", "en-US"), (None, None), ("", None), ("<b>", None), (7, None)]
    )
    async def test_language(self, bench: TelegramBench, code: Any, locale: str | None) -> None:
        event = await one(bench, update(1, message=message(**{"from": USER | {"language_code": code}})))

        assert event.locale == locale


class TestContact:
    @pytest.mark.parametrize(
        ("phone", "number"),
        [
            ("40722123456", "+40722123456"),
            ("+40722123456", "+40722123456"),
            ("+40 722 123-456", "+40722123456"),
            ("+40 (722) 123 456", "+40722123456"),
            ("0722123456", None),  # not international: not guessed
            ("12345", None),
            ("+4072212345678901", None),
            ("mine", None),
        ],
    )
    async def test_own_number(self, bench: TelegramBench, phone: str, number: str | None) -> None:
        contact = {"phone_number": phone, "first_name": "Ana", "user_id": PAYER}
        event = await one(bench, update(1, message=message(text=None, contact=contact)))

        assert (event.contact, event.text) == (number, "")

    @pytest.mark.parametrize("owner", [{"user_id": PAYER + 1}, {}], ids=["somebody else's", "nobody's"])
    async def test_anybody_elses_number_proves_nothing(self, bench: TelegramBench, owner: dict[str, int]) -> None:
        contact = {"phone_number": "40722123456", "first_name": "Ana", **owner}
        event = await one(bench, update(1, message=message(text=None, contact=contact)))

        assert (event.contact, event.media) == (None, True)


class TestMoney:
    async def test_checkout(self, bench: TelegramBench) -> None:
        assert await the(bench, pre_checkout_query=CHECKOUT) == CheckoutQuery(
            "1", "55", str(PAYER), "tok", Money(12540, "RON"), bench.clock.now(), "ro"
        )
        assert len(bench.telegram.calls) == 0, "not answered here"

    @pytest.mark.parametrize("chat", [CHAT, GROUP], ids=["private", "group"])
    async def test_payment(self, bench: TelegramBench, chat: dict[str, Any]) -> None:
        paid = message(text=None, chat=chat, successful_payment=PAYMENT)

        assert await the(bench, message=paid) == PaymentUpdate(
            "1", "_tg1:ch_1", PaymentStatus.PAID, AT, Money(12540, "RON"), reference="tok"
        )

    @pytest.mark.parametrize(
        "change",
        [
            {"currency": "XTR"},
            {"currency": None},
            {"total_amount": "12540"},
            {"total_amount": 125.4},
            {"total_amount": True},
            {"total_amount": -1},
            {"total_amount": 10**16},
            {"invoice_payload": None},
            {"telegram_payment_charge_id": ""},
            {"provider_payment_charge_id": 5},
        ],
    )
    async def test_money_that_cannot_be_read_is_sent_again_and_never_guessed(
        self, bench: TelegramBench, change: dict[str, Any]
    ) -> None:
        with pytest.raises(MalformedWebhook):
            await the(bench, message=message(text=None, successful_payment=PAYMENT | change))

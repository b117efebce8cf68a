"""The demo's Bot API: judged itself, and with a webhook of the gateway's kind behind it, over HTTP."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from channels.telegram import CHANNEL
from gateway.demo import standin
from gateway.demo.telegram import PROVIDER_TOKEN
from gateway.ports.channel import Button, InboundMessage
from gateway.ports.errors import InvalidSignature, Rejected
from gateway.ports.values import WebhookRequest
from gateway.testing.channel_steps import a_message
from tests.channels.telegram_bench import PAYER, TelegramBench, open_bench

BUTTONS = (Button("Plătește", url="https://pay.example.ro/p/abc"), Button("Mai târziu", data="later:inv_1"))

PAY = {"text": "Plătește", "pay": True}
PAGE = {"text": "Altfel", "url": "https://pay.example.ro/p/abc"}
BILL: dict[str, Any] = {
    "chat_id": PAYER,
    "title": "Factura 1042",
    "description": "Acme",
    "payload": "tok",
    "provider_token": PROVIDER_TOKEN,
    "currency": "RON",
    "prices": [{"label": "Factura 1042", "amount": 12540}],
}


@pytest.fixture
async def bench() -> AsyncIterator[TelegramBench]:
    async with open_bench() as bench:
        yield bench


class TestStandIn:
    """The demo's Bot API, with a webhook of the gateway's kind behind it, over HTTP."""

    @pytest.fixture
    async def hook(self, bench: TelegramBench) -> AsyncIterator[list[InboundMessage]]:
        events: list[Any] = []
        channel = bench.channel()

        async def receive(request: web.Request) -> web.Response:
            if self.failures:
                return web.Response(status=self.failures.pop())
            headers = {name.lower(): value for name, value in request.headers.items()}
            webhook = WebhookRequest(await request.read(), headers, str(request.url), bench.clock.now())
            try:
                events.extend(await channel.parse_webhook(webhook))
            except InvalidSignature:
                return web.Response(status=401)
            return web.Response(body=CHANNEL.acknowledge[0], content_type=CHANNEL.acknowledge[1])

        self.failures: list[int] = []
        app = web.Application()
        app.router.add_post("/hook", receive)
        async with TestServer(app, host="127.0.0.1") as server:
            await channel.register(str(server.make_url("/hook")))
            yield events

    async def test_register_sets_url_secret_and_updates(self, bench: TelegramBench, hook: list[InboundMessage]) -> None:
        (call,) = bench.telegram.calls

        assert call.method == "setWebhook"
        assert call.parameters["secret_token"] == "secret-of-the-present"
        assert call.parameters["allowed_updates"] == [
            "message",
            "callback_query",
            "my_chat_member",
            "pre_checkout_query",
        ]
        assert bench.telegram.api.webhook_url.endswith("/hook")

    async def test_register_says_when_telegram_refuses(self, bench: TelegramBench) -> None:
        with pytest.raises(Rejected):
            await bench.channel().register("http://pay.example.ro/hook")

    async def test_payer_binds_writes_presses_blocks_and_returns(
        self, bench: TelegramBench, hook: list[InboundMessage]
    ) -> None:
        telegram = bench.telegram
        assert await telegram.start_chat(77, "single-use") == 200
        await bench.channel().send(a_message(bench, to="77", buttons=BUTTONS))
        await telegram.write(77, "bună")
        await telegram.press(77, "later:inv_1")
        await telegram.block(77)
        with pytest.raises(Rejected) as refusal:
            await bench.channel().send(a_message(bench, to="77"))
        await telegram.unblock(77)
        await bench.channel().send(a_message(bench, to="77"))

        assert refusal.value.unreachable
        assert [(event.text, event.start_token, event.button, event.stop, event.start) for event in hook] == [
            ("", None, None, False, True),
            ("/start single-use", "single-use", None, False, False),
            ("bună", None, None, False, False),
            ("", None, "later:inv_1", False, False),
            ("", None, None, True, False),
            ("", None, None, False, True),
        ]
        assert {event.address for event in hook} == {"77"}
        assert len({event.event_id for event in hook}) == len(hook)
        assert len(telegram.api.answered) == 1, "the button's spinner stops"

    async def test_payer_answers_forwards_shares_and_sends_a_picture(
        self, bench: TelegramBench, hook: list[InboundMessage]
    ) -> None:
        telegram = bench.telegram
        result = await bench.channel().send(a_message(bench))
        number = int(result.external_id.partition(":")[2])
        await telegram.write(PAYER, "asta", reply_to=number)
        await telegram.write(PAYER, "e de la voi?", forwarded=True)
        await telegram.share_contact(PAYER, "40722123456")
        await telegram.share_contact(PAYER, "40722999999", of=7)
        await telegram.send_photo(PAYER)

        assert [(event.in_reply_to, event.forwarded, event.contact, event.media) for event in hook] == [
            (result.external_id, False, None, False),
            (None, True, None, False),
            (None, False, "+40722123456", False),
            (None, False, None, True),
            (None, False, None, True),
        ]
        assert {event.locale for event in hook} == {"ro"}

    async def test_button_is_kept_when_its_spinner_cannot_be_stopped(
        self, bench: TelegramBench, hook: list[InboundMessage]
    ) -> None:
        await bench.channel().send(a_message(bench, buttons=BUTTONS))
        for fault in (standin.Fault.BROKEN, standin.Fault.THROTTLED):
            bench.telegram.fault = fault
            assert await bench.telegram.press(PAYER, "later:inv_1") == 200

        assert [event.button for event in hook] == ["later:inv_1"] * 2

    async def test_update_is_sent_again_until_it_is_taken(
        self, bench: TelegramBench, hook: list[InboundMessage]
    ) -> None:
        bench.telegram.retry_s = (0.0, 0.0)
        self.failures = [500, 503]
        assert await bench.telegram.write(PAYER, "unu") == 200
        self.failures = [500, 500, 500]
        assert await bench.telegram.write(PAYER, "doi") == 500

        assert [event.text for event in hook] == ["unu"]

    async def test_wrong_secret_is_refused(self, bench: TelegramBench, hook: list[InboundMessage]) -> None:
        bench.telegram.api.webhook_secret = "not-ours"

        assert await bench.telegram.write(PAYER, "da") == 401
        assert hook == []

    async def test_press_needs_a_button(self, bench: TelegramBench) -> None:
        with pytest.raises(LookupError):
            await bench.telegram.press(PAYER, "none")

    @pytest.mark.parametrize(
        ("method", "parameters", "status"),
        [
            ("getMe", {}, 200),
            ("sendMessage", {"chat_id": PAYER, "text": "da"}, 200),
            ("sendMessage", {"chat_id": PAYER, "text": ""}, 400),
            ("sendMessage", {"chat_id": PAYER, "text": "x" * 4097}, 400),
            ("sendMessage", {"text": "da"}, 400),
            ("sendMessage", {"chat_id": 5, "text": "da"}, 400),
            ("editMessageText", {"chat_id": PAYER, "message_id": 999, "text": "da"}, 400),
            ("answerCallbackQuery", {"callback_query_id": "unknown"}, 400),
            ("setWebhook", {"url": "https://x.ro/h", "secret_token": "no spaces"}, 400),
            ("setWebhook", {"url": "https://x.ro/h", "allowed_updates": ["everything"]}, 400),
            ("setWebhook", {"url": ""}, 200),
            ("deleteWebhook", {}, 200),
            ("getWebhookInfo", {}, 200),
            ("setMyCommands", {"commands": [{"command": "sold", "description": "Cât am de plată"}]}, 200),
            ("setMyCommands", {"commands": [{"command": "Sold!", "description": "x"}]}, 400),
            ("setMyCommands", {"commands": [{"command": "sold", "description": ""}]}, 400),
            ("sendInvoice", BILL, 200),
            ("sendInvoice", BILL | {"provider_token": "1:x"}, 400),
            ("sendInvoice", BILL | {"title": "x" * 33}, 400),
            ("sendInvoice", BILL | {"title": ""}, 400),
            ("sendInvoice", BILL | {"description": "x" * 256}, 400),
            ("sendInvoice", BILL | {"payload": "ă" * 65}, 400),
            ("sendInvoice", BILL | {"currency": "XXX"}, 400),
            ("sendInvoice", BILL | {"prices": []}, 400),
            ("sendInvoice", BILL | {"prices": [{"label": "x", "amount": 12.5}]}, 400),
            ("sendInvoice", BILL | {"prices": [{"label": "x", "amount": 418}]}, 400),
            ("sendInvoice", BILL | {"reply_markup": {"inline_keyboard": [[PAGE]]}}, 400),
            ("sendInvoice", BILL | {"reply_markup": {"inline_keyboard": [[PAY], [PAGE]]}}, 200),
            ("sendInvoice", BILL | {"reply_markup": {"inline_keyboard": [[PAY], [PAY]]}}, 400),
            ("sendMessage", {"chat_id": PAYER, "text": "da", "reply_markup": {"inline_keyboard": [[PAY]]}}, 400),
            ("answerPreCheckoutQuery", {"pre_checkout_query_id": "unknown", "ok": True}, 400),
            ("answerPreCheckoutQuery", {"pre_checkout_query_id": "unknown", "ok": False}, 400),
            ("deleteMessage", {"chat_id": PAYER, "message_id": 999}, 400),
            ("sendRocket", {}, 404),
        ],
    )
    async def test_it_checks_what_it_is_sent(
        self, bench: TelegramBench, method: str, parameters: dict[str, Any], status: int
    ) -> None:
        answer = await bench.http.request(
            "POST",
            f"{bench.telegram.url}/bot{bench.telegram.token}/{method}",
            headers={"Content-Type": "application/json"},
            body=json.dumps(parameters).encode(),
            submits=False,
        )
        body = json.loads(answer.body)

        assert (answer.status, body["ok"]) == (status, status == 200)
        assert status == 200 or (body["error_code"] == status and body["description"])

    async def test_it_checks_the_token(self, bench: TelegramBench) -> None:
        answer = await bench.http.request("POST", f"{bench.telegram.url}/bot1:x/getMe", submits=False)

        assert answer.status == 401

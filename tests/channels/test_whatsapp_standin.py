"""The demo's Cloud API: judged itself, and with a webhook of the gateway's kind behind it, over HTTP."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from gateway.demo.whatsapp import WhatsAppStandIn
from gateway.demo.whatsapp.kept import Refused
from gateway.ports.channel import Button, DeliveryStatus
from gateway.ports.errors import InvalidSignature
from gateway.ports.values import WebhookRequest
from gateway.testing.channel_steps import a_message, sent
from tests.channels.whatsapp_bench import PAYER, WhatsAppBench, open_bench

TEXT = {"messaging_product": "whatsapp", "to": "40712345678", "type": "text", "text": {"body": "da"}}
REPLY = {"type": "reply", "reply": {"id": "later", "title": "Mai târziu"}}
BUTTON = {"type": "URL", "text": "Vezi", "url": "https://pay.example.ro/p/{{1}}", "example": ["https://x.ro/p/a"]}
KEPT = {
    "name": "achit_x",
    "language": "ro",
    "category": "UTILITY",
    "components": [
        {"type": "BODY", "text": "Factura {{1}} din {{2}} sosi.", "example": {"body_text": [["1", "2"]]}},
        {"type": "BUTTONS", "buttons": [BUTTON]},
    ],
}


@pytest.fixture
async def bench() -> AsyncIterator[WhatsAppBench]:
    async with open_bench() as bench:
        yield bench


@pytest.fixture
def meta() -> WhatsAppStandIn:
    stand_in = WhatsAppStandIn()
    stand_in.api.join(PAYER).wrote_at = stand_in.now()
    return stand_in


def interactive(kind: str, action: dict[str, Any], text: str = "Ce facem?") -> dict[str, Any]:
    return TEXT | {"type": "interactive", "interactive": {"type": kind, "body": {"text": text}, "action": action}}


def body(text: str, *examples: str) -> list[dict[str, Any]]:
    return [{"type": "BODY", "text": text, "example": {"body_text": [list(examples)]}}]


@pytest.mark.parametrize(
    ("given", "code"),
    [
        ({}, None),
        ({"messaging_product": "sms"}, 100),
        ({"to": "0712345678"}, 131009),
        ({"type": "poll"}, 100),
        ({"text": {"body": ""}}, 100),
        ({"text": {"body": "x" * 4097}}, 100),
        ({"to": "40799999999"}, 131047),
        ({"biz_opaque_callback_data": "x" * 513}, 100),
        (interactive("button", {"buttons": [REPLY]}), None),
        (interactive("button", {"buttons": [REPLY] * 2}), 131009),
        (interactive("button", {"buttons": []}), 131009),
        (interactive("button", {"buttons": [REPLY]}, "x" * 1025), 131009),
        (interactive("button", {"buttons": [{"type": "reply", "reply": {"id": "x", "title": "x" * 21}}]}), 131009),
        (interactive("button", {"buttons": [{"type": "reply", "reply": {"id": "x" * 257, "title": "x"}}]}), 131009),
        (interactive("cta_url", {"parameters": {"display_text": "x", "url": "https://x.ro"}}), None),
        (interactive("cta_url", {"parameters": {"display_text": "x" * 21, "url": "https://x.ro"}}), 131009),
        (interactive("cta_url", {"parameters": {"display_text": "x", "url": "tel:1"}}), 131009),
    ],
)
def test_it_checks_messages(meta: WhatsAppStandIn, given: dict[str, Any], code: int | None) -> None:
    if code is None:
        meta.api.send({**TEXT, **given})
        assert len(meta.messages) == 1
    else:
        with pytest.raises(Refused) as refusal:
            meta.api.send({**TEXT, **given})
        assert (refusal.value.code, meta.messages) == (code, [])


@pytest.mark.parametrize(
    "wrong",
    [
        {"name": "Achit-X"},
        {"category": "OTHER"},
        {"language": ""},
        {"components": body("")},
        {"components": body("{{1}} din.", "1")},
        {"components": body("Din {{1}}.", "1")},
        {"components": body("Factura {{2}} din.", "1")},
        {"components": body("Factura {{1}} din.")},
        {"components": [*body("x"), {"type": "BUTTONS", "buttons": [BUTTON | {"url": "https://x.ro/"}]}]},
        {"components": [*body("x"), {"type": "BUTTONS", "buttons": [BUTTON | {"text": "x" * 26}]}]},
        {"components": [*body("x"), {"type": "BUTTONS", "buttons": [{**BUTTON, "example": []}]}]},
    ],
)
def test_it_checks_templates(meta: WhatsAppStandIn, wrong: dict[str, Any]) -> None:
    good = KEPT
    with pytest.raises(Refused):
        meta.api.keep(good | wrong)
    meta.api.keep(good)
    with pytest.raises(Refused, match="Already Exists"):
        meta.api.keep(good)


@pytest.mark.parametrize("value", ["", "a\nb", "a\tb", "a     b"])
def test_it_checks_what_stands_in_a_place(meta: WhatsAppStandIn, value: str) -> None:
    meta.api.keep(KEPT | {"components": body("Factura {{1}} sosi.", "1")})
    parts = [{"type": "body", "parameters": [{"type": "text", "text": value}]}]
    template = {"name": "achit_x", "language": {"code": "ro"}, "components": parts}
    with pytest.raises(Refused) as refusal:
        meta.api.send(TEXT | {"type": "template", "template": template})

    assert refusal.value.code == 132012


async def test_payer_writes_presses_and_moves(bench: WhatsAppBench) -> None:
    events: list[Any] = []
    channel, meta = bench.channel(), bench.meta

    async def receive(request: web.Request) -> web.Response:
        headers = {name.lower(): value for name, value in request.headers.items()}
        webhook = WebhookRequest(await request.read(), headers, str(request.url), bench.clock.now())
        try:
            events.extend(await channel.parse_webhook(webhook))
        except InvalidSignature:
            return web.Response(status=401)
        return web.Response(status=failures.pop() if failures else 204)

    async def asked(request: web.Request) -> web.Response:
        return web.Response(text=channel.challenge(request.query))

    failures: list[int] = []
    app = web.Application()
    app.router.add_post("/hook", receive)
    app.router.add_get("/hook", asked)
    async with TestServer(app, host="127.0.0.1") as server:
        assert await meta.subscribe(str(server.make_url("/hook"))) == 200
        meta.receipts = True
        result = await channel.send(a_message(bench, buttons=[Button("Mai târziu", data="later")]))
        await meta.settled()
        await meta.write(PAYER, "bună ziua", forwarded=True)
        await meta.press(PAYER, "later")
        await meta.send_picture(PAYER, "dovada")
        meta.api.late_refusals = True
        bench.clock.advance(seconds=25 * 3600)
        late = await sent(bench)
        await meta.settled()
        assert await meta.change_number(PAYER, "+40700000000") == 204
        meta.retry_s, failures = (0.0,), [500]
        assert await meta.write(PAYER, "iar") == 204
        meta.app_secret = "another"
        assert await meta.write(PAYER, "fals") == 401

    first, second, text, pressed, picture, failed, left, again, repeated = events
    assert [(one.external_id, one.status, one.reference) for one in (first, second)] == [
        (result.external_id, status, "dlv_7f3a") for status in (DeliveryStatus.SENT, DeliveryStatus.DELIVERED)
    ]
    assert (text.text, text.forwarded) == ("bună ziua", True)
    assert (pressed.button, pressed.text, pressed.in_reply_to) == ("later", "Mai târziu", result.external_id)
    assert (picture.text, picture.media) == ("dovada", True)
    assert (failed.external_id, failed.status, failed.code) == (late.external_id, DeliveryStatus.FAILED, "131047")
    assert (left.address, left.left) == (PAYER, True)
    assert again == repeated


async def test_press_needs_a_button(bench: WhatsAppBench) -> None:
    with pytest.raises(LookupError):
        await bench.meta.press(PAYER, "none")


async def test_it_checks_the_token_and_whose_number_it_is(bench: WhatsAppBench) -> None:
    for path, token, code in (("1/messages", bench.meta.token, 100), ("1/messages", "x", 190)):
        answer = await bench.http.request(
            "POST",
            f"{bench.meta.api_url}/{path}",
            headers={"Authorization": f"Bearer {token}", "Content-Type": "application/json"},
            body=b"{}",
            submits=True,
        )
        assert f'"code": {code}'.encode() in answer.body

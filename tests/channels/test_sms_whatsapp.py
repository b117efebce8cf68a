"""What is special about WhatsApp through Twilio: the prefix, contents, the window, buttons, what a webhook adds to that of SMS."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from channels.sms.whatsapp import CHANNEL, Settings
from gateway.ports.channel import Button, DeliveryStatus, DeliveryUpdate, InboundMessage, Template, TemplateStatus
from gateway.ports.errors import Rejected, RetryLater
from gateway.ports.http import HttpResponse
from gateway.ports.values import Secret, WebhookRequest
from gateway.registry import Registry
from gateway.testing.channel_steps import TEXT, a_message, parsed, sent
from tests.channels.sms_whatsapp_bench import SmsWhatsAppBench, open_bench
from tests.channels.test_sms import Answers
from tests.channels.test_whatsapp import LATER, PAY, READ, TEMPLATE, TEXT_FREE, TEXT_KEPT

NAME = f"achit_{TEXT_KEPT.name}"


@pytest.fixture
async def bench() -> AsyncIterator[SmsWhatsAppBench]:
    async with open_bench() as bench:
        yield bench


async def kept(bench: SmsWhatsAppBench) -> None:
    """The account keeps the text, and the window is closed."""
    await bench.channel().register_template(TEXT_KEPT)
    bench.clock.advance(timedelta(hours=24))


class TestSend:
    async def test_addresses_have_the_prefix_on_the_wire_alone(self, bench: SmsWhatsAppBench) -> None:
        await bench.channel().send(a_message(bench, receipt_url="https://pay.example.ro/h"))

        assert dict(bench.twilio.requests[0]) == {
            "To": "whatsapp:+40712345678",
            "From": "whatsapp:+40312345678",
            "Body": TEXT,
            "StatusCallback": "https://pay.example.ro/h",
        }

    async def test_by_a_messaging_service(self, bench: SmsWhatsAppBench) -> None:
        service = bench.settings_with(from_number=None, messaging_service_sid=bench.twilio.service_sid)
        await bench.channel(service).send(a_message(bench))

        assert "From" not in bench.twilio.requests[0]
        assert bench.channel(service).start_url("x") is None

    async def test_links_are_written_under_the_text(self, bench: SmsWhatsAppBench) -> None:
        result = await bench.channel().send(a_message(bench, buttons=[PAY]))

        assert bench.taken() == [f"{TEXT}\n{PAY.text}: {PAY.url}"]
        found = await bench.channel().find_sent(a_message(bench, buttons=[PAY]), bench.now())
        assert found is not None
        assert found.external_id == result.external_id

    async def test_reply_buttons_are_one_content_for_each_set_of_labels(self, bench: SmsWhatsAppBench) -> None:
        channel = bench.channel()
        for data in ("later:inv_1", "later:inv_2"):
            result = await channel.send(a_message(bench, buttons=[replace(LATER, data=data), Button("Da", data="yes")]))
            assert bench.twilio.buttons[result.external_id] == [("Mai târziu", data), ("Da", "yes")]
        await bench.channel().send(a_message(bench, buttons=[LATER, Button("Da", data="yes")]))

        assert bench.taken() == [TEXT] * 3
        assert len(bench.twilio.contents) == 1

    @pytest.mark.parametrize(
        ("changes", "code"),
        [
            ({"buttons": [Button(str(at), data=str(at)) for at in range(4)]}, "too_many_buttons"),
            ({"buttons": [Button("x" * 21, data="x")]}, "button_too_long"),
            ({"buttons": [Button("x", data="1"), Button("x", data="2")]}, "buttons_alike"),
            ({"buttons": [Button("x")]}, "button_data"),
            ({"buttons": [LATER], "text": "x" * 1025}, "text_too_long"),
            ({"buttons": [PAY], "text": "x" * 1600}, "text_too_long"),
        ],
    )
    async def test_what_would_be_cut_or_lost_is_refused(
        self, bench: SmsWhatsAppBench, changes: dict[str, Any], code: str
    ) -> None:
        with pytest.raises(Rejected) as refusal:
            await bench.channel().send(a_message(bench, **changes))

        assert (refusal.value.code, refusal.value.unreachable) == (code, False)
        assert not bench.taken()


class TestWindow:
    async def test_outside_it_the_content_is_sent_with_its_values_and_link(self, bench: SmsWhatsAppBench) -> None:
        await kept(bench)
        message = a_message(bench, text=READ, template=TEMPLATE, in_window=False)
        result = await bench.channel().send(message)

        form = bench.twilio.requests[0]
        assert json.loads(form["ContentVariables"]) == {"1": "FF-7", "2": "Acme", "3": "9,00 lei", "4": "xyz"}
        assert "Body" not in form
        assert bench.taken() == [READ]
        assert bench.twilio.buttons[result.external_id] == [("Vezi și plătește", "https://pay.example.ro/p/xyz")]
        assert await bench.channel().find_sent(message, bench.now()) == result

    async def test_a_text_without_a_link_has_no_button(self, bench: SmsWhatsAppBench) -> None:
        assert (await bench.channel().register_template(TEXT_FREE)).status is TemplateStatus.APPROVED
        bench.clock.advance(timedelta(hours=24))
        template = Template(TEXT_FREE.name, TEMPLATE.values, None, "ro")
        result = await bench.channel().send(a_message(bench, text=READ, template=template, in_window=False))

        (content,) = bench.twilio.contents.values()
        assert (content.kind, content.actions, sorted(content.variables)) == ("twilio/text", [], ["1", "2", "3"])
        assert json.loads(bench.twilio.requests[0]["ContentVariables"]) == {"1": "FF-7", "2": "Acme", "3": "9,00 lei"}
        assert bench.taken() == [READ]
        assert bench.twilio.buttons[result.external_id] == []

    async def test_what_is_approved_is_asked_for_once(self, bench: SmsWhatsAppBench) -> None:
        await kept(bench)
        channel, before = bench.channel(), len(bench.twilio.content_calls)
        for _ in range(3):
            await channel.send(a_message(bench, template=TEMPLATE, in_window=False))

        assert len(bench.twilio.content_calls) == before + 1

    @pytest.mark.parametrize(("status", "code"), [("pending", "template_pending"), ("rejected", "template_rejected")])
    async def test_what_is_not_approved_does_not_look_sent(
        self, bench: SmsWhatsAppBench, status: str, code: str
    ) -> None:
        await kept(bench)
        next(iter(bench.twilio.contents.values())).approval["status"] = status
        with pytest.raises(Rejected) as refusal:
            await bench.channel().send(a_message(bench, template=TEMPLATE, in_window=False))

        assert (refusal.value.code, refusal.value.unreachable) == (code, False)
        assert not bench.taken()

    async def test_nothing_leaves_without_a_template_or_with_an_unknown_one(self, bench: SmsWhatsAppBench) -> None:
        for template, code in ((None, "outside_window"), (TEMPLATE, "template_missing")):
            with pytest.raises(Rejected) as refusal:
                await bench.channel().send(a_message(bench, template=template, in_window=False))

            assert refusal.value.code == code
        assert not bench.taken()

    async def test_a_window_that_closed_meanwhile_is_a_failure(self, bench: SmsWhatsAppBench) -> None:
        bench.clock.advance(timedelta(hours=24))
        events: list[Any] = []

        async def receive(request: web.Request) -> web.Response:
            headers = {name.lower(): value for name, value in request.headers.items()}
            webhook = WebhookRequest(await request.read(), headers, str(server.make_url("/hook")), bench.clock.now())
            events.extend(await bench.channel().parse_webhook(webhook))
            return web.Response()

        app = web.Application()
        app.router.add_post("/hook", receive)
        async with TestServer(app, host="127.0.0.1") as server:
            result = await bench.channel().send(a_message(bench, receipt_url=str(server.make_url("/hook"))))
            await bench.twilio.settled()

        (event,) = events
        assert isinstance(event, DeliveryUpdate)
        assert (event.external_id, event.status) == (result.external_id, DeliveryStatus.FAILED)
        assert (event.code, event.unreachable) == ("63016", False)


class TestTemplates:
    async def test_each_is_registered_once_and_told_apart(self, bench: SmsWhatsAppBench) -> None:
        bench.twilio.approves = False
        channel = bench.channel()
        other = replace(TEXT_KEPT, name="other")
        assert [how.status for how in await channel.templates([TEXT_KEPT, other])] == [TemplateStatus.MISSING] * 2
        assert (await channel.register_template(TEXT_KEPT)).status is TemplateStatus.PENDING
        next(iter(bench.twilio.contents.values())).approval |= {
            "status": "rejected",
            "rejection_reason": "INVALID_FORMAT",
        }
        standings = await channel.templates([TEXT_KEPT, other])

        assert [(how.status, how.reason) for how in standings] == [
            (TemplateStatus.REJECTED, "INVALID_FORMAT"),
            (TemplateStatus.MISSING, ""),
        ]

    async def test_one_that_was_only_written_down_is_submitted(self, bench: SmsWhatsAppBench) -> None:
        await bench.channel().register_template(TEXT_KEPT)
        (content,) = bench.twilio.contents.values()
        content.approval = {"status": "unsubmitted"}
        assert (await bench.channel().register_template(TEXT_KEPT)).status is TemplateStatus.APPROVED

        assert (content.name, len(bench.twilio.contents)) == (NAME, 1)

    async def test_every_page_is_read(self, bench: SmsWhatsAppBench) -> None:
        await bench.channel().register_template(TEXT_KEPT)
        (first,) = bench.twilio.contents.values()
        for at in range(2, 503):
            bench.twilio.contents[f"HX{at:032x}"] = replace(first, sid=f"HX{at:032x}", name=f"achit_t{at}")
        (how,) = await bench.channel().templates([replace(TEXT_KEPT, name="t502")])

        assert how.status is TemplateStatus.APPROVED

    @pytest.mark.parametrize(
        ("status", "error"), [(401, Rejected), (429, RetryLater), (503, RetryLater), (200, RetryLater)]
    )
    async def test_what_its_errors_mean(self, bench: SmsWhatsAppBench, status: int, error: type[Exception]) -> None:
        channel: Any = CHANNEL.create(bench.settings, Answers(HttpResponse(status, {}, b"x")))
        with pytest.raises(error):
            await channel.templates([TEXT_KEPT])


class TestWebhook:
    async def one(self, bench: SmsWhatsAppBench, text: str, **more: str) -> InboundMessage:
        (event,) = await parsed(bench, bench.said_body(text, **more))
        assert isinstance(event, InboundMessage)
        return event

    async def test_a_pressed_button(self, bench: SmsWhatsAppBench) -> None:
        more = {"ButtonText": "Da", "ButtonPayload": "yes", "OriginalRepliedMessageSid": "SM7"}
        event = await self.one(bench, "Da", **more)

        assert (event.address, event.text, event.button, event.in_reply_to) == (bench.address, "Da", "yes", "SM7")

    @pytest.mark.parametrize(
        ("more", "expected"),
        [
            ({"Forwarded": "true"}, (True, False)),
            ({"FrequentlyForwarded": "true"}, (True, False)),
            ({"NumMedia": "1", "MediaUrl0": "https://x"}, (False, True)),
            ({"Latitude": "1.5"}, (False, True)),
            ({}, (False, False)),
        ],
    )
    async def test_forwards_and_pictures(
        self, bench: SmsWhatsAppBench, more: dict[str, str], expected: tuple[bool, bool]
    ) -> None:
        event = await self.one(bench, "", **more)

        assert (event.forwarded, event.media) == expected

    async def test_stop_is_what_twilio_acts_on(self, bench: SmsWhatsAppBench) -> None:
        word, verdict = await self.one(bench, "STOP"), await self.one(bench, "stop", OptOutType="STOP")

        assert (word.stop, verdict.stop) == (False, True)

    async def test_deep_link(self, bench: SmsWhatsAppBench) -> None:
        assert bench.channel().start_url("a-B_9") == "https://wa.me/40312345678?text=START%20%23a-B_9"
        assert (await self.one(bench, "START #a-B_9")).start_token == "a-B_9"

    async def test_the_stand_ins_press_comes_back(self, bench: SmsWhatsAppBench) -> None:
        await bench.channel().send(a_message(bench, buttons=[LATER]))
        with pytest.raises(LookupError):
            await bench.twilio.press(bench.address, "none")
        assert await bench.twilio.press(bench.address, "later:inv_1") == 0, "nobody listens"


async def test_rate_of_whatsapp_is_waited_for(bench: SmsWhatsAppBench) -> None:
    answer = HttpResponse(400, {}, json.dumps({"code": 63018, "status": 400, "message": "x"}).encode())
    with pytest.raises(RetryLater):
        await sent(replaced(bench, answer))


def replaced(bench: SmsWhatsAppBench, answer: HttpResponse) -> SmsWhatsAppBench:
    bench.http = Answers(answer)
    return bench


def test_settings_name_what_is_wrong() -> None:
    for number in ("ACME", "whatsapp:+40312345678"):
        with pytest.raises(ValueError, match="from_number"):
            Settings(account_sid="AC1", auth_token=Secret("x"), from_number=number)


def test_plugin_is_honest_and_is_found_beside_sms() -> None:
    assert Registry().channel("sms.whatsapp") is CHANNEL
    assert (CHANNEL.address, CHANNEL.window_s) == ("whatsapp", 86_400)
    assert (CHANNEL.finds_sent, CHANNEL.templates, CHANNEL.challenges) == (True, True, False)

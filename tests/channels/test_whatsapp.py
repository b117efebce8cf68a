"""What is special about WhatsApp: the window, templates, buttons, Meta's codes, the challenge."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from channels.whatsapp import CHANNEL, Settings
from gateway.ports.channel import (
    Button,
    DeliveryStatus,
    Template,
    TemplateStatus,
    TemplateText,
)
from gateway.ports.errors import InvalidSignature, OutcomeUnknown, Rejected, RetryLater
from gateway.ports.http import HttpResponse
from gateway.ports.values import Secret
from gateway.testing.channel_steps import TEXT, a_message, parsed, sent
from tests.channels.test_telegram import Answers
from tests.channels.whatsapp_bench import PAYER, WhatsAppBench, open_bench

AT = datetime.fromtimestamp(1_795_424_400, UTC)
PAY = Button("Plătește 123,45 lei", url="https://pay.example.ro/p/abc")
DOCUMENT = Button("Document", url="https://pay.example.ro/d/abc")
LATER = Button("Mai târziu", data="later:inv_1")
TEXT_KEPT = TemplateText(
    "invoice_issued_0a1b2c3d",
    "ro",
    "Factura {{1}} de la {{2}} este de {{3}}. Mulțumim!",
    ("FF-1", "Acme", "123,45 lei"),
    "Vezi și plătește",
    "https://pay.example.ro/p/",
    "abc",
)
TEXT_FREE = replace(TEXT_KEPT, name="invoice_issued_4e5f6a7b", button="", url="", example_path="")
TEMPLATE = Template(TEXT_KEPT.name, ("FF-7", "Acme", "9,00 lei"), "xyz", "ro")
READ = "Factura FF-7 de la Acme este de 9,00 lei. Mulțumim!"


@pytest.fixture
async def bench() -> AsyncIterator[WhatsAppBench]:
    async with open_bench() as bench:
        yield bench


async def kept(bench: WhatsAppBench) -> None:
    """The account keeps the text, and the window is closed."""
    await bench.channel().register_template(TEXT_KEPT)
    bench.clock.advance(timedelta(hours=24))


async def one(bench: WhatsAppBench, *values: dict[str, Any]) -> Any:
    (event,) = await parsed(bench, bench.body(*values))
    return event


class TestWindow:
    async def test_inside_it_text_is_sent_as_it_is(self, bench: WhatsAppBench) -> None:
        await bench.channel().send(a_message(bench, text="*a* _b_ https://x.ro", in_reply_to="wamid.1"))

        (message,) = bench.meta.messages
        assert (message.text, message.answers, message.reference) == ("*a* _b_ https://x.ro", "wamid.1", "dlv_7f3a")
        assert bench.meta.calls[0].body["text"]["preview_url"] is False

    async def test_outside_it_the_template_is_sent_with_its_values_and_link(self, bench: WhatsAppBench) -> None:
        await kept(bench)
        await bench.channel().send(a_message(bench, template=TEMPLATE, in_window=False, buttons=(PAY, LATER)))

        (message,) = bench.meta.messages
        assert (message.text, message.template) == (READ, "achit_invoice_issued_0a1b2c3d")
        assert [(each.text, each.url) for each in message.buttons] == [
            ("Vezi și plătește", "https://pay.example.ro/p/xyz")
        ]

    async def test_a_text_without_a_link_has_no_button(self, bench: WhatsAppBench) -> None:
        await bench.channel().register_template(TEXT_FREE)
        bench.clock.advance(timedelta(hours=24))
        template = Template(TEXT_FREE.name, TEMPLATE.values, None, "ro")
        await bench.channel().send(a_message(bench, template=template, in_window=False))

        registered, sent_one = (call.body for call in bench.meta.calls)
        assert [part["type"] for part in registered["components"]] == ["BODY"]
        assert [part["type"] for part in sent_one["template"]["components"]] == ["body"]
        (message,) = bench.meta.messages
        assert (message.text, message.buttons) == (READ, ())

    async def test_outside_it_without_a_template_nothing_leaves(self, bench: WhatsAppBench) -> None:
        with pytest.raises(Rejected) as refusal:
            await bench.channel().send(a_message(bench, in_window=False))

        assert (refusal.value.code, refusal.value.unreachable) == ("outside_window", False)
        assert not bench.meta.calls

    async def test_a_window_that_closed_meanwhile_is_a_refusal(self, bench: WhatsAppBench) -> None:
        bench.clock.advance(timedelta(hours=24))
        with pytest.raises(Rejected) as refusal:
            await sent(bench)

        assert (refusal.value.code, refusal.value.unreachable) == ("131047", False)

    async def test_a_refusal_that_comes_later_is_a_failure(self, bench: WhatsAppBench) -> None:
        wamid = (await sent(bench)).external_id
        event = await one(
            bench,
            {"statuses": [{"id": wamid, "status": "failed", "timestamp": "1795424400", "errors": [{"code": 131047}]}]},
        )

        assert (event.status, event.code, event.unreachable) == (DeliveryStatus.FAILED, "131047", False)

    @pytest.mark.parametrize(
        ("template", "code"),
        [
            (replace(TEMPLATE, name="unknown"), "132001"),
            (replace(TEMPLATE, language="hu"), "132001"),
            (replace(TEMPLATE, values=("FF-7", "Acme")), "132000"),
            (replace(TEMPLATE, url_path=None), "132000"),
        ],
    )
    async def test_a_template_that_does_not_fit_is_refused(
        self, bench: WhatsAppBench, template: Template, code: str
    ) -> None:
        await kept(bench)
        with pytest.raises(Rejected) as refusal:
            await bench.channel().send(a_message(bench, template=template, in_window=False))

        assert (refusal.value.code, refusal.value.unreachable) == (code, False)
        assert not bench.taken()


class TestButtons:
    @pytest.mark.parametrize(
        ("buttons", "text", "shown"),
        [
            ([LATER], TEXT, [("Mai târziu", None, "later:inv_1")]),
            ([PAY], TEXT, [(PAY.text, PAY.url, None)]),
            ([PAY, DOCUMENT], f"{TEXT}\nDocument: {DOCUMENT.url}", [(PAY.text, PAY.url, None)]),
            ([PAY, LATER], f"{TEXT}\n{PAY.text}: {PAY.url}", [("Mai târziu", None, "later:inv_1")]),
            ([Button("x" * 21, url=PAY.url)], f"{TEXT}\n{'x' * 21}: {PAY.url}", []),
        ],
    )
    async def test_every_one_is_shown_or_written(
        self, bench: WhatsAppBench, buttons: list[Button], text: str, shown: list[Any]
    ) -> None:
        await bench.channel().send(a_message(bench, buttons=buttons))

        (message,) = bench.meta.messages
        assert message.text == text
        assert [(button.text, button.url, button.data) for button in message.buttons] == shown

    async def test_a_text_too_long_for_a_button_has_its_link_written(self, bench: WhatsAppBench) -> None:
        await bench.channel().send(a_message(bench, text="x" * 1025, buttons=[PAY]))

        assert bench.taken() == [f"{'x' * 1025}\n{PAY.text}: {PAY.url}"]

    @pytest.mark.parametrize(
        ("changes", "code"),
        [
            ({"buttons": [Button(str(at), data=str(at)) for at in range(4)]}, "too_many_buttons"),
            ({"buttons": [Button("x" * 21, data="x")]}, "button_too_long"),
            ({"buttons": [Button("", data="x")]}, "button_too_long"),
            ({"buttons": [Button("x", data="1"), Button("x", data="2")]}, "buttons_alike"),
            ({"buttons": [Button("x", data="x" * 257)]}, "button_data"),
            ({"buttons": [Button("x")]}, "button_data"),
            ({"buttons": [LATER], "text": "x" * 1025}, "text_too_long"),
            ({"buttons": [PAY], "text": "x" * 4096}, "text_too_long"),
        ],
    )
    async def test_what_would_be_cut_or_lost_is_refused(
        self, bench: WhatsAppBench, changes: dict[str, Any], code: str
    ) -> None:
        with pytest.raises(Rejected) as refusal:
            await bench.channel().send(a_message(bench, **changes))

        assert (refusal.value.code, refusal.value.unreachable) == (code, False)
        assert not bench.meta.calls


@pytest.mark.parametrize(
    ("status", "code", "error", "unreachable"),
    [
        (401, 190, Rejected, False),
        (400, 131026, Rejected, True),
        (400, 131030, Rejected, False),
        (400, 131047, Rejected, False),
        (400, 131049, Rejected, False),
        (400, 131051, Rejected, False),
        (400, 132015, Rejected, False),
        (404, 132001, Rejected, False),
        (400, 999999, Rejected, False),
        (400, None, Rejected, False),
        (400, 4, RetryLater, None),
        (400, 80007, RetryLater, None),
        (400, 130429, RetryLater, None),
        (400, 131048, RetryLater, None),
        (400, 131056, RetryLater, 6.0),
        (500, 131016, RetryLater, None),
        (500, 131000, OutcomeUnknown, None),
        (500, None, OutcomeUnknown, None),
        (200, 131000, OutcomeUnknown, None),
    ],
)
async def test_what_each_error_means(
    bench: WhatsAppBench, status: int, code: int | None, error: type[Exception], unreachable: Any
) -> None:
    body = {"error": {"message": f"to {PAYER}", "code": code}} if code else {}
    answer = HttpResponse(status, {}, json.dumps(body).encode())
    with pytest.raises(error) as raised:
        await CHANNEL.create(bench.settings, Answers(answer)).send(a_message(bench))

    told = raised.value
    assert getattr(told, "unreachable", getattr(told, "after_s", None)) == unreachable
    assert PAYER not in str(told)


@pytest.mark.parametrize(
    "body", [b"<html>", b"[]", b"{}", b'{"messages":[]}', b'{"messages":[{"id":""}]}', b'{"messages":5}']
)
async def test_an_answer_without_an_id_is_unknown(bench: WhatsAppBench, body: bytes) -> None:
    with pytest.raises(OutcomeUnknown):
        await CHANNEL.create(bench.settings, Answers(HttpResponse(200, {}, body))).send(a_message(bench))


class TestLink:
    async def test_link_brings_its_token_back(self, bench: WhatsAppBench) -> None:
        assert bench.channel().start_url("a-B_9") == "https://wa.me/40312345679?text=START%20%23a-B_9"

    async def test_without_the_number_there_is_no_link(self, bench: WhatsAppBench) -> None:
        assert bench.channel(bench.settings_with(phone_number="")).start_url("abc") is None


class TestChallenge:
    async def test_ours_is_answered(self, bench: WhatsAppBench) -> None:
        asked = {"hub.mode": "subscribe", "hub.verify_token": bench.meta.verify_token, "hub.challenge": "115"}

        assert bench.channel().challenge(asked) == "115"

    @pytest.mark.parametrize("change", [{"hub.verify_token": "x"}, {"hub.verify_token": ""}, {"hub.mode": "x"}])
    async def test_anothers_is_refused(self, bench: WhatsAppBench, change: dict[str, str]) -> None:
        asked = {"hub.mode": "subscribe", "hub.verify_token": bench.meta.verify_token, "hub.challenge": "115"}
        for query in (asked | change, {name: asked[name] for name in asked if name not in change}):
            with pytest.raises(InvalidSignature):
                bench.channel().challenge(query)


class TestTemplates:
    async def test_each_is_registered_and_told_apart(self, bench: WhatsAppBench) -> None:
        channel = bench.channel()
        bench.meta.api.approves = False
        assert (await channel.register_template(TEXT_KEPT)).status is TemplateStatus.PENDING
        texts = [TEXT_KEPT, replace(TEXT_KEPT, language="pt-BR"), replace(TEXT_KEPT, name="other")]
        await channel.register_template(texts[1])
        bench.meta.judge("achit_invoice_issued_0a1b2c3d", "pt_BR", "REJECTED", "INVALID_FORMAT")
        standings = await channel.templates(texts)

        assert [(how.status, how.reason) for how in standings] == [
            (TemplateStatus.PENDING, ""),
            (TemplateStatus.REJECTED, "INVALID_FORMAT"),
            (TemplateStatus.MISSING, ""),
        ]

    @pytest.mark.parametrize("status", ["PAUSED", "DISABLED"])
    async def test_what_cannot_be_sent_counts_as_rejected(self, bench: WhatsAppBench, status: str) -> None:
        await bench.channel().register_template(TEXT_KEPT)
        bench.meta.judge("achit_invoice_issued_0a1b2c3d", "ro", status)
        (how,) = await bench.channel().templates([TEXT_KEPT])

        assert (how.status, how.reason) == (TemplateStatus.REJECTED, status)

    async def test_every_page_is_read(self, bench: WhatsAppBench) -> None:
        texts = [replace(TEXT_KEPT, name=f"t{at}") for at in range(101)]
        for text in texts:
            bench.meta.api.keep(
                {
                    "name": f"achit_{text.name}",
                    "language": "ro",
                    "category": "UTILITY",
                    "components": [{"type": "BODY", "text": "x"}],
                }
            )
        standings = await bench.channel().templates(texts)

        assert {how.status for how in standings} == {TemplateStatus.APPROVED}
        assert len(bench.meta.calls) == 2

    async def test_without_the_account_it_says_which_setting_is_missing(self, bench: WhatsAppBench) -> None:
        with pytest.raises(Rejected) as refusal:
            await bench.channel(bench.settings_with(business_account_id="")).templates([TEXT_KEPT])

        assert refusal.value.code == "business_account_id"


@pytest.mark.parametrize(
    ("changes", "name"),
    [
        ({"phone_number_id": "+40312"}, "phone_number_id"),
        ({"business_account_id": "x"}, "business_account_id"),
        ({"phone_number": "0312"}, "phone_number"),
        ({"template_prefix": "Achit-"}, "template_prefix"),
        ({"verify_token": Secret("")}, "verify_token"),
    ],
)
def test_settings_name_what_is_wrong(changes: dict[str, Any], name: str) -> None:
    good = {"phone_number_id": "1", "access_token": Secret("x"), "app_secret": Secret("x"), "verify_token": Secret("x")}
    with pytest.raises(ValueError, match=name):
        Settings(**{**good, **changes})


def test_plugin_is_honest() -> None:
    assert (CHANNEL.name, CHANNEL.address, CHANNEL.window_s) == ("whatsapp", "whatsapp", 86_400)
    assert (CHANNEL.replies, CHANNEL.receipts, CHANNEL.templates, CHANNEL.challenges) == (True, True, True, True)
    assert (CHANNEL.edits, CHANNEL.finds_sent) == (False, False)
    assert CHANNEL.limits.per_second < 80, "Meta's own limit"

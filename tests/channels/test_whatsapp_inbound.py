"""What a webhook of WhatsApp says: many events in one POST, answers, forwards, a changed number, a deep link."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any

import pytest

from gateway.ports.channel import DeliveryStatus, DeliveryUpdate, InboundMessage
from gateway.ports.errors import MalformedWebhook
from gateway.testing.channel_steps import parsed
from tests.channels.whatsapp_bench import PAYER, WhatsAppBench, open_bench, said

AT = datetime.fromtimestamp(1_795_424_400, UTC)


@pytest.fixture
async def bench() -> AsyncIterator[WhatsAppBench]:
    async with open_bench() as bench:
        yield bench


async def one(bench: WhatsAppBench, *values: dict[str, Any]) -> Any:
    (event,) = await parsed(bench, bench.body(*values))
    return event


class TestWebhook:
    async def test_every_part_of_a_post_is_read(self, bench: WhatsAppBench) -> None:
        status = {"id": "wamid.1", "status": "read", "timestamp": "1795424400", "biz_opaque_callback_data": "a-dlv_1"}
        first = {"statuses": [status, status | {"status": "delivered"}]}
        second = {"messages": [said({"type": "text", "text": {"body": "da"}})]}
        document = bench.meta.document(first, second)
        document["entry"] *= 2
        events = await parsed(bench, json.dumps(document).encode())

        assert len(events) == 6
        assert events[0] == DeliveryUpdate("wamid.1:read", "wamid.1", DeliveryStatus.READ, AT, reference="a-dlv_1")
        assert events[2] == InboundMessage("wamid.X", "wamid.X", PAYER, "da", AT)

    async def test_other_numbers_of_the_app_are_not_read(self, bench: WhatsAppBench) -> None:
        body = bench.reply_body("", "nu pentru noi")
        others = body.replace(bench.meta.phone_number_id.encode(), b"555")

        assert await parsed(bench, others) == []

    async def test_an_unreadable_part_does_not_cost_the_others(
        self, bench: WhatsAppBench, caplog: pytest.LogCaptureFixture
    ) -> None:
        text = {"type": "text", "text": {"body": "da"}}
        parts = [said(text), said(text) | {"timestamp": "soon"}, said({"type": "text"}), 5]
        (event,) = await parsed(bench, bench.body({"messages": parts}))

        assert event.event_id == "wamid.X"
        assert "3 of its parts" in caplog.text
        with pytest.raises(MalformedWebhook):
            await parsed(bench, bench.body({"messages": parts[1:]}))

    @pytest.mark.parametrize(
        ("content", "expected"),
        [
            ({"type": "button", "button": {"payload": "later", "text": "Mai târziu"}}, ("Mai târziu", "later", False)),
            (
                {
                    "type": "interactive",
                    "interactive": {"type": "button_reply", "button_reply": {"id": "a", "title": "Da"}},
                },
                ("Da", "a", False),
            ),
            (
                {
                    "type": "interactive",
                    "interactive": {"type": "list_reply", "list_reply": {"id": "a", "title": "Da"}},
                },
                ("Da", "a", False),
            ),
            ({"type": "image", "image": {"id": "1", "caption": "dovada"}}, ("dovada", None, True)),
            ({"type": "audio", "audio": {"id": "1", "voice": True}}, ("", None, True)),
            ({"type": "unsupported", "errors": []}, ("", None, True)),
        ],
    )
    async def test_answers(self, bench: WhatsAppBench, content: dict[str, Any], expected: tuple[Any, ...]) -> None:
        event = await one(bench, {"messages": [said(content | {"context": {"from": "1", "id": "wamid.7"}})]})

        assert (event.text, event.button, event.media) == expected
        assert event.in_reply_to == "wamid.7"
        assert not event.forwarded

    @pytest.mark.parametrize("mark", ["forwarded", "frequently_forwarded"])
    async def test_forwarded(self, bench: WhatsAppBench, mark: str) -> None:
        text = {"type": "text", "text": {"body": "e de la voi?"}, "context": {mark: True}}

        assert (await one(bench, {"messages": [said(text)]})).forwarded

    async def test_a_changed_number_is_left(self, bench: WhatsAppBench) -> None:
        moved = {"type": "user_changed_number", "wa_id": "40700000000", "body": "x"}
        event = await one(bench, {"messages": [said({"type": "system", "system": moved})]})

        assert (event.address, event.left, event.text) == (PAYER, True, "")

    @pytest.mark.parametrize(
        "content",
        [
            {"type": "reaction", "reaction": {"message_id": "wamid.1", "emoji": "👍"}},
            {"type": "system", "system": {"type": "customer_identity_changed"}},
            {"type": "interactive"},
            {"type": "of_tomorrow"},
        ],
    )
    async def test_what_is_of_no_interest(self, bench: WhatsAppBench, content: dict[str, Any]) -> None:
        assert await parsed(bench, bench.body({"messages": [said(content)]})) == []

    @pytest.mark.parametrize(
        ("text", "token"),
        [
            ("START #a-B_9", "a-B_9"),
            ("start #a-B_9 ", "a-B_9"),
            ("START a-B_9", None),
            ("START #" + "x" * 65, None),
            ("da, START #a-B_9", None),
        ],
    )
    async def test_deep_link(self, bench: WhatsAppBench, text: str, token: str | None) -> None:
        event = await one(bench, {"messages": [said({"type": "text", "text": {"body": text}})]})

        assert (event.start_token, event.text) == (token, text)

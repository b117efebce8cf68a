"""Meta's own material: a delivery signed by Meta, webhooks of every kind, and its OpenAPI description of the Cloud API."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from functools import cache
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from channels.whatsapp import CHANNEL, Settings
from channels.whatsapp.inbound import events_in
from gateway.ports.channel import DeliveryStatus, DeliveryUpdate, InboundMessage
from gateway.ports.errors import InvalidSignature, Rejected
from gateway.ports.values import Secret, WebhookRequest
from gateway.rendering import KEPT_KINDS, Renderer
from gateway.rendering.samples import about_invoice, link_free
from gateway.testing.channel_steps import a_message
from tests.channels.test_whatsapp import DOCUMENT, LATER, PAY, TEMPLATE, TEXT_KEPT, Answers
from tests.channels.test_whatsapp_inbound import AT
from tests.channels.whatsapp_bench import WhatsAppBench, open_bench

MESSAGES = "/{Version}/{Phone-Number-ID}/messages"
TEMPLATES = "/{Version}/{WABA-ID}/message_templates"
NOBODY = Answers(None)  # type: ignore[arg-type]


@pytest.fixture
async def bench() -> AsyncIterator[WhatsAppBench]:
    async with open_bench() as bench:
        yield bench


class TestSignature:
    @pytest.fixture
    def delivered(self, vectors: Path) -> dict[str, str]:
        material: dict[str, str] = json.loads((vectors / "whatsapp" / "signature_vector.json").read_bytes())
        return material

    async def read(self, delivered: dict[str, str], *, secret: str = "", body: str = "") -> Any:
        settings = Settings("277321005464405", Secret("x"), Secret(secret or delivered["app_secret"]), Secret("x"))
        headers = {"x-hub-signature-256": delivered["X-Hub-Signature-256"]}
        request = WebhookRequest((body or delivered["body"]).encode(), headers, "https://x.example", AT)
        return await CHANNEL.create(settings, NOBODY).parse_webhook(request)

    async def test_a_real_delivery_is_proven_and_read(self, delivered: dict[str, str]) -> None:
        (event,) = await self.read(delivered)

        assert (event.address, event.text) == ("+972544401243", "Hey there! I am using PyWa.")

    async def test_it_is_not_proven_by_another_secret_or_changed(self, delivered: dict[str, str]) -> None:
        with pytest.raises(InvalidSignature):
            await self.read(delivered, secret="another")
        with pytest.raises(InvalidSignature):
            await self.read(delivered, body=delivered["body"].replace("Hey", "hey"))


class TestWebhooks:
    """The nine files of fixtures; each holds several webhooks by name."""

    @pytest.fixture
    def webhooks(self, vectors: Path) -> dict[str, dict[str, bytes]]:
        files = sorted((vectors / "whatsapp").glob("pywa_update_*.json"))
        assert len(files) == 9
        return {
            file.stem.removeprefix("pywa_update_"): {
                name: json.dumps(body).encode() for name, body in json.loads(file.read_bytes()).items()
            }
            for file in files
        }

    def events(self, body: bytes) -> list[Any]:
        value = json.loads(body)["entry"][0]["changes"][0]["value"]
        return list(events_in(body, value.get("metadata", {}).get("phone_number_id", "1")))

    def test_each_is_read(self, webhooks: dict[str, dict[str, bytes]]) -> None:
        counts = {kind: {name for name, body in named.items() if self.events(body)} for kind, named in webhooks.items()}

        quiet = {"reaction", "unreaction_empty", "unreaction_no_emoji", "interactive_message_with_err"}
        for kind in (
            "account_update",
            "template_quality_update",
            "template_status_update",
            "user_marketing_preferences",
        ):
            assert counts.pop(kind) == set(), kind
        assert counts.pop("message") == webhooks["message"].keys() - quiet
        assert counts.pop("system") == {"phone_number_change"}
        assert counts == {kind: set(webhooks[kind]) for kind in counts}
        assert len(counts) == 3

    def test_statuses(self, webhooks: dict[str, dict[str, bytes]]) -> None:
        found = {name: self.events(body)[0] for name, body in webhooks["message_status"].items()}

        assert all(isinstance(event, DeliveryUpdate) for event in found.values())
        assert {name: event.status for name, event in found.items()} == {
            "sent": DeliveryStatus.SENT,
            "delivered": DeliveryStatus.DELIVERED,
            "read": DeliveryStatus.READ,
            "played": DeliveryStatus.READ,
            "failed": DeliveryStatus.FAILED,
            "with_tracker": DeliveryStatus.SENT,
            "group": DeliveryStatus.READ,
        }
        assert (found["failed"].code, found["failed"].unreachable) == ("130472", False)
        assert found["with_tracker"].reference == "some data"
        assert found["sent"].reference is None

    def test_words(self, webhooks: dict[str, dict[str, bytes]]) -> None:
        found = {name: event for name, body in webhooks["message"].items() for event in self.events(body)}

        assert all(isinstance(event, InboundMessage) for event in found.values())
        assert {event.address for event in found.values()} == {"+972987654321"}
        assert (found["text"].text, found["text"].media) == ("Body Text", False)
        assert (found["video"].text, found["video"].media, found["video"].forwarded) == ("caption", True, True)
        assert (found["voice"].text, found["voice"].media) == ("", True)
        assert found["reply"].in_reply_to == "wamid.xyzxyz=="
        assert [name for name in ("forwarded", "forwarded_many_times", "text") if found[name].forwarded] == [
            "forwarded",
            "forwarded_many_times",
        ]

    def test_buttons(self, webhooks: dict[str, dict[str, bytes]]) -> None:
        bodies = webhooks["callback_button"] | webhooks["callback_selection"]
        found = {name: self.events(body)[0] for name, body in bodies.items()}

        assert {(event.button, event.text) for event in found.values()} == {("callback_data", "title")}
        assert found["quick_reply"].in_reply_to == "wamid.xyzxyz=="
        assert found["quick_reply_without_context"].in_reply_to is None

    def test_a_changed_number(self, webhooks: dict[str, dict[str, bytes]]) -> None:
        (event,) = self.events(webhooks["system"]["phone_number_change"])

        assert (event.address, event.left) == ("+972987654321", True)


class TestOpenApi:
    @pytest.fixture
    def described(self, vectors: Path) -> dict[str, Any]:
        return read(vectors / "whatsapp" / "business-messaging-api_v23.0.yaml")

    async def test_what_we_send_is_described(self, bench: WhatsAppBench, described: dict[str, Any]) -> None:
        channel = bench.channel()
        await channel.register_template(TEXT_KEPT)
        for changes in (
            {},
            {"in_reply_to": "wamid.1"},
            {"buttons": (PAY,)},
            {"buttons": (PAY, DOCUMENT)},
            {"buttons": (PAY, LATER)},
            {"template": TEMPLATE, "in_window": False},
        ):
            await channel.send(a_message(bench, **changes))
        sent = [call.body for call in bench.meta.calls if call.path.endswith("/messages")]

        assert [body["type"] for body in sent] == [
            "text",
            "text",
            "interactive",
            "interactive",
            "interactive",
            "template",
        ]
        for body in sent:
            jsonschema.validate(body, message_schema(described, body["type"]))

    async def test_our_texts_are_described_and_kept(self, bench: WhatsAppBench, described: dict[str, Any]) -> None:
        renderer = Renderer()
        messages = [(kind, about_invoice(kind)) for kind in KEPT_KINDS]
        messages += [(kind, link_free(message)) for kind, message in messages]
        texts = [renderer.kept(kind, message, locale) for kind, message in messages for locale in ("ro", "en")]
        for text in texts:
            await bench.channel().register_template(text)
        schema = described["paths"][TEMPLATES]["post"]["requestBody"]["content"]["application/json"]["schema"]

        assert len(bench.meta.calls) == len(texts)
        for call in bench.meta.calls:
            jsonschema.validate(call.body, plain(schema, described))
            jsonschema.validate(
                call.answer, {**answer_schema(described, TEMPLATES, "post"), "additionalProperties": False}
            )

    async def test_what_the_stand_in_answers_is_described(
        self, bench: WhatsAppBench, described: dict[str, Any]
    ) -> None:
        await bench.channel().send(a_message(bench))
        await bench.channel().register_template(TEXT_KEPT)
        await bench.channel().templates([TEXT_KEPT])
        sent, _, listed = bench.meta.calls

        jsonschema.validate(sent.answer, {**answer_schema(described, MESSAGES, "post"), "additionalProperties": False})
        jsonschema.validate(listed.answer, answer_schema(described, TEMPLATES, "get"))

    async def test_the_described_examples_are_taken_or_refused_for_a_reason(
        self, bench: WhatsAppBench, described: dict[str, Any]
    ) -> None:
        """The stand-in is no stricter than Meta: it takes Meta's own examples of what we send, once they name somebody."""
        examples = described["paths"][MESSAGES]["post"]["requestBody"]["content"]["application/json"]["examples"]
        taken = 0
        for example in examples.values():
            body = example["value"]
            buttons = body.get("interactive", {}).get("type") == "button"
            if body.get("type") == "text" or (buttons and "header" not in body["interactive"]):
                bench.meta.api.send({**body, "to": bench.address})
                taken += 1

        assert taken >= 3

    async def test_the_check_bites(self, bench: WhatsAppBench, described: dict[str, Any]) -> None:
        with pytest.raises(Rejected):
            await bench.channel().send(a_message(bench, template=TEMPLATE, in_window=False))
        (call,) = bench.meta.calls
        good = message_schema(described, "template")
        jsonschema.validate(call.body, good)
        for wrong in (
            {**call.body, "to": 5},
            {**call.body, "template": {"name": "x"}},
            {**call.body, "colour": "red"},
            {name: value for name, value in call.body.items() if name != "recipient_type"},
        ):
            with pytest.raises(jsonschema.ValidationError):
                jsonschema.validate(wrong, good)


@cache
def read(file: Path) -> dict[str, Any]:
    document: dict[str, Any] = yaml.load(file.read_bytes(), Loader=yaml.CSafeLoader)
    return document


def answer_schema(described: dict[str, Any], path: str, method: str) -> dict[str, Any]:
    answer = described["paths"][path][method]["responses"]["200"]
    schema: dict[str, Any] = plain(answer["content"]["application/json"]["schema"], described)
    return schema


def message_schema(described: dict[str, Any], kind: str) -> dict[str, Any]:
    """The published schema of one type of message, closed; with what the description forgets of Meta's own documents."""
    reference = described["components"]["schemas"]["Message"]["discriminator"]["mapping"][kind]
    schema: dict[str, Any] = plain({"$ref": reference}, described)
    schema["properties"]["biz_opaque_callback_data"] = {"type": "string", "maxLength": 512}
    if kind == "interactive":  # cloud-api/messages/interactive-cta-url-messages
        interactive = schema["properties"]["interactive"]["properties"]
        interactive["type"]["enum"].append("cta_url")
        interactive["action"]["oneOf"].append(
            {
                "required": ["name", "parameters"],
                "properties": {
                    "name": {"enum": ["cta_url"]},
                    "parameters": {"type": "object", "required": ["display_text", "url"]},
                },
            }
        )
    if kind == "template":  # its pattern is a footnote that got in; its own example is "0"
        component = schema["properties"]["template"]["properties"]["components"]["items"]["properties"]
        component["index"] = {"type": "string", "pattern": "^[0-9]$"}
    return {**schema, "additionalProperties": False}


def plain(schema: Any, document: dict[str, Any]) -> Any:
    """OpenAPI as plain JSON Schema: references followed, the parts of `allOf` joined."""
    if isinstance(schema, list):
        return [plain(item, document) for item in schema]
    if not isinstance(schema, dict):
        return schema
    if "$ref" in schema:
        target: Any = document
        for step in schema["$ref"].removeprefix("#/").split("/"):
            target = target[step]
        return plain(target, document)
    if "allOf" in schema:
        joined: dict[str, Any] = {"type": "object", "properties": {}, "required": []}
        for part in plain(schema["allOf"], document):
            joined["properties"] |= part.get("properties", {})
            joined["required"] += part.get("required", [])
        return joined
    return {name: plain(value, document) for name, value in schema.items() if name not in ("example", "discriminator")}

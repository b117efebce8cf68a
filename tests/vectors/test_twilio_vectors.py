"""Twilio's own material: its published signatures, and its OpenAPI description of the messages API (a subset)."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import jsonschema
import pytest

from channels.sms.signature import signature, verified_form
from gateway.demo.twilio import TwilioStandIn
from gateway.ports.channel import DeliveryStatus
from gateway.ports.errors import InvalidSignature
from gateway.ports.values import Secret, WebhookRequest
from gateway.testing.channel_steps import a_message
from tests.channels.sms_bench import SmsBench, open_bench

AT = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)
MESSAGES = "/2010-04-01/Accounts/{AccountSid}/Messages.json"


@pytest.fixture
async def bench() -> AsyncIterator[SmsBench]:
    async with open_bench() as bench:
        yield bench


class TestSignatures:
    @pytest.fixture
    def published(self, vectors: Path) -> list[tuple[str, WebhookRequest]]:
        material = json.loads((vectors / "twilio" / "signature_vectors.json").read_bytes())
        assert len(material["vectors"]) == 7
        assert material["auth_token"] == "12345"
        return [(vector["name"], as_request(vector)) for vector in material["vectors"]]

    def test_each_is_proven(self, published: list[tuple[str, WebhookRequest]]) -> None:
        for name, request in published:
            form = verified_form(request, [Secret("12345")])

            assert bool(form) is ("bodySHA256" not in request.url), name

    def test_none_is_proven_by_another_token_or_changed(self, published: list[tuple[str, WebhookRequest]]) -> None:
        for _, request in published:
            with pytest.raises(InvalidSignature):
                verified_form(request, [Secret("12346"), None])
            elsewhere = WebhookRequest(request.body, request.headers, request.url.replace("foo=1", "foo=2"), AT)
            with pytest.raises(InvalidSignature):
                verified_form(elsewhere, [Secret("12345")])
            if b"=" in request.body:
                changed = WebhookRequest(request.body + b"&x=y", request.headers, request.url, AT)
                with pytest.raises(InvalidSignature):
                    verified_form(changed, [Secret("12345")])

    def test_ours_is_the_published_one(self, vectors: Path) -> None:
        vector = json.loads((vectors / "twilio" / "signature_vectors.json").read_bytes())["vectors"][0]

        assert signature(Secret("12345"), vector["url"], vector["params"].items()) == vector["signature"]


class TestOpenApi:
    @pytest.fixture
    def described(self, vectors: Path) -> dict[str, Any]:
        document: dict[str, Any] = json.loads(
            (vectors / "twilio" / "twilio_api_v2010.messages.subset.json").read_bytes()
        )
        return document

    async def test_what_we_send_is_described(self, bench: SmsBench, described: dict[str, Any]) -> None:
        service = bench.settings_with(from_number=None, messaging_service_sid=bench.twilio.service_sid)
        callback = "https://pay.example.ro/hooks/channels/acme.sms"
        await bench.channel().send(a_message(bench, receipt_url=callback))
        await bench.channel(service).send(a_message(bench))
        body = described["paths"][MESSAGES]["post"]["requestBody"]
        schema = resolved(body["content"]["application/x-www-form-urlencoded"]["schema"], described)

        for form in bench.twilio.requests:
            jsonschema.validate(dict(form), {**schema, "additionalProperties": False})
        assert len(bench.twilio.requests) == 2

    async def test_what_the_stand_in_answers_is_described(self, bench: SmsBench, described: dict[str, Any]) -> None:
        channel = bench.channel()
        await channel.send(a_message(bench))
        await channel.find_sent(a_message(bench), AT)
        await bench.twilio.receipt(bench.external_ids()[0], "undelivered", 30003)
        await channel.find_sent(a_message(bench), AT)
        created, *lists = bench.twilio.answers
        message = resolved(described["components"]["schemas"]["api.v2010.account.message"], described)
        listed = resolved(described["paths"][MESSAGES]["get"]["responses"]["200"], described)

        strict = {**message, "required": sorted(message["properties"]), "additionalProperties": False}
        jsonschema.validate(created, strict)
        for answer in lists:
            jsonschema.validate(answer, listed["content"]["application/json"]["schema"])
            for each in answer["messages"]:
                jsonschema.validate(each, strict)
        assert len(lists) == 2

    async def test_every_status_is_known(self, bench: SmsBench, described: dict[str, Any]) -> None:
        statuses = described["components"]["schemas"]["message_enum_status"]["enum"]
        assert len(statuses) > 10
        for status in set(statuses) - {"receiving", "received"}:  # those of inbound messages
            body = urlencode({"MessageSid": "SM1", "MessageStatus": status}).encode()
            (event,) = await bench.channel().parse_webhook(bench.sign(body))

            assert getattr(event, "status", None) not in (None, DeliveryStatus.UNKNOWN), status

    async def test_published_examples_are_read(self, bench: SmsBench, described: dict[str, Any]) -> None:
        from channels.sms import CHANNEL
        from gateway.ports.http import HttpResponse
        from tests.channels.test_sms import MESSAGE, SETTINGS, Answers

        created = described["paths"][MESSAGES]["post"]["responses"]["201"]["content"]["application/json"]["examples"]
        for example in created.values():
            answer = HttpResponse(201, {}, json.dumps(example["value"]).encode())
            result = await CHANNEL.create(SETTINGS, Answers(answer)).send(MESSAGE)

            assert result.external_id == example["value"]["sid"]
            assert result.segments == max(1, int(example["value"]["num_segments"]))


def test_stand_in_covers_the_two_operations_that_we_use(vectors: Path) -> None:
    paths = json.loads((vectors / "twilio" / "twilio_api_v2010.messages.subset.json").read_bytes())["paths"]
    described = {
        (method.upper(), path.replace("{AccountSid}", "x").replace("{Sid}", "x"))
        for path, operations in paths.items()
        for method in operations
    }
    routes = {(route.method, route.path.format(account="x", sid="x")) for route in TwilioStandIn().routes()}

    assert len(routes) == 3
    assert routes <= described


def as_request(vector: dict[str, Any]) -> WebhookRequest:
    pairs = [(name, value) for name, value in vector.get("params_list") or vector.get("params", {}).items()]
    body = vector["body"].encode() if "body" in vector else urlencode(pairs).encode()
    return WebhookRequest(body, {"x-twilio-signature": vector["signature"]}, vector["url"], AT)


def resolved(schema: Any, document: dict[str, Any]) -> Any:
    """OpenAPI 3.0 as plain JSON Schema: references followed, `nullable` spelled out."""
    if isinstance(schema, list):
        return [resolved(item, document) for item in schema]
    if not isinstance(schema, dict):
        return schema
    if "$ref" in schema:
        target: Any = document
        for step in schema["$ref"].removeprefix("#/").split("/"):
            target = target[step]
        return resolved(target, document)
    plain = {name: resolved(value, document) for name, value in schema.items() if name not in ("nullable", "example")}
    if schema.get("nullable") and "type" in plain:
        plain["type"] = [plain["type"], "null"]
    return plain

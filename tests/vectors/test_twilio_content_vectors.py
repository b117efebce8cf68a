"""Twilio's OpenAPI description of its Content API, and of messages with a WhatsApp sender: what we send, what the stand-in answers."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from gateway.ports.channel import TemplateStatus
from gateway.ports.http import HttpResponse
from gateway.testing.channel_steps import a_message
from tests.channels.sms_whatsapp_bench import SmsWhatsAppBench, open_bench
from tests.channels.test_sms import Answers
from tests.channels.test_whatsapp import LATER, PAY, READ, TEMPLATE, TEXT_FREE, TEXT_KEPT
from tests.vectors.test_twilio_vectors import MESSAGES, resolved


@pytest.fixture
async def bench() -> AsyncIterator[SmsWhatsAppBench]:
    async with open_bench() as bench:
        yield bench


@pytest.fixture
def content(vectors: Path) -> dict[str, Any]:
    document: dict[str, Any] = json.loads((vectors / "twilio" / "twilio_content_v1.json").read_bytes())
    return document


async def everything(bench: SmsWhatsAppBench) -> None:
    """Every call that we make."""
    channel = bench.channel()
    await channel.templates([TEXT_KEPT])
    await channel.register_template(TEXT_KEPT)
    await channel.register_template(TEXT_FREE)
    await channel.templates([TEXT_KEPT, TEXT_FREE])
    await channel.send(a_message(bench, buttons=[PAY]))
    await channel.send(a_message(bench, buttons=[LATER]))
    await channel.send(a_message(bench, text=READ, template=TEMPLATE, in_window=False))


async def test_contents_are_described(bench: SmsWhatsAppBench, content: dict[str, Any]) -> None:
    await everything(bench)
    schemas = content["components"]["schemas"]
    requests = {"/v1/Content": "ContentCreateRequest", "whatsapp": "ContentApprovalRequest"}
    answers = {"/v1/Content": "content.v1.content", "whatsapp": "content.v1.content.approval_create"}
    seen = set()
    for method, path, body, answer in bench.twilio.content_calls:
        name = path if path in requests else path.rpartition("/")[2]
        seen.add((method, name))
        if method == "POST":
            jsonschema.validate(body, {**resolved(schemas[requests[name]], content), "additionalProperties": False})
            jsonschema.validate(answer, {**resolved(schemas[answers[name]], content), "additionalProperties": False})
        else:
            row = {**resolved(schemas["content.v1.content_and_approvals"], content), "additionalProperties": False}
            for one in answer["contents"]:
                jsonschema.validate(one, row)

    assert seen == {("POST", "/v1/Content"), ("POST", "whatsapp"), ("GET", "ContentAndApprovals")}


async def test_messages_are_described(bench: SmsWhatsAppBench, vectors: Path) -> None:
    await everything(bench)
    described = json.loads((vectors / "twilio" / "twilio_api_v2010.messages.subset.json").read_bytes())
    body = described["paths"][MESSAGES]["post"]["requestBody"]["content"]["application/x-www-form-urlencoded"]
    schema = {**resolved(body["schema"], described), "additionalProperties": False}
    for form in bench.twilio.requests:
        jsonschema.validate(dict(form), schema)

    assert [sorted(form) for form in bench.twilio.requests] == [
        ["Body", "From", "To"],
        ["ContentSid", "ContentVariables", "From", "To"],
        ["ContentSid", "ContentVariables", "From", "To"],
    ]


async def test_the_published_list_is_read(bench: SmsWhatsAppBench, content: dict[str, Any]) -> None:
    listed = content["paths"]["/v1/ContentAndApprovals"]["get"]["responses"]["200"]["content"]["application/json"]
    example = listed["examples"]["readResults"]["value"]
    answer = HttpResponse(200, {}, json.dumps(example).encode())
    bench.http = Answers(answer)
    found = await bench.channel()._contents.read()

    assert {key[0]: kept.standing.status for key, kept in found.items()} == {
        "Some content": TemplateStatus.MISSING,
        "Media Test": TemplateStatus.APPROVED,
        "Video Highlights": TemplateStatus.REJECTED,
    }

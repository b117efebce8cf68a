"""Exchanges and webhooks as the vendors write them, one to a file; each says where it comes from."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest

from gateway.ports.channel import Button
from gateway.ports.errors import AdapterError
from gateway.ports.http import HttpResponse
from gateway.testing.channel_steps import a_message, sent
from tests.channels import email_bench, sms_bench, sms_whatsapp_bench, telegram_bench, whatsapp_bench

FOLDER = Path(__file__).parent / "fixtures"
BENCHES: dict[str, Any] = {
    "email": email_bench.open_bench,
    "sms": sms_bench.open_bench,
    "sms.whatsapp": sms_whatsapp_bench.open_bench,
    "telegram": telegram_bench.open_bench,
    "whatsapp": whatsapp_bench.open_bench,
}
FIXTURES = {
    f"{path.parent.name}/{path.stem}": json.loads(path.read_text(encoding="utf-8")) for path in FOLDER.glob("*/*.json")
}
SENDS = {name: fixture for name, fixture in FIXTURES.items() if "exchange" in fixture}
WEBHOOKS = {name: fixture for name, fixture in FIXTURES.items() if "webhook" in fixture}


class Replay:
    """An HttpClient that wants the recorded requests, in order, and gives the recorded answers."""

    def __init__(self, exchange: list[dict[str, Any]]) -> None:
        self.left = list(exchange)

    async def request(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        body: bytes | None = None,
        submits: bool,
        timeout_s: float = 15.0,
    ) -> HttpResponse:
        step = self.left.pop(0)
        asked = {"method": method, "path": urlsplit(url).path}
        asked |= {"json": json.loads(body or b"")} if "json" in step["request"] else {"form": form(body)}
        assert asked == step["request"]
        assert submits is (method == "POST")
        return HttpResponse(step["response"]["status"], {}, json.dumps(step["response"]["body"]).encode())


def form(body: bytes | None) -> dict[str, str]:
    return dict(parse_qsl((body or b"").decode(), keep_blank_values=True))


def test_each_says_where_it_comes_from_and_none_is_left_out() -> None:
    assert all(fixture["origin"] for fixture in FIXTURES.values())
    assert SENDS.keys() | WEBHOOKS.keys() == FIXTURES.keys()
    assert {name.partition("/")[0] for name in FIXTURES} == BENCHES.keys()


@pytest.mark.parametrize("name", sorted(SENDS))
async def test_exchange(name: str) -> None:
    fixture = SENDS[name]
    async with BENCHES[name.partition("/")[0]]() as bench:
        replay = Replay(fixture["exchange"])
        channel = bench.plugin.create(bench.settings, replay)
        buttons = [Button(**button) for button in fixture["send"].get("buttons", ())]
        try:
            outcome: Any = await channel.send(a_message(bench, **{**fixture["send"], "buttons": buttons}))
        except AdapterError as error:
            outcome = error

        assert told(outcome, fixture["expect"]) == fixture["expect"]
        assert replay.left == []


@pytest.mark.parametrize("name", sorted(WEBHOOKS))
async def test_webhook(name: str) -> None:
    fixture = WEBHOOKS[name]
    async with BENCHES[name.partition("/")[0]]() as bench:
        body = fixture["webhook"]["body"]
        if "<token>" in body:
            external_id = (await sent(bench)).external_id
            body = body.replace("<token>", external_id.strip("<>").partition("@")[0])
        events = await bench.channel().parse_webhook(bench.sign(body.encode()))

        assert [told(event, expected) for event, expected in zip(events, fixture["expect"], strict=True)] == fixture[
            "expect"
        ]


def told(event: object, expected: dict[str, Any]) -> dict[str, Any]:
    """Those facts that the fixture speaks of."""
    return {name: type(event).__name__ if name in ("kind", "error") else getattr(event, name) for name in expected}

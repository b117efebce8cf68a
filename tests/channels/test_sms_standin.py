"""The demo's Twilio: judged itself, and with a webhook of the gateway's kind behind it, over HTTP."""

from __future__ import annotations

import base64
import json
from collections.abc import AsyncIterator, Mapping
from typing import Any
from urllib.parse import urlencode

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from channels.sms import CHANNEL
from gateway.ports.channel import DeliveryStatus
from gateway.ports.errors import InvalidSignature, Rejected
from gateway.ports.values import WebhookRequest
from gateway.testing.channel_steps import a_message, sent
from tests.channels.sms_bench import SmsBench, open_bench


@pytest.fixture
async def bench() -> AsyncIterator[SmsBench]:
    async with open_bench() as bench:
        yield bench


class TestStandIn:
    """The demo's Twilio, with a webhook of the gateway's kind behind it, over HTTP."""

    @pytest.fixture
    async def hook(self, bench: SmsBench) -> AsyncIterator[list[Any]]:
        events: list[Any] = []

        async def receive(request: web.Request) -> web.Response:
            headers = {name.lower(): value for name, value in request.headers.items()}
            webhook = WebhookRequest(await request.read(), headers, str(server.make_url("/hook")), bench.clock.now())
            try:
                events.extend(await bench.channel().parse_webhook(webhook))
            except InvalidSignature:
                return web.Response(status=401)
            return web.Response(body=CHANNEL.acknowledge[0], content_type=CHANNEL.acknowledge[1])

        app = web.Application()
        app.router.add_post("/hook", receive)
        async with TestServer(app) as server:
            bench.twilio.inbound_url = str(server.make_url("/hook"))
            yield events

    async def test_receipts_come_in_order_and_match(self, bench: SmsBench, hook: list[Any]) -> None:
        bench.twilio.receipts = True
        result = await bench.channel().send(a_message(bench, receipt_url=bench.twilio.inbound_url))
        await bench.twilio.settled()

        assert [(event.external_id, event.status) for event in hook] == [
            (result.external_id, DeliveryStatus.SENT),
            (result.external_id, DeliveryStatus.DELIVERED),
        ]

    async def test_stop_is_carried_and_kept_until_start(self, bench: SmsBench, hook: list[Any]) -> None:
        assert await bench.twilio.reply(bench.address, "Stop") == 200
        with pytest.raises(Rejected) as refusal:
            await sent(bench)
        assert await bench.twilio.reply(bench.address, "START") == 200
        await sent(bench)

        assert refusal.value.code == "21610"
        assert [(event.address, event.stop, event.start) for event in hook] == [
            (bench.address, True, False),
            (bench.address, False, True),
        ]

    async def test_another_accounts_signature_is_refused(self, bench: SmsBench, hook: list[Any]) -> None:
        bench.twilio.auth_token = "not-ours"

        assert await bench.twilio.reply(bench.address, "da") == 401
        assert hook == []

    @pytest.mark.parametrize(
        ("changes", "code"),
        [
            ({"To": ""}, 21604),
            ({"From": ""}, 21603),
            ({"Body": ""}, 21602),
            ({"To": "0712345678"}, 21211),
            ({"Body": "x" * 1601}, 21617),
            ({"From": "+40399999999"}, 21606),
            ({"StatusCallback": "http://a_b/x"}, 21609),
            ({"StatusCallback": "nonsense"}, 21609),
        ],
    )
    async def test_it_checks_what_it_is_sent(self, bench: SmsBench, changes: Mapping[str, str], code: int) -> None:
        form = {"To": bench.address, "From": bench.twilio.number, "Body": "da", **changes}
        status, answer = await self.post(bench, form, bench.twilio.auth_token)

        assert (status, answer["code"]) == (400, code)
        assert not bench.twilio.messages

    async def test_it_checks_who_calls(self, bench: SmsBench) -> None:
        status, answer = await self.post(bench, {"To": bench.address}, "wrong")

        assert (status, answer["code"]) == (401, 20003)

    async def post(self, bench: SmsBench, form: Mapping[str, str], password: str) -> tuple[int, dict[str, Any]]:
        account = bench.twilio.account_sid
        answer = await bench.http.request(
            "POST",
            f"{bench.twilio.url}/2010-04-01/Accounts/{account}/Messages.json",
            headers={
                "Authorization": "Basic " + base64.b64encode(f"{account}:{password}".encode()).decode(),
                "Content-Type": "application/x-www-form-urlencoded",
            },
            body=urlencode(form).encode(),
            submits=True,
        )
        return answer.status, json.loads(answer.body)

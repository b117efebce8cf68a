"""What is special about SMS: segments, opt-outs, Twilio's codes, its two ways to send and to log in."""

from __future__ import annotations

import hashlib
import json
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlencode

import pytest

from channels.sms import CHANNEL, Settings, SmsChannel
from channels.sms.signature import signature
from gateway.ports.channel import DeliveryStatus, DeliveryUpdate, InboundMessage, Message
from gateway.ports.errors import InvalidSignature, MalformedWebhook, OutcomeUnknown, Rejected, RetryLater
from gateway.ports.gsm7 import transliterated
from gateway.ports.http import HttpResponse
from gateway.ports.values import Secret, WebhookRequest
from gateway.testing.channel_steps import a_message, parsed, sent
from tests.channels.sms_bench import HOOK, SmsBench, open_bench

SETTINGS = Settings(account_sid="AC1", auth_token=Secret("x"), from_number="+40312345678")
MESSAGE = Message(reference="dlv_1", to="+40712345678", text="da", locale="ro")
MESSAGE_AT = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)


class Answers:
    """An HttpClient whose vendor always says the same."""

    def __init__(self, answer: HttpResponse) -> None:
        self.answer = answer

    async def request(self, *_: Any, **__: Any) -> HttpResponse:
        return self.answer


@pytest.fixture
async def bench() -> AsyncIterator[SmsBench]:
    async with open_bench() as bench:
        yield bench


class TestSend:
    async def test_diacritics_go_where_they_cost(self, bench: SmsBench) -> None:
        text = "Factura dvs. către Energie Țară: " + "ă" * 60
        cheap = await bench.channel().send(a_message(bench, text=text))
        dear = await bench.channel(bench.settings_with(transliterate=False)).send(a_message(bench, text=text))

        assert (cheap.segments, dear.segments) == (1, 2)
        assert list(bench.taken()) == [transliterated(text), text]

    async def test_fields_on_the_wire(self, bench: SmsBench) -> None:
        await bench.channel().send(a_message(bench, receipt_url=HOOK))

        assert dict(bench.twilio.requests[0]) == {
            "To": bench.address,
            "From": bench.twilio.number,
            "Body": a_message(bench).text,
            "StatusCallback": HOOK,
        }

    async def test_messaging_service_instead_of_a_number(self, bench: SmsBench) -> None:
        settings = bench.settings_with(from_number=None, messaging_service_sid=bench.twilio.service_sid)
        result = await bench.channel(settings).send(a_message(bench, text="€" * 100))

        assert bench.twilio.requests[0]["MessagingServiceSid"] == bench.twilio.service_sid
        assert "From" not in bench.twilio.requests[0]
        assert result.segments == 2, "Twilio says 0 until it has chosen a sender"

    async def test_api_key_sends_and_the_auth_token_still_proves_webhooks(self, bench: SmsBench) -> None:
        bench.twilio.api_keys["SK1"] = "key-secret"
        channel = bench.channel(bench.settings_with(api_key_sid="SK1", api_key_secret=Secret("key-secret")))
        result = await channel.send(a_message(bench))
        receipt = bench.sign(bench.receipt_body(result.external_id, DeliveryStatus.DELIVERED))

        assert [event.external_id for event in await channel.parse_webhook(receipt)] == [result.external_id]

    async def test_environment_of_the_process_does_not_move_the_host(
        self, bench: SmsBench, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("TWILIO_EDGE", "sydney")
        monkeypatch.setenv("TWILIO_REGION", "au1")
        await sent(bench)

        assert len(bench.twilio.messages) == 1

    @pytest.mark.parametrize(
        ("number", "code", "unreachable"),
        [
            ("+15005550001", "21211", True),
            ("+15005550004", "21610", True),
            ("+15005550009", "21614", True),
            ("+15005550002", "21612", False),
            ("+15005550003", "21408", False),
        ],
    )
    async def test_twilios_test_numbers(self, bench: SmsBench, number: str, code: str, unreachable: bool) -> None:
        with pytest.raises(Rejected) as refusal:
            await bench.channel().send(a_message(bench, to=number))

        assert (refusal.value.code, refusal.value.unreachable) == (code, unreachable)
        assert number not in str(refusal.value)

    @pytest.mark.parametrize(
        ("status", "body", "error"),
        [
            (400, {"code": 20429, "message": "busy", "status": 400}, RetryLater),
            (400, {"code": 21611, "message": "queue is full", "status": 400}, RetryLater),
            (401, {"code": 20003, "message": "Authenticate", "status": 401}, Rejected),
            (404, "<html>not here</html>", Rejected),
            (500, "<html>oops</html>", OutcomeUnknown),
            (422, {"type": "x", "title": "x", "status": 422, "code": 21211}, Rejected),
            (201, "not json", OutcomeUnknown),
            (201, {}, OutcomeUnknown),
            (201, [], OutcomeUnknown),
            (201, {"sid": None}, OutcomeUnknown),
            (201, {"sid": "SM1", "num_segments": "many"}, OutcomeUnknown),
        ],
    )
    async def test_what_each_answer_means(self, status: int, body: Any, error: type[Exception]) -> None:
        answer = HttpResponse(status, {}, body.encode() if isinstance(body, str) else json.dumps(body).encode())
        with pytest.raises(error):
            await CHANNEL.create(SETTINGS, Answers(answer)).send(MESSAGE)

    async def test_nonsense_is_no_proof_that_nothing_was_sent(self) -> None:
        for body in (b"not json", b"{}", b"[]", b'{"messages": 5}', b'{"messages": [5]}'):
            channel: Any = CHANNEL.create(SETTINGS, Answers(HttpResponse(200, {}, body)))
            with pytest.raises(RetryLater):
                await channel.find_sent(MESSAGE, MESSAGE_AT)


class TestWebhooks:
    @pytest.mark.parametrize(
        ("status", "expected"),
        [
            *((name, DeliveryStatus.SENT) for name in ("accepted", "scheduled", "queued", "sending", "sent")),
            ("partially_delivered", DeliveryStatus.SENT),
            ("delivered", DeliveryStatus.DELIVERED),
            ("read", DeliveryStatus.READ),
            *((name, DeliveryStatus.FAILED) for name in ("failed", "undelivered", "canceled")),
            *((name, DeliveryStatus.UNKNOWN) for name in ("DELIVERED", "teleported", " ")),
        ],
    )
    async def test_every_status(self, bench: SmsBench, status: str, expected: DeliveryStatus) -> None:
        (event,) = await parsed(bench, urlencode({"MessageSid": "SM1", "MessageStatus": status}).encode())

        assert isinstance(event, DeliveryUpdate)
        assert event.status is expected

    @pytest.mark.parametrize(
        ("code", "unreachable"),
        [
            ("30003", False),
            ("30004", True),
            ("30005", True),
            ("30006", True),
            ("30007", False),
            ("30008", False),
            ("", False),
        ],
    )
    async def test_error_codes_of_receipts(self, bench: SmsBench, code: str, unreachable: bool) -> None:
        fields = {"MessageSid": "SM1", "MessageStatus": "undelivered", "ErrorCode": code}
        (event,) = await parsed(bench, urlencode(fields).encode())

        assert isinstance(event, DeliveryUpdate)
        assert (event.code, event.unreachable) == (code or None, unreachable)

    @pytest.mark.parametrize(
        ("text", "verdict", "stop", "start"),
        [
            *(
                (word, None, True, False)
                for word in ["STOP", "stop", "StopAll", "UNSUBSCRIBE", "CANCEL", "END", "QUIT", "REVOKE", "OPTOUT"]
            ),
            (" stop \n", None, True, False),
            *((word, None, False, True) for word in ("START", "yes", "UnStop")),
            ("We have got to STOP this bill", None, False, False),
            ("nu mai vreau", "STOP", True, False),  # a word of the Messaging Service's own list
            ("inapoi", "START", False, True),
            ("STOP", "HELP", False, False),  # Twilio's own verdict stands
        ],
    )
    async def test_opt_out_is_twilios_verdict(
        self, bench: SmsBench, text: str, verdict: str | None, stop: bool, start: bool
    ) -> None:
        fields = {"MessageSid": "SM1", "From": bench.address, "Body": text} | (
            {"OptOutType": verdict} if verdict else {}
        )
        (event,) = await parsed(bench, urlencode(fields).encode())

        assert isinstance(event, InboundMessage)
        assert (event.text, event.stop, event.start) == (text, stop, start)

    async def test_repeated_and_unknown_fields_are_signed_too(self, bench: SmsBench) -> None:
        pairs = [
            ("MessageSid", "SM1"),
            ("MessageStatus", "sent"),
            ("New", "b"),
            ("New", "a"),
            ("New", "b"),
            ("Empty", ""),
        ]
        proof = signature(Secret("token-of-the-present"), HOOK, pairs)
        request = WebhookRequest(urlencode(pairs).encode(), {"x-twilio-signature": proof}, HOOK, bench.clock.now())

        assert len(await bench.channel().parse_webhook(request)) == 1
        without = WebhookRequest(urlencode(pairs[:-1]).encode(), request.headers, HOOK, bench.clock.now())
        with pytest.raises(InvalidSignature):
            await bench.channel().parse_webhook(without)

    async def test_flood_of_fields_is_refused_unread(self, bench: SmsBench) -> None:
        with pytest.raises(InvalidSignature):
            await bench.channel().parse_webhook(bench.sign(b"&".join(b"a=%d" % number for number in range(300))))

    async def test_body_that_is_no_form_is_proven_by_its_hash_and_not_read(self, bench: SmsBench) -> None:
        body = b'{"property": "value"}'
        url = f"{HOOK}?bodySHA256={hashlib.sha256(body).hexdigest()}"
        headers = {"x-twilio-signature": signature(Secret("token-of-the-present"), url, ())}
        with pytest.raises(MalformedWebhook):
            await bench.channel().parse_webhook(WebhookRequest(body, headers, url, bench.clock.now()))
        with pytest.raises(InvalidSignature):
            await bench.channel().parse_webhook(WebhookRequest(body + b" ", headers, url, bench.clock.now()))


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"from_number": None}, "from_number"),
        ({"messaging_service_sid": "MG1"}, "from_number"),
        ({"api_key_sid": "SK1"}, "api_key_sid"),
        ({"api_key_secret": Secret("x")}, "api_key_sid"),
    ],
)
def test_settings_name_what_is_wrong(changes: dict[str, Any], named: str) -> None:
    values: dict[str, Any] = {"account_sid": "AC1", "auth_token": Secret("x"), "from_number": "+40312345678", **changes}
    with pytest.raises(ValueError, match=named):
        Settings(**values)


@pytest.mark.parametrize(
    ("sender", "one_way"),
    [
        ({"from_number": "ACME"}, True),
        ({"from_number": "Apa 24"}, True),
        ({"from_number": "+40312345678"}, False),
        ({"from_number": "1234"}, False),
        ({"from_number": None, "messaging_service_sid": "MG1"}, False),
    ],
)
def test_a_sender_that_is_a_name_cannot_be_answered(sender: dict[str, str | None], one_way: bool) -> None:
    channel = SmsChannel(replace(SETTINGS, **sender), None)  # type: ignore[arg-type]

    assert (CHANNEL.replies, CHANNEL.one_way, channel.one_way) == (True, True, one_way)

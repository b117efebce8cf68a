"""Who is believed: tokens, addresses and complaints; and what any bytes at all come to."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from channels.email.inbound import read_mail
from channels.email.tokens import Tokens
from gateway.demo.letters import Mail
from gateway.ports.channel import ChannelEvent, InboundMessage, SendResult
from gateway.ports.errors import MalformedWebhook
from gateway.ports.values import Secret, WebhookRequest
from gateway.testing.channel_steps import a_message, parsed, sent
from tests.channels.email_bench import EmailBench, open_bench

AT = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)


@pytest.fixture
async def bench() -> AsyncIterator[EmailBench]:
    async with open_bench() as bench:
        yield bench


async def mailed(bench: EmailBench) -> tuple[SendResult, Mail]:
    result = await sent(bench)
    return result, bench.mail.messages[0]


async def one(bench: EmailBench, raw: bytes) -> ChannelEvent:
    (event,) = await parsed(bench, raw)
    return event


class TestComplaints:
    @pytest.mark.parametrize("hidden", [False, True])
    async def test_a_complaint_is_a_wish_to_hear_no_more(self, bench: EmailBench, hidden: bool) -> None:
        _, mail = await mailed(bench)
        event = await one(bench, bench.mail.complaint(mail, hidden=hidden))

        assert isinstance(event, InboundMessage)
        assert (event.stop, event.auto, event.in_reply_to, event.text) == (True, True, "dlv_7f3a", "")
        assert event.address == ("" if hidden else bench.address)

    @pytest.mark.parametrize("kind", ["not-spam", "virus", "auth-failure", ""])
    async def test_other_feedback_is_no_wish(self, bench: EmailBench, kind: str) -> None:
        _, mail = await mailed(bench)

        assert await parsed(bench, bench.mail.complaint(mail, kind)) == ()

    async def test_a_forged_one_stops_nothing(self, bench: EmailBench) -> None:
        _, mail = await mailed(bench)
        forged = mail.content.replace(mail.envelope_id.encode(), b"dlv_7f3a.0123456789abcdef.01234567")

        assert await parsed(bench, bench.mail.complaint(replace(mail, content=forged))) == ()


class TestWhoIsKnown:
    async def test_the_address_that_we_wrote_to(self, bench: EmailBench) -> None:
        _, mail = await mailed(bench)
        for sender in (bench.address, bench.address.upper()):
            event = await one(bench, bench.mail.answer(replace(mail, recipient=sender), "da"))

            assert isinstance(event, InboundMessage)
            assert (event.address, event.in_reply_to) == (bench.address, "dlv_7f3a")

    async def test_nobody_else_though_they_have_the_message(self, bench: EmailBench) -> None:
        """A forwarded message tells its token; it was not written to whom it was forwarded."""
        _, mail = await mailed(bench)
        event = await one(bench, bench.mail.answer(replace(mail, recipient="eve@example.ro"), "da"))

        assert isinstance(event, InboundMessage)
        assert (event.address, event.in_reply_to) == ("eve@example.ro", None)

    async def test_the_reply_address_is_enough_where_a_server_writes_its_own_message_ids(
        self, bench: EmailBench
    ) -> None:
        channel = bench.channel(bench.settings_with(reply_to="plati+@acme.example"))
        await channel.send(a_message(bench))
        (mail,) = bench.mail.messages
        assert mail.reply_to == f"plati+{mail.envelope_id}@acme.example"
        answer = bench.mail.answer(replace(mail, message_id="<0102@eu-west-1.amazonses.com>"), "da")
        (event,) = await channel.parse_webhook(bench.sign(answer))

        assert isinstance(event, InboundMessage)
        assert event.in_reply_to == "dlv_7f3a"

    async def test_mail_from_ourselves_is_a_machines(self, bench: EmailBench) -> None:
        _, mail = await mailed(bench)
        event = await one(bench, bench.mail.answer(replace(mail, recipient="Facturi@acme.example"), "da"))

        assert isinstance(event, InboundMessage)
        assert event.auto


class TestAccounts:
    @pytest.mark.parametrize(
        ("recipient", "expected"),
        [
            ("facturi@acme.example", True),
            ("<Facturi+x@ACME.example>", True),
            ("plati+abc@acme.example", True),
            ("bounce+abc@bounces.acme.example", True),
            ("postmaster@bounces.acme.example", False),
            ("bounce+abc@acme.example", False),
            ("facturi@other.example", False),
            ("", False),
            ("@", False),
        ],
    )
    def test_whose_mail_it_is(self, bench: EmailBench, recipient: str, expected: bool) -> None:
        settings = bench.settings_with(reply_to="plati+@acme.example")

        assert bench.channel(settings).expects(recipient) is expected
        assert not bench.channel(bench.settings_with(inbound_secret=None)).expects(recipient)

    @pytest.mark.parametrize(
        ("changes", "named"),
        [
            ({"reply_to": "nobody"}, "reply_to"),
            ({"reply_to": "raspunsuri+@acme.example"}, "reply_to"),
            ({"reply_to": "plati+@acme.example", "inbound_secret": None}, "inbound_secret"),
        ],
    )
    def test_a_reply_address_that_cannot_work(self, bench: EmailBench, changes: dict[str, object], named: str) -> None:
        with pytest.raises(ValueError, match=f"^{named}: "):
            bench.settings_with(**changes)


HEADS = st.sampled_from(
    ["From: ana@example.ro", "To: bounce+dlv_7f3a.x.y@bounces.acme.example", "Message-ID: \udcff\x00", "Return-Path: <>",
     "Content-Type: multipart/report; boundary=a", "--a", "--a--", "Content-Type: message/delivery-status",
     "Content-Type: message/feedback-report", "Content-Type: message/rfc822", "Action: failed", "Status: 5.1.1",
     "Final-Recipient: rfc822; a@b.ro", "Content-Type: text/html; charset=utf-7", "Content-Transfer-Encoding: base64",
     "Content-Transfer-Encoding: uuencode", "Feedback-Type: abuse", "Subject: =?utf-8?b?=C4?=", "", "<p", "> x"]
)  # fmt: skip


MAILS = st.lists(HEADS, max_size=25).map(lambda lines: "\r\n".join(lines).encode("utf-8", "surrogateescape"))


@given(st.one_of(st.binary(max_size=400), MAILS))
def test_any_bytes_are_read_or_malformed(raw: bytes) -> None:
    request = WebhookRequest(raw, {}, "", AT)
    try:
        events = read_mail(request, Tokens((Secret("x"),)), "acme.example")
    except MalformedWebhook:
        return
    for event in events:
        assert isinstance(event, InboundMessage)  # none of it carries our token
        assert not event.stop
        f"{event.event_id}{event.address}{event.text}".encode()


@pytest.mark.parametrize(
    "nested", [b"Content-Type: multipart/mixed; boundary=%d\r\n\r\n--%d\r\n", b"Content-Type: message/rfc822\r\n\r\n"]
)
def test_what_is_nested_without_end_is_malformed(nested: bytes) -> None:
    layers = b"".join(nested % ((place, place) if b"%d" in nested else ()) for place in range(5000))
    with pytest.raises(MalformedWebhook):
        read_mail(WebhookRequest(b"From: a@b.ro\r\n" + layers, {}, "", AT), Tokens(()), "acme.example")

"""Bounces and replies: only what carries our token counts, and nothing that a machine wrote is taken for a payer."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from gateway.demo.letters import Mail
from gateway.ports.channel import ChannelEvent, DeliveryStatus, DeliveryUpdate, InboundMessage, SendResult
from gateway.ports.errors import InvalidSignature
from gateway.ports.values import Secret
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


class TestBounces:
    async def test_return_path_names_the_message(self, bench: EmailBench) -> None:
        result, mail = await mailed(bench)
        bare = replace(mail, envelope_id="", content=b"Subject: returned\r\n\r\n")
        event = await one(bench, bench.mail.report(bare))

        assert event == DeliveryUpdate(
            event_id=event.event_id,
            external_id=result.external_id,
            status=DeliveryStatus.FAILED,
            occurred_at=bench.clock.now(),
            code="5.1.1",
            unreachable=True,
        )

    async def test_envelope_id_names_the_message(self, bench: EmailBench) -> None:
        result, mail = await mailed(bench)
        bare = replace(mail, sender="facturi@acme.example", content=b"Subject: returned\r\n\r\n")

        assert (await one(bench, bench.mail.report(bare))).external_id == result.external_id

    async def test_returned_headers_name_the_message(self, bench: EmailBench) -> None:
        result, mail = await mailed(bench)
        bare = replace(mail, sender="facturi@acme.example", envelope_id="")

        assert (await one(bench, bench.mail.report(bare))).external_id == result.external_id

    async def test_whole_returned_message_names_the_message(self, bench: EmailBench) -> None:
        result, mail = await mailed(bench)
        bare = replace(mail, sender="facturi@acme.example", envelope_id="")
        raw = bench.mail.report(bare).replace(b"text/rfc822-headers", b"message/rfc822")

        assert (await one(bench, raw)).external_id == result.external_id

    async def test_report_that_names_nothing_of_ours_is_dropped(self, bench: EmailBench) -> None:
        _, mail = await mailed(bench)
        bare = replace(mail, sender="facturi@acme.example", envelope_id="env0", content=b"Subject: x\r\n\r\n")

        assert await parsed(bench, bench.mail.report(bare)) == ()

    @pytest.mark.parametrize("proof", ["", ".", ".0123456789abcdef", ".\x00", ".ăăă"])
    async def test_forged_token_is_dropped(self, bench: EmailBench, proof: str) -> None:
        """Else anybody who guesses a delivery's reference could silence an address."""
        _, mail = await mailed(bench)
        token = f"dlv_7f3a{proof}"
        forged = replace(
            mail,
            sender=f"bounce+{token}@bounces.acme.example",
            envelope_id=token,
            content=f"Message-ID: <{token}@acme.example>\r\n\r\n".encode(),
        )

        assert await parsed(bench, bench.mail.report(forged)) == ()

    async def test_token_of_the_secret_that_is_being_replaced_holds(self, bench: EmailBench) -> None:
        before = bench.settings_with(inbound_secret=Secret("secret-of-the-past"))
        result = await bench.channel(before).send(a_message(bench))
        request = bench.sign(bench.mail.report(bench.mail.messages[0]))

        assert await bench.channel().parse_webhook(request) == ()
        (event,) = await bench.channel(bench.rotating).parse_webhook(request)
        assert event.external_id == result.external_id

    async def test_bounce_in_free_words_is_kept_and_not_believed(self, bench: EmailBench) -> None:
        result, mail = await mailed(bench)
        raw = f"From: MAILER-DAEMON@x.ro\r\nTo: <{mail.sender}>\r\n\r\nHi. I'm afraid I wasn't able to deliver.\r\n"
        event = await one(bench, raw.encode())

        assert isinstance(event, DeliveryUpdate)
        assert (event.external_id, event.status, event.unreachable) == (
            result.external_id,
            DeliveryStatus.UNKNOWN,
            False,
        )

    @pytest.mark.parametrize(
        ("action", "status", "expected", "unreachable"),
        [
            ("failed", "5.1.1", DeliveryStatus.FAILED, True),
            ("failed", "5.1.10", DeliveryStatus.FAILED, True),
            ("failed", "5.2.2", DeliveryStatus.FAILED, False),
            ("failed", "5.7.1", DeliveryStatus.FAILED, False),
            ("failed", "5.1.8", DeliveryStatus.FAILED, False),
            ("failed", "4.4.7", DeliveryStatus.FAILED, False),
            ("Failed (for good)", "5.1.1 (bad destination mailbox)", DeliveryStatus.FAILED, True),
            ("failure", "5.1.1", DeliveryStatus.FAILED, True),
            ("delayed", "4.4.1", DeliveryStatus.SENT, False),
            ("delayed", "5.1.1", DeliveryStatus.SENT, False),
            ("delivered", "2.0.0", DeliveryStatus.DELIVERED, False),
            ("relayed", "2.0.0", DeliveryStatus.SENT, False),
            ("", "5.1.1", DeliveryStatus.UNKNOWN, False),
            ("failed", "", DeliveryStatus.FAILED, True),  # the Diagnostic-Code still says 5.1.1
        ],
    )
    async def test_what_a_report_says(
        self, bench: EmailBench, action: str, status: str, expected: DeliveryStatus, unreachable: bool
    ) -> None:
        _, mail = await mailed(bench)
        raw = bench.mail.report(mail, status=status or "5.1.1", action=action)
        event = await one(bench, raw.replace(b"\r\nStatus: 5.1.1", b"") if not status else raw)

        assert isinstance(event, DeliveryUpdate)
        assert (event.status, event.unreachable) == (expected, unreachable)

    @pytest.mark.parametrize(
        ("words", "expected", "code", "unreachable"),
        [
            ("<ana@example.ro>:\nSorry, no mailbox here by that name. (#5.1.1)", DeliveryStatus.FAILED, "5.1.1", True),
            ("<ana@example.ro>:\nThis user doesn't have an example.ro account", DeliveryStatus.FAILED, "5.0.0", True),
            ("<ana@example.ro>:\nmailbox is full, no such user quota", DeliveryStatus.FAILED, "5.0.0", False),
        ],
    )
    async def test_bounce_in_free_words_is_read(
        self, bench: EmailBench, words: str, expected: DeliveryStatus, code: str, unreachable: bool
    ) -> None:
        """By its return path, and without one by the message that it returns in its text."""
        result, mail = await mailed(bench)
        said = f"Hi. This is the qmail-send program at x.ro.\nI'm sorry.\n\n{words}\n\n--- Below this line is a copy.\n"
        for to, returned in ((mail.sender, ""), ("facturi@acme.example", f"Message-ID: {mail.message_id}\n")):
            raw = f"From: MAILER-DAEMON@x.ro\nTo: <{to}>\nMessage-ID: <q{len(to)}@x.ro>\n\n{said}\n{returned}"
            event = await one(bench, raw.encode())

            assert isinstance(event, DeliveryUpdate)
            assert event.external_id == result.external_id
            assert (event.status, event.code, event.unreachable) == (expected, code, unreachable)

    async def test_absence_told_to_the_return_path_is_no_bounce(self, bench: EmailBench) -> None:
        _, mail = await mailed(bench)
        event = await one(bench, bench.mail.out_of_office(mail, "Sunt plecat până luni."))

        assert isinstance(event, InboundMessage)
        assert (event.auto, event.text, event.in_reply_to) == (True, "Sunt plecat până luni.", "dlv_7f3a")


class TestReplies:
    async def test_only_the_payers_own_words_are_kept(self, bench: EmailBench) -> None:
        _, mail = await mailed(bench)
        text = "Plătesc vineri, mulțumesc!\n\nAna\n-- \nTrimis de pe telefon"
        event = await one(bench, bench.mail.answer(mail, text))

        assert isinstance(event, InboundMessage)
        assert event.text == "Plătesc vineri, mulțumesc!\n\nAna"
        assert event.address == bench.address

    @pytest.mark.parametrize(
        "line",
        [
            "> Factura 1042",
            "On Mon, 23 Nov 2026 at 11:00, Acme <facturi@acme.example> wrote:",
            "În lun., 23 nov. 2026 la 11:00, Acme <facturi@acme.example> a scris:",
            "-----Original Message-----",
            "-------- Mesaj original --------",
            "________________________________",
            "-- ",
        ],
    )
    async def test_quotes_are_cut(self, bench: EmailBench, line: str) -> None:
        _, mail = await mailed(bench)
        event = await one(bench, bench.mail.answer(mail, f"da\n\n{line}\nold words"))

        assert isinstance(event, InboundMessage)
        assert event.text == "da"

    async def test_html_reply_is_read_as_text(self, bench: EmailBench) -> None:
        _, mail = await mailed(bench)
        raw = (
            f"From: Ana <ANA.Popescu@Example.ro>\r\nTo: facturi@acme.example\r\nIn-Reply-To: {mail.message_id}\r\n"
            "Content-Type: text/html; charset=iso-8859-2\r\n\r\n"
            "<html><style>p {color: red}</style><p>Am pl\u0103tit &amp; gata</p></html>"
        ).encode("iso-8859-2")
        event = await one(bench, raw)

        assert isinstance(event, InboundMessage)
        assert (event.address, event.text) == ("ana.popescu@example.ro", "Am plătit & gata")

    async def test_references_are_enough(self, bench: EmailBench) -> None:
        _, mail = await mailed(bench)
        raw = bench.mail.answer(mail, "da").replace(b"In-Reply-To: " + mail.message_id.encode(), b"X-Y: z")

        assert isinstance(await one(bench, raw), InboundMessage)

    @pytest.mark.parametrize(
        "header",
        [
            "Auto-Submitted: auto-replied",
            "Auto-Submitted: auto-generated (failure)",
            "Precedence: bulk",
            "Precedence: auto_reply",
            "X-Auto-Response-Suppress: All",
            "X-Autoreply: yes",
            "List-Id: <users.example.ro>",
            "Return-Path: <>",
        ],
    )
    async def test_what_machines_write_is_marked(self, bench: EmailBench, header: str) -> None:
        _, mail = await mailed(bench)
        event = await one(bench, f"{header}\r\n".encode() + bench.mail.answer(mail, "I am on holiday"))

        assert isinstance(event, InboundMessage)
        assert (event.auto, event.text, event.in_reply_to) == (True, "I am on holiday", "dlv_7f3a")

    async def test_mail_that_answers_nothing_of_ours_is_a_strangers(self, bench: EmailBench) -> None:
        _, mail = await mailed(bench)
        for message_id in ("<dlv_7f3a@acme.example>", "<x@acme.example>", mail.message_id.replace("acme", "eve"), ""):
            event = await one(bench, bench.mail.answer(replace(mail, message_id=message_id), "STOP"))

            assert isinstance(event, InboundMessage)
            assert (event.in_reply_to, event.stop, event.auto) == (None, False, False)

    async def test_endless_reply_is_bounded(self, bench: EmailBench) -> None:
        _, mail = await mailed(bench)
        event = await one(bench, bench.mail.answer(mail, "x" * 1_000_000))

        assert isinstance(event, InboundMessage)
        assert len(event.text) == 4000

    @pytest.mark.parametrize(
        "charset", ["utf-8", "x-no-such-charset", "utf-7", "unicode_escape", "zip", "idna", "\xff"]
    )
    async def test_odd_charsets_are_read_somehow(self, bench: EmailBench, charset: str) -> None:
        _, mail = await mailed(bench)
        raw = (
            f"From: a@b.ro\r\nIn-Reply-To: {mail.message_id}\r\nContent-Type: text/plain; charset={charset}\r\n\r\nda"
        ).encode("latin-1")

        assert isinstance(await one(bench, raw), InboundMessage)


async def test_without_a_secret_no_inbound_mail_is_taken(bench: EmailBench) -> None:
    _, mail = await mailed(bench)
    channel = bench.channel(bench.settings_with(inbound_secret=None))
    for request in (bench.sign(bench.mail.report(mail)), bench.unsigned(bench.mail.report(mail))):
        with pytest.raises(InvalidSignature):
            await channel.parse_webhook(request)


async def test_other_signature_schemes_prove_nothing(bench: EmailBench) -> None:
    _, mail = await mailed(bench)
    good = bench.sign(bench.mail.report(mail))
    for proof in (good.headers["x-achit-signature"].removeprefix("sha256="), "md5=x", "sha256=", "sha256"):
        with pytest.raises(InvalidSignature):
            await bench.channel().parse_webhook(replace(good, headers={"x-achit-signature": proof}))

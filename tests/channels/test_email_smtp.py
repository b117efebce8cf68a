"""Email over real SMTP: TLS and login, connections that stay open and die, what each refusal means."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import trustme

from channels.email import CHANNEL, EmailChannel
from gateway.demo.mail import MailFault, MailStandIn
from gateway.outbound import OutboundClient
from gateway.ports.channel import Message
from gateway.ports.errors import OutcomeUnknown, Rejected, RetryLater
from gateway.ports.values import Secret
from gateway.testing.channel_steps import a_message
from gateway.testing.clock import FakeClock
from tests.channels.email_bench import EmailBench, open_bench


@pytest.fixture(params=[True, False], ids=["pipelined", "one by one"])
async def bench(request: pytest.FixtureRequest) -> AsyncIterator[EmailBench]:
    async with open_bench() as bench:
        bench.mail.pipelining = request.param
        yield bench


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture
def ca_file(authority: trustme.CA, tmp_path: Path) -> str:
    path = tmp_path / "ca.pem"
    authority.cert_pem.write_to_path(str(path))
    return str(path)


@asynccontextmanager
async def tls_bench(authority: trustme.CA, *, implicit: bool, name: str = "127.0.0.1") -> AsyncIterator[EmailBench]:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(name).configure_cert(context)
    clock = FakeClock()
    mail = MailStandIn(tls=context, implicit=implicit, credentials=("achit", "password-of-smtp"), now=clock.now)
    async with mail, OutboundClient(clock) as http:
        bench = EmailBench(http, clock, mail)
        yield bench
        await bench.aclose()


class TestTls:
    @pytest.mark.parametrize("security", ["starttls", "tls"])
    async def test_messages_and_login_travel_under_tls(
        self, authority: trustme.CA, ca_file: str, security: str
    ) -> None:
        async with tls_bench(authority, implicit=security == "tls") as bench:
            channel = bench.channel(bench.settings_with(security=security, ca_file=ca_file))
            for number in range(3):
                await channel.send(a_message(bench, reference=f"dlv_{number}"))

            assert [(mail.over_tls, mail.login) for mail in bench.mail.messages] == [(True, "achit")] * 3
            assert bench.mail.connections == 1

    @pytest.mark.parametrize("security", ["starttls", "tls"])
    async def test_strangers_certificate_is_not_trusted(self, authority: trustme.CA, security: str) -> None:
        async with tls_bench(authority, implicit=security == "tls") as bench:
            with pytest.raises(RetryLater):
                await bench.channel(bench.settings_with(security=security)).send(a_message(bench))

            assert not bench.mail.messages

    async def test_certificate_for_another_name_is_not_trusted(self, authority: trustme.CA, ca_file: str) -> None:
        async with tls_bench(authority, implicit=False, name="mail.example.ro") as bench:
            with pytest.raises(RetryLater):
                await bench.channel(bench.settings_with(security="starttls", ca_file=ca_file)).send(a_message(bench))

            assert not bench.mail.messages

    async def test_starttls_is_never_skipped(self, bench: EmailBench) -> None:
        with pytest.raises(Rejected) as refusal:
            await bench.channel(bench.settings_with(security="starttls")).send(a_message(bench))

        assert refusal.value.code == "not_supported"
        assert not refusal.value.unreachable
        assert not bench.mail.messages

    async def test_wrong_password_is_refused_and_not_said(self, bench: EmailBench) -> None:
        channel = bench.channel(bench.settings_with(password=Secret("not-this-one")))
        with pytest.raises(Rejected) as refusal:
            await channel.send(a_message(bench))

        assert refusal.value.code == "5.7.8"
        assert not refusal.value.unreachable
        assert "not-this-one" not in str(refusal.value)


class TestConnections:
    async def test_one_connection_carries_many_messages(self, bench: EmailBench) -> None:
        channel = bench.channel()
        for number in range(10):
            await channel.send(a_message(bench, reference=f"dlv_{number}"))

        assert len(bench.mail.messages) == 10
        assert bench.mail.connections == 1

    async def test_no_more_connections_than_allowed(self, bench: EmailBench) -> None:
        channel = bench.channel(bench.settings_with(connections=3))
        await asyncio.gather(*(channel.send(a_message(bench, reference=f"dlv_{number}")) for number in range(30)))

        assert len(bench.mail.messages) == 30
        assert bench.mail.connections == 3

    async def test_dead_connection_is_replaced_unnoticed(self, bench: EmailBench) -> None:
        channel = bench.channel()
        await channel.send(a_message(bench))
        bench.mail.drop_connections()
        await channel.send(a_message(bench, reference="dlv_2"))

        assert len(bench.mail.messages) == 2
        assert bench.mail.connections == 2

    async def test_connection_that_says_goodbye_is_replaced_unnoticed(self, bench: EmailBench) -> None:
        """A server that has closed an idle connection answers 421 to whatever is said next (RFC 5321, 3.8)."""
        channel = bench.channel()
        await channel.send(a_message(bench))
        bench.mail.fault = MailFault("mail", "421 4.4.2 Idle for too long", once=True)
        await channel.send(a_message(bench, reference="dlv_2"))

        assert len(bench.mail.messages) == 2
        assert bench.mail.connections == 2

    async def test_refusal_keeps_the_connection(self, bench: EmailBench) -> None:
        channel = bench.channel()
        for stage in ("mail", "rcpt", "dot"):
            bench.mail.fault = MailFault(stage, "550 5.1.1 No")
            with pytest.raises(Rejected):
                await channel.send(a_message(bench))
        bench.mail.fault = None
        await channel.send(a_message(bench))

        assert len(bench.mail.messages) == 1
        assert bench.mail.connections == 1

    async def test_send_that_is_cancelled_leaves_no_half_message(self, bench: EmailBench) -> None:
        channel = bench.channel(bench.settings_with(connections=1))
        bench.mail.fault = MailFault("rcpt", None)
        task = asyncio.ensure_future(channel.send(a_message(bench)))
        await bench.mail.stalled.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        bench.mail.fault = None
        await channel.send(a_message(bench, reference="dlv_2", text="doi"))

        assert list(bench.taken()) == ["doi"]

    async def test_closed_channel_lets_go_of_every_connection(self, bench: EmailBench) -> None:
        channel = bench.channel()
        await channel.send(a_message(bench))
        await channel.aclose()
        await bench.mail.idle.wait()

        assert not bench.mail.open_transports


@pytest.mark.parametrize(
    ("stage", "answer", "error", "code", "unreachable"),
    [
        ("connect", "554 5.7.1 Not from there", Rejected, "5.7.1", False),
        ("connect", "421 4.3.2 Going down", RetryLater, None, None),
        ("mail", "451 4.7.1 Greylisted", RetryLater, None, None),
        ("mail", "550 5.1.8 Sender unknown", Rejected, "5.1.8", False),
        ("rcpt", "450 4.2.1 Mailbox busy", RetryLater, None, None),
        ("rcpt", "452 4.2.2 Mailbox full", RetryLater, None, None),
        ("rcpt", "550 5.1.1 User unknown", Rejected, "5.1.1", True),
        ("rcpt", "550 5.1.10 Null MX", Rejected, "5.1.10", True),
        ("rcpt", "550 5.2.1 Mailbox disabled", Rejected, "5.2.1", True),
        ("rcpt", "552 5.2.2 Mailbox full", Rejected, "5.2.2", False),
        ("rcpt", "554 5.7.1 Relay access denied", Rejected, "5.7.1", False),
        ("rcpt", "550 No such user here", Rejected, "550", False),
        ("dot", "451 4.3.0 Try again", RetryLater, None, None),
        ("dot", "554 5.7.26 Unauthenticated mail", Rejected, "5.7.26", False),
        ("dot", "554 5.6.0 Bad content", Rejected, "5.6.0", False),
    ],
)
async def test_what_each_answer_means(
    bench: EmailBench, stage: str, answer: str, error: type[Any], code: str | None, unreachable: bool | None
) -> None:
    bench.mail.fault = MailFault(stage, answer)
    with pytest.raises(error) as raised:
        await bench.channel().send(a_message(bench))

    assert getattr(raised.value, "code", None) == code
    assert getattr(raised.value, "unreachable", None) == unreachable
    assert not bench.mail.messages


@pytest.mark.parametrize(
    ("stage", "error"), [("connect", RetryLater), ("mail", RetryLater), ("rcpt", RetryLater), ("dot", OutcomeUnknown)]
)
async def test_silence_before_the_dot_is_harmless_and_after_it_is_not(
    bench: EmailBench, stage: str, error: type[Exception]
) -> None:
    bench.mail.fault = MailFault(stage, None)
    with pytest.raises(error):
        await bench.channel(patience_s=0.3).send(a_message(bench))


async def test_connection_lost_after_the_dot_is_unknown(bench: EmailBench) -> None:
    bench.mail.fault = MailFault("dot", None, taken=True)
    task = asyncio.ensure_future(bench.channel().send(a_message(bench)))
    await bench.mail.stalled.wait()
    bench.mail.drop_connections()
    with pytest.raises(OutcomeUnknown):
        await task


async def test_what_is_said_of_a_lost_connection_is_always_true(bench: EmailBench) -> None:
    """The server dies again and again, now while it takes a message, now between two commands of others."""
    channel = bench.channel(bench.settings_with(connections=5))
    bench.mail.messages.on_add(lambda _: len(bench.mail.messages) % 3 or bench.mail.drop_connections())

    async def outcome(number: int) -> str:
        try:
            await channel.send(a_message(bench, reference=f"dlv_{number}"))
        except (RetryLater, OutcomeUnknown) as error:
            return type(error).__name__
        return "sent"

    outcomes = await asyncio.gather(*(outcome(number) for number in range(120)))
    taken = [int(mail.envelope_id.partition(".")[0].removeprefix("dlv_")) for mail in bench.mail.messages]

    assert len(taken) == len(set(taken))
    said = {what: {number for number in range(120) if outcomes[number] == what} for what in set(outcomes)}
    assert said.keys() >= {"sent", "OutcomeUnknown"}
    assert said["sent"] <= set(taken)
    assert not said.get("RetryLater", set()) & set(taken), "nothing was done, or it must not be said"
    assert set(taken) <= said["sent"] | said["OutcomeUnknown"]


async def test_envelope_carries_our_token(bench: EmailBench) -> None:
    result = await bench.channel().send(a_message(bench))
    (mail,) = bench.mail.messages

    token = result.external_id.strip("<>").partition("@")[0]
    assert token.startswith("dlv_7f3a.")
    assert mail.message_id == result.external_id
    assert mail.sender == f"bounce+{token}@bounces.acme.example"
    assert mail.envelope_id == token
    assert mail.recipient == bench.address


async def test_without_a_bounce_domain_mail_returns_to_the_sender(bench: EmailBench) -> None:
    await bench.channel(bench.settings_with(return_path_domain=None)).send(a_message(bench))

    assert bench.mail.messages[0].sender == "facturi@acme.example"


async def test_date_is_the_given_instant(bench: EmailBench) -> None:
    channel = EmailChannel(bench.settings, bench.http, now=bench.clock.now)
    bench.made.append(channel)
    await channel.send(a_message(bench))

    assert b"Date: Mon, 23 Nov 2026 09:00:00 +0000\r\n" in bench.mail.messages[0].content


@pytest.mark.parametrize("reference", ["", "a b", "x@y", "x\r\ny", "ă", "a" * 41, "../x"])
async def test_reference_that_cannot_stand_in_an_address_is_refused(bench: EmailBench, reference: str) -> None:
    with pytest.raises(Rejected):
        await bench.channel().send(a_message(bench, reference=reference))


async def test_international_address_needs_a_server_that_takes_it(bench: EmailBench) -> None:
    message: Message = a_message(bench, to="ană@bücher.example")
    await bench.channel().send(message)
    assert bench.mail.messages[0].recipient == "ană@xn--bcher-kva.example"

    bench.mail.smtputf8 = False
    with pytest.raises(Rejected) as refusal:
        await bench.channel().send(message)
    assert refusal.value.code == "5.6.7"


def test_plugin_is_honest() -> None:
    assert (CHANNEL.name, CHANNEL.address) == ("email", "email")
    assert (CHANNEL.replies, CHANNEL.receipts, CHANNEL.finds_sent, CHANNEL.edits) == (True, False, False, False)
    assert replace(CHANNEL.limits, text=1).concurrency == 10

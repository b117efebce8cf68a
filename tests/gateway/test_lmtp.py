"""Mail over a real LMTP socket: each recipient answered for itself, 250 only when it is stored, an end that cuts no message."""

from __future__ import annotations

import asyncio
import smtplib
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import pytest

from gateway.domain.deliveries import DeliveryState, Step
from gateway.lmtp import GOING_DOWN, LATER, LmtpListener
from gateway.services import mail, receipts
from gateway.services.errors import NotFound
from gateway.store import schema
from gateway.store.database import StoreUnavailable, open_database
from gateway.testing.clock import FakeClock
from tests.harness.databases import Databases
from tests.harness.gateway import count
from tests.harness.world import EMAIL, World, open_world

SIZE = 65_536
OURS, NOBODY = "facturi@acme.example", "nobody@acme.example"


@dataclass
class Line:
    """One LMTP conversation, spoken by hand."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    async def heard(self) -> str:
        """The last line of the next answer."""
        while True:
            line = (await self.reader.readline()).decode()
            if line[3:4] != "-":
                return line.rstrip("\r\n")

    async def say(self, *commands: str) -> list[str]:
        answers = []
        for command in commands:
            self.writer.write(f"{command}\r\n".encode())
            answers.append(await self.heard())
        return answers

    async def begin(self, *recipients: str, sender: str = EMAIL) -> None:
        """Up to the message itself."""
        to = [f"RCPT TO:<{recipient}>" for recipient in recipients]
        answers = await self.say("LHLO mx.acme.example", f"MAIL FROM:<{sender}>", *to, "DATA")
        assert [answer[:3] for answer in answers] == ["250", "250", *["250"] * len(to), "354"]

    async def hand_over(self, raw: bytes) -> str:
        self.writer.write(raw.replace(b"\r\n.", b"\r\n..") + b"\r\n.\r\n")
        return await self.heard()


@pytest.fixture
async def world(databases: Databases, clock: FakeClock) -> AsyncIterator[World]:
    """On SQLite: the listener does not know the engine."""
    database = await open_database(await databases.make("sqlite"))
    async with open_world(database, clock) as opened:
        yield opened
    await database.aclose()


@pytest.fixture
async def listener(world: World) -> AsyncIterator[LmtpListener]:
    listener = LmtpListener(world.ctx, SIZE)
    await listener.start("127.0.0.1", 0)
    yield listener
    await listener.aclose()


def port_of(listener: LmtpListener) -> int:
    assert listener._server is not None
    port: int = listener._server.sockets[0].getsockname()[1]
    return port


@pytest.fixture
async def line(listener: LmtpListener) -> AsyncIterator[Line]:
    line = Line(*await asyncio.open_connection("127.0.0.1", port_of(listener)))
    assert (await line.heard()).startswith("220 ")
    yield line
    line.writer.close()
    await line.writer.wait_closed()


async def mailed(world: World) -> tuple[int, Any]:
    view = await world.issue(steps=[Step("email", 0)], email=EMAIL)
    await world.drain()
    return view.invoice.id, world.mail.messages[0]


async def test_the_standard_librarys_client_hands_over_a_bounce_and_an_answer(
    world: World, listener: LmtpListener
) -> None:
    invoice_id, sent = await mailed(world)

    def hand_over() -> dict[str, tuple[int, bytes]]:
        with smtplib.LMTP("127.0.0.1", port_of(listener)) as client:
            client.ehlo()
            assert client.has_extn("size")
            client.sendmail("", [sent.sender], world.mail.report(sent, "5.1.1"))
            return client.sendmail(EMAIL, [OURS, NOBODY], world.mail.answer(sent, "plătesc vineri"))

    refused = await asyncio.to_thread(hand_over)
    assert {address: code for address, (code, _) in refused.items()} == {NOBODY: 550}
    assert await world.states(invoice_id) == [("email", DeliveryState.FAILED)]
    (said,) = await world.db.read(
        lambda conn: conn.execute(schema.event.select().where(schema.event.c.type == "message.received")).all()
    )
    assert said.data["text"] == "plătesc vineri"


async def test_the_envelope_names_a_bounce_that_hides_it(world: World, line: Line) -> None:
    invoice_id, sent = await mailed(world)
    await line.begin(sent.sender, sender="")
    raw = b"From: MAILER-DAEMON@x.ro\r\nTo: undisclosed\r\n\r\n<ana@example.ro>:\r\nSorry, no mailbox here by that name. (#5.1.1)"
    qmail = raw.replace(b"\r\n\r\n<", b"\r\n\r\nHi. This is the qmail-send program at x.ro.\r\nSorry.\r\n\r\n<")
    assert (await line.hand_over(qmail)).startswith("250 ")
    assert await world.states(invoice_id) == [("email", DeliveryState.FAILED)]


async def test_each_recipient_has_an_answer(world: World, line: Line, monkeypatch: pytest.MonkeyPatch) -> None:
    """The second of three cannot be stored: only that one comes again."""
    _, sent = await mailed(world)
    take, taken = mail.take, []

    async def now_and_then(*arguments: Any, **named: Any) -> int:
        taken.append(named["recipient"])
        if len(taken) == 2:
            raise StoreUnavailable("the disk is full")
        return await take(*arguments, **named)

    monkeypatch.setattr(mail, "take", now_and_then)
    await line.begin(OURS, sent.sender, "facturi+x@acme.example")
    answers = [await line.hand_over(world.mail.answer(sent, "da")), await line.heard(), await line.heard()]
    assert [answer[:3] for answer in answers] == ["250", LATER[:3], "250"]
    assert taken == [OURS, sent.sender, "facturi+x@acme.example"]
    assert await count(world.db, schema.inbox) == 1  # one mail, though it came to two of our addresses


async def test_nobody_is_answered_for_a_fault_of_ours_but_to_come_again(
    world: World, line: Line, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def broken(*_: object) -> int:
        raise RuntimeError("a fault")

    monkeypatch.setattr(receipts, "receive_webhook", broken)
    await line.begin(OURS)
    assert await line.hand_over(b"From: a@b.ro\r\n\r\nda") == LATER
    assert await line.say("QUIT") == ["221 Bye"]


async def test_what_is_no_mail_is_kept_all_the_same(world: World, line: Line) -> None:
    await line.begin(OURS)
    assert (await line.hand_over(b"\r\nnothing")).startswith("250 ")
    assert await count(world.db, schema.inbox) == 1


async def test_a_mail_that_is_too_long_is_refused_for_each_recipient(world: World, line: Line) -> None:
    await line.begin(OURS, "facturi+x@acme.example")
    answers = [await line.hand_over(b"From: a@b.ro\r\n\r\n" + b"x\r\n" * SIZE), await line.heard()]
    assert [answer[:9] for answer in answers] == ["552 5.3.4", "552 5.3.4"]
    refused = await line.say("RSET", f"MAIL FROM:<a@b.ro> SIZE={SIZE + 1}")
    assert refused[1].startswith("552 ")
    assert await count(world.db, schema.inbox) == 0


async def test_a_line_that_is_longer_than_mail_allows_is_taken(world: World, line: Line) -> None:
    await line.begin(OURS)
    assert (await line.hand_over(b"From: a@b.ro\r\n\r\n" + b"x" * 20_000)).startswith("250 ")


async def test_no_other_protocol_is_spoken(line: Line) -> None:
    assert [answer[:3] for answer in await line.say("EHLO x", "HELO x", "DATA")] == ["500", "500", "503"]


async def test_the_end_lets_the_message_under_way_be_stored(world: World, listener: LmtpListener, line: Line) -> None:
    idle = Line(*await asyncio.open_connection("127.0.0.1", port_of(listener)))
    await idle.heard()
    port = port_of(listener)
    await line.begin(OURS)
    line.writer.write(b"From: a@b.ro\r\n\r\nfirst half")
    ending = asyncio.create_task(listener.end(10.0))
    assert await idle.heard() == GOING_DOWN
    assert await idle.reader.read() == b""
    idle.writer.close()
    with pytest.raises(ConnectionRefusedError):
        await asyncio.open_connection("127.0.0.1", port)
    assert not ending.done()
    assert (await line.hand_over(b"second half")).startswith("250 ")
    assert await line.heard() == GOING_DOWN
    await ending
    assert await count(world.db, schema.inbox) == 1


async def test_the_end_waits_no_longer_than_it_is_told(listener: LmtpListener, line: Line) -> None:
    await line.begin(OURS)
    await listener.end(0.0)
    await listener.aclose()
    assert await line.reader.read() == b""


class TestWhoseMailItIs:
    async def test_by_its_addresses_else_the_only_account(self, world: World) -> None:
        for raw in (
            b"X-Original-To: bounce+x@bounces.acme.example\n\n",
            b"From a@b Mon\nTo: <facturi@acme.example>\n\n",
            b"\n",
        ):
            assert mail.account_of(world.ctx, raw).row.name == "acme.email"

    async def test_an_account_that_takes_none_is_named(self, world: World) -> None:
        for name in ("acme.sms", "acme.nothing"):
            with pytest.raises(NotFound, match=rf"no account {name} takes mail; acme\.email does"):
                mail.account_named(world.ctx, name)

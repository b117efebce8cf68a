"""What goes over the wire to a mail server, packet by packet, and what is made of answers that no honest server gives."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import pytest

from channels.email.smtp import Envelope, SmtpPool
from gateway.ports.errors import OutcomeUnknown, Rejected, RetryLater

PIPELINING = b"250-mx.example\r\n250-PIPELINING\r\n250 SIZE 1000000\r\n"
PLAIN = b"250 mx.example\r\n"
TAKEN = (b"250 2.1.0 ok\r\n250 2.1.5 ok\r\n354 go on\r\n", b"250 2.0.0 taken\r\n")
MAIL = Envelope("facturi@acme.example", "ana@example.ro", "t1", b"Subject: x\r\n\r\n.hidden\r\n")
BYE = None  # in a script: the server closes the connection


class Server(asyncio.Protocol):
    """Says one thing of its script after each packet that comes, and yes to all that is not in it; `packets` are those after EHLO."""

    def __init__(self, ehlo: bytes, script: Sequence[bytes | None]) -> None:
        self.script = [b"220 hello\r\n", ehlo, *script]
        self.heard: list[bytes] = []
        self.connections = 0
        self.spoken_to = asyncio.Event()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        self.connections += 1
        self.say()

    def data_received(self, data: bytes) -> None:
        self.heard.append(data)
        self.spoken_to.set()
        self.say()

    def say(self) -> None:
        words = self.script.pop(0) if self.script else b"250 as you like\r\n"
        if words is not BYE:
            self.transport.write(words)
        if words is BYE or self.script[:1] == [BYE]:
            self.transport.close()

    @property
    def packets(self) -> list[bytes]:
        return self.heard[1:]


@asynccontextmanager
async def pool_at(server: Server) -> AsyncIterator[SmtpPool]:
    listening = await asyncio.get_running_loop().create_server(lambda: server, "127.0.0.1", 0)
    pool = SmtpPool(
        host="127.0.0.1",
        port=listening.sockets[0].getsockname()[1],
        security="none",
        username=None,
        password=None,
        local_hostname="acme.example",
        ca_file=None,
        size=1,
        timeout_s=5.0,
    )
    yield pool
    await pool.aclose()
    listening.close()
    await listening.wait_closed()


async def test_a_message_is_two_packets_where_the_server_pipelines() -> None:
    server = Server(PIPELINING, TAKEN)
    async with pool_at(server) as pool:
        await pool.deliver(MAIL)
        assert server.packets == [
            b"MAIL FROM:<facturi@acme.example> SIZE=23\r\nRCPT TO:<ana@example.ro>\r\nDATA\r\n",
            b"Subject: x\r\n\r\n..hidden\r\n.\r\n",
        ]


async def test_each_command_waits_for_its_answer_where_it_does_not() -> None:
    server = Server(PLAIN, [b"250 ok\r\n", b"250 ok\r\n", b"354 go on\r\n", b"250 taken\r\n"])
    async with pool_at(server) as pool:
        await pool.deliver(MAIL)
        assert [packet[:4] for packet in server.packets] == [b"MAIL", b"RCPT", b"DATA", b"Subj"]


async def test_a_message_that_has_nowhere_to_go_is_ended_empty() -> None:
    """A server may answer 354 to DATA though it refused the recipient (RFC 2920, 3.1)."""
    refused = b"250 ok\r\n550 5.1.1 unknown\r\n354 go on\r\n"
    server = Server(PIPELINING, [refused, b"554 5.5.1 no recipients\r\n", b"250 reset\r\n", *TAKEN])
    async with pool_at(server) as pool:
        with pytest.raises(Rejected) as refusal:
            await pool.deliver(MAIL)
        await pool.deliver(MAIL)
        assert refusal.value.code == "5.1.1"
        assert [server.packets[place] for place in (1, 2)] == [b".\r\n", b"RSET\r\n"]
        assert server.connections == 1


async def test_answers_come_in_pieces_and_in_many_lines() -> None:
    server = Server(PIPELINING, TAKEN)
    async with pool_at(server) as pool:
        await pool.deliver(MAIL)
        server.script = [b"250 ok\r\n550-5.7.1 not\r\n550-5.7.1 from"]
        server.spoken_to.clear()
        refused = asyncio.ensure_future(pool.deliver(MAIL))
        await server.spoken_to.wait()
        server.script = [b"250 reset\r\n"]
        server.transport.write(b" there\r\n550 5.7.1 today\r\n503 no\r\n")
        with pytest.raises(Rejected, match=r"not\\? ?5\.7\.1 from there"):
            await refused


@pytest.mark.parametrize(
    ("script", "error"),
    [
        pytest.param([b"550 5.1.1 unknown\r\n", BYE], Rejected, id="refused and gone"),
        pytest.param([b"250 ok\r\n", BYE], RetryLater, id="gone"),
        pytest.param([b"hello?\r\n"], RetryLater, id="no answer at all"),
        pytest.param([b"\x00" * 9_000], RetryLater, id="endless line"),
        pytest.param([b"250-more\r\n" * 101], RetryLater, id="endless answer"),
        pytest.param([b"250 ok\r\n250 ok\r\n250 ok\r\n"], Rejected, id="no 354"),
        pytest.param([TAKEN[0], BYE], OutcomeUnknown, id="gone after the dot"),
        pytest.param([TAKEN[0], b"what?\r\n"], OutcomeUnknown, id="nonsense after the dot"),
    ],
)
async def test_what_a_strange_server_makes_of_a_message(script: list[bytes | None], error: type[Exception]) -> None:
    async with pool_at(Server(PIPELINING, script)) as pool:
        with pytest.raises(error):
            await pool.deliver(MAIL)

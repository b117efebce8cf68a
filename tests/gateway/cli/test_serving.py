"""`achit serve` in a process of its own: commands while it runs, a second one refused, and ends that cut nothing."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import socket
import sqlite3
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path
from urllib.parse import urlsplit

import aiohttp
import orjson
import pytest
from aiohttp import web

from gateway.app import DRAIN_S
from gateway.demo.erp import Erp
from gateway.ports.values import Secret
from tests.gateway.cli.terminal import ACME, INVOICE, Done, Server, Terminal


@pytest.fixture
def server(terminal: Terminal) -> Iterator[Server]:
    """A server on SQLite, with the biller applied before."""
    terminal.ok("apply")
    with terminal.serving() as running:
        yield running


@pytest.fixture
async def erp() -> AsyncIterator[Erp]:
    async with Erp() as stand_in:
        yield stand_in


async def ok(terminal: Terminal, *arguments: str | Path) -> Done:
    """A command beside a stand-in that needs the loop."""
    return await asyncio.to_thread(terminal.ok, *arguments)


class TestCommandsWhileItRuns:
    async def test_all_of_them_go_through_the_socket(self, terminal: Terminal, erp: Erp) -> None:
        with terminal.serving() as server:
            terminal.write("billers/acme.toml", f'{ACME}[[push]]\nurl = "{erp.push_url}"\n')
            applied = (await ok(terminal, "apply")).lines
            assert applied[0] == "acme: applied"
            erp.trust(Secret(applied[1].rpartition(" ")[2]))
            key = (await ok(terminal, "key", "create")).out.strip()

            sent = (await ok(terminal, "invoice", "send", terminal.invoice(), "--json")).json
            assert sent["new"] is True
            first = await erp.pushes.until(1)
            assert (first.verified, first.type, first.number) == (True, "invoice.issued", "A-1")

            headers = {"Authorization": f"Bearer {key}"}
            async with aiohttp.ClientSession(server.url, headers=headers) as session:
                async with session.get(f"/v1/invoices/{sent['invoice']['id']}") as answer:
                    assert (await answer.json())["number"] == "A-1"
                await ok(terminal, "key", "revoke", key)
                async with session.get("/v1/invoices") as answer:
                    assert answer.status == 401

            [endpoint] = (await ok(terminal, "push", "endpoints", "--json")).json
            pushed = (await ok(terminal, "push", "log", "--endpoint", endpoint["id"], "--json")).json
            assert pushed[-1]["event_type"] == "invoice.issued"
            before = len(erp.pushes)
            await ok(terminal, "push", "replay", pushed[-1]["id"])
            again = await erp.pushes.until(before + 1)
            assert (again.id, again.duplicate) == (first.id, True)
            since = ("push", "replay", "--endpoint", endpoint["id"], "--since", "2026-01-01")
            assert (await ok(terminal, *since)).out.endswith("will be pushed again\n")
            assert (await erp.pushes.until(before + 2)).id == first.id

            assert "A-1" in (await ok(terminal, "invoice", "show", "A-1")).out
            assert (await ok(terminal, "check")).lines[0] == "no faults, no warnings"
            await ok(terminal, "migrate")
            await ok(terminal, "backup", "copy.db")
            assert (await asyncio.to_thread(terminal.refused, "invoice", "show", "B-1")) == [
                "achit: there is no invoice B-1"
            ]

    def test_dead_tasks_are_seen_and_live_again(self, terminal: Terminal, server: Server) -> None:
        """A delivery to a vendor that is not there is tried on; what is dead is made so by hand."""
        terminal.ok("invoice", "send", terminal.invoice())
        waiting = terminal.ok("tasks", "--json").json["tasks"]
        assert {task["kind"] for task in waiting} == {"deliver", "forget", "mop-up"}
        assert terminal.run("tasks", "--dead").err == "there is no dead task\n"
        server.tell(signal.SIGTERM)
        assert server.ended()[0] == 0
        with contextlib.closing(sqlite3.connect(terminal.folder / "var" / "achit.db")) as connection:
            connection.execute("UPDATE task SET state = 'dead', tries = 9, last_error = 'worn out'")
            connection.commit()
        with terminal.serving():
            [dead] = terminal.ok("tasks", "--dead", "--json").json["tasks"]
            assert (dead["kind"], dead["last_error"]) == ("deliver", "worn out")
            assert "worn out" in terminal.ok("tasks").out
            assert terminal.ok("tasks", "replay", str(dead["id"])).out == "1 task will be tried again\n"
            assert terminal.ok("tasks", "--dead", "--json").json == {"counts": {"dead": 0}, "tasks": []}
            assert terminal.ok("tasks", "replay", "--all").out == "no tasks will be tried again\n"

    def test_the_socket_is_the_owners_alone_and_gone_afterwards(self, terminal: Terminal, server: Server) -> None:
        file = terminal.folder / "var" / "achit.db.sock"
        assert file.stat().st_mode & 0o777 == 0o600
        server.tell(signal.SIGTERM)
        assert server.ended()[0] == 0
        assert not file.exists()
        terminal.ok("tasks")

    def test_a_server_that_was_killed_leaves_nothing_in_the_way(self, terminal: Terminal, server: Server) -> None:
        server.tell(signal.SIGKILL)
        server.ended()
        assert (terminal.folder / "var" / "achit.db.sock").exists()
        terminal.ok("tasks")
        with terminal.serving():
            terminal.ok("tasks")

    def test_a_backup_under_load_holds_every_row_acknowledged_before(self, terminal: Terminal, server: Server) -> None:
        key = terminal.ok("key", "create").out.strip()
        acknowledged: list[str] = []
        enough, stop = threading.Event(), threading.Event()

        async def post() -> None:
            headers = {"Authorization": f"Bearer {key}"}
            async with aiohttp.ClientSession(server.url, headers=headers) as session:
                while not stop.is_set():
                    numbers = [f"L-{len(acknowledged) + place}" for place in range(8)]
                    await asyncio.gather(*(_post(session, number) for number in numbers))
                    acknowledged.extend(numbers)
                    enough.set()

        async def _post(session: aiohttp.ClientSession, number: str) -> None:
            async with session.post("/v1/invoices", json=INVOICE | {"number": number}) as answer:
                assert answer.status == 201, await answer.text()

        load = threading.Thread(target=lambda: asyncio.run(post()))
        load.start()
        try:
            assert enough.wait(20)
            for place in range(3):
                before = list(acknowledged)
                terminal.ok("backup", f"copy{place}.db")
                with contextlib.closing(sqlite3.connect(terminal.folder / f"copy{place}.db")) as copy:
                    assert copy.execute("PRAGMA integrity_check").fetchone() == ("ok",)
                    assert copy.execute("PRAGMA foreign_key_check").fetchall() == []
                    held = {number for (number,) in copy.execute("SELECT number FROM invoice")}
                    missing = "SELECT count(*) FROM invoice WHERE id NOT IN (SELECT invoice_id FROM event)"
                    assert copy.execute(missing).fetchone() == (0,)
                assert held.issuperset(before)
        finally:
            stop.set()
            load.join()
        assert len(acknowledged) > 8


class TestASecondOne:
    def test_it_is_refused_and_the_first_goes_on(self, terminal: Terminal, server: Server) -> None:
        second = terminal.start("serve")
        out, err = second.communicate(timeout=40)
        assert (second.returncode, out) == (1, "")
        [line] = err.splitlines()
        file = terminal.folder / "var" / "achit.db"
        assert line.startswith(f"achit: {file} is in use by another Achit process (pid {server.process.pid})")
        terminal.ok("tasks")

    def test_a_port_that_is_taken_is_a_sentence(self, terminal: Terminal) -> None:
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))
            taken.listen()
            port = taken.getsockname()[1]
            text = (terminal.folder / "achit.toml").read_text()
            terminal.write("achit.toml", text.replace("127.0.0.1:0", f"127.0.0.1:{port}", 1))
            process = terminal.start("serve")
            _, err = process.communicate(timeout=40)
        assert process.returncode == 1
        [line] = err.splitlines()
        assert line.startswith("achit: ")
        assert str(port) in line
        assert "in use" in line


class TestItsEnd:
    @pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
    def test_a_slow_request_is_finished_first(self, terminal: Terminal, server: Server, number: signal.Signals) -> None:
        key = terminal.ok("key", "create").out.strip()
        address = urlsplit(server.url)
        body = orjson.dumps(INVOICE)
        with socket.create_connection((address.hostname, address.port), timeout=20) as connection:
            head = (
                "POST /v1/invoices HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
                f"Authorization: Bearer {key}\r\nContent-Length: {len(body)}\r\nExpect: 100-continue\r\n\r\n"
            )
            connection.sendall(head.encode())
            assert connection.recv(1000).startswith(b"HTTP/1.1 100 ")  # it is in the handler, and waits for the body
            connection.sendall(body[:10])
            server.tell(number)
            assert server.until("draining")["requests"] == 1
            with pytest.raises(ConnectionRefusedError):
                socket.create_connection((address.hostname, address.port), timeout=20)
            connection.sendall(body[10:])
            assert connection.recv(1000).startswith(b"HTTP/1.1 201 ")
        code, said = server.ended()
        assert code == 0
        assert [line["event"] for line in said if line["level"] in ("error", "critical")] == []
        assert said[-1]["event"] == "stopped"
        assert terminal.ok("invoice", "show", "A-1", "--json").json["invoice"]["status"] == "open"

    async def test_a_push_under_way_is_finished_and_no_lease_is_left(self, terminal: Terminal) -> None:
        begun, go_on = asyncio.Event(), asyncio.Event()

        async def receive(request: web.Request) -> web.Response:
            begun.set()
            await go_on.wait()
            return web.Response(status=204)

        async with _listening(receive) as url:
            terminal.write("billers/acme.toml", f'{ACME}[[push]]\nurl = "{url}"\n')
            await ok(terminal, "apply")
            with terminal.serving() as server:
                await ok(terminal, "invoice", "send", terminal.invoice())
                await begun.wait()
                server.tell(signal.SIGTERM)
                await asyncio.to_thread(server.until, "stopping")
                go_on.set()
                assert (await asyncio.to_thread(server.ended))[0] == 0
        [pushed] = (await ok(terminal, "push", "log", "--json")).json
        assert (pushed["event_type"], pushed["state"], pushed["tries"]) == ("invoice.issued", "delivered", 1)
        tasks = (await ok(terminal, "tasks", "--json")).json["tasks"]
        assert [task["lease_by"] for task in tasks] == [None] * len(tasks)

    async def test_a_stream_and_an_idle_connection_hold_up_nothing(self, terminal: Terminal, server: Server) -> None:
        key = (await ok(terminal, "key", "create")).out.strip()
        async with aiohttp.ClientSession(server.url, headers={"Authorization": f"Bearer {key}"}) as session:
            async with session.get("/v1/invoices") as answer:
                assert answer.status == 200
            async with session.get("/v1/events/stream") as stream:
                assert stream.status == 200
                started = asyncio.get_running_loop().time()
                server.tell(signal.SIGTERM)
                assert (await asyncio.to_thread(server.ended))[0] == 0
                assert asyncio.get_running_loop().time() - started < DRAIN_S
                assert b"data:" not in await stream.read()

    def test_a_second_signal_waits_for_nothing(self, terminal: Terminal, server: Server) -> None:
        key = terminal.ok("key", "create").out.strip()
        address = urlsplit(server.url)
        with socket.create_connection((address.hostname, address.port), timeout=20) as connection:
            connection.sendall(
                "POST /v1/invoices HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
                f"Authorization: Bearer {key}\r\nContent-Length: 9\r\nExpect: 100-continue\r\n\r\n".encode()
            )
            assert connection.recv(1000).startswith(b"HTTP/1.1 100 ")
            server.tell(signal.SIGTERM)
            server.until("stopping")
            server.tell(signal.SIGTERM)
            assert server.ended()[0] == -signal.SIGTERM
        terminal.ok("tasks")

    def test_an_interrupted_command_is_clean(self, terminal: Terminal) -> None:
        terminal.ok("apply")
        os.mkfifo(terminal.folder / "pipe")
        # Python itself leaves a file unclosed that is interrupted while it opens, and would warn.
        process = terminal.start("invoice", "send", "pipe", strict=False)
        with (terminal.folder / "pipe").open("w"):  # opens when the command reads it
            process.send_signal(signal.SIGINT)
        # Closed before the end is waited for: a signal just before the read begins does not interrupt it.
        out, err = process.communicate(timeout=40)
        assert (process.returncode, out, err.strip()) == (130, "", "")


class TestRolesOnPostgres:
    async def test_web_takes_and_a_worker_does(self, on_postgres: Terminal, erp: Erp) -> None:
        on_postgres.write("billers/acme.toml", f'{ACME}[[push]]\nurl = "{erp.push_url}"\n')
        erp.trust(Secret((await ok(on_postgres, "apply")).lines[1].rpartition(" ")[2]))
        key = (await ok(on_postgres, "key", "create")).out.strip()
        with on_postgres.serving("serve", "--role", "web") as front, on_postgres.serving("worker") as worker:
            assert front.url
            assert worker.url == ""
            headers = {"Authorization": f"Bearer {key}"}
            async with (
                aiohttp.ClientSession(front.url, headers=headers) as session,
                session.post("/v1/invoices", json=INVOICE) as answer,
            ):
                assert answer.status == 201
            assert (await erp.pushes.until(1)).number == "A-1"  # the worker was woken by the web's commit
            assert (await ok(on_postgres, "check")).lines[0] == "no faults, no warnings"
            for each in (front, worker):
                each.tell(signal.SIGTERM)
            for each in (front, worker):
                assert (await asyncio.to_thread(each.ended))[0] == 0


@contextlib.asynccontextmanager
async def _listening(receive: Callable[[web.Request], Awaitable[web.Response]]) -> AsyncIterator[str]:
    """A receiver of pushes on loopback; gives its URL."""
    app = web.Application()
    app.add_routes([web.post("/achit", receive)])
    runner = web.AppRunner(app, shutdown_timeout=1.0)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}/achit"
    finally:
        await runner.cleanup()

"""The socket of a running server: who reaches it, what it says when it cannot, and where there can be none."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest
from aiohttp import web

from gateway import control
from gateway.app import open_context
from gateway.config import default_config
from gateway.config.biller import biller_from
from gateway.config.shapes import Place
from gateway.control import pack_biller, wire
from gateway.control.packing import unpack_biller
from gateway.registry import Registry
from gateway.services.context import Context
from tests.gateway.cli.terminal import Terminal


@pytest.fixture
async def ctx(tmp_path: Path) -> AsyncIterator[Context]:
    async with open_context(default_config(tmp_path / "state")) as opened:
        yield opened


async def test_an_operation_is_carried_out_and_refused_alike(ctx: Context, tmp_path: Path) -> None:
    async with control.listening(ctx, tmp_path / "s"):
        assert await control.ask(tmp_path / "s", "push.endpoints", {"biller": None}) == []
        for name in ("key.list", "no.such.operation"):
            with pytest.raises(control.Refused) as over_the_socket:
                await control.ask(tmp_path / "s", name, {"biller": None})
            with pytest.raises(control.Refused) as directly:
                await control.perform(ctx, name, {"biller": None})
            assert str(over_the_socket.value) == str(directly.value)
            assert over_the_socket.value.details == directly.value.details
    with pytest.raises(control.NobodyListens):
        await control.ask(tmp_path / "s", "key.list", {"biller": None})


def test_a_packed_biller_is_the_same_biller(tmp_path: Path) -> None:
    """Every key of an account that is the core's goes over the socket."""
    meta = {name: {"env": "X"} for name in ("access_token", "app_secret", "verify_token")}
    values = {
        "biller": {"slug": "acme", "legal_name": "Acme SRL", "display_name": "Acme"},
        "channels": {
            "free": {"adapter": "whatsapp", "phone_number_id": "1", "link_free": True, **meta},
            "phoned": {"adapter": "whatsapp", "phone_number_id": "2", "use_phone": True, **meta},
        },
        "delivery": {"pay_site": "acme.example"},
    }
    config = biller_from(values, Registry(), where=Place(tmp_path, {"X": "x"}), file="acme.toml")

    again = unpack_biller(pack_biller(config), Registry())

    assert [(one.name, one.link_free, one.use_phone) for one in again.channels] == [
        ("free", True, False),
        ("phoned", False, True),
    ]


async def test_a_fault_of_ours_is_said_to_be_one(ctx: Context, tmp_path: Path) -> None:
    async with control.listening(ctx, tmp_path / "s"):
        with pytest.raises(control.Refused, match="its log says why"):
            await control.ask(tmp_path / "s", "key.list", {})


async def test_a_path_longer_than_the_kernel_takes(ctx: Context, tmp_path: Path) -> None:
    folder = tmp_path / ("long-" * 20) / ("longer-" * 10)
    folder.mkdir(parents=True)
    path = folder / "achit.db.sock"
    with pytest.raises(OSError, match="too long"), socket.socket(socket.AF_UNIX) as plain:
        plain.bind(str(path))
    async with control.listening(ctx, path):
        assert path.stat().st_mode & 0o777 == 0o600
        assert await control.ask(path, "push.endpoints", {"biller": None}) == []
    assert not path.exists()
    with pytest.raises(control.NobodyListens):
        await control.ask(path.with_name("other"), "key.list", {})
    with pytest.raises(control.NobodyListens):
        await control.ask(folder / "gone" / "achit.db.sock", "key.list", {})


async def test_another_version_is_told_to_restart(
    ctx: Context, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def old(request: web.Request) -> web.Response:
        return web.Response(status=409, text="0.0.9")

    async with control.listening(ctx, tmp_path / "s"):
        asked = wire.__version__
        app = web.Application()
        app.router.add_post("/{operation}", old)
        runner = web.AppRunner(app)
        await runner.setup()
        await web.UnixSite(runner, str(tmp_path / "old")).start()
        try:
            with pytest.raises(control.Refused, match=rf"is version 0\.0\.9 and this is {asked}: restart it first"):
                await control.ask(tmp_path / "old", "tasks", {})
        finally:
            await runner.cleanup()
        connector = aiohttp.UnixConnector(path=str(tmp_path / "s"))
        async with aiohttp.ClientSession(connector=connector) as session:
            for headers in ({}, {wire.VERSION: "0.0.9"}):
                async with session.post("http://achit/push.endpoints", data=b"{}", headers=headers) as answer:
                    assert (answer.status, await answer.text()) == (409, asked)


async def test_a_server_without_a_socket_runs_on(ctx: Context, tmp_path: Path) -> None:
    """A folder lies where the socket would: it cannot be made, and that is no reason to stop."""
    (tmp_path / "s").mkdir()
    async with control.listening(ctx, tmp_path / "s"):
        assert (tmp_path / "s").is_dir()
    assert (tmp_path / "s").is_dir()


def test_a_server_that_ends_before_it_answers(terminal: Terminal) -> None:
    """Somebody takes the call and hangs up."""
    terminal.ok("apply")
    file = terminal.folder / "var" / "achit.db.sock"
    with contextlib.closing(socket.socket(socket.AF_UNIX)) as listener:
        listener.bind(str(file))
        listener.listen()

        def hang_up() -> None:
            taken, _ = listener.accept()
            with taken:
                taken.recv(100)

        thread = threading.Thread(target=hang_up)
        thread.start()
        assert terminal.refused("tasks") == ["achit: the running Achit ended before it answered"]
        thread.join()


def test_only_sqlite_has_one() -> None:
    assert control.socket_beside("sqlite:////var/lib/achit/achit.db") == Path("/var/lib/achit/achit.db.sock")
    assert control.socket_beside("postgresql://achit@host/achit") is None

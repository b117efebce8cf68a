"""Child processes and how they are spoken to: one JSON line a command, one JSON line an answer.

A child ends when its standard input does, so none is left behind whatever becomes of its parent.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks import machine

_ROOT = Path(__file__).parents[1]
_LIMIT = 16 * 1024 * 1024  # characters of one line
Command = Callable[[dict[str, Any]], Awaitable[dict[str, Any] | None]]


@dataclass(frozen=True, slots=True)
class Child:
    """A running child. `ready` is what it said first."""

    process: asyncio.subprocess.Process
    ready: dict[str, Any]

    @property
    def pid(self) -> int:
        return self.process.pid

    @property
    def port(self) -> int:
        return int(self.ready["port"])

    async def ask(self, command: str, **arguments: Any) -> dict[str, Any]:
        """Gives a command and waits for the answer. Raises RuntimeError when the child ends instead."""
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps({"do": command, **arguments}).encode() + b"\n")
        return await _answer(self.process)


async def _answer(process: asyncio.subprocess.Process) -> dict[str, Any]:
    assert process.stdout is not None
    line = await process.stdout.readline()
    if not line:
        raise RuntimeError(f"a process under test ended by itself, with {await process.wait()}")
    answer: dict[str, Any] = json.loads(line)
    return answer


@contextlib.asynccontextmanager
async def running(module: str, **settings: Any) -> AsyncIterator[Child]:
    """Runs `python -m module` on the core of the process under test while the context is open."""
    core, _ = machine.cores()
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        module,
        json.dumps(settings),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        cwd=_ROOT,
        limit=_LIMIT,
        env=os.environ | {"PYTHONUNBUFFERED": "1"},
        preexec_fn=lambda: machine.pin(core),
    )
    try:
        yield Child(process, await _answer(process))
    finally:
        assert process.stdin is not None
        process.stdin.close()
        try:
            await asyncio.wait_for(process.wait(), 20)
        except TimeoutError:
            process.send_signal(signal.SIGKILL)
            await process.wait()


async def obey(ready: Mapping[str, Any], commands: Mapping[str, Command]) -> None:
    """The child's side: says that it is ready, then does what it is told until its input ends."""
    reader = asyncio.StreamReader(limit=_LIMIT)
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    _say(ready)
    while line := await reader.readline():
        told = json.loads(line)
        _say(await commands[told.pop("do")](told) or {})


def _say(words: Mapping[str, Any]) -> None:
    sys.stdout.write(json.dumps(words) + "\n")
    sys.stdout.flush()


def settings() -> dict[str, Any]:
    """The child's side: what its parent started it with."""
    given: dict[str, Any] = json.loads(sys.argv[1])
    return given

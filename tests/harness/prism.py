"""Prism, the mock server made of an OpenAPI description, where it is installed: `npm install @stoplight/prism-cli@5.14.2`."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from tests.harness.vectors import ROOT


@asynccontextmanager
async def mocked(description: Path, port: int) -> AsyncIterator[str]:
    """The address of a mock that answers as `description` says, and refuses what it does not allow. Skips the test without prism."""
    command = shutil.which("prism") or shutil.which("prism", path=str(ROOT / "node_modules" / ".bin"))
    if command is None or shutil.which("node") is None:
        pytest.skip("prism is not installed")
    process = await asyncio.create_subprocess_exec(
        *(command, "mock", "-h", "127.0.0.1", "-p", str(port), str(description)),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    try:
        assert process.stdout is not None
        while b"is listening" not in (line := await process.stdout.readline()):
            assert line, "prism has ended"
        yield f"http://127.0.0.1:{port}"
    finally:
        if process.returncode is None:
            process.terminate()
        await process.communicate()

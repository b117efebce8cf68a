"""The sandbox provider: the shared contract, against the demo's bank over HTTP."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from gateway.testing.provider import ProviderContract
from tests.providers.sandbox_bench import SandboxBench, open_bench


class TestSandbox(ProviderContract):
    @pytest.fixture
    async def bench(self) -> AsyncIterator[SandboxBench]:
        async with open_bench() as bench:
            yield bench

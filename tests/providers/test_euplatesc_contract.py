"""The EuPlătesc adapter: the shared contract, against the fake of its vendor over HTTP."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from gateway.testing.provider import ProviderContract
from tests.providers.euplatesc_bench import EuPlatescBench, open_bench


class TestEuPlatesc(ProviderContract):
    @pytest.fixture
    async def bench(self) -> AsyncIterator[EuPlatescBench]:
        async with open_bench() as bench:
            yield bench

"""The Revolut provider: the shared contract, against a stand-in of the Merchant API over HTTP."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from gateway.testing.provider import ProviderContract
from tests.providers.revolut_bench import RevolutBench, open_bench


class TestRevolut(ProviderContract):
    @pytest.fixture
    async def bench(self) -> AsyncIterator[RevolutBench]:
        async with open_bench() as bench:
            yield bench

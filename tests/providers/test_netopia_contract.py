"""The NETOPIA adapter: the shared contract, against the fake of its vendor over HTTP."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from gateway.testing.provider import ProviderContract
from tests.providers.netopia_bench import NetopiaBench, open_bench


class TestNetopia(ProviderContract):
    @pytest.fixture
    async def bench(self) -> AsyncIterator[NetopiaBench]:
        async with open_bench() as bench:
            yield bench

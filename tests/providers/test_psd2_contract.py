"""The PSD2 provider: the shared contract, against a strict bank over HTTP."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from gateway.testing.provider import ProviderContract
from tests.providers.psd2_bench import Psd2Bench, open_bench


class TestPsd2(ProviderContract):
    @pytest.fixture
    async def bench(self) -> AsyncIterator[Psd2Bench]:
        async with open_bench() as bench:
            yield bench

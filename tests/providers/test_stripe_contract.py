"""The Stripe provider: the shared contract, against a fake Stripe over HTTP."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from gateway.testing.provider import ProviderContract
from tests.providers.stripe_bench import StripeBench, open_bench


class TestStripe(ProviderContract):
    @pytest.fixture
    async def bench(self) -> AsyncIterator[StripeBench]:
        async with open_bench() as bench:
            yield bench

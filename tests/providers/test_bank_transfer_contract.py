"""The bank transfer: the shared contract. Most of it is about vendors, and is skipped: there is none."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from gateway.outbound import OutboundClient
from gateway.testing.clock import FakeClock
from gateway.testing.provider import ProviderContract
from tests.providers.bank_transfer_bench import BankTransferBench


class TestBankTransfer(ProviderContract):
    @pytest.fixture
    async def bench(self) -> AsyncIterator[BankTransferBench]:
        async with OutboundClient(FakeClock()) as http:
            yield BankTransferBench(http)

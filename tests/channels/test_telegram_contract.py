"""The Telegram channel: the shared contract, against the demo's Bot API over HTTP."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from gateway.testing.channel import ChannelContract
from gateway.testing.channel_native import NativePaymentsContract
from tests.channels.telegram_bench import TelegramBench, open_bench


class TestTelegram(ChannelContract, NativePaymentsContract):
    @pytest.fixture
    async def bench(self) -> AsyncIterator[TelegramBench]:
        async with open_bench() as bench:
            yield bench

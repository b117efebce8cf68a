"""The WhatsApp channel: the shared contract, against the demo's Bot API over HTTP."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from gateway.testing.channel import ChannelContract
from tests.channels.whatsapp_bench import WhatsAppBench, open_bench


class TestWhatsApp(ChannelContract):
    @pytest.fixture
    async def bench(self) -> AsyncIterator[WhatsAppBench]:
        async with open_bench() as bench:
            yield bench

"""WhatsApp through Twilio: the shared contract, against the stand-in with a WhatsApp sender, over HTTP."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from gateway.testing.channel import ChannelContract
from tests.channels.sms_whatsapp_bench import SmsWhatsAppBench, open_bench


class TestSmsWhatsApp(ChannelContract):
    @pytest.fixture
    async def bench(self) -> AsyncIterator[SmsWhatsAppBench]:
        async with open_bench() as bench:
            yield bench

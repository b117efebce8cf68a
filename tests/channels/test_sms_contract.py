"""The SMS channel: the shared contract, against the demo's Twilio over HTTP."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from gateway.testing.channel import ChannelContract
from tests.channels.sms_bench import SmsBench, open_bench


class TestSms(ChannelContract):
    @pytest.fixture
    async def bench(self) -> AsyncIterator[SmsBench]:
        async with open_bench() as bench:
            yield bench

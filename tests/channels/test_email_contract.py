"""The email channel: the shared contract, against aiosmtpd over SMTP."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from gateway.testing.channel import ChannelContract
from tests.channels.email_bench import EmailBench, open_bench


class TestEmail(ChannelContract):
    @pytest.fixture
    async def bench(self) -> AsyncIterator[EmailBench]:
        async with open_bench() as bench:
            yield bench

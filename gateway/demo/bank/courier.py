"""Posts the bank's webhooks, signed, and again when they are not answered with 2xx."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import aiohttp

from gateway.clock import Clock
from gateway.demo.bank.ledger import News
from gateway.demo.bank.wire import signature, webhook_body
from gateway.ports.values import Secret

SIGNATURE_HEADER = "x-sandbox-signature"
RETRY_AFTER_S = (5.0, 30.0, 120.0)
_TIMEOUT = aiohttp.ClientTimeout(total=10.0)


@dataclass(frozen=True, slots=True)
class Posting:
    """One try to deliver one webhook; `status` is None when there was no answer."""

    event_id: str
    payment_id: str
    status: int | None
    posted_at: datetime


class Courier:
    """Delivers news. A first try is awaited by whoever tells; the later ones run on their own until `aclose`.

    While `awake` is not set nothing is posted, and everything waits.
    """

    def __init__(self, secrets: Sequence[Secret], clock: Clock) -> None:
        self._secrets = tuple(secrets)
        self._clock = clock
        self._session = aiohttp.ClientSession(timeout=_TIMEOUT, cookie_jar=aiohttp.DummyCookieJar())
        self._retries: set[asyncio.Task[None]] = set()
        self.awake = asyncio.Event()
        self.awake.set()
        self.postings: deque[Posting] = deque(maxlen=1_000)

    async def tell(self, news: Sequence[News], url: str) -> None:
        """Returns when each webhook, in order, has been tried once; copies of one go at the same time."""
        for each in news:
            body = webhook_body(each, url)
            await asyncio.gather(*(self._first(each, body) for _ in range(each.copies)))

    async def aclose(self) -> None:
        """Gives up what is still to be tried again. Calling it twice is fine."""
        for task in self._retries:
            task.cancel()
        await asyncio.gather(*self._retries, return_exceptions=True)
        await self._session.close()

    async def _first(self, news: News, body: bytes) -> None:
        if not await self._post(news, body):
            task = asyncio.create_task(self._again(news, body))
            self._retries.add(task)
            task.add_done_callback(self._retries.discard)

    async def _again(self, news: News, body: bytes) -> None:
        for delay_s in RETRY_AFTER_S:
            await self._clock.sleep_until(self._clock.now() + timedelta(seconds=delay_s))
            if await self._post(news, body):
                return

    async def _post(self, news: News, body: bytes) -> bool:
        await self.awake.wait()
        now = self._clock.now()
        headers = {"content-type": "application/json", SIGNATURE_HEADER: signature(body, self._secrets, now)}
        try:
            async with self._session.post(
                news.payment.terms.webhook_url, data=body, headers=headers, allow_redirects=False
            ) as response:
                status: int | None = response.status
        except (aiohttp.ClientError, TimeoutError):
            status = None
        self.postings.append(Posting(news.id, news.payment.id, status, now))
        return status is not None and 200 <= status < 300

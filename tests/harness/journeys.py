"""Load that survives its server: payers' journeys over HTTP, each of which goes on where it stopped when there is a server again.

What was acknowledged to a journey is what the books are held to afterwards.
"""

from __future__ import annotations

import asyncio
import random
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import aiohttp

from gateway.demo.bank import Outcome
from gateway.demo.bank.ledger import Refused
from tests.harness.vendors_seen import Vendors

AT_ONCE = 8
PLANS: Sequence[Sequence[str]] = (("telegram",), ("email",), ("sms", "email"), ("telegram", "sms", "email"))
OUTCOMES = (
    Outcome.PAID,
    Outcome.PAID,
    Outcome.PAID,
    Outcome.WEBHOOK_DOUBLED,
    Outcome.WEBHOOK_LOST,
    Outcome.PARTIAL,
    Outcome.PAID_TWICE,
    Outcome.DECLINED,
    Outcome.REVERSED,
)
_DOWN = (aiohttp.ClientError, ConnectionError, TimeoutError)
_PAYMENT = re.compile(r"/bank/(sbx_[0-9a-f]+)")


@dataclass(slots=True)
class Journey:
    """One invoice and its payer. `invoice_id` is set when the gateway has acknowledged the invoice, `paid` when the bank is done."""

    number: int
    plan: Sequence[str]
    outcomes: Sequence[Outcome]
    invoice_id: str = ""
    pay_url: str = ""
    paid: bool = False

    @property
    def name(self) -> str:
        return f"F-{self.number}"

    @property
    def minor(self) -> int:
        return 10_000 + self.number

    @property
    def chat_id(self) -> int:
        return 5_000_000 + self.number

    def body(self) -> dict[str, Any]:
        return {
            "number": self.name,
            "amount": {"value": f"{self.minor // 100}.{self.minor % 100:02}", "currency": "RON"},
            "issued_on": "2026-11-23",
            "due_on": "2030-12-08",
            "payer": {
                "reference": f"C-{self.number}",
                "name": "Ana Popescu",
                "email": f"ana{self.number}@example.ro",
                "phone": f"+40722{self.number:06}",
                "telegram": str(self.chat_id),
            },
            "deliver": [{"channel": channel, "wait": "0s"} for channel in self.plan],
        }

    async def go(self, session: aiohttp.ClientSession, url: str, vendors: Vendors) -> bool:
        """Goes on; False when the gateway was not there, and the journey is to be taken up again."""
        try:
            if not self.invoice_id:
                vendors.join(self.chat_id)
                async with session.post(f"{url}/v1/invoices", json=self.body()) as answer:
                    made = await answer.json()
                    assert answer.status in (200, 201), made
                self.invoice_id, self.pay_url = made["id"], made["pay_url"]
            if not self.paid and self.outcomes:
                async with session.get(self.pay_url) as answer:
                    assert answer.status == 200
                await self._pay(session, vendors)
                self.paid = True
        except _DOWN:
            return False
        return True

    async def _pay(self, session: aiohttp.ClientSession, vendors: Vendors) -> None:
        for outcome in self.outcomes:
            form = {"method": "bank"}
            async with session.post(f"{self.pay_url}/attempts", data=form, allow_redirects=False) as answer:
                assert answer.status in (303, 503), answer.status
                found = _PAYMENT.search(answer.headers.get("Location", ""))
            if found is None:  # nothing is owed any more, or the bank is being asked
                return
            try:
                await vendors.bank.choose(found[1], outcome)
                if outcome is Outcome.REVERSED:
                    await vendors.bank.release(found[1])
            except Refused:  # the gateway closed this payment meanwhile, because another one settled the invoice
                pass


@dataclass(slots=True)
class Load:
    """All journeys so far, those that wait for a server among them."""

    chance: random.Random
    journeys: list[Journey] = field(default_factory=list)
    waiting: list[Journey] = field(default_factory=list)
    asked: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def acknowledged(self) -> dict[str, Journey]:
        """By number, the journeys whose invoice the gateway has answered for."""
        return {journey.name: journey for journey in self.journeys if journey.invoice_id}

    def add(self, count: int) -> None:
        for _ in range(count):
            outcomes = self.chance.choices(OUTCOMES, k=self.chance.choice((0, 1, 1, 1, 2)))
            journey = Journey(len(self.journeys) + 1, self.chance.choice(PLANS), outcomes)
            self.journeys.append(journey)
            self.waiting.append(journey)

    async def run(self, url: str, key: str, vendors: Vendors) -> None:
        """Takes every waiting journey on; ends when all are at their end or the server is gone."""
        queue, self.waiting = self.waiting, []
        left = iter(queue)
        headers = {"Authorization": f"Bearer {key}", "User-Agent": "Mozilla/5.0"}
        timeout = aiohttp.ClientTimeout(total=20)

        async def walk(session: aiohttp.ClientSession) -> None:
            for journey in left:
                if not await journey.go(session, url, vendors):
                    self.waiting.append(journey)
                self.asked.set()

        async with aiohttp.ClientSession(headers=headers, timeout=timeout) as session:
            await asyncio.gather(*(walk(session) for _ in range(AT_ONCE)))

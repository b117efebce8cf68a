"""Both sides of the demo's bank: what a gateway calls, and what takes its webhooks."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import aiohttp
from aiohttp import web

from gateway.demo.bank import Bank, Outcome
from gateway.ports import verify
from gateway.ports.values import Secret
from gateway.testing.clock import FakeClock

KEY, SECRETS = Secret("key_1"), (Secret("whsec_new"), Secret("whsec_old"))


@dataclass
class Receiver:
    """The gateway's side: takes webhooks, checks each signature with both secrets, answers what it is told to."""

    clock: FakeClock
    url: str = ""
    events: list[dict[str, Any]] = field(default_factory=list)
    headers: list[str] = field(default_factory=list)
    answers: list[int] = field(default_factory=list)
    came: asyncio.Event = field(default_factory=asyncio.Event)
    gate: asyncio.Event | None = None

    async def take(self, request: web.Request) -> web.Response:
        body, header = await request.read(), request.headers["x-sandbox-signature"]
        for secret in SECRETS:
            verify.timed_header(header, [secret], body, self.clock.now())
        self.events.append(await request.json())
        self.headers.append(header)
        self.came.set()
        if self.gate:
            await self.gate.wait()
        return web.Response(status=self.answers.pop(0) if self.answers else 200)

    async def until(self, count: int) -> None:
        while len(self.events) < count:
            self.came.clear()
            await self.came.wait()

    @property
    def told(self) -> list[tuple[str, int]]:
        return [(event["payment"]["status"], event["payment"]["received"]) for event in self.events]


@dataclass
class Api:
    """Calls the bank as a gateway would."""

    bank: Bank
    receiver: Receiver
    session: aiohttp.ClientSession

    def terms(self, **changes: object) -> dict[str, object]:
        usual = {
            "amount": 10_000,
            "currency": "RON",
            "reference": "ACH1",
            "description": "Apă martie & canal",
            "return_url": "http://127.0.0.1:9/p/abc/return?x=1",
            "webhook_url": self.receiver.url,
            "expires_at": (self.receiver.clock.now() + timedelta(minutes=15)).isoformat(),
            "method": "bank",
            "locale": "ro",
        }
        return {name: value for name, value in {**usual, **changes}.items() if value is not None}

    async def call(self, method: str, path: str, **options: Any) -> tuple[int, Any]:
        headers = {"authorization": f"Bearer {KEY.reveal()}", **options.pop("headers", {})}
        async with self.session.request(method, self.bank.url + path, headers=headers, **options) as response:
            return response.status, await response.json()

    async def create(self, key: str | None = None, **changes: object) -> tuple[int, Any]:
        headers = {"idempotency-key": key} if key else {}
        return await self.call("POST", "/api/payments", json=self.terms(**changes), headers=headers)

    async def made(self, **changes: object) -> str:
        status, payment = await self.create(**changes)
        assert status == 201, payment
        return str(payment["id"])

    async def state(self, payment_id: str) -> tuple[str, int, int]:
        _, payment = await self.call("GET", f"/api/payments/{payment_id}")
        return payment["status"], payment["received"], payment["reversed"]


OUTCOMES: dict[Outcome, tuple[list[tuple[str, int]], list[tuple[str, int]], tuple[str, int, int]]] = {
    # outcome: (webhooks at the choice, webhooks at the release, the state in the end)
    Outcome.PAID: ([("paid", 10_000)], [], ("paid", 10_000, 0)),
    Outcome.DECLINED: ([("declined", 0)], [], ("declined", 0, 0)),
    Outcome.ABANDONED: ([], [], ("open", 0, 0)),
    Outcome.SLOW: ([("processing", 0)], [("paid", 10_000)], ("paid", 10_000, 0)),
    Outcome.PAID_LATE: ([("expired", 0)], [("paid", 10_000)], ("paid", 10_000, 0)),
    Outcome.PAID_TWICE: ([("paid", 10_000), ("paid", 10_000)], [], ("paid", 10_000, 0)),
    Outcome.PARTIAL: ([("partly_paid", 6_000)], [("paid", 10_000)], ("paid", 10_000, 0)),
    Outcome.WEBHOOK_LOST: ([], [], ("paid", 10_000, 0)),
    Outcome.WEBHOOK_DOUBLED: ([("paid", 10_000), ("paid", 10_000)], [], ("paid", 10_000, 0)),
    Outcome.WEBHOOK_EARLY: ([("cancelled", 0)], [], ("cancelled", 0, 0)),
    Outcome.REVERSED: ([("paid", 10_000)], [("reversed", 10_000)], ("reversed", 10_000, 10_000)),
}

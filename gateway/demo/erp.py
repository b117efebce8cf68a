"""A stand-in for a biller's billing system: it receives status pushes as a careful receiver does, and shows its log.

It believes a push only when its signature proves it, applies each `webhook-id` once, and keeps per invoice the newest
event that it has seen, in whichever order they come. It can be told to answer badly.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import orjson
from aiohttp import web

from gateway.demo.standin import Arrivals, Fault, HttpStandIn
from gateway.ports.errors import InvalidSignature
from gateway.ports.values import Secret
from gateway.signing import verify

PATH = "/achit"


@dataclass(frozen=True, slots=True)
class Reply:
    """How pushes are answered; a push is applied only under a 2xx. `slow_s` passes before anything is done."""

    status: int = 204
    retry_after_s: int | None = None
    location: str | None = None
    slow_s: float = 0.0


_BY_FAULT = {
    Fault.THROTTLED: Reply(429, retry_after_s=5),
    Fault.UNAVAILABLE: Reply(503),
    Fault.BROKEN: Reply(500),
}


@dataclass(frozen=True, slots=True)
class Push:
    """One line of the log. Of a push that is not verified nothing but its `webhook-id` is read.

    `ms` is the time taken to answer, `age_ms` the time from the event to its arrival; `code` 0: no answer was given.
    """

    id: str
    verified: bool
    code: int
    ms: float
    received_at: datetime
    type: str = ""
    number: str | None = None
    status: str | None = None
    sequence: int | None = None
    duplicate: bool = False
    age_ms: float | None = None
    paid: str | None = None
    refunded: str | None = None


@dataclass(frozen=True, slots=True)
class Booked:
    """An invoice as the billing system has it; `sequence` is that of the event that said so, the sums are as it said them."""

    number: str
    status: str
    sequence: int
    paid: str | None = None
    refunded: str | None = None


class Erp(HttpStandIn):
    """POST to `push_url`. `pushes` is the log, oldest first; `invoices` what was booked; `reply` how it answers."""

    def __init__(self, secrets: Sequence[Secret] = (), now: Callable[[], datetime] | None = None) -> None:
        super().__init__(now)
        self.secrets = list(secrets)
        self.pushes: Arrivals[Push] = Arrivals()
        self.invoices: dict[str, Booked] = {}
        self.reply = Reply()
        self._applied: set[str] = set()

    @property
    def push_url(self) -> str:
        return self.url + PATH

    def trust(self, secret: Secret) -> None:
        """Takes a secret, as its endpoint's creation showed it, beside those that it has: secrets rotate."""
        self.secrets.append(secret)

    def on_push(self, listener: Callable[[Push], object]) -> None:
        """The listener is called with each line of the log, at once and in the loop."""
        self.pushes.on_add(listener)

    def routes(self) -> Iterable[web.RouteDef]:
        return (web.post(PATH, self._receive),)

    async def _receive(self, request: web.Request) -> web.Response:
        started, received_at = asyncio.get_running_loop().time(), self.now()
        message_id, body = request.headers.get("webhook-id", ""), await request.read()
        reply = _BY_FAULT.get(self.fault, self.reply) if self.fault else self.reply
        if reply.slow_s:
            await asyncio.sleep(reply.slow_s)

        def line(code: int, **known: Any) -> Push:
            took_ms = (asyncio.get_running_loop().time() - started) * 1000
            return Push(message_id, code=code, ms=round(took_ms, 3), received_at=received_at, **known)

        try:
            verify(
                self.secrets,
                message_id=message_id,
                timestamp=request.headers.get("webhook-timestamp"),
                signature=request.headers.get("webhook-signature"),
                body=body,
                now=received_at.timestamp(),
            )
        except InvalidSignature:
            self.pushes.add(line(401, verified=False))
            return web.Response(status=401)
        known = _read(body, received_at)
        if self.fault is Fault.HANG:
            self.pushes.add(line(0, verified=True, **known))
            return await self._hang()
        if 200 <= reply.status <= 299:
            known["duplicate"] = message_id in self._applied
            self._book(message_id, known)
        lost = self.fault is Fault.LOSE_ANSWER
        self.pushes.add(line(0 if lost else reply.status, verified=True, **known))
        return await self._hang() if lost else _answer(reply)

    def _book(self, message_id: str, event: dict[str, Any]) -> None:
        self._applied.add(message_id)
        number, status, sequence = event["number"], event["status"], event["sequence"]
        if number is None or status is None or sequence is None:
            return
        booked = self.invoices.get(number)
        if booked is None or booked.sequence < sequence:
            self.invoices[number] = Booked(number, status, sequence, event["paid"], event["refunded"])


def _read(body: bytes, received_at: datetime) -> dict[str, Any]:
    event = orjson.loads(body)
    invoice = event.get("invoice") or {}
    age = received_at - datetime.fromisoformat(event["occurred_at"])
    return {
        "type": event["type"],
        "sequence": event["sequence"],
        "number": invoice.get("number"),
        "status": invoice.get("status"),
        "age_ms": round(age.total_seconds() * 1000, 3),
        "paid": (invoice.get("paid") or {}).get("value"),
        "refunded": (invoice.get("refunded") or {}).get("value"),
    }


def _answer(reply: Reply) -> web.Response:
    headers = {}
    if reply.retry_after_s is not None:
        headers["Retry-After"] = str(reply.retry_after_s)
    if reply.location is not None:
        headers["Location"] = reply.location
    return web.Response(status=reply.status, headers=headers)

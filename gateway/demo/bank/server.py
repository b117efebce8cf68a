"""The bank's HTTP side: a REST API for the gateway, pages for the payer, and the switches that tests and the demo turn.

It listens on 127.0.0.1 only. It must never ask for a card number.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
from datetime import timedelta
from types import MappingProxyType

from aiohttp import web

from gateway.clock import Clock
from gateway.demo.bank import wire
from gateway.demo.bank.courier import Courier, Posting
from gateway.demo.bank.faults import CreateFault, Faults, Manner, json
from gateway.demo.bank.ledger import PLANS, Fee, Ledger, News, Outcome, Payment, Refused
from gateway.demo.bank.pages import Brand, Pages
from gateway.demo.bank.refunds import Refund, Refunds, RefundTerms
from gateway.ports.errors import InvalidSignature
from gateway.ports.values import Secret
from gateway.ports.verify import same

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
_HOST = "127.0.0.1"
_STATUS_OF = {
    "unauthorized": 401,
    "no_such_payment": 404,
    "no_such_refund": 404,
    "not_json": 400,
    "idempotency_key_reused": 409,
    "already_paid": 409,
    "already_processing": 409,
    "already_reversed": 409,
    "more_than_is_left": 409,
    "nothing_to_refund": 409,
}


class Bank:
    """A bank on 127.0.0.1. `settle_after_s` is when what was put off happens by itself; None waits for `release`.

    `webhook_secrets` has two members while one is being replaced. `payee` is the name that the pages show, in the colours of
    `brand`. `fees` are what it keeps, by the method; nothing where there is none. While `refunds_wait` is set a refund stays
    pending until it is settled.
    """

    def __init__(
        self,
        *,
        api_key: Secret,
        webhook_secrets: Sequence[Secret],
        clock: Clock,
        payee: str = "Acme",
        port: int = 0,
        settle_after_s: float | None = 5.0,
        fees: Mapping[str, Fee] = MappingProxyType({}),
        brand: Brand = Brand.BANK,
    ) -> None:
        self.ledger = Ledger(fees)
        self.refunds = Refunds(self.ledger)
        self.refunds_wait = False
        self._api_key = api_key
        self._webhook_secrets = tuple(webhook_secrets)
        self._clock = clock
        self._port = port
        self._settle_after_s = settle_after_s
        self._pages = Pages(payee, brand)
        self._tasks: set[asyncio.Task[None]] = set()
        self._closing = asyncio.Event()
        self._faults, self._refund_faults = Faults(self._closing), Faults(self._closing)
        self._runner: web.AppRunner | None = None
        self._courier: Courier | None = None
        self._kept: socket.socket | None = None  # holds the port while nobody listens there
        self._turning = asyncio.Lock()

    async def start(self) -> None:
        """Listens; afterwards `url` is known. Raises OSError when the port is taken."""
        self._courier = Courier(self._webhook_secrets, self._clock)
        await self._listen()

    async def _listen(self) -> None:
        if self._kept:
            self._kept.close()
            self._kept = None
        self._runner = web.AppRunner(self._application(), access_log=None, shutdown_timeout=1.0)
        await self._runner.setup()
        await web.TCPSite(self._runner, _HOST, self._port).start()
        self._port = self._runner.addresses[0][1]

    @property
    def manner(self) -> Manner:
        """How it behaves now."""
        return self._faults.manner

    async def turn(self, manner: Manner) -> None:
        """Behaves like this from now on.

        While it is down a connection is refused and it tells nobody anything; its books go on, and what it had to tell it tells
        when it is back. Raises OSError when its port was taken meanwhile.
        """
        async with self._turning:
            if self._courier is None or self._closing.is_set():
                raise RuntimeError("the bank does not run")
            if manner is Manner.DOWN and self._runner:
                self._courier.awake.clear()
                runner, self._runner = self._runner, None
                await runner.cleanup()
                self._kept = _holding(self._port)
            elif manner is not Manner.DOWN and self._runner is None:
                await self._listen()
                self._courier.awake.set()
            self._faults.manner = manner

    async def aclose(self) -> None:
        """Stops listening, ends hanging calls and forgets webhooks that are still to be tried. Twice is fine."""
        self._closing.set()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self._runner:
            await self._runner.cleanup()
        if self._kept:
            self._kept.close()
        if self._courier:
            await self._courier.aclose()

    async def __aenter__(self) -> Bank:
        try:
            await self.start()
        except BaseException:  # also when it is cancelled: what was opened is closed
            await self.aclose()
            raise
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()

    @property
    def url(self) -> str:
        return f"http://{_HOST}:{self._port}"

    @property
    def postings(self) -> Sequence[Posting]:
        """The tries to deliver webhooks so far, the newest last; the last 1,000."""
        return tuple(self._courier.postings) if self._courier else ()

    def payment(self, payment_id: str) -> Payment:
        """The payment as it is now. Raises Refused on an unknown one."""
        return self.ledger.get(payment_id, self._clock.now())

    def fail_next_create(self, *faults: CreateFault) -> None:
        """The next create calls meet these, one each."""
        self._faults.extend(*faults)

    def fail_next_refund(self, *faults: CreateFault) -> None:
        """The next refund calls meet these, one each."""
        self._refund_faults.extend(*faults)

    async def choose(self, payment_id: str, outcome: Outcome, *, part_minor: int | None = None) -> Payment:
        """What the page's button does, without a browser. Returns when each webhook that it causes was tried once.

        `part_minor` is what comes in on PARTIAL (default six tenths). Raises Refused when it cannot happen.
        """
        payment, news = self._choose(payment_id, outcome, part_minor)
        await self._tell(news)
        return payment

    async def release(self, payment_id: str) -> Payment:
        """Lets happen now what an outcome has put off (the slow, the late, the rest, the reversal)."""
        payment, news = self.ledger.release(payment_id, self._clock.now())
        await self._tell(news)
        return payment

    async def refund(self, payment_id: str, amount_minor: int | None = None) -> Refund:
        """The biller gives it back at the bank's own desk: all that is left of it, or so much. Raises Refused."""
        payment = self.payment(payment_id)
        left = payment.received_minor - payment.reversed_minor - payment.refunded_minor
        amount_minor = left if amount_minor is None else amount_minor
        terms = RefundTerms(payment_id, amount_minor, payment.terms.currency, "desk", "requested")
        refund, _, news = self.refunds.create(terms, None, self._clock.now())
        await self._tell(news)
        return refund

    async def fail_refund(self, refund_id: str, failure: str = "account_closed") -> Refund:
        """The payer's bank sends it back, whatever was said before."""
        refund, news = self.refunds.fail(refund_id, failure, self._clock.now())
        await self._tell(news)
        return refund

    def settle_refund(self, refund_id: str) -> Refund:
        """A refund that waits is done."""
        return self.refunds.settle(refund_id, self._clock.now())

    def _choose(self, payment_id: str, outcome: Outcome, part_minor: int | None = None) -> tuple[Payment, list[News]]:
        payment, news = self.ledger.choose(payment_id, outcome, self._clock.now(), part_minor)
        if outcome is Outcome.WEBHOOK_EARLY:
            self._faults.extend(CreateFault.EARLY)
        if payment.later and PLANS[outcome].timed and self._settle_after_s is not None:
            self._spawn(self._release_after(payment_id, self._settle_after_s))
        return payment, news

    async def _release_after(self, payment_id: str, delay_s: float) -> None:
        await self._clock.sleep_until(self._clock.now() + timedelta(seconds=delay_s))
        await self.release(payment_id)

    async def _tell(self, news: Sequence[News]) -> None:
        assert self._courier is not None, "the bank was not started"
        await self._courier.tell(news, self.url)

    def _spawn(self, work: Coroutine[None, None, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def _application(self) -> web.Application:
        page = f"/{{method:{'|'.join(wire.METHODS)}}}/{{id}}"
        app = web.Application(middlewares=[_shape_errors], client_max_size=64 * 1024)
        app.add_routes(
            [
                web.post("/api/payments", self._create),
                web.get("/api/payments", self._find),
                web.get("/api/payments/{id}", self._show),
                web.post("/api/payments/{id}/cancel", self._cancel),
                web.post("/api/payments/{id}/refunds", self._refund),
                web.get("/api/refunds", self._find_refunds),
                web.get("/api/refunds/{id}", self._show_refund),
                web.get("/static/bank.css", self._style),
                web.get(page, self._page),
                web.post(page, self._act),
            ]
        )
        return app

    def _authorise(self, request: web.Request) -> None:
        try:
            same(request.headers.get("authorization"), f"Bearer {self._api_key.reveal()}")
        except InvalidSignature:
            raise Refused("unauthorized") from None

    async def _create(self, request: web.Request) -> web.StreamResponse:
        self._authorise(request)
        terms = wire.read_terms(await request.read())
        fault = self._faults.take()
        if (failed := await self._faults.before(fault, request)) is not None:
            return failed
        payment, new = self.ledger.create(terms, request.headers.get("idempotency-key"), self._clock.now())
        if (lost := await self._faults.after(fault, request)) is not None:
            return lost
        if fault is CreateFault.EARLY:
            await self._tell(self.ledger.confirm(payment.id, self._clock.now()))
        return json(wire.payment_json(self.payment(payment.id), self.url), 201 if new else 200)

    async def _find(self, request: web.Request) -> web.StreamResponse:
        self._authorise(request)
        now = self._clock.now()
        if "since" in request.query:
            touched = self.ledger.touched(*wire.read_span(request.query), now)
            return json(wire.page_json(touched, request.query.get("after"), self.url))
        found = self.ledger.find(request.query.get("reference", ""), now)
        return json({"payments": [wire.payment_json(each, self.url) for each in found]})

    async def _show(self, request: web.Request) -> web.StreamResponse:
        self._authorise(request)
        return json(wire.payment_json(self.payment(request.match_info["id"]), self.url))

    async def _cancel(self, request: web.Request) -> web.StreamResponse:
        self._authorise(request)
        payment, news = self.ledger.cancel(request.match_info["id"], self._clock.now())
        self._spawn(self._tell(news))
        return json(wire.payment_json(payment, self.url))

    async def _refund(self, request: web.Request) -> web.StreamResponse:
        self._authorise(request)
        terms = wire.read_refund_terms(request.match_info["id"], await request.read())
        fault = self._refund_faults.take()
        if (failed := await self._refund_faults.before(fault, request)) is not None:
            return failed
        key = request.headers.get("idempotency-key")
        refund, new, news = self.refunds.create(terms, key, self._clock.now(), waits=self.refunds_wait)
        if news:
            self._spawn(self._tell(news))
        if (lost := await self._refund_faults.after(fault, request)) is not None:
            return lost
        return json(wire.refund_json(refund), 201 if new else 200)

    async def _find_refunds(self, request: web.Request) -> web.StreamResponse:
        self._authorise(request)
        found = self.refunds.find(request.query.get("reference", ""))
        return json({"refunds": [wire.refund_json(each) for each in found]})

    async def _show_refund(self, request: web.Request) -> web.StreamResponse:
        self._authorise(request)
        return json(wire.refund_json(self.refunds.get(request.match_info["id"])))

    async def _style(self, request: web.Request) -> web.StreamResponse:
        return web.Response(text=self._pages.style, content_type="text/css")

    async def _page(self, request: web.Request) -> web.StreamResponse:
        try:
            payment = self.payment(request.match_info["id"])
        except Refused:
            return self._pages.missing(request.query.get("lang"))
        if payment.terms.method != request.match_info["method"]:
            raise web.HTTPFound(wire.page_url(payment, self.url))
        return self._pages.show(payment, request.query.get("lang"))

    async def _act(self, request: web.Request) -> web.StreamResponse:
        payment = self.payment(request.match_info["id"])
        form = await request.post()
        action = str(form.get("outcome", ""))
        try:
            if action == "release":
                payment, news = self.ledger.release(payment.id, self._clock.now())
            else:
                payment, news = self._choose(payment.id, Outcome(action))
        except (Refused, ValueError):
            raise web.HTTPSeeOther(wire.page_url(payment, self.url)) from None
        self._spawn(self._tell(news))
        raise web.HTTPSeeOther(payment.terms.return_url)


def _holding(port: int) -> socket.socket:
    """A port that is nobody else's and where nobody listens."""
    held = socket.socket()
    held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        held.bind((_HOST, port))
    except OSError:
        held.close()
        raise
    return held


@web.middleware
async def _shape_errors(request: web.Request, handler: Handler) -> web.StreamResponse:
    try:
        return await handler(request)
    except Refused as refused:
        return json({"code": refused.code}, _STATUS_OF.get(refused.code, 422))

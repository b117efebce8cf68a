"""A whole gateway with the real adapters, which speak to the box's stand-ins of their vendors over HTTP and SMTP.

Nothing happens by itself: `drain` does what is due, `clock.advance` lets time pass, the stand-ins call back when told.
"""

from __future__ import annotations

import contextlib
import logging
import socket
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

from gateway.api.hooks import Hooks
from gateway.api.paypage import PayPages
from gateway.app import open_context
from gateway.demo.bank import Bank
from gateway.demo.erp import Erp
from gateway.demo.mail import MailStandIn
from gateway.demo.telegram import TelegramStandIn
from gateway.demo.twilio import TwilioStandIn
from gateway.ports.values import Secret
from gateway.registry import Registry
from gateway.services.context import Context
from gateway.store.database import Database
from gateway.testing.clock import FakeClock
from gateway.worker import Worker
from tests.harness.gateway import ENVIRONMENT, PUSH_SECRET, House, apply_biller, env, identity, renderer, server_config

PHONE, EMAIL, CHAT = "+40722123456", "ana.popescu@example.ro", 402123456789


@dataclass(slots=True)
class World(House):
    """A house with the real adapters and the box's stand-ins. `url` is where the gateway listens."""

    url: str = ""
    bank: Bank = field(init=False)
    twilio: TwilioStandIn = field(init=False)
    telegram: TelegramStandIn = field(init=False)
    mail: MailStandIn = field(init=False)
    erp: Erp = field(init=False)

    async def open_payment(self, invoice_id: int, method: str = "bank") -> str:
        """Starts a payment; gives the bank's id of it."""
        return (await self.start(invoice_id, method)).rpartition("/")[2]


@contextlib.asynccontextmanager
async def open_world(
    database: Database,
    clock: FakeClock,
    *,
    pushes: bool = False,
    native: bool = False,
    biller: Mapping[str, Any] | None = None,
    environment: Mapping[str, str] | None = None,
) -> AsyncIterator[World]:
    """A gateway that listens, its worker (which works on `drain`), and all stand-ins. `biller` adds tables to its file, `environment`
    the secrets that they name.

    `native`: the bot has a payment provider, so that bills are paid in the chat.
    """
    listening = socket.socket()  # held from here on: a port that is only looked up may be another's when it is wanted
    listening.bind(("127.0.0.1", 0))
    url = f"http://127.0.0.1:{listening.getsockname()[1]}"
    mail_log = logging.getLogger("mail.log")  # the stand-in's side of the wire
    mail_log.disabled = True
    async with contextlib.AsyncExitStack() as stack:
        stack.callback(listening.close)
        stack.callback(setattr, mail_log, "disabled", False)
        bank = Bank(
            api_key=Secret(ENVIRONMENT["BANK_KEY"]),
            webhook_secrets=[Secret(ENVIRONMENT["BANK"])],
            clock=clock,
            settle_after_s=None,
        )
        hook = f"{url}/hooks/channels/acme."
        twilio = TwilioStandIn(
            auth_token=ENVIRONMENT["TWILIO"], receipts=False, inbound_url=f"{hook}sms", now=clock.now
        )
        telegram = TelegramStandIn(token=ENVIRONMENT["BOT"], retry_s=(), now=clock.now)
        mail = MailStandIn(inbound_url=f"{hook}email", inbound_secret=ENVIRONMENT["MAIL"], now=clock.now)
        erp = Erp([PUSH_SECRET], now=clock.now)
        for stand_in in (bank, twilio, telegram, mail, erp):
            await stack.enter_async_context(stand_in)  # type: ignore[arg-type]
        telegram.api.webhook_url, telegram.api.webhook_secret = f"{hook}telegram", ENVIRONMENT["BOT_SECRET"]

        registry = Registry()
        ctx = await stack.enter_async_context(
            open_context(
                server_config(url),
                clock=clock,
                registry=registry,
                chance=lambda: 0.5,
                migrate=False,
                database=database,
                renderer=renderer(),
            )
        )
        values: dict[str, Any] = {
            "biller": identity(),
            "delivery": {"channels": [{"channel": "sms", "wait": "10m"}, {"channel": "email"}], "receipt": True},
            "channels": {
                "sms": {
                    "account_sid": twilio.account_sid,
                    "auth_token": env("TWILIO"),
                    "from_number": twilio.number,
                    "api_url": twilio.url,
                    "timeout_s": 5.0,
                },
                "email": {
                    "host": mail.host,
                    "port": mail.port,
                    "security": "none",
                    "from_address": "facturi@acme.example",
                    "return_path_domain": "bounces.acme.example",
                    "inbound_secret": env("MAIL"),
                    "timeout_s": 5.0,
                },
                "telegram": {
                    "bot_token": env("BOT"),
                    "webhook_secret": env("BOT_SECRET"),
                    "bot_username": telegram.username,
                    "api_url": telegram.url,
                    "timeout_s": 5.0,
                },
            },
            "providers": {"sandbox": {"api_url": bank.url, "api_key": env("BANK_KEY"), "webhook_secret": env("BANK")}},
        }
        if native:
            values["channels"]["telegram"]["provider_token"] = env("BOT_PROVIDER")
        if pushes:
            values["push"] = [{"url": f"{erp.url}/achit", "secret": env("PUSH")}]
        made = await apply_biller(ctx, registry, values | dict(biller or {}), ENVIRONMENT | dict(environment or {}))
        await _listen(stack, ctx, listening)
        world = World(ctx, clock, Worker(ctx, "test"), made, url=url)
        world.bank, world.twilio, world.telegram, world.mail, world.erp = bank, twilio, telegram, mail, erp
        yield world


async def _listen(stack: contextlib.AsyncExitStack, ctx: Context, listening: socket.socket) -> None:
    app = web.Application()
    app.add_routes([*Hooks(ctx).routes(), *PayPages(ctx).routes()])
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=1.0)
    await runner.setup()
    stack.push_async_callback(runner.cleanup)
    await web.SockSite(runner, listening).start()

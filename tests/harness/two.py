"""A biller who writes on WhatsApp by both vendors, each a stand-in that the real adapters talk to."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

from gateway.demo.twilio_whatsapp import TwilioWhatsAppStandIn
from gateway.demo.whatsapp import WhatsAppStandIn
from gateway.domain.deliveries import Step
from gateway.services import templates
from gateway.store.database import Database
from gateway.testing.clock import FakeClock
from tests.harness.gateway import ENVIRONMENT, env
from tests.harness.world import PHONE, World, open_world

META, TWILIO = "whatsapp", "wa"


@dataclass(slots=True)
class Two:
    """A world whose biller has a number at each vendor; the second account writes to phone numbers too."""

    world: World
    meta: WhatsAppStandIn
    twilio: TwilioWhatsAppStandIn

    async def send(self, channel: str = META, **payer: Any) -> int:
        """A new invoice whose message has gone out; its id."""
        view = await self.world.issue(steps=[Step(channel, 600)], **({"whatsapp": PHONE} | payer))
        await self.world.drain()
        return view.invoice.id

    async def sync(self, channel: str = META, *, dry_run: bool = False) -> list[templates.Kept]:
        found = templates.accounts(self.world.ctx, self.world.biller, "whatsapp")
        (account,) = (account for account in found if account.short == channel)
        return await templates.sync(self.world.ctx, self.world.biller, account, dry_run=dry_run)


@contextlib.asynccontextmanager
async def open_two(database: Database, clock: FakeClock, **options: Any) -> AsyncIterator[Two]:
    """`options` are of both accounts."""
    meta = WhatsAppStandIn(
        token=ENVIRONMENT["BOT"], app_secret=ENVIRONMENT["BOT_SECRET"], receipts=False, retry_s=(), now=clock.now
    )
    twilio = TwilioWhatsAppStandIn(auth_token=ENVIRONMENT["TWILIO"], receipts=False, now=clock.now)
    async with meta, twilio:
        channels: dict[str, Any] = {
            META: {
                "phone_number_id": meta.phone_number_id,
                "business_account_id": meta.business_account_id,
                "phone_number": meta.number,
                "access_token": env("BOT"),
                "app_secret": env("BOT_SECRET"),
                "verify_token": env("MAIL"),
                "api_url": meta.api_url,
                "timeout_s": 5.0,
                **options,
            },
            TWILIO: {
                "adapter": "sms.whatsapp",
                "account_sid": twilio.account_sid,
                "auth_token": env("TWILIO"),
                "from_number": twilio.number,
                "api_url": twilio.url,
                "content_url": twilio.url,
                "timeout_s": 5.0,
                "use_phone": True,
                **options,
            },
        }
        plan = {"channels": [{"channel": META}], "receipt": True, "pay_site": "acme.ro"}
        async with open_world(database, clock, biller={"channels": channels, "delivery": plan}) as world:
            meta.verify_token = ENVIRONMENT["MAIL"]
            assert await meta.subscribe(f"{world.url}/hooks/channels/acme.{META}") == 200
            twilio.inbound_url = f"{world.url}/hooks/channels/acme.{TWILIO}"
            yield Two(world, meta, twilio)

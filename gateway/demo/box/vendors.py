"""The vendors around one biller, each a server of its own: mail, Twilio, the Bot API, WhatsApp, three that move money; and its
billing system.
"""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass

from gateway.clock import Clock
from gateway.demo.bank import Bank
from gateway.demo.box.accounts import ACCOUNTS, BANK, DemoAccount
from gateway.demo.box.billers import Addresses, DemoBiller
from gateway.demo.erp import Erp
from gateway.demo.mail import MailStandIn
from gateway.demo.telegram import PROVIDER_TOKEN, TelegramStandIn
from gateway.demo.twilio import TwilioStandIn
from gateway.demo.whatsapp import WhatsAppStandIn
from gateway.ports.values import Secret

SETTLE_AFTER_S = 5.0


@dataclass(frozen=True, slots=True)
class Vendors:
    """They know the gateway by the addresses of its webhooks alone. `banks` are those of the biller's provider accounts, by name."""

    mail: MailStandIn
    twilio: TwilioStandIn
    telegram: TelegramStandIn
    whatsapp: WhatsAppStandIn
    banks: Mapping[str, Bank]
    erp: Erp
    secrets: dict[str, str]

    @property
    def bank(self) -> Bank:
        return self.banks[BANK.name]

    async def settled(self) -> None:
        """Waits until every receipt that the stand-ins report by themselves has been answered."""
        await self.twilio.settled()
        await self.whatsapp.settled()

    def addresses(self, box_url: str, pay_site: str) -> Addresses:
        """What the biller's file says of them. The box is where chats are opened; `pay_site` is where payers type a code."""
        return Addresses(
            mail_port=self.mail.port,
            twilio_url=self.twilio.url,
            twilio_account=self.twilio.account_sid,
            telegram_url=self.telegram.url,
            chat_url=f"{box_url}/telegram",
            whatsapp_url=self.whatsapp.api_url,
            whatsapp_number_id=self.whatsapp.phone_number_id,
            whatsapp_account=self.whatsapp.business_account_id,
            wa_url=f"{box_url}/whatsapp",
            banks={name: bank.url for name, bank in self.banks.items()},
            push_url=self.erp.push_url,
            pay_site=pay_site,
            secrets=self.secrets,
        )


def _bank(account: DemoAccount, biller: DemoBiller, shared: Mapping[str, str], clock: Clock) -> Bank:
    key, secret = account.secrets
    return Bank(
        api_key=Secret(shared[key]),
        webhook_secrets=[Secret(shared[secret])],
        clock=clock,
        payee=biller.legal_name,
        settle_after_s=SETTLE_AFTER_S,
        fees=account.fees,
        brand=account.brand,
    )


@asynccontextmanager
async def vendors_of(biller: DemoBiller, gateway_url: str, clock: Clock) -> AsyncIterator[Vendors]:
    """Runs the servers on free ports of 127.0.0.1, with fresh secrets."""
    names = (
        "TWILIO_TOKEN",
        "MAIL_SECRET",
        "BOT_SECRET",
        "WA_TOKEN",
        "WA_SECRET",
        "WA_VERIFY",
        *(name for account in ACCOUNTS for name in account.secrets),
    )
    shared = {name: secrets.token_urlsafe(24) for name in names}
    shared |= {"BOT_TOKEN": biller.bot_token, "BOT_PROVIDER": PROVIDER_TOKEN}
    hooks = f"{gateway_url}/hooks/channels/{biller.slug}"
    async with AsyncExitStack() as stack:
        yield Vendors(
            mail=await stack.enter_async_context(
                MailStandIn(inbound_url=f"{hooks}.email", inbound_secret=shared["MAIL_SECRET"], now=clock.now)
            ),
            twilio=await stack.enter_async_context(
                TwilioStandIn(
                    account_sid="AC" + secrets.token_hex(16),
                    auth_token=shared["TWILIO_TOKEN"],
                    number=biller.phone,
                    inbound_url=f"{hooks}.sms",
                    now=clock.now,
                )
            ),
            telegram=await stack.enter_async_context(
                TelegramStandIn(token=biller.bot_token, username=biller.bot, now=clock.now)
            ),
            whatsapp=await stack.enter_async_context(
                WhatsAppStandIn(
                    token=shared["WA_TOKEN"],
                    app_secret=shared["WA_SECRET"],
                    verify_token=shared["WA_VERIFY"],
                    number=biller.whatsapp,
                    now=clock.now,
                )
            ),
            banks={
                account.name: await stack.enter_async_context(_bank(account, biller, shared, clock))
                for account in ACCOUNTS
            },
            erp=await stack.enter_async_context(Erp(now=clock.now)),
            secrets=shared,
        )

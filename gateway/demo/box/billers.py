"""The two billers of the box: who they are, how they look, what they bill for, and their tables as a file would hold them.

The second sends no links by SMS: there a pay code is typed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

from gateway.demo.box.accounts import ACCOUNTS, HEALTH

PAGES = Path(__file__).parent.parent / "pages" / "box"


@dataclass(frozen=True, slots=True)
class Row:
    """One line of a bill and its share of the whole; the one without a share takes the rest. `unit_minor` is the price of a unit."""

    en: str
    ro: str
    share: Fraction | None = None
    unit: str = ""
    unit_minor: int = 0


@dataclass(frozen=True, slots=True)
class DemoBiller:
    """`smallest` and `largest` are what a bill comes to, in minor units. The box draws amounts between them."""

    slug: str
    name: str
    legal_name: str
    address: str
    domain: str
    colour: str
    phone: str
    whatsapp: str
    bot: str
    bot_token: str
    series: str
    contract: str
    smallest: int
    largest: int
    subject: Mapping[str, str]
    rows: Sequence[Row]
    paid_in_chat: bool = False  # its bot has a payment provider
    link_free: Sequence[str] = ()  # channels whose messages carry no link

    @property
    def email(self) -> str:
        return f"facturi@{self.domain}"

    @property
    def bot_id(self) -> str:
        return self.bot_token.partition(":")[0]

    def symbol(self) -> str:
        """The square mark, as SVG."""
        return (PAGES / f"{self.slug}.svg").read_text("utf-8")


LUMINIS = DemoBiller(
    slug="luminis",
    name="Luminis Energie",
    legal_name="Luminis Energie S.A.",
    address="Str. Uzinei Electrice 14, Cluj-Napoca",
    domain="luminis.example",
    colour="#173f8f",
    phone="+40312345678",
    whatsapp="+40312345679",
    bot="LuminisEnergieBot",
    bot_token="110201543:AAHdqTcvCH1vGWJxfSeofSAs0K5PALDsaw",
    series="LUM",
    contract="CLJ-2048817",
    smallest=9_800,
    largest=46_000,
    subject={"en": "Electricity, {month}", "ro": "Energie electrică, {month}"},
    rows=(
        Row("Active energy", "Energie activă", Fraction(58, 100), "kWh", 72),
        Row("Network and transport", "Distribuție și transport"),
        Row("VAT 21%", "TVA 21%", Fraction(21, 121)),
    ),
)
CIRESARII = DemoBiller(
    slug="ciresarii",
    name="Școala Cireșarii",
    legal_name="Asociația Școala Cireșarii",
    address="Aleea Livezii 3, Brașov",
    domain="ciresarii.example",
    colour="#a11d3c",
    phone="+40368409200",
    whatsapp="+40368409201",
    bot="ScoalaCiresariiBot",
    bot_token="220817604:AAEbK0q2v8cXJmY3hTqWzPn5Rr1LfUuDgSo",
    series="CIR",
    contract="ELEV-0312",
    smallest=95_000,
    largest=188_000,
    subject={"en": "School fee, {month}", "ro": "Taxă școlară, {month}"},
    rows=(
        Row("Tuition", "Școlarizare"),
        Row("Lunch and snacks", "Prânz și gustări", Fraction(16, 100)),
        Row("Swimming club", "Clubul de înot", Fraction(6, 100)),
    ),
    paid_in_chat=True,
    link_free=("sms",),
)
_REMINDERS = {
    "quiet": "20:00-09:00",
    "steps": [
        {"at": "-3d", "tone": "friendly", "channels": ["telegram", "whatsapp", "email"]},
        {"at": "+1d", "tone": "friendly", "channels": ["whatsapp", "sms"]},
        {"at": "+5d", "tone": "firm", "channels": ["sms", "email"]},
        {"at": "+12d", "tone": "final", "channels": [{"channel": "email", "wait": "0s"}, "sms"]},
    ],
    "broken_promise": {"tone": "firm", "channels": ["sms", "email"]},
    "cost": {"sms": "0.35", "whatsapp": "0.20"},
    "cost_share": 5,
}
BILLERS = (LUMINIS, CIRESARII)


@dataclass(frozen=True, slots=True)
class Addresses:
    """Where a biller's vendors are, those of its provider accounts by name, and the secrets of its accounts there.

    Each secret is an environment variable's name and value.
    """

    mail_port: int
    twilio_url: str
    twilio_account: str
    telegram_url: str
    chat_url: str
    whatsapp_url: str
    whatsapp_number_id: str
    whatsapp_account: str
    wa_url: str
    banks: Mapping[str, str]
    push_url: str
    pay_site: str
    secrets: Mapping[str, str]


def tables(biller: DemoBiller, at: Addresses) -> dict[str, Any]:
    """The biller's file, as TOML would read it."""
    made = _tables(biller, at)
    for name in biller.link_free:
        made["channels"][name]["link_free"] = True
        made["delivery"]["pay_site"] = at.pay_site
    return made


def _tables(biller: DemoBiller, at: Addresses) -> dict[str, Any]:
    return {
        "biller": {
            "slug": biller.slug,
            "legal_name": biller.legal_name,
            "display_name": biller.name,
            "locale": "ro",
            "address": biller.address,
            "support_email": f"clienti@{biller.domain}",
            "support_phone": biller.phone,
        },
        "brand": {"colour": biller.colour, "logo": str(PAGES / f"{biller.slug}-logo.svg")},
        "channels": {
            "sms": {
                "account_sid": at.twilio_account,
                "auth_token": {"env": "TWILIO_TOKEN"},
                "from_number": biller.phone,
                "api_url": at.twilio_url,
            },
            "email": {
                "host": "127.0.0.1",
                "port": at.mail_port,
                "security": "none",
                "from_address": biller.email,
                "return_path_domain": f"mail.{biller.domain}",
                "inbound_secret": {"env": "MAIL_SECRET"},
            },
            "telegram": {
                "bot_token": {"env": "BOT_TOKEN"},
                "webhook_secret": {"env": "BOT_SECRET"},
                "bot_username": biller.bot,
                "api_url": at.telegram_url,
                "link_url": at.chat_url,
                **({"provider_token": {"env": "BOT_PROVIDER"}} if biller.paid_in_chat else {}),
            },
            "whatsapp": {
                "phone_number_id": at.whatsapp_number_id,
                "business_account_id": at.whatsapp_account,
                "access_token": {"env": "WA_TOKEN"},
                "app_secret": {"env": "WA_SECRET"},
                "verify_token": {"env": "WA_VERIFY"},
                "phone_number": biller.whatsapp,
                "api_url": at.whatsapp_url,
                "link_url": at.wa_url,
                "use_phone": True,
            },
        },
        "providers": {account.name: account.table(at.banks[account.name]) for account in ACCOUNTS},
        "routing": {"health": HEALTH},
        "delivery": {"channels": [{"channel": name} for name in ("telegram", "whatsapp", "sms", "email")]},
        "reminders": _REMINDERS,
        "chat": {"parts": 3, "least_share": 30, "pay_day": 10, "postponements": 3},
        "payments": {"poll": ["3s", "5s", "10s", "30s"], "attempt_minutes": 30},
        "push": [{"url": at.push_url}],
    }

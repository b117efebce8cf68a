"""Bills that are paid inside the chat: what Telegram takes, how a bill is written, which refusals are about the bill alone.

Facts: core.telegram.org/bots/api#sendinvoice (Bot API 10.1); the amounts are a copy of core.telegram.org/bots/payments/currencies.json
found in public code. Telegram recomputes them with the rates, about 1 to 10,000 US dollars: they decide what is tried, it decides.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from telegram import LabeledPrice
from telegram.constants import InvoiceLimit
from telegram.error import BadRequest

from channels.telegram.keyboards import inline
from gateway.ports.channel import Charge, Message
from gateway.ports.values import Money

# Least and most in minor units; only currencies that both sides write with the same number of decimals.
AMOUNTS: Mapping[str, tuple[int, int]] = {
    "AUD": (136, 1_366_680),
    "CAD": (126, 1_263_750),
    "CHF": (92, 922_096),
    "CZK": (2_146, 21_464_597),
    "DKK": (631, 6_311_260),
    "EUR": (84, 848_788),
    "GBP": (72, 723_134),
    "GEL": (311, 3_115_020),
    "HUF": (29_587, 295_874_993),
    "ILS": (320, 3_208_310),
    "JPY": (109, 1_093_219),
    "MDL": (1_769, 17_691_657),
    "NOK": (859, 8_596_330),
    "PLN": (388, 3_880_010),
    "RON": (419, 4_199_702),
    "RSD": (9_948, 99_481_357),
    "SEK": (860, 8_608_360),
    "TRY": (844, 8_444_250),
    "USD": (100, 1_000_000),
}
# A forwarded copy leads back to the bot with this word instead of a Pay button: one message, one payer.
START_PARAMETER = "pay"
_OF_THE_BILL = ("currency_", "payment_", "invoice_", "provider_token", "buy_empty")


def takes(amount: Money) -> bool:
    """Whether Telegram is known to take the currency, and so much of it."""
    least, most = AMOUNTS.get(amount.currency, (1, 0))
    return least <= amount.minor <= most


def bill(message: Message, charge: Charge) -> dict[str, Any]:
    """What `sendInvoice` is given beside chat and token. Title and description are cut to what Telegram shows of them."""
    return {
        "title": _cut(charge.title, InvoiceLimit.MAX_TITLE_LENGTH),
        "description": _cut(message.text, InvoiceLimit.MAX_DESCRIPTION_LENGTH),
        "payload": charge.payload,
        "currency": charge.amount.currency,
        "prices": [LabeledPrice(_cut(charge.title, InvoiceLimit.MAX_TITLE_LENGTH), charge.amount.minor)],
        "start_parameter": START_PARAMETER,
        "reply_markup": inline(charge.beside, pay=charge.pay),
    }


def about_the_bill(error: BadRequest) -> bool:
    """Whether the same message would be taken without its bill: a wrong amount, a provider that is gone, a dead token."""
    words = error.message.lower()
    return any(mark in words for mark in _OF_THE_BILL)


def _cut(text: str, longest: int) -> str:
    return text if len(text) <= longest else f"{text[: longest - 1].rstrip()}…"

"""Bills of the Bot API stand-in: what `sendInvoice` takes, and how it refuses the rest.

The limits are those of the published contract (title, description, payload) and of Telegram's list of currencies; of the refusals the
texts in capitals are Telegram's own, and those in small letters are made up.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from gateway.demo.telegram.people import Bill, ChatButton

# Least and most in minor units; of Telegram's list those that the box and the tests bill in.
AMOUNTS: Mapping[str, tuple[int, int]] = {
    "EUR": (84, 848_788),
    "HUF": (29_587, 295_874_993),
    "JPY": (109, 1_093_219),
    "RON": (419, 4_199_702),
    "USD": (100, 1_000_000),
}


def fault(parameters: Mapping[str, Any], buttons: Sequence[ChatButton], provider_token: str) -> str | None:
    """Why Telegram would not send it; None when it would."""
    title, description = str(parameters.get("title", "")), str(parameters.get("description", ""))
    payload, currency = str(parameters.get("payload", "")), str(parameters.get("currency", ""))
    prices = _prices(parameters)
    least, most = AMOUNTS.get(currency, (1, 0))
    checks = (
        (str(parameters.get("provider_token", "")) != provider_token, "PAYMENT_PROVIDER_INVALID"),
        (not 1 <= len(title) <= 32, "title must be of 1-32 characters"),
        (not 1 <= len(description) <= 255, "description must be of 1-255 characters"),
        (not 1 <= len(payload.encode()) <= 128, "INVOICE_PAYLOAD_INVALID"),
        (currency not in AMOUNTS, "CURRENCY_INVALID"),
        (
            not prices or not all(label and type(minor) is int for label, minor in prices),
            "prices are not what they should be",
        ),
        (not least <= sum(minor for _, minor in prices if type(minor) is int) <= most, "CURRENCY_TOTAL_AMOUNT_INVALID"),
        (bool(buttons) and not buttons[0].pay, "REPLY_MARKUP_BUY_EMPTY"),
        (any(button.pay for button in buttons[1:]), "BUTTON_TYPE_INVALID"),
        (not all(button.valid for button in buttons), "BUTTON_DATA_INVALID"),
    )
    return next((why for wrong, why in checks if wrong), None)


def read(parameters: Mapping[str, Any]) -> Bill:
    """The bill of parameters without a fault."""
    return Bill(
        title=str(parameters["title"]),
        description=str(parameters["description"]),
        payload=str(parameters["payload"]),
        currency=str(parameters["currency"]),
        amount=sum(minor for _, minor in _prices(parameters)),
        start_parameter=str(parameters.get("start_parameter", "")),
    )


def _prices(parameters: Mapping[str, Any]) -> list[tuple[Any, Any]]:
    value = parameters.get("prices", [])
    prices = json.loads(value) if isinstance(value, str) else value
    return [(price.get("label"), price.get("amount")) for price in prices]

"""What stands under a message: buttons one a row, a Pay button first, or a keyboard that asks for the payer's number."""

from __future__ import annotations

from collections.abc import Sequence

from telegram import InlineKeyboardButton, InlineKeyboardMarkup, KeyboardButton, ReplyKeyboardMarkup

from gateway.ports.channel import Button
from gateway.ports.errors import Rejected


def keyboard(buttons: Sequence[Button]) -> InlineKeyboardMarkup | ReplyKeyboardMarkup | None:
    """Raises Rejected on a page beside a button that asks for the number: they are two kinds of keyboard."""
    return _reply(buttons) if any(button.contact for button in buttons) else inline(buttons)


def inline(buttons: Sequence[Button], *, pay: str | None = None) -> InlineKeyboardMarkup | None:
    """Buttons under a message; `pay` is the text of the Pay button, which Telegram wants first. Raises Rejected on a contact."""
    if any(button.contact for button in buttons):
        raise Rejected("buttons", "a message that is a bill or was sent already cannot ask for a number")
    rows = [[InlineKeyboardButton(b.text, url=b.url, callback_data=None if b.url else b.data)] for b in buttons]
    if pay is not None:
        rows.insert(0, [InlineKeyboardButton(pay, pay=True)])
    return InlineKeyboardMarkup(rows) if rows else None


def _reply(buttons: Sequence[Button]) -> ReplyKeyboardMarkup:
    if any(button.url for button in buttons):
        raise Rejected("buttons", "a page cannot stand beside a button that asks for a number")
    rows = [[KeyboardButton(button.text, request_contact=button.contact or None)] for button in buttons]
    return ReplyKeyboardMarkup(rows, resize_keyboard=True, one_time_keyboard=True)

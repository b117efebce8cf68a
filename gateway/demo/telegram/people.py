"""What the Bot API stand-in knows: people, their private chats with the bot, and the messages in them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit


@dataclass(frozen=True, slots=True)
class ChatButton:
    """A button under a message: it opens `url`, sends `data` to the bot, or pays the bill; or asks for the `contact`, as a key."""

    text: str
    url: str | None
    data: str | None
    pay: bool = False
    contact: bool = False

    @property
    def valid(self) -> bool:
        if self.url is not None:
            return bool(self.text) and self.data is None and urlsplit(self.url).scheme in ("http", "https", "tg")
        if self.pay:
            return bool(self.text) and self.data is None
        return bool(self.text) and self.data is not None and 1 <= len(self.data.encode()) <= 64

    def as_json(self) -> dict[str, Any]:
        if self.pay:
            return {"text": self.text, "pay": True}
        return {"text": self.text} | ({"url": self.url} if self.url else {"callback_data": self.data})


@dataclass(frozen=True, slots=True)
class Bill:
    """What an invoice message asks for; `paid` once it was, and then its button shows the receipt."""

    title: str
    description: str
    payload: str
    currency: str
    amount: int
    start_parameter: str
    paid: bool = False

    def as_json(self) -> dict[str, Any]:
        return {
            "title": self.title,
            "description": self.description,
            "start_parameter": self.start_parameter,
            "currency": self.currency,
            "total_amount": self.amount,
        }


@dataclass(frozen=True, slots=True)
class ChatMessage:
    """One message that the bot sent, as it now reads. `keys` are a keyboard in place of the letters; `bill` has no text."""

    chat_id: int
    message_id: int
    text: str
    buttons: Sequence[ChatButton] = ()
    edited: bool = False
    bill: Bill | None = None
    keys: Sequence[ChatButton] = ()
    deleted: bool = False
    sent_at: float = 0.0


@dataclass(slots=True)
class Person:
    """Somebody with Telegram. A private chat has the person's own id."""

    chat_id: int
    first_name: str
    started: bool = False
    blocked: bool = False
    language: str = "ro"
    messages: dict[int, ChatMessage] = field(default_factory=dict)

    def user(self) -> dict[str, Any]:
        return {"id": self.chat_id, "is_bot": False, "first_name": self.first_name, "language_code": self.language}

    def chat(self) -> dict[str, Any]:
        return {"id": self.chat_id, "type": "private", "first_name": self.first_name}

    def holding(self, data: str) -> ChatMessage:
        """The latest message with a button that sends `data`. Raises LookupError."""
        for message in reversed(self.messages.values()):
            if any(button.data == data for button in message.buttons):
                return message
        raise LookupError(f"no message has a button {data!r}")

    def billed(self, message_id: int | None = None) -> ChatMessage:
        """The message with a bill to pay: that one, else the latest. Raises LookupError."""
        for message in reversed(self.messages.values()):
            if message.bill is not None and message_id in (None, message.message_id):
                return message
        raise LookupError("no message has a bill")


def shown(message: ChatMessage, chat: dict[str, Any], sender: dict[str, Any], at: datetime) -> dict[str, Any]:
    """The message as the API writes it."""
    written: dict[str, Any] = {
        "message_id": message.message_id,
        "from": sender,
        "chat": chat,
        "date": int(at.timestamp()),
    }
    written |= {"invoice": message.bill.as_json()} if message.bill else {"text": message.text}
    if message.buttons:
        written["reply_markup"] = {"inline_keyboard": [[button.as_json()] for button in message.buttons]}
    return written

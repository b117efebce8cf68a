"""What the Bot API stand-in knows: people, their private chats with the bot, and the messages in them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit


@dataclass(frozen=True, slots=True)
class ChatButton:
    """A button under a message: it opens `url`, or sends `data` to the bot."""

    text: str
    url: str | None
    data: str | None

    @property
    def valid(self) -> bool:
        if self.url is not None:
            return bool(self.text) and self.data is None and urlsplit(self.url).scheme in ("http", "https", "tg")
        return bool(self.text) and self.data is not None and 1 <= len(self.data.encode()) <= 64

    def as_json(self) -> dict[str, Any]:
        return {"text": self.text} | ({"url": self.url} if self.url else {"callback_data": self.data})


@dataclass(frozen=True, slots=True)
class ChatMessage:
    """One message that the bot sent, as it now reads."""

    chat_id: int
    message_id: int
    text: str
    buttons: Sequence[ChatButton] = ()
    edited: bool = False


@dataclass(slots=True)
class Person:
    """Somebody with Telegram. A private chat has the person's own id."""

    chat_id: int
    first_name: str
    started: bool = False
    blocked: bool = False
    messages: dict[int, ChatMessage] = field(default_factory=dict)

    def user(self) -> dict[str, Any]:
        return {"id": self.chat_id, "is_bot": False, "first_name": self.first_name, "language_code": "ro"}

    def chat(self) -> dict[str, Any]:
        return {"id": self.chat_id, "type": "private", "first_name": self.first_name}

    def holding(self, data: str) -> ChatMessage:
        """The latest message with a button that sends `data`. Raises LookupError."""
        for message in reversed(self.messages.values()):
            if any(button.data == data for button in message.buttons):
                return message
        raise LookupError(f"no message has a button {data!r}")


def shown(message: ChatMessage, chat: dict[str, Any], sender: dict[str, Any], at: datetime) -> dict[str, Any]:
    """The message as the API writes it."""
    written: dict[str, Any] = {
        "message_id": message.message_id,
        "from": sender,
        "chat": chat,
        "date": int(at.timestamp()),
        "text": message.text,
    }
    if message.buttons:
        written["reply_markup"] = {"inline_keyboard": [[button.as_json()] for button in message.buttons]}
    return written

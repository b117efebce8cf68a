"""Telegram by the Bot API: python-telegram-bot for its types and errors, on our HTTP client, without its updater.

A bot cannot write first: the payer opens `https://t.me/<bot>?start=<token>` and `/start <token>` comes in. Only private
chats are served. It must not poll for updates, format texts, or read an update that lacks the webhook's secret.
Facts: core.telegram.org/bots/api, error texts from the tdlib server's source (read 2026-11-23).
"""

from __future__ import annotations

import asyncio
import json
import logging
import re
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from typing import TypeVar

from telegram import Bot, InlineKeyboardButton, InlineKeyboardMarkup, Update
from telegram.constants import ChatMemberStatus, ChatType
from telegram.error import BadRequest, TelegramError

from channels.telegram.transport import UNREADABLE, Transport, vendor_errors
from gateway.ports import verify
from gateway.ports.channel import ChannelEvent, ChannelPlugin, InboundMessage, Message, SendResult
from gateway.ports.errors import AdapterError, MalformedWebhook, Rejected
from gateway.ports.http import HttpClient
from gateway.ports.values import Limits, Secret, WebhookRequest

T = TypeVar("T")
LIMITS = Limits(text=4096, per_second=25.0, concurrency=10)
UPDATES = ("message", "callback_query", "my_chat_member")
_SECRET = re.compile(r"[A-Za-z0-9_-]{1,256}")
_START = re.compile(r"/start(?:@\w{1,64})? ([A-Za-z0-9_-]{1,64})\s*")
_SENT = re.compile(r"(-?\d{1,19}):(\d{1,19})", re.ASCII)
_SPINNER_S = 3.0


@dataclass(frozen=True, slots=True)
class Settings:
    """One bot. Raises ValueError that names the field at fault."""

    bot_token: Secret = field(metadata={"doc": "The token from @BotFather."})
    webhook_secret: Secret = field(metadata={"doc": "What Telegram repeats in each webhook: 1-256 of A-Z a-z 0-9 _ -"})
    webhook_secret_previous: Secret | None = field(
        default=None, metadata={"doc": "Still accepted while the secret is being changed."}
    )
    bot_username: str = field(default="", metadata={"doc": "Name of the bot without @, for t.me links."})
    link_url: str = field(default="https://t.me", metadata={"doc": "Where a chat with the bot is opened."})
    api_url: str = field(default="https://api.telegram.org", metadata={"doc": "Base URL of the Bot API."})
    timeout_s: float = field(default=15.0, metadata={"doc": "Seconds to wait for an answer."})

    def __post_init__(self) -> None:
        if _SECRET.fullmatch(self.webhook_secret.reveal()) is None:
            raise ValueError("webhook_secret: 1-256 of A-Z a-z 0-9 _ -")


class TelegramChannel:
    """One bot. A message's id is `<chat>:<message>`, since Telegram numbers messages per chat."""

    def __init__(self, settings: Settings, http: HttpClient) -> None:
        self._settings = settings
        base = settings.api_url.rstrip("/")
        self._transport = Transport(http, f"{base}/bot{settings.bot_token.reveal()}/", settings.timeout_s)
        # The library logs its base URL: it gets neither the token nor the host, the transport adds both.
        self._bot = _Bot("0:hidden", lambda _: "", request=self._transport, get_updates_request=self._transport)

    def start_url(self, token: str) -> str | None:
        """A deep link; None until `bot_username` is set. https://core.telegram.org/bots/features#deep-linking"""
        name = self._settings.bot_username
        return f"{self._settings.link_url.rstrip('/')}/{name}?start={token}" if name else None

    async def send(self, message: Message) -> SendResult:
        """Sends the text as it is, buttons one a row. Blocked or never started: Rejected, unreachable."""
        chat_id, keyboard = _chat(message.to), _keyboard(message)
        with vendor_errors(submits=True):
            sent = await self._bot.send_message(chat_id, message.text, reply_markup=keyboard)
            return SendResult(f"{sent.chat_id}:{sent.message_id}")

    async def edit(self, external_id: str, message: Message) -> None:
        """Replaces text and buttons; equal already counts as done, and so it may be called again after any error."""
        found = _SENT.fullmatch(external_id)
        if found is None:
            raise Rejected("message", "not an id of ours")
        chat_id, message_id, keyboard = int(found[1]), int(found[2]), _keyboard(message)
        with vendor_errors(submits=False):
            try:
                await self._bot.edit_message_text(message.text, chat_id, message_id, reply_markup=keyboard)
            except BadRequest as error:
                if "message is not modified" not in error.message.lower():
                    raise

    async def register(self, webhook_url: str) -> None:
        """Points the bot's webhook at `webhook_url`. Telegram wants https on port 443, 80, 88 or 8443."""
        secret = self._settings.webhook_secret.reveal()  # through the library it would be logged at DEBUG
        status, _ = await self._transport.call(
            "setWebhook", {"url": webhook_url, "secret_token": secret, "allowed_updates": UPDATES}
        )
        if status != 200:
            raise Rejected(str(status), "Telegram refused the webhook")

    async def parse_webhook(self, request: WebhookRequest) -> Sequence[ChannelEvent]:
        """A message, a pressed button (answered at once, so that its spinner stops), a block or an unblock."""
        settings = self._settings
        given = request.headers.get("x-telegram-bot-api-secret-token")
        verify.same(given, settings.webhook_secret, settings.webhook_secret_previous)
        try:
            data = json.loads(request.body)
            update = Update.de_json(data, None)
            event = _event(str(int(data["update_id"])), update, request)
        except UNREADABLE:
            raise MalformedWebhook("not an update") from None
        if update.callback_query is not None:
            with suppress(AdapterError, TelegramError, TimeoutError):
                async with asyncio.timeout(_SPINNER_S):
                    await self._bot.answer_callback_query(update.callback_query.id)
        return () if event is None else (event,)

    async def aclose(self) -> None:
        """Holds no connection of its own."""


class _Bot(Bot):
    """The library's bot, made silent: at DEBUG it logs every text, chat and answer."""

    __slots__ = ()
    _LOGGER = logging.Logger("telegram.silent", logging.CRITICAL)


def _event(event_id: str, update: Update, request: WebhookRequest) -> InboundMessage | None:
    """What the update says, None when it is of no interest. Raises one of UNREADABLE; the library checks no types."""
    if (query := update.callback_query) is not None:
        sent, button = query.message, _typed(query.data, str)
        external_id = f"{_typed(sent.chat.id, int)}:{_typed(sent.message_id, int)}" if sent else event_id
        address = str(_typed(query.from_user.id, int))
        return InboundMessage(event_id, external_id, address, "", request.received_at, button=button)
    if (member := update.my_chat_member) is not None and member.chat.type == ChatType.PRIVATE:
        status, address = member.new_chat_member.status, str(_typed(member.chat.id, int))
        stop, start = status == ChatMemberStatus.BANNED, status == ChatMemberStatus.MEMBER
        return InboundMessage(event_id, event_id, address, "", _typed(member.date, datetime), stop=stop, start=start)
    message = update.message
    if message is None or message.chat.type != ChatType.PRIVATE or not (message.text or message.caption):
        return None
    text, address = _typed(message.text or message.caption, str), str(_typed(message.chat.id, int))
    start_command = _START.fullmatch(text)
    return InboundMessage(
        event_id,
        f"{address}:{_typed(message.message_id, int)}",
        address,
        text,
        _typed(message.date, datetime),
        start_token=start_command[1] if start_command else None,
    )


def _typed(value: object, wanted: type[T]) -> T:
    if not isinstance(value, wanted) or isinstance(value, bool):
        raise TypeError("not what the Bot API promises")
    return value


def _chat(address: str) -> int:
    try:
        return int(address)
    except ValueError:
        raise Rejected("chat", "not a chat id", unreachable=True) from None


def _keyboard(message: Message) -> InlineKeyboardMarkup | None:
    """Called before anything is sent, so it also refuses what Telegram would cut or refuse."""
    if len(message.text) > LIMITS.text:
        raise Rejected("text_too_long")
    rows = [[InlineKeyboardButton(b.text, url=b.url, callback_data=None if b.url else b.data)] for b in message.buttons]
    return InlineKeyboardMarkup(rows) if rows else None


CHANNEL = ChannelPlugin(
    "telegram",
    Settings,
    TelegramChannel,
    address="chat",
    limits=LIMITS,
    edits=True,
    opens_chats=True,
    registers=True,
    replies=True,
)

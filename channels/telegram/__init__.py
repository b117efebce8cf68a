"""Telegram by the Bot API: python-telegram-bot for its types and errors, on our HTTP client, without its updater.

A bot cannot write first: the payer opens `https://t.me/<bot>?start=<token>` and `/start <token>` comes in. Only private
chats are served. With a provider's token from @BotFather a bill is paid in the chat. It must not poll for updates, format
texts, or read an update that lacks the webhook's secret.
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

from telegram import Bot, Update
from telegram import Message as Sent
from telegram.error import BadRequest, TelegramError

from channels.telegram import charges, updates
from channels.telegram.keyboards import inline, keyboard
from channels.telegram.transport import UNREADABLE, Transport, vendor_errors
from gateway.ports import verify
from gateway.ports.channel import ChannelEvent, ChannelPlugin, Charge, Message, SendResult
from gateway.ports.errors import AdapterError, MalformedWebhook, OutcomeUnknown, Rejected
from gateway.ports.http import HttpClient
from gateway.ports.values import Limits, Money, Secret, WebhookRequest

LIMITS = Limits(text=4096, per_second=25.0, concurrency=10)
UPDATES = ("message", "callback_query", "my_chat_member", "pre_checkout_query")
_SECRET = re.compile(r"[A-Za-z0-9_-]{1,256}")
_SENT = re.compile(r"(-?\d{1,19}):(\d{1,19})", re.ASCII)
_A_BILL = ("message can't be edited", "there is no text in the message to edit")
_SPINNER_S = 3.0
_CHECKOUT_S = 8.0  # Telegram waits for ten: https://core.telegram.org/bots/api#answerprecheckoutquery


@dataclass(frozen=True, slots=True)
class Settings:
    """One bot. Raises ValueError that names the field at fault."""

    bot_token: Secret = field(metadata={"doc": "The token from @BotFather."})
    webhook_secret: Secret = field(metadata={"doc": "What Telegram repeats in each webhook: 1-256 of A-Z a-z 0-9 _ -"})
    webhook_secret_previous: Secret | None = field(
        default=None, metadata={"doc": "Still accepted while the secret is being changed."}
    )
    provider_token: Secret | None = field(
        default=None, metadata={"doc": "Of your payment provider, from @BotFather; with it bills are paid in the chat."}
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
        """Sends the text as it is, buttons one a row; with a charge a bill, whose Pay button comes first.

        Blocked or never started: Rejected, unreachable. A bill that Telegram will not have goes out as a text.
        """
        chat_id, buttons = _chat(message.to), keyboard(message.buttons)
        _fits(message)
        with vendor_errors(submits=True):
            sent = await self._bill(chat_id, message, message.charge) if message.charge else None
            sent = sent or await self._bot.send_message(chat_id, message.text, reply_markup=buttons)
            return SendResult(f"{sent.chat_id}:{sent.message_id}")

    async def _bill(self, chat_id: int, message: Message, charge: Charge) -> Sent | None:
        """None: not sent, and the reason is the bill."""
        token = self._settings.provider_token
        if token is None:
            return None
        try:
            return await self._bot.send_invoice(chat_id, provider_token=token.reveal(), **charges.bill(message, charge))
        except BadRequest as error:
            if not charges.about_the_bill(error):
                raise
            return None

    async def edit(self, external_id: str, message: Message) -> None:
        """Replaces text and buttons; equal already counts as done, and so it may be called again after any error.

        A bill cannot be edited (tdlib, `can_edit_message`): it is deleted, which Telegram allows for 48 hours.
        """
        found = _SENT.fullmatch(external_id)
        if found is None:
            raise Rejected("message", "not an id of ours")
        chat_id, message_id, buttons = int(found[1]), int(found[2]), inline(message.buttons)
        _fits(message)
        with vendor_errors(submits=False):
            try:
                await self._bot.edit_message_text(message.text, chat_id, message_id, reply_markup=buttons)
            except BadRequest as error:
                words = error.message.lower()
                if any(reason in words for reason in _A_BILL):
                    await self._bot.delete_message(chat_id, message_id)
                elif "message is not modified" not in words:
                    raise

    def takes(self, amount: Money) -> bool:
        """Only with a provider's token; then what Telegram takes of each currency."""
        return self._settings.provider_token is not None and charges.takes(amount)

    async def answer_checkout(self, query_id: str, refusal: str | None) -> None:
        """Within eight seconds. Too late, or answered before: Rejected."""
        with vendor_errors(submits=True):
            try:
                async with asyncio.timeout(_CHECKOUT_S):
                    await self._bot.answer_pre_checkout_query(query_id, refusal is None, refusal)
            except TimeoutError:
                raise OutcomeUnknown("Telegram did not answer in time") from None

    async def register(self, webhook_url: str) -> None:
        """Points the bot's webhook at `webhook_url`. Telegram wants https on port 443, 80, 88 or 8443."""
        secret = self._settings.webhook_secret.reveal()  # through the library it would be logged at DEBUG
        status, _ = await self._transport.call(
            "setWebhook", {"url": webhook_url, "secret_token": secret, "allowed_updates": UPDATES}
        )
        if status != 200:
            raise Rejected(str(status), "Telegram refused the webhook")

    async def parse_webhook(self, request: WebhookRequest) -> Sequence[ChannelEvent]:
        """A message, a pressed button (answered at once, so that its spinner stops), a block or an unblock, money.

        A checkout is not answered here: whether the debt still stands is for the core to say.
        """
        settings = self._settings
        given = request.headers.get("x-telegram-bot-api-secret-token")
        verify.same(given, settings.webhook_secret, settings.webhook_secret_previous)
        try:
            data = json.loads(request.body)
            update = Update.de_json(data, None)
            event = updates.event(str(int(data["update_id"])), update, request.received_at)
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


def _chat(address: str) -> int:
    try:
        return int(address)
    except ValueError:
        raise Rejected("chat", "not a chat id", unreachable=True) from None


def _fits(message: Message) -> None:
    """Called before anything is sent: a text is not cut."""
    if len(message.text) > LIMITS.text:
        raise Rejected("text_too_long")


CHANNEL = ChannelPlugin(
    "telegram",
    Settings,
    TelegramChannel,
    address="chat",
    limits=LIMITS,
    edits=True,
    opens_chats=True,
    registers=True,
    native_payments=True,
    replies=True,
)

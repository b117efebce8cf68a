"""The methods of the Bot API that we use, with the real server's refusals (texts from tdlib/telegram-bot-api)."""

from __future__ import annotations

import asyncio
import json
import re
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit

from gateway.demo.standin import Arrivals
from gateway.demo.telegram import bills
from gateway.demo.telegram.people import ChatButton, ChatMessage, Person, shown

Parameters = Mapping[str, Any]
_SECRET = re.compile(r"[A-Za-z0-9_-]{1,256}")
_UPDATES = frozenset({"message", "callback_query", "my_chat_member", "pre_checkout_query"})
_TOO_OLD = "Bad Request: query is too old and response timeout expired or query ID is invalid"
_DELETABLE_S = 48 * 3600
_NOT_MODIFIED = (
    "Bad Request: message is not modified: specified new message content and reply markup are exactly the same as a "
    "current content and reply markup of the message"
)


class Refused(Exception):
    """An error of the API: `status` is also the HTTP status."""

    def __init__(self, status: int, description: str) -> None:
        super().__init__(description)
        self.status = status
        self.description = description


class BotApi:
    """One bot's side: what it sent, whom it may write to, where its updates go."""

    def __init__(self, bot_id: int, username: str, now: Callable[[], datetime], provider_token: str) -> None:
        self._now = now
        self.bot = {"id": bot_id, "is_bot": True, "first_name": "Achit", "username": username}
        self.people: dict[int, Person] = {}
        self.messages: Arrivals[ChatMessage] = Arrivals()
        self.edits: Arrivals[ChatMessage] = Arrivals()
        self.answered: Arrivals[str] = Arrivals()
        self.pressed: deque[str] = deque()  # button presses that the bot has not answered
        self.deleted: Arrivals[ChatMessage] = Arrivals()
        self.checkouts: dict[str, asyncio.Future[str]] = {}  # pressed Pay buttons that wait for a word; empty: go on
        self.provider_token = provider_token
        self.webhook_url = ""
        self.webhook_secret = ""
        self._message_id = 0
        self._methods: dict[str, Callable[[Parameters], Any]] = {
            "getMe": self._get_me,
            "setWebhook": self._set_webhook,
            "deleteWebhook": self._delete_webhook,
            "getWebhookInfo": self._get_webhook_info,
            "sendMessage": self._send_message,
            "editMessageText": self._edit_message_text,
            "answerCallbackQuery": self._answer_callback_query,
            "sendInvoice": self._send_invoice,
            "answerPreCheckoutQuery": self._answer_pre_checkout_query,
            "deleteMessage": self._delete_message,
            "setMyCommands": self._set_my_commands,
        }

    def call(self, method: str, parameters: Parameters) -> Any:
        """The method's result. Raises Refused."""
        if method not in self._methods:
            raise Refused(404, "Not Found")
        return self._methods[method](parameters)

    def next_message_id(self) -> int:
        self._message_id += 1
        return self._message_id

    def _get_me(self, _: Parameters) -> Any:
        abilities = ("can_join_groups", "can_read_all_group_messages", "supports_inline_queries")
        return self.bot | dict.fromkeys(abilities, False)

    def _set_webhook(self, parameters: Parameters) -> Any:
        url, secret = str(parameters.get("url", "")), str(parameters.get("secret_token", ""))
        parts = urlsplit(url)
        # Telegram itself wants https; on loopback nobody listens in.
        if url and not (parts.hostname and (parts.scheme == "https" or parts.hostname == "127.0.0.1")):
            raise Refused(400, "Bad Request: bad webhook: An HTTPS URL must be provided for webhook")
        if secret and _SECRET.fullmatch(secret) is None:
            raise Refused(400, "Bad Request: secret token contains unallowed characters")
        if not _UPDATES.issuperset(_json(parameters.get("allowed_updates", []))):
            raise Refused(400, "Bad Request: can't parse allowed updates")
        self.webhook_url, self.webhook_secret = url, secret
        return True

    def _delete_webhook(self, _: Parameters) -> Any:
        self.webhook_url = self.webhook_secret = ""
        return True

    def _get_webhook_info(self, _: Parameters) -> Any:
        return {"url": self.webhook_url, "has_custom_certificate": False, "pending_update_count": 0}

    def _send_message(self, parameters: Parameters) -> Any:
        person, text, buttons = self._checked(parameters)
        keys = _keys(parameters.get("reply_markup"))
        return self._sent(person, ChatMessage(person.chat_id, self.next_message_id(), text, buttons, keys=keys))

    def _send_invoice(self, parameters: Parameters) -> Any:
        person, buttons = self._chat(parameters), _buttons(parameters.get("reply_markup"))
        if (fault := bills.fault(parameters, buttons, self.provider_token)) is not None:
            raise Refused(400, f"Bad Request: {fault}")
        bill = bills.read(parameters)
        shown_buttons = buttons or (ChatButton("Pay", None, None, pay=True),)
        message_id = self.next_message_id()
        return self._sent(person, ChatMessage(person.chat_id, message_id, bill.description, shown_buttons, bill=bill))

    def _sent(self, person: Person, message: ChatMessage) -> Any:
        message = replace(message, sent_at=self._now().timestamp())
        person.messages[message.message_id] = message
        self.messages.add(message)
        return shown(message, person.chat(), self.bot, self._now())

    def _answer_pre_checkout_query(self, parameters: Parameters) -> Any:
        words = str(parameters.get("error_message", ""))
        agreed = parameters.get("ok") in (True, "true", "True")
        if not agreed and not words:
            raise Refused(400, "Bad Request: ERROR_TEXT_EMPTY")
        waiting = self.checkouts.pop(str(parameters.get("pre_checkout_query_id", "")), None)
        if waiting is None or waiting.done():
            raise Refused(400, _TOO_OLD)
        waiting.set_result("" if agreed else words)
        return True

    def _delete_message(self, parameters: Parameters) -> Any:
        person = self._chat(parameters)
        old = person.messages.get(int(parameters.get("message_id", 0)))
        if old is None:
            raise Refused(400, "Bad Request: message to delete not found")
        if self._now().timestamp() - old.sent_at >= _DELETABLE_S:
            raise Refused(400, "Bad Request: message can't be deleted for everyone")
        del person.messages[old.message_id]
        self.deleted.add(replace(old, deleted=True))
        return True

    def _edit_message_text(self, parameters: Parameters) -> Any:
        person, text, buttons = self._checked(parameters)
        old = person.messages.get(int(parameters.get("message_id", 0)))
        if old is None:
            raise Refused(400, "Bad Request: message to edit not found")
        if old.bill is not None:
            raise Refused(400, "Bad Request: message can't be edited")
        if (text, buttons) == (old.text, old.buttons):
            raise Refused(400, _NOT_MODIFIED)
        new = replace(old, text=text, buttons=buttons, edited=True)
        person.messages[old.message_id] = new
        self.edits.add(new)
        at = self._now()
        return shown(new, person.chat(), self.bot, at) | {"edit_date": int(at.timestamp())}

    def _answer_callback_query(self, parameters: Parameters) -> Any:
        query_id = str(parameters.get("callback_query_id", ""))
        if query_id not in self.pressed:
            raise Refused(400, _TOO_OLD)
        self.pressed.remove(query_id)
        self.answered.add(query_id)
        return True

    def _set_my_commands(self, parameters: Parameters) -> Any:
        for command in _json(parameters.get("commands", [])):
            if not re.fullmatch(r"[a-z0-9_]{1,32}", command.get("command", "")):
                raise Refused(400, "Bad Request: BOT_COMMAND_INVALID")
            if not 1 <= len(command.get("description", "")) <= 256:
                raise Refused(400, "Bad Request: BOT_COMMAND_DESCRIPTION_INVALID")
        return True

    def _checked(self, parameters: Parameters) -> tuple[Person, str, tuple[ChatButton, ...]]:
        """Whom a text goes to, the text and its buttons."""
        text, buttons = str(parameters.get("text", "")), _buttons(parameters.get("reply_markup"))
        person = self._chat(parameters)
        checks = (
            (not text.strip(), "message text is empty"),
            (len(text) > 4096, "message is too long"),
            (not all(button.valid for button in buttons), "BUTTON_DATA_INVALID"),
            (any(button.pay for button in buttons), "BUTTON_TYPE_INVALID"),
        )
        for wrong, description in checks:
            if wrong:
                raise Refused(400, f"Bad Request: {description}")
        return person, text, buttons

    def _chat(self, parameters: Parameters) -> Person:
        """Somebody whom the bot may write to."""
        try:
            person = self.people.get(int(parameters.get("chat_id", "")))
        except ValueError:
            raise Refused(400, "Bad Request: chat_id is empty") from None
        if person is None:
            raise Refused(400, "Bad Request: chat not found")
        if not person.started:
            raise Refused(403, "Forbidden: bot can't initiate conversation with a user")
        if person.blocked:
            raise Refused(403, "Forbidden: bot was blocked by the user")
        return person


def _buttons(markup: Any) -> tuple[ChatButton, ...]:
    rows = _json(markup).get("inline_keyboard", []) if markup else []
    return tuple(
        ChatButton(button["text"], button.get("url"), button.get("callback_data"), bool(button.get("pay")))
        for row in rows
        for button in row
    )


def _keys(markup: Any) -> tuple[ChatButton, ...]:
    """A keyboard in place of the letters; a key sends its text, or the person's own number."""
    rows = _json(markup).get("keyboard", []) if markup else []
    return tuple(
        ChatButton(key["text"], None, None, contact=bool(key.get("request_contact"))) for row in rows for key in row
    )


def _json(value: Any) -> Any:
    """A form or a query holds JSON as text, a JSON body holds it as it is."""
    return json.loads(value) if isinstance(value, str) else value

"""WhatsApp through Twilio: the same account, webhooks and look-ups as SMS; `whatsapp:` before each address, contents for templates.

A text outside the window is refused by Twilio late, by a receipt (63016): so none is sent there. Reply buttons are a content too,
made once for each set of labels and sent within the window without approval. Facts: twilio.com/docs WhatsApp, Content API.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from urllib.parse import quote

from channels.sms.account import Account, TwilioChannel
from channels.sms.contents import Contents
from channels.sms.transport import Transport
from gateway.ports.channel import (
    Button,
    ChannelPlugin,
    InboundMessage,
    Message,
    SendResult,
    Template,
    TemplateStanding,
    TemplateStatus,
    TemplateText,
)
from gateway.ports.errors import Rejected
from gateway.ports.http import HttpClient
from gateway.ports.values import Limits

LIMITS = Limits(text=1600, per_second=60.0, concurrency=20)
WINDOW_S = 24 * 3600
_LONGEST_BODY, _LONGEST_TITLE, _MOST_REPLIES = 1024, 20, 3
_E164 = re.compile(r"\+[1-9][0-9]{6,14}", re.ASCII)
_START = re.compile(r"START #([A-Za-z0-9_-]{1,64})\s*", re.ASCII | re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Settings(Account):
    """One WhatsApp sender of a Twilio account. Raises ValueError that names the field at fault."""

    template_prefix: str = field(default="achit_", metadata={"doc": "What our contents' names begin with."})
    template_category: str = field(default="UTILITY", metadata={"doc": "Category to submit templates in."})
    link_url: str = field(default="https://wa.me", metadata={"doc": "Where a chat with `from_number` is opened."})
    content_url: str = field(default="https://content.twilio.com", metadata={"doc": "Base URL of the Content API."})

    def __post_init__(self) -> None:
        Account.__post_init__(self)
        if self.from_number and _E164.fullmatch(self.from_number) is None:
            raise ValueError("from_number: a number in E.164, without whatsapp: before it")


class WhatsAppChannel(TwilioChannel):
    """One sender. Addresses are in E.164; the `whatsapp:` before them is Twilio's and stays on the wire."""

    scheme = "whatsapp:"

    def __init__(self, settings: Settings, http: HttpClient) -> None:
        super().__init__(settings, http)
        self._settings = settings
        self._contents = Contents(Transport(http, settings.timeout_s), settings.content_url, settings.login)

    def start_url(self, token: str) -> str | None:
        """A link that opens a chat with a text to send; None when a Messaging Service chooses the sender."""
        number = (self._settings.from_number or "").removeprefix("+")
        return f"{self._settings.link_url.rstrip('/')}/{number}?text={quote(f'START #{token}')}" if number else None

    async def send(self, message: Message) -> SendResult:
        """Text, or text with reply buttons; outside the window the template. Links are written under the text."""
        if _E164.fullmatch(message.to) is None:
            raise Rejected("21211", "not a number in E.164", unreachable=True)
        if not message.in_window:
            return await self._send_template(message)
        text, replies = _text(message), [button for button in message.buttons if button.url is None]
        if len(text) > (_LONGEST_BODY if replies else LIMITS.text):
            raise Rejected("text_too_long")
        if not replies:
            return await self._create(message, text, body=text)
        sid = await self._reply_buttons(replies, message.locale)
        values = [text, *(str(button.data) for button in replies)]
        return await self._create(message, text, content_sid=sid, content_variables=_variables(values))

    async def _send_template(self, message: Message) -> SendResult:
        template = message.template
        if template is None:
            raise Rejected("outside_window", "the payer has not written within a day, and there is no template")
        name = self._settings.template_prefix + template.name
        content = await self._contents.find(name, _language(template))
        if content is None or content.standing.status is not TemplateStatus.APPROVED:
            standing = content.standing.status if content else TemplateStatus.MISSING
            raise Rejected(f"template_{standing.value}", "WhatsApp has not approved this text")
        values = [*template.values, *([template.url_path] if template.url_path is not None else [])]
        return await self._create(message, message.text, content_sid=content.sid, content_variables=_variables(values))

    async def _reply_buttons(self, replies: Sequence[Button], locale: str) -> str:
        """The content with these labels; what they send and the text are its places."""
        titles = [button.text for button in replies]
        checks = (
            (len(replies) > _MOST_REPLIES, "too_many_buttons"),
            (not all(0 < len(title) <= _LONGEST_TITLE for title in titles), "button_too_long"),
            (len(set(titles)) < len(titles), "buttons_alike"),
            (not all(button.data for button in replies), "button_data"),
        )
        for wrong, code in checks:
            if wrong:
                raise Rejected(code, "not as WhatsApp takes a text with reply buttons")
        mark = hashlib.sha256("\0".join(titles).encode()).hexdigest()[:12]
        name, language = f"{self._settings.template_prefix}reply_{mark}", locale.partition("-")[0]
        known = self._contents.known(name, language) or await self._contents.find(name, language)
        if known is not None:
            return known.sid
        actions = [{"title": title, "id": f"{{{{{place}}}}}"} for place, title in enumerate(titles, 2)]
        examples = ["…", *(f"data{place}" for place in range(len(titles)))]
        return await self._contents.make(
            name, language, "twilio/quick-reply", {"body": "{{1}}", "actions": actions}, examples
        )

    async def find_sent(self, message: Message, since: datetime) -> SendResult | None:
        """Looks for this text, as the payer reads it, among the last 100 messages; RetryLater when Twilio cannot say."""
        return await self._find(message, _text(message) if message.in_window else message.text, since)

    async def templates(self, texts: Sequence[TemplateText]) -> Sequence[TemplateStanding]:
        """How WhatsApp stands to each text, as Twilio knows it."""
        found = await self._contents.read()
        keys = [(self._settings.template_prefix + text.name, _language(text)) for text in texts]
        missing = TemplateStanding(TemplateStatus.MISSING)
        return [found[key].standing if key in found else missing for key in keys]

    async def register_template(self, text: TemplateText) -> TemplateStanding:
        """Writes the text down as a content and submits it; one that was written down and not submitted is not made again."""
        name, language = self._settings.template_prefix + text.name, _language(text)
        known = await self._contents.find(name, language)
        if known is not None:
            sid = known.sid
        else:
            kind, content, examples = _content(text)
            sid = await self._contents.make(name, language, kind, content, examples)
        return await self._contents.submit(sid, name, self._settings.template_category)

    def _said(self, form: Mapping[str, str], sid: str, sender: str, at: datetime) -> InboundMessage:
        """Twilio's own STOP words do not hold on WhatsApp; a Messaging Service with Advanced Opt-Out says when it acts."""
        verdict, text, start = form.get("OptOutType", "").upper(), form["Body"], _START.fullmatch(form["Body"])
        return InboundMessage(
            event_id=sid,
            external_id=sid,
            address=sender,
            text=text,
            occurred_at=at,
            button=form.get("ButtonPayload") or None,
            start_token=start[1] if start else None,
            stop=verdict == "STOP",
            start=verdict == "START",
            forwarded="true" in (form.get("Forwarded"), form.get("FrequentlyForwarded")),
            media=form.get("NumMedia", "0") != "0" or "Latitude" in form,
            in_reply_to=form.get("OriginalRepliedMessageSid") or None,
        )


def _text(message: Message) -> str:
    links = [f"{button.text}: {button.url}" for button in message.buttons if button.url is not None]
    return "\n".join([message.text, *links])


def _content(text: TemplateText) -> tuple[str, dict[str, Any], list[str]]:
    """A text as Twilio keeps it: its kind, what is in it, and an example for each place; the button's is the last."""
    if not text.button:
        return "twilio/text", {"body": text.body}, list(text.examples)
    action = {"type": "URL", "title": text.button, "url": f"{text.url}{{{{{len(text.examples) + 1}}}}}"}
    return "twilio/call-to-action", {"body": text.body, "actions": [action]}, [*text.examples, text.example_path]


def _variables(values: Sequence[str]) -> str:
    return json.dumps({str(place): value for place, value in enumerate(values, 1)}, ensure_ascii=False)


def _language(text: Template | TemplateText) -> str:
    return text.language.replace("-", "_")


CHANNEL = ChannelPlugin(
    "sms.whatsapp",
    Settings,
    WhatsAppChannel,
    address="whatsapp",
    limits=LIMITS,
    finds_sent=True,
    opens_chats=True,
    templates=True,
    replies=True,
    receipts=True,
    reads=True,
    window_s=WINDOW_S,
    acknowledge=(b"<Response/>", "text/xml"),
)

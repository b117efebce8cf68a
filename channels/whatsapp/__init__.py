"""WhatsApp by Meta's Cloud API: free text within a day of the payer's last message, approved templates at any other time.

Meta has no idempotency key and cannot be asked for a message; it echoes our reference in every status, and so a send that nobody
answered is known by its first receipt. It must not send what would cost a payer's trust: no text is cut, no button is left out, and
nothing goes as free text outside the window. Facts: developers.facebook.com/docs/whatsapp, Graph API v23.0 (read 2026-11-23).
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from urllib.parse import quote

from channels.whatsapp import templates
from channels.whatsapp.calls import Graph
from channels.whatsapp.inbound import events_in
from channels.whatsapp.outbound import LONGEST_TEXT, payload
from gateway.ports import verify
from gateway.ports.channel import (
    ChannelEvent,
    ChannelPlugin,
    Message,
    SendResult,
    TemplateStanding,
    TemplateText,
)
from gateway.ports.errors import InvalidSignature, OutcomeUnknown
from gateway.ports.http import HttpClient
from gateway.ports.values import Limits, Secret, WebhookRequest

LIMITS = Limits(text=LONGEST_TEXT, per_second=60.0, concurrency=20)
WINDOW_S = 24 * 3600
_SIGNATURE = re.compile(r"sha256=([0-9a-f]{64})", re.ASCII)
_NUMBER = re.compile(r"\+[1-9][0-9]{6,14}", re.ASCII)
_ID = re.compile(r"[0-9]{1,32}", re.ASCII)
_PREFIX = re.compile(r"[a-z0-9_]{0,64}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Settings:
    """One number of a WhatsApp Business Account. Raises ValueError that names the field at fault."""

    phone_number_id: str = field(metadata={"doc": "Phone number ID, digits (not the number itself)."})
    access_token: Secret = field(metadata={"doc": "Token of a system user with whatsapp_business_messaging."})
    app_secret: Secret = field(metadata={"doc": "App secret; proves Meta's webhooks."})
    verify_token: Secret = field(metadata={"doc": "What Meta repeats when it asks for the webhook; yours to choose."})
    app_secret_previous: Secret | None = field(
        default=None, metadata={"doc": "Still accepted while the app secret is being changed."}
    )
    business_account_id: str = field(
        default="", metadata={"doc": "WhatsApp Business Account ID; needed to register templates."}
    )
    phone_number: str = field(default="", metadata={"doc": "The number in E.164, for wa.me links that open a chat."})
    template_prefix: str = field(default="achit_", metadata={"doc": "What our templates' names begin with."})
    template_category: str = field(default="UTILITY", metadata={"doc": "Category to register templates in."})
    link_url: str = field(default="https://wa.me", metadata={"doc": "Where a chat with the number is opened."})
    api_url: str = field(default="https://graph.facebook.com/v23.0", metadata={"doc": "Base URL with its version."})
    timeout_s: float = field(default=15.0, metadata={"doc": "Seconds to wait for an answer."})

    def __post_init__(self) -> None:
        if _ID.fullmatch(self.phone_number_id) is None:
            raise ValueError("phone_number_id: digits")
        if self.business_account_id and _ID.fullmatch(self.business_account_id) is None:
            raise ValueError("business_account_id: digits")
        if self.phone_number and _NUMBER.fullmatch(self.phone_number) is None:
            raise ValueError("phone_number: a number in E.164, such as +40312345678")
        if _PREFIX.fullmatch(self.template_prefix) is None:
            raise ValueError("template_prefix: a-z, 0-9 and _")
        if not self.app_secret or not self.verify_token:
            raise ValueError("app_secret: neither this nor verify_token may be empty")


class WhatsAppChannel:
    """One number. Addresses are in E.164; Meta writes them without the plus."""

    def __init__(self, settings: Settings, http: HttpClient) -> None:
        self._settings = settings
        self._graph = Graph(http, settings.api_url, settings.access_token, settings.timeout_s)

    def start_url(self, token: str) -> str | None:
        """A link that opens a chat with a text to send; None until `phone_number` is set."""
        number = self._settings.phone_number.removeprefix("+")
        return f"{self._settings.link_url.rstrip('/')}/{number}?text={quote(f'START #{token}')}" if number else None

    async def send(self, message: Message) -> SendResult:
        """Hands over text and buttons, or outside the window the template; Rejected `outside_window` when there is none."""
        body = payload(message, self._settings.template_prefix)
        answer = await self._graph.call("POST", f"{self._settings.phone_number_id}/messages", body)
        match answer:
            case {"messages": [{"id": str(wamid)}, *_]} if wamid:
                return SendResult(wamid)
        raise OutcomeUnknown("Meta's answer says nothing")

    async def parse_webhook(self, request: WebhookRequest) -> Sequence[ChannelEvent]:
        """Every message and status of this number in the POST; those of other numbers are not ours to read."""
        settings = self._settings
        signature = _SIGNATURE.fullmatch(request.headers.get("x-hub-signature-256", ""))
        if signature is None:
            raise InvalidSignature("no signature")
        verify.signed([signature[1]], [settings.app_secret, settings.app_secret_previous], request.body)
        return events_in(request.body, settings.phone_number_id)

    def challenge(self, query: Mapping[str, str]) -> str:
        """`hub.challenge`, when `hub.verify_token` is ours."""
        verify.same(query.get("hub.verify_token"), self._settings.verify_token)
        if query.get("hub.mode") != "subscribe":
            raise InvalidSignature("not a subscription")
        return query.get("hub.challenge", "")

    async def templates(self, texts: Sequence[TemplateText]) -> Sequence[TemplateStanding]:
        """How Meta stands to each text of ours in the business account."""
        return await templates.standings(self._graph, self._settings, texts)

    async def register_template(self, text: TemplateText) -> TemplateStanding:
        """Submits the text for approval, which is Meta's and takes minutes to a day."""
        return await templates.register(self._graph, self._settings, text)

    async def aclose(self) -> None:
        """Holds no connection of its own."""


CHANNEL = ChannelPlugin(
    "whatsapp",
    Settings,
    WhatsAppChannel,
    address="whatsapp",
    limits=LIMITS,
    opens_chats=True,
    challenges=True,
    templates=True,
    replies=True,
    receipts=True,
    reads=True,
    window_s=WINDOW_S,
)

"""The stand-in for Twilio with a WhatsApp sender: addresses with `whatsapp:`, the window, contents and their approval, buttons.

As at Twilio, a free text outside the window is taken, and its receipt says 63016.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from aiohttp import web

from gateway.demo.standin import Arrivals, Fault
from gateway.demo.twilio import Sms, TwilioStandIn, error_answer

WINDOW = timedelta(hours=24)
_PLACE = re.compile(r"\{\{(\d+)\}\}")
_BAD_VALUE = re.compile(r"[\n\t]| {5,}")
_TYPES = ("twilio/text", "twilio/call-to-action", "twilio/quick-reply")


@dataclass(slots=True)
class StoredContent:
    """One content. `kind` is its type; `approval` is WhatsApp's status of it."""

    sid: str
    name: str
    language: str
    kind: str
    body: str
    actions: list[dict[str, str]]
    variables: dict[str, str]
    created_at: datetime
    approval: dict[str, Any] = field(default_factory=lambda: {"status": "unsubmitted"})

    @property
    def places(self) -> set[str]:
        return set(_PLACE.findall(json.dumps([self.body, self.actions], ensure_ascii=False)))

    def filled(self, text: str, values: Mapping[str, str]) -> str:
        return _PLACE.sub(lambda place: values[place[1]], text)


class TwilioWhatsAppStandIn(TwilioStandIn):
    """One WhatsApp sender. `buttons` are what stands under each message, by its SID: pairs of label and data or URL."""

    scheme = "whatsapp:"

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings)
        self.contents: dict[str, StoredContent] = {}
        self.content_calls: Arrivals[tuple[str, str, Any, Mapping[str, Any]]] = Arrivals()
        self.approves = True
        self.wrote_at: dict[str, datetime] = {}
        self.buttons: dict[str, list[tuple[str, str]]] = {}

    def routes(self) -> Iterable[web.RouteDef]:
        return (
            *super().routes(),
            web.post("/v1/Content", self._make),
            web.get("/v1/ContentAndApprovals", self._contents),
            web.post("/v1/Content/{sid}/ApprovalRequests/whatsapp", self._submit),
        )

    def in_window(self, number: str) -> bool:
        at = self.wrote_at.get(number)
        return at is not None and self.now() - at < WINDOW

    async def say(self, sender: str, text: str, more: Mapping[str, str] | None = None) -> int:
        self.wrote_at[sender] = self.now()
        return await super().say(sender, text, {"ProfileName": "Ana", "WaId": sender.removeprefix("+"), **(more or {})})

    async def press(self, sender: str, data: str) -> int:
        """Presses the button with `data` under the latest message that has it. Raises LookupError when none has."""
        for message in reversed(self.messages):
            for title, sent in self.buttons.get(message.sid, ()):
                if message.to == sender and sent == data:
                    more = {"ButtonText": title, "ButtonPayload": data, "OriginalRepliedMessageSid": message.sid}
                    return await self.say(sender, title, more)
        raise LookupError(f"no message has a button {data!r}")

    def _check(self, form: Mapping[str, str]) -> tuple[int, str] | None:
        if (problem := super()._check(form)) is not None or "ContentSid" not in form:
            return problem
        content, values = self.contents.get(form["ContentSid"]), _values(form)
        if content is None:
            return 21655, "The ContentSid is invalid"
        if values is None or set(values) != content.places:
            return 21656, "The ContentVariables parameter is invalid"
        one_line = content.approval["status"] == "approved"
        if any(not value or (one_line and _BAD_VALUE.search(value)) for value in values.values()):
            return 21656, "The ContentVariables parameter is invalid"
        return None

    def _body(self, form: Mapping[str, str]) -> str:
        content = self.contents.get(form.get("ContentSid", ""))
        return content.filled(content.body, _values(form) or {}) if content else super()._body(form)

    def _taken(self, message: Sms, form: Mapping[str, str]) -> None:
        content = self.contents.get(form.get("ContentSid", ""))
        if content is not None:
            values = _values(form) or {}
            self.buttons[message.sid] = [
                (each["title"], content.filled(each.get("id") or each["url"], values)) for each in content.actions
            ]
        approved = content is not None and content.approval["status"] == "approved"
        if not approved and not self.in_window(message.to):
            self._later(self._refuse_late(message.sid))
        else:
            super()._taken(message, form)

    async def _refuse_late(self, sid: str) -> None:
        await self.receipt(sid, "failed", 63016)

    async def _make(self, request: web.Request) -> web.StreamResponse:
        if (refused := await self._of_content(request)) is not None:
            return refused
        body = await request.json()
        kinds = body.get("types") or {}
        kind = next(iter(kinds), "")
        said = kinds.get(kind, {})
        if not body.get("language") or len(kinds) != 1 or kind not in _TYPES or not said.get("body"):
            return error_answer(400, 20001, "Invalid parameter")
        sid = f"HX{len(self.contents) + 1:032x}"
        content = self.contents[sid] = StoredContent(
            sid,
            body.get("friendly_name", ""),
            body["language"],
            kind,
            said["body"],
            said.get("actions", []),
            body.get("variables", {}),
            self.now(),
        )
        return await self._told(request, body, self._content(content), 201)

    async def _submit(self, request: web.Request) -> web.StreamResponse:
        if (refused := await self._of_content(request)) is not None:
            return refused
        body, content = await request.json(), self.contents.get(request.match_info["sid"])
        if content is None:
            return error_answer(404, 20404, "The requested resource was not found")
        if set(content.variables) != content.places or content.approval["status"] != "unsubmitted":
            return error_answer(400, 20001, "Invalid parameter")
        content.approval = {
            "name": body["name"],
            "category": body["category"],
            "content_type": content.kind,
            "status": "approved" if self.approves else "received",
            "rejection_reason": "",
            "allow_category_change": True,
        }
        return await self._told(request, body, content.approval, 201)

    async def _contents(self, request: web.Request) -> web.StreamResponse:
        if (refused := await self._of_content(request)) is not None:
            return refused
        size, page = int(request.query.get("PageSize", "50")), int(request.query.get("Page", "0"))
        rows = list(self.contents.values())
        shown = [
            self._content(each, links=False) | {"approval_requests": each.approval}
            for each in rows[page * size : (page + 1) * size]
        ]
        more = len(rows) > (page + 1) * size
        here = f"{self.url}{request.path}?PageSize={size}"
        meta = {
            "page": page,
            "page_size": size,
            "first_page_url": f"{here}&Page=0",
            "previous_page_url": None,
            "next_page_url": f"{here}&Page={page + 1}" if more else None,
            "url": f"{here}&Page={page}",
            "key": "contents",
        }
        return await self._told(request, None, {"contents": shown, "meta": meta}, 200)

    def _content(self, content: StoredContent, *, links: bool = True) -> dict[str, Any]:
        stamp = content.created_at.strftime("%Y-%m-%dT%H:%M:%SZ")
        said = {"body": content.body} | ({"actions": content.actions} if content.actions else {})
        shown: dict[str, Any] = {
            "sid": content.sid,
            "account_sid": self.account_sid,
            "friendly_name": content.name,
            "language": content.language,
            "variables": content.variables,
            "types": {content.kind: said},
            "date_created": stamp,
            "date_updated": stamp,
        }
        url = f"https://content.twilio.com/v1/Content/{content.sid}"
        return shown | ({"url": url, "links": {"approval_fetch": f"{url}/ApprovalRequests"}} if links else {})

    async def _of_content(self, request: web.Request) -> web.StreamResponse | None:
        return self.refuse_login(request) or await self._fail()

    async def _told(self, request: web.Request, body: Any, answer: dict[str, Any], status: int) -> web.StreamResponse:
        self.content_calls.add((request.method, request.path, body, answer))
        return await self._hang() if self.fault is Fault.LOSE_ANSWER else web.json_response(answer, status=status)


def _values(form: Mapping[str, str]) -> dict[str, str] | None:
    try:
        values = json.loads(form.get("ContentVariables", "{}"))
    except ValueError:
        return None
    good = isinstance(values, dict) and all(isinstance(value, str) for value in values.values())
    return values if good else None

"""The calls of the Cloud API that we use, with Meta's refusals (developers.facebook.com, error codes, read 2026-11-23)."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit

from gateway.demo.standin import Arrivals
from gateway.demo.whatsapp.kept import KeptTemplate, Refused, checked
from gateway.demo.whatsapp.people import Person, PhoneButton, PhoneMessage

Json = Mapping[str, Any]
_NUMBER = re.compile(r"\+?[1-9][0-9]{6,14}")
_NOT_VALID = "Parameter value is not valid"


class CloudApi:
    """One number's side: what it sent, whom it may write to, which templates its account keeps."""

    def __init__(self, now: Callable[[], datetime]) -> None:
        self._now = now
        self.people: dict[str, Person] = {}
        self.messages: Arrivals[PhoneMessage] = Arrivals()
        self.kept: dict[tuple[str, str], KeptTemplate] = {}
        self.approves = True
        self.absent: set[str] = set()  # numbers without WhatsApp
        self.late_refusals = False  # a message outside the window is taken, and its status says that it failed
        self._numbers = 0

    def join(self, number: str, name: str = "Ana") -> Person:
        """Somebody with WhatsApp."""
        return self.people.setdefault(number, Person(number, name))

    def next_wamid(self) -> str:
        self._numbers += 1
        return f"wamid.HBgLNDA3{self._numbers:012d}AA=="

    def send(self, given: Json) -> PhoneMessage:
        """The message that the payer now has. Raises Refused."""
        to = str(given.get("to", ""))
        checks = (
            (given.get("messaging_product") != "whatsapp", 100, "Invalid parameter: messaging_product"),
            (given.get("recipient_type", "individual") != "individual", 100, "Invalid parameter: recipient_type"),
            (_NUMBER.fullmatch(to) is None, 131009, f"{_NOT_VALID}: to"),
            (
                len(str(given.get("biz_opaque_callback_data", ""))) > 512,
                100,
                "Invalid parameter: biz_opaque_callback_data",
            ),
        )
        _refuse(checks)
        number = f"+{to.removeprefix('+')}"
        if number in self.absent:
            raise Refused(131026, "Message undeliverable")
        person = self.join(number)
        text, buttons, template = self._said(given)
        if template is None and not self.late_refusals and not person.may_be_written_to(self._now()):
            raise Refused(131047, "Re-engagement message")
        message = PhoneMessage(
            self.next_wamid(),
            number,
            text,
            buttons,
            template,
            (given.get("context") or {}).get("message_id"),
            given.get("biz_opaque_callback_data"),
        )
        if template is not None or person.may_be_written_to(self._now()):
            person.messages[message.wamid] = message
        self.messages.add(message)
        return message

    def _said(self, given: Json) -> tuple[str, tuple[PhoneButton, ...], str | None]:
        match given.get("type"), given:
            case "text", {"text": {"body": str(body)}}:
                _refuse(((not 0 < len(body) <= 4096, 100, "Invalid parameter: body"),))
                return body, (), None
            case "interactive", {"interactive": {"type": "button", "body": {"text": str(body)}, "action": action}}:
                return body, _reply_buttons(body, action.get("buttons", [])), None
            case "interactive", {"interactive": {"type": "cta_url", "body": {"text": str(body)}, "action": action}}:
                return body, _link_button(body, action.get("parameters", {})), None
            case "template", {"template": {"name": str(name), "language": {"code": str(code)}}}:
                kept = self.kept.get((name, code))
                if kept is None or kept.status != "APPROVED":
                    raise Refused(132001, "Template name does not exist in the translation", 404)
                return *kept.filled(given["template"].get("components", ())), name
        raise Refused(100, "Invalid parameter: type")

    def keep(self, given: Json) -> Json:
        """Takes a template for approval. Raises Refused, also for a name and language that is kept already."""
        template = checked(given, len(self.kept))
        if (template.name, template.language) in self.kept:
            raise Refused(100, "Content in This Language Already Exists")
        template.status = "APPROVED" if self.approves else "PENDING"
        self.kept[template.name, template.language] = template
        return {"id": template.id, "status": template.status, "category": template.category}

    def listing(self, query: Mapping[str, str]) -> Json:
        """A page of the account's templates; the cursor is the number of those before it."""
        rows = [one.shown() for one in self.kept.values() if query.get("name", one.name) in one.name]
        start, size = int(query.get("after") or 0), min(int(query.get("limit", "25")), 1000)
        fields = {"id", *query["fields"].split(",")} if "fields" in query else None
        page = [
            {name: value for name, value in row.items() if fields is None or name in fields}
            for row in rows[start : start + size]
        ]
        end = start + len(page)
        paging: dict[str, Any] = {"cursors": {"before": str(start), "after": str(end)}}
        if end < len(rows):
            paging["next"] = f"?after={end}"
        return {"data": page, "paging": paging} if page else {"data": []}


def _refuse(checks: Any) -> None:
    for wrong, code, message in checks:
        if wrong:
            raise Refused(code, message)


def _reply_buttons(body: str, buttons: list[Json]) -> tuple[PhoneButton, ...]:
    replies = [button.get("reply", {}) for button in buttons]
    titles = [str(reply.get("title", "")) for reply in replies]
    _refuse(
        (
            (not 0 < len(body) <= 1024, 131009, f"{_NOT_VALID}: body text length"),
            (not 1 <= len(buttons) <= 3, 131009, f"{_NOT_VALID}: buttons, min 1 max 3"),
            (any(button.get("type") != "reply" for button in buttons), 131009, f"{_NOT_VALID}: button type"),
            (not all(0 < len(title) <= 20 for title in titles), 131009, f"{_NOT_VALID}: button title length, max 20"),
            (len(set(titles)) < len(titles), 131009, f"{_NOT_VALID}: duplicated button titles"),
            (
                not all(0 < len(str(reply.get("id", ""))) <= 256 for reply in replies),
                131009,
                f"{_NOT_VALID}: button id",
            ),
        )
    )
    return tuple(PhoneButton(str(reply["title"]), data=str(reply["id"])) for reply in replies)


def _link_button(body: str, parameters: Json) -> tuple[PhoneButton, ...]:
    title, url = str(parameters.get("display_text", "")), str(parameters.get("url", ""))
    _refuse(
        (
            (not 0 < len(body) <= 1024, 131009, f"{_NOT_VALID}: body text length"),
            (not 0 < len(title) <= 20, 131009, f"{_NOT_VALID}: display_text length, max 20"),
            (urlsplit(url).scheme not in ("http", "https"), 131009, f"{_NOT_VALID}: url"),
        )
    )
    return (PhoneButton(title, url=url),)

"""Twilio's Content API: where it keeps texts with places, has WhatsApp approve them, and makes reply buttons of them.

A content is found by its friendly name and language, so no SID has to be copied into a configuration.
Facts: twilio.com/docs Content API (read 2026-11-23).
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from channels.sms.transport import Transport, meaning
from gateway.ports.channel import TemplateStanding, TemplateStatus
from gateway.ports.errors import OutcomeUnknown, RetryLater

_STATUSES = {
    "approved": TemplateStatus.APPROVED,
    **dict.fromkeys(["received", "pending"], TemplateStatus.PENDING),
    **dict.fromkeys(["rejected", "paused", "disabled"], TemplateStatus.REJECTED),
    "unsubmitted": TemplateStatus.MISSING,  # written down, and never handed to WhatsApp
}
_PAGE, _MOST_PAGES = 500, 20


@dataclass(frozen=True, slots=True)
class Content:
    """One that Twilio keeps, and how WhatsApp stands to it."""

    sid: str
    standing: TemplateStanding


class Contents:
    """The contents of one account. What WhatsApp approved stays known: its text cannot change."""

    def __init__(self, transport: Transport, base_url: str, login: tuple[str, str]) -> None:
        self._transport = transport
        self._base = base_url.rstrip("/")
        self._login = login
        self._known: dict[tuple[str, str], Content] = {}

    def known(self, name: str, language: str) -> Content | None:
        """One that was seen before, without asking."""
        return self._known.get((name, language))

    async def find(self, name: str, language: str) -> Content | None:
        """By name and language; asks Twilio unless it is known and good."""
        known = self._known.get((name, language))
        if known is None or known.standing.status is not TemplateStatus.APPROVED:
            await self.read()
        return self._known.get((name, language))

    async def read(self) -> Mapping[tuple[str, str], Content]:
        """All of them, by name and language."""
        found: dict[tuple[str, str], Content] = {}
        path = f"/v1/ContentAndApprovals?PageSize={_PAGE}"
        for _ in range(_MOST_PAGES):
            page = await self._call("GET", path)
            for one in page.get("contents") or ():
                match one:
                    case {"sid": str(sid), "friendly_name": str(name), "language": str(language)}:
                        found.setdefault((name, language), Content(sid, _standing(one.get("approval_requests"))))
            match page:
                case {"meta": {"next_page_url": str(url)}} if url:
                    path = f"{urlsplit(url).path}?{urlsplit(url).query}"  # never another host than the configured one
                case _:
                    break
        self._known = found
        return found

    async def make(
        self, name: str, language: str, kind: str, content: Mapping[str, Any], examples: Sequence[str]
    ) -> str:
        """A new content's SID."""
        variables = {str(place): value for place, value in enumerate(examples, 1)}
        body = {"friendly_name": name, "language": language, "variables": variables, "types": {kind: content}}
        match await self._call("POST", "/v1/Content", body):
            case {"sid": str(sid)} if sid:
                self._known[name, language] = Content(sid, TemplateStanding(TemplateStatus.MISSING))
                return sid
        raise OutcomeUnknown("Twilio's answer says nothing")

    async def submit(self, sid: str, name: str, category: str) -> TemplateStanding:
        """Has WhatsApp look at a content."""
        body = {"name": name, "category": category}
        return _standing(await self._call("POST", f"/v1/Content/{sid}/ApprovalRequests/whatsapp", body))

    async def _call(self, method: str, path: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
        submits = method != "GET"
        answer = await self._transport.request(
            method,
            self._base + path,
            data=body,
            headers={"Content-Type": "application/json", "Accept": "application/json"},
            auth=self._login,
        )
        try:
            said = json.loads(answer.text)
        except (ValueError, RecursionError):
            said = None
        if isinstance(said, dict) and 200 <= answer.status_code < 300:
            return said
        if answer.status_code < 400:
            raise (
                OutcomeUnknown("Twilio's answer says nothing")
                if submits
                else RetryLater("Twilio's answer says nothing")
            )
        code = said.get("code") if isinstance(said, dict) else None
        raise meaning(str(code or answer.status_code), answer.status_code, submits=submits)


def _standing(said: Any) -> TemplateStanding:
    """A status of tomorrow is not sent with, so it counts as one that waits."""
    said = said if isinstance(said, dict) else {"status": "unsubmitted"}
    status = _STATUSES.get(str(said.get("status")), TemplateStatus.PENDING)
    reason = str(said.get("rejection_reason") or said.get("status")) if status is TemplateStatus.REJECTED else ""
    return TemplateStanding(status, reason)

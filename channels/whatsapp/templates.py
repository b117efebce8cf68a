"""Templates in a WhatsApp Business Account: which of our texts Meta keeps, how it stands to them, and submitting one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from channels.whatsapp.calls import Graph
from channels.whatsapp.outbound import language_code
from gateway.ports.channel import TemplateStanding, TemplateStatus, TemplateText
from gateway.ports.errors import Rejected

if TYPE_CHECKING:
    from channels.whatsapp import Settings

_STATUSES = {
    "APPROVED": TemplateStatus.APPROVED,
    **dict.fromkeys(["PENDING", "IN_APPEAL"], TemplateStatus.PENDING),
    **dict.fromkeys(
        ["REJECTED", "PAUSED", "DISABLED", "LIMIT_EXCEEDED", "PENDING_DELETION", "DELETED", "ARCHIVED"],
        TemplateStatus.REJECTED,
    ),
}
_FIELDS = "name,language,status,rejected_reason"
_PAGE, _MOST_PAGES = 100, 60  # an account keeps 6,000 at most


async def standings(graph: Graph, settings: Settings, texts: Sequence[TemplateText]) -> Sequence[TemplateStanding]:
    """Meta's word on each text, by name and language."""
    known: dict[tuple[Any, Any], TemplateStanding] = {}
    after = ""
    for _ in range(_MOST_PAGES):
        page = await graph.call("GET", f"{_path(settings)}?fields={_FIELDS}&limit={_PAGE}{after}")
        for one in page.get("data") or ():
            if isinstance(one, dict):
                known[one.get("name"), one.get("language")] = _standing(one)
        match page:
            case {"paging": {"next": str(), "cursors": {"after": str(cursor)}}}:
                after = f"&after={quote(cursor, safe='')}"
            case _:
                break
    missing = TemplateStanding(TemplateStatus.MISSING)
    return [known.get((settings.template_prefix + text.name, language_code(text.language)), missing) for text in texts]


async def register(graph: Graph, settings: Settings, text: TemplateText) -> TemplateStanding:
    """Submits one text. Meta refuses a name and language that it has already."""
    body: dict[str, Any] = {"type": "BODY", "text": text.body}
    if text.examples:
        body["example"] = {"body_text": [list(text.examples)]}
    return _standing(
        await graph.call(
            "POST",
            _path(settings),
            {
                "name": settings.template_prefix + text.name,
                "language": language_code(text.language),
                "category": settings.template_category,
                "components": [body, {"type": "BUTTONS", "buttons": [_button(text)]}] if text.button else [body],
            },
        )
    )


def _button(text: TemplateText) -> dict[str, Any]:
    url = f"{text.url}{{{{1}}}}"
    return {"type": "URL", "text": text.button, "url": url, "example": [f"{text.url}{text.example_path}"]}


def _path(settings: Settings) -> str:
    if not settings.business_account_id:
        raise Rejected("business_account_id", "is not set, and templates are kept in that account")
    return f"{settings.business_account_id}/message_templates"


def _standing(said: Mapping[str, Any]) -> TemplateStanding:
    """A status that is not known yet is not sent with, so it counts as one that waits."""
    reason = said.get("rejected_reason")
    status = _STATUSES.get(str(said.get("status")), TemplateStatus.PENDING)
    rejected = status is TemplateStatus.REJECTED
    own = reason if isinstance(reason, str) and reason != "NONE" else str(said.get("status"))
    return TemplateStanding(status, own if rejected else "")

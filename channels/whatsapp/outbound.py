"""What one message is in Meta's words. Refused here is what Meta would cut, refuse late, or let look sent."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from gateway.ports.channel import Button, Message, Template
from gateway.ports.errors import Rejected

LONGEST_TEXT = 4096
_LONGEST_BODY, _LONGEST_TITLE, _LONGEST_ID, _MOST_REPLIES = 1024, 20, 256, 3
_E164 = re.compile(r"\+[1-9][0-9]{6,14}", re.ASCII)

Json = dict[str, Any]


def payload(message: Message, prefix: str) -> Json:
    """The body of `POST /{phone number}/messages`. Raises Rejected."""
    if _E164.fullmatch(message.to) is None:
        raise Rejected("number", "not a number in E.164", unreachable=True)
    head: Json = {
        "messaging_product": "whatsapp",
        "recipient_type": "individual",
        "to": message.to.removeprefix("+"),
        "biz_opaque_callback_data": message.reference,
    }
    if message.in_reply_to:
        head["context"] = {"message_id": message.in_reply_to}
    if message.in_window:
        return head | _free(message.text, message.buttons)
    if message.template is None:
        raise Rejected("outside_window", "the payer has not written within a day, and there is no template")
    return head | {"type": "template", "template": _template(message.template, prefix)}


def _free(text: str, buttons: Sequence[Button]) -> Json:
    """Replies as buttons, else one link as a button; every other link is written under the text."""
    replies = [button for button in buttons if button.url is None]
    links = [button for button in buttons if button.url is not None]
    shown = None if replies else next((link for link in links if _fits(text, links, link)), None)
    written = _with_links(text, [link for link in links if link is not shown])
    if len(written) > LONGEST_TEXT:
        raise Rejected("text_too_long")
    if shown is not None:
        parameters = {"display_text": shown.text, "url": shown.url}
        return _interactive("cta_url", written, {"name": "cta_url", "parameters": parameters})
    if not replies:
        return {"type": "text", "text": {"body": written, "preview_url": False}}
    _check_replies(replies, written)
    action = {"buttons": [{"type": "reply", "reply": {"id": b.data, "title": b.text}} for b in replies]}
    return _interactive("button", written, action)


def _fits(text: str, links: Sequence[Button], shown: Button) -> bool:
    others = [link for link in links if link is not shown]
    return 0 < len(shown.text) <= _LONGEST_TITLE and len(_with_links(text, others)) <= _LONGEST_BODY


def _with_links(text: str, links: Sequence[Button]) -> str:
    return "\n".join([text, *(f"{link.text}: {link.url}" for link in links)])


def _check_replies(replies: Sequence[Button], written: str) -> None:
    titles = {button.text for button in replies}
    checks = (
        (len(written) > _LONGEST_BODY, "text_too_long"),
        (len(replies) > _MOST_REPLIES, "too_many_buttons"),
        (not all(0 < len(title) <= _LONGEST_TITLE for title in titles), "button_too_long"),
        (len(titles) < len(replies), "buttons_alike"),
        (not all(button.data and len(button.data) <= _LONGEST_ID for button in replies), "button_data"),
    )
    for wrong, code in checks:
        if wrong:
            raise Rejected(code, "not as WhatsApp takes a text with reply buttons")


def _interactive(kind: str, text: str, action: Json) -> Json:
    return {"type": "interactive", "interactive": {"type": kind, "body": {"text": text}, "action": action}}


def _template(template: Template, prefix: str) -> Json:
    parts: list[Json] = []
    if template.values:
        parts.append({"type": "body", "parameters": [{"type": "text", "text": value} for value in template.values]})
    if template.url_path is not None:
        suffix = [{"type": "text", "text": template.url_path}]
        parts.append({"type": "button", "sub_type": "url", "index": "0", "parameters": suffix})
    language = {"policy": "deterministic", "code": language_code(template.language)}
    return {"name": prefix + template.name, "language": language, "components": parts}


def language_code(tag: str) -> str:
    """`pt-BR` as Meta writes it: `pt_BR`."""
    return tag.replace("-", "_")

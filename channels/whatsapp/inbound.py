"""What a webhook of Meta says: statuses, words, pressed buttons, a changed number. One POST holds many; each stands by itself.

A part that cannot be read does not cost the others: Meta would send all of them again for seven days, and lose them then.
"""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, TypeVar

from channels.whatsapp.calls import UNREACHABLE, error_code
from gateway.ports.channel import ChannelEvent, DeliveryStatus, DeliveryUpdate, InboundMessage
from gateway.ports.errors import MalformedWebhook

log = logging.getLogger(__name__)
T = TypeVar("T")
Json = Mapping[str, Any]

_STATUSES = {
    "sent": DeliveryStatus.SENT,
    "delivered": DeliveryStatus.DELIVERED,
    "read": DeliveryStatus.READ,
    "played": DeliveryStatus.READ,  # a voice message that was read
    "failed": DeliveryStatus.FAILED,
}
_MEDIA = frozenset(["image", "video", "document", "audio", "sticker", "location", "contacts", "order", "unsupported"])
_ANSWERS = ("button_reply", "list_reply")
_DIGITS = re.compile(r"[1-9][0-9]{5,14}", re.ASCII)
_SECONDS = re.compile(r"[0-9]{1,11}", re.ASCII)
_START = re.compile(r"START #([A-Za-z0-9_-]{1,64})\s*", re.ASCII | re.IGNORECASE)


def events_in(body: bytes, phone_number_id: str) -> Sequence[ChannelEvent]:
    """What a proven webhook says of this number. Raises MalformedWebhook when nothing of it can be read."""
    try:
        document = _typed(json.loads(body), dict)
        changes = [change for entry in _objects(document, "entry") for change in _objects(entry, "changes")]
    except (ValueError, TypeError, RecursionError):
        raise MalformedWebhook("not a webhook") from None
    if "entry" not in document:
        raise MalformedWebhook("no entry")
    events: list[ChannelEvent] = []
    unreadable = 0
    for part, read in _parts(changes, phone_number_id):
        try:
            event = read(part)
        except (TypeError, ValueError, OverflowError):
            unreadable += 1
        else:
            events += [event] if event is not None else []
    if unreadable and not events:
        raise MalformedWebhook("cannot be read")
    if unreadable:
        log.warning("whatsapp webhook: %d of its parts cannot be read", unreadable)
    return events


def _parts(changes: Sequence[Any], phone_number_id: str) -> Iterator[tuple[Any, Callable[[Any], ChannelEvent | None]]]:
    for change in changes:
        value = change.get("value")
        if change.get("field") != "messages" or not isinstance(value, dict):
            continue  # templates, account, quality: for people, in Meta's own console
        metadata = value.get("metadata")
        if not isinstance(metadata, dict) or metadata.get("phone_number_id") != phone_number_id:
            continue  # an app has one webhook for all its numbers
        for name, read in (("statuses", _status), ("messages", _message)):
            parts = value.get(name, [])
            yield from ((part, read) for part in (parts if isinstance(parts, list) else [parts]))


def _status(part: Any) -> DeliveryUpdate:
    status = _typed(part, dict)
    wamid, word = _text(status, "id"), _text(status, "status")
    known = _STATUSES.get(word, DeliveryStatus.UNKNOWN)
    errors = status.get("errors")
    first = errors[0] if isinstance(errors, list) and errors and isinstance(errors[0], dict) else {}
    code = error_code(first) or (word if known is DeliveryStatus.FAILED else None)
    reference = status.get("biz_opaque_callback_data")
    return DeliveryUpdate(
        f"{wamid}:{word}",
        wamid,
        known,
        _at(status),
        code,
        unreachable=known is DeliveryStatus.FAILED and code in UNREACHABLE,
        reference=reference if isinstance(reference, str) and reference else None,
    )


def _message(part: Any) -> InboundMessage | None:
    message = _typed(part, dict)
    wamid, kind, at = _text(message, "id"), _text(message, "type"), _at(message)
    if message.get("from") is None:
        return None  # known to Meta by a name alone: there is no number to answer
    sender = _text(message, "from")
    if _DIGITS.fullmatch(sender) is None:
        raise ValueError("not a number")
    address = f"+{sender}"
    if kind == "system":
        left = _typed(message.get("system"), dict).get("type") == "user_changed_number"
        return InboundMessage(wamid, wamid, address, "", at, left=True) if left else None
    said = _said(kind, message)
    if said is None:
        return None
    text, button = said
    context = message.get("context")
    context = context if isinstance(context, dict) else {}
    start = _START.fullmatch(text)
    answered = context.get("id")
    return InboundMessage(
        wamid,
        wamid,
        address,
        text,
        at,
        button=button,
        start_token=start[1] if start else None,
        forwarded=context.get("forwarded") is True or context.get("frequently_forwarded") is True,
        media=kind in _MEDIA,
        in_reply_to=answered if isinstance(answered, str) and answered else None,
    )


def _said(kind: str, message: Json) -> tuple[str, str | None] | None:
    """Text and button; None for what is no answer to anything (a reaction, a type of tomorrow)."""
    if kind == "text":
        return _text(_typed(message.get("text"), dict), "body"), None
    if kind == "button":  # a template's quick reply
        button = _typed(message.get("button"), dict)
        return _optional(button, "text"), _text(button, "payload")
    if kind == "interactive":
        interactive = message.get("interactive")
        if not isinstance(interactive, dict):
            return None  # Meta could not read it either
        for name in _ANSWERS:
            if name in interactive:
                answer = _typed(interactive[name], dict)
                return _optional(answer, "title"), _text(answer, "id")
        return None
    if kind in _MEDIA:
        media = message.get(kind)
        return (_optional(media, "caption") if isinstance(media, dict) else ""), None
    return None


def _at(part: Json) -> datetime:
    seconds = _text(part, "timestamp")
    if _SECONDS.fullmatch(seconds) is None:
        raise ValueError("not a time")
    return datetime.fromtimestamp(int(seconds), UTC)


def _text(part: Json, name: str) -> str:
    text: str = _typed(part.get(name), str)
    if not text:
        raise ValueError(f"{name} is empty")
    return text


def _optional(part: Json, name: str) -> str:
    return _typed(part.get(name, ""), str)


def _objects(part: Json, name: str) -> Sequence[Json]:
    return [_typed(each, dict) for each in _typed(part.get(name, []), list)]


def _typed(value: Any, wanted: type[T]) -> T:
    if not isinstance(value, wanted):
        raise TypeError(f"not {wanted.__name__}")
    return value

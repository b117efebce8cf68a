"""Reads raw messages that a mail server piped to us: delivery reports (RFC 3464) and payers' replies.

Anyone can write any mail, so nothing counts unless it carries a token of ours: in the address that it was sent to, as
the report's envelope id, in the returned headers, or in `In-Reply-To`. Machines' own mail is dropped (loops).
"""

from __future__ import annotations

import hashlib
import html
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from email import message_from_bytes
from email.message import Message as Mail
from email.utils import parseaddr

from channels.email.smtp import UNREACHABLE
from gateway.ports.channel import ChannelEvent, DeliveryStatus, DeliveryUpdate, InboundMessage
from gateway.ports.errors import MalformedWebhook
from gateway.ports.values import WebhookRequest

# RFC 3464, 2.3.3; `failure` and `error` are seen in the wild.
_ACTIONS = {
    "failed": DeliveryStatus.FAILED,
    "failure": DeliveryStatus.FAILED,
    "error": DeliveryStatus.FAILED,
    "delayed": DeliveryStatus.SENT,
    "relayed": DeliveryStatus.SENT,
    "expanded": DeliveryStatus.SENT,
    "delivered": DeliveryStatus.DELIVERED,
}
_STATUS = re.compile(r"(?<![\d.])([245]\.\d{1,3}\.\d{1,3})(?![\d.])")
_BOUNCE = re.compile(r"\bbounce\+([A-Za-z0-9_.-]{1,60})@")
_MESSAGE_ID = re.compile(r"<([A-Za-z0-9_.-]{1,60})@([^<>@\s]{1,253})>")
_QUOTE = re.compile(
    r"^(>|--\s*$|_{10,}|-{3,}.*(original|forward|mesaj).*-{3,}|(on|la|în|in|pe)\b.{0,200}\b(wrote|a scris)\s?:)",
    re.IGNORECASE,
)
_TAGS = re.compile(r"<(style|script)\b.*?</\1\s*>|<[^>]{0,2000}>", re.IGNORECASE | re.DOTALL)
_MAX_TEXT = 4000


@dataclass(frozen=True, slots=True)
class Report:
    """What one delivery report says of one recipient, lower-case action; `status` is an RFC 3463 code."""

    action: str
    status: str | None
    recipient: str
    envelope_id: str = ""


def read_mail(request: WebhookRequest, own: Callable[[str], bool], domain: str) -> Sequence[ChannelEvent]:
    """The events in one raw message; () when it is not about a message of ours. `own` knows our tokens.

    Raises MalformedWebhook when this is no mail at all.
    """
    mail = message_from_bytes(request.body)
    if not (mail["From"] or mail["To"]) or not mail.keys():
        raise MalformedWebhook("not a mail message")
    event_id = str(mail["Message-ID"] or "").strip() or hashlib.sha256(request.body).hexdigest()
    reports = list(read_reports(mail))
    if reports or _bounce_tokens(mail):
        token = next(filter(own, _report_tokens(mail, reports, domain)), None)
        if token is None:
            return ()
        found = reports or [Report("", None, "")]  # a bounce in free words: kept, not believed
        return [
            DeliveryUpdate(
                event_id=f"{event_id}:{position}",
                external_id=f"<{token}@{domain}>",
                status=_ACTIONS.get(report.action, DeliveryStatus.UNKNOWN),
                occurred_at=request.received_at,
                code=report.status,
                unreachable=report.status in UNREACHABLE and _ACTIONS.get(report.action) is DeliveryStatus.FAILED,
            )
            for position, report in enumerate(found)
        ]
    address = parseaddr(str(mail["From"]))[1].lower()
    if _automatic(mail) or "@" not in address or not any(map(own, _thread_tokens(mail, domain))):
        return ()
    return [InboundMessage(event_id, event_id, address, _written(mail), request.received_at)]


def read_reports(mail: Mail) -> Iterator[Report]:
    """What the report says of each recipient; tolerates what is met: any multipart, comments after the status."""
    for part in mail.walk():
        payload = part.get_payload()
        if part.get_content_type() != "message/delivery-status" or not isinstance(payload, list):
            continue
        blocks = [block for block in payload if isinstance(block, Mail)]
        envelope_id = str(blocks[0].get("Original-Envelope-Id") or "").strip() if blocks else ""
        for block in blocks:
            recipient = block.get("Original-Recipient") or block.get("Final-Recipient")
            if not recipient:
                continue
            action = (str(block.get("Action") or "").split() or [""])[0].lower()
            status = _STATUS.search(str(block.get("Status") or "")) or _STATUS.search(
                str(block.get("Diagnostic-Code") or "")
            )
            address = (str(recipient).partition(";")[2] or str(recipient)).strip().strip("<>")
            yield Report(action, status[1] if status else None, address, envelope_id)


def _bounce_tokens(mail: Mail) -> list[str]:
    names = ("Delivered-To", "X-Original-To", "To", "Cc")
    return [token for name in names for value in mail.get_all(name, []) for token in _BOUNCE.findall(str(value))]


def _report_tokens(mail: Mail, reports: Sequence[Report], domain: str) -> Iterator[str]:
    """Where a report names the message, most trusted first: return path, envelope id, the returned headers."""
    yield from _bounce_tokens(mail)
    yield from (report.envelope_id for report in reports)
    for part in mail.walk():
        if part.get_content_type() == "message/rfc822" and part.is_multipart():
            returned = part.get_payload(0)
        elif part.get_content_type() in ("text/rfc822-headers", "message/rfc822-headers"):
            returned = message_from_bytes(bytes(part.get_payload(decode=True) or b""))
        else:
            continue
        if isinstance(returned, Mail):
            yield from _ids(str(returned.get("Message-ID") or ""), domain)


def _thread_tokens(mail: Mail, domain: str) -> Iterator[str]:
    for name in ("In-Reply-To", "References"):
        yield from _ids(str(mail.get(name) or ""), domain)


def _ids(value: str, domain: str) -> list[str]:
    return [token for token, at in _MESSAGE_ID.findall(value[:20_000]) if at.lower() == domain.lower()]


def _automatic(mail: Mail) -> bool:
    """Out-of-office answers, lists, other machines (RFC 3834): nothing a payer wrote."""
    return (
        str(mail.get("Auto-Submitted") or "no").split(";")[0].strip().lower() != "no"
        or str(mail.get("Precedence") or "").strip().lower() in ("bulk", "junk", "list", "auto_reply")
        or any(name in mail for name in ("X-Auto-Response-Suppress", "X-Autoreply", "List-Id"))
        or str(mail.get("Return-Path") or "").strip() == "<>"
    )


def _written(mail: Mail) -> str:
    """The payer's own words: without what they quoted, without a signature, at most 4,000 characters."""
    plain = rich = ""
    for part in mail.walk():
        if part.get_content_disposition() == "attachment":
            continue
        if part.get_content_type() == "text/plain" and not plain:
            plain = _decoded(part)
        elif part.get_content_type() == "text/html" and not rich:
            rich = html.unescape(_TAGS.sub("\n", _decoded(part)))
    lines: list[str] = []
    for line in (plain or rich)[: 10 * _MAX_TEXT].splitlines():
        if _QUOTE.match(line.strip()):
            break
        lines.append(line.strip())
    return re.sub(r"\n{3,}", "\n\n", "\n".join(lines)).strip()[:_MAX_TEXT]


def _decoded(part: Mail) -> str:
    raw = part.get_payload(decode=True)
    if not isinstance(raw, bytes):
        return ""
    try:
        return raw.decode(part.get_content_charset() or "utf-8", "replace")
    except (LookupError, ValueError):  # no such codec, or one that is not for texts
        return raw.decode("utf-8", "replace")

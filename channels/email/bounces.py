"""What mail servers report: RFC 3464 reports, bounces in free words (by flufl.bounce), complaints in ARF (RFC 5965).

It only reads. Whether a report is about a message of ours, and so is believed, is decided by its token, in `inbound`.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator
from dataclasses import dataclass
from email import message_from_bytes
from email.message import Message as Mail
from email.utils import parseaddr

from channels.email.smtp import UNREACHABLE
from channels.email.words import decoded
from gateway.ports.channel import DeliveryStatus

# RFC 3464, 2.3.3; `failure` and `error` are seen in the wild. `failed` is final whatever the status says (4.4.7: given up).
ACTIONS = {
    "failed": DeliveryStatus.FAILED,
    "failure": DeliveryStatus.FAILED,
    "error": DeliveryStatus.FAILED,
    "delayed": DeliveryStatus.SENT,
    "relayed": DeliveryStatus.SENT,
    "expanded": DeliveryStatus.SENT,
    "delivered": DeliveryStatus.DELIVERED,
}
# RFC 5965, 7.3: what a person meant. `not-spam`, `virus` and `auth-failure` (RFC 6591, a DMARC report) are no wish to hear no more.
COMPLAINTS = frozenset(("abuse", "fraud", "opt-out", "opt-out-list"))
_STATUS = re.compile(r"(?<![\d.])([245]\.\d{1,3}\.\d{1,3})(?![\d.])")
_REFUSAL = re.compile(r"(?<![\d.])([45]\.\d{1,2}\.\d{1,2})(?![\d.])")
_MACHINES = re.compile(r"(mailer[-_.]?daemon|postmaster|mdaemon|mail[-_.]?delivery|delivery[-_. ]|ndr)", re.IGNORECASE)
_NOBODY = re.compile(
    r"(user|recipient|mailbox|address|account|addressee) (is )?(unknown|not (found|known|listed)|disabled|inactive|discontinued)"
    r"|(unknown|no such|invalid|bad|nonexistent|illegal) (or illegal )?(local )?"
    r"(user|recipient|mailbox|address|account|destination|alias|person)"
    r"|no mailbox here|not a valid (user|recipient|mailbox|address)|does(n't| not) (exist|have an? .{0,40}account)"
    r"|there is no user|user \S{1,64} (is )?unknown|not listed in|account has been (disabled|discontinued|closed)",
    re.IGNORECASE,
)
_NOT_THE_ADDRESS = re.compile(
    r"quota|mailbox (is )?full|too (large|big)|spam|policy|black ?list|time[d ]*out|virus", re.IGNORECASE
)
_MOST_WORDS = 20_000


@dataclass(frozen=True, slots=True)
class Report:
    """What one report says of one recipient, lower-case action; `status` is an RFC 3463 code. `gone`: the address is the reason."""

    action: str
    status: str | None
    recipient: str
    envelope_id: str = ""
    gone: bool = False


@dataclass(frozen=True, slots=True)
class Complaint:
    """What an ARF report says: what kind, and whose mailbox it was where the provider tells."""

    kind: str
    recipient: str
    sender: str = ""
    envelope_id: str = ""


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
            found = _STATUS.search(str(block.get("Status") or "")) or _STATUS.search(
                str(block.get("Diagnostic-Code") or "")
            )
            status = found[1] if found else None
            gone = status in UNREACHABLE and ACTIONS.get(action) is DeliveryStatus.FAILED
            yield Report(action, status, _bare(str(recipient)), envelope_id, gone)


def read_complaint(mail: Mail) -> Complaint | None:
    """The feedback report in a mail; None when it holds none."""
    for part in mail.walk():
        payload = part.get_payload()
        if part.get_content_type() != "message/feedback-report":
            continue
        fields = payload[0] if isinstance(payload, list) and payload else message_from_bytes(decoded(part).encode())
        if isinstance(fields, Mail):
            said = {name: str(fields.get(name) or "").strip() for name in _FEEDBACK}
            return Complaint(
                said["Feedback-Type"].lower(),
                _bare(said["Original-Rcpt-To"]).lower(),
                said["Original-Mail-From"],
                said["Original-Envelope-Id"],
            )
    return None


_FEEDBACK = ("Feedback-Type", "Original-Rcpt-To", "Original-Mail-From", "Original-Envelope-Id")


def read_words(mail: Mail) -> Report | None:
    """What a bounce in free words says; None when it cannot be told. Without a code it is 5.0.0 or 4.0.0 (RFC 3463: undefined).

    The address is held to be gone only by its code or by plain words: full, refused and blocked mailboxes come back.
    """
    from flufl.bounce import all_failures

    logging.getLogger("flufl.bounce").setLevel(
        logging.CRITICAL + 1
    )  # it logs each of its detectors, and what breaks them
    try:
        temporary, permanent = all_failures(mail)
    except Exception:  # its detectors trust what they are given
        return None
    failed = sorted(permanent) or sorted(temporary)
    if not failed:
        return None
    words = said_words(mail)
    code = _REFUSAL.search(words)
    status = code[1] if code else ("5.0.0" if permanent else "4.0.0")
    plain = code is None and _NOBODY.search(words) is not None and _NOT_THE_ADDRESS.search(words) is None
    recipient = failed[0].decode("ascii", "replace") if isinstance(failed[0], bytes) else str(failed[0])
    gone = bool(permanent) and (status in UNREACHABLE or plain)
    return Report("failed" if permanent else "delayed", status, recipient, gone=gone)


def said_words(mail: Mail, *, whole: bool = False) -> str:
    """The text of a bounce up to the message that it returns; `whole`: with it."""
    texts = [decoded(part) for part in mail.walk() if part.get_content_maintype() == "text" and not part.is_multipart()]
    text = "\n".join(texts)[:_MOST_WORDS]
    if whole:
        return text
    returned = re.search(r"^\W{0,3}(Return-Path|Received|Message-ID|From):", text, re.IGNORECASE | re.MULTILINE)
    return text[: returned.start()] if returned else text


def by_machine(mail: Mail) -> bool:
    """Whether a mail server wrote this: the null return path (RFC 5321, 4.5.5), or a sender of such a name."""
    sender = parseaddr(str(mail.get("From") or ""))[1]
    return_path = str(mail.get("Return-Path") or "").strip()
    return return_path == "<>" or not sender or _MACHINES.match(sender) is not None


def _bare(recipient: str) -> str:
    return (recipient.partition(";")[2] or recipient).strip().strip("<>")

"""The letters that answer a mail: a delivery report, a complaint, an absence, a person's reply; laid as mail programs lay them."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from email import policy
from email.message import EmailMessage
from email.utils import format_datetime

_END_OF_HEADERS = b"\r\n\r\n"


@dataclass(frozen=True, slots=True)
class Mail:
    """One message that was taken. `sender` is the return path, `content` the raw bytes, the rest is read from them."""

    sender: str
    recipient: str
    envelope_id: str
    content: bytes
    from_header: str
    subject: str
    message_id: str
    text: str
    html: str
    unsubscribe_url: str
    over_tls: bool
    login: str
    reply_to: str = ""


class Letters:
    """Writes them at the time that `now` gives."""

    now: Callable[[], datetime]

    def report(self, mail: Mail, status: str = "5.1.1", action: str = "failed") -> bytes:
        """A delivery report (RFC 3464) on `mail`, headers returned."""
        fence = "report.mx.demo.test"
        parts = (
            "Content-Type: text/plain\r\n\r\nThis is what became of your message.",
            "Content-Type: message/delivery-status\r\n\r\nReporting-MTA: dns; mx.demo.test\r\n"
            f"Original-Envelope-Id: {mail.envelope_id}\r\n\r\nFinal-Recipient: rfc822; {mail.recipient}\r\n"
            f"Action: {action}\r\nStatus: {status}\r\nDiagnostic-Code: smtp; 550 {status}",
            f"Content-Type: text/rfc822-headers\r\n\r\n{mail.content.split(_END_OF_HEADERS, 1)[0].decode()}",
        )
        head = (
            "From: Mail Delivery System <MAILER-DAEMON@mx.demo.test>",
            f"To: {mail.sender}",
            "Subject: Delivery status",
            f"Date: {format_datetime(self.now())}",
            f"Message-ID: <{_digest(mail.message_id, action, status)}@mx.demo.test>",
            "Auto-Submitted: auto-replied",
            "MIME-Version: 1.0",
            f'Content-Type: multipart/report; report-type=delivery-status; boundary="{fence}"',
        )
        body = "".join(f"--{fence}\r\n{part}\r\n\r\n" for part in parts)
        return "\r\n".join((*head, "", f"{body}--{fence}--\r\n")).encode()

    def complaint(self, mail: Mail, kind: str = "abuse", *, hidden: bool = False) -> bytes:
        """A feedback report (RFC 5965) on `mail`; `hidden`: the provider does not say whose mailbox it was."""
        fence = "complaint.mx.demo.test"
        whose = "" if hidden else f"\r\nOriginal-Rcpt-To: <{mail.recipient}>"
        parts = (
            "Content-Type: text/plain\r\n\r\nThis is an abuse report for a message of yours.",
            "Content-Type: message/feedback-report\r\n\r\n"
            f"Feedback-Type: {kind}\r\nUser-Agent: Demo-FBL/1\r\nVersion: 1{whose}",
            f"Content-Type: text/rfc822-headers\r\n\r\n{mail.content.split(_END_OF_HEADERS, 1)[0].decode()}",
        )
        head = (
            "From: Feedback Loop <fbl@mx.demo.test>",
            f"To: {mail.from_header}",
            "Subject: Complaint about a message",
            f"Date: {format_datetime(self.now())}",
            f"Message-ID: <{_digest(mail.message_id, kind)}@mx.demo.test>",
            "MIME-Version: 1.0",
            f'Content-Type: multipart/report; report-type=feedback-report; boundary="{fence}"',
        )
        body = "".join(f"--{fence}\r\n{part}\r\n\r\n" for part in parts)
        return "\r\n".join((*head, "", f"{body}--{fence}--\r\n")).encode()

    def out_of_office(self, mail: Mail, text: str) -> bytes:
        """What a mailbox answers by itself (RFC 3834): to the return path, and marked."""
        answer = self._reply(mail, f"Răspuns automat: {mail.subject}", text)
        answer.replace_header("To", mail.sender)
        answer["Auto-Submitted"] = "auto-replied"
        answer["X-Auto-Response-Suppress"] = "All"
        answer.set_content(f"{text}\n")
        return answer.as_bytes()

    def answer(self, mail: Mail, text: str) -> bytes:
        """A reply to `mail` as mail programs write it: threaded, to where it asks, with the original quoted below."""
        answer = self._reply(mail, f"Re: {mail.subject}", text)
        quoted = "\n".join(f"> {line}" for line in mail.text.splitlines())
        written = f"În {self.now():%d.%m.%Y, la %H:%M}, {mail.from_header} a scris:"
        answer.set_content(f"{text}\n\n{written}\n{quoted}\n")
        return answer.as_bytes()

    def _reply(self, mail: Mail, subject: str, text: str) -> EmailMessage:
        answer = EmailMessage(policy=policy.SMTP)
        answer["From"] = mail.recipient
        answer["To"] = mail.reply_to or mail.from_header
        answer["Subject"] = subject
        answer["Date"] = format_datetime(self.now())
        answer["Message-ID"] = f"<{_digest(mail.message_id, subject, text)}@phone.demo.test>"
        answer["In-Reply-To"] = answer["References"] = mail.message_id
        return answer


def _digest(*parts: str) -> str:
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:24]

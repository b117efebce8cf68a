"""EuPlătesc's words: its MAC over fields in order, what a transaction's figures mean, the id that a try goes under.

An invoice id on the wire is `<our reference>.<minor units><currency>`: the status call says that a payment was approved and
not of how much, so the id carries the amount that the form was signed with. It is at most 45 characters of ASCII.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qsl

from gateway.ports.provider import PaymentRequest, PaymentStatus
from gateway.ports.values import Money, Secret, decimals

S = PaymentStatus
ORDER = ("amount", "curr", "invoice_id", "order_desc", "merch_id", "timestamp", "nonce")
REPLY = (
    "amount",
    "curr",
    "invoice_id",
    "ep_id",
    "merch_id",
    "action",
    "message",
    "approval",
    "timestamp",
    "nonce",
)
PROVEN = frozenset({"fp_hash", "amount", "action"})  # what a reply has, and a notice without a signature has not
HINT = frozenset({"cart_id", "mid", "timestamp", "sec_status"})
APPROVED = "0"
# What the vendor's fraud check says of a transaction that was approved. Only 8 and 9 let it count.
SEC_STATUSES: Mapping[str, PaymentStatus] = {
    "1": S.PENDING,  # valid, not finished
    "2": S.FAILED,
    "3": S.ACCEPTED,  # checked by a person
    "4": S.PENDING,  # waits for the payer
    "5": S.FAILED,  # fraud
    "6": S.CANCELLED,
    "7": S.PENDING,  # insecure: a person at the vendor's desk decides
    "8": S.PAID,
    "9": S.PAID,
}
_REASONS: Mapping[str, str] = {
    "not sufficient funds": "insufficient_funds",
    "insufficient funds": "insufficient_funds",
    "expired card": "expired_card",
    "transaction declined": "declined",
    "authentication failed": "authentication_failed",
}
LONGEST_ID, LONGEST_DESCRIPTION = 45, 50
_ID = re.compile(r"[0-9A-Za-z_~-]{1,40}\.([1-9][0-9]{0,15})([A-Z]{3})", re.ASCII)
_UNSAFE = re.compile(r"[^0-9A-Za-z_-]")
_STAMP = re.compile(r"[0-9]{14}", re.ASCII)
_NOTHING = frozenset({"", "0", "0.0", "0.00"})


def mac(key: bytes, values: Iterable[str]) -> str:
    """HMAC-MD5 over each value after its length in bytes, `-` for an empty one, without a separator. Upper-case hex.

    Lines are not broken: the manual prints its example's MAC over the space of a line break, which is wrong.
    """
    parts = (value.encode("utf-8", "surrogatepass") for value in values)
    source = b"".join(b"%d%b" % (len(part), part) if part else b"-" for part in parts)
    return hmac.new(key, source, hashlib.md5).hexdigest().upper()


def unhex(key: Secret) -> bytes:
    return bytes.fromhex(key.reveal())


def invoice_id(request: PaymentRequest) -> str:
    """The id that a try goes under; the same on every try, unlike any other's."""
    tail = f".{request.amount.minor}{request.amount.currency}"
    room = LONGEST_ID - len(tail)
    plain = _UNSAFE.sub("-", ascii_of(request.reference))
    if plain != request.reference or len(plain) > room:
        digest = hashlib.sha256(request.reference.encode()).hexdigest()[:8]
        plain = f"{plain[: room - 9]}~{digest}"
    return plain + tail


def asked_in(external_id: str) -> Money | None:
    """The amount that an invoice id carries; None for one that was not made here."""
    match = _ID.fullmatch(external_id) if len(external_id) <= LONGEST_ID else None
    try:
        return Money(int(match[1]), match[2]) if match else None
    except ValueError:
        return None


def ascii_of(text: str) -> str:
    """Without diacritics: libraries differ in whether a length is of bytes or of characters, and in ASCII they agree."""
    return unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode()


def description_of(text: str) -> str:
    return " ".join(ascii_of(text).split())[:LONGEST_DESCRIPTION].strip() or "-"


def stamp(at: datetime) -> str:
    return at.astimezone(UTC).strftime("%Y%m%d%H%M%S")


def fields_of(body: bytes) -> Mapping[str, str]:
    """The form in a body. Raises ValueError when it cannot be read or says a field twice: which one was signed?"""
    pairs = parse_qsl(body.decode(), keep_blank_values=True, errors="strict", max_num_fields=200)
    fields = dict(pairs)
    if len(fields) != len(pairs):
        raise ValueError("a field is there twice")
    return fields


@dataclass(frozen=True, slots=True)
class Card:
    """One try with a card: a reply says one, a status call lists those of an invoice id."""

    ep_id: str
    invoice_id: str
    action: str
    message: str
    sec_status: str | None
    at: datetime | None
    amount: Money
    refunded: Money | None = None
    captured: bool = False

    @classmethod
    def read(cls, raw: Mapping[str, Any]) -> Card:
        """Raises ValueError on another shape."""
        own = _text(raw, "invoice_id")
        paid = _money(str(raw.get("amount") or ""), str(raw.get("curr") or "")) or asked_in(own)
        if paid is None:
            raise ValueError("no amount")
        action = str(raw.get("action", ""))
        if not (action.isascii() and action.isdigit() and len(action) <= 4):
            raise ValueError("no action")
        sec_status = raw.get("sec_status")
        return cls(
            ep_id=_text(raw, "ep_id"),
            invoice_id=own,
            action=action,
            message=str(raw.get("message") or "")[:100],
            sec_status=None if sec_status is None else str(sec_status),
            at=_instant(str(raw.get("timestamp") or "")),
            amount=paid,
            refunded=_sum(str(raw.get("refunded") or ""), paid),
            captured=str(raw.get("captured") or "") not in _NOTHING,
        )

    def said(self, *, checked: bool) -> PaymentStatus:
        """`checked`: the account's transactions are checked for fraud, so that silence about it is not a yes."""
        if self.action != APPROVED:
            return S.FAILED
        if "pending" in self.message.lower():
            return S.PENDING
        if self.sec_status is not None:
            return SEC_STATUSES.get(self.sec_status, S.PENDING)
        return S.ACCEPTED if checked and not self.captured else S.PAID

    @property
    def left(self) -> int:
        """What was not given back, in minor units."""
        return self.amount.minor - (self.refunded.minor if self.refunded else 0)

    @property
    def reason(self) -> str:
        return _REASONS.get(self.message.strip().lower(), "declined")


def total(parts: Sequence[Money]) -> Money | None:
    """The sum; None of nothing, and of several currencies."""
    if len({part.currency for part in parts}) != 1:
        return None
    return Money(sum(part.minor for part in parts), parts[0].currency)


def _money(text: str, currency: str) -> Money | None:
    """`123.45`, `123.4` and `123` of a currency with two decimals; None where there is none. Raises ValueError."""
    if not text or not currency:
        return None
    whole, _, fraction = text.partition(".")
    places = decimals(currency)
    return Money.parse(f"{whole}.{fraction.ljust(places, '0')}" if places else whole, currency)


def _sum(text: str, paid: Money) -> Money | None:
    """A sum in decimals, or a mark that says yes, which is all of it."""
    if text in _NOTHING:
        return None
    return _money(text, paid.currency) if "." in text else paid


def _text(raw: Mapping[str, Any], name: str) -> str:
    value = raw.get(name)
    if not isinstance(value, str) or not 0 < len(value) <= 64 or not value.isprintable():
        raise ValueError(f"no {name}")
    return value


def _instant(text: str) -> datetime | None:
    """`20150122144855` or `2014-11-26 10:11:48`, in GMT."""
    digits = re.sub(r"[-: ]", "", text)
    try:
        return datetime.strptime(digits, "%Y%m%d%H%M%S").replace(tzinfo=UTC) if _STAMP.fullmatch(digits) else None
    except ValueError:
        return None

"""What the pay page says of payments that were tried: what is under way, what came of the last one, and why it failed. Pure.

`docs/payment-states.md` has the words of each row.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from enum import StrEnum

from gateway.domain.claims import Claim, ClaimKind
from gateway.domain.invoices import Invoice, InvoiceStatus
from gateway.domain.payments import Attempt, AttemptStatus, transfer_open

A = AttemptStatus
LEASE = timedelta(minutes=10)  # a payment opened so lately is being made now, in a window or a chat
LATELY = timedelta(days=1)  # how long a payment that came to nothing, through nobody's fault, is spoken of


class Stage(StrEnum):
    """What is under way; `stage.<name>` of the catalogue says it. NONE: the page just asks to be paid."""

    NONE = ""
    ACCEPTED = "accepted"  # the bank has taken it and the money is on its way
    UNKNOWN = "unknown"  # the provider gave no answer and is being asked
    ELSEWHERE = "elsewhere"  # opened in another window or on another channel, minutes ago
    WAITING = "waiting"  # the payer was there; the bank has not said how it ended
    TRANSFERRED = "transferred"  # the payer says that they made the transfer


class Notice(StrEnum):
    """What came of it; `notice.<name>` of the catalogue says it, and `notice_next.<name>` what happens now."""

    NONE = ""
    FAILED = "payment_failed"
    CANCELLED = "cancelled"
    EXPIRED = "expired"
    REVERSED = "reversed"
    DUPLICATE = "duplicate"
    OVERPAID = "overpaid"
    ON_VOID = "paid_void"


# The codes that the catalogue has words for (`reason.<code>`), and what vendors and our own tries call the same.
_CALLED = {
    "declined": "card_declined do_not_honor do_not_honour refused rejected lost_card stolen_card restricted_card fraud suspected_fraud",
    "insufficient_funds": "not_enough_funds low_balance",
    "expired_card": "card_expired",
    "invalid_card": "incorrect_cvc invalid_cvc incorrect_number invalid_number invalid_expiry card_not_supported",
    "limit_exceeded": "limit amount_limit withdrawal_limit card_velocity_exceeded",
    "authentication_failed": "authentication_required three_ds_failed 3ds_failed sca_failed",
    "cancelled": "canceled cancelled_by_payer payer_cancelled abandoned",
    "expired": "timeout timed_out",
    "bank_unavailable": "issuer_unavailable issuer_not_available",
    "technical": "processing_error technical_error system_error unavailable not_created no_answer currency_not_taken",
}
REASONS = frozenset(_CALLED)
_REASON_OF = {name: reason for reason, names in _CALLED.items() for name in (reason, *names.split())}


def reason_of(code: str | None) -> str:
    """The catalogue's word for the code of a refusal; `unknown` for one that nobody has words for."""
    code = (code or "").lower()
    return "technical" if code.startswith("http_") else _REASON_OF.get(code, "unknown")


def told(claims: Sequence[Claim]) -> Claim | None:
    """The payer's word that it is paid, which holds."""
    return next((claim for claim in claims if claim.kind is ClaimKind.ALREADY_PAID), None)


def stage(
    invoice: Invoice, attempts: Sequence[Attempt], claims: Sequence[Claim], now: datetime, *, returned: bool = False
) -> Stage:
    """`returned`: the payer has just come back from the provider, so that the payment is theirs."""
    going = [one for one in attempts if one.open and one.closing_at is None and not one.silent]
    if not invoice.payable:
        return Stage.NONE
    if any(one.status is A.ACCEPTED for one in going):
        return Stage.ACCEPTED
    if any(one.status is A.UNKNOWN for one in going):
        return Stage.UNKNOWN
    if not returned and any(one.created_at + LEASE > now for one in going):
        return Stage.ELSEWHERE
    if any(one.awaited for one in going):
        return Stage.WAITING
    return Stage.TRANSFERRED if transfer_open(attempts) and told(claims) else Stage.NONE


def notice(
    invoice: Invoice, attempts: Sequence[Attempt], due_back: Collection[str], now: datetime
) -> tuple[Notice, str]:
    """What came of the last try, or of money that was too much, and why it failed; `due_back` are the reasons of the refunds."""
    for reason, said in _DUE_BACK[invoice.status]:
        if reason in due_back:
            return said, ""
    last = next((one for one in reversed(attempts) if not one.silent and one.reason != "superseded"), None)
    if not invoice.payable or last is None:
        return Notice.NONE, ""
    if last.status is A.FAILED:
        return Notice.FAILED, reason_of(last.reason)
    if last.status is A.REVERSED:
        return Notice.REVERSED, ""
    lately = last.updated_at + LATELY > now
    return (_OVER.get(last.status, Notice.NONE) if lately else Notice.NONE), ""


_OVER = {A.CANCELLED: Notice.CANCELLED, A.EXPIRED: Notice.EXPIRED}
_TOO_MUCH = (("duplicate", Notice.DUPLICATE), ("overpaid", Notice.OVERPAID))
_DUE_BACK = {
    InvoiceStatus.PAID: _TOO_MUCH,
    InvoiceStatus.VOID: (("void", Notice.ON_VOID),),
    InvoiceStatus.OPEN: (),
    InvoiceStatus.PARTLY_PAID: (),
}

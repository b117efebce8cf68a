"""What the pay page says of payments that were tried: what is under way, what came of the last one, and why it failed. Pure.

`docs/payment-states.md` has the words of each row.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from enum import StrEnum

from gateway.domain.claims import Claim, ClaimKind
from gateway.domain.invoices import Invoice, InvoiceStatus
from gateway.domain.payments import Attempt, AttemptStatus, transfer_open
from gateway.domain.refunds import EXCESS, FOR_A_PERSON, UNDER_WAY, Refund, RefundState

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
    GIVEN_BACK = "given_back"  # and owed again
    REFUND = "refund"
    DUPLICATE_UNDER_WAY = "duplicate_under_way"
    OVERPAID_UNDER_WAY = "overpaid_under_way"
    ON_VOID_UNDER_WAY = "paid_void_under_way"
    REFUND_UNDER_WAY = "refund_under_way"
    DUPLICATE_DONE = "duplicate_done"
    OVERPAID_DONE = "overpaid_done"
    ON_VOID_DONE = "paid_void_done"
    REFUND_DONE = "refund_done"


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


def going_back(refunds: Sequence[Refund]) -> dict[str, str]:
    """How far money is that goes back, by why: `` while it waits for the biller, `_under_way`, `_done`; what is still to come first."""
    found: dict[str, str] = {}
    for states, ending in ((UNDER_WAY, "_under_way"), (FOR_A_PERSON, ""), ((RefundState.DONE,), "_done")):
        for row in refunds:
            if row.state in states:
                found.setdefault(row.reason.value if row.reason in EXCESS else "refund", ending)
                if row.state is RefundState.DONE and row.reason not in EXCESS and row.counts_minor:
                    found[_REOPENED] = ""
    return found


def notice(
    invoice: Invoice, attempts: Sequence[Attempt], going_back: Mapping[str, str], now: datetime
) -> tuple[Notice, str]:
    """What came of the last try, or of money that goes back, and why it failed; `going_back` is of the function of that name."""
    for reason, said in _DUE_BACK[invoice.status]:
        if reason in going_back:
            return Notice(said + going_back[reason]), ""
    last = next((one for one in reversed(attempts) if not one.silent and one.reason != "superseded"), None)
    if not invoice.payable:
        return Notice.NONE, ""
    if last is not None and last.status is A.FAILED:
        return Notice.FAILED, reason_of(last.reason)
    if last is not None and (last.status is A.REVERSED or last.reversed_minor):
        return Notice.REVERSED, ""
    if _REOPENED in going_back:
        return Notice.GIVEN_BACK, ""
    if last is None:
        return Notice.NONE, ""
    lately = last.updated_at + LATELY > now
    return (_OVER.get(last.status, Notice.NONE) if lately else Notice.NONE), ""


_OVER = {A.CANCELLED: Notice.CANCELLED, A.EXPIRED: Notice.EXPIRED}
_REOPENED = "reopened"
_TOO_MUCH = (("duplicate", Notice.DUPLICATE), ("overpaid", Notice.OVERPAID), ("refund", Notice.REFUND))
_DUE_BACK = {
    InvoiceStatus.PAID: _TOO_MUCH,
    InvoiceStatus.VOID: (("void", Notice.ON_VOID), ("refund", Notice.REFUND)),
    InvoiceStatus.OPEN: (),
    InvoiceStatus.PARTLY_PAID: (),
}

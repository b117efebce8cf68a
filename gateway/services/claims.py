"""What payers say of their invoices: promises, payments that are not seen yet, disputes, plans. Inside other services' transactions.

Each writes its claim, its event and its task, and has the ladder pause or go on. The caller has checked that the invoices are
the payer's; what is not owed any more is passed over.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import Any

import sqlalchemy as sa

from gateway.domain.claims import DATED, Claim, ClaimKind, ClaimState, part_missed
from gateway.domain.events import EventType, NewEvent
from gateway.domain.ids import CLAIM, show
from gateway.domain.invoices import Invoice
from gateway.domain.payments import shown
from gateway.domain.reminders import Reason, Source, end_of_day
from gateway.ports.values import Money
from gateway.services import ladder
from gateway.services.directory import Biller
from gateway.store import claims as store
from gateway.store import events, invoices, outbox, reminders
from gateway.store.invoices import Payer

DECIDE = "claim"
K, S = ClaimKind, ClaimState
_WITHDRAWN = {K.PROMISE: EventType.PROMISE_WITHDRAWN, K.PLAN: EventType.PROMISE_WITHDRAWN}


def promise(
    conn: sa.Connection, biller: Biller, payer: Payer, invoice_ids: Sequence[int], on: date, now: datetime
) -> list[int]:
    """The payer will pay on that day: the ladder rests until it is over. A promise made before is withdrawn. Gives the claims' ids."""
    made = []
    for invoice in _owed(conn, biller, payer, invoice_ids):
        _withdraw(conn, invoice, (K.PROMISE, K.PLAN, K.ALREADY_PAID), now)
        claim_id = _open(conn, invoice, payer, K.PROMISE, now, on)
        data = {"on": on.isoformat(), "outstanding": shown(invoice.outstanding)}
        _tell(conn, invoice, EventType.PROMISE_MADE, claim_id, now, **data)
        ladder.refresh(conn, biller, invoice, payer, now)
        made.append(claim_id)
    return made


def already_paid(
    conn: sa.Connection,
    biller: Biller,
    payer: Payer,
    invoice_ids: Sequence[int],
    now: datetime,
    *,
    how: str = "",
    on: date | None = None,
    reference: str = "",
    text: str = "",
    more: bool = False,
) -> list[int]:
    """The payer says that it is paid: the ladder rests for the policy's days, and the payer's own reminders are not needed.

    `more`: they go on about what they have just said, which is then told whole.
    """
    made = []
    today = now.astimezone(ladder.zone_of(payer)).date()
    until_on = today + timedelta(days=biller.reminders.already_paid_days)
    for invoice in _owed(conn, biller, payer, invoice_ids):
        said = {"how": how, "on": on and on.isoformat(), "reference": reference, "text": text}
        known = [claim for claim in store.open_of(conn, invoice.id) if claim.kind is K.ALREADY_PAID] if more else []
        for claim in known[-1:]:
            said = {name: value or claim.details.get(name) for name, value in said.items()}
            store.detail(conn, claim.id, {**claim.details, **said}, now)
            until = claim.until_on and claim.until_on.isoformat()
            _tell(conn, invoice, EventType.ALREADY_PAID, claim.id, now, until=until, **said)
        if known:
            made.append(known[-1].id)
            continue
        _withdraw(conn, invoice, (K.PROMISE, K.PLAN, K.ALREADY_PAID), now)
        claim_id = _open(conn, invoice, payer, K.ALREADY_PAID, now, until_on, said)
        _tell(conn, invoice, EventType.ALREADY_PAID, claim_id, now, until=until_on.isoformat(), **said)
        _revoke_own(conn, invoice, Reason.ALREADY_PAID, now)
        ladder.refresh(conn, biller, invoice, payer, now)
        made.append(claim_id)
    return made


def dispute(
    conn: sa.Connection,
    biller: Biller,
    payer: Payer,
    invoice_ids: Sequence[int],
    reason: str,
    now: datetime,
    *,
    text: str = "",
    amount: Money | None = None,
) -> list[int]:
    """The payer disputes the invoices (`not_mine`, `wrong_amount`, `other`); one that is disputed already stays as it is."""
    made = []
    for invoice in _owed(conn, biller, payer, invoice_ids):
        if any(claim.kind is K.DISPUTE for claim in store.open_of(conn, invoice.id)):
            continue
        _withdraw(conn, invoice, (K.PROMISE, K.PLAN, K.ALREADY_PAID), now)
        said = {"reason": reason, "text": text, "amount": amount and shown(amount)}
        claim_id = _open(conn, invoice, payer, K.DISPUTE, now, None, said)
        _tell(conn, invoice, EventType.DISPUTE_OPENED, claim_id, now, **said)
        if biller.reminders.dispute_holds:
            _revoke_own(conn, invoice, Reason.DISPUTE, now)
        ladder.refresh(conn, biller, invoice, payer, now)
        made.append(claim_id)
    return made


def close_dispute(
    conn: sa.Connection, biller: Biller, invoice: Invoice, now: datetime, *, note: str = "", by: str = "biller"
) -> bool:
    """The dispute is over and the ladder goes on. False: there was none."""
    found = [claim for claim in store.open_of(conn, invoice.id) if claim.kind is K.DISPUTE]
    for claim in found:
        if store.end(conn, claim.id, S.CLOSED, now):
            _tell(conn, invoice, EventType.DISPUTE_CLOSED, claim.id, now, by=by, note=note)
    if found and invoice.payable:
        ladder.refresh(conn, biller, invoice, invoices.get_payer(conn, invoice.payer_id), now)
    return bool(found)


def plan_parts(
    conn: sa.Connection,
    biller: Biller,
    payer: Payer,
    invoice_id: int,
    parts: Sequence[tuple[date, Money]],
    now: datetime,
) -> int | None:
    """The payer wants to pay in parts, in order of their days: the ladder rests as long as each part comes by its day.

    None: nothing is owed any more.
    """
    claim_id = None
    for invoice in _owed(conn, biller, payer, [invoice_id]):
        _withdraw(conn, invoice, (K.PROMISE, K.PLAN, K.ALREADY_PAID), now)
        kept = [{"on": on.isoformat(), "minor": part.minor} for on, part in parts]
        claim_id = _open(conn, invoice, payer, K.PLAN, now, parts[0][0], {"parts": kept})
        told = [{"on": on.isoformat(), "amount": shown(part)} for on, part in parts]
        _tell(conn, invoice, EventType.PLAN_WANTED, claim_id, now, parts=told)
        ladder.refresh(conn, biller, invoice, payer, now)
    return claim_id


def settled(conn: sa.Connection, biller: Biller, invoice: Invoice, now: datetime) -> bool:
    """Nothing is owed any more, or the invoice is void: each open claim ends. True: a promise was kept."""
    kept = False
    for claim in store.open_of(conn, invoice.id):
        paid = bool(invoice.settled_at)
        if claim.kind in _WITHDRAWN:
            if store.end(conn, claim.id, S.KEPT if paid else S.WITHDRAWN, now):
                _tell(conn, invoice, EventType.PROMISE_KEPT if paid else _WITHDRAWN[claim.kind], claim.id, now)
                kept = kept or paid
        elif claim.kind is K.DISPUTE:
            close_dispute(conn, biller, invoice, now, by="settled" if paid else "void")
        else:
            store.end(conn, claim.id, S.CLOSED, now)
    return kept


def decide(conn: sa.Connection, biller: Biller, claim: Claim, now: datetime) -> datetime | None:
    """A claim's day may be over: what was promised came, or did not. Gives when to look again; None when it is decided.

    What was paid in part is counted: a promise is of the whole, a plan of each part by its day.
    """
    invoice = invoices.get(conn, claim.invoice_id, lock=True)
    if invoice is None or claim.kind not in DATED or claim.until_on is None:
        return None
    payer = invoices.get_payer(conn, claim.payer_id)
    over_at = end_of_day(claim.until_on, ladder.zone_of(payer))
    if over_at > now:
        return over_at
    if not invoice.payable:  # its settlement has ended it
        return None
    if claim.kind is K.ALREADY_PAID:
        if store.end(conn, claim.id, S.CLOSED, now):
            ladder.refresh(conn, biller, invoice, payer, now)
        return None
    if claim.kind is K.PLAN:
        missed = part_missed(claim, invoice.paid_minor)
        if missed is not None and missed[0] > claim.until_on:
            store.go_on(conn, claim.id, missed[0], now)
            ladder.refresh(conn, biller, invoice, payer, now)
            return end_of_day(missed[0], ladder.zone_of(payer))
    if store.end(conn, claim.id, S.BROKEN, now):
        came = Money(max(0, invoice.paid_minor - claim.details["paid_before"]), invoice.currency)
        data = {"on": claim.until_on.isoformat(), "paid": shown(came), "outstanding": shown(invoice.outstanding)}
        _tell(conn, invoice, EventType.PROMISE_BROKEN, claim.id, now, **data)
        ladder.broken(conn, biller, invoice, payer, now)
    return None


def _owed(conn: sa.Connection, biller: Biller, payer: Payer, invoice_ids: Sequence[int]) -> Iterator[Invoice]:
    """The payer's invoices among these that can be paid, locked, in one order."""
    for invoice_id in sorted(set(invoice_ids)):
        invoice = invoices.get(conn, invoice_id, biller_id=biller.id, lock=True)
        if invoice is not None and invoice.payer_id == payer.id and invoice.payable:
            yield invoice


def _open(
    conn: sa.Connection,
    invoice: Invoice,
    payer: Payer,
    kind: ClaimKind,
    now: datetime,
    until_on: date | None,
    details: Mapping[str, Any] | None = None,
) -> int:
    row = {
        "biller_id": invoice.biller_id,
        "payer_id": payer.id,
        "invoice_id": invoice.id,
        "kind": kind,
        "state": S.OPEN,
        "until_on": until_on,
        "details": {"paid_before": invoice.paid_minor, **(details or {})},
        "created_at": now,
        "updated_at": now,
    }
    claim_id = store.insert(conn, row)
    if until_on is not None:
        outbox.add(conn, DECIDE, claim_id, "", end_of_day(until_on, ladder.zone_of(payer)), now)
    return claim_id


def _withdraw(conn: sa.Connection, invoice: Invoice, kinds: Sequence[ClaimKind], now: datetime) -> None:
    """Ends what the payer said before, which something newer takes the place of."""
    for claim in store.open_of(conn, invoice.id):
        if claim.kind in kinds and store.end(conn, claim.id, S.WITHDRAWN, now):
            outbox.drop(conn, DECIDE, claim.id)
            if claim.kind in _WITHDRAWN:
                _tell(conn, invoice, _WITHDRAWN[claim.kind], claim.id, now)


def _revoke_own(conn: sa.Connection, invoice: Invoice, reason: Reason, now: datetime) -> None:
    own = [row for row in reminders.live(conn, invoice.id) if row.source is Source.PAYER]
    ladder.revoke(conn, own, reason, now)


def _tell(conn: sa.Connection, invoice: Invoice, kind: EventType, claim_id: int, now: datetime, **more: object) -> None:
    said = {name: value for name, value in more.items() if value not in (None, "")}
    events.append(conn, invoice.biller_id, invoice.id, [NewEvent(kind, {"claim": show(CLAIM, claim_id)} | said)], now)

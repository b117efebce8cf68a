"""What follows when an invoice is settled, void or changed: other attempts closed, queued messages taken back, sent ones revised.

Used inside other services' transactions; it only writes rows and tasks.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from gateway.domain.deliveries import DeliveryState, MessageKind, Step
from gateway.services import claims, ladder, plans
from gateway.services.directory import Biller, Directory
from gateway.store import deliveries, invoices, outbox, payments

CLOSE = "close"
ASKING = (
    MessageKind.INVOICE_ISSUED,
    MessageKind.PAYMENT_FAILED,
    MessageKind.REMINDER,
)  # what is no longer true once nothing is owed


def close_attempts(
    conn: sa.Connection, directory: Directory, invoice_id: int, now: datetime, *, but: int | None = None
) -> None:
    """Has the provider sessions of the invoice closed. Money that comes through one all the same still counts."""
    for attempt in payments.closing(conn, invoice_id, now, but=but):
        account = directory.provider(attempt.account_id)
        outbox.poke(conn, CLOSE, attempt.id, account.destination if account else "", now, now)


def take_back(conn: sa.Connection, directory: Directory, biller: Biller, invoice_id: int, now: datetime) -> bool:
    """Revokes what is queued, reminders too, and has what was sent revised, where the channel can. True: a promise was kept."""
    _revoke(conn, invoice_id, ASKING, now)
    for kind in ASKING:
        for delivery in deliveries.arrived(conn, invoice_id, kind):
            account = directory.channel(delivery.account_id)
            outbox.drop(conn, plans.FALL_BACK, delivery.id)
            if account and account.plugin.edits and delivery.external_id:
                outbox.poke(conn, plans.REVISE, delivery.id, account.destination, now, now)
    invoice = invoices.get(conn, invoice_id)
    if invoice is None:
        return False
    ladder.settled(conn, invoice, now)
    return claims.settled(conn, biller, invoice, now)


def _revoke(conn: sa.Connection, invoice_id: int, kinds: Sequence[MessageKind], now: datetime) -> None:
    for revoked in deliveries.revoke(conn, invoice_id, kinds, now):
        outbox.drop(conn, plans.DELIVER, revoked.id)
        outbox.drop(conn, plans.FALL_BACK, revoked.id)
        plans.report(conn, revoked, now)


def settled(
    conn: sa.Connection, directory: Directory, biller: Biller, invoice_id: int, attempt_id: int | None, now: datetime
) -> None:
    """Everything that follows when nothing is owed any more; `attempt_id` is the payment that did it."""
    close_attempts(conn, directory, invoice_id, now, but=attempt_id)
    kept = take_back(conn, directory, biller, invoice_id, now)
    thank(conn, directory, biller, invoice_id, now, kept=kept)


def thank(
    conn: sa.Connection, directory: Directory, biller: Biller, invoice_id: int, now: datetime, *, kept: bool = False
) -> None:
    """Sends the receipt on the channel that the payer used last, if the biller wants receipts, or thanks for a kept promise."""
    if not biller.settings.delivery.receipt and not (kept and biller.reminders.thanks):
        return
    _send(conn, directory, invoice_id, MessageKind.PAYMENT_RECEIVED, now)


def tell_failed(conn: sa.Connection, directory: Directory, biller: Biller, invoice_id: int, now: datetime) -> None:
    """Tells a payer who thought it done that the bank declined after all; once an invoice."""
    if not deliveries.has_kind(conn, invoice_id, MessageKind.PAYMENT_FAILED):
        _send(conn, directory, invoice_id, MessageKind.PAYMENT_FAILED, now)


def tell_refunded(
    conn: sa.Connection, directory: Directory, biller: Biller, invoice_id: int, refund_id: int, now: datetime
) -> None:
    """Tells the payer that money went back, on the channel that they used last, if the biller wants receipts."""
    if biller.settings.delivery.receipt:
        about = {"refund": refund_id}
        _send(conn, directory, invoice_id, MessageKind.PAYMENT_REFUNDED, now, about=about)


def tell_refunded_no_more(conn: sa.Connection, invoice_id: int, now: datetime) -> None:
    """The money has come back to the biller: what is queued and says otherwise is not sent."""
    _revoke(conn, invoice_id, (MessageKind.PAYMENT_REFUNDED,), now)


def _send(
    conn: sa.Connection,
    directory: Directory,
    invoice_id: int,
    kind: MessageKind,
    now: datetime,
    *,
    about: dict[str, Any] | None = None,
) -> None:
    used = deliveries.last_used_channel(conn, invoice_id)
    invoice = invoices.get(conn, invoice_id)
    if used is None or invoice is None or used.state is DeliveryState.FAILED:
        return
    payer = invoices.get_payer(conn, invoice.payer_id)
    plans.begin(conn, directory, invoice, payer, kind, [Step(used.channel, 3600)], now, now, about=about)

"""No more messages to an address, or messages again: a payer's wish, or a dead address. Used inside other services' transactions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from gateway.domain.deliveries import Delivery
from gateway.domain.events import EventType, NewEvent
from gateway.services import ladder
from gateway.services.directory import ChannelAccount, Directory
from gateway.store import deliveries, events, invoices, reminders
from gateway.store.invoices import Payer

STOPPED, UNREACHABLE = deliveries.STOPPED, deliveries.UNREACHABLE


def stop(
    conn: sa.Connection,
    directory: Directory,
    account: ChannelAccount,
    address: str,
    payers: Sequence[Payer],
    reason: str,
    now: datetime,
    more: Mapping[str, Any] | None = None,
) -> bool:
    """Stops an address on a channel, and revokes the reminders that nothing can bring any more. False: it was stopped already.

    What is queued to it is not sent: the transaction that starts a send looks here.
    """
    biller_id = account.row.biller_id
    if not deliveries.suppress(conn, biller_id, account.plugin.name, address, reason, now):
        return False
    data = {**(more or {}), "channel": account.short, "payers": [one.reference for one in payers], "reason": reason}
    events.append(conn, biller_id, None, [NewEvent(EventType.PAYER_STOPPED, data)], now)
    ladder.stopped(conn, directory, payers, now)
    return True


def stop_at(
    conn: sa.Connection, directory: Directory, account: ChannelAccount, about: Delivery, reason: str, now: datetime
) -> None:
    """Stops the address of a delivery on its channel."""
    payers = [] if about.payer_id is None else [invoices.get_payer(conn, about.payer_id)]
    stop(conn, directory, account, about.address, payers, reason, now)


def start(
    conn: sa.Connection,
    directory: Directory,
    account: ChannelAccount,
    address: str,
    payers: Sequence[Payer],
    now: datetime,
    more: Mapping[str, Any] | None = None,
) -> bool:
    """The payers want messages there again, and their reminders go on. False: nothing was stopped."""
    biller_id = account.row.biller_id
    if not deliveries.allow(conn, biller_id, account.plugin.name, address):
        return False
    data = {**(more or {}), "channel": account.short, "payers": [one.reference for one in payers]}
    events.append(conn, biller_id, None, [NewEvent(EventType.PAYER_STARTED, data)], now)
    for payer in payers:
        for invoice in reminders.owing(conn, payer.id):
            ladder.begin_again(conn, directory.biller(biller_id), invoice.id, now)
    return True

"""The gate before a message that asks for money: while a payment may be under way its provider is asked first.

The state of the debt is then read again in the transaction that starts the send.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

import sqlalchemy as sa

from gateway.domain.payments import Attempt, AttemptStatus
from gateway.domain.reminders import Reason
from gateway.ports.errors import AdapterError
from gateway.services import polling
from gateway.services.context import Context
from gateway.store import payments

SILENT = timedelta(minutes=5)  # until a provider that gave no answer is asked again
UNDER_WAY = timedelta(hours=6)  # the same for a bank that has accepted a payment


@dataclass(frozen=True, slots=True)
class Wait:
    """Nobody is asked for money until then."""

    until: datetime
    reason: Reason


def may_be_paid(tried: Iterable[Attempt], now: datetime) -> bool:
    """Whether money may be there that nobody has told us of."""
    return any(attempt.external_id and attempt.polled_at(now) and not attempt.silent for attempt in tried)


async def ask(ctx: Context, invoice_ids: Collection[int]) -> frozenset[int]:
    """Asks the providers about every payment of these invoices that may have brought money, and books the answers.

    Gives the invoices of which a provider did not answer. One whose account is not served here cannot be asked, and holds up nobody.
    """
    now = ctx.clock.now()

    def body(conn: sa.Connection) -> list[Attempt]:
        return [attempt for invoice_id in invoice_ids for attempt in payments.of_invoice(conn, invoice_id)]

    silent = set()
    for attempt in await ctx.db.read(body):
        if may_be_paid([attempt], now) and ctx.directory.provider(attempt.account_id) is not None:
            try:
                await polling.poll(ctx, attempt.id)
            except AdapterError:
                silent.add(attempt.invoice_id)
    return frozenset(silent)


def money_wait(tried: Iterable[Attempt], now: datetime, *, silent: bool = False) -> Wait | None:
    """Why the payer is not reminded at this moment: they are paying, or the money is under way."""
    if silent:
        return Wait(now + SILENT, Reason.PROVIDER_SILENT)
    waits = [Wait(now + UNDER_WAY, Reason.MONEY_UNDER_WAY) for one in tried if one.status is AttemptStatus.ACCEPTED]
    waits += [
        Wait(one.expires_at, Reason.PAYING)
        for one in tried
        if one.status is AttemptStatus.PENDING and not one.silent and one.closing_at is None and one.expires_at > now
    ]
    return max(waits, key=lambda wait: wait.until, default=None)

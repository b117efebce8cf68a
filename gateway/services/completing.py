"""Completing: what a payer came back with is taken to the vendor, and what the vendor gave for it is kept sealed with the attempt.

Proves nothing by itself: the vendor is asked right after it, and the answer goes through the door like any other. No transaction is
open during a vendor's call.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import cast

import sqlalchemy as sa
import structlog

from gateway.domain.ids import ATTEMPT, show
from gateway.domain.invoices import Invoice
from gateway.domain.payments import CLOSABLE, Attempt
from gateway.ports.errors import NotSupported, OutcomeUnknown, Rejected, RetryLater
from gateway.ports.provider import Completes
from gateway.services import attempts, inquiry
from gateway.services.context import Context
from gateway.services.directory import ProviderAccount
from gateway.services.errors import NotFound
from gateway.services.invoices import View
from gateway.store import invoices, outbox, payments

log = structlog.get_logger()
ANSWER = ("code", "error", "confirmationCode")  # what a vendor may send a payer back with
_LONGEST = 4096


def answer_of(given: Mapping[str, str]) -> dict[str, str]:
    """Of the parameters of a return those that complete something; none: there is nothing to complete."""
    return {name: given[name] for name in ANSWER if 0 < len(given.get(name, "")) <= _LONGEST}


def awaited(ctx: Context, view: View, state: str) -> bool:
    """Whether `state` is of a try of this invoice that can still be paid, and that nothing was brought back for yet."""
    attempt = _attempt_of(ctx, view, state)
    return attempt is not None and attempt.kept is None


async def path_of(ctx: Context, state: str) -> str | None:
    """The pay page of the try that `state` is of. None for anything that was not issued here."""
    attempt_id = ctx.returns.read(state)
    if attempt_id is None:
        return None

    def body(conn: sa.Connection) -> Invoice | None:
        attempt = payments.get(conn, attempt_id)
        return invoices.get(conn, attempt.invoice_id) if attempt else None

    invoice = await ctx.db.read(body)
    return ctx.pay_path(invoice.id, invoice.link_version) if invoice else None


def _attempt_of(ctx: Context, view: View, state: str) -> Attempt | None:
    attempt_id = ctx.returns.read(state)
    return next((each for each in view.attempts if each.id == attempt_id and each.status in CLOSABLE), None)


async def complete(ctx: Context, view: View, state: str, answer: Mapping[str, str]) -> None:
    """Takes the answer to the vendor of the try that `state` is of, which must be one of this invoice that can still be paid; then asks.

    A vendor that refuses or does not answer changes nothing: the poll says what is true. Twice is once. Raises NotFound.
    """
    attempt = _attempt_of(ctx, view, state)
    account = ctx.directory.provider(attempt.account_id) if attempt else None
    if attempt is None or attempt.external_id is None or account is None or not account.plugin.completes:
        raise NotFound("no open payment of this invoice has this state")
    if answer and attempt.kept is None:
        await _complete(ctx, view, attempt, account, attempt.external_id, answer)
    now = ctx.clock.now()
    await ctx.db.write(lambda conn: outbox.poke(conn, attempts.POLL, attempt.id, account.destination, now, now))


async def _complete(
    ctx: Context, view: View, attempt: Attempt, account: ProviderAccount, external_id: str, answer: Mapping[str, str]
) -> None:
    request = attempts.request_of(ctx, view.invoice, attempt, account)
    try:
        kept = await cast(Completes, account.make()).complete_payment(external_id, request, answer)
    except (Rejected, RetryLater, OutcomeUnknown, NotSupported) as error:
        log.warning("payment.not_completed", payment=show(ATTEMPT, attempt.id), reason=type(error).__name__)
        return
    if kept is not None:
        await inquiry.keep(ctx, attempt, kept)

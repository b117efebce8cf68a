"""Inquiry: how an attempt goes is asked of its vendor, with what its completion gave, where there is any."""

from __future__ import annotations

import base64
from typing import cast

from gateway.domain.payments import Attempt
from gateway.ports.provider import Completes, PaymentUpdate
from gateway.services.context import Context
from gateway.services.directory import ProviderAccount
from gateway.store import payments


async def ask(ctx: Context, account: ProviderAccount, attempt: Attempt, external_id: str) -> PaymentUpdate:
    """How an attempt goes at its vendor, asked with what its completion gave, where there is any. As `fetch_payment`."""
    if attempt.kept is None:
        return await account.make().fetch_payment(external_id)
    before = ctx.vault.open(base64.b64decode(attempt.kept), _aad(attempt)).decode()
    update, kept = await cast(Completes, account.make()).fetch_completed(external_id, before)
    if kept != before:
        await keep(ctx, attempt, kept)
    return update


async def keep(ctx: Context, attempt: Attempt, kept: str) -> None:
    """Keeps, sealed, what the vendor gave when a payment was completed: an access token."""
    sealed = base64.b64encode(ctx.vault.seal(kept.encode(), _aad(attempt))).decode()
    await ctx.db.write(lambda conn: payments.keep(conn, attempt, sealed))


def _aad(attempt: Attempt) -> bytes:
    return f"attempt:{attempt.id}".encode()

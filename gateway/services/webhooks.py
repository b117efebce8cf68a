"""Webhooks of providers: verified by the adapter, kept raw in the inbox, and through the door in the same transaction."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa

from gateway.ports.provider import PaymentStatus, PaymentUpdate
from gateway.ports.values import Money, WebhookRequest
from gateway.services.attempts import APPLY_INBOX, FIRST_POLL, POLL
from gateway.services.context import Context
from gateway.services.directory import Account, Directory, ProviderAccount
from gateway.services.payments import WEBHOOK, apply_update
from gateway.store import inbox, invoices, outbox, payments
from gateway.store.billers import CHANNEL
from gateway.store.inbox import Raw

_KEPT_HEADERS = ("content-type", "user-agent")
_KEPT_MARKS = ("signature", "verification", "webhook-", "event", "request-id", "idempotency", "timestamp")


def raw_of(request: WebhookRequest) -> Raw:
    """The webhook as the inbox keeps it: body and the headers that matter, no cookie and no authorisation."""
    kept = {
        name: value
        for name, value in request.headers.items()
        if name in _KEPT_HEADERS or any(mark in name for mark in _KEPT_MARKS)
    }
    return Raw(kept, request.body)


async def receive_webhook(ctx: Context, account: ProviderAccount, request: WebhookRequest) -> int:
    """Verifies a provider's webhook and books what it says; gives how many of its events were new.

    Each event goes into the inbox and through the door in one transaction. Raises InvalidSignature, MalformedWebhook, and
    RetryLater when the vendor had to be asked and did not answer: then it will call again.
    """
    updates = await account.make().parse_webhook(request)
    raw, now = raw_of(request), ctx.clock.now()

    def body(conn: sa.Connection) -> int:
        return sum(book(conn, ctx.directory, account, update, raw, now) for update in updates)

    return await ctx.db.write(body) if updates else 0


def book(
    conn: sa.Connection, directory: Directory, account: Account, update: PaymentUpdate, raw: Raw, now: datetime
) -> bool:
    """Keeps what an account's webhook says of money, and takes it through the door. False: it was there already.

    What speaks of an attempt that is not known (yet) is held, and tried again.
    """
    inbox_id = inbox.keep(conn, account.row.inbox, update.event_id, raw, now)
    if inbox_id is None:
        return False
    attempt_id = attempt_for(conn, account, update, now)
    if attempt_id is None:
        inbox.hold(conn, inbox_id, _as_json(update))
        outbox.add(conn, APPLY_INBOX, inbox_id, "", now + timedelta(seconds=5), now)
    else:
        apply_update(conn, directory, attempt_id, update, WEBHOOK, now)
    return True


def attempt_for(conn: sa.Connection, account: Account, update: PaymentUpdate, now: datetime) -> int | None:
    """The attempt that an update speaks of; a second payment that the vendor made of one attempt becomes one of its own."""
    attempt = payments.find(conn, account.id, update.external_id, update.reference)
    if attempt is None:
        return None
    if attempt.external_id is None:
        invoices.get(conn, attempt.invoice_id, lock=True)  # first, as at the door
        attempt = payments.adopt(conn, attempt, update.external_id)
    if attempt.external_id != update.external_id:
        copied = ("biller_id", "invoice_id", "account_id", "method", "currency", "amount_minor", "locale", "expires_at")
        row: dict[str, Any] = {name: getattr(attempt, name) for name in copied}
        row |= {"received_minor": 0, "reversed_minor": 0, "polls": 0, "created_at": now, "updated_at": now}
        twin = payments.reserve(conn, row | {"external_id": update.external_id, "reference": f"{attempt.reference}+"})
        if isinstance(account, ProviderAccount):
            outbox.add(conn, POLL, twin, account.destination, now + FIRST_POLL, now)
        return twin
    return attempt.id


def apply_held_payment(conn: sa.Connection, directory: Directory, held: inbox.Held, now: datetime) -> bool:
    """Applies a held observation if its attempt exists now. False: it still does not."""
    kind, _, name = held.account.partition(":")
    account = directory.channel_called(name) if kind == CHANNEL else directory.provider_called(name)
    update = _from_json(held.parsed)
    attempt_id = attempt_for(conn, account, update, now) if account else None
    if attempt_id is None:
        return False
    apply_update(conn, directory, attempt_id, update, WEBHOOK, now)
    return True


def _as_json(update: PaymentUpdate) -> dict[str, Any]:
    return {
        "kind": "payment",
        "event_id": update.event_id,
        "external_id": update.external_id,
        "status": update.status.value,
        "occurred_at": update.occurred_at.isoformat(),
        "received": update.received and [update.received.minor, update.received.currency],
        "reversed": update.reversed and [update.reversed.minor, update.reversed.currency],
        "refunded": update.refunded and [update.refunded.minor, update.refunded.currency],
        "fee": update.fee and [update.fee.minor, update.fee.currency],
        "reason": update.reason,
        "reference": update.reference,
    }


def _from_json(parsed: dict[str, Any]) -> PaymentUpdate:
    values = {name: value for name, value in parsed.items() if name != "kind"}
    values["status"] = PaymentStatus(values["status"])
    values["occurred_at"] = datetime.fromisoformat(values["occurred_at"])
    for name in ("received", "reversed", "refunded", "fee"):
        values[name] = values[name] and Money(*values[name])
    return PaymentUpdate(**values)

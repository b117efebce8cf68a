"""One schema for SQLite and PostgreSQL: the tables, and nothing that decides."""

from gateway.store.schema.columns import Instant, from_ms, metadata, to_ms
from gateway.store.schema.debts import (
    account,
    api_key,
    biller,
    idempotency,
    invoice,
    payer,
    payment_attempt,
    payment_update,
    reconciliation,
    refund,
)
from gateway.store.schema.routes import account_day, account_minute, account_rest
from gateway.store.schema.talk import (
    binding,
    claim,
    conversation,
    delivery,
    message,
    reminder,
    start_token,
    suppression,
    throttle,
)
from gateway.store.schema.work import event, inbox, meta, push_endpoint, status_push, task

__all__ = [
    "Instant",
    "account",
    "account_day",
    "account_minute",
    "account_rest",
    "api_key",
    "biller",
    "binding",
    "claim",
    "conversation",
    "delivery",
    "event",
    "from_ms",
    "idempotency",
    "inbox",
    "invoice",
    "message",
    "meta",
    "metadata",
    "payer",
    "payment_attempt",
    "payment_update",
    "push_endpoint",
    "reconciliation",
    "refund",
    "reminder",
    "start_token",
    "status_push",
    "suppression",
    "task",
    "throttle",
    "to_ms",
]

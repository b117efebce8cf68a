"""What happened and what is to be done: events, tasks, the inbox, pushes."""

from __future__ import annotations

import sqlalchemy as sa

from gateway.store.schema.columns import Id, Json, at, count, metadata, ref, table, text

meta = sa.Table("meta", metadata, sa.Column("key", sa.Text, primary_key=True), text("value"))

event = table(
    "event",
    ref("biller_id", "biller"),
    sa.Column("biller_seq", Id, nullable=False),
    ref("invoice_id", "invoice", null=True),
    sa.Column("invoice_seq", Id),
    text("type"),
    sa.Column("data", Json, nullable=False),
    at("occurred_at"),
    sa.UniqueConstraint("biller_id", "biller_seq"),
    sa.UniqueConstraint("invoice_id", "invoice_seq"),
)

task = table(
    "task",
    text("kind"),
    sa.Column("key", Id, nullable=False),
    text("destination"),
    text("state"),  # due, dead
    at("due_at"),
    count("tries"),
    text("lease_by", null=True),
    sa.Column("again", sa.Boolean, nullable=False, server_default=sa.false()),
    text("last_error", null=True),
    at("created_at"),
    sa.UniqueConstraint("kind", "key"),
    sa.Index(None, "state", "due_at"),
)

inbox = table(
    "inbox",
    text("account"),
    text("event_id"),
    text("state"),  # applied, held
    sa.Column("headers", Json, nullable=False),
    sa.Column("body", sa.LargeBinary, nullable=False),
    sa.Column("parsed", Json),  # the update, as long as it is held
    at("received_at"),
    sa.UniqueConstraint("account", "event_id"),
    sa.Index(
        "ix_inbox_held", "account", sqlite_where=sa.text("state = 'held'"), postgresql_where=sa.text("state = 'held'")
    ),
)

push_endpoint = table(
    "push_endpoint",
    ref("biller_id", "biller"),
    text("url"),
    sa.Column("secrets", sa.LargeBinary, nullable=False),  # sealed by the vault
    sa.Column("events", Json, nullable=False),  # types; empty means all
    sa.Column("enabled", sa.Boolean, nullable=False),
    text("disabled_reason", null=True),
    sa.Column("cursor", Id, nullable=False, server_default="0"),  # biller_seq up to which all is done
    at("created_at"),
    at("updated_at"),
    sa.Index(None, "biller_id"),
)

status_push = table(
    "status_push",
    ref("endpoint_id", "push_endpoint"),
    ref("event_id", "event"),
    text("state"),  # waiting, delivered, dead
    count("tries"),
    at("next_at", null=True),
    sa.Column("body", sa.LargeBinary),  # frozen at the first try, so that every try sends the same
    sa.Column("log", Json, nullable=False),  # [{at, code, ms, error}]
    at("created_at"),
    at("delivered_at", null=True),
    sa.UniqueConstraint("endpoint_id", "event_id"),
)

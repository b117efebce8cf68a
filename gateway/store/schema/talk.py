"""What is said to payers and by them: conversations, messages, deliveries, reminders, chats that are bound."""

from __future__ import annotations

import sqlalchemy as sa

from gateway.store.schema.columns import Json, at, count, metadata, ref, table, text

conversation = table(
    "conversation",
    ref("biller_id", "biller"),
    ref("account_id", "account"),
    text("address"),
    ref("payer_id", "payer", null=True),  # who was chosen, where several share the address
    text("locale", null=True),
    sa.Column("state", Json, nullable=False),  # what was asked last (domain.chat.State)
    at("person_at", null=True),  # since when a person of the biller's is wanted
    at("full_until", null=True),  # how far ahead of its rate the sender is
    at("last_in_at", null=True),
    at("created_at"),
    at("updated_at"),
    sa.UniqueConstraint("account_id", "address"),
    sa.Index(None, "payer_id"),
)

message = table(  # what payers wrote; what they were told are deliveries
    "message",
    ref("biller_id", "biller"),
    ref("conversation_id", "conversation"),
    ref("payer_id", "payer", null=True),
    text("external_id"),
    text("text"),
    text("button", null=True),
    text("intent", null=True),
    at("occurred_at"),
    at("created_at"),
    sa.Index(None, "conversation_id"),
    sa.Index(None, "payer_id"),
)

claim = table(  # what a payer says of an invoice
    "claim",
    ref("biller_id", "biller"),
    ref("payer_id", "payer"),
    ref("invoice_id", "invoice"),
    text("kind"),  # promise, already_paid, dispute, plan
    text("state"),  # open, kept, broken, withdrawn, closed
    sa.Column("until_on", sa.Date),  # a promise's day; the last day on which an unproved payment is waited for
    sa.Column("details", Json, nullable=False),
    at("created_at"),
    at("updated_at"),
    sa.Index(None, "invoice_id"),
)

delivery = table(
    "delivery",
    ref("biller_id", "biller"),
    ref("invoice_id", "invoice", null=True),  # what it is about; none where it is about several, or an answer
    ref("payer_id", "payer", null=True),  # none where an unknown sender is answered
    ref("conversation_id", "conversation", null=True),  # what it answers
    ref("account_id", "account"),
    text("kind"),
    text("channel"),
    text("address"),
    text("locale"),
    text("state"),
    count("wait_s"),
    sa.Column("later", Json, nullable=False),
    text("external_id", null=True),
    text("code", null=True),
    count("segments"),
    count("resends"),
    text("until", null=True),  # read: its wait ends with the reading and not with the delivery
    text("told", null=True),  # the words of the last try: for the transcript, and to ask the vendor for them
    sa.Column("about", Json),  # what it says beyond its invoice: an answer's words, the reminders of one message
    at("due_at"),
    at("sent_at", null=True),
    at("created_at"),
    at("updated_at"),
    sa.Index(None, "invoice_id"),
    sa.Index(None, "payer_id"),
    sa.Index(None, "conversation_id"),
    sa.Index(
        "ix_delivery_external",
        "account_id",
        "external_id",
        sqlite_where=sa.text("external_id IS NOT NULL"),
        postgresql_where=sa.text("external_id IS NOT NULL"),
    ),
)

reminder = table(
    "reminder",
    ref("biller_id", "biller"),
    ref("payer_id", "payer"),
    ref("invoice_id", "invoice"),
    text("source"),  # policy, payer, biller
    text("step"),  # the policy's step ("+3d", or "promise" after a broken one), else empty
    sa.Column("due_on", sa.Date),  # the due date that the step is counted from
    text("tone"),
    text("state"),  # planned, held, queued, sent, skipped, revoked
    text("reason", null=True),  # why it is held, skipped or revoked
    sa.Column("channels", Json, nullable=False),  # in order; empty: the policy's
    at("due_at"),
    ref("delivery_id", "delivery", null=True),
    at("created_at"),
    at("updated_at"),
    sa.Index(None, "invoice_id"),
    sa.Index(None, "payer_id", "state"),
    sa.Index(None, "biller_id", "state", "due_at"),
)

suppression = table(
    "suppression",
    ref("biller_id", "biller"),
    text("channel"),
    text("address"),
    text("reason"),
    at("created_at"),
    sa.UniqueConstraint("biller_id", "channel", "address"),
)

binding = table(
    "binding",
    ref("account_id", "account"),
    text("address"),
    ref("payer_id", "payer"),
    text(
        "contact", null=True
    ),  # the phone number that proved it, with which it stands and falls; none: a single-use link did
    at("created_at"),
    sa.UniqueConstraint("account_id", "address", "payer_id"),
    sa.Index(None, "payer_id"),
)

throttle = sa.Table(  # who tries pay codes, and which: a row goes when its bucket is empty again
    "throttle",
    metadata,
    sa.Column("key", sa.Text, primary_key=True),
    at("full_until"),
    sa.Index(None, "full_until"),
)

start_token = table(
    "start_token",
    ref("account_id", "account"),
    ref("payer_id", "payer"),
    ref("invoice_id", "invoice"),
    at("created_at"),
    at("used_at", null=True),
)

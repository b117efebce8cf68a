"""Who owes what to whom, and the money that came: billers, payers, invoices, payments."""

from __future__ import annotations

import sqlalchemy as sa

from gateway.store.schema.columns import Id, Json, at, count, metadata, minor, ref, table, text, where_known

biller = table(
    "biller",
    text("slug"),
    sa.Column("config", Json, nullable=False),
    at("created_at"),
    at("updated_at"),
    sa.UniqueConstraint("slug"),
)

api_key = table(
    "api_key",
    ref("biller_id", "biller"),
    text("name"),
    sa.Column("hash", sa.LargeBinary, nullable=False),
    sa.Column("scopes", Json, nullable=False),
    at("created_at"),
    at("last_used_at", null=True),
    at("revoked_at", null=True),
)

account = table(
    "account",
    ref("biller_id", "biller"),
    text("kind"),  # channel, provider
    text("name"),  # acme.sms: what its webhook URL ends in
    text("adapter"),
    sa.Column("settings", sa.LargeBinary, nullable=False),  # sealed by the vault
    sa.Column("options", Json, nullable=False),
    sa.Column("enabled", sa.Boolean, nullable=False),
    at("updated_at"),
    sa.UniqueConstraint("kind", "name"),
)

payer = table(
    "payer",
    ref("biller_id", "biller"),
    text("reference"),
    text("name"),
    text("email", null=True),
    text("phone", null=True),
    text("telegram", null=True),
    text("whatsapp", null=True),
    text("locale"),
    text("chosen_locale", null=True),  # the payer's own choice, which the biller's next invoice does not undo
    text("time_zone"),
    sa.Column("tags", Json, nullable=False, server_default="[]"),
    at("created_at"),
    at("updated_at"),
    sa.UniqueConstraint("biller_id", "reference"),
    # Random keys, which cost more to write: but who wrote to us is known by nothing else.
    *[where_known("payer", point) for point in ("email", "phone", "telegram", "whatsapp")],
)

invoice = table(
    "invoice",
    ref("biller_id", "biller"),
    ref("payer_id", "payer"),
    text("number"),
    text("status"),
    text("currency"),
    minor("amount_minor"),
    minor("paid_minor"),
    minor("refunded_minor"),
    sa.Column("issued_on", sa.Date, nullable=False),
    sa.Column("due_on", sa.Date, nullable=False),
    sa.Column("details", Json, nullable=False),
    count("link_version"),
    at("created_at"),
    at("updated_at"),
    at("settled_at", null=True),
    sa.UniqueConstraint("biller_id", "number"),
    sa.Index(None, "payer_id"),
)

idempotency = sa.Table(
    "idempotency",
    metadata,
    sa.Column("biller_id", Id, sa.ForeignKey("biller.id"), primary_key=True),
    sa.Column("key", sa.Text, primary_key=True),
    text("operation"),
    sa.Column("request_hash", sa.LargeBinary, nullable=False),
    sa.Column("resource_id", Id, nullable=False),
    at("created_at"),
)

_FOLLOWED = sa.text("status IN ('created', 'unknown', 'pending', 'accepted', 'expired')")
payment_attempt = table(
    "payment_attempt",
    ref("biller_id", "biller"),
    ref("invoice_id", "invoice"),
    ref("account_id", "account"),
    text("method"),
    text("status"),
    text("currency"),
    minor("amount_minor"),
    minor("received_minor"),
    minor("reversed_minor"),
    minor("refunded_minor"),
    sa.Column(
        "fee_minor", sa.BigInteger
    ),  # what the vendor keeps; none: not known, and the biller's table does not say
    sa.Column("fee_known", sa.Boolean, nullable=False, server_default=sa.false()),  # the vendor's own word
    text("external_id", null=True),
    text("reference"),
    text("locale"),
    text("choice", null=True),  # the bank that the payer picked
    text("redirect_url", null=True),
    sa.Column("hand_over", Json),  # what the payer is sent there with: a form's fields, or what to type into a bank
    text("reason", null=True),
    at("expires_at"),
    at("closing_at", null=True),
    count("polls"),
    at("created_at"),
    at("updated_at"),
    sa.Index(None, "invoice_id"),
    sa.Index(None, "account_id", "reference"),
    sa.Index("ix_payment_attempt_followed", "account_id", "id", sqlite_where=_FOLLOWED, postgresql_where=_FOLLOWED),
    sa.Index(
        "uq_payment_attempt_external",
        "account_id",
        "external_id",
        unique=True,
        sqlite_where=sa.text("external_id IS NOT NULL"),
        postgresql_where=sa.text("external_id IS NOT NULL"),
    ),
)

payment_update = table(
    "payment_update",
    ref("invoice_id", "invoice"),
    ref("attempt_id", "payment_attempt", null=True),
    text("source"),  # webhook, poll, or where off-platform money was received
    text("reference", null=True),
    text("status"),
    text("verdict"),
    text("currency"),
    minor("delta_minor"),
    minor("refunded_minor"),  # given back, or come back to the biller where it is below zero
    sa.Column("refund_id", Id),
    sa.Column("received_on", sa.Date),
    text("note", null=True),
    at("occurred_at"),
    at("recorded_at"),
    sa.Index(None, "invoice_id"),
    sa.UniqueConstraint("invoice_id", "source", "reference"),
)

refund = table(
    "refund",
    ref("biller_id", "biller"),
    ref("invoice_id", "invoice"),
    ref("attempt_id", "payment_attempt", null=True),
    ref("line_id", "payment_update", null=True),  # money that came elsewhere
    text("state"),
    text("reason"),
    text("given_by", null=True),  # provider, desk, person
    text("currency"),
    minor("amount_minor"),
    minor("owed_minor"),
    minor("counts_minor"),
    minor("before_minor"),  # what was given back of the payment when the provider was told
    count("round"),
    sa.Column("told", sa.Boolean, nullable=False, server_default=sa.false()),
    text("external_id", null=True),
    text("reference", null=True),
    text("code", null=True),
    sa.Column("asked", Json),  # the request, as a repeated one is compared with it
    count("polls"),
    at("created_at"),
    at("updated_at"),
    at("done_at", null=True),
    sa.Index(None, "invoice_id"),
    sa.Index(None, "biller_id", "state"),
)

reconciliation = table(
    "reconciliation",
    ref("biller_id", "biller"),
    ref("account_id", "account"),
    sa.Column("of_day", sa.Date, nullable=False),  # where the biller is
    count("listed"),
    count("repaired"),
    sa.Column("strange", Json, nullable=False),  # ids that the provider lists and we do not know
    sa.Column("missing", Json, nullable=False),  # attempts that brought money, and the provider does not list
    at("through_at"),  # how far the day has been gone through
    at("done_at", null=True),
    sa.UniqueConstraint("account_id", "of_day"),
)

"""One schema for SQLite and PostgreSQL: the tables, and nothing that decides.

Keys are numbers the database assigns, so every index grows at its end; none is given twice. Money is BIGINT minor units,
instants are BIGINT milliseconds (UTC), dates are ISO text on SQLite and DATE on PostgreSQL.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql

NAMING = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "fk": "fk_%(table_name)s_%(column_0_name)s",
    "pk": "pk_%(table_name)s",
}
metadata = sa.MetaData(naming_convention=NAMING)

Id = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
Json = sa.JSON().with_variant(postgresql.JSONB(), "postgresql")


class Instant(sa.types.TypeDecorator[datetime]):
    """An aware UTC datetime, kept as milliseconds since 1970 so that both engines order and index it alike."""

    impl = sa.BigInteger
    cache_ok = True

    def bind_processor(self, dialect: sa.Dialect) -> Callable[[datetime | None], int | None]:
        return lambda value: None if value is None else round(value.timestamp() * 1000)

    def result_processor(self, dialect: sa.Dialect, coltype: object) -> Callable[[int | None], datetime | None]:
        return lambda ms: None if ms is None else datetime.fromtimestamp(ms / 1000, UTC)


def to_ms(at: datetime) -> int:
    return round(at.timestamp() * 1000)


def from_ms(ms: int) -> datetime:
    return datetime.fromtimestamp(ms / 1000, UTC)


def _table(name: str, *items: sa.schema.SchemaItem) -> sa.Table:
    return sa.Table(name, metadata, sa.Column("id", Id, primary_key=True), *items, sqlite_autoincrement=True)


def _ref(name: str, target: str, *, null: bool = False) -> sa.Column[int]:
    return sa.Column(name, Id, sa.ForeignKey(f"{target}.id"), nullable=null)


def _text(name: str, *, null: bool = False) -> sa.Column[str]:
    return sa.Column(name, sa.Text, nullable=null)


def _at(name: str, *, null: bool = False) -> sa.Column[datetime]:
    return sa.Column(name, Instant, nullable=null)


def _minor(name: str) -> sa.Column[int]:
    return sa.Column(name, sa.BigInteger, nullable=False, server_default="0")


def _count(name: str) -> sa.Column[int]:
    return sa.Column(name, sa.Integer, nullable=False, server_default="0")


meta = sa.Table("meta", metadata, sa.Column("key", sa.Text, primary_key=True), _text("value"))

biller = _table(
    "biller",
    _text("slug"),
    sa.Column("config", Json, nullable=False),
    _at("created_at"),
    _at("updated_at"),
    sa.UniqueConstraint("slug"),
)

api_key = _table(
    "api_key",
    _ref("biller_id", "biller"),
    _text("name"),
    sa.Column("hash", sa.LargeBinary, nullable=False),
    sa.Column("scopes", Json, nullable=False),
    _at("created_at"),
    _at("last_used_at", null=True),
    _at("revoked_at", null=True),
)

account = _table(
    "account",
    _ref("biller_id", "biller"),
    _text("kind"),  # channel, provider
    _text("name"),  # acme.sms: what its webhook URL ends in
    _text("adapter"),
    sa.Column("settings", sa.LargeBinary, nullable=False),  # sealed by the vault
    sa.Column("options", Json, nullable=False),
    sa.Column("enabled", sa.Boolean, nullable=False),
    _at("updated_at"),
    sa.UniqueConstraint("kind", "name"),
)

payer = _table(
    "payer",
    _ref("biller_id", "biller"),
    _text("reference"),
    _text("name"),
    _text("email", null=True),
    _text("phone", null=True),
    _text("telegram", null=True),
    _text("whatsapp", null=True),
    _text("locale"),
    _text("time_zone"),
    _at("created_at"),
    _at("updated_at"),
    sa.UniqueConstraint("biller_id", "reference"),
)

invoice = _table(
    "invoice",
    _ref("biller_id", "biller"),
    _ref("payer_id", "payer"),
    _text("number"),
    _text("status"),
    _text("currency"),
    _minor("amount_minor"),
    _minor("paid_minor"),
    sa.Column("issued_on", sa.Date, nullable=False),
    sa.Column("due_on", sa.Date, nullable=False),
    sa.Column("details", Json, nullable=False),
    _count("link_version"),
    _at("created_at"),
    _at("updated_at"),
    _at("settled_at", null=True),
    sa.UniqueConstraint("biller_id", "number"),
    sa.Index(None, "payer_id"),
)

idempotency = sa.Table(
    "idempotency",
    metadata,
    sa.Column("biller_id", Id, sa.ForeignKey("biller.id"), primary_key=True),
    sa.Column("key", sa.Text, primary_key=True),
    _text("operation"),
    sa.Column("request_hash", sa.LargeBinary, nullable=False),
    sa.Column("resource_id", Id, nullable=False),
    _at("created_at"),
)

payment_attempt = _table(
    "payment_attempt",
    _ref("biller_id", "biller"),
    _ref("invoice_id", "invoice"),
    _ref("account_id", "account"),
    _text("method"),
    _text("status"),
    _text("currency"),
    _minor("amount_minor"),
    _minor("received_minor"),
    _minor("reversed_minor"),
    _text("external_id", null=True),
    _text("reference"),
    _text("locale"),
    _text("redirect_url", null=True),
    _text("reason", null=True),
    _at("expires_at"),
    _at("closing_at", null=True),
    _count("polls"),
    _at("created_at"),
    _at("updated_at"),
    sa.Index(None, "invoice_id"),
    sa.Index(None, "account_id", "reference"),
    sa.Index(
        "uq_payment_attempt_external",
        "account_id",
        "external_id",
        unique=True,
        sqlite_where=sa.text("external_id IS NOT NULL"),
        postgresql_where=sa.text("external_id IS NOT NULL"),
    ),
)

payment_update = _table(
    "payment_update",
    _ref("invoice_id", "invoice"),
    _ref("attempt_id", "payment_attempt", null=True),
    _text("source"),  # webhook, poll, or where off-platform money was received
    _text("reference", null=True),
    _text("status"),
    _text("verdict"),
    _text("currency"),
    _minor("delta_minor"),
    sa.Column("received_on", sa.Date),
    _text("note", null=True),
    _at("occurred_at"),
    _at("recorded_at"),
    sa.Index(None, "invoice_id"),
    sa.UniqueConstraint("invoice_id", "source", "reference"),
)

refund = _table(
    "refund",
    _ref("invoice_id", "invoice"),
    _ref("attempt_id", "payment_attempt", null=True),
    _text("state"),
    _text("reason"),
    _text("currency"),
    _minor("amount_minor"),
    _at("created_at"),
    sa.Index(None, "invoice_id"),
)

event = _table(
    "event",
    _ref("biller_id", "biller"),
    sa.Column("biller_seq", Id, nullable=False),
    _ref("invoice_id", "invoice", null=True),
    sa.Column("invoice_seq", Id),
    _text("type"),
    sa.Column("data", Json, nullable=False),
    _at("occurred_at"),
    sa.UniqueConstraint("biller_id", "biller_seq"),
    sa.UniqueConstraint("invoice_id", "invoice_seq"),
)

task = _table(
    "task",
    _text("kind"),
    sa.Column("key", Id, nullable=False),
    _text("destination"),
    _text("state"),  # due, dead
    _at("due_at"),
    _count("tries"),
    _text("lease_by", null=True),
    sa.Column("again", sa.Boolean, nullable=False, server_default=sa.false()),
    _text("last_error", null=True),
    _at("created_at"),
    sa.UniqueConstraint("kind", "key"),
    sa.Index(None, "state", "due_at"),
)

inbox = _table(
    "inbox",
    _text("account"),
    _text("event_id"),
    _text("state"),  # applied, held
    sa.Column("headers", Json, nullable=False),
    sa.Column("body", sa.LargeBinary, nullable=False),
    sa.Column("parsed", Json),  # the update, as long as it is held
    _at("received_at"),
    sa.UniqueConstraint("account", "event_id"),
    sa.Index(
        "ix_inbox_held", "account", sqlite_where=sa.text("state = 'held'"), postgresql_where=sa.text("state = 'held'")
    ),
)

delivery = _table(
    "delivery",
    _ref("biller_id", "biller"),
    _ref("invoice_id", "invoice"),
    _ref("payer_id", "payer"),
    _ref("account_id", "account"),
    _text("kind"),
    _text("channel"),
    _text("address"),
    _text("locale"),
    _text("state"),
    _count("wait_s"),
    sa.Column("later", Json, nullable=False),
    _text("external_id", null=True),
    _text("code", null=True),
    _count("segments"),
    _count("resends"),
    _text("told", null=True),  # the words of the last try, where the vendor can be asked for them
    _at("due_at"),
    _at("sent_at", null=True),
    _at("created_at"),
    _at("updated_at"),
    sa.Index(None, "invoice_id"),
    sa.Index(
        "ix_delivery_external",
        "account_id",
        "external_id",
        sqlite_where=sa.text("external_id IS NOT NULL"),
        postgresql_where=sa.text("external_id IS NOT NULL"),
    ),
)

suppression = _table(
    "suppression",
    _ref("biller_id", "biller"),
    _text("channel"),
    _text("address"),
    _text("reason"),
    _at("created_at"),
    sa.UniqueConstraint("biller_id", "channel", "address"),
)

binding = _table(
    "binding",
    _ref("account_id", "account"),
    _text("address"),
    _ref("payer_id", "payer"),
    _at("created_at"),
    sa.UniqueConstraint("account_id", "address", "payer_id"),
)

start_token = _table(
    "start_token",
    _ref("account_id", "account"),
    _ref("payer_id", "payer"),
    _ref("invoice_id", "invoice"),
    _at("created_at"),
    _at("used_at", null=True),
)

push_endpoint = _table(
    "push_endpoint",
    _ref("biller_id", "biller"),
    _text("url"),
    sa.Column("secrets", sa.LargeBinary, nullable=False),  # sealed by the vault
    sa.Column("events", Json, nullable=False),  # types; empty means all
    sa.Column("enabled", sa.Boolean, nullable=False),
    _text("disabled_reason", null=True),
    sa.Column("cursor", Id, nullable=False, server_default="0"),  # biller_seq up to which all is done
    _at("created_at"),
    _at("updated_at"),
    sa.Index(None, "biller_id"),
)

status_push = _table(
    "status_push",
    _ref("endpoint_id", "push_endpoint"),
    _ref("event_id", "event"),
    _text("state"),  # waiting, delivered, dead
    _count("tries"),
    _at("next_at", null=True),
    sa.Column("body", sa.LargeBinary),  # frozen at the first try, so that every try sends the same
    sa.Column("log", Json, nullable=False),  # [{at, code, ms, error}]
    _at("created_at"),
    _at("delivered_at", null=True),
    sa.UniqueConstraint("endpoint_id", "event_id"),
)

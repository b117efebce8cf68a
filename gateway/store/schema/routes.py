"""What routing remembers of each provider account: how its last minutes were, whether it rests, and what it received."""

from __future__ import annotations

import sqlalchemy as sa

from gateway.store.schema.columns import Id, at, count, metadata, minor, text

account_minute = sa.Table(
    "account_minute",
    metadata,
    sa.Column("account_id", Id, sa.ForeignKey("account.id"), primary_key=True, autoincrement=False),
    sa.Column("minute", sa.BigInteger, primary_key=True, autoincrement=False),  # since 1970
    count("opened"),
    count("failed"),
    count("confirmed"),
    count("declined"),
    sa.Column("latency_ms", sa.BigInteger, nullable=False, server_default="0"),  # of all that were opened
)

account_rest = sa.Table(  # a row as long as an account is in trouble
    "account_rest",
    metadata,
    sa.Column("account_id", Id, sa.ForeignKey("account.id"), primary_key=True, autoincrement=False),
    text("trouble"),
    at("since"),
    at("retry_at"),  # from then on one payer tries it; who moves this instant is the one
    count("tries"),
)

account_day = sa.Table(
    "account_day",
    metadata,
    sa.Column("account_id", Id, sa.ForeignKey("account.id"), primary_key=True, autoincrement=False),
    sa.Column("day", sa.Date, primary_key=True),  # where the biller is
    sa.Column("currency", sa.Text, primary_key=True),
    minor("received_minor"),  # less what was taken back
)

"""Schema versions by Alembic, run on a connection that the database port lends. Forward only; safe from several processes."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import sqlalchemy as sa

if TYPE_CHECKING:
    from alembic.config import Config

_LOCK = 0x4143_4849_54  # "ACHIT": one advisory lock for all our migrations


def upgrade(conn: sa.Connection) -> None:
    """Brings the schema to the newest version; the second of two processes waits and then finds nothing to do."""
    from alembic import command

    if conn.dialect.name == "postgresql":
        conn.execute(sa.text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _LOCK})
    command.upgrade(config(conn), "head")


def is_current(conn: sa.Connection) -> bool:
    """Whether the database's version is the one this code was written for."""
    from alembic.runtime.migration import MigrationContext
    from alembic.script import ScriptDirectory

    head = ScriptDirectory.from_config(config(conn)).get_current_head()
    return MigrationContext.configure(conn).get_current_revision() == head


def config(conn: sa.Connection) -> Config:
    """Alembic's configuration on this connection, without any file."""
    from alembic.config import Config

    made = Config()
    made.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    made.attributes["connection"] = conn
    return made

"""Alembic's entry: runs on the connection handed in by gateway.store.migrate, all of it in one transaction."""

from __future__ import annotations

from alembic import context

from gateway.store.schema import metadata

connection = context.config.attributes["connection"]
sqlite = connection.dialect.name == "sqlite"
if sqlite:
    connection.exec_driver_sql("BEGIN IMMEDIATE")
context.configure(
    connection=connection, target_metadata=metadata, render_as_batch=sqlite, compare_type=True, transactional_ddl=True
)
with context.begin_transaction():
    context.run_migrations()
if sqlite:
    connection.commit()

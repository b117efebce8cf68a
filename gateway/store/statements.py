"""Statements made once: SQLAlchemy's building of one costs more than running it, so the hot ones are constants with parameters.

Those that need ON CONFLICT exist once an engine, as each engine has its own INSERT.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite


class PerEngine:
    """One statement in the words of each engine. `make` gets the engine's INSERT constructor."""

    def __init__(self, make: Callable[[Any], Any]) -> None:
        self._made = {"sqlite": make(sqlite.insert), "postgresql": make(postgresql.insert)}

    def on(self, conn: sa.Connection) -> Any:
        return self._made[conn.dialect.name]


def new_or_nothing(table: sa.Table, keys: Sequence[str], returning: sa.Column[Any]) -> PerEngine:
    """Inserts the row given as parameters and returns a column of it; no row when `keys` were there already."""
    return PerEngine(
        lambda insert: insert(table).on_conflict_do_nothing(index_elements=list(keys)).returning(returning)
    )


def new_or_update(
    table: sa.Table,
    keys: Sequence[str],
    update: Iterable[str],
    returning: sa.Column[Any],
    *,
    unless_null: Iterable[str] = (),
) -> PerEngine:
    """Inserts the row given as parameters, or gives the row of these `keys` its values of `update`.

    A column of `unless_null` keeps what it has when nothing is given.
    """
    names, kept = list(update), list(unless_null)

    def make(insert: Any) -> Any:
        new = insert(table)
        changes = {name: new.excluded[name] for name in names}
        changes |= {name: sa.func.coalesce(new.excluded[name], table.c[name]) for name in kept}
        return new.on_conflict_do_update(index_elements=list(keys), set_=changes).returning(returning)

    return PerEngine(make)


def by(column: sa.Column[Any], name: str) -> sa.ColumnElement[bool]:
    """`column = :name`, for a statement made once."""
    return column == sa.bindparam(name, type_=column.type)


def among(column: sa.Column[Any], name: str) -> sa.ColumnElement[bool]:
    """`column IN :name`, for a statement made once; the parameter is a list."""
    return column.in_(sa.bindparam(name, expanding=True, type_=column.type))

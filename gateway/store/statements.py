"""Statements made once. SQLAlchemy writes them; on SQLite the text is then kept and goes straight to the driver.

Building a statement costs ten times what SQLite needs to run it, and even running a ready one through SQLAlchemy three times.
The types of the schema hold all the same: they turn parameters and columns, whichever way a statement takes.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.sql import visitors

DRIVER = "driver"  # in `conn.info` of a SQLite connection: runs SQL with question marks, and gives a cursor
Row = Sequence[Any]
Values = Mapping[str, Any]
_Process = Callable[[Any], Any]


class Statement:
    """One statement, with parameters by name; lists where it says `among`. Give the engines their own where they differ."""

    __slots__ = ("_lists", "_made", "_texts")

    def __init__(self, made: sa.Executable, on_postgresql: sa.Executable | None = None) -> None:
        self._made = {"sqlite": made, "postgresql": made if on_postgresql is None else on_postgresql}
        binds = (part for part in visitors.iterate(made) if isinstance(part, sa.BindParameter))  # type: ignore[arg-type]
        self._lists = tuple({bind.key for bind in binds if bind.expanding and bind.required})
        self._texts: dict[tuple[Any, ...], _Text] = {}

    def rows(self, conn: sa.Connection, **values: Any) -> Sequence[Row]:
        """Every row."""
        execute = conn.info.get(DRIVER)
        if execute is None:
            return conn.execute(self._made[conn.dialect.name], values).all()
        text = self._text(conn, values)
        return text.rows(execute(text.sql, text.positions(values)))

    def first(self, conn: sa.Connection, **values: Any) -> Row | None:
        """The first row; None when there is none."""
        rows = self.rows(conn, **values)
        return rows[0] if rows else None

    def value(self, conn: sa.Connection, **values: Any) -> Any:
        """The first column of the first row; None when there is none."""
        rows = self.rows(conn, **values)
        return rows[0][0] if rows else None

    def run(self, conn: sa.Connection, **values: Any) -> int:
        """How many rows were written; for a statement that returns none."""
        execute = conn.info.get(DRIVER)
        if execute is None:
            return conn.execute(self._made[conn.dialect.name], values).rowcount
        text = self._text(conn, values)
        changed: int = execute(text.sql, text.positions(values)).rowcount
        return changed

    def _text(self, conn: sa.Connection, values: dict[str, Any]) -> _Text:
        """An INSERT or UPDATE is another text for other columns, an IN for another number of values, made up to a power of two."""
        shape: tuple[Any, ...] = tuple(values)
        for name in self._lists:
            listed = values[name] = _filled_up(values[name])
            shape = (*shape, len(listed))
        known = self._texts.get(shape)
        if known is None:
            known = self._texts[shape] = _Text.of(self._made["sqlite"], conn.dialect, values)
        return known


def _filled_up(listed: Sequence[Any]) -> list[Any]:
    """The last value over and over, up to a power of two: the same values, and few different lengths."""
    missing = (1 << (len(listed) - 1).bit_length()) - len(listed) if listed else 0
    return [*listed, *[listed[-1]] * missing] if missing else list(listed)


@dataclass(frozen=True, slots=True)
class _Text:
    """A statement as sqlite3 takes it: SQL with question marks, and what comes where, before and after."""

    sql: str
    fixed: list[Any]  # what the statement itself says, at its places
    given: list[tuple[int, str, _Process | None]]  # place, parameter
    listed: list[tuple[int, str, int, _Process | None]]  # place, parameter, place in the list
    columns: list[tuple[int, _Process]]  # those that are not as sqlite3 gives them

    @classmethod
    def of(cls, statement: Any, dialect: sa.Dialect, values: Values) -> _Text:
        compiled = statement.compile(dialect=dialect, column_keys=list(values))
        state = compiled.construct_expanded_state(values)
        parts = {part: (name, n) for name, names in state.parameter_expansion.items() for n, part in enumerate(names)}
        fixed: list[Any] = []
        given, listed = [], []
        for place, name in enumerate(state.positiontup):
            bound = compiled.binds[parts[name][0] if name in parts else name].type
            process = bound.dialect_impl(dialect).bind_processor(dialect)
            fixed.append(None)
            if name in parts and parts[name][0] in values:
                listed.append((place, *parts[name], process))
            elif name in values:
                given.append((place, name, process))
            else:
                fixed[place] = process(state.parameters[name]) if process else state.parameters[name]
        types = [column.type.dialect_impl(dialect) for column in statement.exported_columns]
        processes = [(place, each.result_processor(dialect, None)) for place, each in enumerate(types)]
        return cls(state.statement, fixed, given, listed, [(place, made) for place, made in processes if made])

    def positions(self, values: Values) -> list[Any]:
        row = self.fixed.copy()
        for place, name, process in self.given:
            row[place] = process(values[name]) if process else values[name]
        for place, name, n, process in self.listed:
            row[place] = process(values[name][n]) if process else values[name][n]
        return row

    def rows(self, cursor: sqlite3.Cursor) -> Sequence[Row]:
        if not self.columns:
            return cursor.fetchall()
        rows = [list(row) for row in cursor.fetchall()]
        for row in rows:
            for place, process in self.columns:
                row[place] = process(row[place])
        return rows


def _per_engine(make: Callable[[Any], sa.Executable]) -> Statement:
    """`make` gets the engine's own INSERT, which knows ON CONFLICT."""
    return Statement(make(sqlite.insert), make(postgresql.insert))


def new_or_nothing(table: sa.Table, keys: Sequence[str], returning: sa.Column[Any]) -> Statement:
    """Inserts the row given as parameters and returns a column of it; no row when `keys` were there already."""
    return _per_engine(
        lambda insert: insert(table).on_conflict_do_nothing(index_elements=list(keys)).returning(returning)
    )


def new_or_update(
    table: sa.Table,
    keys: Sequence[str],
    update: Iterable[str],
    *returning: sa.ColumnElement[Any],
    unless_null: Iterable[str] = (),
) -> Statement:
    """Inserts the row given as parameters, or gives the row of these `keys` its values of `update`.

    A column of `unless_null` keeps what it has when nothing is given.
    """
    names, kept = list(update), list(unless_null)

    def make(insert: Any) -> Any:
        new = insert(table)
        changes = {name: new.excluded[name] for name in names}
        changes |= {name: sa.func.coalesce(new.excluded[name], table.c[name]) for name in kept}
        return new.on_conflict_do_update(index_elements=list(keys), set_=changes).returning(*returning)

    return _per_engine(make)


def by(column: sa.Column[Any], name: str) -> sa.ColumnElement[bool]:
    """`column = :name`, for a statement made once."""
    return column == sa.bindparam(name, type_=column.type)


def among(column: sa.Column[Any], name: str) -> sa.ColumnElement[bool]:
    """`column IN :name`, for a statement made once; the parameter is a list."""
    return column.in_(sa.bindparam(name, expanding=True, type_=column.type))

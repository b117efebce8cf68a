"""How a command shows what it has: text, tables that are never cut off, JSON. Results go to standard output, remarks to the other."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import typer

WIDE = 200  # columns, where there is no terminal to fit into

Json = dict[str, Any]
Columns = Mapping[str, str | Callable[[Json], object]]  # by header: a field's name, or what makes the text of a row


def say(text: str) -> None:
    typer.echo(text)


def remark(text: str) -> None:
    """Something for the person alone, which a program that reads the result does not get."""
    typer.echo(text, err=True)


def show_json(value: Any) -> None:
    import orjson

    typer.echo(orjson.dumps(value, option=orjson.OPT_INDENT_2).decode())


def show_table(rows: Sequence[Json], columns: Columns, *, empty: str) -> None:
    """A line a row; a long value is folded, not cut. `empty` is said when there is no row."""
    if not rows:
        remark(empty)
        return
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False, show_edge=False, header_style="bold")
    for header in columns:
        table.add_column(header, overflow="fold")
    for row in rows:
        values = [row[column] if isinstance(column, str) else column(row) for column in columns.values()]
        table.add_row(*(Text("" if value is None else str(value)) for value in values))
    console = Console(highlight=False)
    if not console.is_terminal:
        console = Console(highlight=False, width=WIDE)
    console.print(table)


def at(field: str) -> Callable[[Json], str]:
    """A column of instants: `2026-11-23 09:00:01` of `2026-11-23T09:00:01.123Z`, in UTC."""
    return lambda row: row[field][:19].replace("T", " ") if row[field] else ""


def counted(number: int, noun: str) -> str:
    """`no faults`, `1 fault`, `2 faults`."""
    return f"{number or 'no'} {noun}{'' if number == 1 else 's'}"

"""The options that several commands share, and how a command carries out an operation of `gateway.control`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

ConfigFile = Annotated[
    Path | None,
    typer.Option(
        "--config",
        metavar="FILE",
        envvar="ACHIT_CONFIG",
        show_default="achit.toml here, when there is one",
        help="The configuration.",
    ),
]
StateFolder = Annotated[
    Path | None,
    typer.Option(
        "--state",
        metavar="DIR",
        show_default="./var",
        help="Do without a configuration: database, key and billers/*.toml in this folder.",
    ),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON, for a program to read.")]
BillerName = Annotated[
    str | None,
    typer.Option("--biller", metavar="SLUG", show_default="the only one there is", help="Which biller."),
]
OfBiller = Annotated[str | None, typer.Option("--biller", metavar="SLUG", help="Of this biller alone.")]
Limit = Annotated[int, typer.Option("--limit", min=1, max=1_000, help="At most this many.")]


def carry_out(config: Path | None, state: Path | None, operation: str, **arguments: Any) -> Any:
    """Has an operation carried out on the database that the options name, and gives its result."""
    import asyncio

    from gateway.cli.configured import find_config, operate

    return asyncio.run(operate(find_config(config, state), operation, arguments))

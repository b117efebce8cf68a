"""`achit whatsapp`: what is special about this way to payers, whichever vendor carries it."""

from __future__ import annotations

from typing import Annotated

import typer

from gateway.cli.options import AsJson, BillerName, ConfigFile, StateFolder, carry_out
from gateway.cli.output import Columns, counted, say, show_json, show_table

CONTACT_POINT = "whatsapp"
_GOOD = ("approved", "pending")


def group() -> typer.Typer:
    texts = typer.Typer(no_args_is_help=True, help="The texts that WhatsApp has to approve.")
    texts.callback()(_templates)
    texts.command()(sync)
    whatsapp = typer.Typer(no_args_is_help=True, help="WhatsApp's own needs.")
    whatsapp.add_typer(texts, name="templates")
    return whatsapp


def _templates() -> None:
    """The texts that WhatsApp has to approve."""


def sync(
    biller: BillerName = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only show how things stand.")] = False,
    config: ConfigFile = None,
    state: StateFolder = None,
    as_json: AsJson = False,
) -> None:
    """Submit our message texts, in every language, to every WhatsApp account of a biller; show which wait or were rejected.

    Safe to repeat. A changed text is another template, so run this before the change is used. The exit code is 1 when one is
    rejected or, with --dry-run, missing.
    """
    done = carry_out(config, state, "templates.sync", biller=biller, contact_point=CONTACT_POINT, dry_run=dry_run)
    rows = done["templates"]
    if as_json:
        show_json(done)
    else:
        columns: Columns = {
            "account": "account",
            "message": "kind",
            "language": "language",
            "template": "name",
            "status": lambda row: f"{row['status']}{', submitted now' if row['new'] else ''}",
            "": "reason",
        }
        show_table(rows, columns, empty="there is no message")
        waiting = sum(row["status"] not in _GOOD for row in rows)
        say(f"{done['biller']}: {counted(len(rows), 'template')}, {counted(waiting, 'fault')}")
    raise typer.Exit(1 if any(row["status"] not in _GOOD for row in rows) else 0)

"""`achit reminders`: what payers are going to be reminded of."""

from __future__ import annotations

from typing import Annotated

import typer

from gateway.cli.options import AsJson, BillerName, ConfigFile, Limit, StateFolder, carry_out
from gateway.cli.output import Columns, Json, counted, say, show_json, show_table


def group() -> typer.Typer:
    reminders = typer.Typer(no_args_is_help=True, help="See what payers are going to be reminded of.")
    reminders.callback()(_group)  # a group, though it has one command
    reminders.command()(plan)
    return reminders


def _group() -> None:
    """See what payers are going to be reminded of."""


def plan(
    days: Annotated[int, typer.Option("--days", min=1, max=366, help="So many days ahead.")] = 7,
    limit: Limit = 1_000,
    biller: BillerName = None,
    config: ConfigFile = None,
    state: StateFolder = None,
    as_json: AsJson = False,
) -> None:
    """Show what would be sent, to whom, when, on which channel, at what cost, and why something is held or left out.

    The same rules send it. What payers do meanwhile, and what a provider would say, is not foreseen. Times are the payer's own.
    """
    found = carry_out(config, state, "reminders.plan", biller=biller, days=days, limit=limit)
    if as_json:
        show_json(found)
        return
    columns: Columns = {
        "when": _when,
        "payer": lambda row: f"{row['payer']['name']} ({row['payer']['reference']})",
        "invoices": lambda row: ", ".join(row["invoices"]),
        "step": lambda row: ", ".join(row["steps"]),
        "tone": "tone",
        "": _what,
        "cost": lambda row: f"{row['cost']['value']} {row['cost']['currency']}" if row["cost"]["value"] != "0" else "",
        "why": lambda row: row["reason"],
    }
    show_table(found["items"], columns, empty=f"nobody is reminded of anything in {counted(days, 'day')}")
    messages = sum(row["status"] == "send" for row in found["items"])
    if found["items"]:
        say(f"{counted(messages, 'message')}, {found['cost']['value']} {found['cost']['currency']}")
    if found["more_payers"]:
        say(f"and {counted(found['more_payers'], 'more payer')}, with --limit")


def _when(row: Json) -> str:
    """The instant on the payer's clock."""
    from datetime import datetime
    from zoneinfo import ZoneInfo

    if row["at"] is None:
        return "open"
    return f"{datetime.fromisoformat(row['at']).astimezone(ZoneInfo(row['payer']['time_zone'])):%a %Y-%m-%d %H:%M}"


def _what(row: Json) -> str:
    return f"{row['channel']} {row['address']}" if row["status"] == "send" else str(row["status"])

"""`achit reconcile`: what providers list is compared with what is known, and the difference is repaired."""

from __future__ import annotations

from typing import Annotated

import typer

from gateway.cli.options import AsJson, ConfigFile, Limit, StateFolder, carry_out
from gateway.cli.output import Columns, at, counted, say, show_json, show_table


def group() -> typer.Typer:
    reconcile = typer.Typer(no_args_is_help=True)
    reconcile.command()(provider)
    reconcile.command("list")(list_)
    return reconcile


def provider(
    account: Annotated[str, typer.Argument(help="The provider account, such as acme.stripe.")],
    day: Annotated[
        str, typer.Option("--day", metavar="YYYY-MM-DD", help="Which day, where the biller is; it must be over.")
    ],
    config: ConfigFile = None,
    state: StateFolder = None,
    as_json: AsJson = False,
) -> None:
    """Compare a day with the provider's own list and book what is missing here. Ends with 1 when something is left to explain.

    The worker does this by itself for each day that is over. A payment that the provider lists and no attempt of ours made is named,
    never booked; so is one of ours that the provider does not know.
    """
    from datetime import date

    from gateway.cli.failing import WrongUse

    try:
        date.fromisoformat(day)
    except ValueError:
        raise WrongUse(f"--day: {day} is not a date such as 2026-11-25") from None
    done = carry_out(config, state, "reconcile.provider", account=account, day=day)
    if as_json:
        show_json(done)
    else:
        say(
            f"{done['account']} {done['day']}: {counted(done['listed'], 'payment')} listed, {done['repaired']} repaired"
        )
        for external_id in done["strange"]:
            say(f"  {external_id}: listed there, not known here")
        for attempt in done["missing"]:
            say(f"  {attempt}: paid here, not known there")
    if done["strange"] or done["missing"]:
        raise typer.Exit(1)


def list_(
    account: Annotated[str | None, typer.Option("--account", metavar="NAME", help="Of this account alone.")] = None,
    limit: Limit = 50,
    config: ConfigFile = None,
    state: StateFolder = None,
    as_json: AsJson = False,
) -> None:
    """List the days that were compared, the newest first. Instants are UTC."""
    found = carry_out(config, state, "reconcile.list", account=account, limit=limit)
    if as_json:
        show_json(found)
        return
    columns: Columns = {
        "account": "account",
        "day": "day",
        "listed": "listed",
        "repaired": "repaired",
        "strange": lambda row: len(row["strange"]),
        "missing": lambda row: len(row["missing"]),
        "done": at("done_at"),
    }
    show_table(found, columns, empty="no day has been compared yet")

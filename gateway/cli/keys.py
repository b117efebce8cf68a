"""`achit key`: the API keys of billers."""

from __future__ import annotations

from typing import Annotated

import typer

from gateway.cli.options import AsJson, BillerName, ConfigFile, StateFolder, carry_out
from gateway.cli.output import Columns, at, remark, say, show_json, show_table
from gateway.domain.keys import Scope


def group() -> typer.Typer:
    keys = typer.Typer(no_args_is_help=True, help="API keys of billers.")
    keys.command()(create)
    keys.command("list")(list_)
    keys.command()(revoke)
    return keys


def create(
    biller: BillerName = None,
    name: Annotated[str, typer.Option("--name", help="What it is for.")] = "",
    scope: Annotated[
        list[Scope] | None, typer.Option("--scope", show_default="both", help="What it may do; may be repeated.")
    ] = None,
    config: ConfigFile = None,
    state: StateFolder = None,
    as_json: AsJson = False,
) -> None:
    """Make an API key. It is shown this once; what is stored proves it and cannot be turned back."""
    scopes = [one.value for one in dict.fromkeys(scope or Scope)]
    made = carry_out(config, state, "key.create", biller=biller, name=name, scopes=scopes)
    if as_json:
        show_json(made)
    else:
        say(made["key"])
        remark(f"a key of {made['biller']} ({', '.join(scopes)}); keep it now: it is not shown again")


def list_(
    biller: BillerName = None, config: ConfigFile = None, state: StateFolder = None, as_json: AsJson = False
) -> None:
    """List a biller's API keys by their beginnings, revoked ones too. Instants are UTC."""
    rows = carry_out(config, state, "key.list", biller=biller)
    if as_json:
        show_json(rows)
        return
    columns: Columns = {
        "key": "id",
        "name": "name",
        "scopes": lambda row: " ".join(row["scopes"]),
        "created": at("created_at"),
        "last used": at("last_used_at"),
        "revoked": at("revoked_at"),
    }
    show_table(rows, columns, empty="there is no key yet")


def revoke(
    key: Annotated[str, typer.Argument(metavar="KEY", help="Its beginning, such as ak_7, or all of it.")],
    biller: BillerName = None,
    config: ConfigFile = None,
    state: StateFolder = None,
) -> None:
    """Make a key stop working, for good."""
    gone = carry_out(config, state, "key.revoke", biller=biller, key=key)
    say(f"{gone['id']} is revoked")

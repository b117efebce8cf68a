"""`achit route`: why a payer is shown which method, what another policy would have made of past payments, what they cost."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from gateway.cli.options import AsJson, BillerName, ConfigFile, StateFolder, carry_out
from gateway.cli.output import Columns, Json, counted, say, show_json, show_table

FirstDay = Annotated[str, typer.Option("--from", metavar="DAY", help="The first day of the payments: 2026-11-01.")]
LastDay = Annotated[
    str | None, typer.Option("--to", metavar="DAY", show_default="today", help="The last day of the payments.")
]


def group() -> typer.Typer:
    routes = typer.Typer(no_args_is_help=True, help="See how payments are routed, and what they cost.")
    routes.command()(explain)
    routes.command()(simulate)
    routes.command()(report)
    return routes


def explain(
    invoice: Annotated[str, typer.Option("--invoice", metavar="NUMBER", help="The biller's own number.")],
    browser: Annotated[
        str | None, typer.Option("--browser", metavar="UA", help="A User-Agent, to see what its page shows.")
    ] = None,
    biller: BillerName = None,
    config: ConfigFile = None,
    state: StateFolder = None,
    as_json: AsJson = False,
) -> None:
    """Say why each method is shown, hidden, first or last for an invoice, which account would serve it, and what it would cost."""
    found = carry_out(config, state, "route.explain", biller=biller, invoice=invoice, browser=browser)
    if as_json:
        show_json(found)
        return
    say(f"{found['number']}  {_sum(found['amount'])}  in {_BROWSERS.get(found['browser'], found['browser'])}")
    rows = [
        {"method": route, "option": option, "first": not place}
        for route in found["methods"]
        for place, option in enumerate(route["options"])
    ]
    columns: Columns = {
        "method": lambda row: _method(row["method"]) if row["first"] else "",
        "account": lambda row: row["option"]["account"],
        "fee": lambda row: _sum(row["option"]["cost"]["fee"]) if row["option"]["cost"]["fee"] else "not known",
        "days": lambda row: row["option"]["cost"]["days_to_cash"],
        "in all": lambda row: row["option"]["cost"]["total"] or "",
        "": lambda row: "" if row["option"]["health"] == "well" else row["option"]["health"],
        "why": lambda row: "; ".join(reason["text"] for reason in row["option"]["because"]),
    }
    show_table(rows, columns, empty="no provider account")
    for route in found["methods"]:
        what = "is shown" if route["shown"] else "is not shown"
        words = ", with a warning: nothing is well" if route["troubled"] else ""
        say(f"{route['method']} {what}{words}: {'; '.join(reason['text'] for reason in route['because'])}")
    for method in found["unanswered"]:
        say(f"{method}: the last try has no answer yet, and is not tried again before")


_BROWSERS = {"plain": "a browser of its own"}


def _method(route: Json) -> str:
    return str(route["method"]) if route["shown"] else f"({route['method']})"


def simulate(
    policy: Annotated[
        Path,
        typer.Argument(
            metavar="POLICY.toml",
            help="A file with [routing] and, of accounts that would cost or take something else, [providers.NAME]; a biller's file is one.",
        ),
    ],
    first: FirstDay,
    last: LastDay = None,
    biller: BillerName = None,
    config: ConfigFile = None,
    state: StateFolder = None,
    as_json: AsJson = False,
) -> None:
    """Replay past payments under another policy: what they would have cost, how many would have come through, what is estimated of it."""
    from gateway.config.routing import TERMS
    from gateway.config.shapes import read_toml

    read = read_toml(policy)
    tables = read.get("providers")
    accounts = {
        name: {key: value for key, value in table.items() if key in TERMS}
        for name, table in (tables.items() if isinstance(tables, dict) else ())
        if isinstance(table, dict)
    }
    sent = {"routing": read.get("routing", {}), "providers": accounts}
    found = carry_out(
        config,
        state,
        "route.simulate",
        biller=biller,
        policy=sent,
        file=policy.name,
        **{"from": first, "to": last},
    )
    if as_json:
        show_json(found)
        return
    rows = found["accounts"] + [{"account": "all"} | total for total in found["totals"]]
    columns: Columns = {
        "account": "account",
        "payments": lambda row: f"{row['was']['payments']} → {row['then']['payments']}",
        "paid": lambda row: f"{row['was']['paid']} → {row['then']['paid']}",
        "success": lambda row: f"{row['was']['success'] or '-'} → {row['then']['success'] or '-'}",
        "cost": lambda row: f"{_sum(row['was']['cost'])} → {_sum(row['then']['cost'])}",
        "difference": lambda row: _sum(row["cost_difference"]),
    }
    show_table(rows, columns, empty="no payment was begun in these days")
    told = found["estimated"]
    if found["payments"]:
        say(
            f"{counted(told['outcomes'], 'outcome')} of {found['payments']} estimated, by how the other account did in the same days; "
            f"{counted(told['lost'], 'payment')} would have found no method"
        )
        say(
            f"costs are of {counted(told['fees_compared'], 'payment')} that were paid; {told['fees_known']} of the fees that were paid "
            f"are the provider's own word; {counted(told['fees_not_compared'], 'payment')} without a fee left out"
        )


def report(
    first: FirstDay,
    last: LastDay = None,
    biller: BillerName = None,
    config: ConfigFile = None,
    state: StateFolder = None,
    as_json: AsJson = False,
) -> None:
    """Show what was paid in fees, and what payments at a fixed price saved over those that take a percentage."""
    found = carry_out(config, state, "route.report", biller=biller, **{"from": first, "to": last})
    if as_json:
        show_json(found)
        return
    rows = found["accounts"] + [{"account": "all", "method": ""} | total for total in found["totals"]]
    columns: Columns = {
        "account": "account",
        "method": "method",
        "payments": "payments",
        "received": lambda row: _sum(row["received"]),
        "fees": lambda row: _sum(row["fees"]),
        "estimated": lambda row: _sum(row["of_which_estimated"]),
        "not known": lambda row: row["without_a_fee"] or "",
    }
    show_table(rows, columns, empty="nothing was paid in these days")
    for total in found["totals"]:
        saved = total["saved_by_fixed_prices"]
        if saved["payments"]:
            say(
                f"{counted(saved['payments'], 'payment')} at a fixed price saved {_sum(saved['amount'])}"
                f" over {' and '.join(saved['against'])}"
            )


def _sum(amount: Json) -> str:
    return f"{amount['value']} {amount['currency']}"

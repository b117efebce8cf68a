"""`achit refund`: money that must go back to payers; what waits for a person, tried again, reported done."""

from __future__ import annotations

from typing import Annotated

import typer

from gateway.cli.options import AsJson, ConfigFile, Limit, OfBiller, StateFolder, carry_out
from gateway.cli.output import Columns, Json, at, say, show_json, show_table

RefundId = Annotated[str, typer.Argument(metavar="REFUND", help="Its id, such as rfd_000001C.")]
Reference = Annotated[
    str,
    typer.Option("--reference", metavar="TEXT", help="By which the money can be found: of the transfer, the receipt."),
]


def group() -> typer.Typer:
    refunds = typer.Typer(no_args_is_help=True, help="Money that goes back to payers.")
    refunds.command("list")(list_)
    refunds.command()(retry)
    refunds.command()(done)
    return refunds


def list_(
    biller: OfBiller = None,
    every: Annotated[bool, typer.Option("--all", help="Also what is under way, done or closed.")] = False,
    limit: Limit = 50,
    config: ConfigFile = None,
    state: StateFolder = None,
    as_json: AsJson = False,
) -> None:
    """List the refunds that wait for a person: those that are due, and those that failed. Instants are UTC."""
    states = [] if every else ["due", "failed"]
    rows = carry_out(config, state, "refund.list", biller=biller, states=states, limit=limit)
    if as_json:
        show_json(rows)
        return
    columns: Columns = {
        "refund": "id",
        "biller": "biller",
        "invoice": "number",
        "payment": "payment",
        "amount": _amount,
        "reason": "reason",
        "state": "state",
        "why": "code",
        "since": at("updated_at"),
        "reference": "reference",
    }
    show_table(rows, columns, empty="there is no refund yet" if every else "no refund waits for you")


def retry(refund: RefundId, config: ConfigFile = None, state: StateFolder = None, as_json: AsJson = False) -> None:
    """Send a refund that is due, or that failed, to the payment's provider. What it was told before is looked up first."""
    sent = carry_out(config, state, "refund.retry", refund=refund)
    if as_json:
        show_json(sent)
        return
    say(f"{sent['id']}: {_amount(sent)} is on its way back")


def done(
    refund: RefundId,
    reference: Reference,
    config: ConfigFile = None,
    state: StateFolder = None,
    as_json: AsJson = False,
) -> None:
    """Report that you gave back, another way, what was due or had failed."""
    booked = carry_out(config, state, "refund.done", refund=refund, reference=reference)
    if as_json:
        show_json(booked)
        return
    say(f"{booked['id']}: {_amount(booked)} {'is booked as given back' if booked['new'] else 'was booked before'}")


def _amount(refund: Json) -> str:
    return f"{refund['amount']['value']} {refund['amount']['currency']}"

"""`achit invoice`: for a person at a terminal, the same invoices as over the API."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import typer

from gateway.cli.options import AsJson, BillerName, ConfigFile, StateFolder, carry_out
from gateway.cli.output import Columns, Json, at, say, show_json, show_table


def group() -> typer.Typer:
    invoices = typer.Typer(no_args_is_help=True, help="Send an invoice, look at one.")
    invoices.command()(send)
    invoices.command()(show)
    return invoices


def send(
    file: Annotated[
        Path, typer.Argument(metavar="FILE", help="The JSON that POST /v1/invoices takes; - is standard input.")
    ],
    biller: BillerName = None,
    config: ConfigFile = None,
    state: StateFolder = None,
    as_json: AsJson = False,
) -> None:
    """Issue an invoice. Safe to repeat: the same again changes nothing, another one of its number is refused."""
    from gateway.cli.failing import WrongUse

    try:
        body = (sys.stdin.buffer.read() if str(file) == "-" else file.read_bytes()).decode()
    except UnicodeDecodeError:
        raise WrongUse(f"{file} is not UTF-8") from None
    sent = carry_out(config, state, "invoice.send", biller=biller, body=body)
    if as_json:
        show_json(sent)
        return
    invoice = sent["invoice"]
    say(f"{invoice['number']} {'is issued' if sent['new'] else 'was issued before: nothing new was done'}")
    for line in _facts({"id": invoice["id"], "pay page": invoice["pay_url"]}):
        say(line)
    for delivery in invoice["deliveries"]:
        say(_delivery(delivery))


def show(
    number: Annotated[str, typer.Argument(metavar="NUMBER", help="The biller's own number.")],
    biller: BillerName = None,
    config: ConfigFile = None,
    state: StateFolder = None,
    as_json: AsJson = False,
) -> None:
    """Show an invoice and all that happened to it. Instants are UTC."""
    found = carry_out(config, state, "invoice.show", biller=biller, number=number)
    if as_json:
        show_json(found)
        return
    for line in _summary(found["invoice"]):
        say(line)
    columns: Columns = {"at": at("occurred_at"), "event": "type", "": _told}
    show_table(found["events"], columns, empty="nothing has happened to it")


def _summary(invoice: Json) -> Iterator[str]:
    payer = invoice["payer"]
    yield f"{invoice['number']}  {_sum(invoice['amount'])}  {invoice['status']}"
    yield from _facts(
        {
            "id": invoice["id"],
            "payer": f"{payer['name']} ({payer['reference']})",
            "issued": invoice["issued_on"],
            "due": invoice["due_on"],
            "paid": f"{_sum(invoice['paid'])}, outstanding {_sum(invoice['outstanding'])}",
            "pay page": invoice["pay_url"],
        }
    )
    yield from map(_delivery, invoice["deliveries"])
    for payment in invoice["payments"]:
        way = payment["method"] or payment["reference"] or ""
        yield from _facts({"payment": f"{_sum(payment['received'])} by {payment['source']} {way}, {payment['status']}"})
    for refund in invoice["refunds"]:
        yield from _facts(
            {"refund": f"{_sum(refund['amount'])}, {refund['state']}: {refund['reason']} ({refund['id']})"}
        )
    yield ""


def _facts(facts: Json) -> Iterator[str]:
    for name, value in facts.items():
        yield f"  {name:<10} {value}"


def _delivery(delivery: Json) -> str:
    code = f" ({delivery['code']})" if delivery["code"] else ""
    what = f"{delivery['kind']} to {delivery['address']}, {delivery['status']}{code}"
    return next(_facts({delivery["channel"]: what}))


def _sum(amount: Json) -> str:
    return f"{amount['value']} {amount['currency']}"


def _told(event: Json) -> str:
    """What the event adds, on one line: `channel sms, status sent`."""
    return ", ".join(f"{name} {_value(value)}" for name, value in event["data"].items() if value not in (None, ""))


def _value(value: Any) -> str:
    match value:
        case {"value": amount, "currency": currency}:
            return f"{amount} {currency}"
        case {"from": before, "to": after}:
            return f"from {_value(before)} to {_value(after)}"
        case dict():
            return " ".join(f"{name} {_value(inner)}" for name, inner in value.items())
        case list():
            return " ".join(map(_value, value))
        case _:
            return str(value)

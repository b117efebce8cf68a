"""Operations about routing: why an invoice is routed as it is, other policies on past payments, what payments cost."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date
from pathlib import Path
from typing import Any

from gateway.config.routing import TERMS, RoutingPolicy, Terms, routing_faults
from gateway.config.shapes import Place, read_section
from gateway.control.shared import Json, Refused, biller_of
from gateway.domain.routing import browser_of
from gateway.services import invoices, route_reports, routing
from gateway.services.context import Context
from gateway.services.directory import Biller
from gateway.services.route_shapes import explained_json
from gateway.settings import ConfigError, Fault, did_you_mean


async def explain(ctx: Context, arguments: Json) -> Json:
    biller = biller_of(ctx, arguments["biller"])
    view = await invoices.by_number(ctx, biller, arguments["invoice"])
    return explained_json(await routing.explain(ctx, biller, view.invoice.id, browser_of(arguments["browser"])))


async def report(ctx: Context, arguments: Json) -> Json:
    biller = biller_of(ctx, arguments["biller"])
    return await route_reports.report(ctx, biller, *_days(ctx, biller, arguments))


async def simulate(ctx: Context, arguments: Json) -> Json:
    """`policy` are the tables of a file: `routing`, and of `providers` what accounts cost and take."""
    biller = biller_of(ctx, arguments["biller"])
    policy, terms = _policy(ctx, biller, arguments["policy"], arguments["file"])
    return await route_reports.simulate(ctx, biller, policy, terms, *_days(ctx, biller, arguments))


def _days(ctx: Context, biller: Biller, arguments: Json) -> tuple[date, date]:
    try:
        first = date.fromisoformat(arguments["from"])
        last = date.fromisoformat(arguments["to"]) if arguments["to"] else biller.today(ctx.clock.now())
    except ValueError:
        raise Refused("a day is written as 2026-11-23") from None
    return first, last


def _policy(
    ctx: Context, biller: Biller, values: Mapping[str, Any], file: str
) -> tuple[RoutingPolicy, Mapping[str, Terms]]:
    """Raises ConfigError with all faults of the file."""
    faults: list[Fault] = []
    served = {one.candidate.name: one.candidate.methods for one in ctx.directory.providers_of(biller.id)}
    policy, terms = RoutingPolicy(), {}
    try:
        policy = read_section(RoutingPolicy, values.get("routing", {}), _NOWHERE, f"{file}: routing.")
        faults += routing_faults(policy, served, file)
    except ConfigError as error:
        faults += error.faults
    for name, table in _tables(values):
        where = f"{file}: providers.{name}"
        if name not in served:
            faults.append(Fault(where, f"{biller.slug} has no such account{did_you_mean(name, served)}"))
            continue
        try:
            own = {key: value for key, value in table.items() if key in TERMS}
            terms[name] = read_section(Terms, own, _NOWHERE, f"{where}.")
        except ConfigError as error:
            faults += error.faults
    if faults:
        raise ConfigError(faults)
    return policy, terms


_NOWHERE = Place(Path(), {})


def _tables(values: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """The accounts of which the file says what they cost or take."""
    tables = values.get("providers")
    for name, table in tables.items() if isinstance(tables, dict) else ():
        if isinstance(table, dict) and TERMS.intersection(table):
            yield name, table

"""Routing over HTTP: why a payer is shown which method, and what payments cost."""

from __future__ import annotations

from gateway.api import errors
from gateway.api import routing_shapes as shapes
from gateway.api.middleware import Answer, Call
from gateway.api.openapi import Returns, operation
from gateway.domain import ids
from gateway.domain.keys import Scope
from gateway.domain.routing import browser_of
from gateway.services import route_reports, routing
from gateway.services.errors import NotFound
from gateway.services.route_shapes import explained_json

TAG = "Routing"


@operation(
    "GET",
    "/v1/invoices/{invoice_id}/routing",
    tag=TAG,
    summary="Explain the routing of an invoice",
    scope=Scope.READ,
    query=shapes.RoutingQuery,
    returns={200: Returns("As it would be decided now.", shapes.Routing)},
)
async def explain_routing(call: Call[None, shapes.RoutingQuery]) -> Answer:
    """Why each method is shown, hidden, first or last, which account would serve it, and what it would cost. What was decided for
    each payment that was begun is in the invoice's timeline, as `payment.routed`.
    """
    number = ids.read(ids.INVOICE, call.path["invoice_id"])
    if number is None:
        raise NotFound("there is no such invoice")
    found = await routing.explain(call.context, call.biller, number, browser_of(call.query.browser))
    return Answer(explained_json(found))


@operation(
    "GET",
    "/v1/routing/report",
    tag=TAG,
    summary="Report what payments cost",
    scope=Scope.READ,
    query=shapes.ReportQuery,
    returns={200: Returns("Of the payments that were begun on these days of yours.", shapes.Report)},
    problems=(errors.INVALID_BODY,),
)
async def report_routing(call: Call[None, shapes.ReportQuery]) -> Answer:
    """Fees by account and method, and what payments at a fixed price saved over the cheapest account that takes a percentage."""
    query = call.query
    return Answer(await route_reports.report(call.context, call.biller, query.first, query.last))

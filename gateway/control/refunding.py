"""Operations about money that goes back: what waits for a person, tried again, reported done."""

from __future__ import annotations

import sqlalchemy as sa

from gateway.control.shared import Json, biller_of
from gateway.domain import ids
from gateway.domain.refunds import Refund, RefundState
from gateway.services import refunds
from gateway.services.context import Context
from gateway.services.directory import Biller
from gateway.services.errors import NotFound
from gateway.services.shapes import refund_of_invoice_json
from gateway.store import invoices
from gateway.store import refunds as store


async def list_refunds(ctx: Context, arguments: Json) -> list[Json]:
    """Of one biller or of all, newest first, each with its invoice's number."""
    states = [RefundState(state) for state in arguments["states"]]
    billers = [biller_of(ctx, arguments["biller"])] if arguments["biller"] else ctx.directory.billers()

    def body(conn: sa.Connection) -> list[Json]:
        found = [row for one in billers for row in store.page(conn, one.id, states, None, arguments["limit"])]
        newest = sorted(found, key=lambda row: -row.id)[: arguments["limit"]]
        return [_listed(conn, ctx, row) for row in newest]

    return await ctx.db.read(body)


def _listed(conn: sa.Connection, ctx: Context, row: Refund) -> Json:
    invoice = invoices.get(conn, row.invoice_id)
    number = invoice.number if invoice else None
    return refund_of_invoice_json(row) | {"biller": ctx.directory.biller(row.biller_id).slug, "number": number}


async def retry_refund(ctx: Context, arguments: Json) -> Json:
    biller, number = await _owner(ctx, arguments["refund"])
    return refund_of_invoice_json(await refunds.retry(ctx, biller, number))


async def report_done(ctx: Context, arguments: Json) -> Json:
    biller, number = await _owner(ctx, arguments["refund"])
    row, new = await refunds.done(ctx, biller, number, arguments["reference"])
    return refund_of_invoice_json(row) | {"new": new}


async def _owner(ctx: Context, shown: str) -> tuple[Biller, int]:
    number = ids.read(ids.REFUND, shown)
    row = None if number is None else await ctx.db.read(lambda conn: store.get(conn, number))
    if row is None:
        raise NotFound(f"there is no refund {shown}; achit refund list shows them")
    return ctx.directory.biller(row.biller_id), row.id

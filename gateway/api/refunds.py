"""Refunds over HTTP: asked for, listed, tried again, reported done."""

from __future__ import annotations

from typing import Any

from gateway.api import cursor, errors
from gateway.api import refund_shapes as shapes
from gateway.api.invoices import KEYED
from gateway.api.middleware import Answer, Call
from gateway.api.openapi import Returns, operation
from gateway.domain import ids
from gateway.domain.keys import Scope
from gateway.domain.refunds import RefundReason
from gateway.services import refunds
from gateway.services.errors import Invalid, NotFound
from gateway.services.refunds import Wanted
from gateway.services.shapes import refund_of_invoice_json

TAG = "Refunds"


@operation(
    "POST",
    "/v1/payments/{payment_id}/refunds",
    tag=TAG,
    summary="Give money back",
    scope=Scope.WRITE,
    body=shapes.NewRefund,
    body_required=False,
    headers=KEYED,
    returns={
        201: Returns("Reserved: the provider is told, or it is due by you.", shapes.Refund),
        200: Returns("Asked before, by the same key: nothing new is done.", shapes.Refund),
    },
    problems=(errors.WRONG_STATE, errors.DIFFERENT_REQUEST),
    examples={
        "all that is left": {"key": "refund-of-2026-000123"},
        "a part, owed again": {
            "amount": {"value": "20.00", "currency": "RON"},
            "reopen": True,
            "key": "correction-7-of-2026-000123",
        },
    },
)
async def give_back(call: Call[shapes.NewRefund, None]) -> Answer:
    """Through the payment's provider where it can; else it is `due`: you give it back, and report it done. A key is needed: in the
    header or in the body. What was paid twice or too much goes back first; a refund of more does not make the debt owed again,
    unless you say `reopen`. Never more than came in, less what was taken back, given back or is under way.
    """
    body, header = call.body, call.headers.get("Idempotency-Key")
    key = header or body.key
    if key is None:
        raise Invalid("an Idempotency-Key is required: in the header, or as `key`", path="key")
    if body.key not in (None, key):
        raise Invalid("it is not the Idempotency-Key of the header", path="key")
    wanted = Wanted(None if body.amount is None else body.amount.money, RefundReason(body.reason), body.reopen)
    made, new = await refunds.request(call.context, call.biller, call.path["payment_id"], wanted, key)
    return Answer(refund_of_invoice_json(made), 201 if new else 200)


@operation(
    "GET",
    "/v1/payments/{payment_id}/refunds",
    tag=TAG,
    summary="List the refunds of a payment",
    scope=Scope.READ,
    returns={200: Returns("All of them, the oldest first.", shapes.RefundList)},
)
async def list_payment_refunds(call: Call[None, None]) -> Answer:
    """Of a payment through a provider (`pay_`), or of money received elsewhere (`upd_`)."""
    found = await refunds.of_payment(call.context, call.biller, call.path["payment_id"])
    return Answer({"items": [refund_of_invoice_json(row) for row in found]})


@operation(
    "GET",
    "/v1/refunds",
    tag=TAG,
    summary="List refunds",
    scope=Scope.READ,
    query=shapes.RefundQuery,
    returns={200: Returns("One page, newest first.", shapes.RefundPage)},
)
async def list_refunds(call: Call[None, shapes.RefundQuery]) -> Answer:
    """Those that are `due` or `failed` wait for a person of yours."""
    query = call.query
    states = [] if query.state is None else [query.state]
    before_id = cursor.read(query.cursor)
    found, next_id = await refunds.page(call.context, call.biller, states, before_id=before_id, limit=query.limit)
    return Answer({"items": [refund_of_invoice_json(row) for row in found], "next_cursor": cursor.show(next_id)})


@operation(
    "GET",
    "/v1/refunds/{refund_id}",
    tag=TAG,
    summary="Read a refund",
    scope=Scope.READ,
    returns={200: Returns("The refund as it is now.", shapes.Refund)},
)
async def read_refund(call: Call[None, None]) -> Answer:
    """Events tell every change of it."""
    return Answer(refund_of_invoice_json(await refunds.get(call.context, call.biller, _id(call))))


@operation(
    "POST",
    "/v1/refunds/{refund_id}/done",
    tag=TAG,
    summary="Report a refund done",
    scope=Scope.WRITE,
    body=shapes.RefundDone,
    returns={200: Returns("Booked.", shapes.Refund)},
    problems=(errors.WRONG_STATE, errors.DIFFERENT_REQUEST),
    examples={"by transfer": {"reference": "OP 1187"}},
)
async def report_done(call: Call[shapes.RefundDone, None]) -> Answer:
    """You gave back, another way, what was `due` or had `failed`. The same reference again changes nothing."""
    row, _ = await refunds.done(call.context, call.biller, _id(call), call.body.reference)
    return Answer(refund_of_invoice_json(row))


@operation(
    "POST",
    "/v1/refunds/{refund_id}/retry",
    tag=TAG,
    summary="Send a refund to the provider",
    scope=Scope.WRITE,
    returns={200: Returns("On its way.", shapes.Refund)},
    problems=(errors.WRONG_STATE,),
)
async def retry_refund(call: Call[None, None]) -> Answer:
    """One that is `due`, or that failed: what the provider was told before is looked up first. One that is on its way stays as it is."""
    return Answer(refund_of_invoice_json(await refunds.retry(call.context, call.biller, _id(call))))


def _id(call: Call[Any, Any]) -> int:
    number = ids.read(ids.REFUND, call.path["refund_id"])
    if number is None:
        raise NotFound("there is no such refund")
    return number

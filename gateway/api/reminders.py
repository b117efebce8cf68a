"""Reminders over HTTP: what is going to be said to payers and when, reminders that the biller sets, disputes that it closes."""

from __future__ import annotations

from typing import Any

from gateway.api import answers, cursor, errors, models
from gateway.api import reminder_shapes as shapes
from gateway.api.middleware import Answer, Call
from gateway.api.openapi import Returns, operation
from gateway.domain import ids
from gateway.domain.keys import Scope
from gateway.services import invoices, wishes
from gateway.services.errors import NotFound
from gateway.services.shapes import invoice_json, reminder_json

TAG = "Reminders"


@operation(
    "POST",
    "/v1/invoices/{invoice_id}/reminders",
    tag=TAG,
    summary="Set a reminder",
    scope=Scope.WRITE,
    body=shapes.NewReminder,
    returns={201: Returns("Set.", shapes.ReminderShown)},
    problems=(errors.WRONG_STATE,),
    examples={
        "by policy": {"at": "2026-12-10T08:00:00Z"},
        "by SMS, firmly": {"at": "2026-12-10T08:00:00Z", "channels": [{"channel": "sms"}], "tone": "firm"},
    },
)
async def set_reminder(call: Call[shapes.NewReminder, None]) -> Answer:
    """Beside what your policy sends. It goes with whatever else the payer is reminded of at that hour, and not at all once
    nothing is owed.
    """
    body = call.body
    steps = models.steps_of(body.channels)
    made = await wishes.add(call.context, call.biller, _id(call), body.at, steps, body.tone)
    return Answer(reminder_json(made), 201)


@operation(
    "DELETE",
    "/v1/invoices/{invoice_id}/reminders",
    tag=TAG,
    summary="Take reminders back",
    scope=Scope.WRITE,
    query=shapes.CancelQuery,
    returns={200: Returns("What was taken back.", shapes.Cancelled)},
)
async def cancel_reminders(call: Call[None, shapes.CancelQuery]) -> Answer:
    """Those that you set, one or all. What your policy sends is not touched, nor what the payer asked for."""
    named = call.query.reminder
    reminder_id = None if named is None else ids.read(ids.REMINDER, named)
    if named is not None and reminder_id is None:
        raise NotFound("there is no such reminder")
    return Answer({"count": await wishes.cancel(call.context, call.biller, _id(call), reminder_id)})


@operation(
    "GET",
    "/v1/reminders",
    tag=TAG,
    summary="List reminders",
    scope=Scope.READ,
    query=shapes.ReminderQuery,
    returns={200: Returns("One page, in the order in which they were set.", shapes.ReminderPage)},
)
async def list_reminders(call: Call[None, shapes.ReminderQuery]) -> Answer:
    """Of an invoice's ladder only the next step is there; `achit reminders plan` shows the days ahead. All filters must hold."""
    query = call.query
    of_invoice = None if query.invoice is None else ids.read(ids.INVOICE, query.invoice)
    if query.invoice is not None and of_invoice is None:
        return Answer({"items": [], "next_cursor": None})
    found, next_id = await wishes.page(
        call.context,
        call.biller,
        due_before=query.due_before,
        invoice_id=of_invoice,
        state=query.status,
        after_id=cursor.read(query.cursor),
        limit=query.limit,
    )
    return Answer({"items": [reminder_json(one) for one in found], "next_cursor": cursor.show(next_id)})


@operation(
    "POST",
    "/v1/invoices/{invoice_id}/disputes/close",
    tag=TAG,
    summary="Close a dispute",
    scope=Scope.WRITE,
    body=shapes.DisputeClosing,
    body_required=False,
    returns={200: Returns("The invoice is not disputed any more.", answers.Invoice)},
    examples={"with a note": {"note": "the meter was read again; the amount is right"}},
)
async def close_dispute(call: Call[shapes.DisputeClosing, None]) -> Answer:
    """Its reminders go on, where the dispute held them. If the payer was right, void the invoice or change its amount instead.
    Closing again changes nothing.
    """
    invoice_id = _id(call)
    await wishes.close_dispute(call.context, call.biller, invoice_id, call.body.note)
    view = await invoices.get(call.context, call.biller, invoice_id)
    return Answer(invoice_json(call.context, call.biller, view, call.context.clock.now()))


def _id(call: Call[Any, Any]) -> int:
    number = ids.read(ids.INVOICE, call.path["invoice_id"])
    if number is None:
        raise NotFound("there is no such invoice")
    return number

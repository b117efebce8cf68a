"""Invoices over HTTP: validates, calls one service, shapes the answer."""

from __future__ import annotations

from typing import Any

from gateway.api import answers, cursor, errors, examples, models, queries
from gateway.api.middleware import Answer, Call
from gateway.api.openapi import Parameter, Returns, operation
from gateway.domain import ids
from gateway.domain.contacts import normalise_phone
from gateway.domain.keys import Scope
from gateway.services import asking, invoices, payments, repeats
from gateway.services.directory import Biller
from gateway.services.errors import NotFound
from gateway.services.invoices import Draft, View
from gateway.services.payments import OffPlatform
from gateway.services.shapes import Json, delivery_json, event_json, instant, invoice_json
from gateway.store.invoices import Filter

TAG = "Invoices"
IDEMPOTENCY_KEY = Parameter(
    "Names this request for good: the same key with the same body gives the same answer, with another body a 409.",
    pattern="[!-~]{1,255}",
    means="1 to 255 visible ASCII characters",
    example="0b9c6f0e-2f7a-4f0e-9d0c-6a3d2c1b5e11",
)
KEYED = {"Idempotency-Key": IDEMPOTENCY_KEY}
_INVOICE = {"Location": "The invoice's address."}


@operation(
    "POST",
    "/v1/invoices",
    tag=TAG,
    summary="Issue an invoice",
    scope=Scope.WRITE,
    body=models.NewInvoice,
    headers=KEYED,
    returns={
        201: Returns(
            "Issued: its pay link works, its messages are on their way.",
            answers.Invoice,
            headers=_INVOICE,
            example=examples.ISSUED,
        ),
        200: Returns("The same was issued before: nothing new was done.", answers.Invoice, headers=_INVOICE),
    },
    problems=(errors.DIFFERENT_REQUEST,),
    examples={"the least": examples.SMALLEST, "everything": examples.FULLEST},
)
async def issue_invoice(call: Call[models.NewInvoice, None]) -> Answer:
    """Sends it to the payer by your policy, or as `deliver` says. Safe to repeat: the number is unique for you, so the same
    request again gives the same invoice with 200, and another request under the same number is a 409 that names what differs.
    """
    view, new = await invoices.issue(
        call.context, call.biller, draft_of(call.body, call.biller), key=call.headers.get("Idempotency-Key")
    )
    return _invoice(call, view, 201 if new else 200)


@operation(
    "GET",
    "/v1/invoices",
    tag=TAG,
    summary="List invoices",
    scope=Scope.READ,
    query=queries.InvoiceQuery,
    returns={200: Returns("One page, newest first.", answers.InvoicePage)},
)
async def list_invoices(call: Call[None, queries.InvoiceQuery]) -> Answer:
    """All filters must hold. Follow `next_cursor` until it is null; what is issued meanwhile does not shift the pages."""
    query = call.query
    wanted = Filter(
        status=query.status,
        number=query.number,
        payer_reference=query.payer,
        due_before=query.due_before,
        due_after=query.due_after,
        created_after=query.created_after,
        created_before=query.created_before,
    )
    before_id = cursor.read(query.cursor)
    views, next_id = await invoices.page(call.context, call.biller, wanted, before_id=before_id, limit=query.limit)
    items = [_shown(call, view) for view in views]
    return Answer({"items": items, "next_cursor": cursor.show(next_id)})


@operation(
    "GET",
    "/v1/invoices/{invoice_id}",
    tag=TAG,
    summary="Read an invoice",
    scope=Scope.READ,
    returns={200: Returns("The invoice as it is now.", answers.Invoice)},
)
async def read_invoice(call: Call[None, None]) -> Answer:
    """With its deliveries, payments and refunds."""
    return _invoice(call, await invoices.get(call.context, call.biller, _id(call)))


@operation(
    "PATCH",
    "/v1/invoices/{invoice_id}",
    tag=TAG,
    summary="Change amount or due date",
    scope=Scope.WRITE,
    body=models.InvoiceChange,
    returns={200: Returns("The invoice as it is now.", answers.Invoice)},
    problems=(errors.WRONG_STATE,),
    examples={
        "another amount": {"amount": {"value": "99.00", "currency": "RON"}},
        "more time": {"due_on": "2026-12-31"},
    },
)
async def change_invoice(call: Call[models.InvoiceChange, None]) -> Answer:
    """While it is open or partly paid. Payers see the new amount at once; payments begun at the old amount are closed.
    The currency stays, and an amount cannot go below what is paid.
    """
    amount = None if call.body.amount is None else call.body.amount.money
    view = await invoices.change(call.context, call.biller, _id(call), amount=amount, due_on=call.body.due_on)
    return _invoice(call, view)


@operation(
    "POST",
    "/v1/invoices/{invoice_id}/void",
    tag=TAG,
    summary="Withdraw an invoice",
    scope=Scope.WRITE,
    body=models.Voiding,
    body_required=False,
    returns={200: Returns("The invoice is void.", answers.Invoice)},
    problems=(errors.WRONG_STATE,),
    examples={"with a reason": {"reason": "issued twice"}},
)
async def void_invoice(call: Call[models.Voiding, None]) -> Answer:
    """Queued messages are revoked, open payments closed, and the pay page says so. Void again changes nothing. Money that comes
    later is kept and reported as `payment.on_void`. An invoice with money on it cannot be voided.
    """
    return _invoice(call, await invoices.void(call.context, call.biller, _id(call), call.body.reason))


@operation(
    "POST",
    "/v1/invoices/{invoice_id}/deliveries",
    tag=TAG,
    summary="Send another message",
    scope=Scope.WRITE,
    body=models.NewDelivery,
    body_required=False,
    headers=KEYED,
    returns={
        201: Returns("Queued; empty when no channel can reach the payer.", answers.DeliveryList),
        200: Returns("Queued before, by the same Idempotency-Key: nothing new is sent.", answers.DeliveryList),
    },
    problems=(errors.WRONG_STATE, errors.DIFFERENT_REQUEST),
    examples={"by policy": {}, "by SMS": {"deliver": [{"channel": "sms"}]}},
)
async def send_invoice(call: Call[models.NewDelivery, None]) -> Answer:
    """The invoice once more, over the channels named or by your policy. Only while it can be paid."""
    body, steps = call.body, models.steps_of(call.body.deliver)
    terms = (call.context, call.biller, _id(call), steps, body.deliver_at)
    key = call.headers.get("Idempotency-Key")
    made, new = (await asking.send_again(*terms), True) if key is None else await repeats.send_again(*terms, key=key)
    return Answer({"items": [delivery_json(delivery) for delivery in made]}, 201 if new else 200)


@operation(
    "POST",
    "/v1/invoices/{invoice_id}/payments",
    tag=TAG,
    summary="Record money received elsewhere",
    scope=Scope.WRITE,
    body=models.OffPlatformPayment,
    headers=KEYED,
    returns={
        201: Returns("Booked.", answers.Invoice),
        200: Returns("Booked before, by the same source and reference.", answers.Invoice),
    },
    problems=(errors.DIFFERENT_REQUEST,),
    examples={
        "cash desk": {
            "amount": {"value": "123.45", "currency": "RON"},
            "received_on": "2026-11-25",
            "source": "cash_desk",
            "reference": "receipt 88213",
        }
    },
)
async def record_payment(call: Call[models.OffPlatformPayment, None]) -> Answer:
    """Goes the way of all money: part payments, overpayments and second payments are told apart and reported.
    `source` and `reference` name this money: the same again changes nothing, with another amount it is a 409.
    """
    body, invoice_id = call.body, _id(call)
    money = OffPlatform(body.amount.money, body.received_on, body.source, body.reference, body.note)
    key = call.headers.get("Idempotency-Key")
    _, new = await payments.record_off_platform(call.context, call.biller, invoice_id, money, key=key)
    return _invoice(call, await invoices.get(call.context, call.biller, invoice_id), 201 if new else 200)


@operation(
    "GET",
    "/v1/invoices/{invoice_id}/events",
    tag=TAG,
    summary="Read an invoice's timeline",
    scope=Scope.READ,
    query=queries.TimelineQuery,
    returns={200: Returns("Its events in order.", answers.TimelinePage)},
)
async def read_timeline(call: Call[None, queries.TimelineQuery]) -> Answer:
    """Everything that happened to it, numbered by `invoice_sequence` without gaps."""
    query = call.query
    view = await invoices.get(call.context, call.biller, _id(call))
    found = await invoices.timeline(call.context, call.biller, view.invoice.id, query.after, query.limit)
    shown = _shown(call, view)
    last = found[-1].invoice_seq if found else query.after
    return Answer({"items": [event_json(event, shown) for event in found], "next_after": last})


def _shown(call: Call[Any, Any], view: View) -> Json:
    return invoice_json(call.context, call.biller, view, call.context.clock.now())


def _invoice(call: Call[Any, Any], view: View, status: int = 200) -> Answer:
    shown = _shown(call, view)
    headers = {} if call.path.get("invoice_id") else {"Location": f"/v1/invoices/{shown['id']}"}
    return Answer(shown, status, headers)


def _id(call: Call[Any, Any]) -> int:
    number = ids.read(ids.INVOICE, call.path["invoice_id"])
    if number is None:
        raise NotFound("there is no such invoice")
    return number


def draft_of(body: models.NewInvoice, biller: Biller) -> Draft:
    """The request in its normal form: contact points in one spelling, every default written out but the biller's own.

    Raises Refusal on a phone number that is none where the biller is.
    """
    settings = biller.settings
    region = settings.biller.region
    payer = {
        "reference": body.payer.reference,
        "name": body.payer.name,
        "email": body.payer.email,
        "phone": _phone(body.payer.phone, region, "payer.phone"),
        "telegram": body.payer.telegram,
        "whatsapp": _phone(body.payer.whatsapp, region, "payer.whatsapp"),
        "locale": body.payer.locale,
        "time_zone": body.payer.time_zone,
        "tags": body.payer.tags,
    }
    amount = body.amount.money
    details = {
        "number": body.number,
        "amount": {"value": amount.value, "currency": amount.currency},
        "issued_on": body.issued_on.isoformat(),
        "due_on": body.due_on.isoformat(),
        "payer": payer,
        "description": body.description,
        "lines": [line.normal(amount.currency) for line in body.lines],
        "document_url": body.document_url,
        "metadata": body.metadata,
        "deliver": None
        if body.deliver is None
        else [{"channel": step.channel, "wait": step.wait} for step in body.deliver],
        "deliver_at": body.deliver_at and instant(body.deliver_at),
    }
    return Draft(
        number=body.number,
        amount=amount,
        issued_on=body.issued_on,
        due_on=body.due_on,
        payer=payer
        | {
            "locale": body.payer.locale or settings.biller.locale,
            "time_zone": body.payer.time_zone or settings.biller.time_zone,
        },
        details=details,
        steps=models.steps_of(body.deliver),
        deliver_at=body.deliver_at,
    )


def _phone(text: str | None, region: str, path: str) -> str | None:
    try:
        return None if text is None else normalise_phone(text, region)
    except ValueError as error:
        fault = errors.Fault(path, "not_a_phone_number", str(error))
        raise errors.Refusal(errors.INVALID_BODY, f"{path}: {error}", faults=[fault]) from None

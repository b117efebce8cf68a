"""Invoices and events as JSON shows them: to the API, in pushes and in streams alike. Plain values, built by hand for speed.

The models in `gateway.api.answers` describe these shapes; tests hold the one to the other.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from functools import lru_cache
from typing import Any

from gateway.domain import ids
from gateway.domain.deliveries import Delivery
from gateway.domain.events import instant as instant
from gateway.domain.ids import show
from gateway.domain.invoices import icon_state
from gateway.domain.payments import Attempt
from gateway.domain.references import reference
from gateway.domain.refunds import Refund
from gateway.domain.reminders import FOREVER
from gateway.ports.values import Money
from gateway.rendering import Brand
from gateway.rendering.elements.snippets import pay_button_snippet, status_icon_snippet
from gateway.services.context import Context
from gateway.services.directory import Biller
from gateway.services.forecast import Foreseen
from gateway.services.invoices import View
from gateway.services.transcripts import Shown
from gateway.store.conversations import Said
from gateway.store.events import Event
from gateway.store.payments import Line
from gateway.store.pushes import EndpointRow, PushRow
from gateway.store.reminders import Listed

Json = dict[str, Any]


def sum_of(minor: int, currency: str) -> Json:
    return {"value": _decimal(minor, currency), "currency": currency}


@lru_cache(maxsize=1024)  # most sums of an invoice are one sum, or zero
def _decimal(minor: int, currency: str) -> str:
    return Money(minor, currency).value


def invoice_json(ctx: Context, biller: Biller, view: View, now: datetime) -> Json:
    """The invoice with all that hangs on it. `now` decides what is overdue, by the day where the biller is."""
    row, details = view.invoice, view.invoice.details
    pay_url = ctx.pay_url(row.id, row.link_version)
    currency = row.currency
    outstanding = row.outstanding
    named = details["payer"]
    return {
        "id": show(ids.INVOICE, row.id),
        "number": row.number,
        "status": row.status.value,
        "icon": icon_state(row.status, row.due_on, biller.today(now), processing=view.processing).value,
        "amount": sum_of(row.amount_minor, currency),
        "paid": sum_of(row.paid_minor, currency),
        "refunded": sum_of(row.refunded_minor, currency),
        "outstanding": sum_of(outstanding.minor, currency),
        "issued_on": row.issued_on.isoformat(),
        "due_on": row.due_on.isoformat(),
        "description": details["description"],
        "lines": [_line_of(line, currency) for line in details["lines"]],
        "document_url": details["document_url"],
        "payer": {
            "reference": named["reference"],
            "name": named["name"],
            "email": named["email"],
            "phone": named["phone"],
            "telegram": named["telegram"] or view.payer.telegram,
            "whatsapp": named["whatsapp"],
            "locale": named["locale"] or view.payer.locale,
            "time_zone": named["time_zone"] or view.payer.time_zone,
            "tags": named.get("tags", []),
        },
        "metadata": details["metadata"],
        "pay_url": pay_url,
        "pay_code": ctx.pay_codes.issue(row.id),
        "payment_reference": reference(row.id),
        "icon_url": {"svg": f"{pay_url}/icon.svg", "png": f"{pay_url}/icon.png"},
        "qr_url": {"svg": f"{pay_url}/qr.svg", "png": f"{pay_url}/qr.png"},
        "html": _snippets(ctx, biller, view, pay_url, outstanding),
        "deliveries": [delivery_json(one) for one in view.deliveries],
        "payments": [_attempt_json(ctx, attempt, view.refunds) for attempt in view.attempts]
        + [_line_json(line, view.refunds) for line in view.lines if line.attempt_id is None and line.refund_id is None],
        "refunds": [refund_json(refund) for refund in view.refunds],
        "sequence": view.sequence,
        "created_at": instant(row.created_at),
        "updated_at": instant(row.updated_at),
        "settled_at": row.settled_at and instant(row.settled_at),
    }


def _snippets(ctx: Context, biller: Biller, view: View, pay_url: str, outstanding: Money) -> Json:
    """HTML for the biller's own portal, in the payer's language. No button once there is nothing to pay."""
    renderer, locale, number = ctx.renderer, view.payer.locale, view.invoice.number
    button = ""
    if view.invoice.payable:
        amount = renderer.money(outstanding, locale)
        label = renderer.label("button", "pay", locale, biller=biller.slug, amount=amount)
        look = Brand("", "", biller.settings.brand.colour)
        button = pay_button_snippet(pay_url, label, renderer.look(look))
    label = renderer.label("icon", "live", locale, biller=biller.slug, number=number)
    return {"pay_button": button, "status_icon": status_icon_snippet(f"{pay_url}/icon.svg", pay_url, label)}


def _line_of(line: Json, currency: str) -> Json:
    minor = line["amount_minor"]
    return {
        "description": line["description"],
        "quantity": line["quantity"],
        "unit": line["unit"],
        "unit_price": line["unit_price"],
        "amount": None if minor is None else Money(minor, currency).value,
    }


def delivery_json(row: Delivery) -> Json:
    return {
        "id": show(ids.DELIVERY, row.id),
        "kind": row.kind.value,
        "channel": row.channel,
        "address": row.address,
        "status": row.state.value,
        "code": row.code,
        "segments": row.segments,
        "due_at": instant(row.due_at),
        "sent_at": row.sent_at and instant(row.sent_at),
        "created_at": instant(row.created_at),
        "updated_at": instant(row.updated_at),
    }


def reminder_json(row: Listed) -> Json:
    """A reminder with its invoice's number and its payer's reference."""
    one = row.reminder
    return {
        "id": show(ids.REMINDER, one.id),
        "invoice": show(ids.INVOICE, one.invoice_id),
        "number": row.number,
        "payer": row.reference,
        "source": one.source.value,
        "step": one.step or None,
        "tone": one.tone.value,
        "status": one.state.value,
        "reason": one.reason,
        "channels": [step.channel for step in one.steps],
        "due_at": instant(one.due_at) if one.due_at < FOREVER else None,
        "delivery": None if one.delivery_id is None else show(ids.DELIVERY, one.delivery_id),
        "created_at": instant(one.created_at),
        "updated_at": instant(one.updated_at),
    }


def foreseen_json(one: Foreseen, cost_currency: str) -> Json:
    """A message or a reminder of the days ahead; `at` null: nobody knows when."""
    return {
        "at": instant(one.at) if one.at < FOREVER else None,
        "payer": {"reference": one.payer.reference, "name": one.payer.name, "time_zone": one.payer.time_zone},
        "invoices": list(one.numbers),
        "steps": list(one.steps),
        "tone": one.tone,
        "status": one.status,
        "reason": one.reason,
        "channel": one.channel,
        "address": one.address,
        "cost": {"value": str(one.cost), "currency": cost_currency},
    }


def _given(refunds: Sequence[Refund], of: tuple[int | None, int | None], currency: str) -> Json:
    return sum_of(sum(row.amount_minor for row in refunds if row.of == of and row.done_at is not None), currency)


def _attempt_json(ctx: Context, attempt: Attempt, refunds: Sequence[Refund]) -> Json:
    account = ctx.directory.provider(attempt.account_id) or ctx.directory.channel(attempt.account_id)
    return {
        "id": show(ids.ATTEMPT, attempt.id),
        "status": attempt.status.value,
        "source": account.row.name if account else "provider",
        "method": attempt.method,
        "amount": sum_of(attempt.amount_minor, attempt.currency),
        "received": sum_of(attempt.received_minor - attempt.reversed_minor, attempt.currency),
        "fee": None if attempt.fee_minor is None else sum_of(attempt.fee_minor, attempt.currency),
        "fee_source": None if attempt.fee_minor is None else "provider" if attempt.fee_known else "estimate",
        "refunded": _given(refunds, (attempt.id, None), attempt.currency),
        "reference": attempt.reference,
        "received_on": None,
        "reason": attempt.reason,
        "note": None,
        "created_at": instant(attempt.created_at),
        "updated_at": instant(attempt.updated_at),
    }


def _line_json(line: Line, refunds: Sequence[Refund]) -> Json:
    amount = sum_of(line.delta_minor, line.currency)
    return {
        "id": show(ids.UPDATE, line.id),
        "status": line.status,
        "source": line.source,
        "method": None,
        "amount": amount,
        "received": amount,
        "fee": None,
        "fee_source": None,
        "refunded": _given(refunds, (None, line.id), line.currency),
        "reference": line.reference,
        "received_on": _day(line.received_on),
        "reason": None,
        "note": line.note,
        "created_at": instant(line.recorded_at),
        "updated_at": instant(line.recorded_at),
    }


def refund_json(refund: Refund) -> Json:
    attempt_id, line_id = refund.of
    return {
        "id": show(ids.REFUND, refund.id),
        "payment": show(ids.UPDATE, line_id or 0) if attempt_id is None else show(ids.ATTEMPT, attempt_id),
        "state": refund.state.value,
        "reason": refund.reason.value,
        "amount": sum_of(refund.amount_minor, refund.currency),
        "waived": sum_of(refund.waived_minor, refund.currency),
        "by": refund.given_by and refund.given_by.value,
        "reference": refund.reference,
        "code": refund.code,
        "created_at": instant(refund.created_at),
        "updated_at": instant(refund.updated_at),
        "done_at": refund.done_at and instant(refund.done_at),
    }


def refund_of_invoice_json(refund: Refund) -> Json:
    return refund_json(refund) | {"invoice": show(ids.INVOICE, refund.invoice_id)}


def _day(day: date | None) -> str | None:
    return None if day is None else day.isoformat()


def event_json(row: Event, invoice: Json | None) -> Json:
    """An event with its invoice as it is now; None for one that is about no invoice."""
    return {
        "id": show(ids.EVENT, row.id),
        "type": row.type,
        "sequence": row.biller_seq,
        "invoice_sequence": row.invoice_seq,
        "occurred_at": instant(row.occurred_at),
        "data": row.data,
        "invoice": invoice,
    }


def endpoint_json(row: EndpointRow) -> Json:
    """A push endpoint, without its secrets."""
    return {
        "id": show(ids.ENDPOINT, row.id),
        "url": row.url,
        "events": row.events,
        "enabled": row.enabled,
        "disabled_reason": row.disabled_reason,
        "sequence": row.cursor,
        "created_at": instant(row.created_at),
        "updated_at": instant(row.updated_at),
    }


def push_json(row: PushRow, event_type: str, sequence: int) -> Json:
    """One event on its way to one endpoint, with its last tries."""
    return {
        "id": show(ids.PUSH, row.id),
        "endpoint": show(ids.ENDPOINT, row.endpoint_id),
        "event": show(ids.EVENT, row.event_id),
        "event_type": event_type,
        "sequence": sequence,
        "state": row.state,
        "tries": row.tries,
        "next_at": row.next_at and instant(row.next_at),
        "delivered_at": row.delivered_at and instant(row.delivered_at),
        "created_at": instant(row.created_at),
        "log": [line | {"at": instant(datetime.fromisoformat(line["at"]))} for line in row.log],
    }


def conversation_json(shown: Shown, now: datetime) -> Json:
    row = shown.conversation
    return {
        "id": show(ids.CONVERSATION, row.id),
        "channel": shown.account.short if shown.account else None,
        "address": row.address,
        "payers": list(shown.payers),
        "locale": row.locale,
        "person_wanted": shown.person_wanted(now),
        "person_wanted_at": row.person_at and instant(row.person_at),
        "last_message_at": row.last_in_at and instant(row.last_in_at),
        "created_at": instant(row.created_at),
    }


def said_json(said: Said) -> Json:
    """One line of a transcript."""
    return {
        "id": show(ids.MESSAGE if said.author == "payer" else ids.DELIVERY, said.id),
        "author": said.author,
        "conversation": said.conversation_id and show(ids.CONVERSATION, said.conversation_id),
        "invoice": said.invoice_id and show(ids.INVOICE, said.invoice_id),
        "channel": said.channel,
        "kind": said.kind,
        "status": said.status,
        "intent": said.intent,
        "text": said.text,
        "at": instant(said.at),
    }

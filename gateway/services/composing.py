"""What a message says: read in the transaction that starts its send, rendered when that is over.

Decides nothing about when or where it goes; it says why a message is not wanted any more.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa

from gateway.domain.deliveries import Delivery, MessageKind
from gateway.domain.ids import DELIVERY, show
from gateway.domain.ids import read as read_id
from gateway.ports.channel import Button, Message
from gateway.services import carrying, contexts, native_payments
from gateway.services.closing import ASKING
from gateway.services.context import Context
from gateway.services.directory import ChannelAccount
from gateway.services.invoices import View, view
from gateway.store import conversations, deliveries, invoices

SETTLED, NO_ACCOUNT = "settled", "no_account"
MARGIN = timedelta(minutes=5)  # a window does not shut between our look and the vendor's


@dataclass(frozen=True, slots=True)
class Subject:
    """What a delivery is about as things stand now. `unwanted`: why it must not go out; `in_window`: the payer wrote lately."""

    delivery: Delivery
    views: Sequence[View]
    unwanted: str | None
    in_window: bool = True

    @property
    def settled(self) -> bool:
        """It asks for money that nobody owes any more."""
        return self.unwanted == SETTLED


def read(
    conn: sa.Connection, ctx: Context, account: ChannelAccount | None, delivery: Delivery, now: datetime
) -> Subject:
    """Reads what a message will be made of."""
    if delivery.kind is MessageKind.REMINDER:
        wanted = carrying.wanted(conn, ctx.directory.biller(delivery.biller_id), delivery)
        about = wanted or carrying.debts(conn, delivery)
    else:
        found = [] if delivery.invoice_id is None else [invoices.get(conn, delivery.invoice_id)]
        about = [invoice for invoice in found if invoice is not None]
        wanted = [invoice for invoice in about if invoice.payable]
    unwanted = SETTLED if delivery.kind in ASKING and not wanted else None
    if unwanted is None:
        unwanted = _unreachable(conn, account, delivery)
    return Subject(
        delivery, [view(conn, invoice) for invoice in about], unwanted, _in_window(conn, account, delivery, now)
    )


def _unreachable(conn: sa.Connection, account: ChannelAccount | None, delivery: Delivery) -> str | None:
    if account is None or not account.row.enabled:
        return NO_ACCOUNT
    why = deliveries.suppressed(conn, delivery.biller_id, account.plugin.name, delivery.address)
    if delivery.kind is MessageKind.REPLY and why == deliveries.STOPPED:
        return None  # who writes to us is answered
    return why and f"suppressed_{why}"


def _in_window(conn: sa.Connection, account: ChannelAccount | None, delivery: Delivery, now: datetime) -> bool:
    if account is None or not account.plugin.window_s:
        return True
    wrote_at = conversations.last_in_at(conn, account.id, delivery.address)
    return wrote_at is not None and now - wrote_at < timedelta(seconds=account.plugin.window_s) - MARGIN


def compose(ctx: Context, account: ChannelAccount, subject: Subject) -> Message:
    """The message, rendered for its channel."""
    delivery = subject.delivery
    biller = ctx.directory.biller(delivery.biller_id)
    context = contexts.message(ctx, biller, subject.views, delivery)
    rendered = ctx.renderer.render(
        delivery.kind,
        context,
        channel=account.plugin.name,
        locale=delivery.locale,
        biller=biller.slug,
        template=not subject.in_window and delivery.kind is not MessageKind.REPLY,
    )
    said: dict[str, Any] = delivery.about or {}
    one = subject.views[0].invoice if delivery.invoice_id is not None and len(subject.views) == 1 else None
    return Message(
        reference=reference_of(ctx, delivery.id),
        to=delivery.address,
        text=rendered.text,
        locale=delivery.locale,
        subject=rendered.subject,
        html=rendered.html,
        sender_name=biller.settings.biller.display_name,
        buttons=rendered.buttons or tuple(Button(**button) for button in said.get("buttons", ())),
        charge=native_payments.charge(ctx, account, one, delivery, rendered.buttons) if one else None,
        unsubscribe_url=context.unsubscribe_url,
        receipt_url=f"{ctx.public_url}/hooks/channels/{account.row.name}",
        in_reply_to=said.get("in_reply_to"),
        template=rendered.template,
        in_window=subject.in_window,
    )


def reference_of(ctx: Context, delivery_id: int) -> str:
    """What a delivery is called at vendors: the same on every try, and no other installation's."""
    return f"{ctx.installation}-{show(DELIVERY, delivery_id)}"


def delivery_named(ctx: Context, reference: str) -> int | None:
    """The number in a `reference_of`; None when it is not one of this installation."""
    whose, _, named = reference.rpartition("-")
    return read_id(DELIVERY, named) if whose == ctx.installation else None

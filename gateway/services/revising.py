"""A sent message is made to say how things stand: edited when what it asks for is settled, void or another sum."""

from __future__ import annotations

from dataclasses import replace
from typing import cast

import sqlalchemy as sa

from gateway.domain.deliveries import Delivery, MessageKind
from gateway.domain.invoices import InvoiceStatus
from gateway.ports.channel import Edits
from gateway.ports.errors import NotSupported, OutcomeUnknown, Rejected, RetryLater
from gateway.services import composing, native_payments
from gateway.services.composing import Subject
from gateway.services.context import Context
from gateway.services.invoices import View, view
from gateway.store import deliveries, invoices


async def revise(ctx: Context, delivery_id: int) -> None:
    """Edits a sent message so that it says how things stand. A message that can no longer be changed is left. Raises RetryLater."""

    def body(conn: sa.Connection) -> tuple[Delivery, View] | None:
        delivery = deliveries.get(conn, delivery_id)
        invoice = invoices.get(conn, delivery.invoice_id) if delivery and delivery.invoice_id else None
        return (delivery, view(conn, invoice)) if delivery and invoice else None

    found = await ctx.db.read(body)
    account = ctx.directory.channel(found[0].account_id) if found else None
    if found is None or account is None or not account.plugin.edits or found[0].external_id is None:
        return
    delivery, about = found
    if about.invoice.payable and not account.plugin.native_payments:  # else its Pay button may ask for another sum
        return
    if native_payments.paid_there(ctx, account, about.attempts, delivery):
        return
    paid = about.invoice.status is InvoiceStatus.PAID
    told = replace(delivery, kind=MessageKind.PAYMENT_RECEIVED if paid else MessageKind.INVOICE_ISSUED)
    message = composing.compose(ctx, account, Subject(told, [about], None))
    try:
        await cast(Edits, account.make()).edit(str(delivery.external_id), message)
    except OutcomeUnknown as error:
        raise RetryLater(str(error)) from None
    except (Rejected, NotSupported):
        return

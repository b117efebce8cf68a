"""What templates are given, made from what is stored: the brand, a message's context, the pay page. Values in, values out."""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from typing import Any, cast
from zoneinfo import ZoneInfo

from gateway.domain import standing
from gateway.domain.deliveries import Delivery, MessageKind
from gateway.domain.invoices import IconState, Invoice, InvoiceStatus, icon_state
from gateway.domain.payments import Attempt, AttemptStatus, transfer_open
from gateway.domain.references import reference, spaced
from gateway.domain.reminders import LATER_BUTTON, when_of
from gateway.domain.standing import reason_of
from gateway.ports.channel import OpensChats
from gateway.ports.values import Money
from gateway.rendering import (
    Brand,
    Debt,
    InvoiceIssued,
    Line,
    MessageContext,
    PaymentFailed,
    PaymentReceived,
    PaymentRefunded,
    PayPage,
    Reminder,
    Reply,
)
from gateway.services import plans
from gateway.services.context import Context
from gateway.services.directory import Biller
from gateway.services.invoices import View
from gateway.store.invoices import Payer

LONGEST_DATA = 64  # bytes of a button's data


def brand(ctx: Context, biller: Biller) -> Brand:
    """How the biller looks to payers."""
    who, look = biller.settings.biller, biller.settings.brand
    return Brand(
        name=who.display_name,
        legal_name=who.legal_name,
        colour=look.colour,
        logo_url=_logo_url(ctx, biller),
        support_email=who.support_email,
        support_phone=who.support_phone,
        address=who.address or None,
        website=who.website,
    )


def _logo_url(ctx: Context, biller: Biller) -> str | None:
    """A logo kept with the biller has an address on our host that changes with it; another's stays as it is."""
    logo = biller.settings.brand.logo
    if logo is None or not logo.startswith("data:"):
        return logo
    return f"{ctx.public_url}/brand/{biller.slug}/logo?v={zlib.crc32(logo.encode()):08x}"


def message(ctx: Context, biller: Biller, views: Sequence[View], delivery: Delivery) -> MessageContext:
    """The context of a delivery's message, as things stand now; `views` are the invoices that it is about."""
    unsubscribe_url = f"{ctx.public_url}/u/{ctx.unsubscribes.issue(delivery.id)}"
    if delivery.kind is MessageKind.REPLY:
        return Reply(brand(ctx, biller), str((delivery.about or {})["text"]), unsubscribe_url)
    if delivery.kind is MessageKind.REMINDER:
        return reminder(ctx, biller, views, delivery, unsubscribe_url)
    view = views[0]
    invoice = view.invoice
    free = _link_free(ctx, delivery)
    page = ctx.pay_url(invoice.id, invoice.link_version)
    who: dict[str, Any] = {
        "brand": brand(ctx, biller),
        "number": invoice.number,
        "pay_url": "" if free else page,
        "icon_url": f"{page}/icon.png",  # a picture, which leads nowhere
        "payer_name": first_name(view.payer),
        "unsubscribe_url": unsubscribe_url,
        **without_links(ctx, biller, invoice, free),
    }
    details = invoice.details
    document_url = None if free else details.get("document_url")
    if delivery.kind is MessageKind.INVOICE_ISSUED:
        return InvoiceIssued(
            **who,
            amount=invoice.outstanding,
            due_on=invoice.due_on,
            issued_on=invoice.issued_on,
            description=details.get("description") or "",
            lines=lines(invoice),
            document_url=document_url,
            qr_url=None if free else f"{page}/qr.png",
            withdrawn=invoice.status is InvoiceStatus.VOID,
            chats=() if free or not invoice.payable else chats(ctx, view),
        )
    last = last_paid(view)
    if delivery.kind is MessageKind.PAYMENT_FAILED:
        failed = next((a for a in reversed(view.attempts) if a.status is AttemptStatus.FAILED), None)
        return PaymentFailed(
            **who,
            amount=invoice.outstanding,
            due_on=invoice.due_on,
            reason=reason_of(failed.reason) if failed and failed.reason else "",
            method=failed.method if failed else "",
        )
    if delivery.kind is MessageKind.PAYMENT_REFUNDED:
        return _refunded(ctx, biller, view, delivery, who)
    received = [line for line in view.lines if line.delta_minor > 0 and line.refund_id is None]
    newest = received[-1] if received else None
    at = newest.recorded_at if newest else invoice.updated_at
    return PaymentReceived(
        **who,
        received=Money(newest.delta_minor, invoice.currency) if newest else invoice.paid,
        outstanding=invoice.outstanding,
        received_on=(newest.received_on if newest and newest.received_on else at.astimezone(biller.zone).date()),
        method=last.method if last and newest and newest.attempt_id == last.id else "",
        reference=(newest.reference or "") if newest else "",
        document_url=document_url,
    )


def _refunded(ctx: Context, biller: Biller, view: View, delivery: Delivery, who: dict[str, Any]) -> PaymentRefunded:
    """Of the refund that the delivery is about."""
    invoice, named = view.invoice, (delivery.about or {}).get("refund")
    given = next((row for row in view.refunds if row.id == named), None)
    at = (given and given.done_at) or delivery.created_at
    return PaymentRefunded(
        **who,
        refunded=given.amount if given else invoice.refunded,
        outstanding=invoice.outstanding if invoice.payable else Money(0, invoice.currency),
        given_on=at.astimezone(biller.zone).date(),
        state=icon(ctx, biller, view),
        reference=(given.reference if given else None) or "",
    )


def _link_free(ctx: Context, delivery: Delivery) -> bool:
    account = ctx.directory.channel(delivery.account_id)
    return account is not None and account.link_free


def _later(ctx: Context, delivery: Delivery, views: Sequence[View]) -> str:
    """What a button brings back that puts these invoices off; empty where it cannot be pressed or has no room."""
    account = ctx.directory.channel(delivery.account_id)
    later = LATER_BUTTON.format(invoices=",".join(str(view.invoice.id) for view in views))
    return later if account is not None and account.replies and len(later) <= LONGEST_DATA else ""


def without_links(ctx: Context, biller: Biller, invoice: Invoice, free: bool) -> dict[str, Any]:
    """How an invoice is paid by who is sent no link; empty words where links are sent."""
    return {
        "link_free": free,
        "pay_code": ctx.pay_codes.issue(invoice.id) if free else "",
        "pay_site": biller.settings.pay_site if free else "",
        "payment_reference": spaced(reference(invoice.id)) if free else "",
    }


def reminder(ctx: Context, biller: Biller, views: Sequence[View], delivery: Delivery, unsubscribe_url: str) -> Reminder:
    """The context of a reminder of these invoices, in the order in which they are due."""
    free = _link_free(ctx, delivery)
    debts = [_debt(ctx, biller, view.invoice, free) for view in views]
    first, payer, invoice = debts[0], views[0].payer, views[0].invoice
    today = ctx.clock.now().astimezone(ZoneInfo(payer.time_zone)).date()
    total = sum((debt.amount for debt in debts[1:]), first.amount) if one_currency(debts) else None
    return Reminder(
        brand(ctx, biller),
        tone=str((delivery.about or {})["tone"]),
        when=when_of(first.due_on, today),
        debts=debts,
        number=first.number,
        amount=first.amount,
        due_on=first.due_on,
        pay_url=first.pay_url,
        icon_url=f"{ctx.pay_url(invoice.id, invoice.link_version)}/icon.png",
        total=total,
        payer_name=first_name(payer),
        later=_later(ctx, delivery, views),
        unsubscribe_url=unsubscribe_url,
        **without_links(ctx, biller, invoice, free),
    )


def _debt(ctx: Context, biller: Biller, invoice: Invoice, free: bool) -> Debt:
    said = without_links(ctx, biller, invoice, free)
    return Debt(
        invoice.number,
        invoice.outstanding,
        invoice.due_on,
        "" if free else ctx.pay_url(invoice.id, invoice.link_version),
        pay_code=said["pay_code"],
        payment_reference=said["payment_reference"],
    )


def one_currency(debts: Sequence[Debt]) -> bool:
    return len({debt.amount.currency for debt in debts}) == 1


def lines(invoice: Invoice) -> list[Line]:
    """The invoice's lines as a page shows them; one without a price is a remark, and is left out."""
    return [
        Line(row["description"], Money(row["amount_minor"], invoice.currency), _quantity(row))
        for row in invoice.details["lines"]
        if row["amount_minor"] is not None
    ]


def _quantity(row: dict[str, Any]) -> str:
    unit = row.get("unit") or ""
    return "" if row["quantity"] == "1" and not unit else f"{row['quantity']} {unit}".strip()


def first_name(payer: Payer) -> str:
    """How the payer is greeted: the name as the biller gave it."""
    return payer.name.strip()


def last_paid(view: View) -> Attempt | None:
    return next((attempt for attempt in reversed(view.attempts) if attempt.received_minor), None)


def icon(ctx: Context, biller: Biller, view: View) -> IconState:
    """What the status icon shows now."""
    invoice = view.invoice
    today = biller.today(ctx.clock.now())
    return icon_state(invoice.status, invoice.due_on, today, processing=view.processing)


def pay_page(
    ctx: Context,
    biller: Biller,
    view: View,
    *,
    methods: list[str],
    troubled: Sequence[str] = (),
    notice: str = "",
    returned: bool = False,
) -> PayPage:
    """The pay page as things stand now. `notice` is what the payer's last step met; `troubled` of the methods may not answer."""
    invoice = view.invoice
    details = invoice.details
    now = ctx.clock.now()
    going_back = standing.going_back(view.refunds)
    said, reason = standing.notice(invoice, view.attempts, going_back, now) if not notice else (notice, "")
    word = standing.told(view.claims)
    today = biller.today(now)
    return PayPage(
        brand=brand(ctx, biller),
        state=icon(ctx, biller, view),
        number=invoice.number,
        amount=invoice.amount,
        paid=invoice.paid,
        outstanding=invoice.outstanding,
        due_on=invoice.due_on,
        path=ctx.pay_path(invoice.id, invoice.link_version),
        revision=revision(ctx, biller, view),
        methods=methods if invoice.payable else [],
        troubled=troubled,
        payer_name=view.payer.name,
        issued_on=invoice.issued_on,
        description=details.get("description") or "",
        lines=lines(invoice),
        document_url=details.get("document_url"),
        settled_on=invoice.settled_at.astimezone(biller.zone).date() if invoice.settled_at else None,
        notice=said,
        reason=reason,
        returned=returned,
        overdue=invoice.payable and invoice.due_on < today,
        stage=standing.stage(invoice, view.attempts, view.claims, now, returned=returned),
        transfer=invoice.payable and transfer_open(view.attempts) is not None,
        rests_until=word.until_on if word else None,
        chats=chats(ctx, view) if invoice.payable else [],
    )


def chats(ctx: Context, view: View) -> list[str]:
    """The biller's chats that the payer could still bind by a link."""
    return [
        account.short
        for account in ctx.directory.channels_of(view.invoice.biller_id)
        if account.plugin.opens_chats
        and plans.address_of(view.payer, account.plugin, account.use_phone) is None
        and cast(OpensChats, account.make()).start_url("") is not None
    ]


def revision(ctx: Context, biller: Biller, view: View) -> str:
    """Changes whenever the pay page would: the events so far, and the icon and the stage, which also turn with time."""
    stage = standing.stage(view.invoice, view.attempts, view.claims, ctx.clock.now())
    return ".".join(part for part in (str(view.sequence), icon(ctx, biller, view).value, stage.value) if part)

"""Sending: one delivery over its channel, the next channel when it does not arrive, the edit when it is no longer true.

Reserve (transaction) → call → record (transaction). The state of the debt is read again in the transaction that starts the
send, so nobody who paid is asked. A send whose outcome is unknown is looked up at the vendor before it is repeated, where the
vendor can be asked; where not, the repeat is counted on the delivery.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import cast

import sqlalchemy as sa

from gateway.domain.deliveries import Delivery, DeliveryState, MessageKind, Step
from gateway.domain.ids import DELIVERY, read, show
from gateway.domain.invoices import Invoice, InvoiceStatus
from gateway.ports.channel import Edits, FindsSent, Message, SendResult
from gateway.ports.errors import NotSupported, OutcomeUnknown, Rejected, RetryLater
from gateway.services import contexts, plans
from gateway.services.attempts import APPLY_INBOX
from gateway.services.closing import ASKING
from gateway.services.context import Context
from gateway.services.directory import Biller, ChannelAccount
from gateway.services.errors import Conflict, NotFound
from gateway.services.invoices import View, view
from gateway.store import deliveries, inbox, invoices, outbox

D = DeliveryState
TO_SEND = (D.QUEUED, D.SENDING, D.UNKNOWN)
SETTLED, NO_ACCOUNT = "settled", "no_account"


@dataclass(frozen=True, slots=True)
class _Sending:
    delivery: Delivery
    view: View
    account: ChannelAccount
    told_before: bool  # an earlier try may have reached the vendor
    unwanted: str | None  # why it must not be sent now, though it may have been: then the vendor is only asked
    message: Message | None = None  # when it was composed already


async def deliver(ctx: Context, delivery_id: int, *, last_try: bool) -> None:
    """Sends a delivery, if it is still true. Raises RetryLater when it should be tried again (never on the last try)."""
    sending = await ctx.db.write(lambda conn: _begin(conn, ctx, delivery_id, ctx.clock.now()))
    if sending is None:
        return
    account = sending.account
    try:
        result = await _send(ctx, sending)
    except Rejected as error:
        code, unreachable = error.code, error.unreachable
        await ctx.db.write(
            lambda conn: _failed(conn, ctx, delivery_id, code, ctx.clock.now(), account if unreachable else None)
        )
    except RetryLater:
        await ctx.db.write(lambda conn: _postponed(conn, ctx, sending, ctx.clock.now(), last_try=last_try))
        if not last_try:
            raise
    except OutcomeUnknown as error:
        await ctx.db.write(lambda conn: _unknown(conn, ctx, delivery_id, ctx.clock.now(), give_up=last_try))
        if not last_try:
            raise RetryLater(str(error)) from None
    else:
        if result is None:
            await ctx.db.write(lambda conn: _withheld(conn, ctx, sending, ctx.clock.now()))
        else:
            await ctx.db.write(lambda conn: taken(conn, ctx, account, delivery_id, result, ctx.clock.now()))


def _begin(conn: sa.Connection, ctx: Context, delivery_id: int, now: datetime) -> _Sending | None:
    delivery = deliveries.get(conn, delivery_id, lock=True)
    if delivery is None or delivery.state not in TO_SEND:
        return None
    invoice = invoices.get(conn, delivery.invoice_id)
    account = ctx.directory.channel(delivery.account_id)
    if invoice is None:
        return None
    told_before = delivery.state is not D.QUEUED
    unwanted = _unwanted(conn, delivery, invoice, account)
    if account is None or (unwanted and not (told_before and account.plugin.finds_sent)):
        if told_before:  # it may have arrived, and nobody can be asked
            _unknown(conn, ctx, delivery_id, now, give_up=True)
        else:
            _withhold(conn, ctx, delivery, unwanted or NO_ACCOUNT, now)
        return None
    sending = _Sending(delivery, view(conn, invoice), account, told_before, unwanted)
    if told_before:
        return sending
    if account.plugin.finds_sent:
        sending = replace(sending, message=compose(ctx, account, sending.view, delivery))
    told = sending.message and sending.message.text
    deliveries.move(conn, delivery_id, [D.QUEUED], D.SENDING, now, told=told)
    return sending


def _unwanted(conn: sa.Connection, delivery: Delivery, invoice: Invoice, account: ChannelAccount | None) -> str | None:
    """Why a message must not go out, as things stand now."""
    if delivery.kind in ASKING and not invoice.payable:
        return SETTLED
    if account is None or not account.row.enabled:
        return NO_ACCOUNT
    why = deliveries.suppressed(conn, delivery.biller_id, account.plugin.name, delivery.address)
    return why and f"suppressed_{why}"


async def _send(ctx: Context, sending: _Sending) -> SendResult | None:
    """Sends, unless an earlier try turns out to have arrived. None: none did, and it is not wanted any more."""
    account, delivery = sending.account, sending.delivery
    channel = account.make()
    message = sending.message or compose(ctx, account, sending.view, delivery)
    if sending.told_before:
        if account.plugin.finds_sent:
            said = replace(message, text=delivery.told or message.text)
            found = await cast(FindsSent, channel).find_sent(said, delivery.created_at - timedelta(minutes=5))
            if found is not None and not await _is_anothers(ctx, delivery, found.external_id):
                return found
            if sending.unwanted:
                return None
            if message.text != said.text:
                await ctx.db.write(lambda conn: deliveries.tell(conn, delivery.id, message.text))
        else:
            await ctx.db.write(lambda conn: deliveries.resent(conn, delivery.id))
    return await channel.send(message)


async def _is_anothers(ctx: Context, delivery: Delivery, external_id: str) -> bool:
    """Whether what the vendor found is an earlier delivery with the same text."""
    known = await ctx.db.read(lambda conn: deliveries.by_external_id(conn, delivery.account_id, external_id))
    return known is not None and known.id != delivery.id


def compose(ctx: Context, account: ChannelAccount, about: View, delivery: Delivery) -> Message:
    """The message of a delivery as things stand now, rendered for its channel.

    On a channel with a window it is the vendor's template: a delivery is nobody's answer, and that goes at any time.
    """
    biller = ctx.directory.biller(delivery.biller_id)
    context = contexts.message(ctx, biller, about, delivery)
    in_window = not account.plugin.window_s
    rendered = ctx.renderer.render(
        delivery.kind,
        context,
        channel=account.plugin.name,
        locale=delivery.locale,
        biller=biller.slug,
        template=not in_window,
    )
    return Message(
        reference=reference_of(ctx, delivery.id),
        to=delivery.address,
        text=rendered.text,
        locale=delivery.locale,
        subject=rendered.subject,
        html=rendered.html,
        sender_name=biller.settings.biller.display_name,
        buttons=rendered.buttons,
        unsubscribe_url=context.unsubscribe_url,
        receipt_url=f"{ctx.public_url}/hooks/channels/{account.row.name}",
        template=rendered.template,
        in_window=in_window,
    )


def reference_of(ctx: Context, delivery_id: int) -> str:
    """What a delivery is called at vendors: the same on every try, and no other installation's."""
    return f"{ctx.installation}-{show(DELIVERY, delivery_id)}"


def delivery_named(ctx: Context, reference: str) -> int | None:
    """The number in a `reference_of`; None when it is not one of this installation."""
    whose, _, named = reference.rpartition("-")
    return read(DELIVERY, named) if whose == ctx.installation else None


def taken(
    conn: sa.Connection, ctx: Context, account: ChannelAccount, delivery_id: int, result: SendResult, now: datetime
) -> None:
    """The vendor has the message: say so, and wait for its receipt. Nothing when that is known already."""
    delivery = deliveries.get(conn, delivery_id, lock=True)
    if delivery is None:
        return
    also = {"external_id": result.external_id, "segments": result.segments, "sent_at": now}
    if not deliveries.move(conn, delivery_id, [D.SENDING, D.UNKNOWN], D.SENT, now, **also):
        return
    plans.report(conn, replace(delivery, state=D.SENT, external_id=result.external_id), now)
    if account.plugin.receipts:
        _wait(conn, delivery, now)
        for early in inbox.held_about(conn, account.row.inbox, result.external_id):
            outbox.poke(conn, APPLY_INBOX, early, "", now, now)
    else:
        outbox.drop(conn, plans.FALL_BACK, delivery_id)
    invoice = invoices.get(conn, delivery.invoice_id)
    settled_meanwhile = invoice is not None and not invoice.payable and delivery.kind in ASKING
    if settled_meanwhile and account.plugin.edits:
        outbox.poke(conn, plans.REVISE, delivery_id, account.destination, now, now)


def _wait(conn: sa.Connection, delivery: Delivery, now: datetime) -> None:
    """The next step comes when this one has not arrived in its wait."""
    if delivery.later and delivery.wait_s:
        outbox.poke(conn, plans.FALL_BACK, delivery.id, "", now + timedelta(seconds=delivery.wait_s), now)


def _postponed(conn: sa.Connection, ctx: Context, sending: _Sending, now: datetime, *, last_try: bool) -> None:
    """The vendor cannot answer now. Nothing was done by this try, but perhaps by an earlier one."""
    delivery = sending.delivery
    if sending.told_before:
        if not sending.account.plugin.finds_sent:
            deliveries.resent(conn, delivery.id, -1)
        _unknown(conn, ctx, delivery.id, now, give_up=last_try)
    elif last_try:
        _failed(conn, ctx, delivery.id, "out_of_tries", now)
    elif deliveries.move(conn, delivery.id, [D.SENDING], D.QUEUED, now):
        _wait(conn, delivery, now)


def _withheld(conn: sa.Connection, ctx: Context, sending: _Sending, now: datetime) -> None:
    delivery = deliveries.get(conn, sending.delivery.id, lock=True)
    if delivery is not None:
        _withhold(conn, ctx, delivery, str(sending.unwanted), now)


def _withhold(conn: sa.Connection, ctx: Context, delivery: Delivery, why: str, now: datetime) -> None:
    """A message that was not sent and will not be: taken back when nothing is owed any more, else failed."""
    if why != SETTLED:
        _failed(conn, ctx, delivery.id, why, now)
    elif deliveries.move(conn, delivery.id, TO_SEND, D.REVOKED, now):
        plans.report(conn, replace(delivery, state=D.REVOKED), now)


def _failed(
    conn: sa.Connection,
    ctx: Context,
    delivery_id: int,
    code: str,
    now: datetime,
    unreachable: ChannelAccount | None = None,
) -> None:
    """The message did not go out: say so, stop using a dead address, take the next step of the plan."""
    delivery = deliveries.get(conn, delivery_id, lock=True)
    if delivery is None or not deliveries.move(conn, delivery_id, TO_SEND, D.FAILED, now, code=code):
        return
    plans.report(conn, replace(delivery, state=D.FAILED, code=code), now)
    if unreachable is not None:
        plans.stop(conn, unreachable, delivery, plans.UNREACHABLE, now)
    next_step(conn, ctx, delivery, now)


def _unknown(conn: sa.Connection, ctx: Context, delivery_id: int, now: datetime, *, give_up: bool) -> None:
    delivery = deliveries.get(conn, delivery_id, lock=True)
    if delivery is None:
        return
    if deliveries.move(conn, delivery_id, [D.SENDING], D.UNKNOWN, now):
        plans.report(conn, replace(delivery, state=D.UNKNOWN), now)
        _wait(conn, delivery, now)
    if give_up:
        next_step(conn, ctx, delivery, now)


def next_step(conn: sa.Connection, ctx: Context, delivery: Delivery, now: datetime) -> list[Delivery]:
    """Begins the rest of the delivery's plan, once, while there is something to say; gives what it began."""
    outbox.drop(conn, plans.FALL_BACK, delivery.id)
    invoice = invoices.get(conn, delivery.invoice_id)
    if invoice is None or (delivery.kind in ASKING and not invoice.payable):
        return []
    steps = deliveries.take_later(conn, delivery.id)
    if not steps:
        return []
    payer = invoices.get_payer(conn, delivery.payer_id)
    return plans.begin(conn, ctx.directory, invoice, payer, delivery.kind, steps, now, now)


async def fall_back(ctx: Context, delivery_id: int) -> datetime | None:
    """The wait for a receipt is over: takes the next step unless the message has arrived; gives when to look again.

    The wait begins at the first try, so that a vendor that is down is not waited for, and anew when the vendor has taken
    the message. One that was never handed over is not sent once another channel has taken its place.
    """
    now = ctx.clock.now()

    def body(conn: sa.Connection) -> datetime | None:
        delivery = deliveries.get(conn, delivery_id, lock=True)
        if delivery is None or delivery.state in (D.DELIVERED, D.READ, D.REVOKED):
            return None
        if delivery.state is D.SENT and delivery.sent_at is not None:
            over_at = delivery.sent_at + timedelta(seconds=delivery.wait_s)
            if over_at > now:
                return over_at
        if next_step(conn, ctx, delivery, now) and delivery.state is D.QUEUED:
            _failed(conn, ctx, delivery_id, "overtaken", now)
            outbox.drop(conn, plans.DELIVER, delivery_id)
        return None

    return await ctx.db.write(body)


async def revise(ctx: Context, delivery_id: int) -> None:
    """Edits a sent message so that it says how things stand. A message that can no longer be changed is left. Raises RetryLater."""

    def body(conn: sa.Connection) -> tuple[Delivery, View] | None:
        delivery = deliveries.get(conn, delivery_id)
        invoice = invoices.get(conn, delivery.invoice_id) if delivery else None
        return (delivery, view(conn, invoice)) if delivery and invoice else None

    found = await ctx.db.read(body)
    account = ctx.directory.channel(found[0].account_id) if found else None
    if found is None or account is None or not account.plugin.edits or found[0].external_id is None:
        return
    delivery, about = found
    if about.invoice.payable:
        return
    void = about.invoice.status is InvoiceStatus.VOID
    told = replace(delivery, kind=MessageKind.INVOICE_ISSUED if void else MessageKind.PAYMENT_RECEIVED)
    try:
        await cast(Edits, account.make()).edit(str(delivery.external_id), compose(ctx, account, about, told))
    except OutcomeUnknown as error:
        raise RetryLater(str(error)) from None
    except (Rejected, NotSupported):
        return


async def send_again(
    ctx: Context, biller: Biller, invoice_id: int, steps: Sequence[Step] | None, due_at: datetime | None = None
) -> list[Delivery]:
    """Sends the invoice's message once more, now or later, by the biller's policy or these steps.

    Raises NotFound, Conflict when nothing is owed, Invalid on a channel that the biller does not have.
    """
    plans.check(ctx.directory, biller, steps)
    now = ctx.clock.now()

    def body(conn: sa.Connection) -> list[Delivery]:
        invoice = invoices.get(conn, invoice_id, biller_id=biller.id, lock=True)
        if invoice is None:
            raise NotFound("there is no such invoice")
        if not invoice.payable:
            raise Conflict(f"the invoice is {invoice.status}; there is nothing to ask for")
        payer = invoices.get_payer(conn, invoice.payer_id)
        plan = plans.policy(biller) if steps is None else steps
        at = max(now, due_at or now)
        return plans.begin(conn, ctx.directory, invoice, payer, MessageKind.INVOICE_ISSUED, plan, at, now)

    return await ctx.db.write(body)

"""Sending: one delivery over its channel, the next channel when it does not arrive, the edit when it is no longer true.

Reserve (transaction) → call → record (transaction). The state of the debt is read again in the transaction that starts the
send, so nobody who paid is asked. A send whose outcome is unknown is looked up at the vendor before it is repeated, where the
vendor can be asked; where not, the repeat is counted on the delivery.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, cast

import sqlalchemy as sa

from gateway.domain.deliveries import Delivery, DeliveryState, MessageKind
from gateway.ports.channel import Channel, FindsSent, Message, SendResult
from gateway.ports.errors import OutcomeUnknown, Rejected, RetryLater
from gateway.services import carrying, composing, gate, plans, reminders, stopping
from gateway.services.attempts import APPLY_INBOX
from gateway.services.closing import ASKING
from gateway.services.composing import NO_ACCOUNT, SETTLED, Subject
from gateway.services.context import Context
from gateway.services.directory import ChannelAccount
from gateway.store import deliveries, inbox, outbox

D = DeliveryState
TO_SEND = (D.QUEUED, D.SENDING, D.UNKNOWN)
FAULT = "fault"  # the code of a delivery that our own code could not send


@dataclass(frozen=True, slots=True)
class _Sending:
    subject: Subject  # unwanted, though it may have been sent: then the vendor is only asked
    account: ChannelAccount
    told_before: bool  # an earlier try may have reached the vendor
    message: Message | None = None  # when it was composed already

    @property
    def delivery(self) -> Delivery:
        return self.subject.delivery


@dataclass(frozen=True, slots=True)
class _Taken:
    """The vendor took the message, and these were its words."""

    result: SendResult
    words: str


@dataclass(frozen=True, slots=True)
class _Ask:
    """A payment of one of these invoices may have brought money that nobody has told us of."""

    invoice_ids: Sequence[int]


async def deliver(ctx: Context, delivery_id: int, *, last_try: bool) -> datetime | None:
    """Sends a delivery, if it is still true; gives when to come again if it must wait. Raises RetryLater when it should be
    tried again (never on the last try).

    What asks for money is not sent before the provider has said how an open payment goes. A fault of ours is raised as it is,
    and the next channel is waited for no longer because of it.
    """
    try:
        return await _deliver(ctx, delivery_id, last_try)
    except RetryLater:
        raise
    except Exception:
        await ctx.db.write(lambda conn: _faulty(conn, delivery_id, ctx.clock.now()))
        raise


async def _deliver(ctx: Context, delivery_id: int, last_try: bool) -> datetime | None:
    sending = await ctx.db.write(lambda conn: _begin(conn, ctx, delivery_id, ctx.clock.now()))
    if isinstance(sending, _Ask):
        if await gate.ask(ctx, sending.invoice_ids):
            return ctx.clock.now() + gate.SILENT
        sending = await ctx.db.write(lambda conn: _begin(conn, ctx, delivery_id, ctx.clock.now(), asked=True))
    if isinstance(sending, _Sending):
        await _hand_over(ctx, sending, last_try=last_try)
        return None
    return sending if isinstance(sending, datetime) else None


async def _hand_over(ctx: Context, sending: _Sending, *, last_try: bool) -> None:
    delivery_id = sending.delivery.id
    account = sending.account
    try:
        channel, message = account.make(), sending.message or composing.compose(ctx, account, sending.subject)
    except Exception:  # nobody was told anything by this try
        if not sending.told_before:
            await ctx.db.write(lambda conn: deliveries.move(conn, delivery_id, [D.SENDING], D.QUEUED, ctx.clock.now()))
        raise
    try:
        sent = await _send(ctx, sending, channel, message)
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
        if sent is None:
            await ctx.db.write(lambda conn: _withheld(conn, ctx, sending, ctx.clock.now()))
        else:
            await ctx.db.write(
                lambda conn: taken(conn, ctx, account, delivery_id, sent.result, ctx.clock.now(), words=sent.words)
            )


def _begin(
    conn: sa.Connection, ctx: Context, delivery_id: int, now: datetime, *, asked: bool = False
) -> _Sending | _Ask | datetime | None:
    delivery = deliveries.get(conn, delivery_id, lock=True)
    if delivery is None or delivery.state not in TO_SEND:
        return None
    account = ctx.directory.channel(delivery.account_id)
    told_before = delivery.state is not D.QUEUED
    subject = composing.read(conn, ctx, account, delivery, now)
    if account is None or (subject.unwanted and not (told_before and account.plugin.finds_sent)):
        if told_before:  # it may have arrived, and nobody can be asked
            _unknown(conn, ctx, delivery_id, now, give_up=True)
        else:
            _withhold(conn, ctx, delivery, subject.unwanted or NO_ACCOUNT, now)
        return None
    sending = _Sending(subject, account, told_before)
    if told_before:
        return sending
    if delivery.kind in ASKING:
        tried = [attempt for view in subject.views for attempt in view.attempts]
        if not asked and gate.may_be_paid(tried, now):
            return _Ask([view.invoice.id for view in subject.views])
        if delivery.kind is MessageKind.REMINDER and (until := reminders.wait(conn, ctx, delivery, tried, now)):
            return until
    if account.plugin.finds_sent:
        sending = replace(sending, message=composing.compose(ctx, account, subject))
    told = sending.message and sending.message.text
    deliveries.move(conn, delivery_id, [D.QUEUED], D.SENDING, now, told=told)
    return sending


async def _send(ctx: Context, sending: _Sending, channel: Channel, message: Message) -> _Taken | None:
    """Sends, unless an earlier try turns out to have arrived. None: none did, and it is not wanted any more."""
    account, delivery = sending.account, sending.delivery
    if sending.told_before:
        if account.plugin.finds_sent:
            said = replace(message, text=delivery.told or message.text)
            found = await cast(FindsSent, channel).find_sent(said, delivery.created_at - timedelta(minutes=5))
            if found is not None and not await _is_anothers(ctx, delivery, found.external_id):
                return _Taken(found, said.text)
            if sending.subject.unwanted:
                return None
            if message.text != said.text:
                await ctx.db.write(lambda conn: deliveries.tell(conn, delivery.id, message.text))
        else:
            await ctx.db.write(lambda conn: deliveries.resent(conn, delivery.id))
    return _Taken(await channel.send(message), message.text)


async def _is_anothers(ctx: Context, delivery: Delivery, external_id: str) -> bool:
    """Whether what the vendor found is an earlier delivery with the same text."""
    known = await ctx.db.read(lambda conn: deliveries.by_external_id(conn, delivery.account_id, external_id))
    return known is not None and known.id != delivery.id


def taken(
    conn: sa.Connection,
    ctx: Context,
    account: ChannelAccount,
    delivery_id: int,
    result: SendResult,
    now: datetime,
    *,
    words: str | None = None,
) -> None:
    """The vendor has the message: say so, and wait for its receipt. Nothing when that is known already. `words`: what it said."""
    delivery = deliveries.get(conn, delivery_id, lock=True)
    if delivery is None:
        return
    also: dict[str, Any] = {"external_id": result.external_id, "segments": result.segments, "sent_at": now}
    also |= {} if words is None else {"told": words}
    if not deliveries.move(conn, delivery_id, TO_SEND, D.SENT, now, **also):
        return
    plans.report(conn, replace(delivery, state=D.SENT, external_id=result.external_id), now)
    if delivery.kind is MessageKind.REMINDER:
        carrying.sent(conn, ctx.directory.biller(delivery.biller_id), delivery, now)
    if account.plugin.receipts:
        _wait(conn, delivery, now)
        for early in inbox.held_about(conn, account.row.inbox, result.external_id):
            outbox.poke(conn, APPLY_INBOX, early, "", now, now)
    else:
        outbox.drop(conn, plans.FALL_BACK, delivery_id)
    if account.plugin.edits and composing.read(conn, ctx, account, delivery, now).settled:  # meanwhile
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


def _faulty(conn: sa.Connection, delivery_id: int, now: datetime) -> None:
    """A try failed by a fault of ours: the wait for the next step has begun."""
    delivery = deliveries.get(conn, delivery_id, lock=True)
    if delivery is not None and delivery.state in TO_SEND:
        _wait(conn, delivery, now)


def give_up(conn: sa.Connection, ctx: Context, delivery_id: int, now: datetime) -> None:
    """Ends a delivery that a fault of ours stopped at every try, and takes the next step of its plan.

    It has failed when no try called the vendor, else it stays unknown.
    """
    delivery = deliveries.get(conn, delivery_id, lock=True)
    if delivery is None or delivery.state not in TO_SEND:
        return
    if delivery.state is D.QUEUED:
        _failed(conn, ctx, delivery_id, FAULT, now)
    else:
        _unknown(conn, ctx, delivery_id, now, give_up=True, code=FAULT)


def _withheld(conn: sa.Connection, ctx: Context, sending: _Sending, now: datetime) -> None:
    delivery = deliveries.get(conn, sending.delivery.id, lock=True)
    if delivery is not None:
        _withhold(conn, ctx, delivery, str(sending.subject.unwanted), now)


def _withhold(conn: sa.Connection, ctx: Context, delivery: Delivery, why: str, now: datetime) -> None:
    """A message that was not sent and will not be: taken back when nothing is owed any more, else failed."""
    if why != SETTLED:
        _failed(conn, ctx, delivery.id, why, now)
    elif deliveries.move(conn, delivery.id, TO_SEND, D.REVOKED, now):
        plans.report(conn, replace(delivery, state=D.REVOKED), now)
        if delivery.kind is MessageKind.REMINDER:
            carrying.reconsider(conn, ctx.directory.biller(delivery.biller_id), delivery, now)


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
        stopping.stop_at(conn, ctx.directory, unreachable, delivery, stopping.UNREACHABLE, now)
    next_step(conn, ctx, delivery, now)


def _unknown(
    conn: sa.Connection, ctx: Context, delivery_id: int, now: datetime, *, give_up: bool, code: str | None = None
) -> None:
    delivery = deliveries.get(conn, delivery_id, lock=True)
    if delivery is None:
        return
    if deliveries.move(conn, delivery_id, [D.SENDING], D.UNKNOWN, now):
        plans.report(conn, replace(delivery, state=D.UNKNOWN, code=code), now)
        _wait(conn, delivery, now)
    if give_up and not next_step(conn, ctx, delivery, now) and delivery.kind is MessageKind.REMINDER:
        carrying.undelivered(conn, ctx.directory.biller(delivery.biller_id), delivery, now)


def next_step(conn: sa.Connection, ctx: Context, delivery: Delivery, now: datetime) -> list[Delivery]:
    """Begins the rest of the delivery's plan, once, while there is something to say; gives what it began."""
    outbox.drop(conn, plans.FALL_BACK, delivery.id)
    account = ctx.directory.channel(delivery.account_id)
    subject = composing.read(conn, ctx, account, delivery, now)
    steps = deliveries.take_later(conn, delivery.id) if subject.views and not subject.settled else []
    if delivery.kind is MessageKind.REMINDER:
        return reminders.next_step(conn, ctx, delivery, [view.invoice for view in subject.views], steps, now)
    if not steps:
        return []
    about = subject.views[0]
    return plans.begin(
        conn, ctx.directory, about.invoice, about.payer, delivery.kind, steps, now, now, about=delivery.about
    )


async def fall_back(ctx: Context, delivery_id: int) -> datetime | None:
    """The wait for a receipt is over: takes the next step unless the message has arrived; gives when to look again.

    The wait begins at the first try, so that a vendor that is down is not waited for, and anew when the vendor has taken
    the message. One that was never handed over is not sent once another channel has taken its place.
    """
    now = ctx.clock.now()

    def body(conn: sa.Connection) -> datetime | None:
        delivery = deliveries.get(conn, delivery_id, lock=True)
        if delivery is None or delivery.arrived or delivery.state is D.REVOKED:
            return None
        if delivery.state in (D.SENT, D.DELIVERED) and delivery.sent_at is not None:
            over_at = delivery.sent_at + timedelta(seconds=delivery.wait_s)
            if over_at > now:
                return over_at
        if next_step(conn, ctx, delivery, now) and delivery.state is D.QUEUED:
            _failed(conn, ctx, delivery_id, "overtaken", now)
            outbox.drop(conn, plans.DELIVER, delivery_id)
        return None

    return await ctx.db.write(body)

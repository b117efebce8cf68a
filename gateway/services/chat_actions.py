"""What a turn of a conversation does, each by the service that owns it, in the turn's transaction."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from gateway.domain.chat import (
    Action,
    AlreadyPaid,
    Cancel,
    Chosen,
    Dispute,
    Language,
    Person,
    Plan,
    Promise,
    Remind,
    Start,
    Stop,
)
from gateway.domain.events import EventType, NewEvent
from gateway.services import claims, ladder, plans, wishes
from gateway.services.context import Context
from gateway.services.directory import Biller, ChannelAccount
from gateway.store import deliveries, events, invoices, reminders
from gateway.store.conversations import Conversation
from gateway.store.invoices import Payer


@dataclass(frozen=True, slots=True)
class Scene:
    """Where an action takes place. `about` is what every event of the conversation says, `text` the payer's words."""

    ctx: Context
    account: ChannelAccount
    conversation: Conversation
    payers: Sequence[Payer]
    about: dict[str, Any]
    text: str
    now: datetime

    @property
    def biller(self) -> Biller:
        return self.ctx.directory.biller(self.conversation.biller_id)


def carry_out(conn: sa.Connection, scene: Scene, action: Action) -> dict[str, Any]:
    """Does one action; gives what changes in the conversation's row."""
    biller, now = scene.biller, scene.now
    match action:
        case Remind(ids, at):
            for payer in scene.payers:
                wishes.set_own(conn, biller, payer, ids, at, now, channels=[scene.account.short])
        case Cancel(ids):
            for payer in scene.payers:
                wishes.cancel_own(conn, biller, payer, ids, now)
        case Promise(ids, on):
            for payer in scene.payers:
                claims.promise(conn, biller, payer, ids, on, now)
        case AlreadyPaid():
            for payer in scene.payers:
                claims.already_paid(
                    conn,
                    biller,
                    payer,
                    action.invoice_ids,
                    now,
                    how=action.how,
                    on=action.on,
                    reference=action.reference,
                    text=scene.text,
                )
        case Dispute(ids, reason, amount):
            for payer in scene.payers:
                claims.dispute(conn, biller, payer, ids, reason, now, text=scene.text, amount=amount)
        case Plan(invoice_id, parts):
            for payer in scene.payers:
                claims.plan_parts(conn, biller, payer, invoice_id, parts, now)
        case Stop(everywhere):
            _stop(conn, scene, everywhere)
        case Start(everywhere):
            _start(conn, scene, everywhere)
        case Language(locale):
            for payer in scene.payers:
                invoices.choose_locale(conn, payer.id, locale, now)
            return {"locale": locale}
        case Person(why):
            wanted = NewEvent(EventType.PERSON_WANTED, scene.about | {"why": why, "text": scene.text})
            events.append(conn, biller.id, None, [wanted], now)
            return {"person_at": now}
        case Chosen(payer_id):
            return {"payer_id": payer_id}
    return {}


def _addresses(scene: Scene, everywhere: bool) -> list[tuple[ChannelAccount, str]]:
    """What a STOP or a START is about: this channel, or every channel of the biller that reaches these payers."""
    here = [(scene.account, scene.conversation.address)]
    if not everywhere:
        return here
    return here + [
        (account, address)
        for account in scene.ctx.directory.channels_of(scene.biller.id)
        for payer in scene.payers
        if (address := plans.address_of(payer, account.plugin, account.use_phone))
        and (account.plugin.name, address) != (scene.account.plugin.name, scene.conversation.address)
    ]


def _stop(conn: sa.Connection, scene: Scene, everywhere: bool) -> None:
    for account, address in _addresses(scene, everywhere):
        if deliveries.suppress(conn, scene.biller.id, account.plugin.name, address, plans.STOPPED, scene.now):
            data = scene.about | {"channel": account.short, "reason": plans.STOPPED}
            events.append(conn, scene.biller.id, None, [NewEvent(EventType.PAYER_STOPPED, data)], scene.now)
    ladder.stopped(conn, scene.ctx.directory, scene.payers, scene.now)


def _start(conn: sa.Connection, scene: Scene, everywhere: bool) -> None:
    for account, address in _addresses(scene, everywhere):
        known = deliveries.suppressed(conn, scene.biller.id, account.plugin.name, address)
        if known == plans.STOPPED and deliveries.allow(conn, scene.biller.id, account.plugin.name, address):
            data = scene.about | {"channel": account.short}
            events.append(conn, scene.biller.id, None, [NewEvent(EventType.PAYER_STARTED, data)], scene.now)
    for payer in scene.payers:
        for invoice in reminders.owing(conn, payer.id):
            ladder.plan_for(conn, scene.biller, invoice, payer, scene.now)

"""Which channel carries a message, and which comes next. Used inside other services' transactions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from gateway.domain.deliveries import REPORTED, Delivery, DeliveryState, MessageKind, Step
from gateway.domain.events import EventType, NewEvent
from gateway.domain.ids import CONVERSATION, DELIVERY, show
from gateway.domain.invoices import Invoice
from gateway.ports.channel import ChannelPlugin
from gateway.services.directory import Biller, ChannelAccount, Directory
from gateway.services.errors import Invalid
from gateway.store import deliveries, events, outbox
from gateway.store.invoices import Payer

DELIVER, FALL_BACK, REVISE = "deliver", "fall-back", "revise"


def policy(biller: Biller) -> Sequence[Step]:
    """The biller's own plan."""
    return [Step(step.channel, step.wait_s) for step in biller.settings.delivery.channels]


def check(directory: Directory, biller: Biller, steps: Sequence[Step] | None, path: str = "deliver") -> None:
    """Raises Invalid, by its place, when a step names a channel that the biller does not have."""
    known = {account.short for account in directory.channels_of(biller.id)}
    for place, step in enumerate(steps or ()):
        if step.channel not in known:
            have = ", ".join(sorted(known)) or "none"
            raise Invalid(f"you have no channel {step.channel!r}; you have: {have}", path=f"{path}[{place}].channel")


def contact_point(plugin: ChannelPlugin[object]) -> str:
    """The payer's column that holds a channel's addresses: its contact point, or the chat of that channel's name."""
    return plugin.name if plugin.address == "chat" else plugin.address


def address_of(payer: Payer, plugin: ChannelPlugin[object], use_phone: bool = False) -> str | None:
    """Where a channel reaches the payer; `use_phone`: at the phone number when there is no such address."""
    address: str | None = getattr(payer, contact_point(plugin), None)
    return address or (payer.phone if use_phone else None)


def report(conn: sa.Connection, delivery: Delivery, now: datetime) -> None:
    """The delivery's state as an event."""
    data: dict[str, Any] = {
        "delivery": show(DELIVERY, delivery.id),
        "channel": delivery.channel,
        "kind": delivery.kind.value,
    }
    if delivery.code:
        data["code"] = delivery.code
    if delivery.conversation_id is not None:
        data["conversation"] = show(CONVERSATION, delivery.conversation_id)
    kind = REPORTED[delivery.state]
    if delivery.kind is MessageKind.REPLY and delivery.state is DeliveryState.SENT:
        said = delivery.about or {}
        kind, data = EventType.MESSAGE_SENT, data | {"author": said.get("author"), "text": said.get("text")}
    events.append(conn, delivery.biller_id, delivery.invoice_id, [NewEvent(kind, data)], now)


def take_back(conn: sa.Connection, delivery: Delivery, now: datetime) -> bool:
    """Revokes a queued message. False: it is queued no more."""
    if not deliveries.move(conn, delivery.id, [DeliveryState.QUEUED], DeliveryState.REVOKED, now):
        return False
    outbox.drop(conn, DELIVER, delivery.id)
    outbox.drop(conn, FALL_BACK, delivery.id)
    report(conn, replace(delivery, state=DeliveryState.REVOKED), now)
    return True


def reachable(conn: sa.Connection, directory: Directory, payer: Payer) -> bool:
    """Whether any channel of the biller's may still bring the payer a message."""
    return any(
        (address := address_of(payer, account.plugin, account.use_phone))
        and not deliveries.suppressed(conn, payer.biller_id, account.plugin.name, address)
        for account in directory.channels_of(payer.biller_id)
    )


def begin(
    conn: sa.Connection,
    directory: Directory,
    invoice: Invoice | None,
    payer: Payer,
    kind: MessageKind,
    steps: Sequence[Step],
    due_at: datetime,
    now: datetime,
    *,
    about: dict[str, Any] | None = None,
) -> list[Delivery]:
    """Queues the first step that can reach the payer, and with it those that follow without waiting.

    No `invoice`: the message is about several. `about` is what it says beyond the invoice. When no step can,
    `delivery.impossible` is written, with the reason for each.
    """
    made: list[Delivery] = []
    reasons: dict[str, str] = {}
    invoice_id = invoice.id if invoice is not None else None
    accounts = {account.short: account for account in directory.channels_of(payer.biller_id)}
    for place, step in enumerate(steps):
        account = accounts.get(step.channel)
        address = account and address_of(payer, account.plugin, account.use_phone)
        if account is None or not address:
            reasons[step.channel] = "no such channel" if account is None else "no address"
            continue
        if why := deliveries.suppressed(conn, payer.biller_id, account.plugin.name, address):
            reasons[step.channel] = f"suppressed: {why}"
            continue
        later = steps[place + 1 :]
        made.append(
            queue(
                conn,
                account,
                kind=kind,
                address=address,
                locale=payer.locale,
                due_at=due_at,
                now=now,
                invoice_id=invoice_id,
                payer_id=payer.id,
                step=step,
                later=later if step.wait_s else (),
                about=about,
            )
        )
        if step.wait_s:
            break
    if not made and steps:
        impossible = NewEvent(EventType.DELIVERY_IMPOSSIBLE, {"kind": kind.value, "reasons": reasons})
        events.append(conn, payer.biller_id, invoice_id, [impossible], now)
    return made


def queue(
    conn: sa.Connection,
    account: ChannelAccount,
    *,
    kind: MessageKind,
    address: str,
    locale: str,
    due_at: datetime,
    now: datetime,
    invoice_id: int | None = None,
    payer_id: int | None = None,
    conversation_id: int | None = None,
    step: Step | None = None,
    later: Sequence[Step] = (),
    about: dict[str, Any] | None = None,
) -> Delivery:
    """One message over one account, with the task that sends it."""
    row: dict[str, Any] = {
        "biller_id": account.row.biller_id,
        "invoice_id": invoice_id,
        "payer_id": payer_id,
        "conversation_id": conversation_id,
        "account_id": account.id,
        "kind": kind,
        "channel": account.short,
        "address": address,
        "locale": locale,
        "state": DeliveryState.QUEUED,
        "wait_s": step.wait_s if step else 0,
        "later": [next_step.as_json() for next_step in later],
        "segments": 0,
        "resends": 0,
        "about": about,
        "until": step.until if step and account.plugin.reads else None,
        "due_at": due_at,
        "created_at": now,
        "updated_at": now,
    }
    delivery_id = deliveries.insert(conn, row)
    outbox.add(conn, DELIVER, delivery_id, account.destination, due_at, now)
    return Delivery(id=delivery_id, external_id=None, code=None, sent_at=None, **row)

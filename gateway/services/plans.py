"""Which channel carries a message, and which comes next. Used inside other services' transactions."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from gateway.domain.deliveries import REPORTED, Delivery, DeliveryState, MessageKind, Step
from gateway.domain.events import EventType, NewEvent
from gateway.domain.ids import DELIVERY, show
from gateway.domain.invoices import Invoice
from gateway.ports.channel import ChannelPlugin
from gateway.services.directory import Biller, ChannelAccount, Directory
from gateway.services.errors import Invalid
from gateway.store import deliveries, events, invoices, outbox
from gateway.store.invoices import Payer

DELIVER, FALL_BACK, REVISE = "deliver", "fall-back", "revise"
STOPPED, UNREACHABLE, LEFT = "stopped", "unreachable", "left"  # why an address is suppressed


def policy(biller: Biller) -> Sequence[Step]:
    """The biller's own plan."""
    return [Step(step.channel, step.wait_s) for step in biller.settings.delivery.channels]


def check(directory: Directory, biller: Biller, steps: Sequence[Step] | None) -> None:
    """Raises Invalid, by its place, when a step names a channel that the biller does not have."""
    known = {account.short for account in directory.channels_of(biller.id)}
    for place, step in enumerate(steps or ()):
        if step.channel not in known:
            have = ", ".join(sorted(known)) or "none"
            raise Invalid(f"you have no channel {step.channel!r}; you have: {have}", path=f"deliver[{place}].channel")


def contact_point(plugin: ChannelPlugin[object]) -> str:
    """The payer's column that holds a channel's addresses: its contact point, or the chat of that channel's name."""
    return plugin.name if plugin.address == "chat" else plugin.address


def address_of(payer: Payer, plugin: ChannelPlugin[object], use_phone: bool = False) -> str | None:
    """Where a channel reaches the payer; `use_phone`: at the phone number when there is no such address."""
    address: str | None = getattr(payer, contact_point(plugin), None)
    return address or (payer.phone if use_phone else None)


def payers_at(conn: sa.Connection, account: ChannelAccount, address: str) -> list[Payer]:
    """The biller's payers whom the account reaches at an address; none once the vendor said that its owner has left it."""
    biller_id, plugin = account.row.biller_id, account.plugin
    if deliveries.suppressed(conn, biller_id, plugin.name, address) == LEFT:
        return []
    found = invoices.payers_at(conn, biller_id, contact_point(plugin), address)
    others = invoices.payers_at(conn, biller_id, "phone", address) if account.use_phone else []
    return found + [
        payer for payer in others if address_of(payer, plugin, use_phone=True) == address and payer not in found
    ]


def leave(conn: sa.Connection, account: ChannelAccount, address: str, now: datetime) -> None:
    """The payer has given the address up: it is nobody's any more, and gets nothing until somebody proves themselves there."""
    biller_id, plugin = account.row.biller_id, account.plugin
    left = payers_at(conn, account, address)
    deliveries.unbind(conn, account.id, address)
    for payer in invoices.payers_at(conn, biller_id, contact_point(plugin), address):
        invoices.set_payer_chat(conn, payer.id, contact_point(plugin), None, now)
    deliveries.allow(conn, biller_id, plugin.name, address)  # whatever it was stopped for before
    deliveries.suppress(conn, biller_id, plugin.name, address, LEFT, now)
    if left:
        about = {"channel": account.short, "payers": [payer.reference for payer in left], "reason": LEFT}
        events.append(conn, biller_id, None, [NewEvent(EventType.PAYER_STOPPED, about)], now)


def report(conn: sa.Connection, delivery: Delivery, now: datetime) -> None:
    """The delivery's state as an event."""
    data = {"delivery": show(DELIVERY, delivery.id), "channel": delivery.channel, "kind": delivery.kind.value}
    if delivery.code:
        data["code"] = delivery.code
    events.append(conn, delivery.biller_id, delivery.invoice_id, [NewEvent(REPORTED[delivery.state], data)], now)


def stop(conn: sa.Connection, account: ChannelAccount, about: Delivery, reason: str, now: datetime) -> None:
    """No more messages to a delivery's address on its channel; said once."""
    if deliveries.suppress(conn, about.biller_id, account.plugin.name, about.address, reason, now):
        payer = invoices.get_payer(conn, about.payer_id)
        stopped = {"channel": about.channel, "payers": [payer.reference], "reason": reason}
        events.append(conn, about.biller_id, None, [NewEvent(EventType.PAYER_STOPPED, stopped)], now)


def begin(
    conn: sa.Connection,
    directory: Directory,
    invoice: Invoice,
    payer: Payer,
    kind: MessageKind,
    steps: Sequence[Step],
    due_at: datetime,
    now: datetime,
) -> list[Delivery]:
    """Queues the first step that can reach the payer, and with it those that follow without waiting.

    When no step can, `delivery.impossible` is written, with the reason for each.
    """
    made: list[Delivery] = []
    reasons: dict[str, str] = {}
    accounts = {account.short: account for account in directory.channels_of(invoice.biller_id)}
    for place, step in enumerate(steps):
        account = accounts.get(step.channel)
        address = account and address_of(payer, account.plugin, account.use_phone)
        if account is None or not address:
            reasons[step.channel] = "no such channel" if account is None else "no address"
            continue
        if why := deliveries.suppressed(conn, invoice.biller_id, account.plugin.name, address):
            reasons[step.channel] = f"suppressed: {why}"
            continue
        later = steps[place + 1 :]
        made.append(
            _queue(conn, account, invoice, payer, kind, address, step, later if step.wait_s else (), due_at, now)
        )
        if step.wait_s:
            break
    if not made and steps:
        impossible = NewEvent(EventType.DELIVERY_IMPOSSIBLE, {"kind": kind.value, "reasons": reasons})
        events.append(conn, invoice.biller_id, invoice.id, [impossible], now)
    return made


def _queue(
    conn: sa.Connection,
    account: ChannelAccount,
    invoice: Invoice,
    payer: Payer,
    kind: MessageKind,
    address: str,
    step: Step,
    later: Sequence[Step],
    due_at: datetime,
    now: datetime,
) -> Delivery:
    row: dict[str, Any] = {
        "biller_id": invoice.biller_id,
        "invoice_id": invoice.id,
        "payer_id": payer.id,
        "account_id": account.id,
        "kind": kind,
        "channel": step.channel,
        "address": address,
        "locale": payer.locale,
        "state": DeliveryState.QUEUED,
        "wait_s": step.wait_s,
        "later": [next_step.as_json() for next_step in later],
        "segments": 0,
        "resends": 0,
        "due_at": due_at,
        "created_at": now,
        "updated_at": now,
    }
    delivery_id = deliveries.insert(conn, row)
    outbox.add(conn, DELIVER, delivery_id, account.destination, due_at, now)
    return Delivery(id=delivery_id, external_id=None, code=None, sent_at=None, **row)

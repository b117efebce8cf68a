"""Deliveries, suppressed addresses, bound chats and the single-use tokens that bind them."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from gateway.domain.deliveries import ARRIVING, REVOCABLE, Delivery, DeliveryState, MessageKind, Step
from gateway.store.schema import binding, delivery, start_token, suppression
from gateway.store.statements import Statement, among, by, new_or_nothing

STOPPED, UNREACHABLE, LEFT = "stopped", "unreachable", "left"  # why an address is suppressed
_COLUMNS = [delivery.c[name] for name in Delivery.__dataclass_fields__]


def _delivery(row: Sequence[Any]) -> Delivery:
    values = list(row)
    values[5], values[9] = MessageKind(values[5]), DeliveryState(values[9])
    return Delivery(*values)


def insert(conn: sa.Connection, row: dict[str, Any]) -> int:
    return int(_INSERT.value(conn, **row))


_INSERT = Statement(delivery.insert().returning(delivery.c.id))
_ONE = sa.select(*_COLUMNS).where(by(delivery.c.id, "id"))
_BY_ID, _BY_ID_LOCKED = Statement(_ONE), Statement(_ONE.with_for_update(key_share=True))
_ALL_OF = sa.select(*_COLUMNS).where(by(delivery.c.invoice_id, "invoice_id")).order_by(delivery.c.id)
_OF_INVOICE = Statement(_ALL_OF)
_ARRIVED = Statement(_ALL_OF.where(by(delivery.c.kind, "kind"), delivery.c.state.in_(ARRIVING)))
_BY_EXTERNAL = Statement(
    sa.select(*_COLUMNS)
    .where(by(delivery.c.account_id, "account_id"), by(delivery.c.external_id, "external_id"))
    .order_by(delivery.c.id.desc())
    .limit(1)
)
_MOVE = Statement(delivery.update().where(by(delivery.c.id, "of_id"), among(delivery.c.state, "of_states")))
_REVOKE = Statement(
    delivery.update()
    .where(by(delivery.c.invoice_id, "of_invoice"), among(delivery.c.kind, "of_kinds"), delivery.c.state.in_(REVOCABLE))
    .returning(*_COLUMNS)
)


def get(conn: sa.Connection, delivery_id: int, *, lock: bool = False) -> Delivery | None:
    row = (_BY_ID_LOCKED if lock else _BY_ID).first(conn, id=delivery_id)
    return _delivery(row) if row else None


def by_external_id(conn: sa.Connection, account_id: int, external_id: str) -> Delivery | None:
    row = _BY_EXTERNAL.first(conn, account_id=account_id, external_id=external_id)
    return _delivery(row) if row else None


def of_invoice(conn: sa.Connection, invoice_id: int) -> list[Delivery]:
    return [_delivery(row) for row in _OF_INVOICE.rows(conn, invoice_id=invoice_id)]


def move(
    conn: sa.Connection, delivery_id: int, of: Collection[DeliveryState], to: DeliveryState, now: datetime, **also: Any
) -> bool:
    """Compare-and-set of the state; `also` are columns that change with it."""
    return bool(_MOVE.run(conn, of_id=delivery_id, of_states=list(of), state=to, updated_at=now, **also))


def revoke(conn: sa.Connection, invoice_id: int, kinds: Collection[MessageKind], now: datetime) -> list[Delivery]:
    """Takes back what is queued about the invoice; gives it as it is then."""
    about = {"of_invoice": invoice_id, "of_kinds": list(kinds)}
    rows = _REVOKE.rows(conn, **about, state=DeliveryState.REVOKED, updated_at=now)
    return sorted(map(_delivery, rows), key=lambda one: one.id)


def arrived(conn: sa.Connection, invoice_id: int, kind: MessageKind) -> list[Delivery]:
    """What the payer may be looking at: sent, delivered or read."""
    return [_delivery(row) for row in _ARRIVED.rows(conn, invoice_id=invoice_id, kind=kind)]


def has_kind(conn: sa.Connection, invoice_id: int, kind: MessageKind) -> bool:
    query = sa.select(delivery.c.id).where(delivery.c.invoice_id == invoice_id, delivery.c.kind == kind).limit(1)
    return conn.execute(query).first() is not None


def suppress(conn: sa.Connection, biller_id: int, channel: str, address: str, reason: str, now: datetime) -> bool:
    """Stops messages to an address on a channel. False: they were stopped already."""
    row = {"biller_id": biller_id, "channel": channel, "address": address, "reason": reason, "created_at": now}
    return _SUPPRESS.first(conn, **row) is not None


_SUPPRESS = new_or_nothing(suppression, ("biller_id", "channel", "address"), suppression.c.id)
_OF_ADDRESS = (
    by(suppression.c.biller_id, "biller_id"),
    by(suppression.c.channel, "channel"),
    by(suppression.c.address, "address"),
)
_SUPPRESSED = Statement(sa.select(suppression.c.reason).where(*_OF_ADDRESS))


def allow(conn: sa.Connection, biller_id: int, channel: str, address: str) -> bool:
    query = suppression.delete().where(
        suppression.c.biller_id == biller_id, suppression.c.channel == channel, suppression.c.address == address
    )
    return bool(conn.execute(query).rowcount)


def suppressed(conn: sa.Connection, biller_id: int, channel: str, address: str) -> str | None:
    """Why the address gets nothing on this channel; None when it does."""
    reason: str | None = _SUPPRESSED.value(conn, biller_id=biller_id, channel=channel, address=address)
    return reason


@dataclass(frozen=True, slots=True)
class Binding:
    """A chat that is a payer's. `contact` is the phone number that proved it, with which it stands and falls."""

    id: int
    account_id: int
    address: str
    payer_id: int
    contact: str | None
    created_at: datetime


_BINDING = [binding.c[name] for name in Binding.__dataclass_fields__]


def bind(
    conn: sa.Connection, account_id: int, address: str, payer_id: int, now: datetime, *, contact: str | None = None
) -> None:
    """Binds an address to a payer. What a single-use link proved stays proved when a number is shared later."""
    row = {"account_id": account_id, "address": address, "payer_id": payer_id, "contact": contact, "created_at": now}
    _BIND.first(conn, **row)
    of = (binding.c.account_id == account_id, binding.c.address == address, binding.c.payer_id == payer_id)
    conn.execute(binding.update().where(*of, binding.c.contact.is_not(None)).values(contact=contact))


_BIND = new_or_nothing(binding, ("account_id", "address", "payer_id"), binding.c.id)


def bound_payers(conn: sa.Connection, account_id: int, address: str) -> list[int]:
    query = sa.select(binding.c.payer_id).where(binding.c.account_id == account_id, binding.c.address == address)
    return list(conn.execute(query.order_by(binding.c.id.desc())).scalars())


def bindings_of(conn: sa.Connection, payer_id: int) -> list[Binding]:
    """The chats of a payer, the newest first."""
    query = sa.select(*_BINDING).where(binding.c.payer_id == payer_id).order_by(binding.c.id.desc())
    return [Binding(*row) for row in conn.execute(query)]


def unbind(conn: sa.Connection, account_id: int, address: str, *, payer_id: int | None = None) -> None:
    """Nobody, or not this payer, is bound to the address at this account any more."""
    of = [binding.c.account_id == account_id, binding.c.address == address]
    of += [] if payer_id is None else [binding.c.payer_id == payer_id]
    conn.execute(binding.delete().where(*of))


@dataclass(frozen=True, slots=True)
class StartToken:
    id: int
    account_id: int
    payer_id: int
    invoice_id: int
    created_at: datetime
    used_at: datetime | None


_TOKEN = [start_token.c[name] for name in StartToken.__dataclass_fields__]


def new_start_token(conn: sa.Connection, account_id: int, payer_id: int, invoice_id: int, now: datetime) -> int:
    """A token's number; the signed text that carries it proves that it is ours."""
    row = {"account_id": account_id, "payer_id": payer_id, "invoice_id": invoice_id, "created_at": now}
    return int(conn.execute(start_token.insert().values(row).returning(start_token.c.id)).scalar_one())


def use_start_token(
    conn: sa.Connection, token_id: int, account_id: int, since: datetime, now: datetime
) -> StartToken | None:
    """Uses a token up. None: there is none, it was used, or it was made before `since`."""
    query = start_token.update().where(
        start_token.c.id == token_id,
        start_token.c.account_id == account_id,
        start_token.c.used_at.is_(None),
        start_token.c.created_at >= since,
    )
    row = conn.execute(query.values(used_at=now).returning(*_TOKEN)).first()
    return StartToken(*row) if row else None


def last_used_channel(conn: sa.Connection, invoice_id: int) -> Delivery | None:
    """The delivery with the newest news: the last sent, delivered or read; of equally new ones that which came furthest."""
    rank = sa.case({state.value: place for place, state in enumerate(ARRIVING)}, value=delivery.c.state)
    query = sa.select(*_COLUMNS).where(delivery.c.invoice_id == invoice_id, delivery.c.state.in_(ARRIVING))
    row = conn.execute(query.order_by(delivery.c.updated_at.desc(), rank.desc(), delivery.c.id.desc()).limit(1)).first()
    return _delivery(row) if row else None


def resent(conn: sa.Connection, delivery_id: int, times: int = 1) -> None:
    """Counts a repeat that could not be avoided, as the vendor cannot be asked; -1 takes one back that did not go out."""
    conn.execute(delivery.update().where(delivery.c.id == delivery_id).values(resends=delivery.c.resends + times))


def tell(conn: sa.Connection, delivery_id: int, words: str) -> None:
    """Keeps the words of a try that is about to begin, other than those of the try before."""
    conn.execute(delivery.update().where(delivery.c.id == delivery_id).values(told=words))


def take_later(conn: sa.Connection, delivery_id: int) -> list[Step]:
    """The steps after this one, which are then no longer its own; so a plan goes on once."""
    row = conn.execute(
        sa.select(delivery.c.later).where(delivery.c.id == delivery_id).with_for_update(key_share=True)
    ).first()
    if row is None or not row[0]:
        return []
    conn.execute(delivery.update().where(delivery.c.id == delivery_id).values(later=[]))
    return [Step.of(step) for step in row[0]]

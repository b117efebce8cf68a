"""Requests that a caller named with an Idempotency-Key, beside those that issue an invoice or book money: each is done once.

A key is kept for good, with a print of every field of its request, so that another request under the same key can be told what differs.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import orjson
import sqlalchemy as sa

from gateway.domain.deliveries import Delivery, Step
from gateway.services import asking, plans
from gateway.services.context import Context
from gateway.services.directory import Biller
from gateway.services.errors import Conflict, NotFound
from gateway.store import deliveries, invoices
from gateway.store.invoices import Remembered

_PRINT = 16  # bytes a field
_DELIVERY = "delivery"  # kept as `delivery:<how many it made>`, with the first one's id


async def send_again(
    ctx: Context,
    biller: Biller,
    invoice_id: int,
    steps: Sequence[Step] | None,
    due_at: datetime | None,
    *,
    key: str,
) -> tuple[list[Delivery], bool]:
    """`asking.send_again`, once a key: the same request again gives what it made then, as it is now; True says that it is new.

    Raises what that raises, and Conflict, which names the fields, when the key was used for another request.
    """
    plans.check(ctx.directory, biller, steps)
    now = ctx.clock.now()
    request = {
        "invoice": invoice_id,
        "deliver": None if steps is None else [step.as_json() for step in steps],
        "deliver_at": due_at and due_at.isoformat(),
    }

    def body(conn: sa.Connection) -> tuple[list[Delivery], bool]:
        if invoices.get(conn, invoice_id, biller_id=biller.id, lock=True) is None:
            raise NotFound("there is no such invoice")
        used = invoices.remembered(conn, biller.id, key)
        if used is not None:
            count = _count(used, request)
            made = [one for one in deliveries.of_invoice(conn, invoice_id) if one.id >= used.resource_id]
            return made[:count], False
        made = asking.begin_again(conn, ctx, biller, invoice_id, steps, due_at, now)
        what = Remembered(f"{_DELIVERY}:{len(made)}", _prints(request), made[0].id if made else 0)
        invoices.remember(conn, biller.id, key, what, now)
        return made, True

    return await ctx.db.write(body)


def _count(used: Remembered, request: Mapping[str, Any]) -> int:
    """How many deliveries the key's request made. Raises Conflict when it was not this one."""
    operation, _, count = used.operation.partition(":")
    if operation != _DELIVERY:
        raise Conflict("this Idempotency-Key was used for another operation", differs=["operation"])
    prints, known = _prints(request), used.request_hash
    places = range(0, len(prints), _PRINT)
    same = [prints[place : place + _PRINT] == known[place : place + _PRINT] for place in places]
    differs = [name for name, unchanged in zip(request, same, strict=True) if not unchanged]
    if differs:
        raise Conflict("this Idempotency-Key was used for another request", differs=differs)
    return int(count)


def _prints(request: Mapping[str, Any]) -> bytes:
    """A print of each field, one after the other."""
    texts = (orjson.dumps(value, option=orjson.OPT_SORT_KEYS) for value in request.values())
    return b"".join(hashlib.blake2b(text, digest_size=_PRINT).digest() for text in texts)

"""Push endpoints: made, changed, rotated, removed; their log, and replay."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

import orjson
import sqlalchemy as sa

from gateway.ports.errors import Rejected
from gateway.ports.values import Secret
from gateway.services.context import Context
from gateway.services.directory import Biller
from gateway.services.errors import Invalid, NotFound
from gateway.services.status_push import PUSH_ONE, aad, entries_of
from gateway.signing import new_secret
from gateway.store import events, outbox, pushes
from gateway.store.pushes import EndpointRow, PushRow
from gateway.vault import VaultError

ROTATION = timedelta(hours=24)


def _sealed(ctx: Context, biller_id: int, entries: list[dict[str, Any]]) -> bytes:
    return ctx.vault.seal(orjson.dumps(entries), aad(biller_id))


async def vet(ctx: Context, url: str) -> None:
    """Raises Invalid when the URL is one that pushes may not go to."""
    try:
        await ctx.push_client.vet(url)
    except Rejected as error:
        raise Invalid(str(error), path="url") from None


async def add_endpoint(
    ctx: Context,
    biller: Biller,
    url: str,
    *,
    types: Sequence[str] = (),
    enabled: bool = True,
    secret: Secret | None = None,
    from_start: bool = False,
) -> tuple[EndpointRow, Secret]:
    """A new endpoint and its secret, which is shown this once. It gets the events from now on (or all, `from_start`).

    Raises Invalid when the URL is one that pushes may not go to.
    """
    await vet(ctx, url)
    made = secret or new_secret()
    now = ctx.clock.now()
    row: dict[str, Any] = {
        "biller_id": biller.id,
        "url": url,
        "secrets": _sealed(ctx, biller.id, [{"secret": made.reveal(), "until": None}]),
        "events": list(types),
        "enabled": enabled,
        "created_at": now,
        "updated_at": now,
    }

    def body(conn: sa.Connection) -> EndpointRow:
        start = 0 if from_start else events.last_seq(conn, biller.id)
        endpoint_id = pushes.add_endpoint(conn, row | {"cursor": start})
        outbox.poke(conn, events.PUSH, endpoint_id, f"push:{endpoint_id}", now, now)
        return _found(pushes.endpoint(conn, endpoint_id))

    return await ctx.db.write(body), made


async def endpoints(ctx: Context, biller: Biller) -> list[EndpointRow]:
    return await ctx.db.read(lambda conn: pushes.endpoints(conn, biller.id))


async def endpoint(ctx: Context, biller: Biller, endpoint_id: int) -> EndpointRow:
    """Raises NotFound."""
    return _found(await ctx.db.read(lambda conn: pushes.endpoint(conn, endpoint_id, biller_id=biller.id)))


async def change_endpoint(
    ctx: Context,
    biller: Biller,
    endpoint_id: int,
    *,
    url: str | None = None,
    types: Sequence[str] | None = None,
    enabled: bool | None = None,
) -> EndpointRow:
    """Another URL, other types, on or off. Switched on, or with another URL, it goes on at once where it stopped.

    Raises NotFound or Invalid.
    """
    if url is not None:
        await vet(ctx, url)
    now = ctx.clock.now()
    values: dict[str, Any] = {"url": url, "events": None if types is None else list(types), "enabled": enabled}
    values = {name: value for name, value in values.items() if value is not None}
    if enabled:
        values["disabled_reason"] = None

    def body(conn: sa.Connection) -> EndpointRow:
        _found(pushes.endpoint(conn, endpoint_id, biller_id=biller.id))
        pushes.change_endpoint(conn, endpoint_id, values, now)
        changed = _found(pushes.endpoint(conn, endpoint_id))
        outbox.poke(conn, events.PUSH, endpoint_id, f"push:{endpoint_id}", now, now)
        if url is not None or enabled:
            for push_id in pushes.hurry(conn, endpoint_id, changed.cursor):
                outbox.poke(conn, PUSH_ONE, push_id, f"push:{endpoint_id}", now, now)
        return changed

    return await ctx.db.write(body)


async def remove_endpoint(ctx: Context, biller: Biller, endpoint_id: int) -> None:
    """Removes an endpoint with its log. Raises NotFound."""

    def body(conn: sa.Connection) -> None:
        _found(pushes.endpoint(conn, endpoint_id, biller_id=biller.id))
        pushes.remove_endpoint(conn, endpoint_id)
        outbox.drop(conn, events.PUSH, endpoint_id)

    await ctx.db.write(body)


async def rotate_secret(
    ctx: Context, biller: Biller, endpoint_id: int, secret: Secret | None = None
) -> tuple[EndpointRow, Secret]:
    """A new secret (or this one), shown this once. Pushes carry the old signature too for 24 hours, unless no key opens it
    any more.

    Raises NotFound.
    """
    made, now = secret or new_secret(), ctx.clock.now()
    until = (now + ROTATION).isoformat()

    def body(conn: sa.Connection) -> EndpointRow:
        found = _found(pushes.endpoint(conn, endpoint_id, biller_id=biller.id, lock=True))
        try:
            old = entries_of(ctx, found, now)
        except VaultError:
            old = []
        kept = [entry | {"until": entry["until"] or until} for entry in old if entry["secret"] != made.reveal()]
        sealed = _sealed(ctx, biller.id, [{"secret": made.reveal(), "until": None}, *kept])
        pushes.change_endpoint(conn, endpoint_id, {"secrets": sealed}, now)
        return _found(pushes.endpoint(conn, endpoint_id))

    return await ctx.db.write(body), made


async def log(
    ctx: Context, biller: Biller, endpoint_id: int, *, before_id: int | None = None, limit: int = 50
) -> tuple[list[tuple[PushRow, str, int]], int | None]:
    """The endpoint's pushes, newest first, each with its event's type and sequence; and where the next page begins."""
    await endpoint(ctx, biller, endpoint_id)
    found = await ctx.db.read(lambda conn: pushes.log(conn, endpoint_id, before_id, limit + 1))
    return found[:limit], found[limit - 1][0].id if len(found) > limit else None


async def replay(ctx: Context, biller: Biller, push_id: int) -> PushRow:
    """Sends one push again now, or when its endpoint is switched on; always with the id it had. Raises NotFound.

    The body is the one it had too, unless the push was delivered: then it shows the invoice as it is now.
    """
    now = ctx.clock.now()

    def body(conn: sa.Connection) -> PushRow:
        push = pushes.push(conn, push_id)
        found = pushes.endpoint(conn, push.endpoint_id, biller_id=biller.id, lock=True) if push else None
        event = events.get(conn, push.event_id) if push else None
        if push is None or found is None or event is None:
            raise NotFound("there is no such push")
        pushes.reset(conn, [push_id])
        if event.biller_seq > found.cursor:  # the pump waits at it, or has yet to come by
            outbox.poke(conn, events.PUSH, found.id, f"push:{found.id}", now, now)
        else:
            outbox.poke(conn, PUSH_ONE, push_id, f"push:{found.id}", now, now)
        again = pushes.push(conn, push_id)
        if again is None:
            raise NotFound("there is no such push")
        return again

    return await ctx.db.write(body)


async def replay_since(ctx: Context, biller: Biller, endpoint_id: int, since: datetime) -> int:
    """Pushes every event that occurred at or after `since` again, in order; gives how many. Raises NotFound.

    Only events of the endpoint's types, with the ids that they had; those that were delivered show their invoice as it is now.
    """
    now = ctx.clock.now()

    def body(conn: sa.Connection) -> int:
        found = _found(pushes.endpoint(conn, endpoint_id, biller_id=biller.id, lock=True))
        first = pushes.first_event_since(conn, biller.id, since)
        if first is None or first > found.cursor:
            return 0
        pushes.reset_from(conn, endpoint_id, biller.id, first)
        pushes.change_endpoint(conn, endpoint_id, {"cursor": first - 1}, now)
        outbox.poke(conn, events.PUSH, endpoint_id, f"push:{endpoint_id}", now, now)
        return events.count_since(conn, biller.id, first, found.events)

    return await ctx.db.write(body)


def _found(row: EndpointRow | None) -> EndpointRow:
    if row is None:
        raise NotFound("there is no such push endpoint")
    return row

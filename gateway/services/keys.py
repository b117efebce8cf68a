"""API keys: made, listed, revoked, proven. A key is shown once; what is stored proves it and cannot be turned back."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from datetime import datetime

from gateway.domain import keys as rules
from gateway.domain.keys import Scope
from gateway.services.context import Context
from gateway.services.directory import Biller
from gateway.services.errors import NotFound
from gateway.store import billers as store
from gateway.store.billers import KeyRow


async def create(ctx: Context, biller: Biller, name: str, scopes: Sequence[Scope]) -> str:
    """Makes a key and gives it whole, this once."""
    secret = rules.new_secret(secrets.choice)
    now = ctx.clock.now()
    wanted = [scope.value for scope in scopes]
    row = name, wanted, rules.fingerprint(secret), now
    key_id = await ctx.db.write(lambda conn: store.add_key(conn, biller.id, *row))
    return rules.show(key_id, secret)


async def listing(ctx: Context, biller: Biller) -> list[KeyRow]:
    """The biller's keys, revoked ones too; without what proves them being of use to anybody."""
    return await ctx.db.read(lambda conn: store.keys(conn, biller.id))


async def revoke(ctx: Context, biller: Biller, key_id: int) -> None:
    """The key stops working at once, here and (within seconds) in every other process. Raises NotFound."""
    now = ctx.clock.now()
    if not await ctx.db.write(lambda conn: store.revoke_key(conn, biller.id, key_id, now)):
        raise NotFound("there is no such key, or it is revoked already")


async def find(ctx: Context, key_id: int) -> KeyRow | None:
    """A key that is not revoked."""
    row = await ctx.db.read(lambda conn: store.key(conn, key_id))
    return row if row is not None and row.revoked_at is None else None


async def used(ctx: Context, key_id: int, now: datetime) -> None:
    await ctx.db.write(lambda conn: store.key_used(conn, key_id, now))

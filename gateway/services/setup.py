"""`achit apply`: what a biller's file says becomes what is served. Applying the same again changes nothing."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import orjson
import sqlalchemy as sa

from gateway.config import Account, BillerConfig, PushTarget
from gateway.ports.values import Secret
from gateway.services import push_endpoints
from gateway.services.context import Context
from gateway.services.directory import Biller, seal_settings, unseal_settings
from gateway.settings import settings_to_json
from gateway.store import billers as store
from gateway.store.billers import CHANNEL, PROVIDER, AccountRow


@dataclass(slots=True)
class Applied:
    """What was done: `secrets` are those of new push endpoints, by URL, to be shown this once."""

    slug: str
    secrets: dict[str, Secret] = field(default_factory=dict)


async def apply(ctx: Context, config: BillerConfig) -> Applied:
    """Brings a biller to what its file says: identity, policies, accounts, push endpoints.

    Accounts that are gone from the file are switched off, not removed: their open payments are still followed. Push endpoints that are
    not in the file stay. Raises Invalid when a push URL may not be called.
    """
    now = ctx.clock.now()
    identity: dict[str, Any] = orjson.loads(config.biller.model_dump_json(by_alias=True))

    def body(conn: sa.Connection) -> None:
        biller_id = store.upsert_biller(conn, config.slug, identity, now)
        known = {(row.kind, row.name): row for row in store.accounts(conn, biller_id)}
        kept = []
        for kind, accounts in ((CHANNEL, config.channels), (PROVIDER, config.providers)):
            for account in accounts:
                name = f"{config.slug}.{account.name}"
                row = _row(ctx, biller_id, kind, name, account, known.get((kind, name)))
                kept.append(store.upsert_account(conn, row | {"updated_at": now}))
        store.switch_off_others(conn, biller_id, kept, now)

    await ctx.db.write(body)
    await ctx.directory.refresh(ctx.db)
    biller = ctx.directory.biller_called(config.slug)
    if biller is None:
        raise RuntimeError("the biller that was just written is not there")
    return await _push_targets(ctx, biller, config.push)


def _row(
    ctx: Context, biller_id: int, kind: str, name: str, account: Account, known: AccountRow | None
) -> dict[str, Any]:
    same = known is not None and unseal_settings(ctx.vault, known) == settings_to_json(account.settings)
    sealed = known.settings if known is not None and same else seal_settings(ctx.vault, kind, name, account.settings)
    return {
        "biller_id": biller_id,
        "kind": kind,
        "name": name,
        "adapter": account.adapter,
        "settings": sealed,
        "options": {"methods": list(account.methods), "poll_s": list(account.poll_s)},
        "enabled": True,
    }


async def _push_targets(ctx: Context, biller: Biller, targets: tuple[PushTarget, ...]) -> Applied:
    applied = Applied(biller.slug)
    known = {row.url: row for row in await push_endpoints.endpoints(ctx, biller)}
    for target in targets:
        row = known.get(target.url)
        if row is None:
            _, secret = await push_endpoints.add_endpoint(
                ctx, biller, target.url, types=target.events, secret=target.secret
            )
            if target.secret is None:
                applied.secrets[target.url] = secret
        elif sorted(row.events) != sorted(target.events):
            await push_endpoints.change_endpoint(ctx, biller, row.id, types=target.events)
    return applied

"""`achit apply`: what a biller's file says becomes what is served. Applying the same again changes nothing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, cast

import orjson
import sqlalchemy as sa

from gateway.config import Account, BillerConfig, PushTarget
from gateway.ports.channel import Registers
from gateway.ports.errors import AdapterError
from gateway.ports.values import Secret
from gateway.services import planning, push_endpoints, status_push
from gateway.services.context import Context
from gateway.services.directory import Biller, seal_settings, unseal_settings
from gateway.settings import settings_to_json
from gateway.store import billers as store
from gateway.store import pushes
from gateway.store.billers import CHANNEL, PROVIDER, AccountRow
from gateway.store.pushes import EndpointRow
from gateway.vault import VaultError


@dataclass(slots=True)
class Applied:
    """What was done: `secrets` are those of new push endpoints, by URL, to be shown this once."""

    slug: str
    secrets: dict[str, Secret] = field(default_factory=dict)


async def apply(ctx: Context, config: BillerConfig) -> Applied:
    """Brings a biller to what its file says: identity, policies, accounts, push endpoints.

    Accounts that are gone from the file are switched off, not removed: their open payments are still followed. Push endpoints that are
    not in the file stay; another secret in the file rotates. Raises Invalid when a push URL may not be called, with nothing done.
    """
    for target in config.push:
        await push_endpoints.vet(ctx, target.url)
    now = ctx.clock.now()

    def body(conn: sa.Connection) -> None:
        before = store.by_slug(conn, config.slug)
        identity = _identity(config)
        biller_id = store.upsert_biller(conn, config.slug, identity, now)
        if before is not None and before.config.get("reminders") != identity["reminders"]:
            planning.ask(conn, biller_id, now)
        rows = _rows(ctx, config, biller_id, store.accounts(conn, biller_id))
        kept = [store.upsert_account(conn, row | {"updated_at": now}) for row in rows]
        store.switch_off_others(conn, biller_id, kept, now)

    await ctx.db.write(body)
    await ctx.directory.refresh(ctx.db)
    biller = ctx.directory.biller_called(config.slug)
    if biller is None:
        raise RuntimeError("the biller that was just written is not there")
    return await _push_targets(ctx, biller, config.push)


async def is_applied(ctx: Context, config: BillerConfig) -> bool:
    """Whether what is served is what the file says, so that applying it would change nothing."""

    def body(conn: sa.Connection) -> bool:
        known = store.by_slug(conn, config.slug)
        if known is None or known.config != _identity(config):
            return False
        accounts = store.accounts(conn, known.id)
        rows = _rows(ctx, config, known.id, accounts)
        served = {(row.kind, row.name): row for row in accounts if row.enabled}
        if served.keys() != {(row["kind"], row["name"]) for row in rows}:
            return False
        if any(getattr(served[row["kind"], row["name"]], name) != row[name] for row in rows for name in row):
            return False
        pushed = {row.url: row for row in pushes.endpoints(conn, known.id)}
        return all(
            (row := pushed.get(target.url)) is not None
            and sorted(row.events) == sorted(target.events)
            and _signs_with(ctx, row, target.secret)
            for target in config.push
        )

    return await ctx.db.read(body)


def _identity(config: BillerConfig) -> dict[str, Any]:
    identity: dict[str, Any] = orjson.loads(config.biller.model_dump_json(by_alias=True))
    return identity


def _rows(ctx: Context, config: BillerConfig, biller_id: int, accounts: Sequence[AccountRow]) -> list[dict[str, Any]]:
    """The file's accounts as they are to be stored; what is stored already keeps its very bytes."""
    known = {(row.kind, row.name): row for row in accounts}
    wanted = [(CHANNEL, each) for each in config.channels] + [(PROVIDER, each) for each in config.providers]
    named = [(kind, f"{config.slug}.{account.name}", account) for kind, account in wanted]
    rows = [_row(ctx, biller_id, kind, name, account, known.get((kind, name))) for kind, name, account in named]
    for place, row in enumerate(rows[len(config.channels) :]):
        row["options"]["place"] = place  # among providers, of which the first in the file is asked first
    return rows


def _row(
    ctx: Context, biller_id: int, kind: str, name: str, account: Account, known: AccountRow | None
) -> dict[str, Any]:
    kept = known.settings if known is not None and _holds(ctx, known, account) else None
    return {
        "biller_id": biller_id,
        "kind": kind,
        "name": name,
        "adapter": account.adapter,
        "settings": kept or seal_settings(ctx.vault, kind, name, account.settings),
        "options": {"methods": list(account.methods), "poll_s": list(account.poll_s)}
        | ({"link_free": True} if account.link_free else {})
        | ({"use_phone": True} if account.use_phone else {})
        | ({"terms": terms} if (terms := account.terms.model_dump(mode="json", exclude_defaults=True)) else {}),
        "enabled": True,
    }


def _holds(ctx: Context, known: AccountRow, account: Account) -> bool:
    """Whether a row has these settings, sealed by the current key; one that no key opens is written anew."""
    try:
        current = not ctx.vault.stale(known.settings)
        return current and unseal_settings(ctx.vault, known) == settings_to_json(account.settings)
    except VaultError:
        return False


async def _push_targets(ctx: Context, biller: Biller, targets: tuple[PushTarget, ...]) -> Applied:
    applied = Applied(biller.slug)
    known = {row.url: row for row in await push_endpoints.endpoints(ctx, biller)}
    for target in targets:  # all of them first: a refusal after a secret was made would lose it unseen
        await push_endpoints.vet(ctx, target.url)
    for target in targets:
        row = known.get(target.url)
        if row is None:
            _, secret = await push_endpoints.add_endpoint(
                ctx, biller, target.url, types=target.events, secret=target.secret
            )
            if target.secret is None:
                applied.secrets[target.url] = secret
            continue
        if sorted(row.events) != sorted(target.events):
            await push_endpoints.change_endpoint(ctx, biller, row.id, types=target.events)
        if not _signs_with(ctx, row, target.secret):
            await push_endpoints.rotate_secret(ctx, biller, row.id, target.secret)
    return applied


def _signs_with(ctx: Context, row: EndpointRow, secret: Secret | None) -> bool:
    """Whether an endpoint's current secret is the file's; a file without one leaves it as it is."""
    try:
        return secret is None or status_push.secrets_of(ctx, row)[0] == secret
    except VaultError:
        return False


async def register_webhooks(ctx: Context, biller: Biller) -> dict[str, str]:
    """Tells every channel's vendor that wants to be told where its webhooks go; gives what failed, by account."""
    failed: dict[str, str] = {}
    for account in ctx.directory.channels_of(biller.id):
        if account.plugin.registers:
            try:
                channel = cast(Registers, account.make())
                await channel.register(f"{ctx.public_url}/hooks/channels/{account.row.name}")
            except AdapterError as error:
                failed[account.row.name] = str(error)
    return failed

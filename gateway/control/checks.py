"""What can be wrong with what is stored: accounts, endpoints, dead tasks, files that were not applied. It repairs nothing."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from gateway.control.packing import unpack_biller
from gateway.ports.channel import ChannelPlugin
from gateway.ports.provider import ProviderPlugin
from gateway.ports.values import Secret
from gateway.services import setup
from gateway.services.context import Context
from gateway.services.directory import unseal_settings
from gateway.services.status_push import secrets_of
from gateway.settings import ConfigError, Fault, settings_from
from gateway.store import billers, outbox, pushes
from gateway.store.billers import CHANNEL, AccountRow
from gateway.vault import VaultError

Json = dict[str, Any]


async def check(ctx: Context, packed: Sequence[Mapping[str, Any]]) -> list[Json]:
    """Every fault that is found, as `{where, what, warning}`. `packed` are the billers' files, to be held against what is served."""
    if not await ctx.db.schema_is_current():
        return [fault_json(Fault("database", "is not of this version: run achit migrate"))]
    rows, endpoints, counts = await ctx.db.read(
        lambda conn: (
            billers.accounts(conn),
            [row for biller in billers.all_billers(conn) for row in pushes.endpoints(conn, biller.id)],
            outbox.counts(conn),
        )
    )
    faults: list[Fault] = []
    for row in rows:
        faults += _account_faults(ctx, row)
    for endpoint in endpoints:
        where = f"push endpoint {endpoint.url}"
        try:
            secrets_of(ctx, endpoint)
        except VaultError as error:
            faults.append(Fault(where, str(error)))
        if not endpoint.enabled:
            reason = f": {endpoint.disabled_reason}" if endpoint.disabled_reason else ""
            faults.append(Fault(where, f"is switched off{reason}", warning=True))
    for kind, state, count, _ in counts:
        if state == outbox.DEAD:
            faults.append(Fault(f"tasks: {kind}", f"{count} dead: see achit tasks --dead", warning=True))
    for one in packed:
        faults += await _file_faults(ctx, one)
    return [fault_json(fault) for fault in faults]


def fault_json(fault: Fault) -> Json:
    return {"where": fault.where, "what": fault.what, "warning": fault.warning}


def _account_faults(ctx: Context, row: AccountRow) -> Iterator[Fault]:
    """Whether the account could be served: its adapter is there, its settings open, are complete and make an adapter.

    One that is switched off only matters to late webhooks and open payments, so what it lacks is a warning.
    """
    where, warning = f"account {row.name}", not row.enabled
    try:
        plugin = _plugin(ctx, row)
        settings_from(plugin.settings, unseal_settings(ctx.vault, row), secret=Secret, where="")
        account = ctx.directory.channel(row.id) if row.kind == CHANNEL else ctx.directory.provider(row.id)
        if account is not None:
            account.make()
    except ConfigError as error:
        for fault in error.faults:
            yield Fault(f"{where}.{fault.where}" if fault.where else where, fault.what, warning)
    except (LookupError, VaultError) as error:
        yield Fault(where, str(error), warning)
    except Exception as error:  # an adapter of somebody else's: its message may hold a setting
        yield Fault(where, f"{row.adapter} cannot be made of its settings ({type(error).__name__})", warning)


def _plugin(ctx: Context, row: AccountRow) -> ChannelPlugin[Any] | ProviderPlugin[Any]:
    registry = ctx.directory.registry
    return registry.channel(row.adapter) if row.kind == CHANNEL else registry.provider(row.adapter)


async def _file_faults(ctx: Context, packed: Mapping[str, Any]) -> list[Fault]:
    slug = packed["biller"]["biller"]["slug"]
    try:
        config = unpack_biller(packed, ctx.directory.registry)
    except (ConfigError, LookupError) as error:
        return [Fault(f"biller {slug}", f"cannot be applied to the running Achit: {error}")]
    applied = await setup.is_applied(ctx, config)
    return [] if applied else [Fault(f"biller {slug}", "its file is not applied: run achit apply", warning=True)]

"""The table of operations: each is handed the context and plain JSON values, calls one service, and gives plain JSON values.

An operation reads no configuration, no environment and no terminal: it may run in a server that the operator only talks to.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from pydantic import ValidationError

from gateway.api import errors
from gateway.api.invoices import draft_of
from gateway.api.models import NewInvoice
from gateway.control import money, refunding, routes, talking
from gateway.control.checks import check
from gateway.control.packing import unpack_biller
from gateway.control.shared import Json, Refused, biller_of
from gateway.domain import ids
from gateway.domain import keys as key_rules
from gateway.domain.keys import Scope
from gateway.services import invoices, keys, push_endpoints, reconciling, setup, transcripts
from gateway.services.context import Context
from gateway.services.directory import Biller
from gateway.services.errors import Conflict, NotFound, ServiceError
from gateway.services.shapes import endpoint_json, event_json, instant, invoice_json, push_json
from gateway.settings import ConfigError
from gateway.store import outbox, pushes
from gateway.store.database import StoreUnavailable
from gateway.store.outbox import Task
from gateway.store.pushes import EndpointRow
from gateway.vault import VaultError

Operation = Callable[[Context, Json], Awaitable[Any]]
MOST_REPLAYED = 10_000


async def perform(ctx: Context, name: str, arguments: Json) -> Any:
    """Carries out one operation. Raises Refused with the reason for whatever a service, the store or the vault refuses."""
    operation = OPERATIONS.get(name)
    if operation is None:
        raise Refused(f"there is no operation {name}")
    try:
        return await operation(ctx, arguments)
    except Conflict as error:
        raise Refused(str(error), [f"{path} differs" for path in error.differs]) from error
    except ServiceError as error:
        raise Refused(f"{error.path}: {error}" if error.path else str(error)) from error
    except errors.Refusal as refusal:
        raise Refused(refusal.kind.title, [_told(fault) for fault in refusal.faults] or [refusal.detail]) from refusal
    except ConfigError as error:
        raise Refused("the configuration has faults", [str(fault) for fault in error.faults]) from error
    except StoreUnavailable as error:
        raise Refused(f"the database cannot take this now: {error}") from error
    except (VaultError, OSError) as error:
        raise Refused(str(error)) from error


def _told(fault: errors.Fault) -> str:
    return f"{fault.path}: {fault.message}" if fault.path else fault.message


async def _apply(ctx: Context, arguments: Json) -> Json:
    try:
        config = unpack_biller(arguments["biller"], ctx.directory.registry)
    except LookupError as error:
        raise Refused(str(error)) from error
    changed = not await setup.is_applied(ctx, config)
    applied = await setup.apply(ctx, config)
    await ctx.db.write(lambda conn: transcripts.forget_in_time(conn, ctx, ctx.clock.now()))
    await ctx.db.write(lambda conn: reconciling.follow_in_time(conn, ctx, ctx.clock.now()))
    secrets = {url: secret.reveal() for url, secret in applied.secrets.items()}
    return {"biller": applied.slug, "changed": changed, "push_secrets": secrets}


async def _webhooks(ctx: Context, arguments: Json) -> Json:
    biller = biller_of(ctx, arguments["biller"])
    failed = await setup.register_webhooks(ctx, biller)
    if failed:
        raise Refused("a vendor did not take its webhook", [f"{name}: {why}" for name, why in failed.items()])
    return {"biller": biller.slug}


async def _migrate(ctx: Context, arguments: Json) -> Json:
    await ctx.db.migrate()
    return {"migrated": True}


async def _backup(ctx: Context, arguments: Json) -> Json:
    target = Path(arguments["file"])
    try:
        await ctx.db.backup(target)
    except sqlite3.Error as error:
        raise Refused(f"the copy could not be made: {error}") from error
    return {"file": str(target), "bytes": _for_its_owner(target)}


def _for_its_owner(file: Path) -> int:
    """Makes a file its owner's alone, and gives its size."""
    file.chmod(0o600)
    return file.stat().st_size


async def _create_key(ctx: Context, arguments: Json) -> Json:
    biller = biller_of(ctx, arguments["biller"])
    scopes = [Scope(scope) for scope in arguments["scopes"]]
    key = await keys.create(ctx, biller, arguments["name"], scopes)
    number = key_rules.read_label(key)
    assert number is not None
    return {"id": key_rules.label(number), "biller": biller.slug, "key": key, "scopes": arguments["scopes"]}


async def _list_keys(ctx: Context, arguments: Json) -> list[Json]:
    biller = biller_of(ctx, arguments["biller"])
    return [
        {
            "id": key_rules.label(row.id),
            "name": row.name,
            "scopes": row.scopes,
            "created_at": instant(row.created_at),
            "last_used_at": row.last_used_at and instant(row.last_used_at),
            "revoked_at": row.revoked_at and instant(row.revoked_at),
        }
        for row in await keys.listing(ctx, biller)
    ]


async def _revoke_key(ctx: Context, arguments: Json) -> Json:
    biller = biller_of(ctx, arguments["biller"])
    number = key_rules.read_label(arguments["key"])
    if number is None:
        raise NotFound("a key is named by its beginning, such as ak_7; achit key list shows them")
    await keys.revoke(ctx, biller, number)
    return {"id": key_rules.label(number), "revoked": True}


async def _send_invoice(ctx: Context, arguments: Json) -> Json:
    biller = biller_of(ctx, arguments["biller"])
    try:
        body = NewInvoice.model_validate_json(arguments["body"])
    except ValidationError as error:
        raise errors.refusal_of_validation(error) from error
    view, new = await invoices.issue(ctx, biller, draft_of(body, biller))
    return {"new": new, "invoice": invoice_json(ctx, biller, view, ctx.clock.now())}


async def _show_invoice(ctx: Context, arguments: Json) -> Json:
    biller = biller_of(ctx, arguments["biller"])
    view = await invoices.by_number(ctx, biller, arguments["number"])
    events = await invoices.timeline(ctx, biller, view.invoice.id)
    return {
        "invoice": invoice_json(ctx, biller, view, ctx.clock.now()),
        "events": [event_json(event, None) for event in events],
    }


async def _list_endpoints(ctx: Context, arguments: Json) -> list[Json]:
    return [{"biller": biller.slug} | endpoint_json(row) for biller, row in await _endpoints(ctx, arguments)]


async def _list_pushes(ctx: Context, arguments: Json) -> list[Json]:
    limit = arguments["limit"]
    rows = [row for _, row in await _endpoints(ctx, arguments)]

    def body(conn: sa.Connection) -> list[Json]:
        found = [line for row in rows for line in pushes.log(conn, row.id, None, limit, state=arguments["only"])]
        newest = sorted(found, key=lambda line: line[0].id, reverse=True)
        return [push_json(*line) for line in newest[:limit]]

    return await ctx.db.read(body)


async def _endpoints(ctx: Context, arguments: Json) -> list[tuple[Biller, EndpointRow]]:
    """The push endpoints of one biller or of all, or the one that is named."""
    named = arguments.get("endpoint")
    number = ids.read(ids.ENDPOINT, named) if named else None
    billers = [biller_of(ctx, arguments["biller"])] if arguments["biller"] else ctx.directory.billers()
    found = [(biller, row) for biller in billers for row in await push_endpoints.endpoints(ctx, biller)]
    if named is None:
        return found
    if wanted := [(biller, row) for biller, row in found if row.id == number]:
        return wanted
    raise NotFound(f"there is no push endpoint {named}")


async def _replay_push(ctx: Context, arguments: Json) -> Json:
    number = ids.read(ids.PUSH, arguments["push"])

    def owner(conn: sa.Connection) -> int | None:
        push = pushes.push(conn, number) if number is not None else None
        endpoint = pushes.endpoint(conn, push.endpoint_id) if push else None
        return endpoint.biller_id if endpoint else None

    biller_id = await ctx.db.read(owner)
    if number is None or biller_id is None:
        raise NotFound(f"there is no push {arguments['push']}")
    row = await push_endpoints.replay(ctx, ctx.directory.biller(biller_id), number)
    return {"id": ids.show(ids.PUSH, row.id), "state": row.state}


async def _replay_since(ctx: Context, arguments: Json) -> Json:
    [(biller, row)] = await _endpoints(ctx, arguments | {"biller": None})
    since = datetime.fromisoformat(arguments["since"])
    return {"count": await push_endpoints.replay_since(ctx, biller, row.id, since)}


async def _list_tasks(ctx: Context, arguments: Json) -> Json:
    states, limit = arguments["states"], arguments["limit"]

    def body(conn: sa.Connection) -> Json:
        rows = [(state, task) for state in states for task in outbox.listing(conn, state, limit)]
        counts = {state: sum(row[2] for row in outbox.counts(conn) if row[1] == state) for state in states}
        return {"counts": counts, "tasks": [_task_json(state, task) for state, task in rows]}

    return await ctx.db.read(body)


def _task_json(state: str, task: Task) -> Json:
    return {
        "id": task.id,
        "kind": task.kind,
        "key": task.key,
        "state": state,
        "destination": task.destination,
        "tries": task.tries,
        "due_at": instant(task.due_at),
        "lease_by": task.lease_by,
        "last_error": task.last_error,
        "created_at": instant(task.created_at),
    }


async def _replay_task(ctx: Context, arguments: Json) -> Json:
    """One dead task, or all of them when none is named."""
    number, now = arguments["task"], ctx.clock.now()

    def body(conn: sa.Connection) -> int:
        dead = [] if number is not None else outbox.listing(conn, outbox.DEAD, MOST_REPLAYED)
        wanted = [task.id for task in dead] if number is None else [number]
        return sum(outbox.revive(conn, task_id, now) for task_id in wanted)

    count = await ctx.db.write(body)
    if number is not None and not count:
        raise NotFound(f"there is no dead task {number}")
    return {"count": count}


async def _check(ctx: Context, arguments: Json) -> list[Json]:
    return await check(ctx, arguments["billers"])


OPERATIONS: Mapping[str, Operation] = {
    "apply": _apply,
    "backup": _backup,
    "chat.try": talking.try_phrase,
    "check": _check,
    "email.receive": talking.receive_mail,
    "invoice.send": _send_invoice,
    "invoice.show": _show_invoice,
    "key.create": _create_key,
    "key.list": _list_keys,
    "key.revoke": _revoke_key,
    "migrate": _migrate,
    "push.endpoints": _list_endpoints,
    "push.log": _list_pushes,
    "push.replay": _replay_push,
    "push.replay_since": _replay_since,
    "route.explain": routes.explain,
    "route.report": routes.report,
    "route.simulate": routes.simulate,
    "tasks": _list_tasks,
    "tasks.replay": _replay_task,
    "reconcile.list": money.list_reconciled,
    "reconcile.provider": money.reconcile_provider,
    "refund.list": refunding.list_refunds,
    "refund.retry": refunding.retry_refund,
    "refund.done": refunding.report_done,
    "templates.sync": talking.sync_templates,
    "reminders.plan": talking.plan_reminders,
    "webhooks": _webhooks,
}

"""Status pushes: each endpoint is a cursor over its biller's events, and a pump that keeps their order.

The pump sends one event after the other and stops at the first that is not taken: so the order of an endpoint is kept, and no
endpoint waits for another. A push that is out of tries is dead (visible, replayable) and the next one goes on.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

import orjson
import sqlalchemy as sa

from gateway.domain.events import EventType, NewEvent, wanted
from gateway.domain.ids import ENDPOINT, EVENT, show
from gateway.domain.push import Verdict, next_try, verdict, wish
from gateway.outbound import retry_after_s
from gateway.ports.errors import OutcomeUnknown, Rejected, RetryLater
from gateway.ports.values import Secret
from gateway.services.context import Context
from gateway.services.directory import Biller
from gateway.services.invoices import View, view
from gateway.services.shapes import event_json, invoice_json
from gateway.signing import sign
from gateway.store import events, invoices, pushes
from gateway.store.events import Event
from gateway.store.pushes import DEAD, DELIVERED, WAITING, EndpointRow, PushRow

PUSH_ONE = "push-one"
BATCH = 50
_LOG_LINES = 10
_TIMEOUT_S = 15.0
_SILENT = frozenset({EventType.PUSH_DEAD, EventType.ENDPOINT_DISABLED})


@dataclass(frozen=True, slots=True)
class _Item:
    event: Event
    view: View | None
    push: PushRow | None


async def pump(ctx: Context, endpoint_id: int, until: datetime) -> datetime | None:
    """Pushes the endpoint's events in order until there are none, one is not taken, or it is `until`; gives when to go on.

    Bodies are kept before the first try and everything of a try is recorded before the next one starts, so a crash repeats
    one push at most, under the same id and with the same body.
    """
    while True:
        endpoint, items = await ctx.db.read(lambda conn: _next_items(conn, endpoint_id))
        if endpoint is None or not endpoint.enabled or not items:
            return None
        biller = ctx.directory.biller(endpoint.biller_id)
        secrets = secrets_of(ctx, endpoint)
        cursor = passed = endpoint.cursor
        stop_at: datetime | None = None
        for item in await _frozen(ctx, biller, endpoint, items):
            now = ctx.clock.now()
            if not _to_be_tried(endpoint, item.event, item.push):
                passed = item.event.biller_seq
                continue
            stop_at = now if now >= until else _not_before(item.push, now)
            if stop_at is not None:
                break
            resume_at = await _try(ctx, biller, endpoint, secrets, item, cursor)
            if resume_at is not None:  # not now, or the endpoint was changed meanwhile: look again
                stop_at = resume_at if resume_at > ctx.clock.now() else None
                break
            cursor = passed = item.event.biller_seq
        if passed > cursor:
            step = cursor, passed
            await ctx.db.write(lambda conn, step=step: pushes.advance(conn, endpoint_id, *step))  # type: ignore[misc]
        if stop_at is not None:
            return stop_at


async def _frozen(ctx: Context, biller: Biller, endpoint: EndpointRow, items: Sequence[_Item]) -> Sequence[_Item]:
    """The items, each with the body that all its tries send."""
    now = ctx.clock.now()
    rows: list[dict[str, Any]] = [
        {
            "endpoint_id": endpoint.id,
            "event_id": item.event.id,
            "state": WAITING,
            "tries": 0,
            "next_at": None,
            "body": _body(ctx, biller, item),
            "log": [],
            "created_at": now,
            "delivered_at": None,
        }
        for item in items
        if item.push is None and _to_be_tried(endpoint, item.event, None)
    ]
    if not rows:
        return items
    kept = await ctx.db.write(lambda conn: pushes.reserve(conn, rows))
    return [replace(item, push=item.push or kept.get(item.event.id)) for item in items]


def _to_be_tried(endpoint: EndpointRow, event: Event, push: PushRow | None) -> bool:
    """The endpoint wants the event, and it is neither delivered nor dead."""
    return wanted(endpoint.events, event.type) and (push is None or push.state == WAITING)


def _not_before(push: PushRow | None, now: datetime) -> datetime | None:
    return push.next_at if push is not None and push.next_at is not None and push.next_at > now else None


def _next_items(conn: sa.Connection, endpoint_id: int) -> tuple[EndpointRow | None, list[_Item]]:
    endpoint = pushes.endpoint(conn, endpoint_id)
    if endpoint is None or not endpoint.enabled:
        return endpoint, []
    waiting = events.after(conn, endpoint.biller_id, endpoint.cursor, BATCH)
    known = pushes.pushes_of(conn, endpoint_id, [event.id for event in waiting])
    return endpoint, [_item(conn, endpoint, event, known.get(event.id)) for event in waiting]


def _item(conn: sa.Connection, endpoint: EndpointRow, event: Event, push: PushRow | None) -> _Item:
    """An event with what its body is made of, where it still has to be made."""
    ready = not _to_be_tried(endpoint, event, push) or (push is not None and push.body is not None)
    return _Item(event, None if ready else _view(conn, event), push)


def _view(conn: sa.Connection, event: Event) -> View | None:
    invoice = invoices.get(conn, event.invoice_id) if event.invoice_id is not None else None
    return None if invoice is None else view(conn, invoice)


async def _try(
    ctx: Context, biller: Biller, endpoint: EndpointRow, secrets: Sequence[Secret], item: _Item, cursor: int | None
) -> datetime | None:
    """One try, recorded. Gives when to try again, or now when the endpoint is not what it was; None: on to the next.

    `cursor` is where the endpoint stands; None is a push out of its order, which moves no cursor.
    """
    outcome = await _call(ctx, biller, endpoint, secrets, item)
    now = ctx.clock.now()

    def body(conn: sa.Connection) -> datetime | None:
        return _record(conn, endpoint, item, outcome, cursor, now, ctx.random())

    return await ctx.db.write(body)


@dataclass(frozen=True, slots=True)
class _Outcome:
    verdict: Verdict
    body: bytes
    code: int | None
    ms: int
    error: str | None
    retry_after_s: float | None


async def _call(
    ctx: Context, biller: Biller, endpoint: EndpointRow, secrets: Sequence[Secret], item: _Item
) -> _Outcome:
    body = (item.push.body if item.push else None) or _body(ctx, biller, item)
    message_id = show(EVENT, item.event.id)
    timestamp = int(ctx.clock.now().timestamp())
    headers = {
        "content-type": "application/json",
        "webhook-id": message_id,
        "webhook-timestamp": str(timestamp),
        "webhook-signature": sign(secrets, message_id, timestamp, body),
    }
    started = time.perf_counter()
    code: int | None = None
    error: str | None = None
    after: float | None = None
    try:
        answer = await ctx.push_client.post(endpoint.url, headers=headers, body=body, timeout_s=_TIMEOUT_S)
    except Rejected as refused:
        judged, error = Verdict.FAILED, refused.code
    except (RetryLater, OutcomeUnknown) as failed:
        judged, error = Verdict.FAILED, str(failed)
    else:
        code, judged = answer.status, verdict(answer.status)
        after = wish(code, retry_after_s(answer, ctx.clock.now()))
    return _Outcome(judged, body, code, round((time.perf_counter() - started) * 1000), error, after)


def _body(ctx: Context, biller: Biller, item: _Item) -> bytes:
    """The event with the whole invoice, as the API shows it; frozen from the first try on."""
    invoice = None if item.view is None else invoice_json(ctx, biller, item.view, ctx.clock.now())
    return orjson.dumps(event_json(item.event, invoice))


def _record(
    conn: sa.Connection,
    endpoint: EndpointRow,
    item: _Item,
    outcome: _Outcome,
    cursor: int | None,
    now: datetime,
    jitter: float,
) -> datetime | None:
    current = pushes.endpoint(conn, endpoint.id, lock=True)
    if current is None:  # removed, with its log
        return now
    before = item.push
    tries = (before.tries if before else 0) + 1
    delivered = outcome.verdict is Verdict.DELIVERED
    resume_at = None if delivered else next_try(tries, now, retry_after_s=outcome.retry_after_s, jitter=jitter)
    disable = outcome.verdict is Verdict.DISABLE
    state = DELIVERED if delivered else WAITING if resume_at or disable else DEAD
    line = {"at": now.isoformat(), "code": outcome.code, "ms": outcome.ms, "error": outcome.error}
    row = {
        "endpoint_id": endpoint.id,
        "event_id": item.event.id,
        "state": state,
        "tries": tries,
        "next_at": None if disable else resume_at,
        "body": None if delivered else outcome.body,
        "log": [*(before.log if before else []), line][-_LOG_LINES:],
        "created_at": before.created_at if before else now,
        "delivered_at": now if delivered else None,
    }
    if cursor is not None and current.cursor != cursor:  # a replay began meanwhile, and this one is to come again
        pushes.save(conn, {**row, **pushes.AGAIN})
        return now
    pushes.save(conn, row)
    shown = {"push_endpoint": show(ENDPOINT, endpoint.id)}
    if disable:
        values = {"enabled": False, "disabled_reason": "it answered 410"}
        pushes.change_endpoint(conn, endpoint.id, values, now)
        events.append(conn, endpoint.biller_id, None, [NewEvent(EventType.ENDPOINT_DISABLED, shown)], now)
        return now
    if state == WAITING:
        return resume_at
    if cursor is not None:
        pushes.advance(conn, endpoint.id, cursor, item.event.biller_seq)
    if state == DEAD and item.event.type not in _SILENT:
        dead = NewEvent(EventType.PUSH_DEAD, shown | {"event": show(EVENT, item.event.id)})
        events.append(conn, endpoint.biller_id, None, [dead], now)
    same = replace(current, cursor=endpoint.cursor, updated_at=endpoint.updated_at) == endpoint
    return None if same else now


async def push_one(ctx: Context, push_id: int) -> datetime | None:
    """Sends one push again, out of order, at somebody's wish; gives when to try again, None when it is over."""

    def body(conn: sa.Connection) -> tuple[EndpointRow | None, _Item | None]:
        push = pushes.push(conn, push_id)
        endpoint = pushes.endpoint(conn, push.endpoint_id) if push else None
        event = events.get(conn, push.event_id) if push else None
        return endpoint, _Item(event, _view(conn, event), push) if event else None

    endpoint, item = await ctx.db.read(body)
    if endpoint is None or item is None or not endpoint.enabled or item.push is None or item.push.state != WAITING:
        return None
    biller = ctx.directory.biller(endpoint.biller_id)
    return await _try(ctx, biller, endpoint, secrets_of(ctx, endpoint), item, None)


def aad(biller_id: int) -> bytes:
    return f"push:{biller_id}".encode()


def secrets_of(ctx: Context, endpoint: EndpointRow) -> list[Secret]:
    """The current secret, and those before it while their rotation lasts."""
    return [Secret(entry["secret"]) for entry in entries_of(ctx, endpoint, ctx.clock.now())]


def entries_of(ctx: Context, endpoint: EndpointRow, now: datetime) -> list[dict[str, Any]]:
    """The secrets that sign at `now`, as they are sealed: `{secret, until}`, the current one first and without an end."""
    kept = orjson.loads(ctx.vault.open(endpoint.secrets, aad(endpoint.biller_id)))
    return [entry for entry in kept if entry["until"] is None or datetime.fromisoformat(entry["until"]) > now]

"""Which service does a task of each kind, and how often it is tried."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import sqlalchemy as sa

from gateway.ports.errors import RetryLater
from gateway.services import (
    attempts,
    claims,
    closing,
    dues,
    ladder,
    messaging,
    planning,
    plans,
    polling,
    receipts,
    reconciling,
    refunding,
    reminders,
    revising,
    status_push,
    transcripts,
    wishes,
)
from gateway.services.context import Context
from gateway.store import events
from gateway.store.outbox import Task

WORK = timedelta(seconds=45)  # a handler is cut off before its lease ends
Handler = Callable[[Context, Task, bool], Awaitable[datetime | None]]
Ending = Callable[[sa.Connection, Context, int, datetime], None]
"""Does a task's work. A datetime: not over yet, go on then (no failure). Raises RetryLater, or anything, to be tried again."""


@dataclass(frozen=True, slots=True)
class Kind:
    """What is done for a task, and the pauses after each failure; past the last it is dead."""

    handle: Handler
    pauses_s: Sequence[float]
    endless: bool = False  # the last pause repeats instead
    ending: Ending | None = None  # what follows from its death, by the task's key, in the same transaction


async def _deliver(ctx: Context, task: Task, last_try: bool) -> datetime | None:
    return await messaging.deliver(ctx, task.key, last_try=last_try)


def _once(service: Callable[[Context, int], Awaitable[datetime | None]]) -> Handler:
    return lambda ctx, task, last_try: service(ctx, task.key)


async def _poll(ctx: Context, task: Task, last_try: bool) -> datetime | None:
    wait = await polling.poll(ctx, task.key)
    return None if wait is None else ctx.clock.now() + wait


async def _apply_inbox(ctx: Context, task: Task, last_try: bool) -> datetime | None:
    if not await receipts.apply_held(ctx, task.key):
        raise RetryLater("what it speaks of does not exist yet")
    return None


async def _push(ctx: Context, task: Task, last_try: bool) -> datetime | None:
    return await status_push.pump(ctx, task.key, ctx.clock.now() + WORK / 2)


MINUTE, HOUR, DAY = 60.0, 3_600.0, 86_400.0
KINDS: Mapping[str, Kind] = {
    plans.DELIVER: Kind(
        _deliver,
        (10, 30, 2 * MINUTE, 10 * MINUTE, 30 * MINUTE, HOUR, 2 * HOUR, 4 * HOUR),
        ending=messaging.give_up,
    ),
    plans.FALL_BACK: Kind(_once(messaging.fall_back), (10, MINUTE, 10 * MINUTE)),
    plans.REVISE: Kind(_once(revising.revise), (5, 30, 5 * MINUTE, 30 * MINUTE)),
    ladder.REMIND: Kind(_once(reminders.remind), (10, MINUTE, 10 * MINUTE, HOUR), endless=True),
    ladder.REPLAN: Kind(_once(planning.replan_all), (10, MINUTE, 10 * MINUTE, HOUR), endless=True),
    claims.DECIDE: Kind(_once(wishes.decide_claim), (10, MINUTE, 10 * MINUTE, HOUR), endless=True),
    attempts.POLL: Kind(_poll, (10, 20, MINUTE, 5 * MINUTE, 15 * MINUTE, HOUR), endless=True),
    closing.CLOSE: Kind(_once(polling.close), (5, 30, 5 * MINUTE, 30 * MINUTE, 2 * HOUR, 6 * HOUR)),
    reconciling.MOP_UP: Kind(_once(reconciling.mop_up), (MINUTE, 10 * MINUTE, HOUR), endless=True),
    dues.GIVE_BACK: Kind(_once(refunding.carry), (5, 30, 2 * MINUTE, 10 * MINUTE, HOUR), endless=True),
    dues.LOOK: Kind(_once(refunding.look), (5, 30, 2 * MINUTE, 10 * MINUTE, HOUR), endless=True),
    attempts.APPLY_INBOX: Kind(
        _apply_inbox, (1, 2, 5, 15, MINUTE, 5 * MINUTE, 30 * MINUTE, HOUR, 6 * HOUR, DAY, DAY, DAY)
    ),
    events.PUSH: Kind(_push, (5, 30, 5 * MINUTE, HOUR), endless=True),
    transcripts.FORGET: Kind(_once(transcripts.forget), (HOUR, 6 * HOUR), endless=True),
    status_push.PUSH_ONE: Kind(_once(status_push.push_one), (5, 30, 5 * MINUTE, HOUR)),
}

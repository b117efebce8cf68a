"""Mop-up: what a provider lists of a day is compared with what is known, and the difference goes through the door.

It finds what neither a webhook nor a poll told, and the attempts that nobody follows any more. It never guesses: a payment that the
provider lists and that no attempt of ours made is named to the operator, not booked.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import cast

import sqlalchemy as sa
import structlog

from gateway.domain.payments import GIVEN_UP_AFTER, Verdict
from gateway.ports.errors import Rejected, RetryLater
from gateway.ports.provider import ListsPayments, PaymentUpdate
from gateway.services import payments as door
from gateway.services.attempts import POLL
from gateway.services.context import Context
from gateway.services.directory import ProviderAccount
from gateway.services.errors import Conflict
from gateway.services.webhooks import attempt_for
from gateway.store import outbox
from gateway.store import reconciliations as store
from gateway.store.reconciliations import Compared

log = structlog.get_logger()

MOP_UP = "mop-up"
EVERY = timedelta(hours=6)
SETTLED_AFTER = timedelta(hours=3)  # into the new day: by then a provider lists all of the old one
LOOKED_BACK = 7  # days that are caught up with after an outage
_WINDOW = timedelta(hours=3)
_AT_ONCE = 100
_AT_MOST = timedelta(seconds=20)  # of a task's time
_SHOWN = 200


async def mop_up(ctx: Context, account_id: int) -> datetime | None:
    """Follows again what nobody follows, then goes through the account's next day that is not done; gives when to go on.

    None: the account is not served any more. Raises RetryLater when the provider does not answer.
    """
    account = ctx.directory.provider(account_id)
    if account is None:
        return None
    now = ctx.clock.now()
    while len(await ctx.db.write(lambda conn: _follow(conn, account, ctx.clock.now()))) == _AT_ONCE:
        pass
    if not account.plugin.lists_payments:
        return now + EVERY
    day = await ctx.db.read(lambda conn: _next_day(conn, ctx, account, now))
    if day is None:
        return now + EVERY
    done = await reconcile(ctx, account, day, at_most=_AT_MOST)
    if done.strange or done.missing:
        log.error("account.differs", account=account.row.name, day=str(day), strange=done.strange, missing=done.missing)
    return ctx.clock.now()


def follow_in_time(conn: sa.Connection, ctx: Context, now: datetime) -> None:
    """Makes sure that every provider account is looked after; one that is looked at sooner stays as it is."""
    for biller in ctx.directory.billers():
        for account in ctx.directory.providers_of(biller.id):
            outbox.poke(conn, MOP_UP, account.id, account.destination, now + EVERY, now)


def _follow(conn: sa.Connection, account: ProviderAccount, now: datetime) -> Sequence[int]:
    if account.plugin.silent:
        return ()
    lost = store.not_followed(conn, account.id, POLL, now - GIVEN_UP_AFTER, _AT_ONCE)
    for attempt_id in lost:
        outbox.poke(conn, POLL, attempt_id, account.destination, now, now)
    if lost:
        log.warning("attempts.followed_again", account=account.row.name, count=len(lost))
    return lost


def _next_day(conn: sa.Connection, ctx: Context, account: ProviderAccount, now: datetime) -> date | None:
    """The oldest of the last days that is over and not done; the first one ever is yesterday."""
    yesterday = ctx.directory.biller(account.row.biller_id).today(now - SETTLED_AFTER) - timedelta(days=1)
    first = max(store.first_day(conn, account.id) or yesterday, yesterday - timedelta(days=LOOKED_BACK - 1))
    for ahead in range((yesterday - first).days + 1):
        day = first + timedelta(days=ahead)
        known = store.of_day(conn, account.id, day)
        if known is None or known.done_at is None:
            return day
    return None


async def reconcile(
    ctx: Context, account: ProviderAccount, day: date, *, anew: bool = False, at_most: timedelta | None = None
) -> Compared:
    """Compares one day of an account with the provider's list and repairs the difference; `anew` begins at its first hour again.

    Goes on where it stopped; with `at_most` it stops after that time, and `done_at` stays None. What is repaired is in the ledger with the
    source `reconcile`. Raises Conflict where the provider lists nothing or the day is not over, RetryLater when it does not answer.
    """
    if not account.plugin.lists_payments:
        raise Conflict(f"{account.plugin.name} does not list its payments; its attempts are asked for one by one")
    since, until = _span(ctx, account, day)
    begun_at = now = ctx.clock.now()
    if until > now:
        raise Conflict(f"{day} is not over where the biller is")
    row = await ctx.db.write(lambda conn: _begun(conn, account, day, since, anew=anew))
    provider = account.make()
    while row.through_at < until and (at_most is None or ctx.clock.now() - begun_at < at_most):
        end = min(row.through_at + _WINDOW, until)
        listed = await cast(ListsPayments, provider).list_payments(row.through_at, end)
        missing = await _missing(ctx, account, {one.external_id for one in listed}, row.through_at, end)
        found = _Found(listed, missing, end)
        row = await ctx.db.write(lambda conn, r=row, f=found: _compared(conn, ctx, account, r, f, until))  # type: ignore[misc]
    return row


@dataclass(frozen=True, slots=True)
class _Found:
    """What the provider listed up to `through_at`, and the attempts that it does not know."""

    listed: Sequence[PaymentUpdate]
    missing: Sequence[int]
    through_at: datetime


async def _missing(
    ctx: Context, account: ProviderAccount, listed: set[str], since: datetime, until: datetime
) -> list[int]:
    """The attempts that brought money in the span, are not listed, and are not known to the provider when it is asked for each."""
    paid = await ctx.db.read(lambda conn: store.paid_between(conn, account.id, since, until))
    missing = []
    for attempt_id, external_id in paid:
        if external_id not in listed:
            try:
                await account.make().fetch_payment(external_id)
            except Rejected:
                missing.append(attempt_id)
    return missing


def _span(ctx: Context, account: ProviderAccount, day: date) -> tuple[datetime, datetime]:
    """When the day begins and ends where the biller is."""
    zone = ctx.directory.biller(account.row.biller_id).zone
    begins, ends = (datetime.combine(one, time(), zone) for one in (day, day + timedelta(days=1)))
    return begins.astimezone(UTC), ends.astimezone(UTC)


def _begun(conn: sa.Connection, account: ProviderAccount, day: date, since: datetime, *, anew: bool) -> Compared:
    known = store.of_day(conn, account.id, day)
    if known is None or anew:
        store.begin(conn, account.row.biller_id, account.id, day, since)
    return _row(conn, account.id, day)


def _row(conn: sa.Connection, account_id: int, day: date) -> Compared:
    row = store.of_day(conn, account_id, day)
    if row is None:
        raise RetryLater("the day's row is gone")
    return row


def _compared(
    conn: sa.Connection, ctx: Context, account: ProviderAccount, row: Compared, found: _Found, until: datetime
) -> Compared:
    now, repaired, strange = ctx.clock.now(), 0, list(row.strange)
    for update in sorted(found.listed, key=lambda one: (one.occurred_at, one.external_id)):
        attempt_id = attempt_for(conn, account, update, now)
        if attempt_id is None:
            strange.append(update.external_id)
            continue
        change = door.apply_update(conn, ctx.directory, attempt_id, update, door.RECONCILE, now)
        repaired += change.verdict is Verdict.APPLIED
    store.note(
        conn,
        row.id,
        listed=row.listed + len(found.listed),
        repaired=row.repaired + repaired,
        strange=sorted(set(strange))[:_SHOWN],
        missing=[*row.missing, *found.missing][:_SHOWN],
        through_at=found.through_at,
        done_at=now if found.through_at >= until else None,
    )
    return _row(conn, account.id, row.of_day)

"""How provider accounts are: counted where their payments are written anyway, judged when something goes wrong.

An account in trouble rests; then one payer tries it, in one process of all, with the other accounts behind. Called last in other
services' transactions. What one bank of many behind an account does says nothing of the others, so a try with a choice is not judged.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta

import sqlalchemy as sa

from gateway.domain.payments import UNANSWERED, Applied, Attempt, AttemptStatus, Verdict
from gateway.domain.routing import Health, Standing, Trouble, pause_s, trouble_of
from gateway.services.directory import Biller, Directory
from gateway.store import payments, routes

_CONFIRMED = (AttemptStatus.ACCEPTED, AttemptStatus.PAID)
_WRONG = (AttemptStatus.FAILED, AttemptStatus.UNKNOWN)


def standings(conn: sa.Connection, account_ids: Iterable[int], now: datetime) -> Mapping[int, Standing]:
    """Those of the accounts that are not well."""
    return {
        account_id: Standing(Health.PROBE if rest.retry_at <= now else Health.DOWN, rest.trouble)
        for account_id, rest in routes.rests(conn, list(account_ids)).items()
    }


def take_probe(conn: sa.Connection, account_id: int, now: datetime, expires_at: datetime) -> bool:
    """Whether this payer is the one who tries an account that has rested; to all others it is down until that is over.

    The caller holds the biller's row.
    """
    rest = routes.rests(conn, [account_id]).get(account_id)
    if rest is None or rest.retry_at > now:
        return False
    until = expires_at if rest.trouble is Trouble.DECLINES else now + UNANSWERED
    return routes.move_rest(conn, rest, until, tries=rest.tries)


def opened(
    conn: sa.Connection, biller: Biller, attempt: Attempt, latency: timedelta, now: datetime, *, rested: bool
) -> None:
    """The account opened a payment. With `rested`, which says that it was not well before, it may be well again."""
    latency_ms, limits = int(latency.total_seconds() * 1_000), biller.routing.health
    routes.count(conn, attempt.account_id, now, of="opened", latency_ms=latency_ms)
    slow = latency_ms >= limits.slow_ms and attempt.choice is None
    rest = routes.rests(conn, [attempt.account_id]).get(attempt.account_id) if rested else None
    if rest is not None and rest.trouble is not Trouble.DECLINES and not slow:
        routes.end_rest(conn, attempt.account_id)
    elif slow:
        _judge(conn, biller, attempt, now)


def failed(conn: sa.Connection, biller: Biller, attempt: Attempt, now: datetime) -> None:
    """The account did not open a payment: it refused, was not there, or did not answer."""
    _went_wrong(conn, biller, attempt, now, of="failed")


def moved(conn: sa.Connection, directory: Directory, attempt: Attempt, change: Applied, now: datetime) -> None:
    """What an observation about money says of its account."""
    if change.verdict is not Verdict.APPLIED or directory.provider(attempt.account_id) is None:
        return
    biller = directory.biller(attempt.biller_id)
    if change.delta.minor:
        routes.receive(conn, attempt.account_id, biller.today(now), attempt.currency, change.delta.minor)
    if change.status in _CONFIRMED and attempt.status not in _CONFIRMED:
        routes.count(conn, attempt.account_id, now, of="confirmed")
        routes.end_rest(conn, attempt.account_id, of=Trouble.DECLINES)
    elif change.status is AttemptStatus.FAILED and attempt.status is not AttemptStatus.FAILED:
        _went_wrong(conn, biller, attempt, now, of="declined")


def _went_wrong(conn: sa.Connection, biller: Biller, attempt: Attempt, now: datetime, *, of: str) -> None:
    """Counts what went wrong, once an invoice and window: what one payer meets again and again says nothing of others."""
    if attempt.choice is not None:
        return
    since = now - timedelta(seconds=biller.routing.health.window_s)
    before = (
        one.id != attempt.id
        and one.account_id == attempt.account_id
        and one.status in _WRONG
        and one.updated_at > since
        for one in payments.of_invoice(conn, attempt.invoice_id)
    )
    if not any(before):
        routes.count(conn, attempt.account_id, now, of=of)
    _judge(conn, biller, attempt, now)


def _judge(conn: sa.Connection, biller: Biller, attempt: Attempt, now: datetime) -> None:
    """Something went wrong: the account rests if it was too much, or rests longer if it was tried after a rest and is no better."""
    account_id, limits = attempt.account_id, biller.routing.health
    rest = routes.rests(conn, [account_id]).get(account_id)
    if rest is not None:
        if attempt.created_at > rest.since:  # others were under way before, and say nothing new
            tries = rest.tries + 1
            routes.move_rest(conn, rest, now + timedelta(seconds=pause_s(limits, tries)), tries=tries)
        return
    trouble = trouble_of(routes.window(conn, account_id, limits.window_s, now), limits)
    if trouble is not None:
        routes.begin_rest(conn, account_id, trouble, now, now + timedelta(seconds=pause_s(limits, 1)))

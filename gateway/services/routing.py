"""Routing: what is known of a biller's accounts now, made into a decision; the same for the page, the click and who asks why."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import cast

import sqlalchemy as sa

from gateway.domain.invoices import Invoice
from gateway.domain.routing import (
    Browser,
    Candidate,
    Decision,
    Health,
    Option,
    Situation,
    Standing,
    Used,
    Why,
    Window,
    browser_of,
    decide,
)
from gateway.ports.provider import Chooses
from gateway.ports.values import Money
from gateway.services import health
from gateway.services.context import Context
from gateway.services.directory import Biller, Directory, ProviderAccount
from gateway.services.errors import NotFound, Unavailable
from gateway.store import events, invoices, payments, routes

NOT_WELL = frozenset({Why.UNHEALTHY, Why.TRIED})


def situation(
    conn: sa.Connection,
    directory: Directory,
    biller: Biller,
    invoice: Invoice,
    browser: Browser,
    now: datetime,
    *,
    tried: frozenset[int] = frozenset(),
    picked: tuple[str, str | None] = ("", None),
) -> Situation:
    """All that a decision about this invoice is made of, as it is now; `picked` are the payer's method and choice."""
    accounts = directory.providers_of(biller.id)
    asked = invoice.outstanding if invoice.payable else invoice.amount
    return Situation(
        amount=asked,
        country=biller.settings.biller.country,
        key=str(invoice.id),
        candidates=[candidate(account, asked.currency) for account in accounts],
        policy=biller.routing,
        browser=browser,
        standings=health.standings(conn, [account.id for account in accounts], now),
        used=_used(conn, biller, accounts, asked, now),
        tried=tried,
        unable=frozenset(_unable(accounts, asked.currency, *picked)),
    )


def candidate(account: ProviderAccount, *currencies: str) -> Candidate:
    """An account as it is for payments in these currencies: some take only those that their settings allow."""
    if not account.plugin.takes:
        return account.candidate
    return replace(account.candidate, currencies=frozenset(filter(account.takes, currencies)))


def _unable(
    accounts: list[ProviderAccount], currency: str, picked: str, choice: str | None
) -> Iterator[tuple[int, str]]:
    """Accounts and methods of which nothing can be picked in this currency, or not what was."""
    for account in accounts:
        for method in account.methods if account.plugin.chooses else ():
            choices = cast(Chooses, account.make()).choices(method)
            wanted = choice if method == picked else None
            if not any(
                wanted in (None, one.code) for one in choices if one.currencies is None or currency in one.currencies
            ):
                yield account.id, method


def _used(conn: sa.Connection, biller: Biller, accounts: list[ProviderAccount], asked: Money, now: datetime) -> Used:
    if not biller.routing.caps or not accounts:
        return Used()
    came = routes.received(conn, [account.id for account in accounts], asked.currency, biller.today(now))
    names = {account.id: account.candidate.name for account in accounts}
    return Used(
        {names[account_id]: day for account_id, (day, _) in came.items()},
        {names[account_id]: month for account_id, (_, month) in came.items()},
    )


async def shown(ctx: Context, biller: Biller, invoice: Invoice, agent: str | None) -> Decision:
    """What the page of this invoice shows in this browser."""
    browser, now = browser_of(agent), ctx.clock.now()
    return await ctx.db.read(lambda conn: decide(situation(conn, ctx.directory, biller, invoice, browser, now)))


@dataclass(frozen=True, slots=True)
class Chosen:
    """Who serves a click, and the decision that says why."""

    account: ProviderAccount
    option: Option
    decision: Decision

    @property
    def rested(self) -> bool:
        """It was not known to be well."""
        return self.option.standing.health is not Health.WELL


def choose(
    conn: sa.Connection,
    ctx: Context,
    seen: Situation,
    decision: Decision,
    method: str,
    expires_at: datetime,
    now: datetime,
) -> Chosen:
    """The account that serves a payer who picked `method`, as it was decided; of one that has rested, the probe is taken.

    Where somebody else was faster with the probe, it is decided anew, and that account is down.
    Raises NotFound when the method is not offered for this invoice, Unavailable when it is, and nothing that serves it is well.
    """
    while True:
        option = decision.choose(method)
        if option is None:
            raise not_shown(decision, method)
        account = ctx.directory.provider(option.account_id)
        if account is None:
            raise NotFound(f"{method} is not offered")
        if option.standing.health is not Health.PROBE:
            return Chosen(account, option, decision)
        events.lock(conn, account.row.biller_id)
        if health.take_probe(conn, option.account_id, now, expires_at):
            return Chosen(account, option, decision)
        others = {**seen.standings, option.account_id: replace(option.standing, health=Health.DOWN)}
        seen = replace(seen, standings=others)
        decision = decide(seen)


def not_shown(decision: Decision, method: str) -> NotFound | Unavailable:
    """Why a payer who picked this method cannot have it."""
    route = decision.route(method)
    if route is not None and NOT_WELL.intersection(route.because):
        return Unavailable(f"no account that serves {method} is well")
    return NotFound(f"{method} is not offered")


@dataclass(frozen=True, slots=True)
class Known:
    """An account's standing and what it is judged by."""

    name: str
    standing: Standing
    window: Window
    rest: routes.Rest | None


@dataclass(frozen=True, slots=True)
class Explained:
    """A decision with all that it was made of; `asked` are the methods whose last try nobody has answered yet."""

    invoice: Invoice
    situation: Situation
    decision: Decision
    accounts: list[Known]
    asked: list[str]


async def explain(ctx: Context, biller: Biller, invoice_id: int, browser: Browser) -> Explained:
    """What the page would show now, and why. Raises NotFound."""
    now = ctx.clock.now()

    def body(conn: sa.Connection) -> Explained | None:
        invoice = invoices.get(conn, invoice_id, biller_id=biller.id)
        if invoice is None:
            return None
        seen = situation(conn, ctx.directory, biller, invoice, browser, now)
        rests: Mapping[int, routes.Rest] = routes.rests(conn, [one.id for one in seen.candidates])
        seconds = biller.routing.health.window_s
        known = [
            Known(
                one.name,
                seen.standings.get(one.id, Standing()),
                routes.window(conn, one.id, seconds, now),
                rests.get(one.id),
            )
            for one in seen.candidates
        ]
        tries = payments.of_invoice(conn, invoice_id)
        asked = dict.fromkeys(attempt.method for attempt in tries if attempt.unanswered(now))
        return Explained(invoice, seen, decide(seen), known, list(asked))

    found = await ctx.db.read(body)
    if found is None:
        raise NotFound("there is no such invoice")
    return found

"""Operations about money at providers: what they list is compared with what is known."""

from __future__ import annotations

from datetime import date

from gateway.control.shared import Json, Refused
from gateway.domain.ids import ATTEMPT, show
from gateway.ports.errors import AdapterError
from gateway.services import reconciling
from gateway.services.context import Context
from gateway.services.directory import ProviderAccount
from gateway.services.errors import NotFound
from gateway.services.shapes import instant
from gateway.store import reconciliations
from gateway.store.reconciliations import Compared


async def reconcile_provider(ctx: Context, arguments: Json) -> Json:
    account = provider_account(ctx, arguments["account"])
    try:
        done = await reconciling.reconcile(ctx, account, date.fromisoformat(arguments["day"]), anew=True)
    except AdapterError as error:
        raise Refused(f"{account.row.name} cannot be compared now: {error}") from error
    return _compared_json(account, done)


async def list_reconciled(ctx: Context, arguments: Json) -> list[Json]:
    accounts = {account.id: account for account in _accounts(ctx)}
    if arguments["account"]:
        account = provider_account(ctx, arguments["account"])
        accounts = {account.id: account}
    rows = await ctx.db.read(lambda conn: reconciliations.listing(conn, list(accounts), arguments["limit"]))
    return [_compared_json(accounts[row.account_id], row) for row in rows]


def provider_account(ctx: Context, name: str) -> ProviderAccount:
    """The account of that name, `acme.stripe`. Raises NotFound."""
    account = ctx.directory.provider_called(name)
    if account is None:
        known = ", ".join(sorted(one.row.name for one in _accounts(ctx)))
        raise NotFound(f"there is no provider account {name}" + (f"; there is {known}" if known else ""))
    return account


def _accounts(ctx: Context) -> list[ProviderAccount]:
    return [account for biller in ctx.directory.billers() for account in ctx.directory.providers_of(biller.id)]


def _compared_json(account: ProviderAccount, row: Compared) -> Json:
    return {
        "account": account.row.name,
        "day": row.of_day.isoformat(),
        "listed": row.listed,
        "repaired": row.repaired,
        "strange": row.strange,
        "missing": [show(ATTEMPT, number) for number in row.missing],
        "done_at": row.done_at and instant(row.done_at),
    }

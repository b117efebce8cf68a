"""Who is served and through what: billers and their accounts, held in memory and read again when the configuration changes.

Adapters are made when first used, so that a vendor's SDK is imported only where somebody has an account for it.
"""

from __future__ import annotations

import asyncio
import zoneinfo
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from pathlib import Path
from typing import Any, cast

import orjson
import structlog

from gateway.config.biller import Biller as BillerSettings
from gateway.config.routing import Terms
from gateway.config.shapes import Place, read_section
from gateway.domain import routing
from gateway.domain.reminders import Policy
from gateway.ports.channel import Channel, ChannelPlugin, MayBeOneWay
from gateway.ports.http import HttpClient
from gateway.ports.provider import Provider, ProviderPlugin, Takes
from gateway.ports.values import Secret
from gateway.registry import Registry
from gateway.settings import settings_from, settings_to_json
from gateway.store import billers as store
from gateway.store import signals
from gateway.store.billers import CHANNEL, PROVIDER, AccountRow
from gateway.store.database import Database, StoreUnavailable
from gateway.vault import Vault

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Biller:
    """The tenant, as every service meets it."""

    id: int
    slug: str
    settings: BillerSettings
    zone: zoneinfo.ZoneInfo
    reminders: Policy
    routing: routing.Policy

    @property
    def locale(self) -> str:
        return self.settings.biller.locale

    def today(self, now: datetime) -> date:
        """The date where the biller is."""
        return now.astimezone(self.zone).date()


@dataclass(frozen=True, slots=True)
class ChannelAccount:
    """A biller's account at a channel; `short` is what plans call it."""

    row: AccountRow
    plugin: ChannelPlugin[Any]
    make: Callable[[], Channel]

    @property
    def id(self) -> int:
        return self.row.id

    @property
    def short(self) -> str:
        return self.row.name.partition(".")[2]

    @property
    def link_free(self) -> bool:
        """Whether its messages carry no link, but pay code, site and bank reference."""
        return bool(self.row.options.get("link_free"))

    @property
    def replies(self) -> bool:
        """Whether payers can answer what it sends; what it sends invites an answer only then."""
        return self.plugin.replies and not (self.plugin.one_way and cast(MayBeOneWay, self.make()).one_way)

    @property
    def use_phone(self) -> bool:
        """Whether a payer's phone number serves when the channel's own contact point is not known."""
        return bool(self.row.options.get("use_phone"))

    @property
    def destination(self) -> str:
        return f"channel:{self.row.id}"


@dataclass(frozen=True, slots=True)
class ProviderAccount:
    """A biller's account at a provider; `methods` are those offered, `candidate` is how routing sees it."""

    row: AccountRow
    plugin: ProviderPlugin[Any]
    make: Callable[[], Provider]
    candidate: routing.Candidate

    @property
    def id(self) -> int:
        return self.row.id

    @property
    def methods(self) -> Sequence[str]:
        return self.candidate.methods

    @property
    def poll_s(self) -> tuple[int, ...]:
        return tuple(self.row.options.get("poll_s") or ())

    @property
    def destination(self) -> str:
        return f"provider:{self.row.id}"

    def takes(self, currency: str) -> bool:
        """Whether an invoice in this currency can be paid through it: as the vendor does, and as its settings allow."""
        vendor = self.plugin.currencies
        if vendor is not None and currency not in vendor:
            return False
        return not self.plugin.takes or cast(Takes, self.make()).takes(currency)


Account = ChannelAccount | ProviderAccount


@dataclass(slots=True)
class Directory:
    """Reads are instant and from memory; `refresh` brings it up to date, `watch` does so at every change."""

    registry: Registry
    http: HttpClient
    vault: Vault
    _billers: dict[int, Biller] = field(default_factory=dict)
    _accounts: dict[int, Account] = field(default_factory=dict)
    _named: dict[tuple[str, str], Account] = field(default_factory=dict)
    _adapters: dict[int, tuple[bytes, Any]] = field(default_factory=dict)
    _retired: list[Any] = field(default_factory=list)
    _reading: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def refresh(self, db: Database) -> None:
        """Reads billers and accounts. An account whose adapter is gone is left out, and `achit check` names it.

        One reading at a time, so that an older one never comes after a newer one.
        """
        async with self._reading:
            self._take(*await db.read(lambda conn: (store.all_billers(conn), store.accounts(conn))))

    def _take(self, biller_rows: Sequence[store.BillerRow], account_rows: Sequence[AccountRow]) -> None:
        self._billers = {row.id: self._biller(row) for row in biller_rows}
        accounts = [account for row in account_rows if (account := self._account(row)) is not None]
        self._accounts = {account.id: account for account in accounts}
        self._named = {(account.row.kind, account.row.name): account for account in accounts}
        for account_id, (settings, adapter) in list(self._adapters.items()):
            current = self._accounts.get(account_id)
            if current is None or current.row.settings != settings:
                del self._adapters[account_id]
                self._retired.append(adapter)

    async def watch(self, db: Database) -> None:
        """Refreshes whenever the configuration changes; runs until it is cancelled.

        A change that cannot be read while the database is away is read with the next one.
        """
        with db.signals.listen(signals.CONFIG) as listener:
            while True:
                await listener.wait()
                try:
                    await self.refresh(db)
                except StoreUnavailable as error:
                    log.warning("directory.not_read", reason=str(error))

    def biller(self, biller_id: int) -> Biller:
        return self._billers[biller_id]

    def biller_called(self, slug: str) -> Biller | None:
        return next((biller for biller in self._billers.values() if biller.slug == slug), None)

    def billers(self) -> list[Biller]:
        return list(self._billers.values())

    def channel(self, account_id: int) -> ChannelAccount | None:
        account = self._accounts.get(account_id)
        return account if isinstance(account, ChannelAccount) else None

    def provider(self, account_id: int) -> ProviderAccount | None:
        account = self._accounts.get(account_id)
        return account if isinstance(account, ProviderAccount) else None

    def channel_called(self, name: str) -> ChannelAccount | None:
        """By its whole name, `acme.sms`."""
        account = self._named.get((CHANNEL, name))
        return account if isinstance(account, ChannelAccount) else None

    def provider_called(self, name: str) -> ProviderAccount | None:
        account = self._named.get((PROVIDER, name))
        return account if isinstance(account, ProviderAccount) else None

    def channels(self) -> list[ChannelAccount]:
        """Every channel account, those that are switched on first."""
        found = [account for account in self._accounts.values() if isinstance(account, ChannelAccount)]
        return sorted(found, key=lambda account: not account.row.enabled)

    def channels_of(self, biller_id: int) -> list[ChannelAccount]:
        """The channels that take new messages, as they stand in the biller's file."""
        return [a for a in self._accounts.values() if isinstance(a, ChannelAccount) and self._serves(a, biller_id)]

    def providers_of(self, biller_id: int) -> list[ProviderAccount]:
        """The providers that take new payments, as they stand in the biller's file."""
        found = [a for a in self._accounts.values() if isinstance(a, ProviderAccount) and self._serves(a, biller_id)]
        return sorted(found, key=lambda account: account.row.options.get("place", 0))

    def warm(self) -> None:
        """Makes every adapter that is in use, so that no payer waits for the import of a vendor's SDK.

        One that cannot be made is logged; its own calls will say so again, and `achit check` names it.
        """
        for account in self._accounts.values():
            if account.row.enabled:
                try:
                    account.make()
                except Exception as error:
                    log.error("account.unusable", account=account.row.name, reason=type(error).__name__)

    async def aclose(self) -> None:
        """Lets go of the adapters' connections."""
        adapters = [adapter for _, adapter in self._adapters.values()] + self._retired
        self._adapters, self._retired = {}, []
        closers = [adapter.aclose() for adapter in adapters if hasattr(adapter, "aclose")]
        await asyncio.gather(*closers, return_exceptions=True)

    def _serves(self, account: Account, biller_id: int) -> bool:
        return account.row.biller_id == biller_id and account.row.enabled

    def _biller(self, row: store.BillerRow) -> Biller:
        settings = read_section(BillerSettings, row.config, Place(Path(), {}), f"{row.slug}: ")
        zone, rules = zoneinfo.ZoneInfo(settings.biller.time_zone), settings.reminders.rules(settings.biller.country)
        return Biller(row.id, row.slug, settings, zone, rules, settings.routing.rules())

    def _account(self, row: AccountRow) -> Account | None:
        try:
            if row.kind == CHANNEL:
                plugin = self.registry.channel(row.adapter)
                return ChannelAccount(row, plugin, lambda: self._adapter(row, plugin))
            provider = self.registry.provider(row.adapter)
            return ProviderAccount(row, provider, lambda: self._adapter(row, provider), candidate_of(row, provider))
        except LookupError:
            return None

    def _adapter(self, row: AccountRow, plugin: ChannelPlugin[Any] | ProviderPlugin[Any]) -> Any:
        known = self._adapters.get(row.id)
        if known is not None and known[0] == row.settings:
            return known[1]
        values = orjson.loads(self.vault.open(row.settings, _aad(row.kind, row.name)))
        adapter = plugin.create(settings_from(plugin.settings, values, secret=Secret, where=row.name), self.http)
        self._adapters[row.id] = (row.settings, adapter)
        return adapter


def candidate_of(row: AccountRow, plugin: ProviderPlugin[Any], terms: Terms | None = None) -> routing.Candidate:
    """An account as routing sees it, under its own terms or under others."""
    terms = terms or read_section(Terms, row.options.get("terms", {}), Place(Path(), {}), f"{row.name}: ")
    least, most = terms.limits()
    return routing.Candidate(
        row.id,
        row.name.partition(".")[2],
        tuple(row.options.get("methods") or [method.name for method in plugin.methods]),
        plugin.currencies,
        frozenset(method.name for method in plugin.methods if not (plugin.hosted and method.hosted)),
        terms.fee.fee if terms.fee else None,
        {currency: table.fee for currency, table in terms.fees.items()},
        terms.days_to_cash,
        least,
        most,
        terms.countries,
    )


def seal_settings(vault: Vault, kind: str, name: str, settings: object) -> bytes:
    """An account's settings as they are stored: encrypted, and readable in that account's row alone."""
    return vault.seal(orjson.dumps(settings_to_json(settings)), _aad(kind, name))


def unseal_settings(vault: Vault, row: AccountRow) -> Mapping[str, Any]:
    values: Mapping[str, Any] = orjson.loads(vault.open(row.settings, _aad(row.kind, row.name)))
    return values


def _aad(kind: str, name: str) -> bytes:
    return f"account:{kind}:{name}".encode()

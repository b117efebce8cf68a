"""Billers, their API keys and their accounts. Settings are sealed by the vault before they come here."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from gateway.store import signals
from gateway.store.schema import account, api_key, biller, meta
from gateway.store.statements import new_or_nothing, new_or_update

CHANNEL, PROVIDER = "channel", "provider"


@dataclass(frozen=True, slots=True)
class BillerRow:
    id: int
    slug: str
    config: dict[str, Any]


@dataclass(frozen=True, slots=True)
class AccountRow:
    """One biller's account; `name` is `<biller>.<short name>`, `settings` is sealed with it as associated data."""

    id: int
    biller_id: int
    kind: str
    name: str
    adapter: str
    settings: bytes
    options: dict[str, Any]
    enabled: bool
    updated_at: datetime

    @property
    def inbox(self) -> str:
        """Whose events these are: a channel and a provider may have one name, and each vendor counts for itself."""
        return f"{self.kind}:{self.name}"


@dataclass(frozen=True, slots=True)
class KeyRow:
    id: int
    biller_id: int
    name: str
    hash: bytes
    scopes: list[str]
    created_at: datetime
    last_used_at: datetime | None
    revoked_at: datetime | None


_BILLER = [biller.c[name] for name in BillerRow.__dataclass_fields__]
_ACCOUNT = [account.c[name] for name in AccountRow.__dataclass_fields__]
_KEY = [api_key.c[name] for name in KeyRow.__dataclass_fields__]


_REMEMBER = new_or_nothing(meta, ("key",), meta.c.key)
_UPSERT_BILLER = new_or_update(biller, ("slug",), ("config", "updated_at"), biller.c.id)
_SETTINGS = ("biller_id", "adapter", "settings", "options", "enabled", "updated_at")
_UPSERT_ACCOUNT = new_or_update(account, ("kind", "name"), _SETTINGS, account.c.id)


def remember_once(conn: sa.Connection, key: str, value: str) -> str:
    """The value first written under `key`, which is `value` when there was none."""
    row = {"key": key, "value": value}
    _REMEMBER.rows(conn, **row)
    return str(conn.execute(sa.select(meta.c.value).where(meta.c.key == key)).scalar_one())


def all_billers(conn: sa.Connection) -> list[BillerRow]:
    return [BillerRow(*row) for row in conn.execute(sa.select(*_BILLER).order_by(biller.c.id))]


def by_slug(conn: sa.Connection, slug: str) -> BillerRow | None:
    row = conn.execute(sa.select(*_BILLER).where(biller.c.slug == slug)).first()
    return BillerRow(*row) if row else None


def upsert_biller(conn: sa.Connection, slug: str, config: dict[str, Any], now: datetime) -> int:
    row = {"slug": slug, "config": config, "created_at": now, "updated_at": now}
    signals.emit(conn, signals.CONFIG)
    biller_id: int = _UPSERT_BILLER.value(conn, **row)
    return biller_id


def accounts(conn: sa.Connection, biller_id: int | None = None) -> list[AccountRow]:
    """Accounts of one biller, or of all; switched-off ones too."""
    query = sa.select(*_ACCOUNT).order_by(account.c.id)
    if biller_id is not None:
        query = query.where(account.c.biller_id == biller_id)
    return [AccountRow(*row) for row in conn.execute(query)]


def upsert_account(conn: sa.Connection, row: dict[str, Any]) -> int:
    signals.emit(conn, signals.CONFIG)
    account_id: int = _UPSERT_ACCOUNT.value(conn, **row)
    return account_id


def switch_off_others(conn: sa.Connection, biller_id: int, kept: list[int], now: datetime) -> None:
    """Accounts that are no longer in the biller's file stay, for their open attempts and late webhooks, but take nothing new."""
    query = account.update().where(account.c.biller_id == biller_id, account.c.id.not_in(kept), account.c.enabled)
    conn.execute(query.values(enabled=False, updated_at=now))


def add_key(
    conn: sa.Connection, biller_id: int, name: str, scopes: list[str], fingerprint: bytes, now: datetime
) -> int:
    row = {"biller_id": biller_id, "name": name, "hash": fingerprint, "scopes": scopes, "created_at": now}
    return int(conn.execute(api_key.insert().values(row).returning(api_key.c.id)).scalar_one())


def key(conn: sa.Connection, key_id: int) -> KeyRow | None:
    row = conn.execute(sa.select(*_KEY).where(api_key.c.id == key_id)).first()
    return KeyRow(*row) if row else None


def keys(conn: sa.Connection, biller_id: int) -> list[KeyRow]:
    query = sa.select(*_KEY).where(api_key.c.biller_id == biller_id).order_by(api_key.c.id)
    return [KeyRow(*row) for row in conn.execute(query)]


def revoke_key(conn: sa.Connection, biller_id: int, key_id: int, now: datetime) -> bool:
    query = api_key.update().where(
        api_key.c.id == key_id, api_key.c.biller_id == biller_id, api_key.c.revoked_at.is_(None)
    )
    signals.emit(conn, signals.CONFIG)
    return bool(conn.execute(query.values(revoked_at=now)).rowcount)


def key_used(conn: sa.Connection, key_id: int, now: datetime) -> None:
    conn.execute(api_key.update().where(api_key.c.id == key_id).values(last_used_at=now))

"""A biller's file as one JSON value, so that it can be read where the operator is and applied where the database is.

A packed biller holds its secrets in clear: it goes through memory and the owner's socket alone, never into a file or a log.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import orjson

from gateway.config import Account, Biller, BillerConfig, PushTarget
from gateway.config.accounts import Kind, Plugin, Plugins
from gateway.config.routing import Terms
from gateway.config.shapes import Place, read_section
from gateway.ports.values import Secret
from gateway.settings import settings_from, settings_to_json

Json = dict[str, Any]


def pack_biller(config: BillerConfig) -> Json:
    """All of a biller's file, its secrets looked up."""
    return {
        "biller": orjson.loads(config.biller.model_dump_json(by_alias=True)),
        "channels": [_pack_account(account) for account in config.channels],
        "providers": [_pack_account(account) for account in config.providers],
        "push": [
            {"url": target.url, "events": list(target.events), "secret": target.secret and target.secret.reveal()}
            for target in config.push
        ],
    }


def unpack_biller(packed: Mapping[str, Any], plugins: Plugins) -> BillerConfig:
    """What `pack_biller` packed. Raises ConfigError, or LookupError when an adapter is not installed here."""
    nowhere = Place(Path(), {})
    return BillerConfig(
        read_section(Biller, packed["biller"], nowhere, ""),
        tuple(_unpack_account("channel", plugins.channel(one["adapter"]), one) for one in packed["channels"]),
        tuple(_unpack_account("provider", plugins.provider(one["adapter"]), one) for one in packed["providers"]),
        tuple(
            PushTarget(url=one["url"], events=tuple(one["events"]), secret=one["secret"] and Secret(one["secret"]))
            for one in packed["push"]
        ),
    )


def _pack_account(account: Account) -> Json:
    return {
        "name": account.name,
        "adapter": account.adapter,
        "settings": settings_to_json(account.settings),
        "methods": list(account.methods),
        "poll_s": list(account.poll_s),
        "link_free": account.link_free,
        "use_phone": account.use_phone,
        "terms": account.terms.model_dump(mode="json", by_alias=True),
    }


def _unpack_account(kind: Kind, plugin: Plugin, packed: Mapping[str, Any]) -> Account:
    settings = settings_from(plugin.settings, packed["settings"], secret=Secret, where=packed["name"])
    return Account(
        kind,
        packed["name"],
        packed["adapter"],
        settings,
        methods=tuple(packed["methods"]),
        poll_s=tuple(packed["poll_s"]),
        link_free=packed["link_free"],
        use_phone=packed["use_phone"],
        terms=read_section(Terms, packed["terms"], Place(Path(), {}), ""),
    )

"""The accounts of a biller: each table of `[channels.*]` and `[providers.*]`, checked by what its adapter declares."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any, Literal, Protocol

from pydantic import Field, Strict

from gateway.config.routing import TERMS, Terms
from gateway.config.shapes import AS_TUPLE, Ladder, Place, read_section
from gateway.ports.channel import ChannelPlugin
from gateway.ports.provider import ProviderPlugin
from gateway.settings import ConfigError, Fault, did_you_mean, settings_from

_NAME = re.compile(r"[a-z][a-z0-9_-]{0,30}", re.ASCII)

Kind = Literal["channel", "provider"]
Plugin = ChannelPlugin[Any] | ProviderPlugin[Any]


class Plugins(Protocol):
    """Where adapters are found by name; both raise LookupError, with a message for the operator."""

    def channel(self, name: str) -> ChannelPlugin[Any]: ...

    def provider(self, name: str) -> ProviderPlugin[Any]: ...


@dataclass(frozen=True, slots=True)
class Account:
    """One biller's settings for one adapter, built and checked. `name` is the short one: `sms` of `acme.sms`.

    `methods` and `poll_s` are a provider's: which of its methods are offered and its own polling; empty means as usual. So are
    `terms`: what it costs and takes.
    `link_free` is a channel's: its messages carry no link, but pay code, site and bank reference.
    `use_phone` is a channel's whose contact point is `whatsapp`: the phone number serves when there is none.
    """

    kind: Kind
    name: str
    adapter: str
    settings: object
    methods: tuple[str, ...] = ()
    poll_s: tuple[int, ...] = ()
    link_free: bool = False
    use_phone: bool = False
    terms: Terms = field(default_factory=Terms)


class _Options(Terms):
    """The keys of an account's table that are the core's."""

    methods: Annotated[tuple[str, ...], AS_TUPLE] = ()
    poll_s: Ladder = Field(default=(), alias="poll")
    link_free: Annotated[bool, Strict()] = False
    use_phone: Annotated[bool, Strict()] = False


def _of_core(plugin: Plugin) -> set[str]:
    """The names of those that this plugin's accounts may have."""
    if isinstance(plugin, ProviderPlugin):
        return {"methods", "poll", *TERMS}
    return {"link_free", "use_phone"} if plugin.address == "whatsapp" else {"link_free"}


@dataclass
class AccountReader:
    """Reads the tables of one file; what is wrong gathers in `faults`, and an account with a fault is left out."""

    plugins: Plugins
    place: Place
    file: str
    faults: list[Fault] = field(default_factory=list)

    def channels(self, tables: object) -> tuple[Account, ...]:
        return tuple(self._accounts("channel", tables, self.plugins.channel))

    def providers(self, tables: object) -> tuple[Account, ...]:
        return tuple(self._accounts("provider", tables, self.plugins.provider))

    def _accounts(self, kind: Kind, tables: object, find: Callable[[str], Plugin]) -> Iterator[Account]:
        for name, table in tables.items() if isinstance(tables, dict) else ():
            if not isinstance(table, dict):
                continue  # the shape of the file says so already
            where = f"{self.file}: {kind}s.{name}"
            try:
                yield self._account(kind, name, table, find, where)
            except ConfigError as error:
                self.faults += error.faults

    def _account(
        self, kind: Kind, name: str, table: Mapping[str, Any], find: Callable[[str], Plugin], where: str
    ) -> Account:
        """Raises ConfigError with all that is wrong with this one account."""
        faults: list[Fault] = []
        if not _NAME.fullmatch(name):
            faults.append(Fault(where, "an account's name is lower-case letters, digits, - and _, from a letter on"))
        try:
            plugin = find(_text(table.get("adapter", name)))
        except (LookupError, ValueError) as error:
            raise ConfigError([*faults, Fault(f"{where}.adapter", str(error))]) from None

        of_core = _of_core(plugin)
        own = {key: value for key, value in table.items() if key not in of_core | {"adapter"}}
        core = {key: value for key, value in table.items() if key in of_core}
        options, settings = _Options(), None
        try:
            options = read_section(_Options, core, self.place, f"{where}.")
        except ConfigError as error:
            faults += error.faults
        try:
            settings = settings_from(plugin.settings, own, secret=self.place.secret, where=where)
        except ConfigError as error:
            faults += error.faults
        faults += _method_faults(plugin, core.get("methods"), where)
        if faults:
            raise ConfigError(faults)
        return Account(
            kind,
            name,
            plugin.name,
            settings,
            options.methods,
            options.poll_s,
            link_free=options.link_free,
            use_phone=options.use_phone,
            terms=Terms(**{name: getattr(options, name) for name in TERMS}),
        )


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise ValueError("is the name of an adapter, in quotes")
    return value


def _method_faults(plugin: Plugin, methods: object, where: str) -> Iterator[Fault]:
    known = [method.name for method in plugin.methods] if isinstance(plugin, ProviderPlugin) else []
    for method in methods if isinstance(methods, list) else ():
        if isinstance(method, str) and method not in known:
            yield Fault(f"{where}.methods", f"{plugin.name} has no method {method!r}{did_you_mean(method, known)}")

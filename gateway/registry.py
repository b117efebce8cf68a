"""Finds an adapter by name: a file of `channels` or `providers`, else an entry point of another distribution.

Only what an account names is loaded; nothing is scanned. The core knows adapters through here and in no other way.
"""

from __future__ import annotations

import importlib
import re
from collections.abc import Callable, Collection, Mapping
from importlib import metadata
from importlib.metadata import EntryPoint
from importlib.util import find_spec
from pathlib import Path
from typing import Any, TypeVar, cast

from gateway.ports.channel import ChannelPlugin
from gateway.ports.provider import ProviderPlugin

DISTRIBUTION = "achit"
PACKAGES = ("gateway", "channels", "providers")
_PART = "[a-z][a-z0-9_]{0,31}"
_NAME = re.compile(rf"{_PART}(?:\.{_PART})?")  # with a point: a second face of one adapter's package

P = TypeVar("P", ChannelPlugin[Any], ProviderPlugin[Any])


class AdapterNotFound(LookupError):
    """No adapter of that name, or one that cannot be loaded; the message says which and why."""


class Registry:
    """Adapters by name. `entry_points` is where other distributions declare theirs."""

    def __init__(self, entry_points: Callable[..., Collection[EntryPoint]] = metadata.entry_points) -> None:
        self._entry_points = entry_points

    def channel(self, name: str) -> ChannelPlugin[Any]:
        """The channel `channels/<name>` or the entry point `achit.channels`. Raises AdapterNotFound."""
        return self._load("channel", name, ChannelPlugin)

    def provider(self, name: str) -> ProviderPlugin[Any]:
        """The provider `providers/<name>` or the entry point `achit.providers`. Raises AdapterNotFound."""
        return self._load("provider", name, ProviderPlugin)

    def _load(self, kind: str, name: str, wanted: type[P]) -> P:
        if not _NAME.fullmatch(name):
            raise AdapterNotFound(
                f"the name of a {kind} adapter is lower-case letters, digits and _, from a letter on, or two of these with a point"
            )
        plugin = self._ours(kind, name)
        if plugin is None:
            plugin = self._theirs(kind, name)
        if not isinstance(plugin, wanted):
            raise AdapterNotFound(f"{kind} {name!r}: {kind.upper()} is not a {wanted.__name__}")
        if plugin.name != name:
            raise AdapterNotFound(f"{kind} {name!r} calls itself {plugin.name!r}")
        return plugin

    def _ours(self, kind: str, name: str) -> object | None:
        path = f"{kind}s.{name}"
        try:
            module = importlib.import_module(path)
        except ModuleNotFoundError as error:
            if error.name and f"{path}.".startswith(f"{error.name}."):
                return None
            raise AdapterNotFound(f"{kind} {name!r} needs the module {error.name!r}, which is not there") from error
        except ImportError as error:
            raise AdapterNotFound(f"{kind} {name!r} cannot be loaded: {error}") from error
        try:
            return cast(object, getattr(module, kind.upper()))
        except AttributeError:
            raise AdapterNotFound(f"{kind} {name!r}: {path} ends without {kind.upper()} = ...") from None

    def _theirs(self, kind: str, name: str) -> object:
        group = f"{DISTRIBUTION}.{kind}s"
        found = list(self._entry_points(group=group, name=name))
        if not found:
            raise AdapterNotFound(f"no {kind} adapter {name!r}: neither {kind}s/{name}.py nor an entry point {group}")
        if len(found) > 1:
            owners = ", ".join(sorted(point.dist.name if point.dist else point.value for point in found))
            raise AdapterNotFound(f"{kind} {name!r} is declared more than once: {owners}")
        try:
            return found[0].load()
        except (ImportError, AttributeError) as error:
            raise AdapterNotFound(f"{kind} {name!r} of {found[0].value} cannot be loaded: {error}") from error


def name_faults(owners: Mapping[str, Collection[str]] | None = None) -> list[str]:
    """What is wrong with who owns our top-level names: another distribution may overwrite `channels` without a word.

    `owners` maps import names to distributions, as `importlib.metadata.packages_distributions()` does.
    """
    owners = metadata.packages_distributions() if owners is None else owners
    home = Path(__file__).parent.parent
    faults = []
    for package in PACKAGES:
        others = sorted(set(owners.get(package, ())) - {DISTRIBUTION})
        if others:
            faults.append(f"{package} is also a package of {', '.join(others)}: install {DISTRIBUTION} on its own")
        spec = find_spec(package)
        if spec is None or spec.origin is None or Path(spec.origin).parent != home / package:
            found = spec.origin if spec else None
            faults.append(f"{package} is {found or 'missing'}, not beside gateway: something else shadows it")
    return faults

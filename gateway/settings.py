"""An adapter's settings, read by their declaration: from a mapping (configuration, or the sealed row) and back.

The declaration is the plugin's frozen dataclass. It is never guessed around: a wrong type is a fault and no value of a
setting is ever repeated in a fault, because it may be a secret in the wrong place.
"""

from __future__ import annotations

import dataclasses
import difflib
import types
import typing
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any, TypeVar, cast

from gateway.ports.values import Secret

S = TypeVar("S")


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that is wrong, by its place (`acme.toml: channels.sms.auth_token`). A warning alone stops nothing."""

    where: str
    what: str
    warning: bool = False

    def __str__(self) -> str:
        return f"{self.where}: {self.what}"


class ConfigError(Exception):
    """The configuration has faults; `faults` holds all of them, not only the first."""

    def __init__(self, faults: Iterable[Fault]) -> None:
        self.faults = list(faults)
        super().__init__("\n".join(map(str, self.faults)))


def settings_from(
    declared: type[S], values: Mapping[str, object], *, secret: Callable[..., Secret], where: str = ""
) -> S:
    """Builds `declared` (a plugin's `settings`) from `values`; `secret` turns what is written for a secret into one.

    `Secret` serves for a sealed row; a configuration's own reader looks up `{ env = ... }`. Fields may be str, int,
    float, bool, Secret, an enumeration, a tuple or a mapping (of texts) to one of these, or optional. Raises ConfigError with every fault.
    """
    fields = {field.name: field for field in dataclasses.fields(cast(Any, declared)) if field.init}
    hints = typing.get_type_hints(declared)
    given: dict[str, object] = {}

    faults = [
        Fault(_under(where, name), f"unknown setting{did_you_mean(name, fields)}")
        for name in values
        if name not in fields
    ]
    for name, field in fields.items():
        if name in values:
            try:
                given[name] = _read(hints[name], values[name], secret)
            except ValueError as error:
                faults.append(Fault(_under(where, name), str(error)))
        elif field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING:
            faults.append(Fault(_under(where, name), f"is missing{_told(field)}"))

    if not faults:
        try:
            return declared(**given)
        except ValueError as error:  # the declaration's own __post_init__
            faults.append(Fault(where, str(error)))
    raise ConfigError(faults)


def settings_to_json(settings: object) -> dict[str, object]:
    """What `settings_from(..., secret=Secret)` reads back. It holds secrets in clear: seal it before it goes anywhere.

    A field that equals its default is left out, so that a later version's better default takes effect.
    """
    shown: dict[str, object] = {}
    for field in dataclasses.fields(cast(Any, settings)):
        value = getattr(settings, field.name)
        default = field.default_factory() if field.default_factory is not dataclasses.MISSING else field.default
        if field.init and value != default:
            shown[field.name] = _show(value)
    return shown


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """`; did you mean "colour"?` when something known looks alike, else nothing."""
    close = difflib.get_close_matches(name, known, 1)
    return f'; did you mean "{close[0]}"?' if close else ""


def _under(where: str, name: str) -> str:
    return f"{where}.{name}" if where else name


def _told(field: dataclasses.Field[Any]) -> str:
    doc = field.metadata.get("doc")
    return f" ({doc})" if doc else ""


_PLAIN: dict[type, tuple[tuple[type, ...], str]] = {
    str: ((str,), "a text in quotes"),
    bool: ((bool,), "true or false"),
    int: ((int,), "a whole number"),
    float: ((int, float), "a number"),
}


def _read(hint: Any, value: object, secret: Callable[..., Secret]) -> object:
    """`value` as `hint` wants it. Raises ValueError with a reason that does not repeat the value."""
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if origin in (typing.Union, types.UnionType):
        choices = [argument for argument in arguments if argument is not type(None)]
        if len(choices) != 1:
            raise TypeError(f"a setting is of one type, not {hint}")
        return None if value is None else _read(choices[0], value, secret)
    if origin is tuple:
        if not isinstance(value, list | tuple):
            raise ValueError("must be a list")
        return tuple(_read(arguments[0], item, secret) for item in value)
    if origin is Mapping:
        if not isinstance(value, Mapping):
            raise ValueError("must be a table")
        return {str(name): _read_in(name, arguments[1], item, secret) for name, item in value.items()}
    if origin is typing.Literal:
        return _one_of(arguments, value)
    if hint is Secret:
        return value if isinstance(value, Secret) else secret(value)
    if isinstance(hint, type) and issubclass(hint, Enum):
        return hint(_one_of([member.value for member in hint], value))
    if hint not in _PLAIN:
        raise TypeError(f"a setting cannot be of type {hint}")
    accepted, wanted = _PLAIN[hint]
    if not isinstance(value, accepted) or (isinstance(value, bool) and hint is not bool):
        raise ValueError(f"must be {wanted}")
    return hint(value)


def _read_in(name: object, hint: Any, value: object, secret: Callable[..., Secret]) -> object:
    try:
        return _read(hint, value, secret)
    except ValueError as error:
        raise ValueError(f"{name} {error}") from None


def _one_of(known: Iterable[object], value: object) -> object:
    known = list(known)
    if value not in known or type(value) is not type(known[known.index(value)]):
        raise ValueError(f"must be one of {', '.join(map(str, known))}")
    return value


def _show(value: object) -> object:
    if isinstance(value, Secret):
        return value.reveal()
    if isinstance(value, tuple):
        return [_show(item) for item in value]
    if isinstance(value, Mapping):
        return {name: _show(item) for name, item in value.items()}
    return value.value if isinstance(value, Enum) else value

"""The shapes that every section of a file is made of: durations, secrets by reference, faults that name their place."""

from __future__ import annotations

import os
import re
import tomllib
import typing
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, TypeVar
from urllib.parse import SplitResult, urlsplit

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    PlainSerializer,
    PlainValidator,
    ValidationError,
    ValidationInfo,
)
from pydantic_core import ErrorDetails

from gateway.ports.values import Secret
from gateway.settings import ConfigError, Fault, did_you_mean

_DURATION = re.compile(r"([0-9]{1,9})(s|m|h|d)", re.ASCII)
_SECONDS = {"s": 1, "m": 60, "h": 3_600, "d": 86_400}
_LONGEST_S = 10 * 365 * 86_400


class Section(BaseModel):
    """One table of a file. Unknown keys are faults, values do not change, types are not bent."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, populate_by_name=True)


M = TypeVar("M", bound=Section)


@dataclass(frozen=True, slots=True)
class Place:
    """Where a file was read: what its relative paths start from, and the environment that its secrets name."""

    folder: Path
    environment: Mapping[str, str]

    def secret(self, written: object) -> Secret:
        """The secret behind `{ env = "NAME" }` or `{ file = "path" }`; a file's last line end is not part of it.

        Raises ValueError, which names the variable or the file and never a value.
        """
        match written:
            case {"env": str(name), **rest} if not rest:
                value = self.environment.get(name)
                if not value:
                    raise ValueError(f"the environment variable {name} is not set")
            case {"file": str(name), **rest} if not rest:
                try:
                    value = (self.folder / name).read_text().removesuffix("\n").removesuffix("\r")
                except (OSError, UnicodeError) as error:
                    raise ValueError(f"the file {name} cannot be read: {reason(error)}") from None
                if not value:
                    raise ValueError(f"the file {name} is empty")
            case _:
                raise ValueError('a secret is written as { env = "NAME" } or { file = "path" }')
        return Secret(value)


def place(info: ValidationInfo) -> Place:
    """The place that `read_section` handed to the validators."""
    return typing.cast(Place, info.context)


def seconds(text: object) -> int:
    """Reads `15s`, `10m`, `1h` or `3d`. Raises ValueError on anything else."""
    match = _DURATION.fullmatch(text) if isinstance(text, str) else None
    if match is None:
        raise ValueError('a duration is written as a number and s, m, h or d, such as "15s" or "3d"')
    if (value := int(match[1]) * _SECONDS[match[2]]) > _LONGEST_S:
        raise ValueError("a duration is ten years at most")
    return value


def _at_least_a_second(text: object) -> int:
    if (value := seconds(text)) < 1:
        raise ValueError("a duration is one second at least")
    return value


def _secret(written: object, info: ValidationInfo) -> Secret:
    return written if isinstance(written, Secret) else place(info).secret(written)


def _ladder(written: object) -> object:
    return (written,) if isinstance(written, str) else tuple(written) if isinstance(written, list) else written


_AS_WRITTEN = PlainSerializer(lambda value: f"{value}s", return_type=str)
Duration = Annotated[int, BeforeValidator(_at_least_a_second), _AS_WRITTEN]  # whole seconds, one at least
Wait = Annotated[int, BeforeValidator(seconds), _AS_WRITTEN]  # whole seconds, none too
Ladder = Annotated[tuple[Duration, ...], BeforeValidator(_ladder)]  # of steps the last repeats
AS_TUPLE = BeforeValidator(lambda given: tuple(given) if isinstance(given, list) else given)
SecretReference = Annotated[Secret, PlainValidator(_secret)]


def url_of(text: str, *, schemes: Sequence[str] = ("https", "http")) -> SplitResult:
    """Takes a URL apart. Raises ValueError on another scheme, no host, or a name and password in it."""
    parts = urlsplit(text)
    if parts.scheme not in schemes or not parts.hostname or parts.fragment or not text.isprintable() or " " in text:
        raise ValueError(f"is not a URL that begins with {' or '.join(f'{scheme}://' for scheme in schemes)}")
    if parts.username or parts.password:
        raise ValueError("must not hold a user name or a password")
    _ = parts.port  # raises ValueError when it is not a number
    return parts


def reason(error: Exception) -> str:
    """Why a file could not be read, in words."""
    return (os.strerror(error.errno) if isinstance(error, OSError) and error.errno else str(error)).lower()


def read_toml(path: Path) -> dict[str, Any]:
    """The file as tables. Raises ConfigError when it is missing or is not TOML."""
    try:
        with path.open("rb") as file:
            return tomllib.load(file)
    except (tomllib.TOMLDecodeError, UnicodeError) as error:
        raise ConfigError([Fault(path.name, f"is not TOML: {error}")]) from None
    except OSError as error:
        raise ConfigError([Fault(str(path), f"cannot be read: {reason(error)}")]) from None


def read_section(shape: type[M], values: object, where: Place, prefix: str) -> M:
    """Checks `values` against `shape`. Raises ConfigError with every fault, each by its place after `prefix`."""
    try:
        return shape.model_validate(values, context=where)
    except ValidationError as error:
        found = error.errors(include_url=False, include_input=False)
        raise ConfigError(Fault(prefix + path_of(fault["loc"]), _told(shape, fault)) for fault in found) from None


def path_of(place: Sequence[str | int]) -> str:
    """`delivery.channels[0].wait`."""
    return "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in place).removeprefix(".")


def _told(shape: type[Section], fault: ErrorDetails) -> str:
    match fault["type"]:
        case "extra_forbidden":
            *table, key = fault["loc"]
            return f"unknown key{did_you_mean(str(key), _keys(shape, table))}"
        case "missing":
            return "is missing"
        case "value_error":
            return str(fault["ctx"]["error"])
        case _:
            return fault["msg"].replace("Input should", "should")


def _keys(shape: type[Section], place: Sequence[str | int]) -> list[str]:
    """The keys that the table at `place` of `shape` knows."""
    for part in place:
        if isinstance(part, str):
            annotation = next(
                field.annotation for name, field in shape.model_fields.items() if part in (name, field.alias)
            )
            shape = next(
                inner for inner in _inside(annotation) if isinstance(inner, type) and issubclass(inner, Section)
            )
    return [field.alias or name for name, field in shape.model_fields.items()]


def _inside(annotation: Any) -> list[Any]:
    """A type and the types it is made of."""
    return [annotation, *(inner for argument in typing.get_args(annotation) for inner in _inside(argument))]

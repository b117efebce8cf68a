"""Configuration in tests: an adapter with a setting of every kind, and faults by their place."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from textwrap import dedent
from typing import Any

import pytest

from gateway.ports.channel import ChannelPlugin
from gateway.ports.http import HttpClient
from gateway.ports.provider import Method, ProviderPlugin
from gateway.ports.values import Secret
from gateway.settings import ConfigError

NEVER = "hunter2-hunter2"  # a secret that must not show up anywhere


class Mode(StrEnum):
    LIVE = "live"
    TEST = "test"


@dataclass(frozen=True, slots=True)
class PigeonSettings:
    loft: str = field(metadata={"doc": "where it starts"})
    whistle: Secret
    old_whistles: tuple[Secret, ...] = ()
    speed: float = 1.5
    wings: int = 2
    tired: bool = False
    mode: Mode = Mode.LIVE
    ring: str | None = None

    def __post_init__(self) -> None:
        if self.wings % 2:
            raise ValueError("wings come in pairs")


class Unused:
    """An adapter that no test of the configuration ever makes."""

    def __init__(self, settings: PigeonSettings, http: HttpClient) -> None:
        raise AssertionError("reading a configuration makes no adapter")

    send = parse_webhook = create_payment = fetch_payment = __init__


class Plugins:
    """The adapters `pigeon` (a channel) and `barter` (a provider)."""

    def channel(self, name: str) -> ChannelPlugin[Any]:
        if name != "pigeon":
            raise LookupError(f"no channel adapter {name!r}")
        return ChannelPlugin("pigeon", PigeonSettings, Unused, address="phone")  # type: ignore[arg-type]

    def provider(self, name: str) -> ProviderPlugin[Any]:
        if name != "barter":
            raise LookupError(f"no provider adapter {name!r}")
        return ProviderPlugin("barter", PigeonSettings, Unused, methods=(Method("bank"), Method("card")))  # type: ignore[arg-type]


def write(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(dedent(text))
    return path


def faults_of(error: pytest.ExceptionInfo[ConfigError]) -> dict[str, str]:
    """Place to fault; no two faults are at the same place in these tests."""
    faults = {fault.where: fault.what for fault in error.value.faults}
    assert len(faults) == len(error.value.faults), error.value.faults
    assert NEVER not in str(error.value)
    return faults

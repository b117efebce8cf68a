"""The registry finds what an account names, loads nothing else, and says clearly what is wrong."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from importlib.metadata import EntryPoint
from pathlib import Path
from types import ModuleType

import pytest

import channels
import providers
from gateway.ports.channel import ChannelPlugin
from gateway.ports.provider import ProviderPlugin
from gateway.registry import AdapterNotFound, Registry, name_faults

ROOT = Path(__file__).parents[2]

PIGEON = """
from dataclasses import dataclass
from gateway.ports.channel import ChannelPlugin, Message, SendResult
from gateway.ports.http import HttpClient
from gateway.ports.provider import Method, ProviderPlugin

@dataclass(frozen=True)
class Settings:
    loft: str

class Pigeon:
    def __init__(self, settings, http): ...

CHANNEL = ChannelPlugin("pigeon", Settings, Pigeon, address="phone")
PROVIDER = ProviderPlugin("pigeon", Settings, Pigeon, methods=(Method("bank"),))
"""


Write = Callable[[str, str], None]


def adapters_in(package: ModuleType, folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Write]:
    """Lets a package of adapters also hold files that the test writes, and forgets them afterwards."""
    folder.mkdir()
    monkeypatch.setattr(package, "__path__", [*package.__path__, str(folder)])
    written = []

    def write(name: str, text: str) -> None:
        (folder / f"{name}.py").write_text(text)
        written.append(name)

    yield write
    for name in written:
        sys.modules.pop(f"{package.__name__}.{name}", None)
        vars(package).pop(name, None)


@pytest.fixture
def channel_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Write]:
    yield from adapters_in(channels, tmp_path / "channels", monkeypatch)


@pytest.fixture
def provider_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Write]:
    yield from adapters_in(providers, tmp_path / "providers", monkeypatch)


def elsewhere(*points: EntryPoint) -> Callable[..., list[EntryPoint]]:
    """Entry points as other distributions would have declared them."""
    return lambda group, name: [point for point in points if (point.group, point.name) == (group, name)]


NONE = elsewhere()


def test_an_adapter_is_a_file_of_ours(channel_file: Write, provider_file: Write) -> None:
    channel_file("pigeon", PIGEON)
    provider_file("pigeon", PIGEON)
    registry = Registry(NONE)
    channel, provider = registry.channel("pigeon"), registry.provider("pigeon")
    assert isinstance(channel, ChannelPlugin)
    assert isinstance(provider, ProviderPlugin)
    assert channel.name == provider.name == "pigeon"


def test_or_an_entry_point_of_another_distribution(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "their_pigeon.py").write_text(PIGEON)
    monkeypatch.syspath_prepend(tmp_path)
    points = elsewhere(
        EntryPoint("pigeon", "their_pigeon:CHANNEL", "achit.channels"),
        EntryPoint("pigeon", "their_pigeon:PROVIDER", "achit.providers"),
    )
    assert Registry(points).channel("pigeon").name == "pigeon"
    assert Registry(points).provider("pigeon").name == "pigeon"


def test_ours_comes_before_theirs(channel_file: Write) -> None:
    channel_file("pigeon", PIGEON)
    theirs = elsewhere(EntryPoint("pigeon", "no.such.module:CHANNEL", "achit.channels"))
    assert Registry(theirs).channel("pigeon").name == "pigeon"


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("absent", None, "no channel adapter 'absent': neither channels/absent.py nor an entry point achit.channels"),
        ("silent", "'nothing declared'", "channels.silent ends without CHANNEL = ..."),
        ("liar", "CHANNEL = 7", "CHANNEL is not a ChannelPlugin"),
        ("crow", PIGEON, "channel 'crow' calls itself 'pigeon'"),
        ("hungry", "import no_such_vendor_library", "needs the module 'no_such_vendor_library'"),
        ("torn", "from gateway.ports.values import NoSuchName", "cannot be loaded"),
        ("../secrets", None, "lower-case letters"),
        ("Email", None, "lower-case letters"),
        ("os.path.join", None, "lower-case letters"),
        ("os.path", None, "no channel adapter"),
        ("email.nowhere", None, "no channel adapter"),
        ("", None, "lower-case letters"),
    ],
)
def test_what_cannot_be_loaded_is_named(name: str, text: str | None, said: str, channel_file: Write) -> None:
    if text is not None:
        channel_file(name, text)
    with pytest.raises(AdapterNotFound) as error:
        Registry(NONE).channel(name)
    assert said in str(error.value)


def test_a_provider_is_not_a_channel(provider_file: Write) -> None:
    provider_file("swapped", PIGEON.replace("PROVIDER = ProviderPlugin", "_P = ProviderPlugin") + "PROVIDER = CHANNEL")
    with pytest.raises(AdapterNotFound, match="PROVIDER is not a ProviderPlugin"):
        Registry(NONE).provider("swapped")


def test_an_adapter_declared_twice_is_refused() -> None:
    twice = elsewhere(*[EntryPoint("pigeon", f"{name}:CHANNEL", "achit.channels") for name in ("one", "two")])
    with pytest.raises(AdapterNotFound, match="declared more than once: one:CHANNEL, two:CHANNEL"):
        Registry(twice).channel("pigeon")


def test_a_broken_entry_point_is_named() -> None:
    broken = elsewhere(EntryPoint("pigeon", "no_such_package:CHANNEL", "achit.channels"))
    with pytest.raises(AdapterNotFound, match=r"pigeon.*no_such_package:CHANNEL cannot be loaded"):
        Registry(broken).channel("pigeon")


def test_the_core_loads_no_adapter_by_itself() -> None:
    code = (
        "import sys, gateway.registry, gateway.config; gateway.registry.Registry();"
        "print([name for name in sys.modules if name.split('.')[0] in ('channels', 'providers')])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True, timeout=30
    )
    assert done.stdout.strip() == "[]"


def test_each_name_has_one_owner() -> None:
    assert name_faults() == []
    assert name_faults({"gateway": ["achit"], "channels": ["achit"], "providers": ["achit"]}) == []


def test_a_name_that_another_distribution_owns_too_is_a_fault() -> None:
    [fault] = name_faults({"gateway": ["achit"], "channels": ["achit", "channels"]})
    assert fault == "channels is also a package of channels: install achit on its own"


def test_a_package_that_shadows_ours_is_a_fault(tmp_path: Path) -> None:
    (tmp_path / "channels").mkdir()
    (tmp_path / "channels" / "__init__.py").write_text("")
    code = (
        f"import sys; sys.path[:0] = [{str(tmp_path)!r}, {str(ROOT)!r}];"
        "from gateway.registry import name_faults; print(*name_faults({}), sep='\\n')"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True, timeout=30
    )
    assert done.stdout.strip() == (
        f"channels is {tmp_path / 'channels' / '__init__.py'}, not beside gateway: something else shadows it"
    )

"""The docs say what the code does: the reference is the generator's, links lead somewhere, examples and commands exist."""

from __future__ import annotations

import importlib.util
import re
import tomllib
from pathlib import Path
from types import ModuleType

import pytest
import typer.main

from gateway.api.routes import OPERATIONS
from gateway.cli import application
from gateway.domain.events import MEANINGS, EventType

ROOT = Path(__file__).parents[1]
PAGES = sorted([ROOT / "README.md", ROOT / "CONTRIBUTING.md", ROOT / "SECURITY.md", *(ROOT / "docs").rglob("*.md")])
_LINK = re.compile(r"\]\(([^)#\s]+)(?:#[^)]*)?\)")
_FENCE = re.compile(r"```(\w+)\n(.*?)```", re.DOTALL)


def generator() -> ModuleType:
    spec = importlib.util.spec_from_file_location("docs_generate", ROOT / "docs" / "generate.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize(
    "name", ["settings.md", "events.md", "cli.md", "api.md", "../chat.md", "../providers/README.md"]
)
def test_the_reference_is_what_the_code_says(name: str) -> None:
    expected = generator().PAGES[name]()
    actual = (ROOT / "docs" / "reference" / name).read_text()

    assert actual == expected, "run: python docs/generate.py"


def test_every_event_has_a_meaning() -> None:
    assert set(MEANINGS) == set(EventType)


def test_every_operation_is_in_the_reference() -> None:
    page = (ROOT / "docs" / "reference" / "api.md").read_text()

    assert [one for one in OPERATIONS if f"`{one.method} {one.path}`" not in page] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_links_lead_somewhere(page: Path) -> None:
    targets = [
        target
        for target in _LINK.findall(page.read_text())
        if not target.startswith(("http://", "https://", "mailto:"))
    ]

    assert [target for target in targets if not (page.parent / target).exists()] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_examples_of_configuration_are_toml(page: Path) -> None:
    for language, text in _FENCE.findall(page.read_text()):
        if language == "toml":
            tomllib.loads(text)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_commands_exist(page: Path) -> None:
    root = typer.main.get_command(application())
    for language, text in _FENCE.findall(page.read_text()):
        if language not in ("sh", "ini"):
            continue
        for words in re.findall(r"(?:^|[/\s=])achit ((?:[a-z][a-z-]*\s?)+)", text, re.MULTILINE):
            command = root
            for word in words.split():
                commands = getattr(command, "commands", None)
                if commands is None:
                    break
                assert word in commands, f"achit {words}"
                command = commands[word]


def test_the_readme_begins_with_running_it() -> None:
    text = (ROOT / "README.md").read_text()
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))

    assert set(re.findall(r"^make ([a-z-]+)", text, re.MULTILINE)) <= targets
    assert text.index("make demo") < text.index("## The path")

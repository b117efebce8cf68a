"""The sample files and the page for bad days are true: the files can be applied as they are, every command is one."""

from __future__ import annotations

import re
import shlex
import shutil
from pathlib import Path

import pytest
import typer
from typer.main import get_command

from gateway.cli import application
from gateway.vault import new_key
from tests.gateway.cli.terminal import Terminal
from tests.harness.house import ROOT

EXAMPLES = ROOT / "docs" / "examples"
RECOVER = (ROOT / "docs" / "how-to" / "recover.md").read_text()
_NAMED = re.compile(r'env = "([A-Z_]+)"')
_TYPED = re.compile(r"^achit ([^#\n]+)", re.MULTILINE)


@pytest.fixture
def terminal(tmp_path: Path) -> Terminal:
    """A folder with the sample files, and a shell that exports every secret that they name outside of comments."""
    shutil.copytree(EXAMPLES, tmp_path, dirs_exist_ok=True)
    lines = [line.partition("#")[0] for path in EXAMPLES.rglob("*.toml") for line in path.read_text().splitlines()]
    secrets = {name: f"{name.lower()}-1" for name in _NAMED.findall("\n".join(lines))}
    return Terminal(tmp_path, secrets | {"ACHIT_KEY": new_key().reveal()})


def test_the_samples_are_without_fault_and_can_be_applied(terminal: Terminal) -> None:
    terminal.ok("migrate")
    assert terminal.ok("check").lines[0] == "warning: biller demo: its file is not applied: run achit apply"
    assert terminal.ok("apply").lines[0] == "demo: applied"
    assert terminal.ok("check").lines[0] == "no faults, no warnings"
    sent = terminal.ok("invoice", "send", terminal.invoice(), "--json").json["invoice"]
    assert [delivery["channel"] for delivery in sent["deliveries"]] == ["sms"]
    assert sent["pay_url"].startswith("https://pay.example.ro/p/")


def test_a_secret_that_is_not_exported_is_named(terminal: Terminal) -> None:
    terminal.environment.pop("DEMO_TWILIO_TOKEN")
    assert terminal.refused("apply", code=2) == [
        "achit: demo.toml: channels.sms.auth_token: the environment variable DEMO_TWILIO_TOKEN is not set"
    ]


@pytest.mark.parametrize("typed", sorted(set(_TYPED.findall(RECOVER))))
def test_every_command_of_the_page_can_be_typed(typed: str) -> None:
    """Its path, arguments and options are parsed as the command line would; nothing is run."""
    command, words = get_command(application()), shlex.split(typed.strip())
    context = typer.Context(command)
    while words and words[0] in getattr(command, "commands", {}):
        command = command.commands[words.pop(0)]  # type: ignore[attr-defined]
    context = command.make_context(typed, words, resilient_parsing=False)
    assert context.params


def test_the_page_names_what_there_is_to_recover() -> None:
    commands = {" ".join(typed.split()[:2]) for typed in _TYPED.findall(RECOVER)}
    assert {"tasks --dead", "tasks replay", "push replay", "push log"} <= commands
    assert {typed.split()[0] for typed in commands} >= {"check", "backup", "restore"}

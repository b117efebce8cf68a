"""What the command says of itself; and that it says it at once."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import typer
from typer.main import get_command

import gateway
from gateway.cli import application
from tests.gateway.cli.terminal import Terminal
from tests.harness.house import ROOT

COMMANDS = {
    "demo", "serve", "worker", "bench", "check", "migrate", "apply", "webhooks", "backup", "restore", "tasks", "tasks replay",
    "key create", "key list", "key revoke", "template preview", "dates", "chat", "email receive", "invoice send", "invoice show",
    "push endpoints", "push log", "push replay", "whatsapp templates sync", "reminders plan",
    "reconcile provider", "reconcile list", "provider new", "route explain", "route simulate", "route report",
    "refund list", "refund retry", "refund done",
}  # fmt: skip


def commands(command: object, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], object]]:
    """Every command that does something, by its path."""
    inner = getattr(command, "commands", None)
    if inner is None or getattr(command, "invoke_without_command", False):
        yield path, command
    for name, one in (inner or {}).items():
        yield from commands(one, (*path, name))


def every_command() -> dict[str, object]:
    found = {" ".join(path): command for path, command in commands(get_command(application()))}
    found.pop("", None)
    return found


def test_all_commands_are_there() -> None:
    assert every_command().keys() == COMMANDS


@pytest.mark.parametrize("name", sorted(COMMANDS))
def test_each_says_what_it_does_and_what_its_options_mean(name: str, tmp_path: Path) -> None:
    command = every_command()[name]
    assert getattr(command, "help", None)
    assert [param.name for param in command.params if not getattr(param, "help", "")] == []  # type: ignore[attr-defined]
    shown = Terminal(tmp_path).ok(*name.split(), "--help").out
    assert "Usage:" in shown


def test_python_m_gateway_is_achit(tmp_path: Path) -> None:
    terminal = Terminal(tmp_path)
    for arguments, part in ((["--help"], "Look after"), (["--version"], gateway.__version__)):
        process = terminal.start(*arguments)
        out, err = process.communicate(timeout=40)
        assert (process.returncode, err) == (0, "")
        assert part in out
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(("typed", "ended"), [("--help", 0), ("serve --help", 0), ("tasks --limit many", 2)])
def test_help_loads_nothing_heavy(typed: str, ended: int) -> None:
    code = f"""
import sys
from gateway.cli import application
try:
    application()({typed.split()})
except SystemExit as end:
    assert end.code == {ended}, end.code
heavy = {{"aiohttp", "sqlalchemy", "alembic", "orjson", "twilio", "telegram", "jinja2", "cryptography", "gateway.app"}}
assert not heavy & sys.modules.keys(), heavy & sys.modules.keys()
"""
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_a_fault_of_ours_is_not_hidden(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Only what an operator can do something about becomes a sentence; a trace shows no local variable."""
    monkeypatch.setattr("gateway.cli.configured.find_config", lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        Terminal(tmp_path).run("tasks")
    app = application()
    assert isinstance(app, typer.Typer)
    assert not app.pretty_exceptions_enable


class TestBench:
    def test_without_a_checkout_it_says_so(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(gateway, "__file__", str(tmp_path / "gateway" / "__init__.py"))
        [line] = Terminal(tmp_path).refused("bench", code=2)
        assert "clone the repository" in line

    def test_in_a_checkout_it_hands_on_options_and_exit_code(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
    ) -> None:
        (tmp_path / "benchmarks").mkdir()
        (
            tmp_path / "benchmarks" / "__init__.py"
        ).touch()  # else it yields to a package of this name further on the path
        (tmp_path / "benchmarks" / "__main__.py").write_text("import sys; print(sys.argv[1:]); sys.exit(3)\n")
        monkeypatch.setattr(gateway, "__file__", str(tmp_path / "gateway" / "__init__.py"))
        assert Terminal(tmp_path).run("bench", "--json", "intake").code == 3
        assert capfd.readouterr().out == "['--json', 'intake']\n"

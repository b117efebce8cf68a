"""A person at a terminal: a folder with a configuration, commands run in it, and servers started from it."""

from __future__ import annotations

import contextlib
import json
import logging
import os
import signal
import subprocess
import sys
import textwrap
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import structlog
from typer.testing import CliRunner

from gateway.cli import application
from gateway.vault import new_key
from tests.harness.house import ROOT

ACME = """
    [biller]
    slug = "acme"
    legal_name = "Acme Energie SRL"
    display_name = "Acme"
    [delivery]
    channels = [{ channel = "sms" }]
    [channels.sms]
    account_sid = "AC00000000000000000000000000000000"
    auth_token = { env = "ACME_SMS_TOKEN" }
    from_number = "+40312345678"
    api_url = "http://127.0.0.1:9"
    [providers.bank]
    adapter = "sandbox"
    api_url = "http://127.0.0.1:9"
    api_key = { env = "ACME_BANK_KEY" }
    webhook_secret = { env = "ACME_BANK_SECRET" }
"""
ENVIRONMENT = {"ACME_SMS_TOKEN": "sms-token", "ACME_BANK_KEY": "bank-key", "ACME_BANK_SECRET": "bank-secret"}
INVOICE: dict[str, Any] = {
    "number": "A-1",
    "amount": {"value": "123.45", "currency": "RON"},
    "issued_on": "2026-11-23",
    "due_on": "2026-12-08",
    "payer": {"reference": "C-1042", "name": "Ana Pop", "phone": "0722 123 456"},
}


@dataclass(frozen=True, slots=True)
class Done:
    """How a command ended."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)

    @property
    def lines(self) -> list[str]:
        return self.out.splitlines()


@dataclass
class Terminal:
    """`folder` holds `achit.toml` and `billers/acme.toml`; `environment` is what its shell exports."""

    folder: Path
    environment: dict[str, str] = field(default_factory=dict)

    @classmethod
    def at(cls, folder: Path, database_url: str) -> Terminal:
        """A fresh folder whose configuration names this database and free ports."""
        terminal = cls(folder, {**ENVIRONMENT, "ACHIT_KEY": new_key().reveal()})
        terminal.write(
            "achit.toml",
            f"""
            [server]
            listen = "127.0.0.1:0"
            public_url = "http://127.0.0.1:8080"
            operations_listen = "127.0.0.1:0"
            [database]
            url = "{database_url}"
            [secrets]
            keys = [{{ id = "k1", env = "ACHIT_KEY" }}]
            [push]
            allow_networks = ["127.0.0.0/8"]
            """,
        )
        terminal.write("billers/acme.toml", ACME)
        return terminal

    def write(self, name: str, text: str) -> Path:
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(textwrap.dedent(text))
        return path

    def invoice(self, **changes: Any) -> Path:
        """A file with an invoice as the API takes it."""
        return self.write("invoice.json", json.dumps(INVOICE | changes))

    def run(self, *arguments: str | Path, typed: str | bytes | None = None) -> Done:
        """Runs a command in this process, as if typed in the folder."""
        with _undone(), contextlib.chdir(self.folder):
            result = CliRunner().invoke(
                application(), [str(one) for one in arguments], input=typed, env=self.environment
            )
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            raise result.exception
        return Done(result.exit_code, result.stdout, result.stderr)

    def ok(self, *arguments: str | Path, typed: str | bytes | None = None) -> Done:
        """The same for a command that must go well."""
        done = self.run(*arguments, typed=typed)
        assert done.code == 0, done
        return done

    def refused(self, *arguments: str | Path, code: int = 1, typed: str | bytes | None = None) -> list[str]:
        """The same for one that must be refused; gives what it said."""
        done = self.run(*arguments, typed=typed)
        assert (done.code, done.out) == (code, ""), done
        assert "Traceback" not in done.err
        return done.err.splitlines()

    @property
    def shell(self) -> dict[str, str]:
        """The environment of a process of its own."""
        plain = {name: value for name, value in os.environ.items() if not name.startswith(("ACHIT_", "PYTHON"))}
        return plain | self.environment | {"PYTHONPATH": str(ROOT)}

    def start(self, *arguments: str, strict: bool = True) -> subprocess.Popen[str]:
        """Starts a command in a process of its own; `strict`: a warning there is an error too."""
        warnings = ["-W", "error"] if strict else []
        return subprocess.Popen(
            [sys.executable, *warnings, "-m", "gateway", *arguments],
            cwd=self.folder,
            env=self.shell,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    @contextlib.contextmanager
    def serving(self, *arguments: str) -> Iterator[Server]:
        """A server that is up, in a process of its own; ended at the end if it still runs."""
        process = self.start(*(arguments or ("serve",)))
        try:
            yield Server.up(process)
        finally:
            if process.poll() is None:
                process.kill()
            process.communicate()


@dataclass
class Server:
    """A running `achit serve`. `said` are its log lines so far."""

    process: subprocess.Popen[str]
    url: str
    said: list[dict[str, Any]]

    @classmethod
    def up(cls, process: subprocess.Popen[str]) -> Server:
        """Waits until it says that it serves."""
        server = cls(process, "", [])
        server.url = server.until("serving")["url"] or ""
        return server

    def until(self, event: str) -> dict[str, Any]:
        """Reads its log up to this event."""
        assert self.process.stderr is not None
        for line in self.process.stderr:
            self.said.append(_read(line))
            if self.said[-1]["event"] == event:
                return self.said[-1]
        raise AssertionError(f"it ended before {event}: {self.said}")

    def tell(self, number: signal.Signals) -> None:
        self.process.send_signal(number)

    def ended(self) -> tuple[int, Sequence[dict[str, Any]]]:
        """Waits for its end; gives the exit code and every log line."""
        _, rest = self.process.communicate(timeout=40)
        self.said += [_read(line) for line in rest.splitlines()]
        return self.process.returncode, self.said


def _read(line: str) -> dict[str, Any]:
    """A log line; anything else that a server writes is a fault, and is shown by the test that finds it."""
    try:
        read: dict[str, Any] = json.loads(line)
    except json.JSONDecodeError:
        return {"level": "error", "event": line.rstrip()}
    return read


@contextlib.contextmanager
def _undone() -> Iterator[None]:
    """What a command does to the logging of its process is taken back."""
    ours, root = structlog.get_config(), logging.getLogger()
    handlers, level = list(root.handlers), root.level
    try:
        yield
    finally:
        structlog.configure(**ours)
        root.handlers[:] = handlers
        root.setLevel(level)
        logging.captureWarnings(False)

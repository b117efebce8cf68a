"""`achit reminders plan`: on a terminal and as JSON, alone and beside a running server's socket."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from gateway import control
from gateway.app import open_context
from gateway.config import load_config
from tests.gateway.cli.terminal import ACME, Terminal

TABLE = """
    [reminders]
    steps = [{ at = "0", channels = ["sms"], hour = 12 }, { at = "+4d", tone = "firm", channels = ["sms"] }]
    quiet = ""
    working_days = false
    holidays = false
    cost = { sms = "0.35" }
"""


@pytest.fixture
def due() -> str:
    """A due date far enough, whatever the machine's clock says."""
    return (datetime.now(UTC) + timedelta(days=3)).astimezone(ZoneInfo("Europe/Bucharest")).date().isoformat()


@pytest.fixture
def ready(terminal: Terminal, due: str) -> Terminal:
    terminal.write("billers/acme.toml", ACME + TABLE)
    terminal.ok("apply")
    terminal.ok("invoice", "send", terminal.invoice(due_on=due, issued_on="2026-01-01"))
    return terminal


def test_it_shows_what_comes_to_whom_when_and_for_how_much(ready: Terminal, due: str) -> None:
    shown = ready.ok("reminders", "plan", "--days", "5").out
    for part in (f"{due} 12:00", "Ana Pop (C-1042)", "A-1", "friendly", "sms +40722123456", "0.35 RON"):
        assert part in shown
    assert shown.splitlines()[-1] == "1 message, 0.35 RON"
    assert ready.ok("reminders", "plan", "--days", "9").out.splitlines()[-1] == "2 messages, 0.70 RON"
    assert ready.ok("reminders", "plan", "--days", "1").err == "nobody is reminded of anything in 1 day\n"


def test_as_json(ready: Terminal, due: str) -> None:
    found = ready.ok("reminders", "plan", "--biller", "acme", "--days", "9", "--json").json
    first, second = found["items"]
    assert first["payer"]["reference"] == "C-1042"
    assert (first["invoices"], first["steps"], first["status"], first["reason"]) == (["A-1"], ["0"], "send", None)
    assert (first["channel"], first["cost"]) == ("sms", {"value": "0.35", "currency": "RON"})
    assert (second["steps"], second["tone"]) == (["+4d"], "firm")
    assert (found["cost"], found["more_payers"]) == ({"value": "0.70", "currency": "RON"}, 0)


def test_an_unknown_biller_is_refused(ready: Terminal) -> None:
    assert ready.refused("reminders", "plan", "--biller", "nobody") == [
        "achit: there is no biller nobody; there is acme"
    ]


def test_a_running_server_answers_the_same(ready: Terminal) -> None:
    alone = ready.ok("reminders", "plan", "--days", "9", "--json").json
    config = load_config(ready.folder / "achit.toml", environment=ready.environment)
    path = control.socket_beside(config.database.url.reveal())
    assert path is not None

    async def beside() -> Any:
        async with open_context(config) as ctx, control.listening(ctx, path):
            return await control.ask(path, "reminders.plan", {"biller": None, "days": 9, "limit": 10})

    assert asyncio.run(beside()) == alone

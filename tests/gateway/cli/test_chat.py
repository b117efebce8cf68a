"""`achit chat`: phrases are tried on what is owed; nothing stays of it, nothing is sent, unless it is live."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.gateway.cli.terminal import Terminal

CHAT = ("chat", "--payer", "C-1042")


@pytest.fixture
def owing(terminal: Terminal) -> Terminal:
    """Acme has billed C-1042."""
    terminal.ok("migrate")
    terminal.ok("apply")
    terminal.ok("invoice", "send", str(terminal.invoice()))
    return terminal


def told(owing: Terminal, typed: str, *options: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in owing.ok(*CHAT, "--json", *options, typed=typed).lines]


def test_it_reads_lines_and_prints_json(owing: Terminal) -> None:
    listed, asked, when = told(owing, "ce am de plată?\n\namintește-mi\nvineri la 9\n")

    assert (listed["text"], listed["channel"], listed["intent"]) == ("ce am de plată?", "sms", "list")
    assert "A-1" in listed["answer"]
    assert asked["facts"] == [], "it is asked when"
    assert [fact["type"] for fact in when["facts"]] == ["reminder.planned"], "a dry run remembers the line before"
    shown = owing.ok("invoice", "show", "A-1", "--json").json
    assert "reminder.planned" not in [event["type"] for event in shown["events"]]


def test_live_is_real_and_said_in_words(owing: Terminal) -> None:
    lines = owing.ok(*CHAT, "--live", typed="plătesc mâine\n").lines

    assert lines[:2] == ["sms < plătesc mâine", "  intent  promise"]
    assert any(line.startswith("  event   promise.made:") for line in lines)
    assert any(line.startswith("  answer  ") for line in lines)
    shown = owing.ok("invoice", "show", "A-1", "--json").json
    assert "promise.made" in [event["type"] for event in shown["events"]]


def test_what_there_is_not_is_refused(owing: Terminal) -> None:
    assert owing.refused(*CHAT, "--channel", "fax", typed="x\n") == [
        "achit: channel: there is no channel fax; there are: sms"
    ]
    assert owing.ok(*CHAT, typed="\n \n").lines == []

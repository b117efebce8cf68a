"""`achit dates`: phrases tried in the terminal, without any configuration."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from gateway.cli import application
from tests.gateway.cli.terminal import Terminal

AT = ("--at", "2026-11-23T10:00")


@pytest.fixture
def bare(tmp_path: Path) -> Terminal:
    return Terminal(tmp_path)


def test_an_instant_a_question_and_no_date_as_json(bare: Terminal) -> None:
    wanted = {
        "vineri la 9": {"at": "2026-11-27T09:00:00+02:00", "question": None},
        "pe 31": {"at": None, "question": "31 noiembrie nu există; vrei luni, 30 noiembrie sau joi, 31 decembrie?"},
        "nu acum": {"at": None, "question": None},
    }
    for phrase, answer in wanted.items():
        assert (
            json.loads(bare.ok("dates", phrase, *AT, "--zone", "Europe/Bucharest", "--locale", "ro", "--json").out)
            == answer
        )


def test_the_same_for_people(bare: Terminal) -> None:
    assert bare.ok("dates", "vineri la 9", *AT).lines == ["vineri, 27 noiembrie, ora 9:00"]
    assert bare.ok("dates", "on friday", *AT, "--locale", "en").lines == ["Friday, 27 November"]
    assert bare.ok("dates", "luna asta", *AT).lines == ["În ce zi anume?"]
    assert bare.ok("dates", "nu acum", *AT).lines == ["no date"]


def test_many_phrases_a_line_each() -> None:
    done = CliRunner().invoke(application(), ["dates", "--stdin", *AT], input="vineri\n\nluna asta\n")
    assert done.exit_code == 0
    assert [json.loads(line)["at"] for line in done.output.splitlines()] == ["2026-11-27T09:00:00+02:00", None, None]


def test_what_the_biller_sets(bare: Terminal) -> None:
    assert bare.ok("dates", "dupa salariu", *AT, "--pay-day", "10").lines == ["joi, 10 decembrie"]
    for country, day in (("RO", "duminică, 2 mai 2027"), ("de", "duminică, 28 martie 2027")):
        assert bare.ok("dates", "de Paste", *AT, "--country", country).lines == [day]


def test_seen_from_another_zone_and_from_now(bare: Terminal) -> None:
    told = bare.ok(
        "dates", "in 2 hours", "--at", "2026-11-23T10:00:00Z", "--zone", "America/New_York", "--locale", "en", "--json"
    ).out
    assert json.loads(told)["at"] == "2026-11-23T07:00:00-05:00"
    assert json.loads(bare.ok("dates", "maine", "--json").out)["at"] is not None


@pytest.mark.parametrize("wrong", [(), ("x", "--stdin"), ("x", "--at", "vineri"), ("x", "--zone", "Mars/Olympus")])
def test_wrong_options_are_named(bare: Terminal, wrong: tuple[str, ...]) -> None:
    [line] = bare.refused("dates", *wrong, code=2)
    assert line.startswith("achit: ")

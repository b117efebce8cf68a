"""`achit reconcile`: which day of which account, what was found, and what cannot be compared."""

from __future__ import annotations

from tests.gateway.cli.terminal import Terminal


def test_what_cannot_be_compared_is_said(terminal: Terminal) -> None:
    terminal.ok("apply")
    assert terminal.refused("reconcile", "provider", "acme.nobody", "--day", "2026-01-01") == [
        "achit: there is no provider account acme.nobody; there is acme.bank"
    ]
    [line] = terminal.refused("reconcile", "provider", "acme.bank", "--day", "9999-01-01")
    assert line == "achit: 9999-01-01 is not over where the biller is"


def test_a_day_that_is_no_day_is_wrong_use(terminal: Terminal) -> None:
    run = terminal.run("reconcile", "provider", "acme.bank", "--day", "yesterday")
    assert (run.code, run.err) == (2, "achit: --day: yesterday is not a date such as 2026-11-25\n")


def test_before_the_first_day_the_list_is_empty(terminal: Terminal) -> None:
    terminal.ok("apply")
    assert terminal.run("reconcile", "list").err == "no day has been compared yet\n"
    assert terminal.ok("reconcile", "list", "--json").json == []

"""`achit route` at a terminal: explained, simulated, reported, and what is wrong said by name."""

from __future__ import annotations

import pytest

from tests.gateway.cli.terminal import ACME, Terminal

FEES = '    fee = { fixed = "0.50" }\n    days_to_cash = 1\n'
POLICY = """
[routing]
hide = { methods = ["card"] }
[providers.bank]
fee = { percent = "1.9" }
api_key = { env = "NOT_READ_HERE" }
"""


@pytest.fixture
def ready(terminal: Terminal) -> Terminal:
    """With a biller whose account costs something, and an invoice."""
    terminal.write("billers/acme.toml", ACME + FEES)
    terminal.ok("apply")
    terminal.ok("invoice", "send", terminal.invoice())
    return terminal


def test_an_invoice_is_explained(ready: Terminal) -> None:
    told = ready.ok("route", "explain", "--invoice", "A-1").out
    for part in ("A-1  123.45 RON  in a browser of its own", "0.50 RON", "0.52469", "bank is shown: it stands before"):
        assert part in told
    inside = ready.ok("route", "explain", "--invoice", "A-1", "--browser", "Mozilla/5.0 Instagram 358.0", "--json").json
    assert [(one["method"], one["shown"]) for one in inside["methods"]] == [
        ("bank", True),
        ("card", True),
        ("wallet", False),
    ]
    assert "there is no invoice A-2" in ready.refused("route", "explain", "--invoice", "A-2", code=1)[0]


def test_a_policy_is_simulated_and_a_report_made(ready: Terminal) -> None:
    ready.write("policy.toml", POLICY)
    span = ("--from", "2026-11-01", "--to", "2030-11-30")
    told = ready.ok("route", "simulate", str(ready.folder / "policy.toml"), *span, "--json").json
    assert (told["payments"], told["totals"]) == (0, [])
    assert "no payment was begun" in ready.ok("route", "simulate", str(ready.folder / "policy.toml"), *span).err
    assert ready.ok("route", "report", *span, "--json").json["totals"] == []
    assert "nothing was paid" in ready.ok("route", "report", *span).err


def test_every_fault_of_a_policy_is_named(ready: Terminal) -> None:
    ready.write(
        "policy.toml",
        '[routing]\ncost_of_dya = "1"\n[providers.bank]\ndays_to_cash = -1\n[providers.bnak]\nfee = {}\n',
    )
    said = ready.refused("route", "simulate", str(ready.folder / "policy.toml"), "--from", "2026-11-01", code=1)
    assert [line for line in said if "policy.toml" in line] == said[1:]
    assert len(said) == 4
    assert 'routing.cost_of_dya: unknown key; did you mean "cost_of_day"?' in "\n".join(said)
    assert "a day is written as" in ready.refused("route", "report", "--from", "yesterday", code=1)[0]
